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

/* A request that a process waits for. */
struct model_waiting {
    char path[512], name[256]; /* of what; the last part of a name that is looked up, else "" */
    char program[32];          /* "" unknown */
    const char *operation;     /* "read", static */
    long pid;
    int64_t since_ns; /* monotonic */
};
/* At most MAX of them, the longest waiting first. Called by whoever renders status. */
typedef size_t (*model_waiting_list)(void *arg, struct model_waiting *ret, size_t max);
/* Set by what serves requests, before it serves; NULL: nothing is served here. */
void model_status_set_waiting(struct model *m, model_waiting_list list, void *arg);

enum model_health {
    MODEL_OK = 0,
    MODEL_DEGRADED = 1,
    MODEL_UNCONNECTED = 3
}; /* the exit status of `ctfs status` too */

errint model_status_text(struct model *m, struct buf *ret, enum model_health *ret_health);
errint model_status_json(struct model *m, struct buf *ret);
/* Of the states alone (health, connections, failing topics, notices): counters and ages do not change it. */
errint model_status_digest(struct model *m, struct hash128 *ret);

/* What the objects' folder holds, and may hold: 0 and 0 without a cache. */
void model_status_space(struct model *m, uint64_t *ret_used_bytes, uint64_t *ret_limit_bytes);

/* Said in status until replaced: a contradicted size, a corrupt part, a refused header; KEY names what it is about. */
void model_status_note(struct model *m, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same of what is over, and leaves what is mounted as it is: a refused command. No matter of health. */
void model_status_tell(struct model *m, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What was said under a KEY that begins with PREFIX is over. */
void model_status_forget(struct model *m, const char *prefix);

#endif
