/* base/cancel.h */
#include "base/cancel.h"

#include <sched.h>

#include "base/clock.h"
#include "tests/lib/unit.h"

static void asked_once_for_all(void)
{
    struct cancel c;
    cancel_init(&c);
    CHECK_INT(cancel_check(&c), 0);
    CHECK_INT(cancel_check(NULL), 0);
    cancel_ask(&c);
    cancel_ask(&c);
    CHECK_INT(cancel_check(&c), -EINTR);
    CHECK(err_message()[0] != 0);
    CHECK_INT(cancel_sleep_until(&c, INT64_MAX), -EINTR); /* does not sleep at all */
    CHECK_INT(waitlist_count(&c.waiters), 0);
    cancel_done(&c);
}

static void sleep_ends_at_its_deadline(void)
{
    struct cancel c;
    cancel_init(&c);
    int64_t deadline = clock_monotonic_ns() + 2 * CLOCK_NS_PER_MS;
    CHECK_INT(cancel_sleep_until(&c, deadline), 0);
    CHECK(clock_monotonic_ns() >= deadline);
    CHECK_INT(cancel_sleep_until(&c, 0), 0); /* long past */
    deadline = clock_monotonic_ns() + 2 * CLOCK_NS_PER_MS;
    CHECK_INT(cancel_sleep_until(NULL, deadline), 0);
    CHECK(clock_monotonic_ns() >= deadline);
    cancel_done(&c);
}

static void *sleep_for_ever(void *arg)
{
    return cancel_sleep_until(arg, INT64_MAX) == -EINTR ? arg : NULL;
}

static void asking_ends_every_sleep(void)
{
    for (int round = 0; round < 300; round++) {
        struct cancel c;
        pthread_t threads[3];
        cancel_init(&c);
        for (int i = 0; i < 3; i++)
            CHECK_INT(pthread_create(&threads[i], NULL, sleep_for_ever, &c), 0);
        if (round % 2) {
            while (waitlist_count(&c.waiters) < 3)
                sched_yield();
        }
        cancel_ask(&c); /* in even rounds it meets them anywhere on their way to sleep */
        for (int i = 0; i < 3; i++) {
            void *result = NULL;
            pthread_join(threads[i], &result);
            CHECK(result == &c);
        }
        cancel_done(&c);
    }
}

static const struct unit_test tests[] = {
    {"asked_once_for_all", asked_once_for_all},
    {"sleep_ends_at_its_deadline", sleep_ends_at_its_deadline},
    {"asking_ends_every_sleep", asking_ends_every_sleep},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
