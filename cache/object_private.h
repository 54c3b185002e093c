/* What the files of the object cache share: object.c (the table, opening, closing), object_read.c (reading and running
 * ahead), object_fetch.c (transfers), object_keep.c (the disk: room, eviction, rows). Not for others.
 *
 * Ownership: an object lives while handles, transfers or a caller hold references (refs); its entry while anything is kept
 *            of it or it is open.
 * Threads:   lock order: an object's lock, then the cache's, then the store's and the tasks'.
 * Errors:    as object.h. Cost: none of its own.
 */
#ifndef CTFS_CACHE_OBJECT_PRIVATE_H
#define CTFS_CACHE_OBJECT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/cleanup.h"
#include "cache/object.h"
#include "cache/pack.h"
#include "cache/store_objects.h"

#define CHUNK_BYTES (UINT64_C(1) << 20)
#define TAIL_BYTES 8192u /* the end of an object is kept by itself: a gzip trailer is read without the rest */
#define NAME_SIZE 65
#define MEMORY_CHUNKS 16     /* of all objects together, */
#define MEMORY_CHUNKS_MANY 6 /* and when more than MEMORY_FEW are open: so many readers leave little memory */
#define MEMORY_FEW 8
#define MEMORY_RANGE_CHUNKS 4
#define LISTS 16
#define WAITS 128
#define STREAMS 8
#define BUFFERS_IDLE 8
#define ENTRY_BUCKETS 4096
#define OBJECT_POINTS_SUFFIX ".points" /* of the file beside an object's own */

enum chunk_state { CHUNK_MISSING, CHUNK_FETCHING, CHUNK_DISK, CHUNK_MEMORY };

struct chunk {
    uint8_t state;
    bool checked; /* its checksum was computed in this opening */
    bool fresh;   /* it was fetched in this opening */
    uint32_t crc;
};

/* A chunk that is not on disk. Protected by the cache's lock; one with an owner is given up, and what is in DATA read, under
 * the owner's lock too. */
struct memory_chunk {
    struct object *owner; /* NULL: the slot is free */
    void *data;           /* CHUNK_BYTES */
    uint64_t chunk;
    int64_t filled_ns, used_ns;
    bool filling, read; /* its owner's transfer writes DATA; it was read to its end */
};

/* What is on disk of one version; the least recently used first. Protected by the cache's lock. */
struct entry {
    char name[NAME_SIZE];
    char *identity;
    size_t identity_len;
    uint64_t kept_bytes;   /* whole chunks and the tail */
    uint64_t points_bytes; /* of the file of its places */
    bool complete, doomed;
    struct object *object; /* NULL: not open */
    struct entry *same, *prev, *next;
};

struct transfer {
    struct feed_sink sink;
    struct object *object;
    struct feed_transfer *transfer;
    struct transfer *next;  /* of the object's, then of those to start */
    struct transfer *start; /* those that the caller starts, without a lock */
    bool tail;              /* of the tail alone */
    bool disk;              /* room was reserved */
    bool starting, ended, cancel;
    bool lost;              /* this chunk's bytes cannot be kept */
    uint64_t off, end, pos; /* bytes of the object */
    uint64_t reserved_bytes;
    unsigned planned;          /* chunks that shall go to memory */
    struct memory_chunk *slot; /* the chunk goes to memory */
    uint32_t crc;
};

struct wait {
    struct waiter *w; /* NULL: free; only compared, never followed */
    uint64_t first, last;
    bool owed; /* the failure is still to be given */
    int64_t at_ns;
};

struct object {
    struct cache_objects *cache;
    struct entry *entry;
    char *key;
    uint64_t size_bytes, chunk_count;
    unsigned refs, handles; /* protected by the cache's lock */
    struct object *next;    /* of the dead; protected by the cache's lock */

    pthread_mutex_t lock; /* protects all below */
    struct chunk *chunks;
    uint8_t tail_state;
    char tail[TAIL_BYTES];
    int fd;
    struct feed *feed;
    struct err no_feed; /* why it could not be made */
    struct transfer *transfers;
    atomic_uint transfer_count;
    atomic_int_fast64_t spell_ns;     /* since when there was always a transfer */
    atomic_uint_fast64_t spell_bytes; /* that came since then */
    atomic_uint_fast64_t present_bytes;
    bool in_memory; /* the last reservation failed */
    bool refused;   /* and so did the last plan, for want of memory: its waiter is in the cache's line */
    _Atomic bool bypassed;
    bool dirty;
    uint64_t unsaved_bytes;
    int64_t saved_ns, ahead_after_ns;
    struct err failure;
    struct wait waits[WAITS];
    struct waitlist lists[LISTS];
    struct point_set *points; /* NULL until somebody asks; has a lock of its own */
};

struct stream {
    uint64_t next, window, used;
};

struct handle {
    struct source source;
    struct object *object;
    struct stream streams[STREAMS]; /* protected by the object's lock */
    uint64_t clock;
};

struct cache_objects {
    struct cache_store *store;
    uint64_t limit_bytes;
    struct executor *executor;
    struct task reap;
    atomic_uint_fast64_t lead_bytes, range_bytes;
    atomic_uint parallel;
    atomic_uint_fast64_t evicted, bypassed, hit_bytes, miss_bytes;
    int dirfd; /* objects/, or -1 */

    pthread_mutex_t pack_lock;   /* of the one who adds a place; taken before any set's lock */
    struct cache_packer *packer; /* NULL until the first */
    char *packed;                /* packed_room bytes */
    size_t packed_room;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t gone;
    struct entry *buckets[ENTRY_BUCKETS];
    struct entry *oldest, *newest;
    uint64_t entry_count, open_count, kept_bytes; /* with what is reserved */
    int64_t disk_after_ns;
    int disk_error; /* of a write, or ENOSPC where there was no room for one; 0 when one succeeds DISK_RETRY_NS later */
    int64_t disk_failed_unix, disk_failed_ns; /* the first and the last time */
    struct object *dead;
    void *buffers[BUFFERS_IDLE];
    unsigned buffer_count;
    struct memory_chunk memory[MEMORY_CHUNKS];
    unsigned memory_planned;     /* chunks of transfers under way, of all objects */
    struct waitlist memory_line; /* for these to become fewer */
};

static inline uint64_t chunk_len(const struct object *o, uint64_t c)
{
    uint64_t off = c * CHUNK_BYTES;
    return o->size_bytes - off < CHUNK_BYTES ? o->size_bytes - off : CHUNK_BYTES;
}
static inline uint64_t tail_len(const struct object *o)
{
    return o->size_bytes < TAIL_BYTES ? o->size_bytes : TAIL_BYTES;
}
static inline bool chunk_present(const struct chunk *c)
{
    return c->state == CHUNK_DISK || c->state == CHUNK_MEMORY;
}

/* object.c */
void object_release(struct object *o, bool from_sink);
void *object_buffer_take(struct cache_objects *cache); /* CHUNK_BYTES, or NULL */
void object_buffer_give(struct cache_objects *cache, void *buffer);

/* points.c */
struct point_set;
void object_points_free(struct point_set *s);   /* of an object that goes; NULL is nothing */
void object_points_forget(struct point_set *s); /* they are wrong, or the object's bytes are */

/* object_read.c */
extern const struct source_ops object_handle_ops;

/* object_fetch.c: under the object's lock, but for object_fetch_start, which is called without. */
bool object_fetch_plan(struct object *o, uint64_t first, uint64_t count, struct transfer **starts, struct waiter *w);
void object_fetch_plan_tail(struct object *o, struct transfer **starts);
void object_fetch_start(struct transfer *starts);
void object_fetch_cancel(struct object *o);
uint32_t object_crc(uint32_t crc, const void *data, size_t len);

/* object_memory.c: under the object's lock. */
struct memory_chunk *object_memory_take(struct object *o, uint64_t chunk); /* to be filled; NULL: none can be had */
void object_memory_filled(struct object *o, struct memory_chunk *m);
void object_memory_give(struct object *o, struct memory_chunk *m);
void object_memory_read(struct object *o, uint64_t chunk, uint64_t off, void *to, size_t len); /* it is there */
void object_memory_forget(struct object *o); /* all but what is being filled */
void object_memory_done(struct object *o);   /* nobody else knows O any more */
/* Leave for COUNT chunks at most: how many, or 0, with W in the line for it. They are given back one day. */
unsigned object_memory_plan(struct object *o, uint64_t count, struct waiter *w);
void object_memory_planned(struct object *o, unsigned count);
bool object_memory_is_short(struct object *o); /* somebody is in the line */

/* object_keep.c */
errint object_keep_load(struct cache_objects *cache);                          /* what earlier runs left */
struct entry *object_keep_find(struct cache_objects *cache, const char *name); /* under its lock */
struct entry *object_keep_add(struct cache_objects *cache, const char *name, const char *identity); /* under its lock */
void object_keep_touch(struct cache_objects *cache, struct entry *e);                               /* under its lock */
void object_keep_remove(struct cache_objects *cache, struct entry *e);                              /* under its lock */
void object_keep_open(struct object *o); /* fills chunks from the row and opens the file */
void object_keep_save(struct object *o); /* writes the row; under the object's lock, or with no other reference */
bool object_keep_reserve(struct object *o, uint64_t bytes);        /* room on disk; under the object's lock */
bool object_keep_reserve_points(struct object *o, uint64_t bytes); /* the same for its places */
void object_keep_points(struct object *o, uint64_t bytes); /* its places' file is this long; what it had is given up */
void object_keep_unreserve(struct object *o, uint64_t bytes);
void object_keep_count(struct object *o, int64_t bytes, bool reserved); /* bytes came to (or left) the disk */
void object_keep_disk_failed(struct object *o, int error);
void object_keep_lose(struct object *o, uint64_t chunk); /* a chunk that was there is not right */

#endif
