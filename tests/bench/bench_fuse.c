/* What FUSE itself costs: a mount with one file of SIZE bytes whose every read is answered at once, from one buffer, as ctfs
 * answers (low level, clone_fd, reads of 1 MiB, kept pages). No filesystem that does anything for its bytes is quicker.
 * Usage: bench_fuse MOUNTPOINT SIZE */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>

#define READ_BYTES (1u << 20)
#define BUFFER_BYTES ((size_t)16 << 20)
#define FILE_NODE 2
#define FOR_EVER 86400.0

static char *buffer; /* a read begins in its first half, so that it ends in it too */
static off_t size;

static void fill(fuse_ino_t ino, struct stat *ret)
{
    *ret = (struct stat){.st_ino = ino, .st_nlink = 1, .st_mode = S_IFDIR | 0555};
    if (ino == FILE_NODE) {
        ret->st_mode = S_IFREG | 0444;
        ret->st_size = size;
    }
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
    (void)arg;
    conn->max_read = conn->max_readahead = READ_BYTES;
    conn->max_background = 1024;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = {.ino = FILE_NODE, .attr_timeout = FOR_EVER, .entry_timeout = FOR_EVER};
    (void)parent;
    fill(FILE_NODE, &entry.attr);
    if (strcmp(name, "file") == 0)
        (void)fuse_reply_entry(req, &entry);
    else
        (void)fuse_reply_err(req, ENOENT);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat attr;
    (void)fi;
    fill(ino, &attr);
    (void)fuse_reply_attr(req, &attr, FOR_EVER);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    fi->keep_cache = 1;
    (void)fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off, struct fuse_file_info *fi)
{
    off_t left = off < size ? size - off : 0;
    (void)ino;
    (void)fi;
    (void)fuse_reply_buf(req, buffer + (size_t)off % (BUFFER_BYTES / 2), (off_t)len < left ? len : (size_t)left);
}

static int serve(struct fuse_session *session, const char *mountpoint)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    if (!config || fuse_set_signal_handlers(session) || fuse_session_mount(session, mountpoint))
        return 1;
    fuse_loop_cfg_set_clone_fd(config, 1);
    int result = fuse_session_loop_mt(session, config);
    fuse_session_unmount(session);
    fuse_loop_cfg_destroy(config);
    return result != 0;
}

int main(int argc, char **argv)
{
    static const struct fuse_lowlevel_ops ops = {
        .init = op_init, .lookup = op_lookup, .getattr = op_getattr, .open = op_open, .read = op_read};
    char program[] = "bench_fuse", o[] = "-omax_read=1048576";
    char *options[] = {program, o, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(2, options);
    buffer = argc == 3 ? aligned_alloc(READ_BYTES, BUFFER_BYTES) : NULL;
    if (!buffer)
        return 2;
    size = atoll(argv[2]);
    memset(buffer, 'x', BUFFER_BYTES);
    struct fuse_session *session = fuse_session_new(&args, &ops, sizeof ops, NULL);
    return session ? serve(session, argv[1]) : 1;
}
