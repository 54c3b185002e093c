/* What can be said of a gzip object from its first or its last bytes alone. */
#include "cache/gunzip.h"
#include "cache/gunzip_stream.h"

#define RATIO_MAX UINT64_C(1032)     /* of DEFLATE: 258 bytes for 2 bits */
#define RATIO_USUAL_MAX UINT64_C(32) /* where no part of the report was proven yet */
#define RATIO_OFF_MAX UINT64_C(3)

errint cache_gunzip_head(const void *prefix, size_t prefix_len, uint64_t object_bytes, void *out, size_t out_len,
                         size_t *ret_len, bool *ret_more)
{
    struct cache_gunzip_stream s;
    errint e = cache_gunzip_stream_init(&s, NULL);
    if (e)
        return e;
    struct cache_inflate_io io = {.in = prefix, .in_len = prefix_len, .out = out, .out_len = out_len};
    e = cache_gunzip_stream_step(&s, &io);
    if (e == 0 && io.out_len && prefix_len >= object_bytes)
        e = cache_gunzip_stream_finish(&s);
    cache_gunzip_stream_done(&s);
    if (e)
        return e;
    *ret_len = out_len - io.out_len;
    *ret_more = io.out_len && prefix_len < object_bytes;
    return 0;
}

/* Is PLAIN, which is below 2^34, at most MILLI thousandths of OBJECT? */
static bool within(uint64_t plain, uint64_t object, uint64_t milli)
{
    uint64_t most;
    return __builtin_mul_overflow(object, milli, &most) || plain * 1000 <= most;
}

enum cache_gunzip_plausible cache_gunzip_declared(const uint8_t trailer[CACHE_GZIP_TRAILER_BYTES],
                                                  uint64_t object_bytes, uint32_t typical_ratio_milli,
                                                  uint64_t *ret_declared_bytes)
{
    const uint8_t *isize = trailer + 4;
    uint64_t declared = isize[0] | (uint32_t)isize[1] << 8 | (uint32_t)isize[2] << 16 | (uint32_t)isize[3] << 24;
    uint64_t wrapped = declared + (UINT64_C(1) << 32);
    uint64_t typical = typical_ratio_milli;
    uint64_t usual_max = typical ? typical * RATIO_OFF_MAX : RATIO_USUAL_MAX * 1000;
    *ret_declared_bytes = declared;
    if (declared < object_bytes || !within(declared, object_bytes, RATIO_MAX * 1000) ||
        within(wrapped, object_bytes, usual_max))
        return CACHE_GUNZIP_MUST_VERIFY;
    if (!typical && !within(declared, object_bytes, usual_max) && within(wrapped, object_bytes, RATIO_MAX * 1000))
        return CACHE_GUNZIP_MUST_VERIFY; /* unusual already, and room for a wrap at what DEFLATE can do */
    if (typical && (within(declared, object_bytes, typical / RATIO_OFF_MAX) ||
                    !within(declared, object_bytes, typical * RATIO_OFF_MAX)))
        return CACHE_GUNZIP_MUST_VERIFY;
    return CACHE_GUNZIP_PLAUSIBLE;
}
