/* struct fs: one mount's parts, and struct fs_ask: on whose behalf a part of the tree is asked for.
 *
 * Ownership: fs_new's caller frees, after every request was answered. The model is the caller's and outlives the fs.
 * Threads:   any; but for the open handles, the fields do not change once it is made.
 * Errors:    -ENOMEM, -EAGAIN (no thread).
 * Cost:      REPLY_THREADS threads and the park's one.
 */
#ifndef CTFS_FS_FS_H
#define CTFS_FS_FS_H

#include "model/model.h"

struct fs_nodes;
struct fs_park;
struct fs_units;
struct fs_snapshots;
struct fs_handle;

struct fs {
    struct model *model;
    const struct model_settings *settings;
    struct fs_nodes *nodes;
    struct fs_park *park;
    struct executor *replies; /* where requests that waited are tried again */
    struct fs_units *units;
    struct fs_snapshots *snapshots;
    int64_t started_ns;
    _Atomic uint64_t control_looks; /* lookups of connect so far */
    pthread_mutex_t handles_lock;
    struct fs_handle *handles; /* every open file and folder; protected by handles_lock */
};

errint fs_new(struct model *m, struct fs **ret);
void fs_free(struct fs *fs);

/* One asking: the customer it is about, fetched once, and what is woken when something has to be waited for. What was
 * looked at is held until the next asking or the end, because a list that is waited on belongs to it. */
#define FS_HOLD_MAX 4
struct fs_ask {
    struct fs *fs;
    struct waiter *waiter;           /* NULL: never wait; -EAGAIN then says "not known" */
    struct model_customer *customer; /* NULL until fs_ask_customer */
    bool brief;                      /* out, with -EAGAIN: it can be done without; a moment's waiting is enough */
    bool late;                       /* in: that moment has passed */
    struct {
        void *what;
        void (*put)(void *what);
    } hold[FS_HOLD_MAX];
    size_t hold_count;
};

/* The customer that is shown. -EACCES while there is none, or several and none chosen. Valid until fs_ask_done. */
errint fs_ask_customer(struct fs_ask *a, struct model_customer **ret);

/* Puts WHAT at fs_ask_done or fs_ask_release. */
void fs_ask_hold(struct fs_ask *a, void *what, void (*put)(void *what));
void fs_ask_release(struct fs_ask *a); /* what is held but the customer */
void fs_ask_done(struct fs_ask *a);

#endif
