/* base/task.h: tasks, waitlists, blockers. The stress tests count what must happen; they never look at a clock. */
#include "base/task.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "base/clock.h"
#include "tests/lib/unit.h"

struct counted {
    struct task task;
    atomic_int runs, inside, overlaps;
    atomic_bool open; /* run() waits for it */
    atomic_long input, seen;
};

static void counted_run(struct task *t)
{
    struct counted *c = (struct counted *)t;
    if (atomic_fetch_add(&c->inside, 1) != 0)
        atomic_fetch_add(&c->overlaps, 1);
    while (!atomic_load(&c->open))
        sched_yield();
    atomic_store(&c->seen, atomic_load(&c->input));
    atomic_fetch_add(&c->runs, 1);
    atomic_fetch_sub(&c->inside, 1);
}

static void counted_init(struct counted *c, struct executor *ex)
{
    *c = (struct counted){.open = true};
    task_init(&c->task, ex, counted_run);
}

static struct executor *make(unsigned threads)
{
    struct executor *ex = NULL;
    CHECK_INT(executor_new("test", threads, &ex), 0);
    return ex;
}

static void wake_runs_once(void)
{
    struct executor *ex = make(2);
    struct counted c;
    counted_init(&c, ex);
    task_wake(&c.task);
    task_drain(&c.task);
    CHECK_INT(c.runs, 1);
    task_drain(&c.task); /* of an idle one returns at once */
    executor_free(ex);
    executor_free(NULL);
}

static void wakes_while_running_run_it_once_more(void)
{
    struct executor *ex = make(4);
    struct counted c;
    counted_init(&c, ex);
    c.open = false;
    task_wake(&c.task);
    while (!atomic_load(&c.inside))
        sched_yield();
    for (int i = 0; i < 5; i++)
        task_wake(&c.task);
    c.open = true;
    task_drain(&c.task);
    CHECK_INT(c.runs, 2);
    CHECK_INT(c.overlaps, 0);
    executor_free(ex);
}

static void wakes_while_queued_are_one(void)
{
    struct executor *ex = make(1);
    struct counted first, second;
    counted_init(&first, ex);
    counted_init(&second, ex);
    first.open = false;
    task_wake(&first.task);
    for (int i = 0; i < 5; i++)
        task_wake(&second.task);
    first.open = true;
    task_drain(&second.task);
    task_drain(&first.task);
    CHECK_INT(second.runs, 1);
    executor_free(ex);
}

static void free_runs_what_is_queued(void)
{
    struct executor *ex = make(1);
    struct counted c[8];
    for (int i = 0; i < 8; i++) {
        counted_init(&c[i], ex);
        task_wake(&c[i].task);
    }
    executor_free(ex);
    for (int i = 0; i < 8; i++)
        CHECK_INT(c[i].runs, 1);
}

static atomic_int blocked_signals;

static void look_at_signals(struct task *t)
{
    (void)t;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    blocked_signals = sigismember(&set, SIGTERM) && sigismember(&set, SIGINT) && sigismember(&set, SIGHUP);
}

static void threads_block_signals(void)
{
    struct executor *ex = make(1);
    struct task t;
    task_init(&t, ex, look_at_signals);
    task_wake(&t);
    task_drain(&t);
    CHECK_INT(blocked_signals, 1);
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    CHECK(!sigismember(&mine, SIGTERM));
    executor_free(ex);
}

static void without_executor_it_runs_inline(void)
{
    struct counted c;
    counted_init(&c, NULL);
    task_wake(&c.task);
    CHECK_INT(c.runs, 1);
    task_wake(&c.task);
    CHECK_INT(c.runs, 2);
}

static void wake_itself(struct task *t)
{
    struct counted *c = (struct counted *)t;
    if (atomic_fetch_add(&c->runs, 1) < 2)
        task_wake(t);
}

static void a_task_may_wake_itself(void)
{
    struct executor *ex = make(2);
    struct counted c;
    counted_init(&c, NULL);
    c.task.run = wake_itself;
    task_wake(&c.task);
    CHECK_INT(c.runs, 3);
    counted_init(&c, ex);
    c.task.run = wake_itself;
    task_wake(&c.task);
    task_drain(&c.task);
    CHECK_INT(c.runs, 3);
    executor_free(ex);
}

static atomic_int freed;

static void free_itself(struct task *t)
{
    task_forget(t);
    free(t);
    atomic_fetch_add(&freed, 1);
}

static void a_forgotten_task_may_be_freed(void)
{
    struct executor *ex = make(2);
    for (int i = 0; i < 100; i++) {
        struct task *t = malloc(sizeof *t);
        task_init(t, i % 2 ? ex : NULL, free_itself);
        task_wake(t);
    }
    executor_free(ex);
    CHECK_INT(freed, 100);
}

#define WAKERS 8
#define WAKES 20000

static void *wake_often(void *arg)
{
    struct counted *c = arg;
    for (int i = 0; i < WAKES; i++) {
        atomic_fetch_add(&c->input, 1);
        task_wake(&c->task);
    }
    return NULL;
}

/* The last run() must have seen every input: no wake may fall between its look and its end. */
static void stress(struct executor *ex)
{
    struct counted c;
    counted_init(&c, ex);
    pthread_t threads[WAKERS];
    for (int i = 0; i < WAKERS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, wake_often, &c), 0);
    for (int i = 0; i < WAKERS; i++)
        pthread_join(threads[i], NULL);
    task_drain(&c.task);
    CHECK_INT(c.seen, (long)WAKERS * WAKES);
    CHECK_INT(c.overlaps, 0);
    CHECK(c.runs >= 1 && c.runs <= WAKERS * WAKES);
}

static void no_wake_is_lost_under_stress(void)
{
    struct executor *ex = make(4);
    stress(ex);
    executor_free(ex);
}

static void no_inline_wake_is_lost_under_stress(void)
{
    stress(NULL);
}

static void a_list_wakes_all_in_order(void)
{
    struct waitlist l;
    struct counted c[3];
    struct waiter w[3];
    waitlist_init(&l);
    CHECK_INT(waitlist_count(&l), 0);
    waitlist_add(&l, NULL);
    for (int i = 0; i < 3; i++) {
        counted_init(&c[i], NULL);
        waiter_init(&w[i], &c[i].task);
        waitlist_add(&l, &w[i]);
    }
    CHECK_INT(waitlist_count(&l), 3);
    CHECK(l.first == &w[0] && w[0].next == &w[1] && w[1].next == &w[2]);
    waitlist_wake(&l);
    CHECK_INT(waitlist_count(&l), 0);
    waitlist_wake(&l);
    for (int i = 0; i < 3; i++)
        CHECK_INT(c[i].runs, 1);
    waitlist_done(&l);
}

/* Every order in which three waiters can leave. */
static void cancel_takes_any_place_out(void)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int o = 0; o < 6; o++) {
        struct waitlist l;
        struct counted c;
        struct waiter w[3], late;
        waitlist_init(&l);
        counted_init(&c, NULL);
        for (int i = 0; i < 3; i++) {
            waiter_init(&w[i], &c.task);
            waitlist_add(&l, &w[i]);
        }
        for (int i = 0; i < 3; i++) {
            waiter_cancel(&w[orders[o][i]]);
            waiter_cancel(&w[orders[o][i]]); /* twice is once */
            CHECK_INT(waitlist_count(&l), 2 - i);
            waiter_init(&late, &c.task); /* the links still hold an addition */
            waitlist_add(&l, &late);
            CHECK_INT(waitlist_count(&l), 3 - i);
            waiter_cancel(&late);
        }
        waitlist_done(&l);
        CHECK_INT(c.runs, 0);
    }
}

static void a_waiter_moves_between_lists(void)
{
    struct waitlist a, b;
    struct counted c;
    struct waiter w;
    waitlist_init(&a);
    waitlist_init(&b);
    counted_init(&c, NULL);
    waiter_init(&w, &c.task);
    waitlist_add(&a, &w);
    waitlist_add(&b, &w);
    CHECK_INT(waitlist_count(&a), 0);
    CHECK_INT(waitlist_count(&b), 1);
    waitlist_wake(&a);
    CHECK_INT(c.runs, 0);
    waitlist_wake(&b);
    CHECK_INT(c.runs, 1);
    waitlist_done(&a);
    waitlist_done(&b);
}

/* A condition with its lock and list, on the heap: the waker frees it as soon as it woke, while waiters cancel. */
struct condition {
    pthread_mutex_t lock;
    struct waitlist list;
};

struct race {
    pthread_barrier_t start, end;
    struct condition *condition;
    struct executor *ex;
    int rounds;
};

static void *wake_and_free(void *arg)
{
    struct race *r = arg;
    for (int i = 0; i < r->rounds; i++) {
        pthread_barrier_wait(&r->start);
        struct condition *c = r->condition;
        pthread_mutex_lock(&c->lock);
        waitlist_wake(&c->list);
        pthread_mutex_unlock(&c->lock);
        waitlist_done(&c->list);
        pthread_mutex_destroy(&c->lock);
        memset(c, 0xa5, sizeof *c);
        free(c);
        pthread_barrier_wait(&r->end);
    }
    return NULL;
}

#define RACE_WAITERS 4

static void one_race(struct race *r)
{
    struct condition *condition = calloc(1, sizeof *condition);
    struct counted *c[RACE_WAITERS];
    struct waiter *w[RACE_WAITERS];
    pthread_mutex_init(&condition->lock, NULL);
    waitlist_init(&condition->list);
    for (int i = 0; i < RACE_WAITERS; i++) {
        c[i] = malloc(sizeof *c[i]);
        w[i] = malloc(sizeof *w[i]);
        counted_init(c[i], i % 2 ? r->ex : NULL);
        waiter_init(w[i], &c[i]->task);
        waitlist_add(&condition->list, w[i]);
    }
    r->condition = condition;
    pthread_barrier_wait(&r->start);
    for (int i = RACE_WAITERS - 1; i >= 0; i--) {
        waiter_cancel(w[i]);
        free(w[i]);
        task_drain(&c[i]->task);
        int overlaps = c[i]->overlaps, runs = c[i]->runs;
        free(c[i]);
        if (overlaps || runs > 1)
            CHECK_INT(overlaps + runs, 0);
    }
    pthread_barrier_wait(&r->end);
}

static void cancel_races_with_wake_and_free(void)
{
    struct race r = {.rounds = 3000};
    pthread_barrier_init(&r.start, NULL, 2);
    pthread_barrier_init(&r.end, NULL, 2);
    CHECK_INT(executor_new("race", 2, &r.ex), 0);
    pthread_t waker;
    CHECK_INT(pthread_create(&waker, NULL, wake_and_free, &r), 0);
    for (int i = 0; i < r.rounds; i++)
        one_race(&r);
    pthread_join(waker, NULL);
    executor_free(r.ex);
    pthread_barrier_destroy(&r.start);
    pthread_barrier_destroy(&r.end);
}

/* Readers that register under the lock and go back to waiting, a writer that moves a number and wakes. */
struct flow {
    pthread_mutex_t lock;
    struct waitlist list;
    int value; /* protected by lock */
};

struct reader {
    struct task task;
    struct waiter waiter;
    struct flow *flow;
    int last, wrong;
    atomic_bool finished;
};

#define FLOW_END 5000

static void reader_run(struct task *t)
{
    struct reader *r = (struct reader *)t;
    pthread_mutex_lock(&r->flow->lock);
    if (r->flow->value < r->last)
        r->wrong++;
    r->last = r->flow->value;
    if (r->last < FLOW_END)
        waitlist_add(&r->flow->list, &r->waiter);
    else
        atomic_store(&r->finished, true);
    pthread_mutex_unlock(&r->flow->lock);
}

static void readers_follow_a_writer(void)
{
    struct executor *ex = make(3);
    struct flow f = {.value = 0};
    struct reader readers[64];
    pthread_mutex_init(&f.lock, NULL);
    waitlist_init(&f.list);
    for (int i = 0; i < 64; i++) {
        readers[i] = (struct reader){.flow = &f};
        task_init(&readers[i].task, ex, reader_run);
        waiter_init(&readers[i].waiter, &readers[i].task);
        task_wake(&readers[i].task);
    }
    for (int i = 0; i < FLOW_END; i++) {
        pthread_mutex_lock(&f.lock);
        f.value++;
        waitlist_wake(&f.list);
        pthread_mutex_unlock(&f.lock);
    }
    for (int i = 0; i < 64; i++) {
        while (!atomic_load(&readers[i].finished)) /* a lost wake hangs here */
            sched_yield();
        task_drain(&readers[i].task);
        CHECK_INT(readers[i].wrong, 0);
    }
    waitlist_done(&f.list);
    executor_free(ex);
}

static void blocker_times_out(void)
{
    struct blocker b;
    blocker_init(&b);
    CHECK_INT(blocker_wait(&b, clock_monotonic_ns() + 1000), -ETIMEDOUT);
    CHECK_INT(blocker_wait(&b, 1), -ETIMEDOUT);
    blocker_done(&b);
}

static void blocker_keeps_a_wake_for_the_next_wait(void)
{
    struct blocker b;
    blocker_init(&b);
    task_wake(&b.task);
    task_wake(&b.task);
    CHECK_INT(blocker_wait(&b, 0), 0);
    CHECK_INT(blocker_wait(&b, 1), -ETIMEDOUT);
    blocker_done(&b);
}

static void *wake_list(void *arg)
{
    struct flow *f = arg;
    while (waitlist_count(&f->list) == 0)
        sched_yield();
    pthread_mutex_lock(&f->lock);
    f->value = 1;
    waitlist_wake(&f->list);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static void blocker_waits_on_a_list(void)
{
    for (int i = 0; i < 200; i++) {
        struct flow f = {.value = 0};
        pthread_t thread;
        pthread_mutex_init(&f.lock, NULL);
        waitlist_init(&f.list);
        CHECK_INT(pthread_create(&thread, NULL, wake_list, &f), 0);
        struct blocker b;
        blocker_init(&b);
        pthread_mutex_lock(&f.lock);
        waitlist_add(&f.list, &b.waiter);
        pthread_mutex_unlock(&f.lock);
        CHECK_INT(blocker_wait(&b, 0), 0);
        blocker_done(&b);
        memset(&b, 0xa5, sizeof b);
        pthread_mutex_lock(&f.lock);
        CHECK_INT(f.value, 1);
        pthread_mutex_unlock(&f.lock);
        pthread_join(thread, NULL);
        waitlist_done(&f.list);
    }
}

static void blocker_done_leaves_its_list(void)
{
    struct waitlist l;
    struct blocker b;
    waitlist_init(&l);
    blocker_init(&b);
    waitlist_add(&l, &b.waiter);
    blocker_done(&b);
    CHECK_INT(waitlist_count(&l), 0);
    waitlist_wake(&l);
    waitlist_done(&l);
}

static const struct unit_test tests[] = {
    {"wake_runs_once", wake_runs_once},
    {"wakes_while_running_run_it_once_more", wakes_while_running_run_it_once_more},
    {"wakes_while_queued_are_one", wakes_while_queued_are_one},
    {"free_runs_what_is_queued", free_runs_what_is_queued},
    {"threads_block_signals", threads_block_signals},
    {"without_executor_it_runs_inline", without_executor_it_runs_inline},
    {"a_task_may_wake_itself", a_task_may_wake_itself},
    {"a_forgotten_task_may_be_freed", a_forgotten_task_may_be_freed},
    {"no_wake_is_lost_under_stress", no_wake_is_lost_under_stress},
    {"no_inline_wake_is_lost_under_stress", no_inline_wake_is_lost_under_stress},
    {"a_list_wakes_all_in_order", a_list_wakes_all_in_order},
    {"cancel_takes_any_place_out", cancel_takes_any_place_out},
    {"a_waiter_moves_between_lists", a_waiter_moves_between_lists},
    {"cancel_races_with_wake_and_free", cancel_races_with_wake_and_free},
    {"readers_follow_a_writer", readers_follow_a_writer},
    {"blocker_times_out", blocker_times_out},
    {"blocker_keeps_a_wake_for_the_next_wait", blocker_keeps_a_wake_for_the_next_wait},
    {"blocker_waits_on_a_list", blocker_waits_on_a_list},
    {"blocker_done_leaves_its_list", blocker_done_leaves_its_list},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
