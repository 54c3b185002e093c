/* Flights: begun once, failures kept for a moment and given once to each who waited. */
#include "model/flight.h"

#include "base/clock.h"
#include "tests/lib/unit.h"

#define LONG_NS (60 * CLOCK_NS_PER_S)

static void the_first_begins_and_the_others_wait(void)
{
    struct model_flights *f;
    struct blocker a, b;
    bool begin;
    CHECK_INT(model_flights_new(&f), 0);
    blocker_init(&a);
    blocker_init(&b);
    CHECK_INT(model_flights_join(f, "x", LONG_NS, &a.waiter, &begin), 0);
    CHECK(begin);
    CHECK_INT(model_flights_join(f, "x", LONG_NS, &b.waiter, &begin), -EAGAIN);
    CHECK(!begin);
    CHECK_INT(model_flights_join(f, "x", LONG_NS, NULL, &begin), -EAGAIN);
    CHECK(!model_flights_try(f, "x", 0));
    model_flights_end(f, "x", 0);
    CHECK_INT(blocker_wait(&b, clock_monotonic_ns() + LONG_NS), 0);
    CHECK_INT(model_flights_join(f, "x", LONG_NS, NULL, &begin), 0);
    CHECK(begin);
    model_flights_end(f, "x", 0);
    blocker_done(&a);
    blocker_done(&b);
    model_flights_free(f);
}

static void a_failure_is_kept_with_its_message(void)
{
    struct model_flights *f;
    struct model_flight_state s;
    bool begin;
    CHECK_INT(model_flights_new(&f), 0);
    CHECK_INT(model_flights_join(f, "x", LONG_NS, NULL, &begin), 0);
    model_flights_end(f, "x", err_set(-ETIMEDOUT, "no answer"));
    (void)err_set(-EIO, "something else");
    CHECK_INT(model_flights_join(f, "x", LONG_NS, NULL, &begin), -ETIMEDOUT);
    CHECK_STR(err_message(), "no answer");
    CHECK(!model_flights_try(f, "x", LONG_NS));
    CHECK(model_flights_state(f, "x", &s));
    CHECK_INT(s.error, -ETIMEDOUT);
    CHECK_STR(s.message, "no answer");
    CHECK(!model_flights_state(f, "y", &s));
    CHECK_INT(model_flights_join(f, "x", 0, NULL, &begin), 0);
    CHECK(begin);
    model_flights_end(f, "x", 0);
    CHECK(!model_flights_state(f, "x", &s));
    model_flights_free(f);
}

/* A waiter that comes back behind the hold gets the failure, not another flight; those who never waited begin anew. */
static void who_waited_gets_the_failure_however_late(void)
{
    struct model_flights *f;
    struct blocker a, b;
    bool begin;
    CHECK_INT(model_flights_new(&f), 0);
    blocker_init(&a);
    blocker_init(&b);
    CHECK_INT(model_flights_join(f, "x", 1, NULL, &begin), 0);
    model_flights_wait(f, "x", &a.waiter);
    CHECK_INT(model_flights_join(f, "x", 1, &b.waiter, &begin), -EAGAIN);
    model_flights_end(f, "x", err_set(-EHOSTUNREACH, "no way"));
    CHECK_INT(model_flights_join(f, "x", 1, &a.waiter, &begin), -EHOSTUNREACH);
    CHECK_INT(model_flights_join(f, "x", 1, &b.waiter, &begin), -EHOSTUNREACH);
    CHECK_STR(err_message(), "no way");
    CHECK_INT(model_flights_join(f, "x", 1, &a.waiter, &begin), 0);
    CHECK(begin);
    model_flights_wait(f, "x", &a.waiter);
    model_flights_end(f, "x", err_set(-EIO, "again"));
    CHECK_INT(model_flights_join(f, "x", 0, &b.waiter, &begin), 0); /* asked for anew: no old failure answers that */
    CHECK(begin);
    model_flights_end(f, "x", 0);
    blocker_done(&a);
    blocker_done(&b);
    model_flights_free(f);
}

static void count(void *arg, const char *name, const struct model_flight_state *s)
{
    (void)name;
    *(int *)arg += s->running ? 1 : 100;
}

static void all_can_be_seen(void)
{
    struct model_flights *f;
    int seen = 0;
    CHECK_INT(model_flights_new(&f), 0);
    CHECK(model_flights_try(f, "a", 0));
    CHECK(model_flights_try(f, "b", 0));
    model_flights_end(f, "b", err_set(-EIO, "bad"));
    model_flights_each(f, count, &seen);
    CHECK_INT(seen, 101);
    model_flights_end(f, "a", 0);
    model_flights_free(f);
}

static const struct unit_test tests[] = {
    {"the_first_begins_and_the_others_wait", the_first_begins_and_the_others_wait},
    {"a_failure_is_kept_with_its_message", a_failure_is_kept_with_its_message},
    {"who_waited_gets_the_failure_however_late", who_waited_gets_the_failure_however_late},
    {"all_can_be_seen", all_can_be_seen},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
