/* struct source: something with bytes and a size, that may have to be waited for. Sources are stacked on sources.
 *
 * An object in S3 kept on disk, the decompressed view of it, a concatenation of views and the tests' fakes are all
 * sources. No call of a source blocks on the network: what is not there yet gives -EAGAIN and wakes the waiter later.
 *
 * Ownership: counted; source_get and source_put. A source holds the sources below it. The bytes of a delivery belong to
 *            the source and are valid during the call alone.
 * Threads:   any number at once. A delivery is made on the caller's thread, with no lock of the source held.
 * Errors:    -EAGAIN: the waiter waits, or nothing was registered if it was NULL; call again when woken, from the top.
 *            Any other failure is an answer: -ESTALE replaced, -EIO not what it should be, -ETIMEDOUT, -EACCES …
 * Cost:      stated by each source.
 */
#ifndef CTFS_BASE_SOURCE_H
#define CTFS_BASE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/task.h"

/* No read is longer than this (it is FUSE's max_read too). */
#define SOURCE_READ_MAX 1048576u

struct source_stat {
    uint64_t size_bytes; /* as declared until verified */
    bool verified;       /* proven by a whole pass over the bytes, or by S3 itself for an object's own bytes */
};

/* Takes the bytes of one read. LEN may be 0 (end of file). */
typedef void (*source_deliver)(void *arg, const void *data, size_t len);

struct source;

struct source_ops {
    /* The size that is published for this source; never changes for one struct source. */
    errint (*stat)(struct source *s, struct source_stat *ret, struct waiter *w);
    /* On 0, DELIVER was called exactly once, with min(LEN, size - OFF) bytes (0 at or past the end): never a short
     * read. */
    errint (*pread)(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg, struct waiter *w);
    void (*free)(struct source *s);
};

struct source {
    const struct source_ops *ops;
    atomic_uint refs;
};

void source_init(struct source *s, const struct source_ops *ops); /* one reference */
struct source *source_get(struct source *s);
void source_put(struct source *s); /* NULL is nothing */

errint source_stat(struct source *s, struct source_stat *ret, struct waiter *w);
errint source_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg, struct waiter *w);

/* Blocking reads for threads that may: into BUF, at most LEN bytes (any length), *ret_len short only at the end of
 * file. DEADLINE_NS monotonic, 0: none. -EINTR once C is asked (C may be NULL). */
struct cancel;
errint source_read_wait(struct source *s, uint64_t off, void *buf, size_t len, struct cancel *c, int64_t deadline_ns,
                        size_t *ret_len);

/* A source over bytes in memory; takes DATA (malloc'd), verified from the start. */
errint source_memory_new(void *data, size_t len, struct source **ret);

#endif
