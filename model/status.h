/* status and status.json: first line ok, degraded or unconnected; then connections, ages, transfers, requests and who
 * pays.
 *
 * Ownership: buffers are the caller's.
 * Threads:   any; never waits.
 * Errors:    -ENOMEM.
 * Cost:      a few indexed reads.
 */
#ifndef CTFS_MODEL_STATUS_H
#define CTFS_MODEL_STATUS_H

#include "base/buf.h"
#include "base/hash.h"
#include "model/model.h"

enum model_health {
    MODEL_OK = 0,
    MODEL_DEGRADED = 1,
    MODEL_UNCONNECTED = 3
}; /* the exit status of `ctfs status` too */

errint model_status_text(struct model *m, struct buf *ret, enum model_health *ret_health);
errint model_status_json(struct model *m, struct buf *ret);
/* Of the states alone (health, connections, failing topics, notices): counters and ages do not change it. */
errint model_status_digest(struct model *m, struct hash128 *ret);

/* Said in status until replaced: a contradicted size, a corrupt part, a refused header; KEY names what it is about. */
void model_status_note(struct model *m, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What was said under a KEY that begins with PREFIX is over. */
void model_status_forget(struct model *m, const char *prefix);

#endif
