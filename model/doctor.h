/* What onboarding verified, verified again on a connection as it stands.
 *
 * Ownership: appends to the caller's buffer. Threads: job threads; blocks. Errors: the first thing that is wrong: as
 * model/command.h; -EACCES also when a permission is refused. Cost: about 25 requests; GetMetricData is billed.
 */
#ifndef CTFS_MODEL_DOCTOR_H
#define CTFS_MODEL_DOCTOR_H

#include "base/buf.h"
#include "base/cancel.h"
#include "model/model.h"

/* NAME NULL: the settings' connection, or the only one. Stores nothing. */
errint model_doctor_run(struct model *m, const char *name, struct cancel *cancel,
                        void (*progress)(void *arg, const char *line), void *arg, struct buf *answer);

#endif
