/* What is kept in memory of cache.db is never older than the last write, whoever reads and writes at once. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/cleanup.h"
#include "cache/store.h"
#include "cache/store_memo.h"
#include "tests/lib/scratch.h"
#include "tests/lib/unit.h"

static enum cache_memo_answer get(struct cache_memo *m, enum cache_memo_kind kind, const char *name, const char *want)
{
    struct buf b cleanup_buf = BUF_INIT;
    uint64_t stamp;
    enum cache_memo_answer answer = cache_memo_get(m, kind, name, &b, &stamp);
    CHECK_STR(buf_text(&b), want);
    return answer;
}

static void put(struct cache_memo *m, enum cache_memo_kind kind, const char *name, const char *value)
{
    struct buf b cleanup_buf = BUF_INIT;
    uint64_t stamp;
    (void)cache_memo_get(m, kind, name, &b, &stamp);
    cache_memo_put(m, kind, name, stamp, value, value ? strlen(value) : 0);
}

static void kinds_and_names_are_apart(void)
{
    struct cache_memo m;
    cache_memo_init(&m);
    CHECK_INT(get(&m, CACHE_MEMO_MARK, "a", ""), CACHE_MEMO_UNKNOWN);
    put(&m, CACHE_MEMO_MARK, "a", "mark");
    put(&m, CACHE_MEMO_FACT, "a", NULL);
    put(&m, CACHE_MEMO_MARK, "b", "");
    CHECK_INT(get(&m, CACHE_MEMO_MARK, "a", "mark"), CACHE_MEMO_KNOWN);
    CHECK_INT(get(&m, CACHE_MEMO_FACT, "a", ""), CACHE_MEMO_ABSENT);
    CHECK_INT(get(&m, CACHE_MEMO_MARK, "b", ""), CACHE_MEMO_KNOWN);
    CHECK_INT(get(&m, CACHE_MEMO_LISTING, "a", ""), CACHE_MEMO_UNKNOWN);
    put(&m, CACHE_MEMO_MARK, "a", "another");
    CHECK_INT(get(&m, CACHE_MEMO_MARK, "a", "another"), CACHE_MEMO_KNOWN);
    cache_memo_drop(&m, CACHE_MEMO_MARK, "a");
    CHECK_INT(get(&m, CACHE_MEMO_MARK, "a", ""), CACHE_MEMO_UNKNOWN);
    CHECK_INT(get(&m, CACHE_MEMO_FACT, "a", ""), CACHE_MEMO_ABSENT);
    cache_memo_clear(&m);
    CHECK_INT(get(&m, CACHE_MEMO_FACT, "a", ""), CACHE_MEMO_UNKNOWN);
    cache_memo_done(&m);
}

static void what_was_read_before_a_write_is_not_kept(void)
{
    struct cache_memo m;
    struct buf b cleanup_buf = BUF_INIT;
    uint64_t stamp;
    cache_memo_init(&m);
    CHECK_INT(cache_memo_get(&m, CACHE_MEMO_MARK, "a", &b, &stamp), CACHE_MEMO_UNKNOWN);
    cache_memo_drop(&m, CACHE_MEMO_MARK, "a"); /* somebody wrote between the read and its put */
    cache_memo_put(&m, CACHE_MEMO_MARK, "a", stamp, "old", 3);
    CHECK_INT(get(&m, CACHE_MEMO_MARK, "a", ""), CACHE_MEMO_UNKNOWN);
    cache_memo_done(&m);
}

static void it_stays_below_its_limit(void)
{
    struct cache_memo m;
    char *large = calloc(1, 100001), name[16];
    cache_memo_init(&m);
    memset(large, 'x', 100000);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%d", i);
        put(&m, CACHE_MEMO_FACT, name, large);
        CHECK(m.bytes <= CACHE_MEMO_BYTES);
    }
    CHECK_INT(get(&m, CACHE_MEMO_FACT, "999", large), CACHE_MEMO_KNOWN);
    cache_memo_done(&m);
    free(large);
}

struct race {
    struct cache_store *store;
    atomic_long written; /* the number that the mark has, at least */
    atomic_bool stop, backwards;
};

static void *read_marks(void *arg)
{
    struct race *r = arg;
    while (!atomic_load(&r->stop)) {
        struct buf b cleanup_buf = BUF_INIT;
        long least = atomic_load(&r->written);
        if (cache_store_mark(r->store, "mark", &b) || atol(buf_text(&b)) < least)
            atomic_store(&r->backwards, true);
    }
    return NULL;
}

static void a_reader_never_sees_less_than_was_written(void)
{
    struct scratch dir;
    struct race r = {.written = 0};
    pthread_t threads[3];
    char value[24];
    scratch_init(&dir);
    CHECK_INT(cache_store_open(dir.path, &r.store), 0);
    CHECK_INT(cache_store_mark_put(r.store, "mark", "0"), 0);
    for (size_t i = 0; i < 3; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, read_marks, &r), 0);
    for (long n = 1; n <= 2000; n++) {
        snprintf(value, sizeof value, "%ld", n);
        CHECK_INT(cache_store_mark_put(r.store, "mark", value), 0);
        atomic_store(&r.written, n);
    }
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK(!atomic_load(&r.backwards));
    cache_store_close(r.store);
    scratch_done(&dir);
}

static void every_kind_is_read_as_it_was_written(void)
{
    struct scratch dir;
    struct cache_store *s = NULL;
    struct cache_fact fact = {
        .declared_bytes = 7, .verified_bytes = -1, .header_bytes = 3, .header = (char[]){"a\n"}, .unended = true};
    scratch_init(&dir);
    CHECK_INT(cache_store_open(dir.path, &s), 0);
    CHECK_INT(cache_store_fact_put(s, "k", &fact), 0);
    for (int i = 0; i < 2; i++) { /* from cache.db, from memory */
        struct cache_fact got = {0};
        CHECK_INT(cache_store_fact(s, "k", &got), 0);
        CHECK_INT(got.declared_bytes, 7);
        CHECK_INT(got.verified_bytes, -1);
        CHECK_INT(got.header_bytes, 3);
        CHECK(got.unended && !got.corrupt);
        CHECK_STR(got.header, "a\n");
        cache_fact_done(&got);
        CHECK_INT(cache_store_fact(s, "other", &got), -ENOENT);
    }
    fact.header = NULL;
    CHECK_INT(cache_store_fact_put(s, "k", &fact), 0);
    for (int i = 0; i < 2; i++) {
        struct cache_fact got = {0};
        CHECK_INT(cache_store_fact(s, "k", &got), 0);
        CHECK(!got.header);
    }
    CHECK_INT(cache_store_fact_forget(s, "k"), 0);
    CHECK_INT(cache_store_fact(s, "k", &fact), -ENOENT);
    cache_store_close(s);
    scratch_done(&dir);
}

static void a_forgotten_scope_is_gone(void)
{
    struct scratch dir;
    struct cache_store *s = NULL;
    struct cache_listing listing;
    struct buf value cleanup_buf = BUF_INIT;
    scratch_init(&dir);
    CHECK_INT(cache_store_open(dir.path, &s), 0);
    CHECK_INT(cache_store_listing(s, "c/x", &listing), -ENOENT);
    CHECK_INT(cache_store_replace(s, "c/x", NULL, 0, 5), 0);
    CHECK_INT(cache_store_listing(s, "c/x", &listing), 0);
    CHECK_INT(cache_store_listing(s, "c/x", &listing), 0);
    CHECK_INT(listing.fetched_ns, 5);
    CHECK_INT(cache_store_mark_put(s, "c/mark", "1"), 0);
    CHECK_INT(cache_store_mark(s, "c/mark", &value), 0);
    CHECK_INT(cache_store_forget(s, "c/"), 0);
    CHECK_INT(cache_store_listing(s, "c/x", &listing), -ENOENT);
    CHECK_INT(cache_store_mark(s, "c/mark", &value), -ENOENT);
    cache_store_close(s);
    scratch_done(&dir);
}

static const struct unit_test tests[] = {
    {"kinds and names are apart", kinds_and_names_are_apart},
    {"what was read before a write is not kept", what_was_read_before_a_write_is_not_kept},
    {"it stays below its limit", it_stays_below_its_limit},
    {"a reader never sees less than was written", a_reader_never_sees_less_than_was_written},
    {"every kind is read as it was written", every_kind_is_read_as_it_was_written},
    {"a forgotten scope is gone", a_forgotten_scope_is_gone},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
