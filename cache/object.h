/* Objects on disk: an S3 object's bytes in 1 MiB chunks, fetched by ranges as they are wanted and kept.
 *
 * An object is one version (its ETag is part of its name) and never changes. A chunk is there once all its bytes came and
 * its checksum is kept; a chunk from an earlier run is checked when first read, and fetched again if it differs. Files are
 * named by a 256-bit hash of (account, bucket, key, ETag, size) and opened below one folder without following
 * links. Over the size limit, the least recently used objects that nobody has open are removed. When the disk is full, or
 * the object is larger than the limit, it is served through memory: the newest chunks only, a few for all objects together.
 *
 * Ownership: the cache outlives its objects; an object is a struct source (counted); it takes its feed.
 * Threads:   any. Errors: as source.h; the feed's failures are given to whoever waits, and the next read tries again.
 * Cost:      one pread of the file a delivery, one checksum a chunk and run.
 */
#ifndef CTFS_CACHE_OBJECT_H
#define CTFS_CACHE_OBJECT_H

#include "base/feed.h"
#include "base/source.h"
#include "cache/store.h"

struct cache_objects;

struct cache_objects_setup {
    struct cache_store *store; /* its folder holds objects/; rows of what is there live in cache.db */
    uint64_t size_max_bytes;   /* cache_size; 0: nothing is kept on disk */
    struct executor *executor; /* for work that must not be done on a feed's thread; may be NULL */
};
errint cache_objects_new(const struct cache_objects_setup *setup, struct cache_objects **ret);
/* Waits until every object was put and none is in a transfer's hands: -ETIMEDOUT when DEADLINE_NS (monotonic) passes first;
 * then nothing that objects use may be freed. */
errint cache_objects_wait_closed(struct cache_objects *o, int64_t deadline_ns);
void cache_objects_free(struct cache_objects *o); /* waits likewise, for as long as it takes */

struct cache_object_id {
    const char *account; /* whose bucket: the role's account, or "" */
    const char *bucket;
    const char *key;
    const char *etag;
    uint64_t size_bytes;
};

/* A handle of its own on the object, whose bytes are shared by all who open the same one. MAKE_FEED is called at most once,
 * during this call, when the object has no feed yet (ARG need not live longer); if it fails, what is kept is still served
 * and a read that lacks bytes gives that failure. A zero-size object needs no feed. Its stat is verified: S3 said the size. */
errint cache_objects_open(struct cache_objects *o, const struct cache_object_id *id,
                          errint (*make_feed)(void *arg, struct feed **ret), void *arg, struct source **ret);

/* Is every byte of this version on disk (unchecked)? For answering ESTALE or serving an old snapshot. */
bool cache_objects_have(struct cache_objects *o, const struct cache_object_id *id);

/* Drops what is kept of it: the bytes were wrong. An open one keeps serving what it has until put, but each chunk is
 * fetched anew. */
void cache_objects_drop(struct cache_objects *o, const struct cache_object_id *id);

/* Drops every object of BUCKET, whoever read it: at once, or when it is closed. */
void cache_objects_forget(struct cache_objects *o, const char *bucket);

/* How far reading runs ahead: while a source is read in order, up to LEAD_BYTES are fetched ahead in PARALLEL transfers of
 * RANGE_BYTES. Defaults: 32 MiB, 4, 8 MiB. */
void cache_objects_set_lead(struct cache_objects *o, uint64_t lead_bytes, unsigned parallel, uint64_t range_bytes);

struct cache_objects_status {
    uint64_t kept_bytes, limit_bytes;
    uint64_t objects, open_objects;
    uint64_t evicted, bypassed; /* since start */
    uint64_t hit_bytes, miss_bytes;
    uint64_t memory_bytes; /* of what cannot be kept on disk */
    int disk_error;        /* errno of the write that failed or had no room, until one succeeds; 0: none. Since when: */
    int64_t disk_failed_unix;
};
void cache_objects_status(struct cache_objects *o, struct cache_objects_status *ret);

/* One transfer or waiting object, for status. */
struct cache_object_progress {
    char key[256];
    uint64_t size_bytes, present_bytes;
    uint64_t bytes_per_s; /* since its first transfer under way began */
    unsigned transfers, waiters;
};
size_t cache_objects_progress(struct cache_objects *o, struct cache_object_progress *ret, size_t max);

#endif
