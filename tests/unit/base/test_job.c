/* base/job.h */
#include "base/job.h"

#include <sched.h>

#include "tests/lib/unit.h"

static atomic_int started, finished, most, inside, interrupted;
static atomic_bool open_gate;

static void reset(void)
{
    started = finished = most = inside = interrupted = 0;
    open_gate = false;
}

static void enter(void)
{
    int now = atomic_fetch_add(&inside, 1) + 1, seen = most;
    while (seen < now && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    atomic_fetch_add(&started, 1);
}

static void leave(void)
{
    atomic_fetch_sub(&inside, 1);
    atomic_fetch_add(&finished, 1);
}

static void gated(void *arg, struct cancel *c)
{
    (void)arg;
    (void)c;
    enter();
    while (!atomic_load(&open_gate))
        sched_yield();
    leave();
}

static void sleeper(void *arg, struct cancel *c)
{
    enter();
    if (cancel_sleep_until(c, INT64_MAX) == -EINTR)
        atomic_fetch_add(&interrupted, 1);
    free(arg);
    leave();
}

static void jobs_past_the_maximum_wait_in_line(void)
{
    reset();
    struct jobs *j = NULL;
    CHECK_INT(jobs_new(3, &j), 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(jobs_start(j, "gated", gated, NULL), 0);
    while (atomic_load(&started) < 3)
        sched_yield();
    for (int i = 0; i < 1000; i++)
        sched_yield();
    CHECK_INT(started, 3);
    open_gate = true;
    jobs_free(j);
    CHECK_INT(finished, 20);
    CHECK_INT(most, 3);
}

static void stop_reaches_running_and_waiting_jobs(void)
{
    reset();
    struct jobs *j = NULL;
    CHECK_INT(jobs_new(2, &j), 0);
    for (int i = 0; i < 10; i++)
        CHECK_INT(jobs_start(j, "sleeper", sleeper, malloc(1)), 0);
    while (atomic_load(&started) < 2)
        sched_yield();
    jobs_stop(j);
    jobs_stop(j);
    CHECK_INT(jobs_start(j, "late", sleeper, NULL), -ESHUTDOWN);
    CHECK(strstr(err_message(), "late") != NULL);
    jobs_free(j);
    CHECK_INT(finished, 10);
    CHECK_INT(interrupted, 10);
}

static void free_stops_what_runs(void)
{
    reset();
    struct jobs *j = NULL;
    CHECK_INT(jobs_new(4, &j), 0);
    CHECK_INT(jobs_start(j, "sleeper", sleeper, NULL), 0);
    jobs_free(j);
    CHECK_INT(interrupted, 1);
    jobs_free(NULL);
}

static void a_job_may_start_jobs(void *arg, struct cancel *c)
{
    struct jobs *j = arg;
    if (atomic_fetch_add(&started, 1) < 50 && cancel_check(c) == 0)
        CHECK_INT(jobs_start(j, "child", a_job_may_start_jobs, j), 0);
    else
        atomic_fetch_add(&finished, 1);
}

static void an_idle_thread_is_used_again(void)
{
    reset();
    struct jobs *j = NULL;
    CHECK_INT(jobs_new(2, &j), 0);
    CHECK_INT(jobs_start(j, "parent", a_job_may_start_jobs, j), 0);
    while (!atomic_load(&finished))
        sched_yield();
    CHECK_INT(started, 51);
    jobs_free(j);
}

static void *start_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        CHECK_INT(jobs_start(arg, "gated", gated, NULL), 0);
    return NULL;
}

static void many_threads_start_jobs(void)
{
    reset();
    open_gate = true;
    struct jobs *j = NULL;
    CHECK_INT(jobs_new(4, &j), 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, start_many, j), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    jobs_free(j);
    CHECK_INT(finished, 2000);
    CHECK(most <= 4);
}

static const struct unit_test tests[] = {
    {"jobs_past_the_maximum_wait_in_line", jobs_past_the_maximum_wait_in_line},
    {"stop_reaches_running_and_waiting_jobs", stop_reaches_running_and_waiting_jobs},
    {"free_stops_what_runs", free_stops_what_runs},
    {"an_idle_thread_is_used_again", an_idle_thread_is_used_again},
    {"many_threads_start_jobs", many_threads_start_jobs},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
