/* A whole gzip file as a stream: every member counts, and the end is proven.
 *
 * A file is one member or more (RFC 1952 section 2.2), then nothing or zero bytes. Each member's CRC and length modulo
 * 2^32 are checked. Any other byte behind a member, a cut anywhere, and a file of no bytes at all are -EIO: an empty
 * object is no gzip file, and whoever wants it to mean an empty report must say so before it comes here.
 *
 * Ownership: embedded; init, then done (which takes one that was zeroed or failed to init).
 * Threads:   one user at a time.
 * Errors:    -EIO corrupt or cut, -EFBIG a header over its limit, -ENOMEM. After a failure only reset and done.
 * Cost:      that of the decoder (cache/inflate.h) and a CRC of what it made while that is in the CPU's cache.
 */
#ifndef CTFS_CACHE_GUNZIP_STREAM_H
#define CTFS_CACHE_GUNZIP_STREAM_H

#include "cache/gzip_member.h"
#include "cache/inflate.h"

struct cache_gunzip_stream {
    const struct cache_inflate_ops *ops;
    void *state; /* the decoder's */
    struct cache_gzip_member member;
    int phase; /* private */
    uint32_t crc;
    uint64_t member_out_bytes;
    uint64_t in_bytes, out_bytes; /* in all, of all members */
    uint64_t members_count;       /* whole and checked */
    bool seeks_place;             /* set by the user: a step ends at the next place, and says so in */
    bool at_place;
    uint8_t last_byte; /* of what was made; 0 while nothing was */
};

/* OPS NULL: the build's default. */
errint cache_gunzip_stream_init(struct cache_gunzip_stream *s, const struct cache_inflate_ops *ops);
void cache_gunzip_stream_reset(struct cache_gunzip_stream *s);

/* Takes input and makes output until one of them is used up. */
errint cache_gunzip_stream_step(struct cache_gunzip_stream *s, struct cache_inflate_io *io);

/* The whole input was given, and a step left output over: 0 when it was a gzip file, else -EIO. */
errint cache_gunzip_stream_finish(const struct cache_gunzip_stream *s);

/* A stream at a place as bytes, cache_gunzip_stream_kept_bytes of them, and one that goes on from there with the input behind
 * the s->in_bytes that were taken. A place is where a step that was to seek one ended at one; where the decoder can be kept
 * anywhere, that is at once. -EIO: not a stream of this decoder. */
size_t cache_gunzip_stream_kept_bytes(const struct cache_gunzip_stream *s);
void cache_gunzip_stream_save(const struct cache_gunzip_stream *s, void *to);
errint cache_gunzip_stream_restore(struct cache_gunzip_stream *s, const void *from);

void cache_gunzip_stream_done(struct cache_gunzip_stream *s);

#endif
