/* Small blocks of memory made smaller, at the speed of ISA-L where it is: raw DEFLATE either way.
 *
 * Ownership: a packer is the caller's (cache_packer_free). Threads: one user of a packer at a time; unpacking any.
 * Errors: -ENOMEM; -EIO what is unpacked is not LEN bytes of DEFLATE. Cost: a packer holds about 400 KiB.
 */
#ifndef CTFS_CACHE_PACK_H
#define CTFS_CACHE_PACK_H

#include <stddef.h>

#include "base/errors.h"

struct cache_packer;

errint cache_pack_new(struct cache_packer **ret);
void cache_pack_free(struct cache_packer *p); /* NULL is nothing */

/* The most that LEN bytes become. */
size_t cache_pack_bound(size_t len);

/* TO has cache_pack_bound(LEN) bytes. */
errint cache_pack_make(struct cache_packer *p, const void *from, size_t len, void *to, size_t *ret_len);

/* FROM must give exactly LEN bytes. */
errint cache_pack_undo(const void *from, size_t from_len, void *to, size_t len);

#endif
