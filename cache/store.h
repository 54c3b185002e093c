/* cache.db: what AWS said, and when. It may be deleted at any time; a bad one is set aside and made anew.
 *
 * Listings: a scope ("c-4f1d09ab/accounts") holds items (id, body); it appears and changes whole, in one transaction.
 * Seen: for each path's inode number the hash of its content and the moment when ctfs first saw it. Facts: what was
 * learnt of one version of an object, for ever, by (bucket, key, ETag). WAL, one writer connection a process, readers
 * beside it; an owner lock on the folder makes it one process: a second mount gets a folder of its own below it
 * (private, removed at close, said by cache_store_private).
 *
 * Ownership: bodies in callbacks are valid during the call.
 * Threads:   any; callbacks run with a reader held: they must not call the store again but to read, and must not wait.
 * Errors:    -ENOENT not there; a full disk is no error: the write is dropped and counted (cache_store_dropped).
 * Cost:      a read is one indexed query.
 */
#ifndef CTFS_CACHE_STORE_H
#define CTFS_CACHE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"

struct cache_store;

/* DIR (made 0700) holds cache.db and objects/. *RET_DIR is the folder in use, valid while open. */
errint cache_store_open(const char *dir, struct cache_store **ret);
void cache_store_close(struct cache_store *s);
const char *cache_store_dir(const struct cache_store *s);
bool cache_store_private(const struct cache_store *s);
/* "" or what happened at open: a bad cache.db set aside as …; for status. */
const char *cache_store_notice(const struct cache_store *s);
uint64_t cache_store_dropped(const struct cache_store *s);

struct cache_item {
    const char *id;
    const void *body;
    size_t body_len;
    int64_t changed_ns; /* out, when reading: when this body was first seen under this id */
};
struct cache_listing {
    int64_t fetched_ns; /* the last whole fetch */
    int64_t changed_ns; /* when the set of items, or one of them, last changed */
    size_t count;
};

/* Makes ITEMS the whole of SCOPE, as fetched at NOW_NS. Unchanged items keep their changed_ns. Duplicate ids: the last. */
errint cache_store_replace(struct cache_store *s, const char *scope, const struct cache_item *items, size_t count,
                           int64_t now_ns);
errint cache_store_listing(struct cache_store *s, const char *scope, struct cache_listing *ret);
/* Each item in the order of its id's bytes; a callback's non-zero result ends the walk and is returned. */
errint cache_store_each(struct cache_store *s, const char *scope, int (*each)(void *arg, const struct cache_item *item),
                        void *arg);
errint cache_store_get(struct cache_store *s, const char *scope, const char *id, struct buf *ret_body,
                       int64_t *ret_changed_ns /* or NULL */);
/* The scopes that begin with PREFIX, in order. */
errint cache_store_scopes(struct cache_store *s, const char *prefix, int (*each)(void *arg, const char *scope),
                          void *arg);
/* Forgets every scope, fact and mark whose name begins with PREFIX. */
errint cache_store_forget(struct cache_store *s, const char *prefix);

/* When was content HASH first seen at INO? The same as before if the hash is; else NOW_NS, but not before FLOOR_NS
 * (AWS's own time; 0: none), is kept and given; forgotten when nobody asks for 400 days. Moves on for a changed content:
 * into the next second at least, or by 1 ns where it is ahead of NOW_NS already. */
errint cache_store_seen(struct cache_store *s, uint64_t ino, struct hash128 hash, int64_t floor_ns, int64_t now_ns,
                        int64_t *ret_mtime_ns);

/* The time of folder INO, whose names last changed at CHANGED_NS (0: they are not known yet): that, or the moment at which
 * it was first shown without its names being known, so that a tool that looks, reads and looks again sees one time. */
errint cache_store_dated(struct cache_store *s, uint64_t ino, int64_t changed_ns, int64_t now_ns,
                         int64_t *ret_mtime_ns);

/* What is known of one version of a gzip object. */
struct cache_fact {
    int64_t declared_bytes; /* by the trailer; -1 unknown */
    int64_t verified_bytes; /* by a whole pass; -1 unknown */
    int64_t header_bytes;   /* length of the first record with its line end; -1 unknown */
    char *header;           /* that record's bytes, NUL-terminated; NULL unknown */
    bool corrupt;           /* a whole pass failed on fresh bytes */
    bool unended;           /* the last record has no line end, as a whole pass saw */
};
void cache_fact_done(struct cache_fact *f);
/* KEY: any text that names the version (bucket/key/etag). -ENOENT nothing known. */
errint cache_store_fact(struct cache_store *s, const char *key, struct cache_fact *ret);
errint cache_store_fact_put(struct cache_store *s, const char *key, const struct cache_fact *f);
errint cache_store_fact_forget(struct cache_store *s, const char *key);

/* Marks: small values by name (a report whose trailers lied, learnt regions). -ENOENT when not set. */
errint cache_store_mark(struct cache_store *s, const char *name, struct buf *ret);
errint cache_store_mark_put(struct cache_store *s, const char *name, const char *value /* NULL: forget */);

#endif
