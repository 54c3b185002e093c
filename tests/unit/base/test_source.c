/* base/source.h: the source over memory, and the blocking read over a source that makes its readers wait. */
#include "base/source.h"

#include <sched.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "tests/lib/unit.h"

static struct source *memory(size_t len)
{
    struct source *s = NULL;
    unsigned char *data = malloc(len ? len : 1);
    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    CHECK_INT(source_memory_new(data, len, &s), 0);
    return s;
}

struct delivery {
    int calls;
    size_t len;
    unsigned char first;
};

static void deliver(void *arg, const void *data, size_t len)
{
    struct delivery *d = arg;
    d->calls++;
    d->len = len;
    d->first = len ? *(const unsigned char *)data : 0;
}

static void memory_delivers_once(void)
{
    static const struct {
        uint64_t off;
        size_t len, want;
    } cases[] = {{0, 10, 10}, {0, 1000, 100}, {99, 1, 1}, {99, 2, 1}, {100, 1, 0}, {1ULL << 60, 5, 0}, {5, 0, 0}};
    struct source *s = memory(100);
    struct source_stat st = {0};
    CHECK_INT(source_stat(s, &st, NULL), 0);
    CHECK_INT(st.size_bytes, 100);
    CHECK(st.verified);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct delivery d = {0};
        CHECK_INT(source_pread(s, cases[i].off, cases[i].len, deliver, &d, NULL), 0);
        CHECK_INT(d.calls, 1);
        CHECK_INT(d.len, cases[i].want);
        if (d.len)
            CHECK_INT(d.first, (unsigned char)(cases[i].off * 7));
    }
    source_put(s);
}

static void references_are_counted(void)
{
    struct source *s = memory(1);
    CHECK(source_get(s) == s);
    source_put(s);
    struct source_stat st;
    CHECK_INT(source_stat(s, &st, NULL), 0);
    source_put(s);
    source_put(NULL);
}

static void read_wait_crosses_the_longest_read(void)
{
    size_t len = 2 * SOURCE_READ_MAX + 12345, got = 0;
    struct source *s = memory(len);
    unsigned char *out = malloc(len + 10);
    CHECK_INT(source_read_wait(s, 3, out, len + 10, NULL, 0, &got), 0);
    CHECK_INT(got, len - 3);
    int wrong = 0;
    for (size_t i = 0; i < got; i++)
        wrong += out[i] != (unsigned char)((i + 3) * 7 + (i + 3) / 251);
    CHECK_INT(wrong, 0);
    CHECK_INT(source_read_wait(s, len, out, 5, NULL, 0, &got), 0);
    CHECK_INT(got, 0);
    CHECK_INT(source_read_wait(s, 0, out, 0, NULL, 0, &got), 0);
    CHECK_INT(got, 0);
    CHECK_INT(source_read_wait(s, 0, out, SOURCE_READ_MAX, NULL, 0, &got), 0);
    CHECK_INT(got, SOURCE_READ_MAX);
    free(out);
    source_put(s);
}

/* Each byte of it comes only when `ready` has passed it. */
struct slow {
    struct source source;
    pthread_mutex_t lock;
    struct waitlist waiters;
    uint64_t ready; /* protected by lock */
    errint failure; /* protected by lock */
};

#define SLOW_SIZE 64

static errint slow_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    (void)s;
    (void)w;
    *ret = (struct source_stat){.size_bytes = SLOW_SIZE};
    return 0;
}

static errint slow_pread(struct source *s, uint64_t off, size_t len, source_deliver take, void *arg, struct waiter *w)
{
    struct slow *slow = (struct slow *)s;
    uint64_t end = off + len < SLOW_SIZE ? off + len : SLOW_SIZE;
    errint e = 0;
    pthread_mutex_lock(&slow->lock);
    if (slow->failure) {
        e = err_set(slow->failure, "slow failed");
    } else if (slow->ready < end) {
        waitlist_add(&slow->waiters, w);
        e = -EAGAIN;
    }
    pthread_mutex_unlock(&slow->lock);
    if (e == 0)
        take(arg, &"0123456789012345678901234567890123456789012345678901234567890123"[off], (size_t)(end - off));
    return e;
}

static void slow_free(struct source *s)
{
    struct slow *slow = (struct slow *)s;
    waitlist_done(&slow->waiters);
    pthread_mutex_destroy(&slow->lock);
    free(slow);
}

static const struct source_ops slow_ops = {slow_stat, slow_pread, slow_free};

static struct slow *slow_new(void)
{
    struct slow *slow = calloc(1, sizeof *slow);
    source_init(&slow->source, &slow_ops);
    pthread_mutex_init(&slow->lock, NULL);
    waitlist_init(&slow->waiters);
    return slow;
}

static void advance(struct slow *slow, uint64_t ready, errint failure)
{
    pthread_mutex_lock(&slow->lock);
    slow->ready = ready;
    slow->failure = failure;
    waitlist_wake(&slow->waiters);
    pthread_mutex_unlock(&slow->lock);
}

static void *advance_bytewise(void *arg)
{
    for (uint64_t i = 1; i <= SLOW_SIZE; i++) {
        sched_yield();
        advance(arg, i, 0);
    }
    return NULL;
}

static void read_wait_waits(void)
{
    for (int i = 0; i < 200; i++) {
        struct slow *slow = slow_new();
        char out[SLOW_SIZE + 1] = {0};
        size_t got = 0;
        pthread_t thread;
        CHECK_INT(pthread_create(&thread, NULL, advance_bytewise, slow), 0);
        CHECK_INT(source_read_wait(&slow->source, 2, out, SLOW_SIZE, NULL, 0, &got), 0);
        CHECK_INT(got, SLOW_SIZE - 2);
        CHECK(strncmp(out, "23456789", 8) == 0);
        pthread_join(thread, NULL);
        source_put(&slow->source);
    }
}

static void read_wait_times_out(void)
{
    struct slow *slow = slow_new();
    char out[8];
    size_t got = 42;
    int64_t deadline = clock_monotonic_ns() + CLOCK_NS_PER_MS;
    CHECK_INT(source_read_wait(&slow->source, 0, out, 8, NULL, deadline, &got), -ETIMEDOUT);
    CHECK_INT(got, 42);
    CHECK_INT(waitlist_count(&slow->waiters), 0);
    source_put(&slow->source);
}

static void *ask_when_it_waits(void *arg)
{
    struct cancel *c = ((void **)arg)[0];
    struct slow *slow = ((void **)arg)[1];
    while (waitlist_count(&slow->waiters) == 0)
        sched_yield();
    cancel_ask(c);
    return NULL;
}

static void read_wait_is_interrupted(void)
{
    struct slow *slow = slow_new();
    struct cancel c;
    char out[8];
    size_t got = 42;
    pthread_t thread;
    cancel_init(&c);
    void *both[] = {&c, slow};
    CHECK_INT(pthread_create(&thread, NULL, ask_when_it_waits, both), 0);
    CHECK_INT(source_read_wait(&slow->source, 0, out, 8, &c, 0, &got), -EINTR);
    CHECK_INT(got, 42);
    pthread_join(thread, NULL);
    cancel_done(&c);
    source_put(&slow->source);
}

static void read_wait_passes_a_failure_on(void)
{
    struct slow *slow = slow_new();
    char out[8];
    size_t got = 42;
    advance(slow, 0, -ESTALE);
    CHECK_INT(source_read_wait(&slow->source, 0, out, 8, NULL, 0, &got), -ESTALE);
    CHECK_STR(err_message(), "slow failed");
    CHECK_INT(got, 42);
    source_put(&slow->source);
}

static const struct unit_test tests[] = {
    {"memory_delivers_once", memory_delivers_once},
    {"references_are_counted", references_are_counted},
    {"read_wait_crosses_the_longest_read", read_wait_crosses_the_longest_read},
    {"read_wait_waits", read_wait_waits},
    {"read_wait_times_out", read_wait_times_out},
    {"read_wait_is_interrupted", read_wait_is_interrupted},
    {"read_wait_passes_a_failure_on", read_wait_passes_a_failure_on},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
