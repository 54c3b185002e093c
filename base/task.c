/* A task's states, and who moves them. With an executor every move is made under the executor's lock; without one, by
 * compare-and-swap, and the waker that made IDLE RUNNING runs the task.
 *
 *   IDLE     nothing to do               wake -> QUEUED (executor) or RUNNING (none)
 *   QUEUED   on the executor's queue     wake: stays; a thread takes it -> RUNNING
 *   RUNNING  run() was entered           wake -> AGAIN; run() returns -> IDLE
 *   AGAIN    woken while it ran          wake: stays; run() returns -> QUEUED (executor) or RUNNING (none)
 *
 * QUEUED and AGAIN both promise a run() that begins later, so a wake that finds one of them has nothing to add. The
 * move to IDLE is the last touch of a task by who ran it: whoever drained it may free it. No wake is lost, because the
 * move out of RUNNING and the wake's look at the state exclude each other.
 *
 * Waitlists have no lock of their own: a list's lock is one of a fixed set, chosen by the list's address. So
 * waiter_cancel, which finds its list through the waiter, may lock it even while a wake empties that list and its owner
 * frees it; under the lock it looks again, and waiter->list still says L only while W really is on L.
 * waitlist_wake clears waiter->list as its last touch of the waiter, behind the wake of its task: whoever then sees
 * NULL (acquire) may free waiter and task, once the task is drained. All this holds because a list's lock is a leaf but
 * for executors' locks and the run() of tasks without an executor; such a run() that touched a list could meet its own
 * waker's lock, so that is asserted against.
 */
#include "base/task.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum { TASK_IDLE, TASK_QUEUED, TASK_RUNNING, TASK_AGAIN };

struct executor {
    pthread_mutex_t lock;
    pthread_cond_t queued;      /* first or stopping changed */
    pthread_cond_t idled;       /* a task became IDLE while drainers > 0 */
    struct task *first, **last; /* protected by lock */
    unsigned drainers;          /* protected by lock */
    bool stopping;              /* protected by lock */
    unsigned thread_count;
    char name[16];
    pthread_t threads[];
};

static _Thread_local struct task *running; /* NULL once forgotten */
static _Thread_local bool waking;          /* this thread holds a list's lock */

/* False when run() forgot T, which may be gone then. */
static bool run_task(struct task *t)
{
    struct task *outer = running;
    running = t;
    t->run(t);
    bool alive = running == t;
    running = outer;
    return alive;
}

static void push(struct executor *ex, struct task *t)
{
    t->next = NULL;
    *ex->last = t;
    ex->last = &t->next;
    atomic_store_explicit(&t->state, TASK_QUEUED, memory_order_relaxed);
    pthread_cond_signal(&ex->queued);
}

static struct task *pop(struct executor *ex)
{
    struct task *t = ex->first;
    ex->first = t->next;
    if (!ex->first)
        ex->last = &ex->first;
    atomic_store_explicit(&t->state, TASK_RUNNING, memory_order_relaxed);
    return t;
}

/* Behind run(), under EX's lock. */
static void settle(struct executor *ex, struct task *t)
{
    if (atomic_load_explicit(&t->state, memory_order_relaxed) == TASK_AGAIN) {
        push(ex, t);
        return;
    }
    atomic_store_explicit(&t->state, TASK_IDLE, memory_order_relaxed);
    if (ex->drainers)
        pthread_cond_broadcast(&ex->idled);
}

static void *executor_thread(void *arg)
{
    struct executor *ex = arg;
    (void)pthread_setname_np(pthread_self(), ex->name);
    pthread_mutex_lock(&ex->lock);
    for (;;) {
        while (!ex->first && !ex->stopping)
            pthread_cond_wait(&ex->queued, &ex->lock);
        if (!ex->first)
            break;
        struct task *t = pop(ex);
        pthread_mutex_unlock(&ex->lock);
        bool alive = run_task(t);
        pthread_mutex_lock(&ex->lock);
        if (alive)
            settle(ex, t);
    }
    pthread_mutex_unlock(&ex->lock);
    return NULL;
}

/* Makes the threads with every signal blocked; thread_count says how many there are. */
static errint start_threads(struct executor *ex, unsigned threads)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = 0;
    while (ex->thread_count < threads) {
        e = pthread_create(&ex->threads[ex->thread_count], NULL, executor_thread, ex);
        if (e)
            break;
        ex->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return e ? err_set(-EAGAIN, "cannot make thread %u of %u for %s", ex->thread_count + 1, threads, ex->name) : 0;
}

errint executor_new(const char *name, unsigned threads, struct executor **ret)
{
    struct executor *ex = calloc(1, sizeof *ex + threads * sizeof ex->threads[0]);
    if (!ex)
        return err_set(-ENOMEM, "no memory for the threads of %s", name);
    (void)snprintf(ex->name, sizeof ex->name, "%s", name);
    pthread_mutex_init(&ex->lock, NULL);
    pthread_cond_init(&ex->queued, NULL);
    pthread_cond_init(&ex->idled, NULL);
    ex->last = &ex->first;
    errint e = start_threads(ex, threads);
    if (e) {
        executor_free(ex);
        return e;
    }
    *ret = ex;
    return 0;
}

void executor_free(struct executor *ex)
{
    if (!ex)
        return;
    pthread_mutex_lock(&ex->lock);
    ex->stopping = true;
    pthread_cond_broadcast(&ex->queued);
    pthread_mutex_unlock(&ex->lock);
    for (unsigned i = 0; i < ex->thread_count; i++)
        pthread_join(ex->threads[i], NULL);
    assert(!ex->first);
    pthread_cond_destroy(&ex->idled);
    pthread_cond_destroy(&ex->queued);
    pthread_mutex_destroy(&ex->lock);
    free(ex);
}

void task_init(struct task *t, struct executor *ex, void (*run)(struct task *))
{
    t->run = run;
    t->executor = ex;
    t->next = NULL;
    atomic_init(&t->state, TASK_IDLE);
}

static void wake_queued(struct executor *ex, struct task *t)
{
    pthread_mutex_lock(&ex->lock);
    unsigned state = atomic_load_explicit(&t->state, memory_order_relaxed);
    if (state == TASK_IDLE)
        push(ex, t);
    else if (state == TASK_RUNNING)
        atomic_store_explicit(&t->state, TASK_AGAIN, memory_order_relaxed);
    pthread_mutex_unlock(&ex->lock);
}

/* Every path writes the state, even AGAIN over AGAIN, so that what the waker did before is seen by the run() to come.
 */
static void wake_inline(struct task *t)
{
    unsigned state = atomic_load(&t->state);
    while (!atomic_compare_exchange_weak(&t->state, &state, state == TASK_IDLE ? TASK_RUNNING : TASK_AGAIN))
        ;
    if (state != TASK_IDLE)
        return;
    while (run_task(t)) {
        state = TASK_RUNNING;
        if (atomic_compare_exchange_strong(&t->state, &state, TASK_IDLE))
            return;
        atomic_exchange(&t->state, TASK_RUNNING);
    }
}

void task_wake(struct task *t)
{
    if (t->executor)
        wake_queued(t->executor, t);
    else
        wake_inline(t);
}

void task_drain(struct task *t)
{
    struct executor *ex = t->executor;
    if (!ex) {
        while (atomic_load(&t->state) != TASK_IDLE)
            sched_yield(); /* such a run() only sets and signals */
        return;
    }
    pthread_mutex_lock(&ex->lock);
    ex->drainers++;
    while (atomic_load_explicit(&t->state, memory_order_relaxed) != TASK_IDLE)
        pthread_cond_wait(&ex->idled, &ex->lock);
    ex->drainers--;
    pthread_mutex_unlock(&ex->lock);
}

void task_forget(struct task *t)
{
    assert(running == t);
    running = NULL;
}

#define LOCK_COUNT_LOG2 6
#define EIGHT_LOCKS                                                                                                    \
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,        \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER

static pthread_mutex_t list_locks[1 << LOCK_COUNT_LOG2] = {EIGHT_LOCKS, EIGHT_LOCKS, EIGHT_LOCKS, EIGHT_LOCKS,
                                                           EIGHT_LOCKS, EIGHT_LOCKS, EIGHT_LOCKS, EIGHT_LOCKS};

static pthread_mutex_t *lock_list(const struct waitlist *l)
{
    assert(!waking); /* run() of a task without an executor must not touch a list */
    pthread_mutex_t *lock = &list_locks[(uintptr_t)l * 0x9e3779b97f4a7c15ULL >> (64 - LOCK_COUNT_LOG2)];
    pthread_mutex_lock(lock);
    return lock;
}

void waitlist_init(struct waitlist *l)
{
    l->first = NULL;
}

void waitlist_done(struct waitlist *l)
{
    pthread_mutex_t *lock = lock_list(l);
    assert(!l->first);
    pthread_mutex_unlock(lock);
}

void waiter_init(struct waiter *w, struct task *t)
{
    w->task = t;
    w->next = w->prev = NULL;
    atomic_init(&w->list, NULL);
}

/* The first waiter's prev is the last one; the last one's next is NULL. */
static void link_last(struct waitlist *l, struct waiter *w)
{
    w->next = NULL;
    if (l->first) {
        w->prev = l->first->prev;
        w->prev->next = w;
        l->first->prev = w;
    } else {
        w->prev = w;
        l->first = w;
    }
}

static void unlink_waiter(struct waitlist *l, struct waiter *w)
{
    struct waiter *behind = w->next ? w->next : l->first;
    behind->prev = w->prev;
    if (l->first == w)
        l->first = w->next;
    else
        w->prev->next = w->next;
    w->next = w->prev = NULL;
}

void waitlist_add(struct waitlist *l, struct waiter *w)
{
    if (!w)
        return;
    waiter_cancel(w);
    pthread_mutex_t *lock = lock_list(l);
    link_last(l, w);
    atomic_store_explicit(&w->list, l, memory_order_relaxed);
    pthread_mutex_unlock(lock);
}

void waitlist_wake(struct waitlist *l)
{
    pthread_mutex_t *lock = lock_list(l);
    waking = true;
    while (l->first) {
        struct waiter *w = l->first;
        unlink_waiter(l, w);
        task_wake(w->task);
        atomic_store_explicit(&w->list, NULL, memory_order_release);
    }
    waking = false;
    pthread_mutex_unlock(lock);
}

unsigned waitlist_count(struct waitlist *l)
{
    unsigned count = 0;
    pthread_mutex_t *lock = lock_list(l);
    for (const struct waiter *w = l->first; w; w = w->next)
        count++;
    pthread_mutex_unlock(lock);
    return count;
}

void waiter_cancel(struct waiter *w)
{
    struct waitlist *l = atomic_load_explicit(&w->list, memory_order_acquire);
    if (!l)
        return;
    pthread_mutex_t *lock = lock_list(l);
    if (atomic_load_explicit(&w->list, memory_order_relaxed) == l) {
        unlink_waiter(l, w);
        atomic_store_explicit(&w->list, NULL, memory_order_release);
    }
    pthread_mutex_unlock(lock);
}

static void blocker_run(struct task *t)
{
    struct blocker *b = (void *)((char *)t - offsetof(struct blocker, task));
    pthread_mutex_lock(&b->lock);
    b->woken = true;
    pthread_cond_signal(&b->cond);
    pthread_mutex_unlock(&b->lock);
}

void blocker_init(struct blocker *b)
{
    clock_cond_init(&b->cond);
    pthread_mutex_init(&b->lock, NULL);
    b->woken = false;
    task_init(&b->task, NULL, blocker_run);
    waiter_init(&b->waiter, &b->task);
}

errint blocker_wait(struct blocker *b, int64_t deadline_ns)
{
    bool early = true;
    pthread_mutex_lock(&b->lock);
    while (!b->woken && early)
        early = clock_cond_wait(&b->cond, &b->lock, deadline_ns ? deadline_ns : INT64_MAX);
    bool woken = b->woken;
    b->woken = false;
    pthread_mutex_unlock(&b->lock);
    return woken ? 0 : err_set(-ETIMEDOUT, "the deadline passed");
}

void blocker_done(struct blocker *b)
{
    waiter_cancel(&b->waiter);
    task_drain(&b->task);
    pthread_cond_destroy(&b->cond);
    pthread_mutex_destroy(&b->lock);
}
