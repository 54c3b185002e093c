/* What state.c (the file) and state_rows.c (its rows) share. Not for others.
 *
 * Ownership: state.c makes and frees. Threads: DB by who took it. Errors: as state.h. Cost: none of its own.
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
    pthread_mutex_t lock;             /* of TAKEN alone: who has all that is protected by cache_state_take */
    pthread_cond_t left;
    bool taken;
    struct cache_db *db;           /* protected by cache_state_take */
    uint32_t own_writes;           /* protected by cache_state_take: data_version does not see this connection's */
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

/* One at a time has the file. False: others had it until DEADLINE_NS (monotonic; 0 does not wait at all, INT64_MAX for
 * as long as it takes). */
bool cache_state_take(struct cache_state *s, int64_t deadline_ns);
void cache_state_leave(struct cache_state *s);

/* Taken, or being opened: between these two, at most one process waits for the file. Who does not get its turn as long as a
 * statement waits goes on without; what it waited is taken off its statements' wait. */
void cache_state_turn_begin(struct cache_state *s);
void cache_state_turn_end(struct cache_state *s);

void cache_state_forget_seen(struct cache_state *s);

/* -EIO when a row is not what was written. Reads every row. */
errint cache_state_check_rows(struct cache_state *s);

#endif
