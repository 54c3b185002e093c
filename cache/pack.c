/* ISA-L's deflate at level 0, stateless: places are a fifth larger than at level 1, and cost the first pass less; or zlib's.
 * Either reads the other's. */
#include "cache/pack.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* A stored block has 5 bytes of head for each 65,535. */
size_t cache_pack_bound(size_t len)
{
    return len + 5 * (len / 65535 + 2) + 64;
}

#ifdef CTFS_WITH_ISAL

#include <isa-l/igzip_lib.h>

struct cache_packer {
    struct isal_zstream z;
};

errint cache_pack_make(struct cache_packer *p, const void *from, size_t len, void *to, size_t *ret_len)
{
    if (len > INT_MAX)
        return err_set(-EINVAL, "%zu bytes to pack", len);
    isal_deflate_stateless_init(&p->z);
    p->z.end_of_stream = 1;
    p->z.next_in = (uint8_t *)(uintptr_t)from; /* read only, whatever its type says */
    p->z.avail_in = (uint32_t)len;
    p->z.next_out = to;
    p->z.avail_out = (uint32_t)cache_pack_bound(len);
    if (isal_deflate_stateless(&p->z) != COMP_OK)
        return err_set(-EIO, "cannot pack %zu bytes", len);
    *ret_len = p->z.total_out;
    return 0;
}

errint cache_pack_undo(const void *from, size_t from_len, void *to, size_t len)
{
    struct inflate_state *s cleanup_free = malloc(sizeof *s);
    if (!s)
        return err_set(-ENOMEM, "no memory to unpack");
    isal_inflate_init(s);
    s->crc_flag = ISAL_DEFLATE;
    s->next_in = (uint8_t *)(uintptr_t)from; /* read only, whatever its type says */
    s->avail_in = (uint32_t)from_len;
    s->next_out = to;
    s->avail_out = (uint32_t)len;
    int code = isal_inflate_stateless(s);
    if (code != ISAL_DECOMP_OK || s->avail_out || s->block_state != ISAL_BLOCK_FINISH)
        return err_set(-EIO, "what is packed is not %zu bytes", len);
    return 0;
}

#else

#include <zlib.h>

struct cache_packer {
    z_stream z;
};

errint cache_pack_make(struct cache_packer *p, const void *from, size_t len, void *to, size_t *ret_len)
{
    if (len > INT_MAX)
        return err_set(-EINVAL, "%zu bytes to pack", len);
    p->z = (z_stream){.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)len};
    p->z.next_out = to;
    p->z.avail_out = (uInt)cache_pack_bound(len);
    if (deflateInit2(&p->z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(-ENOMEM, "no memory to pack");
    int code = deflate(&p->z, Z_FINISH);
    *ret_len = p->z.total_out;
    (void)deflateEnd(&p->z);
    return code == Z_STREAM_END ? 0 : err_set(-EIO, "cannot pack %zu bytes", len);
}

errint cache_pack_undo(const void *from, size_t from_len, void *to, size_t len)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)from_len};
    z.next_out = to;
    z.avail_out = (uInt)len;
    if (inflateInit2(&z, -15) != Z_OK)
        return err_set(-ENOMEM, "no memory to unpack");
    int code = inflate(&z, Z_FINISH);
    (void)inflateEnd(&z);
    return code == Z_STREAM_END && z.avail_out == 0 ? 0 : err_set(-EIO, "what is packed is not %zu bytes", len);
}

#endif

errint cache_pack_new(struct cache_packer **ret)
{
    *ret = malloc(sizeof **ret);
    return *ret ? 0 : err_set(-ENOMEM, "no memory to pack");
}

void cache_pack_free(struct cache_packer *p)
{
    free(p);
}
