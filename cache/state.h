/* state.db: connections and their external IDs. Not a cache: losing a row locks a customer out.
 *
 * Rollback journal, synchronous=FULL, a backup beside it before each migration, never thrown away: a file that is not a
 * sound state.db of a known version is refused (-EIO, named) and left as it is. Every ctfs process opens it (busy
 * timeout 5 s); cache_state_changed tells of another's writes. Folder 0700, files 0600, opened without following links;
 * a folder that others may write or own is refused (-EACCES).
 *
 * Ownership: results are the caller's (cache_connection_done). Threads: any (one lock inside).
 * Errors: -EIO unsound, -EBUSY locked for 5 s, -ENOSPC, -EROFS, -EACCES. Cost: a write is two fsyncs.
 */
#ifndef CTFS_CACHE_STATE_H
#define CTFS_CACHE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

struct cache_state;

/* DIR is made (0700) if it is not there. */
errint cache_state_open(const char *dir, struct cache_state **ret);
void cache_state_close(struct cache_state *s);

struct cache_connection {
    char *handle;                   /* "c-" and 8 hex digits or more, fixed by the triple */
    char *bucket, *report, *prefix; /* the triple, as typed (prefix without outer slashes) */
    char *name;                     /* display name, unique among connections; never NULL, "" until given */
    char *external_id;              /* kept for ever; "" for direct mode */
    char *principal;                /* an account or an ARN; "" until known */
    char *role_arn;                 /* "" until connected, or direct mode */
    char *bucket_owner;             /* 12 digits, or "" */
    bool direct;                    /* role=none: the caller's own credentials */
    bool connected;
    char *definition_prefix; /* the definition's S3Prefix when it won over the typed one, else "" */
    char *notes;   /* JSON object text of what onboarding found (definition, report, settings that differ), or "{}" */
    char *granted; /* JSON array text of the probes' rows, or "[]" */
    char *last_error; /* of the last step, or "" */
    int64_t created_unix, connected_unix, last_error_unix;
    int64_t revision; /* grows at each write of this row */
};
void cache_connection_done(struct cache_connection *c);

/* All rows, by creation. *RET is malloc'd, *RET_COUNT rows, each to be done. */
errint cache_state_list(struct cache_state *s, struct cache_connection **ret, size_t *ret_count);
/* The same for who may not wait (a FUSE thread): while a write of any process is under way for longer than a moment (20
 * ms), or its process was stopped amid it, the rows as they were seen last, which own writes are always part of. */
errint cache_state_look(struct cache_state *s, struct cache_connection **ret, size_t *ret_count);
errint cache_state_get(struct cache_state *s, const char *handle, struct cache_connection *ret); /* -ENOENT */

/* Inserts, or replaces the row of the same handle. -EEXIST when another row has the name (case counts) or triple. */
errint cache_state_put(struct cache_state *s, const struct cache_connection *c);

/* A number that changes when any process wrote. Cheap (a pragma): call it at will. */
errint cache_state_version(struct cache_state *s, int64_t *ret);

/* Excludes every process and thread from a connection's steps: -EBUSY when held. Freed by cache_state_unlock, or by the
 * end of the process. */
struct cache_state_lock;
errint cache_state_lock(struct cache_state *s, const char *handle, struct cache_state_lock **ret);
void cache_state_unlock(struct cache_state_lock *l);

#endif
