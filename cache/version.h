/* The versions of the libraries that cache/ runs with, for --version: one "NAME VERSION" a line.
 *
 * Ownership: appends to the caller's buffer. Threads: any. Errors: the buffer's. Cost: none.
 */
#ifndef CTFS_CACHE_VERSION_H
#define CTFS_CACHE_VERSION_H

#include "base/buf.h"

void cache_version_text(struct buf *to);

#endif
