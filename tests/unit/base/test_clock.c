/* base/clock.h: against the C library's gmtime, and against texts that must be refused. */
#include "base/clock.h"

#include <time.h>

#include "tests/lib/unit.h"

static void agrees_with_the_c_library(void)
{
    int wrong = 0;
    for (int64_t t = -62167219200LL; t < 253402300800LL; t += 86400 * 13 + 4241) {
        time_t seconds = t;
        struct tm tm;
        char want[64], http[64], got[CLOCK_ISO_SIZE];
        int64_t back = 0, from_http = 0;
        gmtime_r(&seconds, &tm);
        CHECK(strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
        CHECK(strftime(http, sizeof http, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
        clock_format_iso(t, got);
        int short_year = strlen(want) != 20; /* strftime writes years below 1000 without zeros */
        wrong += !short_year && strcmp(got, want) != 0;
        wrong += clock_parse_iso(got, &back) != 0 || back != t;
        wrong += !short_year && (clock_parse_http(http, &from_http) != 0 || from_http != t);
    }
    CHECK_INT(wrong, 0);
}

static void formats_the_ends(void)
{
    char text[CLOCK_ISO_SIZE];
    clock_format_iso(0, text);
    CHECK_STR(text, "1970-01-01T00:00:00Z");
    clock_format_iso(INT64_MAX, text);
    CHECK_STR(text, "9999-12-31T23:59:59Z");
    clock_format_iso(INT64_MIN, text);
    CHECK_STR(text, "0000-01-01T00:00:00Z");
}

static void reads_every_form(void)
{
    static const char *const good[] = {
        "2026-11-23T09:12:48Z", "2026-11-23T09:12:48.000Z",  "2026-11-23T09:12:48+00:00", "20261123T091248Z",
        "20261123T091248.000Z", "2026-11-23T09:12:48.5678Z", "2026-11-23T09:12:48-00:00", "2026-11-23T09:12:48.1+00:00",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t t = 0;
        CHECK_INT(clock_parse_iso(good[i], &t), 0);
        CHECK_INT(t, 1795425168);
    }
    int64_t t = 0;
    CHECK_INT(clock_parse_http("Mon, 23 Nov 2026 09:12:48 GMT", &t), 0);
    CHECK_INT(t, 1795425168);
    CHECK_INT(clock_parse_http("Mon, 23 Nov 2026 09:12:49.527099194 GMT", &t), 0);
    CHECK_INT(t, 1795425169);
    CHECK_INT(clock_parse_http("Sat, 31 Dec 2016 23:59:60 GMT", &t), 0);
    CHECK_INT(t, 1483228800);
}

static void refuses_what_is_not_utc_or_no_date(void)
{
    static const char *const bad[] = {
        "",
        "now",
        "2026-11-23",
        "2026-11-23T09:12:48",
        "2026-11-23 09:12:48Z",
        "2026-11-23T09:12:48z",
        "2026-11-23T09:12:48+01:00",
        "2026-11-23T09:12:48-08:00",
        "2026-11-23T09:12:48.Z",
        "2026-11-23T09:12:48ZZ",
        "2026-11-23T09:12:48Z ",
        " 2026-11-23T09:12:48Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-00T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T09:60:48Z",
        "2026-11-23T09:12:60Z",
        "2026-1123T09:12:48Z",
        "20261123T09:12:48Z",
        "-026-11-23T09:12:48Z",
        "+026-11-23T09:12:48Z",
        "12026-11-23T09:12:48Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t t = 42;
        CHECK_INT(clock_parse_iso(bad[i], &t), -EINVAL);
        CHECK_INT(t, 42);
    }
    int64_t leap = 0;
    CHECK_INT(clock_parse_iso("2000-02-29T00:00:00Z", &leap), 0);
}

static void refuses_other_http_dates(void)
{
    static const char *const bad[] = {
        "",
        "Mon, 23 Nov 2026 09:12:48",
        "Mon, 23 Nov 2026 09:12:48 UTC",
        "Mon, 23 Nov 2026 09:12:48 GMT ",
        "Xon, 23 Nov 2026 09:12:48 GMT",
        "Mon, 23 nov 2026 09:12:48 GMT",
        "Mon, 3 Nov 2026 09:12:48 GMT",
        "Mon, 31 Nov 2026 09:12:48 GMT",
        "Monday, 23-Nov-26 09:12:48 GMT",
        "Mon Nov 23 09:12:48 2026",
        "Mon, 23 Nov 2026 09:12:61 GMT",
        "Mon, 23 Nov 2026 09:12:48. GMT",
        "Mon, 23 Nov 2026 09:12:48 .5 GMT",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t t = 42;
        CHECK_INT(clock_parse_http(bad[i], &t), -EINVAL);
        CHECK_INT(t, 42);
    }
}

static void the_wall_clock_can_be_moved(void)
{
    int64_t mono = clock_monotonic_ns();
    int64_t before = clock_wall_ns();
    clock_set_offset_ns(86400 * CLOCK_NS_PER_S);
    int64_t moved = clock_wall_ns();
    int64_t moved_unix = clock_wall_unix();
    clock_set_offset_ns(0);
    CHECK(moved - before >= 86400 * CLOCK_NS_PER_S);
    CHECK(moved_unix >= before / CLOCK_NS_PER_S + 86400);
    CHECK(clock_monotonic_ns() - mono < 86400 * CLOCK_NS_PER_S);
    CHECK(before / CLOCK_NS_PER_S > 1700000000);
}

static void the_wall_clock_can_stand(void)
{
    int64_t at_ns = 1795425168 * CLOCK_NS_PER_S + 999999999;
    clock_stand_at_ns(at_ns);
    int64_t mono = clock_monotonic_ns();
    while (clock_monotonic_ns() == mono)
        ;
    CHECK_INT(clock_wall_ns(), at_ns);
    CHECK_INT(clock_wall_unix(), 1795425168);
    clock_stand_at_ns(0);
    CHECK(clock_wall_ns() != at_ns);
}

struct bell {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool rung;
};

static void *ring(void *arg)
{
    struct bell *b = arg;
    pthread_mutex_lock(&b->lock);
    b->rung = true;
    pthread_cond_signal(&b->cond);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Rung by another thread: whether a wait until DEADLINE_NS ends early. */
static bool is_heard(int64_t deadline_ns)
{
    struct bell b = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    bool early = true;
    clock_cond_init(&b.cond);
    pthread_mutex_lock(&b.lock);
    pthread_create(&thread, NULL, ring, &b);
    while (!b.rung && early)
        early = clock_cond_wait(&b.cond, &b.lock, deadline_ns);
    pthread_mutex_unlock(&b.lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&b.cond);
    return early;
}

/* Monotonic time began when the machine did: as a wall time, each of these deadlines would be over long ago. */
static void a_wait_ends_by_the_monotonic_clock(void)
{
    struct bell b = {.lock = PTHREAD_MUTEX_INITIALIZER};
    CHECK(is_heard(INT64_MAX));
    CHECK(is_heard(clock_monotonic_ns() + 1000 * CLOCK_NS_PER_S));
    clock_cond_init(&b.cond);
    pthread_mutex_lock(&b.lock);
    CHECK(!clock_cond_wait(&b.cond, &b.lock, 0));
    int64_t deadline_ns = clock_monotonic_ns() + 5 * CLOCK_NS_PER_MS;
    while (clock_cond_wait(&b.cond, &b.lock, deadline_ns))
        ;
    CHECK(clock_monotonic_ns() >= deadline_ns);
    pthread_mutex_unlock(&b.lock);
    pthread_cond_destroy(&b.cond);
}

static const struct unit_test tests[] = {
    {"agrees_with_the_c_library", agrees_with_the_c_library},
    {"formats_the_ends", formats_the_ends},
    {"reads_every_form", reads_every_form},
    {"refuses_what_is_not_utc_or_no_date", refuses_what_is_not_utc_or_no_date},
    {"refuses_other_http_dates", refuses_other_http_dates},
    {"the_wall_clock_can_be_moved", the_wall_clock_can_be_moved},
    {"the_wall_clock_can_stand", the_wall_clock_can_stand},
    {"a_wait_ends_by_the_monotonic_clock", a_wait_ends_by_the_monotonic_clock},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
