/* The kinds of things in the tree: one struct fs_kind each, found by its folder's table or its folder's find().
 *
 * A place is what a node stands for: a kind, a number that the kind's file chose, and up to three texts (an account, a
 * period, a unit's ID …). A kind answers for its places; it keeps nothing of its own.
 *
 * Ownership: kinds are static. A place's texts are its holder's; fs_place_done frees those of one that was made by find().
 * Threads:   any.
 * Errors:    -EAGAIN: the ask's waiter waits (or, without one, it is not known yet). -ENOENT: a complete answer has no
 *            such name.
 * Cost:      of what is cached, an indexed read or a listing.
 */
#ifndef CTFS_FS_KIND_H
#define CTFS_FS_KIND_H

#include <sys/stat.h>

#include "base/source.h"
#include "fs/fs.h"
#include "model/fetch.h"
#include "model/report.h"

#define FS_PLACE_ARGS 3

struct fs_kind;

struct fs_place {
    const struct fs_kind *kind;
    int which;
    char *arg[FS_PLACE_ARGS]; /* NULL beyond those that the kind has */
};
errint fs_place_set(struct fs_place *p, const struct fs_kind *kind, int which, const char *a, const char *b,
                    const char *c);
void fs_place_done(struct fs_place *p);

/* A folder's names, whole. */
struct fs_listing {
    struct fs_listed {
        uint32_t name; /* offset into names */
        uint32_t mode; /* S_IFDIR, S_IFREG or S_IFLNK */
    } * entries;
    size_t count, room;
    struct buf names;
    errint error; /* the first failure of an add */
};
void fs_listing_add(struct fs_listing *l, const char *name, uint32_t mode);
const char *fs_listing_name(const struct fs_listing *l, size_t index);
errint fs_listing_error(const struct fs_listing *l);
void fs_listing_done(struct fs_listing *l);

enum fs_type {
    FS_FOLDER,
    FS_TEXT,     /* rendered when looked up, and again when opened */
    FS_SNAPSHOT, /* rendered when looked up; the node keeps it */
    FS_CONTROL,  /* a snapshot that can be written: connect */
    FS_SOURCE,   /* bytes come from a source */
    FS_LINK,
};

/* A name that a folder always has; and when it is listed. */
enum fs_listed_when {
    FS_ALWAYS,
    FS_AS_VIEW,           /* with views=listed alone */
    FS_WITH_CUSTOMER,     /* once a customer is connected */
    FS_WITH_ORGANIZATION, /* then, and unless its account is in none */
    FS_WITH_ACCOUNTS,     /* then, and unless the role was refused the organization's lists */
};
struct fs_name {
    const char *name;
    const struct fs_kind *kind;
    int which;
    enum fs_listed_when listed;
};

struct fs_kind {
    enum fs_type type;
    const struct fs_name *names; /* folder: what is always there, with the folder's own texts; ended by NULL name */
    /* folder: what else is there; NULL: nothing */
    errint (*list)(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into);
    errint (*find)(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret);
    /* folder: when its names last changed; never waits. NULL: when ctfs first saw these names. */
    errint (*changed)(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns);
    /* of what is fetched under a topic: which, and its argument. Its time is user.ctfs.fetched_at. */
    void (*topic)(const struct fs_place *p, enum model_topic *ret, const char **ret_arg);
    const struct fs_kind *month; /* folder of months (fs/month.h): what each of them is */
    /* text, snapshot: its bytes and the earliest moment they can be of (0: unknown). link: its target. */
    errint (*render)(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns);
    /* source */
    errint (*stat)(struct fs_ask *a, const struct fs_place *p, struct model_file *ret);
    errint (*open)(struct fs_ask *a, const struct fs_place *p, uint64_t version, struct source **ret);
    /* getxattr; -ENODATA for a name it does not have; NULL: has none */
    errint (*xattr)(struct fs_ask *a, const struct fs_place *p, const char *name, struct buf *ret);
};

#define FS_NS_PER_S 1000000000LL

/* The root's attributes that tell mounts apart: the process, for unmounting; the folder of its state.db. */
#define FS_XATTR_PID "user.ctfs.pid"
#define FS_XATTR_STATE_DIR "user.ctfs.state_dir"

/* The kinds, one file each; the root's table names the rest. */
extern const struct fs_kind fs_dir_root, fs_dir_accounts, fs_dir_organization, fs_dir_cur, fs_dir_raw, fs_dir_resources,
    fs_dir_policies, fs_dir_views, fs_file_readme, fs_file_status, fs_file_connect, fs_file_accounts_tsv;

#endif
