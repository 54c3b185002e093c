/* The times that files and folders are shown with, kept in cache.db so that they are the same after a remount.
 *
 * Ownership: nothing.
 * Threads:   any; never waits.
 * Errors:    of the store.
 * Cost:      an indexed read; a write when something is new.
 */
#ifndef CTFS_MODEL_SEEN_H
#define CTFS_MODEL_SEEN_H

#include "base/hash.h"
#include "model/model.h"

/* When content HASH was first seen at INO: the same as before if the hash is, else now, but not before FLOOR_NS (AWS's own
 * time; 0: none). */
errint model_seen_first(struct model *m, uint64_t ino, struct hash128 hash, int64_t floor_ns, int64_t *ret_ns);

/* The time of folder INO, whose names changed at CHANGED_NS; 0: not known yet, so the moment when it was first shown. */
errint model_seen_dated(struct model *m, uint64_t ino, int64_t changed_ns, int64_t *ret_ns);

#endif
