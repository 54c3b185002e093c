/* Connections out of one state.db and into another: role ARNs and external IDs that exist.
 *
 * Ownership: appends to the caller's buffer. Threads: job threads; import may block. Errors: -EINVAL not such a list;
 * -EEXIST a connection has another external ID already; for a role the errors of its verification.
 * Cost: a put a connection, and what verifying its role takes.
 */
#ifndef CTFS_MODEL_TRANSFER_H
#define CTFS_MODEL_TRANSFER_H

#include "base/buf.h"
#include "base/cancel.h"
#include "model/model.h"

/* One JSON array; external IDs stand in it. */
errint model_transfer_export(struct model *m, struct buf *ret);
/* Reads what export wrote: each connection is kept as pending, then its role is verified as at onboarding. */
errint model_transfer_import(struct model *m, const char *text, size_t len, struct cancel *cancel,
                             void (*progress)(void *arg, const char *line), void *arg, struct buf *answer);
/* handle, name, state, s3 URI, role: a line a connection, tab-separated under a header. */
errint model_transfer_list(struct model *m, struct buf *ret);

#endif
