/* A lower source for tests: bytes in memory; chosen reads wait for a wake from another thread, fail, or never end.
 *
 * Ownership: fake_source_new gives one reference; DATA is the test's and outlives the source.
 * Threads:   any; the waking thread is the source's own and ends with it.
 * Errors:    the ones asked for. Cost: a thread.
 */
#ifndef CTFS_TESTS_FAKE_SOURCE_H
#define CTFS_TESTS_FAKE_SOURCE_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/source.h"

struct fake_source {
    struct source source;
    const unsigned char *data;
    size_t len;
    unsigned wait_every; /* each n-th read gives -EAGAIN once and wakes later; 0: none */
    unsigned fail_at;    /* the n-th read fails, once; 0: none */
    errint fail_code;
    uint64_t stall_from; /* reads that touch this offset or more never end; UINT64_MAX: none */
    atomic_uint calls;
    atomic_bool waking;
    struct waitlist line, stuck;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    unsigned pending; /* protected by lock, as stopping */
    bool stopping;
    pthread_t thread;
};

static atomic_int fake_source_alive;

static void *fake_source_thread(void *arg)
{
    struct fake_source *f = arg;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (!f->pending && !f->stopping)
            pthread_cond_wait(&f->cond, &f->lock);
        if (f->stopping)
            break;
        f->pending = 0;
        waitlist_wake(&f->line);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static errint fake_source_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    (void)w;
    *ret = (struct source_stat){.size_bytes = ((struct fake_source *)s)->len, .verified = true};
    return 0;
}

static errint fake_source_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                                struct waiter *w)
{
    struct fake_source *f = (struct fake_source *)s;
    unsigned call = ++f->calls;
    if (off + len > f->stall_from) {
        waitlist_add(&f->stuck, w);
        return -EAGAIN;
    }
    if (f->fail_at && call == f->fail_at)
        return err_set(f->fail_code, "the fake fails");
    if (f->wait_every && call % f->wait_every == 0) {
        pthread_mutex_lock(&f->lock);
        waitlist_add(&f->line, w);
        f->pending++;
        pthread_cond_signal(&f->cond);
        pthread_mutex_unlock(&f->lock);
        return -EAGAIN;
    }
    size_t left = off < f->len ? f->len - (size_t)off : 0;
    deliver(arg, left ? f->data + off : f->data, len < left ? len : left);
    return 0;
}

static void fake_source_free(struct source *s)
{
    struct fake_source *f = (struct fake_source *)s;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_signal(&f->cond);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    waitlist_done(&f->line);
    waitlist_done(&f->stuck);
    pthread_cond_destroy(&f->cond);
    pthread_mutex_destroy(&f->lock);
    free(f);
    fake_source_alive--;
}

static const struct source_ops fake_source_ops = {fake_source_stat, fake_source_pread, fake_source_free};

static inline struct fake_source *fake_source_new(const void *data, size_t len)
{
    struct fake_source *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    source_init(&f->source, &fake_source_ops);
    f->data = data;
    f->len = len;
    f->stall_from = UINT64_MAX;
    waitlist_init(&f->line);
    waitlist_init(&f->stuck);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->cond, NULL);
    if (pthread_create(&f->thread, NULL, fake_source_thread, f))
        abort();
    fake_source_alive++;
    return f;
}

#endif
