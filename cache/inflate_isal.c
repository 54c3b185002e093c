/* ISA-L's stateful inflate on raw DEFLATE.
 *
 * ISA-L keeps up to 64 bits of input in read_in and never gives them back to next_in, since they may have come with an
 * earlier buffer: behind the end, the whole bytes among them are what unread() returns. Output that did not fit waits in
 * the state; so a step with no input may still make output, and the end is seen only once all of it is out.
 */
#include "cache/inflate.h"

#include <string.h>

#include <isa-l.h>

/* avail_in and avail_out are 32 bits wide. */
#define STEP_MAX_BYTES (1u << 30)

static errint isal_init(void *state)
{
    struct inflate_state *s = state;
    isal_inflate_init(s);
    s->crc_flag = ISAL_DEFLATE;
    return 0;
}

static void isal_reset(void *state)
{
    isal_inflate_reset(state);
}

static const char *reason(int code)
{
    switch (code) {
    case ISAL_INVALID_BLOCK:
        return "a block of no known kind";
    case ISAL_INVALID_SYMBOL:
        return "a symbol outside its code";
    case ISAL_INVALID_LOOKBACK:
        return "a match from before the beginning";
    default:
        return "not DEFLATE";
    }
}

static errint isal_step(void *state, struct cache_inflate_io *io, bool *ret_end)
{
    struct inflate_state *s = state;
    uint32_t in_len = io->in_len < STEP_MAX_BYTES ? (uint32_t)io->in_len : STEP_MAX_BYTES;
    uint32_t out_len = io->out_len < STEP_MAX_BYTES ? (uint32_t)io->out_len : STEP_MAX_BYTES;
    s->next_in = (uint8_t *)(uintptr_t)io->in; /* read only, whatever its type says */
    s->avail_in = in_len;
    s->next_out = io->out;
    s->avail_out = out_len;
    int code = isal_inflate(s);
    io->in += in_len - s->avail_in;
    io->in_len -= in_len - s->avail_in;
    io->out += out_len - s->avail_out;
    io->out_len -= out_len - s->avail_out;
    if (code < 0)
        return err_set(-EIO, "the compressed data is corrupt: %s", reason(code));
    *ret_end = s->block_state == ISAL_BLOCK_FINISH;
    return 0;
}

static unsigned isal_unread(const void *state, uint8_t ret_bytes[CACHE_INFLATE_UNREAD_MAX])
{
    const struct inflate_state *s = state;
    unsigned bits = s->read_in_length > 0 ? (unsigned)s->read_in_length : 0;
    uint64_t held = s->read_in >> (bits % 8);
    for (unsigned i = 0; i < bits / 8; i++)
        ret_bytes[i] = (uint8_t)(held >> (8 * i));
    return bits / 8;
}

static void isal_done(void *state)
{
    (void)state;
}

/* Between steps the struct is the whole state: tables, history, bits that were taken. What lies in its buffers behind the
 * bytes that count is left over from before. */
static void isal_save(const void *state, void *to)
{
    struct inflate_state *s = memcpy(to, state, sizeof *s);
    s->next_in = s->next_out = NULL;
    s->avail_in = s->avail_out = 0;
    memset(s->tmp_out_buffer + s->tmp_out_valid, 0, sizeof s->tmp_out_buffer - (size_t)s->tmp_out_valid);
    memset(s->tmp_in_buffer + s->tmp_in_size, 0, sizeof s->tmp_in_buffer - (size_t)s->tmp_in_size);
}

static errint isal_restore(void *state, const void *from)
{
    const struct inflate_state *s = from;
    bool sound = s->tmp_out_valid >= 0 && (size_t)s->tmp_out_valid <= sizeof s->tmp_out_buffer &&
                 s->tmp_out_processed >= 0 && s->tmp_out_processed <= s->tmp_out_valid && s->tmp_in_size >= 0 &&
                 (size_t)s->tmp_in_size <= sizeof s->tmp_in_buffer && s->read_in_length >= 0 &&
                 s->read_in_length <= 64 && s->crc_flag == ISAL_DEFLATE;
    if (!sound)
        return err_set(-EIO, "not a state of ISA-L's");
    memcpy(state, from, sizeof *s);
    return 0;
}

const struct cache_inflate_ops cache_inflate_isal = {
    .name = "isa-l",
    .state_bytes = sizeof(struct inflate_state),
    .init = isal_init,
    .reset = isal_reset,
    .step = isal_step,
    .unread = isal_unread,
    .done = isal_done,
    .version = ISAL_VERSION,
    .kept_bytes = sizeof(struct inflate_state),
    .save = isal_save,
    .restore = isal_restore,
};
