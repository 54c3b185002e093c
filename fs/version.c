/* The loaded library's own words. */
#include "fs/version.h"

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

void fs_version_text(struct buf *to)
{
    buf_printf(to, "libfuse %s\n", fuse_pkgversion());
}
