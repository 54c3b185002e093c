/* Places: made by the first pass, used by all that come later, noticed when they are damaged, and never a wrong byte. */
#include "cache/points.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/clock.h"
#include "cache/gunzip.h"
#include "tests/lib/fake_feed.h"
#include "tests/lib/scratch.h"
#include "tests/lib/unit.h"

#define MIB (1024u * 1024)
#define PLAIN_BYTES (36u * MIB + 12345)
#define LIMIT (1ull << 30)

static unsigned char *plain;
static char *gz;
static size_t gz_len;
static const struct cache_inflate_ops *decoder; /* NULL: the build's default */

struct world {
    struct scratch scratch;
    struct cache_store *store;
    struct cache_objects *objects;
    struct executor *executor;
    struct cache_gunzip_budget *budget;
    struct fake_feed feed;
    uint64_t limit;
};

static uint32_t roll(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static size_t deflate_member(const unsigned char *from, size_t len, char *to, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)len};
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)room;
    if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

/* Two members: one ends between two places. */
static void make_data(void)
{
    uint32_t seed = 5;
    plain = malloc(PLAIN_BYTES + 128);
    gz = malloc(PLAIN_BYTES);
    if (!plain || !gz)
        abort();
    for (size_t at = 0; at < PLAIN_BYTES;)
        at += (size_t)snprintf((char *)plain + at, 96, "%u,AmazonEC2,i-%08x,\"Amazon Web Services, Inc.\",0.%u\n",
                               roll(&seed) % 999, roll(&seed), roll(&seed));
    size_t first = 15 * MIB + 777;
    gz_len = deflate_member(plain, first, gz, PLAIN_BYTES);
    gz_len += deflate_member(plain + first, PLAIN_BYTES - first, gz + gz_len, PLAIN_BYTES - gz_len);
}

static void open_world(struct world *w)
{
    struct cache_objects_setup setup = {.size_max_bytes = w->limit, .executor = w->executor};
    CHECK_INT(cache_store_open(w->scratch.path, &w->store), 0);
    setup.store = w->store;
    CHECK_INT(cache_objects_new(&setup, &w->objects), 0);
    CHECK_INT(cache_gunzip_budget_new(0, &w->budget), 0);
}

/* As a process ends: every pass first. */
static void close_world(struct world *w)
{
    cache_gunzip_budget_free(w->budget);
    cache_objects_free(w->objects);
    cache_store_close(w->store);
}

static void begin(struct world *w, uint64_t limit)
{
    memset(w, 0, sizeof *w);
    w->limit = limit;
    scratch_init(&w->scratch);
    fake_feed_init(&w->feed, gz, gz_len);
    CHECK_INT(executor_new("test", 3, &w->executor), 0);
    open_world(w);
}

static void finish(struct world *w)
{
    close_world(w);
    executor_free(w->executor);
    fake_feed_done(&w->feed);
    scratch_done(&w->scratch);
}

static struct cache_object_id id_of(const struct world *w)
{
    (void)w;
    return (struct cache_object_id){"123456789012", "bucket", "part.csv.gz", "etag", gz_len};
}

static struct source *open_view(struct world *w)
{
    struct cache_object_id id = id_of(w);
    struct source *object = NULL, *view = NULL;
    struct cache_gunzip_setup setup = {.name = "part",
                                       .executor = w->executor,
                                       .budget = w->budget,
                                       .inflate = decoder,
                                       .declared_bytes = PLAIN_BYTES};
    CHECK_INT(cache_objects_open(w->objects, &id, fake_feed_give, &w->feed, &object), 0);
    if (cache_gunzip_points(w->objects, &id, PLAIN_BYTES, decoder, &setup.points))
        setup.points = NULL;
    CHECK_INT(cache_gunzip_new(object, &setup, &view), 0);
    return view;
}

static errint read_at(struct source *s, uint64_t off, size_t len)
{
    unsigned char *buf = malloc(len + 1);
    size_t got = 0;
    errint e = source_read_wait(s, off, buf, len, NULL, clock_monotonic_ns() + 120 * CLOCK_NS_PER_S, &got);
    if (e == 0) {
        size_t want = off >= PLAIN_BYTES ? 0 : len < PLAIN_BYTES - off ? len : (size_t)(PLAIN_BYTES - off);
        CHECK_INT(got, want);
        CHECK(got == want && memcmp(buf, plain + off, want) == 0);
    }
    free(buf);
    return e;
}

static errint read_whole(struct source *view, size_t step)
{
    errint e = 0;
    for (uint64_t off = 0; off < PLAIN_BYTES && e == 0; off += step)
        e = read_at(view, off, step);
    return e;
}

static struct cache_gunzip_status status_of(struct source *view)
{
    struct cache_gunzip_status st;
    cache_gunzip_status(view, &st);
    return st;
}

/* The path of the one file in objects/ whose name ends in SUFFIX; false when there is none. */
static bool find_file(const struct world *w, const char *suffix, char *ret, size_t room)
{
    char folder[512];
    bool found = false;
    snprintf(folder, sizeof folder, "%s/objects", w->scratch.path);
    DIR *d = opendir(folder);
    for (struct dirent *f; d && (f = readdir(d));) {
        size_t len = strlen(f->d_name), end = strlen(suffix);
        if (len < end || strcmp(f->d_name + len - end, suffix) != 0)
            continue;
        snprintf(ret, room, "%s/%s", folder, f->d_name);
        found = true;
    }
    if (d)
        closedir(d);
    return found;
}

static bool is_made(const struct world *w)
{
    char path[1024];
    return find_file(w, ".points", path, sizeof path);
}

/* A whole pass, and everything closed behind it. */
static void make_places(struct world *w)
{
    struct source *view = open_view(w);
    CHECK_INT(read_whole(view, MIB), 0);
    source_put(view);
    close_world(w);
    open_world(w);
}

static void a_later_read_begins_at_a_place(void)
{
    struct world w;
    begin(&w, LIMIT);
    make_places(&w);
    CHECK(is_made(&w));
    struct source *view = open_view(&w);
    CHECK_INT(read_at(view, 27 * MIB + 5, 4096), 0);
    CHECK_INT(read_at(view, 9 * MIB + 5, 4096), 0);
    CHECK_INT(read_at(view, PLAIN_BYTES - 100, 100), 0); /* the last block, proven by this pass */
    struct cache_gunzip_status st = status_of(view);
    CHECK_INT(st.passes_begun_count, 0); /* none from the start */
    CHECK(st.made_bytes <= 3 * (CACHE_POINTS_INTERVAL_MIN_BYTES + MIB));
    source_put(view);
    uint64_t sent = w.feed.sent_bytes;
    view = open_view(&w);
    CHECK_INT(read_whole(view, 131072), 0);
    CHECK_INT(w.feed.sent_bytes, sent);
    source_put(view);
    finish(&w);
}

static void places_are_there_while_the_first_pass_runs(void)
{
    struct world w;
    begin(&w, LIMIT);
    struct source *view = open_view(&w);
    CHECK_INT(read_at(view, 30 * MIB, 4096), 0);
    CHECK_INT(read_at(view, 13 * MIB, 4096), 0);
    CHECK_INT(status_of(view).passes_begun_count, 1);
    CHECK(!is_made(&w));
    source_put(view);
    close_world(&w);
    CHECK(!is_made(&w)); /* it was not whole */
    open_world(&w);
    finish(&w);
}

struct reader {
    struct source *view;
    uint32_t seed;
    unsigned reads;
};

static void *read_randomly(void *arg)
{
    struct reader *r = arg;
    for (unsigned i = 0; i < r->reads; i++)
        CHECK_INT(read_at(r->view, roll(&r->seed) % PLAIN_BYTES, 1 + roll(&r->seed) % (i % 8 ? 8192 : MIB)), 0);
    return NULL;
}

static void *read_in_order(void *arg)
{
    struct reader *r = arg;
    CHECK_INT(read_whole(r->view, 1 + roll(&r->seed) % MIB), 0);
    return NULL;
}

/* Random readers and readers in order at once: on what was made, or while the first pass makes it. */
static void many_readers(bool made)
{
    enum { READERS = 8 };
    struct world w;
    struct reader readers[READERS];
    pthread_t threads[READERS];
    begin(&w, LIMIT);
    if (made)
        make_places(&w);
    struct source *view = open_view(&w), *other = open_view(&w);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.view = i % 3 ? view : other, .seed = i + 1, .reads = 100};
        pthread_create(&threads[i], NULL, i % 4 ? read_randomly : read_in_order, &readers[i]);
    }
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    source_put(view);
    source_put(other);
    finish(&w);
}

static void many_readers_get_right_bytes(void)
{
    many_readers(true);
    many_readers(false);
}

static void flip(const char *path, int64_t off)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st = {0};
    char byte = 0;
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    off_t at = off < 0 ? st.st_size + off : off;
    CHECK(pread(fd, &byte, 1, at) == 1);
    byte = (char)(byte ^ 0x04);
    CHECK(pwrite(fd, &byte, 1, at) == 1);
    (void)close(fd);
}

/* Right bytes all the same, and after the next whole pass it is as before. */
static void damaged(void (*hurt)(const char *path))
{
    struct world w;
    char path[1024] = "";
    begin(&w, LIMIT);
    make_places(&w);
    CHECK(find_file(&w, ".points", path, sizeof path));
    hurt(path);
    struct source *view = open_view(&w);
    CHECK_INT(read_at(view, 3 * MIB, 4096), 0);
    CHECK_INT(read_at(view, PLAIN_BYTES - 100, 100), 0);
    CHECK(status_of(view).passes_begun_count >= 1);
    CHECK_INT(read_whole(view, MIB), 0);
    source_put(view);
    close_world(&w);
    open_world(&w);
    make_places(&w);
    CHECK(is_made(&w));
    view = open_view(&w);
    CHECK_INT(read_at(view, 27 * MIB + 5, 4096), 0);
    CHECK_INT(status_of(view).passes_begun_count, 0);
    source_put(view);
    finish(&w);
}

/* From the footer's end: the checksum 16, the object's name 72, the decoder 16, then list_off, count, plain, state and place sizes of 8 each,
 * version and format of 4, the magic 8. Before it the list. */
static void hurt_checksum(const char *path)
{
    flip(path, -3);
}
static void hurt_object(const char *path)
{
    flip(path, -50);
}
static void hurt_decoder(const char *path)
{
    flip(path, -92);
}
static void hurt_count(const char *path)
{
    flip(path, -120);
}
static void hurt_state_size(const char *path)
{
    flip(path, -136);
}
static void hurt_place_size(const char *path)
{
    flip(path, -144);
}
static void hurt_version(const char *path)
{
    flip(path, -148);
}
static void hurt_format(const char *path)
{
    flip(path, -152);
}
static void hurt_magic(const char *path)
{
    flip(path, -160);
}
static void hurt_list(const char *path)
{
    flip(path, -222);
}
static void hurt_payloads(const char *path)
{
    struct stat st = {0};
    CHECK_INT(stat(path, &st), 0);
    for (int64_t off = 100; off < st.st_size - 2048; off += 1000)
        flip(path, off);
}
static void hurt_cut(const char *path)
{
    CHECK_INT(truncate(path, 5000), 0);
}
static void hurt_empty(const char *path)
{
    CHECK_INT(truncate(path, 0), 0);
}

static void damage_is_noticed_and_made_good(void)
{
    static void (*const hurts[])(const char *path) = {
        hurt_checksum, hurt_object, hurt_decoder, hurt_count,    hurt_state_size, hurt_place_size, hurt_version,
        hurt_format,   hurt_magic,  hurt_list,    hurt_payloads, hurt_cut,        hurt_empty,
    };
    for (size_t i = 0; i < sizeof hurts / sizeof hurts[0]; i++)
        damaged(hurts[i]);
}

/* What comes before the end may be wrong, but the end does not come. */
static errint read_to_the_end(struct source *view)
{
    char *buf = malloc(MIB);
    size_t got;
    errint e = 0;
    for (uint64_t off = 0; off < PLAIN_BYTES && e == 0; off += MIB)
        e = source_read_wait(view, off, buf, MIB, NULL, 0, &got);
    free(buf);
    return e;
}

/* The object itself has other bytes than those that the places were made from: a reader must hear of it. */
static void other_bytes_than_the_first_pass_fail(void)
{
    struct world w;
    begin(&w, LIMIT);
    make_places(&w);
    close_world(&w);
    char points[1024] = "", kept[1100], object[1024];
    CHECK(find_file(&w, ".points", points, sizeof points));
    snprintf(kept, sizeof kept, "%s/aside", w.scratch.path);
    CHECK_INT(rename(points, kept), 0);
    snprintf(object, sizeof object, "%.*s", (int)(strlen(points) - strlen(".points")), points);
    CHECK_INT(unlink(object), 0);
    CHECK_INT(rename(kept, points), 0);
    gz[gz_len / 2] = (char)(gz[gz_len / 2] ^ 0x10);
    open_world(&w);
    struct source *view = open_view(&w);
    CHECK_INT(read_to_the_end(view), -EIO);
    CHECK_INT(read_at(view, 0, 10), -EIO); /* and it stays so */
    source_put(view);
    close_world(&w);
    CHECK(!is_made(&w));
    gz[gz_len / 2] = (char)(gz[gz_len / 2] ^ 0x10);
    open_world(&w);
    finish(&w);
}

static void counted_within_the_limit_and_removed_with_the_object(void)
{
    struct world w;
    struct cache_objects_status st;
    begin(&w, LIMIT);
    make_places(&w);
    cache_objects_status(w.objects, &st);
    CHECK(st.kept_bytes > gz_len + 10000);
    struct cache_object_id id = id_of(&w);
    cache_objects_drop(w.objects, &id);
    cache_objects_status(w.objects, &st);
    CHECK_INT(st.kept_bytes, 0);
    CHECK(!is_made(&w));
    make_places(&w);
    CHECK(is_made(&w));
    close_world(&w);
    w.limit = gz_len; /* lower than it was: the object goes, and its places with it */
    open_world(&w);
    cache_objects_status(w.objects, &st);
    CHECK_INT(st.kept_bytes, 0);
    CHECK(!is_made(&w));
    finish(&w);
    begin(&w, gz_len + 20000); /* the object fits, its places do not */
    make_places(&w);
    cache_objects_status(w.objects, &st);
    CHECK(st.kept_bytes <= w.limit);
    CHECK(!is_made(&w));
    struct source *view = open_view(&w);
    CHECK_INT(read_whole(view, MIB), 0);
    source_put(view);
    finish(&w);
}

static void leftovers_go_at_the_start(void)
{
    struct world w;
    char path[1024] = "", left[1100];
    begin(&w, LIMIT);
    make_places(&w);
    close_world(&w);
    CHECK(find_file(&w, ".points", path, sizeof path));
    snprintf(left, sizeof left, "%.*s.7.new", (int)(strlen(path) - strlen(".points")), path);
    int fd = open(left, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    (void)close(fd);
    open_world(&w);
    CHECK(access(left, F_OK) != 0);
    CHECK(is_made(&w));
    finish(&w);
}

#ifdef CTFS_WITH_ISAL

/* Not with those of another decoder, which stay. */
static void zlib_reads_without_places_of_isal(void)
{
    struct world w;
    begin(&w, LIMIT);
    make_places(&w);
    decoder = &cache_inflate_zlib;
    struct source *view = open_view(&w);
    CHECK_INT(read_at(view, 27 * MIB + 5, 4096), 0);
    CHECK_INT(status_of(view).passes_begun_count, 1);
    source_put(view);
    decoder = NULL;
    finish(&w);
}

#endif

/* Its places lie between blocks. */
static void the_same_by_zlib(void)
{
    decoder = &cache_inflate_zlib;
    a_later_read_begins_at_a_place();
    places_are_there_while_the_first_pass_runs();
    many_readers(true);
    damaged(hurt_payloads);
    other_bytes_than_the_first_pass_fail();
    decoder = NULL;
}

static void intervals(void)
{
    CHECK_INT(cache_points_interval(0), 2 * MIB);
    CHECK_INT(cache_points_interval(1000 * MIB), 2 * MIB);
    CHECK_INT(cache_points_interval(5000ull * MIB), 4 * MIB);
    CHECK(100000ull * MIB / cache_points_interval(100000ull * MIB) <= CACHE_POINTS_MAX);
}

static const struct unit_test tests[] = {
    {"a_later_read_begins_at_a_place", a_later_read_begins_at_a_place},
    {"places_are_there_while_the_first_pass_runs", places_are_there_while_the_first_pass_runs},
    {"many_readers_get_right_bytes", many_readers_get_right_bytes},
    {"damage_is_noticed_and_made_good", damage_is_noticed_and_made_good},
    {"other_bytes_than_the_first_pass_fail", other_bytes_than_the_first_pass_fail},
    {"counted_within_the_limit_and_removed_with_the_object", counted_within_the_limit_and_removed_with_the_object},
    {"leftovers_go_at_the_start", leftovers_go_at_the_start},
    {"the_same_by_zlib", the_same_by_zlib},
#ifdef CTFS_WITH_ISAL
    {"zlib_reads_without_places_of_isal", zlib_reads_without_places_of_isal},
#endif
    {"intervals", intervals},
};

int main(int argc, char **argv)
{
    make_data();
    int status = unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
    free(plain);
    free(gz);
    return status;
}
