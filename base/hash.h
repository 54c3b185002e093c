/* Hashes that are stored: of paths (inode numbers) and of content (has it changed?). Not for secrets or signatures.
 *
 * Ownership: nothing.
 * Threads:   any.
 * Errors:    none.
 * Cost:      about 1 ns a byte.
 */
#ifndef CTFS_BASE_HASH_H
#define CTFS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 with a fixed key (Aumasson and Bernstein, 2012): the same on every machine and in every run. */
uint64_t hash_bytes(const void *data, size_t len);

struct hash128 {
    uint64_t a, b;
};
/* SipHash-2-4-128 with a fixed key. */
struct hash128 hash128_bytes(const void *data, size_t len);

#endif
