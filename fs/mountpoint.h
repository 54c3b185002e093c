/* A mount point as the system sees it: is a ctfs there, is it alive, whose is it; taking it away.
 *
 * Ownership: results are the caller's. Threads: any. Errors: of the system calls; -ENOENT no ctfs is mounted there.
 * Cost:      reads /proc/self/mountinfo; without root's rights, runs fusermount3.
 */
#ifndef CTFS_FS_MOUNTPOINT_H
#define CTFS_FS_MOUNTPOINT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"

/* PATH absolute and without links, even where its last part cannot be looked at because a dead ctfs is mounted on it. */
errint fs_mountpoint_resolve(const char *path, struct buf *ret);

struct fs_mountpoint {
    bool dead;   /* its process is gone: everything gives ENOTCONN */
    uid_t owner; /* who mounted it */
    pid_t pid;   /* its process, when it is alive and a ctfs of that owner; else 0 */
};
/* The topmost mount at RESOLVED, if it is a ctfs. */
errint fs_mountpoint_find(const char *resolved, struct fs_mountpoint *ret);

/* Every ctfs that is mounted, in the order of mounting: EACH gets its point, until one is the one (true, as is then the
 * result). */
bool fs_mountpoint_each(bool (*each)(void *arg, const char *resolved), void *arg);

/* Are the connections of the ctfs at RESOLVED kept in STATE_DIR? Waits for its answer; false if it gives none. */
bool fs_mountpoint_keeps(const char *resolved, const char *state_dir);

/* Takes the topmost mount away; LAZY: even when it is busy. */
errint fs_mountpoint_detach(const char *resolved, bool lazy);

#endif
