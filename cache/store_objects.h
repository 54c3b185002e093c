/* The rows of cache.db that tell what is on disk of each object. For cache/object*.c alone.
 *
 * Ownership: a row in a callback is valid during the call; one from get is the caller's (cache_object_row_done).
 * Threads: any. Errors: as store.h. Cost: one indexed query.
 */
#ifndef CTFS_CACHE_STORE_OBJECTS_H
#define CTFS_CACHE_STORE_OBJECTS_H

#include "cache/store.h"

struct cache_object_row {
    char *name; /* of its file */
    uint64_t size_bytes;
    int64_t last_used_ns;
    void *identity; /* what NAME is the hash of */
    size_t identity_len;
    void *tail; /* the object's last bytes, or nothing */
    size_t tail_len;
    void *chunks; /* a byte (is it there?) and four of its CRC-32, host order, for each chunk */
    size_t chunks_len;
};
void cache_object_row_done(struct cache_object_row *row);

/* -ENOENT. A row that is not as it was written is as good as none. */
errint cache_store_object_get(struct cache_store *s, const char *name, struct cache_object_row *ret);
errint cache_store_object_put(struct cache_store *s, const struct cache_object_row *row);
errint cache_store_object_delete(struct cache_store *s, const char *name);

/* Each row, the least recently used first. */
errint cache_store_object_each(struct cache_store *s, int (*each)(void *arg, const struct cache_object_row *row),
                               void *arg);

/* The descriptor of the folder in use, open as long as the store; -1 while there is none. */
int cache_store_folder_fd(const struct cache_store *s);

/* What cache.db itself takes on the disk now. Cost: three stats. */
uint64_t cache_store_disk_bytes(const struct cache_store *s);

#endif
