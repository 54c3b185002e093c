/* Each operation is a request with a try (fs/request.h). What changes anything is refused with EROFS, but for writing
 * to connect. flush is not there: shells send it before their write, and nothing depends on it.
 */
#include "fs/ops.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fs/complain.h"
#include "fs/handle.h"
#include "fs/request.h"
#include "fs/tree.h"
#include "model/status.h"

#define STUCK_NS (2 * CLOCK_NS_PER_S) /* longer than a slow network needs: past the cache reads cost more */
#define MAX_BACKGROUND 4096
#define CONGESTION 3072

static struct fs *fs_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

static struct fs_handle *handle_of(const struct fuse_file_info *fi)
{
    struct fs_handle *h = (struct fs_handle *)(uintptr_t)fi->fh;
    (void)atomic_load_explicit(&h->open, memory_order_acquire);
    return h;
}

/* The handle, held: to be put. */
static struct fs_handle *hold_handle(struct fs_request *r)
{
    struct fs_handle *h = handle_of(&r->fi);
    fs_handle_get(h);
    return h;
}

static errint node_of(struct fs_request *r, struct fs_node **ret)
{
    *ret = fs_node_get(r->ask.fs->nodes, r->ino);
    return *ret ? 0 : err_set(-ESTALE, "no such node");
}

static void put_node(struct fs_request *r, struct fs_node *n)
{
    fs_node_put(r->ask.fs->nodes, n);
}

/* A request with a name; answered already when there is no memory. */
static struct fs_request *named_request(fuse_req_t req, const char *op, fuse_ino_t ino, const char *name,
                                        fs_request_try attempt)
{
    struct fs_request *r = fs_request_new(fs_of(req), req, op, ino, attempt);
    if (r)
        r->name = strdup(name);
    if (r && !r->name) {
        r->attempt = NULL;
        free(r);
        (void)fuse_reply_err(req, ENOMEM);
        return NULL;
    }
    return r;
}

static void fill_entry(struct fs_request *r, const struct fs_node *n, struct fuse_entry_param *ret)
{
    *ret = (struct fuse_entry_param){
        .ino = n->id,
        .attr_timeout = fs_tree_attr_timeout(n),
        .entry_timeout = fs_tree_entry_timeout(n),
    };
    fs_tree_attr(&r->ask, n, &ret->attr);
}

static errint try_lookup(struct fs_request *r)
{
    struct fs_node *parent, *n;
    errint e = node_of(r, &parent);
    if (e)
        return e;
    e = fs_tree_lookup(&r->ask, parent, r->name, &n);
    put_node(r, parent);
    if (e)
        return e;
    struct fuse_entry_param entry;
    fill_entry(r, n, &entry);
    struct fs_nodes *nodes = r->ask.fs->nodes;
    if (fs_request_answer_entry(r, &entry))
        fs_node_forget(nodes, n->id, 1);
    fs_node_put(nodes, n);
    return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fs_request *r = named_request(req, "lookup", parent, name, try_lookup);
    if (r)
        fs_request_begin(r);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
    fs_node_forget(fs_of(req)->nodes, ino, lookups);
    fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        fs_node_forget(fs_of(req)->nodes, forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(req);
}

static void begin(fuse_req_t req, const char *op, fuse_ino_t ino, const struct fuse_file_info *fi,
                  fs_request_try attempt)
{
    struct fs_request *r = fs_request_new(fs_of(req), req, op, ino, attempt);
    if (!r)
        return;
    if (fi)
        r->fi = *fi;
    fs_request_begin(r);
}

static errint try_getattr(struct fs_request *r)
{
    struct fs_node *n;
    struct stat attr;
    errint e = node_of(r, &n);
    if (e)
        return e;
    fs_tree_attr(&r->ask, n, &attr);
    fs_request_answer_attr(r, &attr, fs_tree_attr_timeout(n));
    put_node(r, n);
    return 0;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    begin(req, "getattr", ino, fi, try_getattr);
}

/* Emptying connect (O_TRUNC, ftruncate) is a writer's habit and means nothing. */
static errint try_setattr(struct fs_request *r)
{
    struct fs_node *n;
    errint e = node_of(r, &n);
    if (e)
        return e;
    bool empties = r->off & FUSE_SET_ATTR_SIZE;
    if (n->place.kind->type != FS_CONTROL || !empties)
        e = err_set(-EROFS, "%s cannot be changed", n->path);
    put_node(r, n);
    return e ? e : try_getattr(r);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
    (void)attr;
    (void)fi;
    struct fs_request *r = fs_request_new(fs_of(req), req, "setattr", ino, try_setattr);
    if (!r)
        return;
    r->off = (unsigned)to_set;
    fs_request_begin(r);
}

static errint try_readlink(struct fs_request *r)
{
    struct fs_node *n;
    errint e = node_of(r, &n);
    if (e)
        return e;
    if (n->place.kind->type != FS_LINK)
        e = err_set(-EINVAL, "%s is not a link", n->path);
    else
        fs_request_answer_link(r, n->content ? n->content : "");
    put_node(r, n);
    return e;
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
    begin(req, "readlink", ino, NULL, try_readlink);
}

/* A handle that the kernel did not want is closed again. */
static void answer_open(struct fs_request *r, struct fs_handle *h)
{
    r->fi.fh = (uint64_t)(uintptr_t)h;
    atomic_store_explicit(&h->open, true, memory_order_release);
    if (fs_request_answer_open(r))
        fs_handle_put(h);
}

/* The kernel's page is locked by the first who reads it; whoever comes after waits for that lock, deaf to all signals but those
 * that kill. So a file whose bytes are being waited for is opened past the page cache: each reader then has a request of
 * its own, which a signal ends. */
static bool is_stuck(const struct fs_request *r)
{
    return fs_park_reads(r->ask.fs->park, r->ino, clock_monotonic_ns() - STUCK_NS);
}

static errint try_open(struct fs_request *r)
{
    struct fs_node *n;
    struct fs_handle *h;
    errint e = node_of(r, &n);
    if (e)
        return e;
    bool control = n->place.kind->type == FS_CONTROL;
    e = fs_handle_open(&r->ask, n, r->fi.flags, fuse_req_ctx(r->req)->uid, &h);
    put_node(r, n);
    if (e)
        return e;
    r->fi.direct_io = control || is_stuck(r);
    r->fi.keep_cache = !control; /* a node's bytes never change */
    r->fi.noflush = 1;
    answer_open(r, h);
    return 0;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    begin(req, "open", ino, fi, try_open);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    fs_handle_put(handle_of(fi));
    (void)fuse_reply_err(req, 0);
}

static void deliver(void *arg, const void *data, size_t len)
{
    fs_request_answer_bytes(arg, data, len);
}

static errint try_read(struct fs_request *r)
{
    struct fs_handle *h = hold_handle(r);
    errint e = fs_handle_read(h, r->off, r->size, deliver, r, &r->waiter);
    fs_handle_put(h);
    return e;
}

static struct fs_request *ranged_request(fuse_req_t req, const char *op, fuse_ino_t ino, size_t size, off_t off,
                                         const struct fuse_file_info *fi, fs_request_try attempt)
{
    struct fs_request *r = fs_request_new(fs_of(req), req, op, ino, attempt);
    if (!r)
        return NULL;
    r->fi = *fi;
    r->off = (uint64_t)off;
    r->size = size;
    return r;
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct fs_request *r = ranged_request(req, "read", ino, size, off, fi, try_read);
    if (r)
        fs_request_begin(r);
}

/* An interrupt asks the command to end; what it then gives is the write's result. */
static errint write_connect(struct fs_request *r, struct fs_connect *c)
{
    r->timeout_ms = -1; /* the command has its own */
    if (r->stage == 1 && fs_request_verdict(r))
        fs_connect_cancel(c);
    errint e = fs_connect_write(c, r->data, r->size, &r->stage, &r->waiter);
    r->patient = r->stage == 1;
    if (e == 0)
        fs_request_answer_written(r, r->size);
    return e;
}

static errint try_write(struct fs_request *r)
{
    struct fs_handle *h = hold_handle(r);
    errint e = h->connect ? write_connect(r, h->connect) : err_set(-EROFS, "%s cannot be written", h->node->path);
    fs_handle_put(h);
    return e;
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
                     struct fuse_file_info *fi)
{
    struct fs_request *r = ranged_request(req, "write", ino, size, off, fi, try_write);
    if (!r)
        return;
    r->data = malloc(size + 1);
    if (!r->data) {
        free(r);
        (void)fuse_reply_err(req, ENOMEM);
        return;
    }
    memcpy(r->data, data, size);
    r->data[size] = '\0';
    fs_request_begin(r);
}

static errint try_opendir(struct fs_request *r)
{
    struct fs_node *n;
    struct fs_handle *h;
    errint e = node_of(r, &n);
    if (e)
        return e;
    e = fs_handle_open_folder(&r->ask, n, &h);
    put_node(r, n);
    if (e == 0)
        answer_open(r, h);
    return e;
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    begin(req, "opendir", ino, fi, try_opendir);
}

/* One answer to readdir: what is written, and what nodes were handed out with it. */
struct page {
    struct fs_request *r;
    struct fs_handle *h;
    bool plus;
    char *at;
    size_t left;
    struct fs_node **given;
    size_t given_count, given_room;
};

/* st_ino of what lies at NAME in the folder; of itself and its parent. */
static uint64_t entry_ino(const struct fs_node *folder, const char *name)
{
    struct buf path cleanup_buf = BUF_INIT;
    const char *base = folder->path[1] ? folder->path : "";
    if (strcmp(name, ".") == 0)
        return folder->ino;
    if (strcmp(name, "..") == 0)
        buf_append(&path, base, *base ? (size_t)(strrchr(base, '/') - base) : 0);
    else
        buf_printf(&path, "%s/%s", base, name);
    return fs_node_ino(path.len ? buf_text(&path) : "/");
}

static bool add_plain(struct page *p, const char *name, uint32_t mode, size_t next)
{
    struct stat attr = {.st_ino = entry_ino(p->h->node, name), .st_mode = mode};
    size_t size = fuse_add_direntry(p->r->req, p->at, p->left, name, &attr, (off_t)next);
    if (size > p->left)
        return false;
    p->at += size;
    p->left -= size;
    return true;
}

static bool remember(struct page *p, struct fs_node *n)
{
    if (p->given_count == p->given_room) {
        size_t room = p->given_room ? p->given_room * 2 : 32;
        struct fs_node **given = realloc(p->given, room * sizeof(struct fs_node *));
        if (!given)
            return false;
        p->given = given;
        p->given_room = room;
    }
    p->given[p->given_count++] = n;
    return true;
}

static void take_back(struct page *p, struct fs_node *n)
{
    fs_node_forget(p->h->fs->nodes, n->id, 1);
    fs_node_put(p->h->fs->nodes, n);
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* With attributes where they are known, else with node 0: the kernel then takes the name and its type alone. */
static bool add_plus(struct page *p, const char *name, uint32_t mode, size_t next)
{
    struct fuse_entry_param entry = {.attr = {.st_ino = entry_ino(p->h->node, name), .st_mode = mode}};
    struct fs_node *n = NULL;
    if (!is_dots(name) && fs_tree_lookup_known(&p->r->ask, p->h->node, name, &n) == 0)
        fill_entry(p->r, n, &entry);
    size_t size = fuse_add_direntry_plus(p->r->req, p->at, p->left, name, &entry, (off_t)next);
    if (size > p->left || (n && !remember(p, n))) {
        if (n)
            take_back(p, n);
        return false;
    }
    p->at += size;
    p->left -= size;
    return true;
}

/* Entry INDEX: 0 and 1 are the folder and its parent. Its cookie is the next one's index. */
static bool add_entry(struct page *p, size_t index)
{
    const struct fs_listing *l = &p->h->listing;
    const char *name = index == 0 ? "." : index == 1 ? ".." : fs_listing_name(l, index - 2);
    uint32_t mode = index < 2 ? S_IFDIR : l->entries[index - 2].mode;
    return p->plus ? add_plus(p, name, mode, index + 1) : add_plain(p, name, mode, index + 1);
}

static errint answer_page(struct fs_request *r, bool plus)
{
    char *data cleanup_free = calloc(1, r->size + 1);
    if (!data)
        return err_set(-ENOMEM, "no memory for a listing of %zu bytes", r->size);
    struct page page = {.r = r, .h = hold_handle(r), .plus = plus, .at = data, .left = r->size};
    size_t end = page.h->listing.count + 2;
    for (size_t i = r->off; i < end && add_entry(&page, i); i++)
        ;
    struct fs_nodes *nodes = page.h->fs->nodes;
    bool unwanted = fs_request_answer_entries(r, data, r->size - page.left) != 0;
    for (size_t i = 0; i < page.given_count; i++) {
        if (unwanted)
            fs_node_forget(nodes, page.given[i]->id, 1);
        fs_node_put(nodes, page.given[i]);
    }
    free(page.given);
    fs_handle_put(page.h);
    return 0;
}

static errint try_readdir(struct fs_request *r)
{
    return answer_page(r, false);
}

static errint try_readdirplus(struct fs_request *r)
{
    return answer_page(r, true);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct fs_request *r = ranged_request(req, "readdir", ino, size, off, fi, try_readdir);
    if (r)
        fs_request_begin(r);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct fs_request *r = ranged_request(req, "readdir", ino, size, off, fi, try_readdirplus);
    if (r)
        fs_request_begin(r);
}

static errint get_xattr(struct fs_request *r, const struct fs_node *n, struct buf *ret)
{
    const struct fs_kind *kind = n->place.kind;
    if (kind->type == FS_SOURCE && strcmp(r->name, "user.ctfs.size") == 0) {
        buf_puts(ret, n->verified ? "verified" : "declared");
        return buf_error(ret);
    }
    if (kind->topic && strcmp(r->name, "user.ctfs.fetched_at") == 0)
        return fs_tree_fetched(&r->ask, n, ret);
    if (!kind->xattr || strncmp(r->name, "user.ctfs.", 10) != 0)
        return err_set(-ENODATA, "%s has no attribute %s", n->path, r->name);
    return kind->xattr(&r->ask, &n->place, r->name, ret);
}

static errint try_getxattr(struct fs_request *r)
{
    struct fs_node *n;
    struct buf value cleanup_buf = BUF_INIT;
    errint e = node_of(r, &n);
    if (e)
        return e;
    e = get_xattr(r, n, &value);
    put_node(r, n);
    if (e == 0 && r->size > 0 && value.len > r->size)
        e = err_set(-ERANGE, "the attribute has %zu bytes", value.len);
    if (e)
        return e;
    if (r->size == 0)
        fs_request_answer_xattr_size(r, value.len);
    else
        fs_request_answer_bytes(r, buf_text(&value), value.len);
    return 0;
}

/* Of access lists and labels there are none, on the whole filesystem: ls -l hears that once and asks no more. */
static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    if (strncmp(name, "user.", 5) != 0) {
        (void)fuse_reply_err(req, ENOTSUP);
        return;
    }
    struct fs_request *r = named_request(req, "getxattr", ino, name, try_getxattr);
    if (!r)
        return;
    r->size = size;
    fs_request_begin(r);
}

/* None is listed: a backup would read each anew with every change. */
static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    (void)ino;
    if (size == 0)
        (void)fuse_reply_xattr(req, 0);
    else
        (void)fuse_reply_buf(req, NULL, 0);
}

/* The cache: its limit as the size, what it holds as what is used. */
static errint try_statfs(struct fs_request *r)
{
    uint64_t used, limit;
    model_status_space(r->ask.fs->model, &used, &limit);
    limit = limit > used ? limit : used;
    struct statvfs s = {
        .f_bsize = 4096,
        .f_frsize = 4096,
        .f_blocks = limit / 4096,
        .f_bfree = (limit - used) / 4096,
        .f_bavail = (limit - used) / 4096,
        .f_files = fs_nodes_count(r->ask.fs->nodes),
        .f_namemax = FS_NAME_MAX,
    };
    fs_request_answer_statfs(r, &s);
    return 0;
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    begin(req, "statfs", ino, NULL, try_statfs);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    (void)parent, (void)name, (void)mode, (void)device;
    (void)fuse_reply_err(req, EROFS);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)parent, (void)name, (void)mode;
    (void)fuse_reply_err(req, EROFS);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    (void)parent, (void)name;
    (void)fuse_reply_err(req, EROFS);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    (void)target, (void)parent, (void)name;
    (void)fuse_reply_err(req, EROFS);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to, const char *to_name,
                      unsigned flags)
{
    (void)parent, (void)name, (void)to, (void)to_name, (void)flags;
    (void)fuse_reply_err(req, EROFS);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    (void)ino, (void)parent, (void)name;
    (void)fuse_reply_err(req, EROFS);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
    (void)parent, (void)name, (void)mode, (void)fi;
    (void)fuse_reply_err(req, EROFS);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
    (void)ino, (void)name, (void)value, (void)size, (void)flags;
    (void)fuse_reply_err(req, EROFS);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    (void)ino, (void)name;
    (void)fuse_reply_err(req, EROFS);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
    (void)ino, (void)mode, (void)off, (void)len, (void)fi;
    (void)fuse_reply_err(req, EROFS);
}

/* max_background: a read that waits for the network may be a background request, and with the kernel's 12, or 64, the
 * reads of everyone else would wait behind it. ASYNC_READ off: a reader then waits for its own request and a signal
 * interrupts it; behind read-ahead sent on its behalf only a killing one would. */
static void op_init(void *userdata, struct fuse_conn_info *conn)
{
    (void)userdata;
    unsigned wanted = FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS |
                      FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_EXPLICIT_INVAL_DATA;
    unsigned unwanted = FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                        FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_ASYNC_READ;
    conn->want = (conn->want | (wanted & conn->capable)) & ~unwanted;
    conn->max_read = SOURCE_READ_MAX;
    conn->max_background = MAX_BACKGROUND;
    conn->congestion_threshold = CONGESTION;
    conn->time_gran = 1;
}

void fs_ops_init(void)
{
    fs_request_failed = fs_complain;
}

const struct fuse_lowlevel_ops fs_ops = {
    .init = op_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .readlink = op_readlink,
    .open = op_open,
    .read = op_read,
    .write = op_write,
    .release = op_release,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .releasedir = op_release,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .statfs = op_statfs,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_unlink,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .create = op_create,
    .setxattr = op_setxattr,
    .removexattr = op_removexattr,
    .fallocate = op_fallocate,
};
