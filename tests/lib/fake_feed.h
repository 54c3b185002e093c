/* A feed over bytes in memory, delivered in pieces by a thread of its own; the n-th transfer may fail, end short or stall.
 *
 * Ownership: fake_feed_done after the feed's last transfer ended; feed_free only counts.
 * Threads: settings before the first transfer, counters any time. Errors: as told. Cost: a thread a feed.
 */
#ifndef CTFS_TESTS_FAKE_FEED_H
#define CTFS_TESTS_FAKE_FEED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/feed.h"

struct feed_transfer {
    struct feed_sink *sink;
    uint64_t pos, end;
    unsigned number;
    bool cancelled;
    struct feed_transfer *next;
};

struct fake_feed {
    struct feed feed;
    const char *data;
    size_t len, piece_bytes;
    unsigned delay_us;                      /* before each piece */
    unsigned fail_at, short_at, stall_from; /* numbers from 1; 0: never */
    errint failure;
    atomic_uint started, freed;
    atomic_uint_fast64_t sent_bytes;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct feed_transfer *first; /* protected by lock */
    bool stop;                   /* protected by lock */
};

static inline errint fake_feed_start(struct feed *feed, uint64_t off, uint64_t len, struct feed_sink *sink,
                                     struct feed_transfer **ret)
{
    struct fake_feed *f = (struct fake_feed *)feed;
    if (len == 0 || off + len > f->len)
        return err_set(-EINVAL, "fake feed: a range that is not there");
    struct feed_transfer *t = calloc(1, sizeof *t);
    *t = (struct feed_transfer){
        .sink = sink, .pos = off, .end = off + len, .number = atomic_fetch_add(&f->started, 1) + 1};
    *ret = t;
    pthread_mutex_lock(&f->lock);
    struct feed_transfer **p = &f->first;
    while (*p)
        p = &(*p)->next;
    *p = t;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static inline void fake_feed_cancel(struct feed *feed, struct feed_transfer *t)
{
    struct fake_feed *f = (struct fake_feed *)feed;
    pthread_mutex_lock(&f->lock);
    t->cancelled = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static inline void fake_feed_free(struct feed *feed)
{
    atomic_fetch_add(&((struct fake_feed *)feed)->freed, 1);
}

static inline bool fake_feed_stalls(const struct fake_feed *f, const struct feed_transfer *t)
{
    return f->stall_from && t->number >= f->stall_from && !t->cancelled;
}

/* Takes the first transfer that can move, or NULL at the end. Under the lock. */
static inline struct feed_transfer *fake_feed_next(struct fake_feed *f)
{
    for (;;) {
        for (struct feed_transfer **p = &f->first; *p; p = &(*p)->next) {
            struct feed_transfer *t = *p;
            if (fake_feed_stalls(f, t))
                continue;
            *p = t->next;
            t->next = NULL;
            return t;
        }
        if (f->stop)
            return NULL;
        pthread_cond_wait(&f->changed, &f->lock);
    }
}

/* One piece; true when the transfer is over. */
static inline bool fake_feed_move(struct fake_feed *f, struct feed_transfer *t, errint *ret_result)
{
    *ret_result = t->cancelled ? err_set(-ECANCELED, "cancelled") : 0;
    if (t->cancelled)
        return true;
    if (f->fail_at == t->number) {
        *ret_result = err_set(f->failure, "transfer %u fails", t->number);
        return true;
    }
    size_t n = (size_t)(t->end - t->pos) < f->piece_bytes ? (size_t)(t->end - t->pos) : f->piece_bytes;
    if (f->delay_us)
        usleep(f->delay_us);
    atomic_fetch_add(&f->sent_bytes, n);
    t->sink->data(t->sink, f->data + t->pos, n);
    t->pos += n;
    return t->pos == t->end || f->short_at == t->number;
}

static inline void *fake_feed_run(void *arg)
{
    struct fake_feed *f = arg;
    pthread_mutex_lock(&f->lock);
    for (struct feed_transfer *t; (t = fake_feed_next(f));) {
        pthread_mutex_unlock(&f->lock);
        errint result;
        bool over = fake_feed_move(f, t, &result);
        if (over)
            t->sink->done(t->sink, result);
        pthread_mutex_lock(&f->lock);
        if (over) {
            free(t);
            continue;
        }
        struct feed_transfer **p = &f->first;
        while (*p)
            p = &(*p)->next;
        *p = t;
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static inline void fake_feed_init(struct fake_feed *f, const char *data, size_t len)
{
    static const struct feed_ops ops = {.start = fake_feed_start, .cancel = fake_feed_cancel, .free = fake_feed_free};
    *f = (struct fake_feed){.feed = {&ops}, .data = data, .len = len, .piece_bytes = 65536};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    pthread_create(&f->thread, NULL, fake_feed_run, f);
}

static inline void fake_feed_done(struct fake_feed *f)
{
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
}

/* For make_feed: ARG is the fake. */
static inline errint fake_feed_give(void *arg, struct feed **ret)
{
    *ret = &((struct fake_feed *)arg)->feed;
    return 0;
}

#endif
