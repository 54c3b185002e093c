/* struct feed: ranges of one immutable thing, pushed as they arrive: how bytes come from a network into a cache.
 *
 * Ownership: feed_free by its one owner, after every transfer is done. A sink belongs to the caller and lives until its
 *            done() returned.
 * Threads:   start and cancel from any; a sink's calls come one after another, from the feed's own thread, with no lock
 *            held; they must not block on the network.
 * Errors:    in done(): 0 after exactly LEN bytes, else the failure, its message the thread's (err_message) at that
 *            call.
 * Cost:      one request a range; retries resume where the bytes stopped and never deliver a byte twice.
 */
#ifndef CTFS_BASE_FEED_H
#define CTFS_BASE_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

struct feed_sink {
    void (*data)(struct feed_sink *sink, const void *data, size_t len);
    void (*done)(struct feed_sink *sink, errint result);
};

struct feed;
struct feed_transfer;

struct feed_ops {
    /* Begins [OFF, OFF+LEN), LEN > 0. On failure nothing of SINK is called. *RET is valid until done() was called. */
    errint (*start)(struct feed *f, uint64_t off, uint64_t len, struct feed_sink *sink, struct feed_transfer **ret);
    /* done(-ECANCELED) comes soon, unless the transfer ended before. Only before done() was called. Never from a sink.
     */
    void (*cancel)(struct feed *f, struct feed_transfer *t);
    void (*free)(struct feed *f);
};

struct feed {
    const struct feed_ops *ops;
};

static inline errint feed_start(struct feed *f, uint64_t off, uint64_t len, struct feed_sink *sink,
                                struct feed_transfer **ret)
{
    return f->ops->start(f, off, len, sink, ret);
}
static inline void feed_cancel(struct feed *f, struct feed_transfer *t)
{
    f->ops->cancel(f, t);
}
static inline void feed_free(struct feed *f)
{
    if (f)
        f->ops->free(f);
}

#endif
