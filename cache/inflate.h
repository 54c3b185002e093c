/* Raw DEFLATE (RFC 1951) as a stream, by ISA-L or by zlib: one interface, two implementations.
 *
 * The state is one block of STATE_BYTES bytes without pointers into the caller's buffers between steps, so that a decoder
 * at rest is a place in the stream that can be kept (zlib's holds a pointer to its own window beside it).
 *
 * Ownership: the caller owns the state (malloc'd, STATE_BYTES); init before anything else, done behind it.
 * Threads:   one user at a time.
 * Errors:    step: -EIO for data that is no DEFLATE; init: -ENOMEM. After a failure only reset and done may be called.
 * Cost:      a call of ISA-L's step moves up to 64 KiB of history: hand it 256 KiB or more of output at a time.
 */
#ifndef CTFS_CACHE_INFLATE_H
#define CTFS_CACHE_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

/* What a step may take and make; a step advances the pointers and counts the lengths down. */
struct cache_inflate_io {
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
};

/* The most bytes that a decoder can have taken beyond its stream's end. */
#define CACHE_INFLATE_UNREAD_MAX 8

struct cache_inflate_ops {
    const char *name;
    size_t state_bytes;
    errint (*init)(void *state);
    /* Ready for another stream. */
    void (*reset)(void *state);
    /* Goes on until the input is used up, the output is full or the stream ends. Output left over means that every byte
     * of the input was used, or the end. */
    errint (*step)(void *state, struct cache_inflate_io *io, bool *ret_end);
    /* After the end: the bytes behind the stream that were taken already, in their order. */
    unsigned (*unread)(const void *state, uint8_t ret_bytes[CACHE_INFLATE_UNREAD_MAX]);
    void (*done)(void *state);
    /* As step, but goes no further than the next place at which the decoder can be saved. NULL: it can be saved at rest
     * anywhere. */
    errint (*step_to_place)(void *state, struct cache_inflate_io *io, bool *ret_end, bool *ret_place);
    /* A decoder at a place, as KEPT_BYTES bytes that mean the same to another one of this NAME and VERSION. What is restored
     * goes on with the input behind what was taken. -EIO: no such state. */
    unsigned version;
    size_t kept_bytes;
    void (*save)(const void *state, void *to);
    errint (*restore)(void *state, const void *from);
};

extern const struct cache_inflate_ops cache_inflate_zlib;

#ifdef CTFS_WITH_ISAL
extern const struct cache_inflate_ops cache_inflate_isal;
#define CACHE_INFLATE_DEFAULT (&cache_inflate_isal)
#else
#define CACHE_INFLATE_DEFAULT (&cache_inflate_zlib)
#endif

#endif
