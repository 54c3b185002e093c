/* What the store's files share: store_open.c (the file, memory, the folder), store_schema.c (SQL), store.c (listings),
 * store_facts.c, store_objects.c. Not for others.
 *
 * Ownership: store_open.c makes and frees everything here.
 * Threads:   write_lock, then pool_lock, then the memo's; never the other way.
 * Errors:    as store.h. Cost: none of its own.
 */
#ifndef CTFS_CACHE_STORE_PRIVATE_H
#define CTFS_CACHE_STORE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/db.h"
#include "cache/store.h"
#include "cache/store_memo.h"

enum cache_store_statement {
    STORE_SCOPE_GET,
    STORE_SCOPE_PUT,
    STORE_SCOPE_FROM,
    STORE_SCOPE_DELETE,
    STORE_ITEM_SUMS,
    STORE_ITEM_INSERT,
    STORE_ITEM_UPDATE,
    STORE_ITEM_DELETE,
    STORE_ITEM_DELETE_ALL,
    STORE_ITEM_EACH,
    STORE_ITEM_GET,
    STORE_SEEN_GET,
    STORE_SEEN_PUT,
    STORE_SEEN_PRUNE,
    STORE_FACT_GET,
    STORE_FACT_PUT,
    STORE_FACT_DELETE,
    STORE_FACT_DELETE_FROM,
    STORE_FACT_PRUNE,
    STORE_MARK_GET,
    STORE_MARK_PUT,
    STORE_MARK_DELETE,
    STORE_MARK_DELETE_FROM,
    STORE_OBJECT_GET,
    STORE_OBJECT_PUT,
    STORE_OBJECT_DELETE,
    STORE_OBJECT_EACH,
    STORE_STATEMENTS
};

extern const struct cache_db_spec cache_store_spec;

#define STORE_IDLE_MAX 4
#define STORE_NOTICES_MAX 8

struct cache_store {
    char *given;                   /* DIR as it was given */
    char *root;                    /* the same without links; NULL while it cannot be opened */
    _Atomic(char *) dir;           /* root, or the private folder below it */
    int root_fd, dir_fd, owner_fd; /* -1: none; set before dir */
    char private_name[32];         /* "" unless private */

    pthread_mutex_t write_lock; /* recursive: in memory mode a callback reads through the writer */
    struct cache_db *writer;    /* written under both locks: on disk, or in memory */
    struct cache_db *disk;      /* protected by write_lock: in memory mode the file's writer, or NULL */
    int64_t retry_ns;           /* protected by write_lock: in memory mode, when to try the disk again */

    pthread_mutex_t pool_lock;
    struct cache_db *idle[STORE_IDLE_MAX]; /* protected by pool_lock */
    unsigned idle_count;                   /* protected by pool_lock */
    unsigned generation; /* protected by pool_lock: readers of an older one are closed when given back */
    bool memory;         /* protected by pool_lock */

    struct cache_memo memo; /* has a lock of its own */

    char *notices[STORE_NOTICES_MAX]; /* protected by write_lock; kept until close, since they were handed out */
    unsigned notice_count;
    _Atomic(const char *) notice;
    atomic_uint_fast64_t dropped;
};

/* Calls WRITE in a transaction, once more if the disk turned out to be full or the file bad meanwhile. 0 when it was
 * dropped. WRITE must be able to run twice. */
errint cache_store_write(struct cache_store *s, errint (*write)(struct cache_db *db, void *arg), void *arg);

/* Calls READ with a reader. When the file is bad it is set aside, and READ is called once more if it gave -EAGAIN or -EIO
 * and AGAIN is true. */
errint cache_store_read(struct cache_store *s, bool again, errint (*read)(struct cache_db *db, void *arg), void *arg);

/* How one kind of row is read by its name, and kept in memory. */
struct cache_store_row {
    enum cache_memo_kind kind;
    errint (*read)(struct cache_db *db, void *arg);              /* fills ARG; -ENOENT: there is no such row */
    void (*pack)(const void *arg, struct buf *ret);              /* what ARG was filled with */
    errint (*unpack)(void *arg, const char *packed, size_t len); /* fills ARG with it */
    errint (*absent)(const void *arg);                           /* -ENOENT, said */
};

/* Fills ARG from memory, or as cache_store_read does. Whoever writes the row NAME drops it from the memo afterwards. */
errint cache_store_recall(struct cache_store *s, const struct cache_store_row *row, const char *name, void *arg);

/* Forgets when content was first seen whose path nobody looked at for 400 days. */
errint cache_store_seen_prune(struct cache_db *db, int64_t now_ns);

#endif
