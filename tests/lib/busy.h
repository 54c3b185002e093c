/* How slow the machine is meanwhile: a thread that always has work to do beside what is timed, its time by the clock over
 * its time on a processor.
 *
 * A limit in seconds is promised to who has the machine to himself; beside other programs it is that many times as long.
 *
 * Ownership: the test's, from busy_begin to busy_end. Threads: any, each its own. Errors: abort. Cost: a processor.
 */
#ifndef CTFS_TESTS_BUSY_H
#define CTFS_TESTS_BUSY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define BUSY_LEAST_S 0.02 /* on a processor: several of the scheduler's slices */

struct busy {
    pthread_t thread;
    atomic_bool ends;
    double slower; /* the thread's, then busy_end's */
};

static inline double busy_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void *busy_work(void *arg)
{
    struct busy *b = arg;
    double began = busy_seconds(CLOCK_MONOTONIC), mine = 0;
    while (!b->ends || mine < BUSY_LEAST_S)
        mine = busy_seconds(CLOCK_THREAD_CPUTIME_ID);
    b->slower = (busy_seconds(CLOCK_MONOTONIC) - began) / mine;
    return NULL;
}

static inline void busy_begin(struct busy *b)
{
    b->ends = false;
    if (pthread_create(&b->thread, NULL, busy_work, b) != 0)
        abort();
}

/* 1 or more. */
static inline double busy_end(struct busy *b)
{
    b->ends = true;
    pthread_join(b->thread, NULL);
    return b->slower > 1 ? b->slower : 1;
}

#endif
