/* What was last read of cache.db by one key, kept in memory: looking at a folder asks for the same few rows again for each
 * of its files, and a query costs twenty times as much as the answer.
 *
 * A value is a row's answer as bytes, or that there is no such row. Whoever writes a row drops its value behind the write;
 * a reader that began before that keeps nothing (its stamp is old), so what is kept is never older than the last write.
 *
 * Ownership: embedded in the store; values are copied in and out.
 * Threads:   any; its lock is a leaf.
 * Errors:    none: without memory nothing is kept.
 * Cost:      a hash of the name; CACHE_MEMO_BYTES at most, all dropped when they are full.
 */
#ifndef CTFS_CACHE_STORE_MEMO_H
#define CTFS_CACHE_STORE_MEMO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define CACHE_MEMO_BYTES ((size_t)8 << 20)
#define CACHE_MEMO_BUCKETS 4096

enum cache_memo_kind { CACHE_MEMO_LISTING, CACHE_MEMO_FACT, CACHE_MEMO_MARK };
enum cache_memo_answer { CACHE_MEMO_UNKNOWN, CACHE_MEMO_ABSENT, CACHE_MEMO_KNOWN };

struct cache_memo_entry;

struct cache_memo {
    pthread_mutex_t lock;
    struct cache_memo_entry *buckets[CACHE_MEMO_BUCKETS]; /* protected by lock, as all below */
    size_t bytes;
    uint64_t stamp; /* grows with each drop */
};

void cache_memo_init(struct cache_memo *m);
void cache_memo_done(struct cache_memo *m);

/* KNOWN: the value is appended to RET. UNKNOWN: *RET_STAMP is for the put of what is read now. */
enum cache_memo_answer cache_memo_get(struct cache_memo *m, enum cache_memo_kind kind, const char *name,
                                      struct buf *ret, uint64_t *ret_stamp);

/* VALUE NULL: there is no such row. Nothing is kept if anything was dropped since STAMP was given. */
void cache_memo_put(struct cache_memo *m, enum cache_memo_kind kind, const char *name, uint64_t stamp,
                    const void *value, size_t len);

void cache_memo_drop(struct cache_memo *m, enum cache_memo_kind kind, const char *name);
void cache_memo_clear(struct cache_memo *m);

#endif
