/* A state for each field of the header; a field that the flags leave out is passed over when its turn comes.
 *
 *   FIXED 10 bytes -> EXTRA_LEN 2 -> EXTRA n -> NAME to NUL -> COMMENT to NUL -> HEADER_CRC 2 -> WHOLE
 *
 * The trailer is one field of 8 bytes: the CRC-32, then the length modulo 2^32.
 */
#include "cache/gzip_member.h"

#include <zlib.h>

enum { FIXED, EXTRA_LEN, EXTRA, NAME, COMMENT, HEADER_CRC, WHOLE };

enum { FLAG_HCRC = 0x02, FLAG_EXTRA = 0x04, FLAG_NAME = 0x08, FLAG_COMMENT = 0x10, FLAGS_RESERVED = 0xe0 };

#define METHOD_DEFLATE 8

void cache_gzip_member_begin(struct cache_gzip_member *m)
{
    *m = (struct cache_gzip_member){.phase = FIXED, .left = 10};
}

static errint take_fixed(struct cache_gzip_member *m, uint8_t byte)
{
    static const uint8_t magic[] = {CACHE_GZIP_MAGIC_0, 0x8b};
    if (m->len - 1 < sizeof magic && byte != magic[m->len - 1])
        return err_set(-EIO, "not gzip: byte %u of a member is 0x%02x", m->len - 1, byte);
    if (m->len == 3 && byte != METHOD_DEFLATE)
        return err_set(-EIO, "gzip compression method %u is not DEFLATE", byte);
    if (m->len == 4 && (byte & FLAGS_RESERVED))
        return err_set(-EIO, "gzip header flags 0x%02x are reserved", byte);
    if (m->len == 4)
        m->flags = byte;
    return 0;
}

/* The first field at or behind PHASE that this header has. */
static void enter(struct cache_gzip_member *m, uint8_t phase)
{
    static const uint8_t flag_of[] = {[EXTRA_LEN] = FLAG_EXTRA,
                                      [EXTRA] = FLAG_EXTRA,
                                      [NAME] = FLAG_NAME,
                                      [COMMENT] = FLAG_COMMENT,
                                      [HEADER_CRC] = FLAG_HCRC};
    while (phase < WHOLE && !(m->flags & flag_of[phase]))
        phase++;
    m->phase = phase;
    if (phase == EXTRA_LEN || phase == HEADER_CRC)
        m->left = 2;
}

static errint check_header_crc(const struct cache_gzip_member *m)
{
    uint32_t kept = (uint32_t)(m->value >> 48);
    if (kept != (m->crc & 0xffff))
        return err_set(-EIO, "gzip header CRC is 0x%04x, its bytes give 0x%04x", kept, m->crc & 0xffff);
    return 0;
}

static errint end_field(struct cache_gzip_member *m)
{
    if (m->phase == HEADER_CRC) {
        errint e = check_header_crc(m);
        if (e)
            return e;
    }
    uint16_t extra_len = m->phase == EXTRA_LEN ? (uint16_t)(m->value >> 48) : 0;
    enter(m, (uint8_t)(m->phase + 1));
    if (m->phase == EXTRA) {
        m->left = extra_len;
        if (extra_len == 0)
            enter(m, NAME);
    }
    return 0;
}

/* VALUE gathers from the top: the last N bytes are its upper N bytes. HEADER_CRC covers all bytes before it. */
static errint take_header(struct cache_gzip_member *m, uint8_t byte)
{
    if (++m->len > CACHE_GZIP_HEADER_MAX_BYTES)
        return err_set(-EFBIG, "gzip header is longer than %u bytes", CACHE_GZIP_HEADER_MAX_BYTES);
    errint e = m->phase == FIXED ? take_fixed(m, byte) : 0;
    if (e)
        return e;
    m->value = m->value >> 8 | (uint64_t)byte << 56;
    if (m->phase != HEADER_CRC)
        m->crc = (uint32_t)crc32(m->crc, &byte, 1);
    bool text = m->phase == NAME || m->phase == COMMENT;
    bool ended = text ? byte == 0 : --m->left == 0;
    return ended ? end_field(m) : 0;
}

errint cache_gzip_member_header(struct cache_gzip_member *m, const uint8_t **in, size_t *in_len, bool *ret_whole)
{
    while (*in_len && m->phase != WHOLE) {
        errint e = take_header(m, **in);
        if (e)
            return e;
        (*in)++;
        (*in_len)--;
    }
    *ret_whole = m->phase == WHOLE;
    return 0;
}

void cache_gzip_member_end(struct cache_gzip_member *m)
{
    m->left = CACHE_GZIP_TRAILER_BYTES;
    m->value = 0;
}

errint cache_gzip_member_trailer(struct cache_gzip_member *m, const uint8_t **in, size_t *in_len, uint32_t crc,
                                 uint64_t out_bytes, bool *ret_whole)
{
    while (*in_len && m->left) {
        m->value = m->value >> 8 | (uint64_t) * *in << 56;
        m->left--;
        (*in)++;
        (*in_len)--;
    }
    *ret_whole = false;
    if (m->left)
        return 0;
    uint32_t kept_crc = (uint32_t)m->value, kept_bytes = (uint32_t)(m->value >> 32);
    if (kept_crc != crc)
        return err_set(-EIO, "gzip CRC is 0x%08x, the bytes give 0x%08x", kept_crc, crc);
    if (kept_bytes != (uint32_t)out_bytes)
        return err_set(-EIO, "gzip length is %u, the bytes give %u (both modulo 2^32)", kept_bytes,
                       (uint32_t)out_bytes);
    *ret_whole = true;
    return 0;
}
