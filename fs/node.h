/* The node table: what the kernel knows by number.
 *
 * A node is one version of one path: a file whose content changes gets another node, with a number that was never used,
 * and the same st_ino, which is a hash of the path. So an open file keeps its old bytes and a new open sees the new ones.
 * A file's node never changes, but for its size being proven, and failing once and for ever; a folder's node has no version.
 *
 * Ownership: a node lives while the kernel counts lookups of it, or somebody holds it (get, put).
 * Threads:   any; one lock inside.
 * Errors:    -ENOMEM.
 * Cost:      about 250 bytes and its texts a node; two hash lookups.
 */
#ifndef CTFS_FS_NODE_H
#define CTFS_FS_NODE_H

#include <stdatomic.h>

#include "fs/kind.h"

#define FS_NODE_ROOT 1

struct fs_node {
    uint64_t id;
    uint64_t ino;
    uint64_t version;
    struct fs_place place;
    const char *path; /* "/cur/2026-11/report.csv"; "/" */
    uint64_t size_bytes;
    int64_t mtime_ns;
    atomic_bool verified; /* its size is proven: true as soon as a lookup finds it so, and for ever */
    char *content;        /* a snapshot's bytes, size_bytes of them, or NULL */

    uint64_t lookups; /* private from here on; protected by the table's lock */
    unsigned refs;
    bool keyed; /* found by path and version */
    struct err failed;
    bool failure_said;
    unsigned opens;
    struct source *source; /* while opens > 0 */
    struct fs_node *next_by_id, *next_by_key;
};

struct fs_nodes;

/* With the root's node, a folder of the root's kind. */
errint fs_nodes_new(struct fs_nodes **ret);
void fs_nodes_free(struct fs_nodes *t);
size_t fs_nodes_count(struct fs_nodes *t);

/* st_ino of PATH: the same for ever, never 0, 1 or all ones. */
uint64_t fs_node_ino(const char *path);

/* What a lookup found. */
struct fs_node_new {
    const char *path;
    const struct fs_place *place;
    uint64_t version;
    uint64_t size_bytes;
    int64_t mtime_ns;
    bool verified;
    char *content; /* taken when a node is made, else freed; may be NULL */
};

/* The node of that path and version, one lookup more; the caller holds it too. A node that failed is not given again:
 * its place is taken by a new one. */
errint fs_node_look(struct fs_nodes *t, struct fs_node_new *found, struct fs_node **ret);
void fs_node_forget(struct fs_nodes *t, uint64_t id, uint64_t lookups);

/* NULL: no such node. */
struct fs_node *fs_node_get(struct fs_nodes *t, uint64_t id);
void fs_node_put(struct fs_nodes *t, struct fs_node *n);

/* The first failure stays. */
void fs_node_fail(struct fs_nodes *t, struct fs_node *n, errint e);
/* Was N's failure E said before? False once: a reader that goes on asking makes no second log line. */
bool fs_node_failure_said(struct fs_nodes *t, struct fs_node *n, errint e);
/* 0, or that failure with its message. */
errint fs_node_failed(struct fs_nodes *t, struct fs_node *n);

/* The source shared by all who have N open: NULL when nobody has. The caller puts it. */
struct source *fs_node_source(struct fs_nodes *t, struct fs_node *n);
/* One opening more: takes S and gives the node's source, which is S unless another was quicker. */
struct source *fs_node_open(struct fs_nodes *t, struct fs_node *n, struct source *s);
void fs_node_close(struct fs_nodes *t, struct fs_node *n);

#endif
