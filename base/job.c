/* Jobs wait in a line; a thread takes the first, runs it, and looks again. jobs_start makes a thread only when none is
 * idle for the job and fewer than threads_max exist. A thread that found nothing for IDLE_NS, or whose pool stops,
 * moves its record to the list of ended ones, which the next start or the end of the pool joins: no thread outlives its
 * pool.
 *
 * Lock: one, jobs->lock, for all of it; a list's lock (cancel_ask) is taken under it.
 */
#include "base/job.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define IDLE_NS (10 * CLOCK_NS_PER_S)
#define STACK_BYTES ((size_t)1024 * 1024)

struct job {
    struct job *next;
    void (*run)(void *arg, struct cancel *c);
    void *arg;
    struct cancel cancel;
    char name[16];
};

struct worker {
    struct worker *next; /* among the ended */
    struct jobs *pool;
    struct job *job; /* what runs now, or NULL */
    struct worker *next_live, **at_live;
    pthread_t thread;
};

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t changed;      /* a job came, or stopping */
    pthread_cond_t ended_change; /* live became NULL */
    unsigned threads_max;
    unsigned threads, idle; /* all below: protected by lock */
    unsigned waiting;       /* jobs in line */
    bool stopping;
    struct job *first, **last;
    struct worker *live, *ended;
};

errint jobs_new(unsigned threads_max, struct jobs **ret)
{
    struct jobs *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(-ENOMEM, "no memory for jobs");
    clock_cond_init(&j->changed);
    pthread_cond_init(&j->ended_change, NULL);
    pthread_mutex_init(&j->lock, NULL);
    j->threads_max = threads_max ? threads_max : 1;
    j->last = &j->first;
    *ret = j;
    return 0;
}

static void free_job(struct job *job)
{
    cancel_done(&job->cancel);
    free(job);
}

/* Under the lock: the next job, or NULL when the thread shall end. */
static struct job *next_job(struct jobs *j)
{
    int64_t until_ns = clock_monotonic_ns() + IDLE_NS;
    bool early = true;
    j->idle++;
    while (!j->first && !j->stopping && early)
        early = clock_cond_wait(&j->changed, &j->lock, until_ns);
    j->idle--;
    struct job *job = j->first;
    if (!job)
        return NULL;
    j->first = job->next;
    if (!j->first)
        j->last = &j->first;
    j->waiting--;
    return job;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct jobs *j = w->pool;
    pthread_mutex_lock(&j->lock);
    while ((w->job = next_job(j))) {
        struct job *job = w->job;
        pthread_mutex_unlock(&j->lock);
        (void)pthread_setname_np(pthread_self(), job->name);
        job->run(job->arg, &job->cancel);
        pthread_mutex_lock(&j->lock);
        w->job = NULL; /* jobs_stop asks it no more */
        free_job(job);
    }
    *w->at_live = w->next_live;
    if (w->next_live)
        w->next_live->at_live = w->at_live;
    w->next = j->ended;
    j->ended = w;
    j->threads--;
    if (!j->live)
        pthread_cond_broadcast(&j->ended_change);
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* Joins what is on the list of ended threads; not under the lock. */
static void join_all(struct worker *w)
{
    while (w) {
        struct worker *next = w->next;
        pthread_join(w->thread, NULL);
        free(w);
        w = next;
    }
}

static int make_thread(struct worker *w)
{
    sigset_t all, old;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&w->thread, &attributes, work, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return e;
}

/* Under the lock. False when there is no thread at all for the jobs in line. */
static bool enough_threads(struct jobs *j)
{
    if (j->idle >= j->waiting || j->threads >= j->threads_max)
        return true;
    struct worker *w = calloc(1, sizeof *w);
    if (w) {
        w->pool = j;
        if (make_thread(w) == 0) {
            w->next_live = j->live;
            w->at_live = &j->live;
            if (j->live)
                j->live->at_live = &w->next_live;
            j->live = w;
            j->threads++;
            return true;
        }
        free(w);
    }
    return j->threads > 0;
}

/* Under the lock. */
static errint enqueue(struct jobs *j, struct job *job)
{
    if (j->stopping)
        return err_set(-ESHUTDOWN, "%s: no job starts any more", job->name);
    struct job **at = j->last;
    *at = job;
    j->last = &job->next;
    j->waiting++;
    if (enough_threads(j)) {
        pthread_cond_signal(&j->changed);
        return 0;
    }
    *at = NULL;
    j->last = at;
    j->waiting--;
    return err_set(-EAGAIN, "%s: no thread can be made", job->name);
}

errint jobs_start(struct jobs *j, const char *name, void (*run)(void *arg, struct cancel *c), void *arg)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return err_set(-ENOMEM, "%s: no memory for a job", name);
    job->run = run;
    job->arg = arg;
    (void)snprintf(job->name, sizeof job->name, "%s", name);
    cancel_init(&job->cancel);
    pthread_mutex_lock(&j->lock);
    errint e = enqueue(j, job);
    struct worker *ended = j->ended;
    j->ended = NULL;
    pthread_mutex_unlock(&j->lock);
    join_all(ended);
    if (e)
        free_job(job);
    return e;
}

void jobs_stop(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    for (struct job *job = j->first; job; job = job->next)
        cancel_ask(&job->cancel);
    for (struct worker *w = j->live; w; w = w->next_live) {
        if (w->job)
            cancel_ask(&w->job->cancel);
    }
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

void jobs_drain(struct jobs *j)
{
    jobs_stop(j);
    pthread_mutex_lock(&j->lock);
    while (j->live)
        pthread_cond_wait(&j->ended_change, &j->lock);
    struct worker *ended = j->ended;
    j->ended = NULL;
    pthread_mutex_unlock(&j->lock);
    join_all(ended);
}

void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    jobs_drain(j);
    pthread_cond_destroy(&j->ended_change);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->lock);
    free(j);
}
