/* Becoming a daemon: before any thread, with the parent waiting for word of success or failure.
 *
 * Ownership: the pipe is the daemon's. Threads: none may exist yet. Errors: -EAGAIN, -EMFILE of fork and pipe.
 * Cost:      one fork.
 */
#ifndef CTFS_FS_DAEMON_H
#define CTFS_FS_DAEMON_H

#include <stdbool.h>

#include "base/errors.h"

/* Private files, no core, no other process of this user may look inside: before any credential is read. */
void fs_daemon_harden(void);

struct fs_daemon {
    int pipe; /* to the parent; -1: in the foreground, or told already */
};

/* Forks. In the child: gives 0, *RET_CHILD true. In the parent: waits until the child told, then gives what it told: 0,
 * or its failure with its message (-ECHILD: it ended without a word). */
errint fs_daemon_fork(struct fs_daemon *d, bool *ret_child);

/* In the child: all is well. Its standard streams are then nobody's. */
void fs_daemon_ready(struct fs_daemon *d);
/* In the child: E, with the thread's message. */
void fs_daemon_failed(struct fs_daemon *d, errint e);

#endif
