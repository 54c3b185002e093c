/* zlib's inflate on raw DEFLATE. It gives whole bytes that it did not need back to next_in, so nothing is ever unread. */
#include "cache/inflate.h"

#include <string.h>
#include <zlib.h>

#define STEP_MAX_BYTES (1u << 30)
#define RAW_WINDOW_BITS (-15)

static errint zlib_init(void *state)
{
    z_stream *z = state;
    memset(z, 0, sizeof *z);
    return inflateInit2(z, RAW_WINDOW_BITS) == Z_OK ? 0 : err_set(-ENOMEM, "no memory for zlib");
}

static void zlib_reset(void *state)
{
    (void)inflateReset(state);
}

static errint zlib_step(void *state, struct cache_inflate_io *io, bool *ret_end)
{
    z_stream *z = state;
    uInt in_len = io->in_len < STEP_MAX_BYTES ? (uInt)io->in_len : STEP_MAX_BYTES;
    uInt out_len = io->out_len < STEP_MAX_BYTES ? (uInt)io->out_len : STEP_MAX_BYTES;
    z->next_in = (Bytef *)(uintptr_t)io->in; /* read only, whatever its type says */
    z->avail_in = in_len;
    z->next_out = io->out;
    z->avail_out = out_len;
    int code = inflate(z, Z_NO_FLUSH);
    io->in += in_len - z->avail_in;
    io->in_len -= in_len - z->avail_in;
    io->out += out_len - z->avail_out;
    io->out_len -= out_len - z->avail_out;
    if (code == Z_MEM_ERROR)
        return err_set(-ENOMEM, "no memory for zlib's window");
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return err_set(-EIO, "the compressed data is corrupt: %s", z->msg ? z->msg : "not DEFLATE");
    *ret_end = code == Z_STREAM_END;
    return 0;
}

static unsigned zlib_unread(const void *state, uint8_t ret_bytes[CACHE_INFLATE_UNREAD_MAX])
{
    (void)state;
    (void)ret_bytes;
    return 0;
}

static void zlib_done(void *state)
{
    (void)inflateEnd(state);
}

const struct cache_inflate_ops cache_inflate_zlib = {
    .name = "zlib",
    .state_bytes = sizeof(z_stream),
    .init = zlib_init,
    .reset = zlib_reset,
    .step = zlib_step,
    .unread = zlib_unread,
    .done = zlib_done,
};
