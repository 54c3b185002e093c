/* The versions of the libraries that aws/ runs with, for --version: one "NAME VERSION" a line.
 *
 * Ownership: appends to the caller's buffer. Threads: any. Errors: the buffer's. Cost: none.
 */
#ifndef CTFS_AWS_VERSION_H
#define CTFS_AWS_VERSION_H

#include "base/buf.h"

void aws_version_text(struct buf *to);

#endif
