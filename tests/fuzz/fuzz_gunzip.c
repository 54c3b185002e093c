/* cache/gunzip_stream: both decoders say the same of any bytes, however input and output are cut. The first byte says how
 * long the pieces are. What each made before a failure may differ in length, never in content.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cache/gunzip_stream.h"

#define ROOM (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static errint decode(const struct cache_inflate_ops *ops, const uint8_t *data, size_t size, size_t piece, uint8_t *out,
                     size_t *ret_len)
{
    struct cache_gunzip_stream s;
    require(cache_gunzip_stream_init(&s, ops) == 0);
    size_t in_at = 0, out_at = 0;
    errint e = 0;
    while (e == 0 && out_at < ROOM) {
        size_t in_len = piece < size - in_at ? piece : size - in_at,
               out_len = piece < ROOM - out_at ? piece : ROOM - out_at;
        struct cache_inflate_io io = {data + in_at, in_len, out + out_at, out_len};
        e = cache_gunzip_stream_step(&s, &io);
        in_at += in_len - io.in_len;
        out_at += out_len - io.out_len;
        if (in_at == size && io.out_len)
            break;
    }
    if (e == 0 && out_at < ROOM)
        e = cache_gunzip_stream_finish(&s);
    cache_gunzip_stream_done(&s);
    *ret_len = out_at;
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[2][ROOM];
    if (size == 0)
        return 0;
    size_t piece = 1 + (size_t)data[0] * 37, len[2];
    errint by_zlib = decode(&cache_inflate_zlib, data + 1, size - 1, piece, out[0], &len[0]);
    errint by_default = decode(CACHE_INFLATE_DEFAULT, data + 1, size - 1, 1 + piece / 2, out[1], &len[1]);
    require(by_zlib == by_default);
    if (by_zlib == 0)
        require(len[0] == len[1]);
    require(memcmp(out[0], out[1], len[0] < len[1] ? len[0] : len[1]) == 0);
    return 0;
}
