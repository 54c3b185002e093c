/* The header and the trailer of one gzip member (RFC 1952 section 2.3), read across any cuts of the input.
 *
 * Ownership: embedded; no resources.
 * Threads:   one user at a time.
 * Errors:    -EIO with what is wrong; -EFBIG for a header longer than CACHE_GZIP_HEADER_MAX_BYTES.
 * Cost:      a byte at a time: headers are short.
 */
#ifndef CTFS_CACHE_GZIP_MEMBER_H
#define CTFS_CACHE_GZIP_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

#define CACHE_GZIP_MAGIC_0 0x1f
#define CACHE_GZIP_TRAILER_BYTES 8
/* An empty member: a header of 10 bytes, an empty fixed block of 2, the trailer. */
#define CACHE_GZIP_MEMBER_MIN_BYTES 20
#define CACHE_GZIP_HEADER_MAX_BYTES (256u * 1024u)

struct cache_gzip_member {
    uint8_t phase, flags; /* private, as all of it */
    uint16_t left;        /* bytes left of a field of known length */
    uint32_t len;         /* bytes so far */
    uint32_t crc;         /* of them, for FHCRC */
    uint64_t value;       /* the field being gathered, little-endian */
};

/* Before a header. */
void cache_gzip_member_begin(struct cache_gzip_member *m);

/* Takes header bytes from *IN, advancing it; *ret_whole says that the header ended with the last byte taken. */
errint cache_gzip_member_header(struct cache_gzip_member *m, const uint8_t **in, size_t *in_len, bool *ret_whole);

/* Between the header and the trailer. */
void cache_gzip_member_end(struct cache_gzip_member *m);

/* Takes trailer bytes likewise, and once whole compares: CRC is that of the member's output, OUT_BYTES its length. */
errint cache_gzip_member_trailer(struct cache_gzip_member *m, const uint8_t **in, size_t *in_len, uint32_t crc,
                                 uint64_t out_bytes, bool *ret_whole);

#endif
