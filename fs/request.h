/* struct fs_request: one request of the kernel, from its arrival to its one answer.
 *
 * An operation is a try: a function that answers, or fails, or gives -EAGAIN after the ask's waiter was put on a list.
 * It is tried first on the FUSE thread that brought it, then from the top at each wake, on the reply threads. Nobody
 * waits in it.
 *
 * Ownership: fs_request_begin takes the request; it frees itself behind its answer.
 * Threads:   one try at a time.
 * Errors:    a try's failure is said through FAILED (once) and answered with its errno.
 * Cost:      one allocation; a request that never waits takes no park.
 */
#ifndef CTFS_FS_REQUEST_H
#define CTFS_FS_REQUEST_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "fs/fs.h"
#include "fs/park.h"

struct fs_request;

/* 0: answered. -EAGAIN: woken later. Else a failure, not answered yet. */
typedef errint (*fs_request_try)(struct fs_request *r);

struct fs_request {
    fuse_req_t req;
    const char *op; /* "read" */
    fs_request_try attempt;
    uint64_t ino;
    struct fuse_file_info fi;
    uint64_t off;
    size_t size;
    char *name; /* a name in INO, or of an attribute; owned */
    char *data; /* what was written; owned */
    struct fs_ask ask;

    int64_t timeout_ms; /* set before the first -EAGAIN; 0: op_timeout, -1: none */
    bool patient;       /* an interrupt's verdict does not end it: the try saw it */
    unsigned stage;     /* the try's own */

    struct task task; /* private, as all below */
    struct waiter waiter;
    struct fs_parked parked;
    bool waits; /* entered the park */
    bool answered;
};

/* NULL: no memory, and answered so. */
struct fs_request *fs_request_new(struct fs *fs, fuse_req_t req, const char *op, uint64_t ino, fs_request_try attempt);

/* Tries it now. R may be gone afterwards. */
void fs_request_begin(struct fs_request *r);

/* 0, or why it shall end: -ETIMEDOUT, -EINTR, -ENOTCONN. */
errint fs_request_verdict(struct fs_request *r);

/* The answers, each once, from a try. Those that hand out a node give 0, or a failure when the kernel no longer wanted
 * it (nothing was handed out then). */
void fs_request_answer_error(struct fs_request *r, int error);
void fs_request_answer_bytes(struct fs_request *r, const void *data, size_t len);
errint fs_request_answer_entries(struct fs_request *r, const void *data, size_t len);
errint fs_request_answer_entry(struct fs_request *r, const struct fuse_entry_param *entry);
errint fs_request_answer_open(struct fs_request *r);
void fs_request_answer_attr(struct fs_request *r, const struct stat *attr, double timeout_s);
void fs_request_answer_written(struct fs_request *r, size_t count);
void fs_request_answer_link(struct fs_request *r, const char *target);
void fs_request_answer_xattr_size(struct fs_request *r, size_t size);
void fs_request_answer_statfs(struct fs_request *r, const struct statvfs *s);

/* Told of every failure before it is answered; set once, at the start. */
extern void (*fs_request_failed)(const struct fs_request *r, errint e);

#endif
