/* One list, by the moment when something is due; one thread that sleeps until the first of them.
 *
 *   entering   a request whose first try has to wait is linked; a wake that came during that try is done now
 *   due        its next verdict (-ETIMEDOUT; -EINTR shortly after an interrupt) becomes its verdict, its task is woken,
 *              and it stays linked, due never
 *   leaving    by the try that answers it, always before the answer; it counts until behind the answer, so that the
 *              session is not torn down under one
 *
 * An interrupt is not due at once: what is nearly ready is answered with its bytes, so that a timer's signals do not
 * fail every read of a program.
 *
 * Lock order: libfuse's lock of a request, then the park's, then an executor's. A request's task may be woken under the
 * park's lock, so a request that is leaving is not woken once fs_park_leave returned.
 */
#include "fs/park.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"

#define INTERRUPT_GRACE_NS (15 * CLOCK_NS_PER_MS)
#define NEVER_NS INT64_MAX

struct fs_park {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the first due moment moved, or ending */
    pthread_cond_t emptied;
    pthread_t thread;
    struct fs_parked head; /* of a ring, in order of due_ns, due never itself; protected by lock */
    unsigned count;        /* entered and not answered yet */
    unsigned linked;
    bool stopping; /* verdicts for all */
    bool ending;   /* the thread ends */
};

static void link_sorted(struct fs_park *park, struct fs_parked *p)
{
    struct fs_parked *behind = park->head.prev;
    while (behind != &park->head && behind->due_ns > p->due_ns)
        behind = behind->prev;
    p->prev = behind;
    p->next = behind->next;
    behind->next->prev = p;
    behind->next = p;
}

static void unlink_one(struct fs_parked *p)
{
    p->prev->next = p->next;
    p->next->prev = p->prev;
    p->next = p->prev = NULL;
}

static void set_due(struct fs_park *park, struct fs_parked *p, int64_t due_ns, errint verdict)
{
    p->next_verdict = verdict;
    p->due_ns = due_ns;
    unlink_one(p);
    link_sorted(park, p);
    if (park->head.next == p)
        pthread_cond_signal(&park->changed);
}

static void judge(struct fs_park *park, struct fs_parked *p, errint verdict)
{
    atomic_store(&p->verdict, verdict);
    set_due(park, p, NEVER_NS, 0);
    task_wake(p->task);
}

static void *park_thread(void *arg)
{
    struct fs_park *park = arg;
    (void)pthread_setname_np(pthread_self(), "ctfs-park");
    pthread_mutex_lock(&park->lock);
    while (!park->ending) {
        struct fs_parked *first = park->head.next;
        if (first != &park->head && first->due_ns <= clock_monotonic_ns())
            judge(park, first, first->next_verdict);
        else
            (void)clock_cond_wait(&park->changed, &park->lock, first->due_ns);
    }
    pthread_mutex_unlock(&park->lock);
    return NULL;
}

static int start_thread(struct fs_park *park)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&park->thread, NULL, park_thread, park);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return e;
}

errint fs_park_new(struct fs_park **ret)
{
    struct fs_park *park = calloc(1, sizeof *park);
    if (!park)
        return err_set(-ENOMEM, "no memory for the park");
    clock_cond_init(&park->changed);
    clock_cond_init(&park->emptied);
    pthread_mutex_init(&park->lock, NULL);
    park->head.next = park->head.prev = &park->head;
    park->head.due_ns = NEVER_NS;
    if (start_thread(park)) {
        free(park);
        return err_set(-EAGAIN, "cannot make the park's thread");
    }
    *ret = park;
    return 0;
}

void fs_park_free(struct fs_park *park)
{
    if (!park)
        return;
    pthread_mutex_lock(&park->lock);
    park->ending = true;
    pthread_cond_signal(&park->changed);
    pthread_mutex_unlock(&park->lock);
    pthread_join(park->thread, NULL);
    assert(park->count == 0);
    pthread_cond_destroy(&park->changed);
    pthread_cond_destroy(&park->emptied);
    pthread_mutex_destroy(&park->lock);
    free(park);
}

void fs_parked_init(struct fs_parked *p, struct task *task, uint64_t reads)
{
    *p = (struct fs_parked){.task = task, .phase = FS_FIRST_TRY, .reads = reads};
    atomic_init(&p->verdict, 0);
}

void fs_park_enter(struct fs_park *park, struct fs_parked *p, int64_t deadline_ns)
{
    pthread_mutex_lock(&park->lock);
    p->linked = true;
    p->due_ns = NEVER_NS;
    p->since_ns = clock_monotonic_ns();
    link_sorted(park, p);
    park->linked++;
    park->count++;
    bool woken = p->phase == FS_FIRST_TRY_WOKEN;
    p->phase = FS_PARKED;
    if (park->stopping)
        judge(park, p, -ENOTCONN);
    else if (p->interrupted)
        set_due(park, p, clock_monotonic_ns() + INTERRUPT_GRACE_NS, -EINTR);
    else if (deadline_ns)
        set_due(park, p, deadline_ns, -ETIMEDOUT);
    if (woken)
        task_wake(p->task);
    pthread_mutex_unlock(&park->lock);
}

bool fs_park_ready(struct fs_park *park, struct fs_parked *p)
{
    pthread_mutex_lock(&park->lock);
    bool ready = p->phase == FS_PARKED;
    if (!ready)
        p->phase = FS_FIRST_TRY_WOKEN;
    pthread_mutex_unlock(&park->lock);
    return ready;
}

void fs_park_leave(struct fs_park *park, struct fs_parked *p)
{
    pthread_mutex_lock(&park->lock);
    if (p->linked) {
        unlink_one(p);
        park->linked--;
        p->linked = false;
    }
    pthread_mutex_unlock(&park->lock);
}

void fs_park_left(struct fs_park *park)
{
    pthread_mutex_lock(&park->lock);
    if (--park->count == 0)
        pthread_cond_broadcast(&park->emptied);
    pthread_mutex_unlock(&park->lock);
}

void fs_park_interrupt(struct fs_park *park, struct fs_parked *p)
{
    pthread_mutex_lock(&park->lock);
    p->interrupted = true;
    if (p->linked && atomic_load(&p->verdict) == 0)
        set_due(park, p, clock_monotonic_ns() + INTERRUPT_GRACE_NS, -EINTR);
    pthread_mutex_unlock(&park->lock);
}

bool fs_park_reads(struct fs_park *park, uint64_t node, int64_t before_ns)
{
    bool found = false;
    pthread_mutex_lock(&park->lock);
    for (struct fs_parked *p = park->head.next; p != &park->head && !found; p = p->next)
        found = p->reads == node && p->since_ns <= before_ns;
    pthread_mutex_unlock(&park->lock);
    return found;
}

void fs_park_look(struct fs_park *park, void (*see)(void *arg, const struct fs_parked *p), void *arg)
{
    pthread_mutex_lock(&park->lock);
    for (const struct fs_parked *p = park->head.next; p != &park->head; p = p->next)
        see(arg, p);
    pthread_mutex_unlock(&park->lock);
}

void fs_park_stop(struct fs_park *park)
{
    pthread_mutex_lock(&park->lock);
    park->stopping = true;
    /* A judged one goes to the end of the ring: as many steps as there are requests meet each once. */
    for (unsigned left = park->linked; left > 0; left--)
        judge(park, park->head.next, -ENOTCONN);
    pthread_mutex_unlock(&park->lock);
}

errint fs_park_wait_empty(struct fs_park *park, int64_t deadline_ns)
{
    bool early = true;
    pthread_mutex_lock(&park->lock);
    while (park->count > 0 && early)
        early = clock_cond_wait(&park->emptied, &park->lock, deadline_ns);
    unsigned left = park->count;
    pthread_mutex_unlock(&park->lock);
    return left ? err_set(-ETIMEDOUT, "%u requests still wait", left) : 0;
}

unsigned fs_park_count(struct fs_park *park)
{
    pthread_mutex_lock(&park->lock);
    unsigned count = park->count;
    pthread_mutex_unlock(&park->lock);
    return count;
}
