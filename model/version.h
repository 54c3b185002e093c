/* The versions of the libraries below model/, for --version: one "NAME VERSION" a line.
 *
 * Ownership: appends to the caller's buffer. Threads: any. Errors: the buffer's. Cost: none.
 */
#ifndef CTFS_MODEL_VERSION_H
#define CTFS_MODEL_VERSION_H

#include "base/buf.h"

void model_version_text(struct buf *to);

#endif
