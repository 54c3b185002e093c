/* A provider that does as it is told, a clock that stands where it is set, and a pool of one thread whose line can be waited for.
 *
 * Ownership: a fake outlives the aws_creds that has it (its free only counts). Threads: as a provider's. Errors: none.
 * Cost: none.
 */
#ifndef CTFS_TESTS_FAKE_PROVIDER_H
#define CTFS_TESTS_FAKE_PROVIDER_H

#include <stdio.h>

#include "aws/credentials.h"
#include "base/clock.h"

#define FAKE_EPOCH 1795424400LL /* 2026-11-23T09:00:00Z: where the tests' wall clock begins */

struct fake_provider {
    struct aws_provider provider;
    atomic_int fetches, frees;
    atomic_int lifetime_s; /* of what is given; 0: for ever */
    atomic_int failure;    /* given instead, while not 0 */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closed; /* protected by lock: fetch waits until it is opened or cancelled */
};

/* The wall clock stands AFTER_MS behind FAKE_EPOCH: a busy machine takes no time. */
static inline void fake_clock(int64_t after_ms)
{
    clock_stand_at_ns(FAKE_EPOCH * CLOCK_NS_PER_S + after_ms * CLOCK_NS_PER_MS);
}

static inline void fake_gate(struct fake_provider *f, bool closed)
{
    pthread_mutex_lock(&f->lock);
    f->closed = closed;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static inline errint fake_wait_gate(struct fake_provider *f, struct cancel *c)
{
    errint r = 0;
    pthread_mutex_lock(&f->lock);
    while (f->closed && !(r = cancel_check(c))) {
        int64_t until_ns;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until_ns = until.tv_sec * CLOCK_NS_PER_S + until.tv_nsec + 5 * CLOCK_NS_PER_MS;
        until = (struct timespec){until_ns / CLOCK_NS_PER_S, until_ns % CLOCK_NS_PER_S};
        pthread_cond_timedwait(&f->changed, &f->lock, &until);
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

static inline errint fake_fetch(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    struct fake_provider *f = (struct fake_provider *)p;
    char id[32];
    int number = ++f->fetches;
    errint r = fake_wait_gate(f, c);
    if (r)
        return r;
    if (f->failure)
        return err_set(f->failure, "fetch %d failed", number);
    snprintf(id, sizeof id, "AKIA%d", number);
    return aws_credentials_new(id, "secret", "token", f->lifetime_s ? clock_wall_unix() + f->lifetime_s : 0, ret);
}

static inline void fake_free(struct aws_provider *p)
{
    ((struct fake_provider *)p)->frees++;
}

static inline void fake_init(struct fake_provider *f, int lifetime_s)
{
    static const struct aws_provider_ops ops = {"fake", fake_fetch, fake_free, NULL};
    *f = (struct fake_provider){.provider = {&ops}, .lifetime_s = lifetime_s};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
}

static inline void fake_wake_blocker(void *arg, struct cancel *c)
{
    (void)c;
    task_wake(&((struct blocker *)arg)->task);
}

/* Waits for every job in the line of a pool with one thread. */
static inline void fake_drain(struct jobs *j)
{
    struct blocker b;
    blocker_init(&b);
    if (!jobs_start(j, "drain", fake_wake_blocker, &b))
        (void)blocker_wait(&b, 0);
    blocker_done(&b);
}

#endif
