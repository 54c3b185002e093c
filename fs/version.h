/* The versions of the libraries that fs/ runs with, for --version: one "NAME VERSION" a line.
 *
 * Ownership: appends to the caller's buffer. Threads: any. Errors: the buffer's. Cost: none.
 */
#ifndef CTFS_FS_VERSION_H
#define CTFS_FS_VERSION_H

#include "base/buf.h"

void fs_version_text(struct buf *to);

#endif
