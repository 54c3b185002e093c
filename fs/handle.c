/* Opening by the node's type. A text is rendered again, and must still be its node's version. A source is shared by all
 * who have the node open, so that a failure of one is a failure of all. Handles are on a list, because the kernel
 * releases none when the mount is torn down under open files.
 */
#include "fs/handle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/tree.h"

/* NULL: no memory; the message says so. */
static struct fs_handle *new_handle(struct fs *fs, struct fs_node *n)
{
    struct fs_handle *h = calloc(1, sizeof *h);
    if (!h) {
        (void)err_set(-ENOMEM, "no memory to open %s", n->path);
        return NULL;
    }
    atomic_init(&h->refs, 1);
    h->fs = fs;
    h->node = fs_node_get(fs->nodes, n->id);
    pthread_mutex_lock(&fs->handles_lock);
    h->next = fs->handles;
    if (h->next)
        h->next->prev = h;
    fs->handles = h;
    pthread_mutex_unlock(&fs->handles_lock);
    return h;
}

static void unlink_handle(struct fs_handle *h)
{
    pthread_mutex_lock(&h->fs->handles_lock);
    if (h->prev)
        h->prev->next = h->next;
    else
        h->fs->handles = h->next;
    if (h->next)
        h->next->prev = h->prev;
    pthread_mutex_unlock(&h->fs->handles_lock);
}

void fs_handle_get(struct fs_handle *h)
{
    atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
}

void fs_handle_put(struct fs_handle *h)
{
    if (atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    unlink_handle(h);
    if (h->source) {
        source_put(h->source);
        fs_node_close(h->fs->nodes, h->node);
    }
    if (h->connect)
        fs_connect_close(h->connect);
    buf_done(&h->text);
    fs_listing_done(&h->listing);
    fs_node_put(h->fs->nodes, h->node);
    free(h);
}

/* The kernel may know a name for longer than it is this node's: at ESTALE it looks again. */
static errint check_current(struct fs_ask *a, struct fs_node *n)
{
    struct model_file file;
    if (fs_node_failed(a->fs->nodes, n))
        return err_add(-ESTALE, "%s", n->path);
    errint e = n->place.kind->stat(a, &n->place, &file);
    if (e == 0 && file.version != n->version)
        e = err_set(-ESTALE, "%s changed since it was looked up", n->path);
    return e;
}

static errint open_source(struct fs_ask *a, struct fs_handle *h)
{
    struct fs_node *n = h->node;
    struct source *s = NULL;
    errint e = check_current(a, n);
    if (e)
        return e;
    s = fs_node_source(a->fs->nodes, n);
    if (!s)
        e = n->place.kind->open(a, &n->place, n->version, &s);
    if (e == 0)
        h->source = fs_node_open(a->fs->nodes, n, s);
    return e;
}

/* Its mode says 0600; this also holds where the kernel was told to let others in. */
static errint open_control(struct fs_ask *a, struct fs_handle *h, uid_t uid)
{
    if (uid != 0 && uid != a->fs->settings->uid && uid != geteuid())
        return err_set(-EACCES, "%s is its owner's", h->node->path);
    return fs_connect_new(a->fs, &h->connect);
}

static errint fill(struct fs_ask *a, struct fs_handle *h, uid_t uid)
{
    switch (h->node->place.kind->type) {
    case FS_TEXT:
        return fs_tree_render(a, h->node, &h->text);
    case FS_SOURCE:
        return open_source(a, h);
    case FS_CONTROL:
        return open_control(a, h, uid);
    case FS_SNAPSHOT:
        return 0;
    default:
        return err_set(-EISDIR, "%s is not a file", h->node->path);
    }
}

errint fs_handle_open(struct fs_ask *a, struct fs_node *n, int flags, uid_t uid, struct fs_handle **ret)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
    if (writes && n->place.kind->type != FS_CONTROL)
        return err_set(-EROFS, "%s cannot be written", n->path);
    struct fs_handle *h = new_handle(a->fs, n);
    if (!h)
        return -ENOMEM;
    errint e = fill(a, h, uid);
    if (e) {
        fs_handle_put(h);
        return e;
    }
    *ret = h;
    return 0;
}

errint fs_handle_open_folder(struct fs_ask *a, struct fs_node *n, struct fs_handle **ret)
{
    struct fs_handle *h = new_handle(a->fs, n);
    if (!h)
        return -ENOMEM;
    errint e = fs_tree_list(a, n, &h->listing);
    if (e) {
        fs_handle_put(h);
        return e;
    }
    *ret = h;
    return 0;
}

static void deliver_slice(const char *data, size_t size, uint64_t off, size_t len, source_deliver deliver, void *arg)
{
    size_t left = off < size ? size - (size_t)off : 0;
    deliver(arg, left ? data + off : "", left < len ? left : len);
}

static errint read_source(struct fs_handle *h, uint64_t off, size_t len, source_deliver deliver, void *arg,
                          struct waiter *w)
{
    errint e = fs_node_failed(h->fs->nodes, h->node);
    if (e)
        return e;
    e = source_pread(h->source, off, len < SOURCE_READ_MAX ? len : SOURCE_READ_MAX, deliver, arg, w);
    if (e == -EIO || e == -ESTALE)
        fs_node_fail(h->fs->nodes, h->node, e);
    return e;
}

errint fs_handle_read(struct fs_handle *h, uint64_t off, size_t len, source_deliver deliver, void *arg,
                      struct waiter *w)
{
    if (h->source)
        return read_source(h, off, len, deliver, arg, w);
    if (h->connect && fs_connect_wrote(h->connect)) {
        struct buf answer cleanup_buf = BUF_INIT;
        errint e = fs_connect_read(h->connect, len, &answer, w);
        if (e == 0)
            deliver(arg, buf_text(&answer), answer.len);
        return e;
    }
    if (h->node->place.kind->type == FS_TEXT)
        deliver_slice(buf_text(&h->text), h->text.len, off, len, deliver, arg);
    else
        deliver_slice(h->node->content ? h->node->content : "", h->node->size_bytes, off, len, deliver, arg);
    return 0;
}
