/* The operations that the kernel asks for: each decodes, calls the tree or a handle, and answers.
 *
 * Ownership: the session's userdata is the struct fs. Threads: libfuse's. Errors: answered as errno, and logged here once.
 * Cost:      none of their own.
 */
#ifndef CTFS_FS_OPS_H
#define CTFS_FS_OPS_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

extern const struct fuse_lowlevel_ops fs_ops;

/* To be called once, before the session runs. */
void fs_ops_init(void);

#endif
