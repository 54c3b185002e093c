/* What state.c (the file) and state_rows.c (its rows) share. Not for others.
 *
 * Ownership: state.c makes and frees. Threads: DB under LOCK. Errors: as state.h. Cost: none of its own.
 */
#ifndef CTFS_CACHE_STATE_PRIVATE_H
#define CTFS_CACHE_STATE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/db.h"
#include "cache/state.h"

struct cache_state {
    int dirfd;
    char *dir;
    const struct cache_db_spec *spec; /* cache_state_spec, or a test's next version of it */
    pthread_mutex_t lock;
    struct cache_db *db;           /* protected by lock */
    uint32_t own_writes;           /* protected by lock: data_version does not see this connection's */
    _Atomic int64_t last_version;  /* what cache_state_version gave last */
    pthread_mutex_t seen_lock;     /* a leaf */
    struct cache_connection *seen; /* protected by seen_lock, as is seen_count: the rows as they were read last */
    size_t seen_count;
};

#define CACHE_STATE_STATEMENTS 7
extern const char *const cache_state_statements[CACHE_STATE_STATEMENTS];

extern const struct cache_db_spec cache_state_spec;

/* cache_state_open, by another SPEC with the same statements. */
errint cache_state_open_as(const char *dir, const struct cache_db_spec *spec, struct cache_state **ret);

void cache_state_forget_seen(struct cache_state *s);

/* -EIO when a row is not what was written. Reads every row. */
errint cache_state_check_rows(struct cache_state *s);

#endif
