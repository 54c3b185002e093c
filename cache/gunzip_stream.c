/*   HEADER -> BODY -> TRAILER -> BETWEEN -> HEADER (a byte that is not zero) or PADDING (zero)
 *
 * What a decoder took beyond the end of a body is at most eight bytes, which the trailer's eight bytes always hold.
 */
#include "cache/gunzip_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#ifdef CTFS_WITH_ISAL
#include <isa-l/crc.h>
#endif
#include <zlib.h>

enum { HEADER, BODY, TRAILER, BETWEEN, PADDING };

static uint32_t checksum(uint32_t crc, const uint8_t *data, size_t len)
{
#ifdef CTFS_WITH_ISAL
    return crc32_gzip_refl(crc, data, len);
#else
    return (uint32_t)crc32_z(crc, data, len);
#endif
}

errint cache_gunzip_stream_init(struct cache_gunzip_stream *s, const struct cache_inflate_ops *ops)
{
    memset(s, 0, sizeof *s);
    ops = ops ? ops : CACHE_INFLATE_DEFAULT;
    s->state = malloc(ops->state_bytes);
    if (!s->state)
        return err_set(-ENOMEM, "no memory for the state of %s", ops->name);
    errint e = ops->init(s->state);
    if (e) {
        free(s->state);
        s->state = NULL;
        return e;
    }
    s->ops = ops;
    cache_gzip_member_begin(&s->member);
    return 0;
}

void cache_gunzip_stream_reset(struct cache_gunzip_stream *s)
{
    s->ops->reset(s->state);
    cache_gzip_member_begin(&s->member);
    s->phase = HEADER;
    s->crc = 0;
    s->seeks_place = s->at_place = false;
    s->member_out_bytes = s->in_bytes = s->out_bytes = s->members_count = 0;
    s->last_byte = 0;
}

static errint step_header(struct cache_gunzip_stream *s, struct cache_inflate_io *io)
{
    bool whole;
    errint e = cache_gzip_member_header(&s->member, &io->in, &io->in_len, &whole);
    if (e || !whole)
        return e;
    s->phase = BODY;
    s->crc = 0;
    s->member_out_bytes = 0;
    return 0;
}

static errint step_trailer(struct cache_gunzip_stream *s, struct cache_inflate_io *io)
{
    bool whole;
    errint e = cache_gzip_member_trailer(&s->member, &io->in, &io->in_len, s->crc, s->member_out_bytes, &whole);
    if (e || !whole)
        return e;
    s->members_count++;
    s->phase = BETWEEN;
    return 0;
}

/* The body ended: what the decoder took too many of is the beginning of the trailer. */
static errint end_body(struct cache_gunzip_stream *s)
{
    uint8_t unread[CACHE_INFLATE_UNREAD_MAX];
    struct cache_inflate_io io = {.in = unread, .in_len = s->ops->unread(s->state, unread)};
    s->ops->reset(s->state);
    cache_gzip_member_end(&s->member);
    s->phase = TRAILER;
    errint e = step_trailer(s, &io);
    assert(e || io.in_len == 0);
    return e;
}

static errint step_body(struct cache_gunzip_stream *s, struct cache_inflate_io *io)
{
    uint8_t *out = io->out;
    size_t in_len = io->in_len;
    bool end = false, place = false, seek = s->seeks_place && s->ops->step_to_place;
    errint e = seek ? s->ops->step_to_place(s->state, io, &end, &place) : s->ops->step(s->state, io, &end);
    if (e)
        return e;
    size_t made = (size_t)(io->out - out);
    s->crc = checksum(s->crc, out, made);
    s->member_out_bytes += made;
    s->out_bytes += made;
    if (made)
        s->last_byte = io->out[-1];
    if (end)
        return end_body(s);
    s->at_place = place;
    if (made == 0 && !place && in_len && io->in_len == in_len && io->out_len)
        return err_set(-EIO, "the compressed data is corrupt: %s stands still", s->ops->name);
    return 0;
}

static errint step_between(struct cache_gunzip_stream *s, struct cache_inflate_io *io)
{
    if (*io->in == 0) {
        s->phase = PADDING;
    } else if (*io->in == CACHE_GZIP_MAGIC_0) {
        cache_gzip_member_begin(&s->member);
        s->phase = HEADER;
    } else {
        return err_set(-EIO, "byte 0x%02x behind %llu gzip members is neither a member nor zero padding", *io->in,
                       (unsigned long long)s->members_count);
    }
    return 0;
}

static errint step_padding(struct cache_inflate_io *io)
{
    for (; io->in_len; io->in++, io->in_len--)
        if (*io->in)
            return err_set(-EIO, "byte 0x%02x in the zero padding behind the gzip members", *io->in);
    return 0;
}

static errint step_phase(struct cache_gunzip_stream *s, struct cache_inflate_io *io)
{
    switch (s->phase) {
    case HEADER:
        return step_header(s, io);
    case BODY:
        return step_body(s, io);
    case TRAILER:
        return step_trailer(s, io);
    case BETWEEN:
        return step_between(s, io);
    default:
        return step_padding(io);
    }
}

/* A body is entered without input too: the decoder may hold output. */
errint cache_gunzip_stream_step(struct cache_gunzip_stream *s, struct cache_inflate_io *io)
{
    const uint8_t *in = io->in;
    errint e = 0;
    s->at_place = s->seeks_place && !s->ops->step_to_place;
    if (!s->at_place && s->phase == BODY && io->in_len == 0 && io->out_len)
        e = step_body(s, io);
    while (e == 0 && !s->at_place && io->in_len && (io->out_len || s->phase != BODY))
        e = step_phase(s, io);
    s->in_bytes += (uint64_t)(io->in - in);
    return e;
}

errint cache_gunzip_stream_finish(const struct cache_gunzip_stream *s)
{
    if (s->in_bytes == 0)
        return err_set(-EIO, "an empty object is no gzip file");
    if (s->phase != BETWEEN && s->phase != PADDING)
        return err_set(-EIO, "the gzip data is cut short after %llu bytes", (unsigned long long)s->in_bytes);
    return 0;
}

/* What is kept beside the decoder's state. */
struct kept {
    struct cache_gzip_member member;
    uint64_t member_out_bytes, in_bytes, out_bytes, members_count;
    uint32_t crc;
    int phase;
};

size_t cache_gunzip_stream_kept_bytes(const struct cache_gunzip_stream *s)
{
    return sizeof(struct kept) + s->ops->kept_bytes;
}

void cache_gunzip_stream_save(const struct cache_gunzip_stream *s, void *to)
{
    struct kept kept;
    memset(&kept, 0, sizeof kept); /* its padding too */
    kept.member = s->member;
    kept.member_out_bytes = s->member_out_bytes;
    kept.in_bytes = s->in_bytes;
    kept.out_bytes = s->out_bytes;
    kept.members_count = s->members_count;
    kept.crc = s->crc;
    kept.phase = s->phase;
    memcpy(to, &kept, sizeof kept);
    s->ops->save(s->state, (uint8_t *)to + sizeof kept);
}

errint cache_gunzip_stream_restore(struct cache_gunzip_stream *s, const void *from)
{
    struct kept kept;
    memcpy(&kept, from, sizeof kept);
    if (kept.phase < HEADER || kept.phase > PADDING)
        return err_set(-EIO, "not a kept stream");
    errint e = s->ops->restore(s->state, (const uint8_t *)from + sizeof kept);
    if (e)
        return e;
    s->member = kept.member;
    s->member_out_bytes = kept.member_out_bytes;
    s->in_bytes = kept.in_bytes;
    s->out_bytes = kept.out_bytes;
    s->members_count = kept.members_count;
    s->crc = kept.crc;
    s->phase = kept.phase;
    s->seeks_place = s->at_place = false;
    return 0;
}

void cache_gunzip_stream_done(struct cache_gunzip_stream *s)
{
    if (!s->ops)
        return;
    s->ops->done(s->state);
    free(s->state);
    s->state = NULL;
    s->ops = NULL;
}
