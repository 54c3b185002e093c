/* A mount from its beginning to its end.
 *
 * Ownership: the settings are the caller's and outlive the call. Threads: called by the process's only thread; it makes
 *            the rest.
 * Errors:    of the mount point, of the model's opening, of fuse; in the background, as the child told them.
 * Cost:      up to 10 threads of libfuse, the fs's and the model's.
 */
#ifndef CTFS_FS_MOUNT_H
#define CTFS_FS_MOUNT_H

#include "model/model.h"

struct fs_mount_setup {
    const char *mountpoint;
    const char *source; /* what mount(8) shows; NULL: "ctfs" */
    const struct model_settings *settings;
    bool foreground;
    /* Makes the model: called behind the fork, so that its threads are the mount's. */
    errint (*open_model)(void *arg, struct model **ret);
    void *arg;
};

/* In the foreground: returns when the mount has ended: 0 for an end on request (a signal, an unmount). In the background:
 * returns in the parent, 0 once the tree answers; the child ends with exit() when its mount does. */
errint fs_mount_run(const struct fs_mount_setup *setup);

#endif
