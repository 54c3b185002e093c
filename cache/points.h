/* Places in the decompressed bytes of an object from which decompression can go on: kept beside the object.
 *
 * One set an object, shared by all its views. The first pass over the whole object makes it, place by place; what is there
 * can be used at once by whoever has the object open, and is kept for later runs once that pass proved the object. A set is
 * of one decoder, its version and the size of its state: another decoder's is thrown away.
 *
 * Ownership: cache_points_close by the opener. Threads: any.
 * Errors:    load: -EIO, damaged or gone: the whole set is dropped, and the next whole pass makes it anew. Nothing else
 *            fails: a set that cannot be made or kept is not there.
 * Cost:      find: a search in memory. load and add: one read or write of some 13 KiB and 0.1 ms. Counts within the limit of
 *            the objects' cache; its list takes 64 bytes a place.
 */
#ifndef CTFS_CACHE_POINTS_H
#define CTFS_CACHE_POINTS_H

#include <stdbool.h>

#include "cache/object.h"

struct cache_points;

/* A place is kept at each multiple of an interval, or as soon behind it as the decoder can be kept: the interval is the least
 * power of two, 2 MiB or more, that makes no more than this many of them. */
#define CACHE_POINTS_MAX 2048
#define CACHE_POINTS_INTERVAL_MIN_BYTES (UINT64_C(2) << 20)

uint64_t cache_points_interval(uint64_t plain_bytes);

struct cache_points_setup {
    const char *decoder;
    unsigned version;
    size_t state_bytes; /* of what is kept for a place */
    uint64_t plain_bytes;
};

/* The set of object ID. What was kept for another setup is removed. */
errint cache_points_open(struct cache_objects *o, const struct cache_object_id *id,
                         const struct cache_points_setup *setup, struct cache_points **ret);
void cache_points_close(struct cache_points *p); /* NULL is nothing */

struct cache_point {
    uint64_t out_bytes, in_bytes; /* that were made and taken before it */
    uint32_t crc;                 /* of what the gzip member made before it */
};

/* The last place at or before OFF; false when there is none but the beginning. */
bool cache_points_find(struct cache_points *p, uint64_t off, struct cache_point *ret);

/* What was kept for AT: state_bytes bytes into TO. */
errint cache_points_load(struct cache_points *p, const struct cache_point *at, void *to);

/* Asks to make the set, from the object's beginning: true for one caller at a time, and none once it is made. That caller
 * adds place after place and then ends, PROVEN when the whole object was decompressed and found right. */
bool cache_points_begin(struct cache_points *p);
void cache_points_add(struct cache_points *p, const struct cache_point *at, const void *state);
void cache_points_end(struct cache_points *p, bool proven);

/* It led to wrong bytes: it is dropped. */
void cache_points_drop(struct cache_points *p);

#endif
