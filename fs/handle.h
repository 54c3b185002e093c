/* What an open file or folder is between open and release.
 *
 * Ownership: the kernel's, by fi->fh, until released or until the mount ends. It holds its node.
 * Threads:   any; reads of one handle run side by side.
 * Errors:    as fs/tree.h and base/source.h; -EROFS for any writing but connect's; -EACCES for others' connect.
 * Cost:      a metadata file's bytes, a folder's names.
 */
#ifndef CTFS_FS_HANDLE_H
#define CTFS_FS_HANDLE_H

#include "fs/connect.h"
#include "fs/node.h"

struct fs_handle {
    atomic_uint refs; /* the kernel's, and one a request that uses it */
    struct fs *fs;
    struct fs_node *node;
    struct buf text;            /* a text's bytes */
    struct source *source;      /* or where they come from */
    struct fs_connect *connect; /* or what is written */
    struct fs_listing listing;  /* a folder's names */
    atomic_bool open; /* all above is set: says to the compiler what the kernel's order of open and use says */
    struct fs_handle *next, *prev; /* private */
};

/* FLAGS as of open(2); UID who asks. */
errint fs_handle_open(struct fs_ask *a, struct fs_node *n, int flags, uid_t uid, struct fs_handle **ret);
errint fs_handle_open_folder(struct fs_ask *a, struct fs_node *n, struct fs_handle **ret);
/* A request holds the handle over its try: its answer lets another thread release the file before the try has returned. */
void fs_handle_get(struct fs_handle *h);
void fs_handle_put(struct fs_handle *h);

/* As source_pread. A failure of the content (-EIO, -ESTALE) stays the node's. */
errint fs_handle_read(struct fs_handle *h, uint64_t off, size_t len, source_deliver deliver, void *arg,
                      struct waiter *w);

#endif
