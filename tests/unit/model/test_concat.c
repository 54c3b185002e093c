/* Sources one behind another: every range is what the bytes put together give, whoever has to be waited for. */
#include "model/report_concat.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "tests/lib/unit.h"

static struct source *memory(const char *text)
{
    struct source *s = NULL;
    CHECK_INT(source_memory_new(strdup(text), strlen(text), &s), 0);
    return s;
}

static void append(void *arg, const void *data, size_t len)
{
    buf_append(arg, data, len);
}

static void check_all_ranges(struct source *s, const char *want)
{
    size_t size = strlen(want);
    for (size_t off = 0; off <= size + 1; off++) {
        for (size_t len = 0; len <= size + 2; len++) {
            struct buf got cleanup_buf = BUF_INIT;
            size_t left = off < size ? size - off : 0, n = len < left ? len : left;
            CHECK_INT(source_pread(s, off, len, append, &got, NULL), 0);
            CHECK(got.len == n && (n == 0 || memcmp(got.data, want + off, n) == 0));
        }
    }
}

static void every_range_is_right(void)
{
    struct model_slice slices[] = {
        {memory("h\n1\n2\n"), 0, 6}, {memory("h\n3\n"), 2, 4}, {memory("h\n"), 2, 2}, {memory("h\n4\n5\n6"), 2, 7}};
    struct source *s = NULL;
    struct source_stat stat;
    CHECK_INT(model_concat_new(slices, 4, true, &s), 0);
    CHECK_INT(source_stat(s, &stat, NULL), 0);
    CHECK_INT(stat.size_bytes, 13);
    CHECK(stat.verified);
    check_all_ranges(s, "h\n1\n2\n3\n4\n5\n6");
    source_put(s);
}

static void nothing_is_empty(void)
{
    struct source *s = NULL;
    CHECK_INT(model_concat_new(NULL, 0, true, &s), 0);
    check_all_ranges(s, "");
    source_put(s);
}

/* A source whose bytes can be had only while nothing of it was taken to the end: like a pass that ended. */
struct once {
    struct source source;
    int eagains, taken_after_wait;
    errint error;
};

static errint once_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    (void)s;
    (void)w;
    *ret = (struct source_stat){.size_bytes = 4, .verified = false};
    return 0;
}

static errint once_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                         struct waiter *w)
{
    struct once *o = (struct once *)s;
    (void)w;
    if (o->eagains > 0) {
        o->eagains--;
        return -EAGAIN;
    }
    if (o->error)
        return err_set(o->error, "the source failed");
    o->taken_after_wait++;
    deliver(arg, &"wxyz"[off], len < 4 - off ? len : 4 - off);
    return 0;
}

static void once_free(struct source *s)
{
    (void)s;
}

static const struct source_ops once_ops = {.stat = once_stat, .pread = once_pread, .free = once_free};

/* The end of the first is taken once, after the second was there: never again because of a wait for the second. */
static void the_end_of_a_part_is_taken_last(void)
{
    struct once first = {.eagains = 0}, second = {.eagains = 3};
    struct buf got cleanup_buf = BUF_INIT;
    struct source *s = NULL;
    source_init(&first.source, &once_ops);
    source_init(&second.source, &once_ops);
    struct model_slice slices[] = {{&first.source, 0, 4}, {&second.source, 1, 4}};
    CHECK_INT(model_concat_new(slices, 2, false, &s), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(source_pread(s, 2, 4, append, &got, NULL), -EAGAIN);
    CHECK_INT(first.taken_after_wait, 0);
    CHECK_INT(source_pread(s, 2, 4, append, &got, NULL), 0);
    CHECK_STR(buf_text(&got), "yzxy");
    CHECK_INT(first.taken_after_wait, 1);
    source_put(s);
}

/* Many reads that each held the window of one source while they wait for another one's would wait for ever. */
static void what_was_gathered_is_kept(void)
{
    struct once first = {.eagains = 2}, second = {.eagains = 0};
    struct blocker b;
    struct buf got cleanup_buf = BUF_INIT;
    struct source *s = NULL;
    blocker_init(&b);
    source_init(&first.source, &once_ops);
    source_init(&second.source, &once_ops);
    struct model_slice slices[] = {{&first.source, 0, 4}, {&second.source, 1, 4}};
    CHECK_INT(model_concat_new(slices, 2, false, &s), 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(source_pread(s, 2, 4, append, &got, &b.waiter), -EAGAIN);
    CHECK_INT(second.taken_after_wait, 1);
    CHECK_INT(source_pread(s, 2, 4, append, &got, &b.waiter), 0);
    CHECK_STR(buf_text(&got), "yzxy");
    first.eagains = 1;
    CHECK_INT(source_pread(s, 3, 3, append, &got, &b.waiter), -EAGAIN); /* and never comes again */
    source_put(s);
    blocker_done(&b);
}

/* More reads wait between their tries than are kept: each is right all the same. */
static void many_reads_across(void)
{
    struct once first = {.eagains = 0};
    struct blocker b;
    struct source *s = NULL;
    char want[] = "wxyz0123456789";
    blocker_init(&b);
    source_init(&first.source, &once_ops);
    struct model_slice slices[] = {{&first.source, 0, 4}, {memory("0123456789"), 0, 10}};
    CHECK_INT(model_concat_new(slices, 2, false, &s), 0);
    for (int round = 0; round < 2; round++) {
        first.eagains = round ? 0 : 40;
        for (size_t n = 0; n < 40; n++) {
            struct buf got cleanup_buf = BUF_INIT;
            size_t off = n % 4, len = 5 - off + n / 4 % 9;
            CHECK_INT(source_pread(s, off, len, append, &got, &b.waiter), round ? 0 : -EAGAIN);
            CHECK(!round || (got.len == len && memcmp(got.data, want + off, len) == 0));
        }
    }
    source_put(s);
    blocker_done(&b);
}

static void failures_are_handed_on(void)
{
    struct once bad = {.error = -EIO};
    struct buf got cleanup_buf = BUF_INIT;
    struct source *s = NULL;
    source_init(&bad.source, &once_ops);
    struct model_slice slices[] = {{memory("abc"), 0, 3}, {&bad.source, 0, 4}};
    CHECK_INT(model_concat_new(slices, 2, false, &s), 0);
    CHECK_INT(source_pread(s, 0, 3, append, &got, NULL), 0);
    CHECK_STR(buf_text(&got), "abc");
    CHECK_INT(source_pread(s, 2, 3, append, &got, NULL), -EIO);
    CHECK_INT(source_pread(s, 4, 1, append, &got, NULL), -EIO);
    CHECK_INT(got.len, 3);
    source_put(s);
}

#define BIG_BYTES (8u << 20)

/* A large source that counts how often somebody hints at it. */
struct hinted {
    struct source source;
    int hints;
};

static errint hinted_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                           struct waiter *w)
{
    static const char zeros[SOURCE_READ_MAX];
    (void)off;
    (void)w;
    ((struct hinted *)s)->hints += len == 1;
    deliver(arg, zeros, len);
    return 0;
}

static const struct source_ops hinted_ops = {.stat = once_stat, .pread = hinted_pread, .free = once_free};

static void drop(void *arg, const void *data, size_t len)
{
    (void)data;
    *(size_t *)arg += len;
}

static void read_mib(struct source *s, unsigned first, unsigned count)
{
    size_t got = 0;
    for (unsigned i = first; i < first + count; i++)
        CHECK_INT(source_pread(s, (uint64_t)i << 20, SOURCE_READ_MAX, drop, &got, NULL), 0);
    CHECK_INT(got, (size_t)count << 20);
}

/* Each reader's next part begins before its turn, whoever read the same place before; one read amid a part says nothing of
 * what is read next. */
static void hints_follow_each_reader(void)
{
    struct hinted parts[6] = {{.hints = 0}};
    struct model_slice slices[6];
    struct source *s = NULL;
    size_t got = 0;
    for (size_t i = 0; i < 6; i++) {
        source_init(&parts[i].source, &hinted_ops);
        slices[i] = (struct model_slice){&parts[i].source, 0, BIG_BYTES};
    }
    CHECK_INT(model_concat_new(slices, 6, true, &s), 0);
    for (unsigned at = 3; at < 48; at += 8)
        for (int tries = 0; tries < 2; tries++)
            CHECK_INT(source_pread(s, (uint64_t)at << 20, 4096, drop, &got, NULL), 0);
    for (size_t i = 0; i < 6; i++)
        CHECK_INT(parts[i].hints, 0);
    source_put(s);
    for (size_t i = 0; i < 6; i++)
        source_init(&parts[i].source, &hinted_ops);
    CHECK_INT(model_concat_new(slices, 6, true, &s), 0);
    read_mib(s, 0, 16);
    CHECK_INT(parts[0].hints, 0);
    CHECK_INT(parts[1].hints, 1);
    CHECK_INT(parts[2].hints, 1);
    read_mib(s, 0, 12); /* it goes back, and reads on into the second part */
    CHECK_INT(parts[1].hints, 2);
    CHECK_INT(parts[2].hints, 2);
    for (unsigned at = 12; at < 24; at++) { /* another is behind it, and each goes on */
        read_mib(s, at, 1);
        read_mib(s, at - 12, 1);
    }
    CHECK_INT(parts[1].hints, 3);
    CHECK_INT(parts[2].hints, 3);
    read_mib(s, 40, 8);
    CHECK_INT(parts[0].hints, 0);
    source_put(s);
}

/* Nine readers in turns: no core is idle for what comes next. */
static void many_readers_get_no_hints(void)
{
    struct hinted parts[10] = {{.hints = 0}};
    struct model_slice slices[10];
    struct source *s = NULL;
    int hints = 0;
    for (size_t i = 0; i < 10; i++) {
        source_init(&parts[i].source, &hinted_ops);
        slices[i] = (struct model_slice){&parts[i].source, 0, BIG_BYTES};
    }
    CHECK_INT(model_concat_new(slices, 10, true, &s), 0);
    for (unsigned round = 0; round < 4; round++)
        for (unsigned reader = 0; reader < 9; reader++)
            read_mib(s, 8 * reader + round, 1);
    for (size_t i = 0; i < 10; i++)
        hints += parts[i].hints;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    CHECK(hints <= 4 * (cores < 3 ? 1 : cores > 5 ? 4 : (int)cores - 1)); /* of the first four, while they were few */
    source_put(s);
}

static const struct unit_test tests[] = {
    {"every_range_is_right", every_range_is_right},
    {"nothing_is_empty", nothing_is_empty},
    {"the_end_of_a_part_is_taken_last", the_end_of_a_part_is_taken_last},
    {"what_was_gathered_is_kept", what_was_gathered_is_kept},
    {"many_reads_across", many_reads_across},
    {"failures_are_handed_on", failures_are_handed_on},
    {"hints_follow_each_reader", hints_follow_each_reader},
    {"many_readers_get_no_hints", many_readers_get_no_hints},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
