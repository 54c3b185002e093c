/* Objects: right bytes by every way, each byte fetched once, failures told once, nothing lost to a damaged disk. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "cache/object.h"
#include "tests/lib/fake_feed.h"
#include "tests/lib/scratch.h"
#include "tests/lib/unit.h"

#define MIB (1024u * 1024)

struct world {
    struct scratch scratch;
    struct cache_store *store;
    struct cache_objects *objects;
    struct executor *executor;
    struct fake_feed feed;
    char *data;
    size_t len;
};

static void open_world(struct world *w, uint64_t limit)
{
    CHECK_INT(cache_store_open(w->scratch.path, &w->store), 0);
    struct cache_objects_setup setup = {w->store, limit, w->executor};
    CHECK_INT(cache_objects_new(&setup, &w->objects), 0);
}

static void close_world(struct world *w)
{
    cache_objects_free(w->objects);
    cache_store_close(w->store);
}

static void begin(struct world *w, size_t len, uint64_t limit)
{
    memset(w, 0, sizeof *w);
    scratch_init(&w->scratch);
    w->len = len;
    w->data = malloc(len + 1);
    uint64_t x = 88172645463325252ull;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        w->data[i] = (char)x;
    }
    fake_feed_init(&w->feed, w->data, len);
    CHECK_INT(executor_new("test", 2, &w->executor), 0);
    open_world(w, limit);
}

static void finish(struct world *w)
{
    close_world(w);
    executor_free(w->executor);
    fake_feed_done(&w->feed);
    scratch_done(&w->scratch);
    free(w->data);
}

static struct source *open_key(struct world *w, const char *key)
{
    struct cache_object_id id = {"123456789012", "bucket", key, "etag", w->len};
    struct source *s = NULL;
    CHECK_INT(cache_objects_open(w->objects, &id, fake_feed_give, &w->feed, &s), 0);
    return s;
}

static errint read_at(struct world *w, struct source *s, uint64_t off, size_t len)
{
    char *buffer = malloc(len + 1);
    size_t got = 0;
    errint r = source_read_wait(s, off, buffer, len, NULL, clock_monotonic_ns() + 20 * CLOCK_NS_PER_S, &got);
    if (r == 0) {
        size_t want = off >= w->len ? 0 : len < w->len - off ? len : w->len - off;
        CHECK_INT(got, want);
        CHECK(got == want && memcmp(buffer, w->data + off, want) == 0);
    }
    free(buffer);
    return r;
}

static void read_all(struct world *w, struct source *s, size_t step)
{
    for (uint64_t off = 0; off <= w->len; off += step)
        CHECK_INT(read_at(w, s, off, step), 0);
}

static void reads_in_order_fetch_each_byte_once(void)
{
    struct world w;
    begin(&w, 40 * MIB + 12345, 1ull << 30);
    struct source *s = open_key(&w, "a");
    read_all(&w, s, 300000);
    CHECK_INT(w.feed.sent_bytes, w.len);
    CHECK(w.feed.started < 30);
    read_all(&w, s, MIB);
    CHECK_INT(w.feed.sent_bytes, w.len);
    source_put(s);
    finish(&w);
}

static void kept_bytes_outlive_the_process_and_damage_is_fetched_again(void)
{
    struct world w;
    begin(&w, 5 * MIB + 7, 1ull << 30);
    struct cache_object_id id = {"123456789012", "bucket", "a", "etag", w.len};
    struct source *s = open_key(&w, "a");
    read_all(&w, s, MIB);
    source_put(s);
    CHECK(cache_objects_have(w.objects, &id));
    close_world(&w);
    open_world(&w, 1ull << 30);
    CHECK(cache_objects_have(w.objects, &id));
    s = open_key(&w, "a");
    read_all(&w, s, MIB);
    CHECK_INT(w.feed.sent_bytes, w.len);
    source_put(s);
    DIR *d = opendir(scratch_file(&w.scratch, "objects"));
    for (struct dirent *e; (e = readdir(d));) {
        int fd = e->d_name[0] == '.' ? -1 : openat(dirfd(d), e->d_name, O_RDWR);
        if (fd < 0)
            continue;
        CHECK_INT(pwrite(fd, "damage", 6, 2 * MIB + 99), 6);
        CHECK_INT(ftruncate(fd, 5 * MIB + 1), 0);
        close(fd);
    }
    closedir(d);
    s = open_key(&w, "a");
    read_all(&w, s, MIB);
    CHECK_INT(w.feed.sent_bytes, w.len + MIB + 7);
    source_put(s);
    cache_objects_drop(w.objects, &id);
    CHECK(!cache_objects_have(w.objects, &id));
    finish(&w);
}

static void the_tail_alone_is_small(void)
{
    struct world w;
    begin(&w, 9 * MIB + 500000, 1ull << 30);
    struct source *s = open_key(&w, "a");
    CHECK_INT(read_at(&w, s, w.len - 8, 8), 0);
    CHECK_INT(w.feed.sent_bytes, 8192);
    CHECK_INT(read_at(&w, s, 4 * MIB + 10, 100), 0);
    CHECK_INT(w.feed.sent_bytes, 8192 + MIB);
    source_put(s);
    finish(&w);
}

static void a_failure_is_told_once_then_tried_again(void)
{
    for (unsigned n = 1; n <= 6; n++) {
        struct world w;
        begin(&w, 6 * MIB, 1ull << 30);
        w.feed.fail_at = n % 2 ? n : 0;
        w.feed.short_at = n % 2 ? 0 : n;
        w.feed.failure = -ETIMEDOUT;
        struct source *s = open_key(&w, "a");
        unsigned failures = 0;
        for (uint64_t off = 0; off < w.len; off += MIB) {
            errint r = read_at(&w, s, off, MIB);
            CHECK(r == 0 || r == (n % 2 ? -ETIMEDOUT : -EIO));
            failures += r != 0;
            if (r)
                CHECK_INT(read_at(&w, s, off, MIB), 0);
        }
        CHECK(failures <= 1);
        if (n == 1)
            CHECK_INT(failures, 1);
        source_put(s);
        finish(&w);
    }
}

struct waiting {
    struct task task;
    struct waiter waiter;
    atomic_uint wakes;
};

static void count_wake(struct task *t)
{
    atomic_fetch_add(&((struct waiting *)t)->wakes, 1);
}

static void ignore(void *arg, const void *data, size_t len)
{
    (void)arg;
    (void)data;
    (void)len;
}

static void every_waiter_learns_of_the_failure(void)
{
    struct world w;
    begin(&w, MIB, 1ull << 30);
    w.feed.fail_at = 1;
    w.feed.failure = -EHOSTUNREACH;
    w.feed.stall_from = 1;
    struct source *s = open_key(&w, "a");
    struct waiting waiting[4];
    for (int i = 0; i < 4; i++) {
        task_init(&waiting[i].task, NULL, count_wake);
        waiter_init(&waiting[i].waiter, &waiting[i].task);
        waiting[i].wakes = 0;
        CHECK_INT(source_pread(s, 0, 100, ignore, NULL, &waiting[i].waiter), -EAGAIN);
    }
    pthread_mutex_lock(&w.feed.lock);
    w.feed.stall_from = 0;
    pthread_cond_signal(&w.feed.changed);
    pthread_mutex_unlock(&w.feed.lock);
    for (int i = 0; i < 4; i++) {
        while (!waiting[i].wakes)
            usleep(1000);
        CHECK_INT(source_pread(s, 0, 100, ignore, NULL, &waiting[i].waiter), -EHOSTUNREACH);
    }
    CHECK_INT(w.feed.started, 1);
    CHECK_INT(read_at(&w, s, 0, 100), 0);
    CHECK_INT(w.feed.started, 2);
    source_put(s);
    finish(&w);
}

static void closing_does_not_wait_for_a_stalled_transfer(void)
{
    struct world w;
    begin(&w, 4 * MIB, 1ull << 30);
    w.feed.stall_from = 1;
    struct source *s = open_key(&w, "a");
    CHECK_INT(source_pread(s, 0, 100, ignore, NULL, NULL), -EAGAIN);
    source_put(s);
    cache_objects_free(w.objects);
    CHECK_INT(w.feed.freed, 1);
    w.objects = NULL;
    finish(&w);
}

static void waiting_for_the_last_close_has_an_end(void)
{
    struct world w;
    begin(&w, 4 * MIB, 1ull << 30);
    struct source *s = open_key(&w, "a");
    CHECK_INT(cache_objects_wait_closed(w.objects, clock_monotonic_ns() + 20 * CLOCK_NS_PER_MS), -ETIMEDOUT);
    source_put(s);
    CHECK_INT(cache_objects_wait_closed(w.objects, clock_monotonic_ns() + 20 * CLOCK_NS_PER_S), 0);
    finish(&w);
}

static void a_reader_that_stops_stops_the_transfers(void)
{
    struct world w;
    begin(&w, 60 * MIB, 1ull << 30);
    cache_objects_set_lead(w.objects, 8 * MIB, 2, 2 * MIB);
    struct source *s = open_key(&w, "a");
    for (uint64_t off = 0; off < 16 * MIB; off += MIB)
        CHECK_INT(read_at(&w, s, off, MIB), 0);
    struct cache_object_progress progress;
    while (cache_objects_progress(w.objects, &progress, 1))
        usleep(1000);
    CHECK(w.feed.sent_bytes <= (16 + 8 + 2) * MIB);
    CHECK(w.feed.sent_bytes > 16 * MIB);
    source_put(s);
    finish(&w);
}

struct reader {
    struct world *w;
    struct source *source;
    unsigned seed;
};

static void *read_randomly(void *arg)
{
    struct reader *r = arg;
    for (int i = 0; i < 60; i++) {
        uint64_t off = (uint64_t)rand_r(&r->seed) % r->w->len;
        CHECK_INT(read_at(r->w, r->source, off, 1 + (size_t)rand_r(&r->seed) % (MIB + MIB / 2)), 0);
    }
    return NULL;
}

static void read_by_many(struct world *w, bool one_key)
{
    struct reader readers[8];
    pthread_t threads[8];
    for (unsigned i = 0; i < 8; i++) {
        char key[] = "a";
        key[0] = (char)('a' + (one_key ? 0 : i));
        readers[i] = (struct reader){w, open_key(w, key), i + 1};
        pthread_create(&threads[i], NULL, read_randomly, &readers[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        source_put(readers[i].source);
    }
}

static void many_readers_read_right(void)
{
    struct world w;
    begin(&w, 12 * MIB + 1, 1ull << 30);
    read_by_many(&w, true);
    CHECK(w.feed.sent_bytes <= w.len + 8192);
    finish(&w);
}

struct opener {
    struct world *w;
    unsigned wrong;
};

static void *open_again_and_again(void *arg)
{
    struct opener *o = arg;
    struct cache_object_id id = {"123456789012", "bucket", "a", "etag", o->w->len};
    for (unsigned i = 0; i < 4000; i++) {
        struct source *s = NULL;
        char byte = 0;
        size_t got = 0;
        errint e = cache_objects_open(o->w->objects, &id, fake_feed_give, &o->w->feed, &s);
        if (e == 0)
            e = source_read_wait(s, 5, &byte, 1, NULL, clock_monotonic_ns() + 20 * CLOCK_NS_PER_S, &got);
        o->wrong += e || got != 1 || byte != o->w->data[5];
        source_put(s);
    }
    return NULL;
}

/* Each may be the last to close while the other opens. */
static void two_that_open_and_close_always_have_a_feed(void)
{
    struct world w;
    begin(&w, 100000, 0);
    pthread_t threads[2];
    struct opener openers[2] = {{.w = &w}, {.w = &w}};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, open_again_and_again, &openers[i]);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(openers[i].wrong, 0);
    }
    finish(&w);
}

static void eviction_spares_what_is_open_and_keeps_the_limit(void)
{
    struct world w;
    begin(&w, 6 * MIB, 20 * MIB);
    struct cache_objects_status status;
    read_by_many(&w, false);
    for (char key[] = "a"; key[0] < 'i'; key[0]++) {
        struct source *s = open_key(&w, key);
        read_all(&w, s, MIB);
        source_put(s);
        cache_objects_status(w.objects, &status);
        CHECK(status.kept_bytes <= 20 * MIB);
    }
    CHECK(status.evicted > 0);
    finish(&w);
}

/* A source that was put may be in use for a moment longer. */
static bool goes(struct world *w, const struct cache_object_id *id)
{
    for (int i = 0; i < 2000 && cache_objects_have(w->objects, id); i++)
        (void)usleep(5000);
    return !cache_objects_have(w->objects, id);
}

static void a_bucket_is_forgotten_and_what_is_open_when_it_is_closed(void)
{
    struct world w;
    begin(&w, MIB, 20 * MIB);
    struct cache_object_id open = {"123456789012", "bucket", "open", "etag", w.len};
    struct cache_object_id closed = {"123456789012", "bucket", "closed", "etag", w.len};
    struct source *s = open_key(&w, "open"), *t = open_key(&w, "closed");
    read_all(&w, s, MIB);
    read_all(&w, t, MIB);
    source_put(t);
    static const char *const others[] = {"", "bucke", "bucket2", "123456789012", "closed", "etag"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cache_objects_forget(w.objects, others[i]);
    CHECK(cache_objects_have(w.objects, &open) && cache_objects_have(w.objects, &closed));
    cache_objects_forget(w.objects, "bucket");
    CHECK(goes(&w, &closed) && cache_objects_have(w.objects, &open));
    read_all(&w, s, MIB);
    source_put(s);
    CHECK(goes(&w, &open));
    finish(&w);
}

static void without_room_it_is_served_through_memory(void)
{
    struct world w;
    begin(&w, 30 * MIB, 4 * MIB);
    struct source *s = open_key(&w, "a");
    read_all(&w, s, MIB);
    source_put(s);
    read_by_many(&w, true);
    struct cache_objects_status status;
    cache_objects_status(w.objects, &status);
    CHECK_INT(status.kept_bytes, 0);
    CHECK(status.bypassed > 0);
    finish(&w);
}

struct bounded {
    struct world *w;
    struct source *source;
    uint64_t memory_max_bytes;
};

static void *read_and_look(void *arg)
{
    struct bounded *b = arg;
    struct cache_objects_status status;
    for (uint64_t off = 0; off < b->w->len; off += MIB / 4) {
        CHECK_INT(read_at(b->w, b->source, off, MIB / 4), 0);
        cache_objects_status(b->w->objects, &status);
        if (status.memory_bytes > b->memory_max_bytes)
            b->memory_max_bytes = status.memory_bytes;
    }
    return NULL;
}

/* However many objects are read at once, and although some of their readers stop. */
static void without_room_memory_is_bounded(void)
{
    enum { READERS = 24, STOPPED = 10 };
    struct world w;
    struct bounded readers[READERS];
    struct source *stopped[STOPPED];
    pthread_t threads[READERS];
    begin(&w, 5 * MIB + 4321, MIB);
    for (unsigned i = 0; i < READERS + STOPPED; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        struct source *s = open_key(&w, key);
        if (i < READERS)
            readers[i] = (struct bounded){.w = &w, .source = s};
        else
            stopped[i - READERS] = s;
    }
    for (unsigned i = 0; i < STOPPED; i++)
        CHECK_INT(read_at(&w, stopped[i], 0, 4096), 0);
    for (unsigned i = 0; i < READERS; i++)
        pthread_create(&threads[i], NULL, read_and_look, &readers[i]);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(readers[i].memory_max_bytes <= 6 * MIB);
        source_put(readers[i].source);
    }
    for (unsigned i = 0; i < STOPPED; i++)
        source_put(stopped[i]);
    struct cache_objects_status status;
    cache_objects_status(w.objects, &status);
    CHECK(status.bypassed >= READERS);
    finish(&w);
}

/* Its end is short enough to be kept there, which does not make the disk one with room. */
static void a_full_disk_is_no_error(void)
{
    struct world w;
    struct cache_objects_status status;
    begin(&w, 12 * MIB + 4321, 1ull << 30);
    close_world(&w);
    CHECK_INT(mount("tmpfs", w.scratch.path, "tmpfs", 0, "size=2m,mode=0700"), 0);
    open_world(&w, 1ull << 30);
    struct source *s = open_key(&w, "a");
    read_all(&w, s, MIB);
    cache_objects_status(w.objects, &status);
    CHECK_INT(status.disk_error, ENOSPC);
    CHECK(clock_wall_unix() - status.disk_failed_unix < 60);
    source_put(s);
    close_world(&w);
    CHECK_INT(umount2(w.scratch.path, MNT_DETACH), 0);
    open_world(&w, 1ull << 30);
    finish(&w);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* There was room when the transfer began. What is in memory alone is not had once the object is closed. */
static void a_write_that_fails_midway_is_told(void)
{
    struct world w;
    struct cache_objects_status status;
    begin(&w, 4 * MIB, 1ull << 30);
    struct cache_object_id id = {"123456789012", "bucket", "a", "etag", w.len};
    struct source *s = open_key(&w, "a");
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(2 * MIB + MIB / 2);
    read_all(&w, s, MIB);
    limit_files(RLIM_INFINITY);
    cache_objects_status(w.objects, &status);
    CHECK_INT(status.bypassed, 1);
    CHECK_INT(status.disk_error, EFBIG);
    CHECK(clock_wall_unix() - status.disk_failed_unix < 60);
    CHECK(!cache_objects_have(w.objects, &id));
    source_put(s);
    CHECK(!cache_objects_have(w.objects, &id));
    (void)cancel_sleep_until(NULL, clock_monotonic_ns() + 5100 * CLOCK_NS_PER_MS); /* the disk is tried again */
    s = open_key(&w, "a");
    read_all(&w, s, MIB);
    cache_objects_status(w.objects, &status);
    CHECK_INT(status.disk_error, 0);
    CHECK(cache_objects_have(w.objects, &id));
    source_put(s);
    finish(&w);
}

static errint no_feed(void *arg, struct feed **ret)
{
    (void)arg;
    (void)ret;
    return err_set(-EACCES, "no role yet");
}

static void without_a_feed_what_is_kept_is_served(void)
{
    struct world w;
    begin(&w, 2 * MIB, 1ull << 30);
    struct source *s = open_key(&w, "a");
    CHECK_INT(read_at(&w, s, 0, 100), 0);
    source_put(s);
    close_world(&w);
    open_world(&w, 1ull << 30);
    struct cache_object_id id = {"123456789012", "bucket", "a", "etag", w.len};
    CHECK_INT(cache_objects_open(w.objects, &id, no_feed, NULL, &s), 0);
    CHECK_INT(read_at(&w, s, 50, 100), 0);
    CHECK_INT(read_at(&w, s, MIB + 5, 100), -EACCES);
    source_put(s);
    finish(&w);
}

static const struct unit_test tests[] = {
    {"reads_in_order_fetch_each_byte_once", reads_in_order_fetch_each_byte_once},
    {"kept_bytes_outlive_the_process", kept_bytes_outlive_the_process_and_damage_is_fetched_again},
    {"the_tail_alone_is_small", the_tail_alone_is_small},
    {"a_failure_is_told_once", a_failure_is_told_once_then_tried_again},
    {"every_waiter_learns_of_the_failure", every_waiter_learns_of_the_failure},
    {"closing_does_not_wait", closing_does_not_wait_for_a_stalled_transfer},
    {"waiting_for_the_last_close_has_an_end", waiting_for_the_last_close_has_an_end},
    {"a_reader_that_stops_stops_the_transfers", a_reader_that_stops_stops_the_transfers},
    {"many_readers_read_right", many_readers_read_right},
    {"two_that_open_and_close_always_have_a_feed", two_that_open_and_close_always_have_a_feed},
    {"eviction_spares_what_is_open", eviction_spares_what_is_open_and_keeps_the_limit},
    {"a_bucket_is_forgotten", a_bucket_is_forgotten_and_what_is_open_when_it_is_closed},
    {"without_room_through_memory", without_room_it_is_served_through_memory},
    {"without_room_memory_is_bounded", without_room_memory_is_bounded},
    {"a_full_disk_is_no_error", a_full_disk_is_no_error},
    {"a_write_that_fails_midway_is_told", a_write_that_fails_midway_is_told},
    {"without_a_feed", without_a_feed_what_is_kept_is_served},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
