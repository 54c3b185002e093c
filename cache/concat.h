/* A struct source that is other sources one behind the other, each without its first bytes if so wished: the parts of a
 * report, of which all but the first leave out their header line.
 *
 * Ownership: takes the parts' sources (on success); holds them until it is freed.
 * Threads:   any.
 * Errors:    those of the parts. A read that reaches the end of a part, a part of no bytes too, asks that part itself for
 *            its last bytes, so whatever the part holds back until proven stays held back here. -EOVERFLOW of new: sizes
 *            past 2^64.
 * Cost:      a read within a part is that part's; one that lies across parts allocates its length. When reading comes
 *            within CACHE_CONCAT_AHEAD_BYTES of a part's end, the next one is told once to begin.
 */
#ifndef CTFS_CACHE_CONCAT_H
#define CTFS_CACHE_CONCAT_H

#include "base/source.h"

#define CACHE_CONCAT_AHEAD_BYTES (16u << 20)

struct cache_concat_part {
    struct source *source;
    uint64_t size_bytes; /* the source's whole size */
    uint64_t skip_bytes; /* left out at its beginning; at most size_bytes */
    bool verified;       /* as stat of the source says */
};

errint cache_concat_new(const struct cache_concat_part *parts, size_t count, struct source **ret);

#endif
