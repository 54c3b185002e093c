/* zlib's inflate on raw DEFLATE. It gives whole bytes that it did not need back to next_in, so nothing is ever unread.
 *
 * Between two blocks its state is the last 32 KiB of output and the bits that it has not used of the last byte of input.
 */
#include "cache/inflate.h"

#include <string.h>
#include <zlib.h>

#define STEP_MAX_BYTES (1u << 30)
#define RAW_WINDOW_BITS (-15)
#define WINDOW_BYTES 32768

/* Of data_type behind a step with Z_BLOCK. */
#define UNUSED_BITS 7
#define LAST_BLOCK 64
#define BETWEEN_BLOCKS 128

struct state {
    z_stream z;
    uint8_t last; /* byte of input that was taken */
};

struct kept {
    uint32_t window_bytes;
    uint8_t bits, last;
    uint8_t window[WINDOW_BYTES];
};

static errint zlib_init(void *state)
{
    struct state *s = state;
    memset(s, 0, sizeof *s);
    return inflateInit2(&s->z, RAW_WINDOW_BITS) == Z_OK ? 0 : err_set(-ENOMEM, "no memory for zlib");
}

static void zlib_reset(void *state)
{
    (void)inflateReset(&((struct state *)state)->z);
}

static errint step(struct state *s, struct cache_inflate_io *io, int flush, bool *ret_end)
{
    z_stream *z = &s->z;
    const uint8_t *in = io->in;
    uInt in_len = io->in_len < STEP_MAX_BYTES ? (uInt)io->in_len : STEP_MAX_BYTES;
    uInt out_len = io->out_len < STEP_MAX_BYTES ? (uInt)io->out_len : STEP_MAX_BYTES;
    z->next_in = (Bytef *)(uintptr_t)io->in; /* read only, whatever its type says */
    z->avail_in = in_len;
    z->next_out = io->out;
    z->avail_out = out_len;
    int code = inflate(z, flush);
    io->in += in_len - z->avail_in;
    io->in_len -= in_len - z->avail_in;
    io->out += out_len - z->avail_out;
    io->out_len -= out_len - z->avail_out;
    if (code == Z_MEM_ERROR)
        return err_set(-ENOMEM, "no memory for zlib's window");
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return err_set(-EIO, "the compressed data is corrupt: %s", z->msg ? z->msg : "not DEFLATE");
    if (io->in > in)
        s->last = io->in[-1];
    *ret_end = code == Z_STREAM_END;
    return 0;
}

static errint zlib_step(void *state, struct cache_inflate_io *io, bool *ret_end)
{
    return step(state, io, Z_NO_FLUSH, ret_end);
}

static errint zlib_step_to_place(void *state, struct cache_inflate_io *io, bool *ret_end, bool *ret_place)
{
    struct state *s = state;
    errint e = step(s, io, Z_BLOCK, ret_end);
    *ret_place = e == 0 && !*ret_end && (s->z.data_type & BETWEEN_BLOCKS) && !(s->z.data_type & LAST_BLOCK);
    return e;
}

static void zlib_save(const void *state, void *to)
{
    const struct state *s = state;
    struct kept *kept = to;
    uInt len = 0;
    memset(kept, 0, sizeof *kept);
    if (inflateGetDictionary((z_stream *)(uintptr_t)&s->z, kept->window, &len) == Z_OK) /* reads only */
        kept->window_bytes = len;
    kept->bits = s->z.data_type & UNUSED_BITS;
    kept->last = s->last;
}

static errint zlib_restore(void *state, const void *from)
{
    struct state *s = state;
    const struct kept *kept = from;
    if (kept->window_bytes > WINDOW_BYTES || kept->bits > UNUSED_BITS)
        return err_set(-EIO, "not a state of zlib's");
    bool right = inflateReset(&s->z) == Z_OK;
    if (right && kept->bits)
        right = inflatePrime(&s->z, kept->bits, kept->last >> (8 - kept->bits)) == Z_OK;
    if (right && kept->window_bytes)
        right = inflateSetDictionary(&s->z, kept->window, kept->window_bytes) == Z_OK;
    s->last = kept->last;
    return right ? 0 : err_set(-EIO, "not a state of zlib's");
}

static unsigned zlib_unread(const void *state, uint8_t ret_bytes[CACHE_INFLATE_UNREAD_MAX])
{
    (void)state;
    (void)ret_bytes;
    return 0;
}

static void zlib_done(void *state)
{
    (void)inflateEnd(&((struct state *)state)->z);
}

const struct cache_inflate_ops cache_inflate_zlib = {
    .name = "zlib",
    .state_bytes = sizeof(struct state),
    .init = zlib_init,
    .reset = zlib_reset,
    .step = zlib_step,
    .unread = zlib_unread,
    .done = zlib_done,
    .step_to_place = zlib_step_to_place,
    .version = ZLIB_VERNUM,
    .kept_bytes = sizeof(struct kept),
    .save = zlib_save,
    .restore = zlib_restore,
};
