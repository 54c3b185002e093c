/* The tree as a whole: names to nodes, nodes to attributes, folders to listings.
 *
 * Ownership: a looked-up node is held for the caller and counted for the kernel. Threads: any.
 * Errors:    -ENOENT absent from a complete answer, -ENAMETOOLONG, -ENOTDIR, -EAGAIN (fs/kind.h), else why it is not known.
 * Cost:      a metadata file is rendered at each lookup and each open: an indexed read.
 */
#ifndef CTFS_FS_TREE_H
#define CTFS_FS_TREE_H

#include "fs/node.h"

#define FS_NAME_MAX 255

/* NAME in PARENT, one lookup more. */
errint fs_tree_lookup(struct fs_ask *a, const struct fs_node *parent, const char *name, struct fs_node **ret);

/* Can NAME's attributes be given without asking anyone, or rendering? For readdirplus: then it is a lookup, else -EAGAIN. */
errint fs_tree_lookup_known(struct fs_ask *a, const struct fs_node *parent, const char *name, struct fs_node **ret);

/* Never waits: a folder's mtime is when its names last changed as far as is known. */
void fs_tree_attr(struct fs_ask *a, const struct fs_node *n, struct stat *ret);

/* How long the kernel may believe a name and a node's attributes, in seconds. */
double fs_tree_entry_timeout(const struct fs_node *n);
double fs_tree_attr_timeout(const struct fs_node *n);

/* When what a file of a topic shows was fetched, as ISO 8601; -ENODATA: not yet. */
errint fs_tree_fetched(struct fs_ask *a, const struct fs_node *n, struct buf *ret);

errint fs_tree_list(struct fs_ask *a, const struct fs_node *n, struct fs_listing *into);

/* A text's bytes, for an open: -ESTALE when they are no longer those of N's version. */
errint fs_tree_render(struct fs_ask *a, const struct fs_node *n, struct buf *ret);

#endif
