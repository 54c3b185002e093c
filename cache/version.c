/* The loaded libraries' own words where they have them; ISA-L's is the header's. */
#include "cache/version.h"

#include <sqlite3.h>
#include <zlib.h>
#ifdef CTFS_WITH_ISAL
#include <isa-l.h>
#endif

void cache_version_text(struct buf *to)
{
    buf_printf(to, "SQLite %s\n", sqlite3_libversion());
    buf_printf(to, "zlib %s\n", zlibVersion());
#ifdef CTFS_WITH_ISAL
    buf_printf(to, "ISA-L %d.%d.%d\n", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION);
#endif
}
