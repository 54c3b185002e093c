/* The gunzip view against plain bytes: every read right or failed, whatever the object does. */
#include "cache/gunzip.h"

#include <zlib.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "tests/lib/fake_source.h"
#include "tests/lib/unit.h"

#define PLAIN_BYTES (24u << 20)

static unsigned char *plain, *gz;
static size_t gz_len;
static struct executor *executor;
static struct cache_gunzip_budget *budget;
static atomic_uint proofs, releases;
static _Atomic uint64_t proof_actual;
static atomic_int proof_result;

static uint32_t roll(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static size_t deflate_member(const unsigned char *from, size_t len, unsigned char *to, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)len, .next_out = to, .avail_out = (uInt)room};
    if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

static void make_data(void)
{
    uint32_t seed = 7;
    plain = malloc(PLAIN_BYTES);
    gz = malloc(PLAIN_BYTES + (1u << 20));
    if (!plain || !gz)
        abort();
    for (size_t at = 0; at < PLAIN_BYTES;) {
        char line[96];
        int len = snprintf(line, sizeof line, "%u,AmazonEC2,i-%08x,\"Amazon Web Services, Inc.\",0.%u\n",
                           roll(&seed) % 999, roll(&seed), roll(&seed));
        size_t left = PLAIN_BYTES - at;
        memcpy(plain + at, line, (size_t)len < left ? (size_t)len : left);
        at += (size_t)len < left ? (size_t)len : left;
    }
    size_t half = 9876543;
    gz_len = deflate_member(plain, half, gz, PLAIN_BYTES);
    gz_len += deflate_member(plain + half, PLAIN_BYTES - half, gz + gz_len, PLAIN_BYTES);
}

static void on_proof(void *arg, const struct cache_gunzip_proof *proof)
{
    (void)arg;
    proof_actual = proof->actual_bytes;
    proof_result = proof->result;
    proofs++;
}

static void on_release(void *arg)
{
    (void)arg;
    releases++;
}

static struct source *open_view(struct source *object, uint64_t declared, const struct cache_inflate_ops *ops)
{
    struct cache_gunzip_setup setup = {.name = "part",
                                       .executor = executor,
                                       .budget = budget,
                                       .inflate = ops,
                                       .declared_bytes = declared,
                                       .proof = on_proof,
                                       .release = on_release};
    struct source *view = NULL;
    proofs = releases = 0;
    proof_actual = 0;
    CHECK_INT(cache_gunzip_new(object, &setup, &view), 0);
    return view;
}

static void await_releases(unsigned count)
{
    int64_t until_ns = clock_monotonic_ns() + 20 * CLOCK_NS_PER_S;
    while (releases < count && clock_monotonic_ns() < until_ns)
        (void)usleep(200);
    CHECK_INT(releases, count);
}

static void close_view(struct source *view)
{
    source_put(view);
    await_releases(1);
}

static errint read_at(struct source *s, uint64_t off, size_t len)
{
    unsigned char *buf = malloc(len + 1);
    size_t got = 0;
    errint e = source_read_wait(s, off, buf, len, NULL, clock_monotonic_ns() + 60 * CLOCK_NS_PER_S, &got);
    size_t want = off >= PLAIN_BYTES ? 0 : len < PLAIN_BYTES - off ? len : (size_t)(PLAIN_BYTES - off);
    if (e == 0) {
        CHECK_INT(got, want);
        CHECK(memcmp(buf, plain + off, got < want ? got : want) == 0);
    }
    free(buf);
    return e;
}

static void read_in_order(const struct cache_inflate_ops *ops, unsigned wait_every)
{
    struct fake_source *f = fake_source_new(gz, gz_len);
    f->wait_every = wait_every;
    struct source *view = open_view(&f->source, PLAIN_BYTES, ops);
    for (uint64_t off = 0; off < PLAIN_BYTES; off += 131072)
        CHECK_INT(read_at(view, off, 131072), 0);
    CHECK_INT(read_at(view, PLAIN_BYTES, 10), 0);
    CHECK_INT(read_at(view, PLAIN_BYTES + 12345, 10), 0);
    CHECK_INT(proofs, 1);
    CHECK_INT(proof_actual, PLAIN_BYTES);
    struct cache_gunzip_status st;
    cache_gunzip_status(view, &st);
    CHECK_INT(st.passes_begun_count, 1);
    close_view(view);
}

static void test_in_order(void)
{
    read_in_order(NULL, 0);
    read_in_order(NULL, 2);
    read_in_order(&cache_inflate_zlib, 3);
}

struct flight {
    struct source *view;
    uint32_t seed;
    unsigned reads;
    pthread_barrier_t *barrier;
    const uint64_t *order;
};

/* 16 readers take 16 pieces of 128 KiB at once, in a shuffled order, as a kernel's read-ahead does; then the next 16. */
static void *fly(void *arg)
{
    struct flight *fl = arg;
    for (uint64_t i = fl->seed; i < PLAIN_BYTES / 131072; i += 16) {
        CHECK_INT(read_at(fl->view, fl->order[i] * 131072, 131072), 0);
        (void)pthread_barrier_wait(fl->barrier);
    }
    return NULL;
}

/* How often a pass began while 16 threads read pieces out of order. */
static uint64_t read_shuffled(const uint64_t *order)
{
    enum { AHEAD = 16 };
    struct fake_source *f = fake_source_new(gz, gz_len);
    f->wait_every = 5;
    struct source *view = open_view(&f->source, PLAIN_BYTES, NULL);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, AHEAD);
    struct flight fl[AHEAD];
    pthread_t threads[AHEAD];
    for (unsigned i = 0; i < AHEAD; i++) {
        fl[i] = (struct flight){.view = view, .seed = i, .barrier = &barrier, .order = order};
        pthread_create(&threads[i], NULL, fly, &fl[i]);
    }
    for (unsigned i = 0; i < AHEAD; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    struct cache_gunzip_status st;
    cache_gunzip_status(view, &st);
    close_view(view);
    return st.passes_begun_count;
}

/* A reader that the machine keeps away for as long as a woken read is waited for spoils a round: it is made again. */
static void test_shuffled_in_flight(void)
{
    enum { PIECES = PLAIN_BYTES / 131072, AHEAD = 16 };
    uint64_t order[PIECES], passes = 0;
    uint32_t seed = 3;
    for (unsigned i = 0; i < PIECES; i++)
        order[i] = i;
    for (unsigned i = 0; i < PIECES; i += AHEAD)
        for (unsigned k = AHEAD - 1; k > 0; k--) {
            unsigned j = roll(&seed) % (k + 1);
            uint64_t other = order[i + j];
            order[i + j] = order[i + k];
            order[i + k] = other;
        }
    for (int round = 0; round < 5 && passes != 1; round++)
        passes = read_shuffled(order);
    CHECK_INT(passes, 1);
}

static void *read_randomly(void *arg)
{
    struct flight *fl = arg;
    for (unsigned i = 0; i < fl->reads; i++)
        CHECK_INT(read_at(fl->view, roll(&fl->seed) % PLAIN_BYTES, 1 + roll(&fl->seed) % 1048576), 0);
    return NULL;
}

static void test_random_readers(void)
{
    struct fake_source *f = fake_source_new(gz, gz_len);
    f->wait_every = 7;
    struct source *view = open_view(&f->source, PLAIN_BYTES, NULL);
    struct flight fl[8];
    pthread_t threads[8];
    for (unsigned i = 0; i < 8; i++) {
        fl[i] = (struct flight){.view = view, .seed = i + 1, .reads = 12};
        pthread_create(&threads[i], NULL, read_randomly, &fl[i]);
    }
    for (unsigned i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    close_view(view);
}

static void declared_wrong(uint64_t declared)
{
    struct source *view = open_view(&fake_source_new(gz, gz_len)->source, declared, NULL);
    unsigned char byte;
    size_t got;
    CHECK_INT(read_at(view, 100, 1000), 0);
    CHECK_INT(source_read_wait(view, declared - 1, &byte, 1, NULL, 0, &got), -EIO);
    CHECK(strstr(err_message(), "declared as") != NULL);
    CHECK_INT(proof_actual, PLAIN_BYTES);
    CHECK_INT(proof_result, 0);
    CHECK_INT(source_read_wait(view, 0, &byte, 1, NULL, 0, &got), -EIO);
    close_view(view);
}

static void test_declared_wrong(void)
{
    declared_wrong(PLAIN_BYTES - 1);
    declared_wrong(PLAIN_BYTES / 2);
    declared_wrong(PLAIN_BYTES + 1);
    declared_wrong(PLAIN_BYTES * 3ull);
}

static void corrupt(size_t at, size_t len)
{
    unsigned char *bad = malloc(len + 1);
    memcpy(bad, gz, len);
    if (at < len)
        bad[at] ^= 0x10;
    struct source *view = open_view(&fake_source_new(bad, len)->source, PLAIN_BYTES, NULL);
    CHECK_INT(read_at(view, PLAIN_BYTES - 10, 10), -EIO);
    CHECK_INT(proof_result, -EIO);
    CHECK_INT(read_at(view, 0, 10), -EIO);
    close_view(view);
    free(bad);
}

static void test_corrupt(void)
{
    corrupt(gz_len / 2, gz_len);
    corrupt(gz_len - 2, gz_len);
    corrupt(gz_len - 7, gz_len);
    corrupt(gz_len, gz_len - 1);
    corrupt(gz_len, gz_len / 2);
    corrupt(gz_len, 0);
}

/* The n-th call of the object fails, n = 1, 2, 3 until none does. */
static void test_nth_fails(void)
{
    bool failed = true;
    for (unsigned n = 1; failed && n < 1000; n += n < 12 ? 1 : 5) {
        struct fake_source *f = fake_source_new(gz, gz_len);
        f->fail_at = n;
        f->fail_code = -ETIMEDOUT;
        struct source *view = open_view(&f->source, PLAIN_BYTES, NULL);
        failed = false;
        for (uint64_t off = 0; off < PLAIN_BYTES; off += 1048576) {
            errint e = read_at(view, off, 1048576);
            CHECK(e == 0 || e == -ETIMEDOUT);
            if (e && !failed)
                CHECK_INT(read_at(view, off, 1048576), 0); /* the next one goes on */
            failed |= f->calls >= n;
        }
        failed &= f->calls >= n;
        close_view(view);
    }
    CHECK(!failed);
}

static void test_sticky_object_failure(void)
{
    struct fake_source *f = fake_source_new(gz, gz_len);
    f->fail_at = 2;
    f->fail_code = -ESTALE;
    struct source *view = open_view(&f->source, PLAIN_BYTES, NULL);
    CHECK_INT(read_at(view, PLAIN_BYTES - 5, 5), -ESTALE);
    CHECK_INT(read_at(view, 0, 5), -ESTALE);
    CHECK_INT(proofs, 0);
    close_view(view);
}

static void test_stall_and_close(void)
{
    struct fake_source *f = fake_source_new(gz, gz_len);
    f->stall_from = gz_len / 2;
    struct source *view = open_view(&f->source, PLAIN_BYTES, NULL);
    unsigned char buf[10];
    size_t got;
    CHECK_INT(read_at(view, 0, 4096), 0);
    CHECK_INT(
        source_read_wait(view, PLAIN_BYTES - 10, buf, 10, NULL, clock_monotonic_ns() + 50 * CLOCK_NS_PER_MS, &got),
        -ETIMEDOUT);
    CHECK_INT(read_at(view, 4096, 4096), 0); /* others are not held up */
    close_view(view);
}

static void test_reader_that_stops(void)
{
    struct source *view = open_view(&fake_source_new(gz, gz_len)->source, PLAIN_BYTES, NULL);
    CHECK_INT(read_at(view, 0, 4096), 0);
    struct cache_gunzip_status st;
    (void)usleep(200000);
    cache_gunzip_status(view, &st);
    CHECK(st.made_bytes <= 9u << 20);
    CHECK_INT(st.waiting_count, 0);
    close_view(view);
}

static void ignore(void *arg, const void *data, size_t len)
{
    (void)arg, (void)data, (void)len;
}

static uint64_t await_made(struct source *view, uint64_t bytes)
{
    struct cache_gunzip_status st;
    int64_t until_ns = clock_monotonic_ns() + 20 * CLOCK_NS_PER_S;
    do
        cache_gunzip_status(view, &st);
    while (st.made_bytes < bytes && usleep(1000) == 0 && clock_monotonic_ns() < until_ns);
    return st.made_bytes;
}

/* A read without a waiter, as a concatenation sends for the part that comes next. */
static void test_hint_fills_the_window(void)
{
    struct source *view = open_view(&fake_source_new(gz, gz_len)->source, PLAIN_BYTES, NULL);
    CHECK_INT(source_pread(view, 10, 1, ignore, NULL, NULL), -EAGAIN);
    CHECK_INT(await_made(view, PLAIN_BYTES), PLAIN_BYTES);
    for (uint64_t off = 0; off < PLAIN_BYTES; off += 1048576)
        CHECK_INT(read_at(view, off, 1048576), 0);
    struct cache_gunzip_status st;
    cache_gunzip_status(view, &st);
    CHECK_INT(st.passes_begun_count, 1);
    close_view(view);
}

/* A read that was woken, and never comes back for its bytes, does not keep the only window. */
static void test_woken_read_that_never_comes(void)
{
    struct cache_gunzip_budget *all = budget;
    struct blocker b;
    blocker_init(&b);
    CHECK_INT(cache_gunzip_budget_new(CACHE_GUNZIP_WINDOW_MIN_BYTES, &budget), 0);
    struct source *first = open_view(&fake_source_new(gz, gz_len)->source, PLAIN_BYTES, NULL);
    struct source *second = open_view(&fake_source_new(gz, gz_len)->source, PLAIN_BYTES, NULL);
    CHECK_INT(source_pread(first, 0, 4096, ignore, NULL, &b.waiter), -EAGAIN);
    CHECK_INT(blocker_wait(&b, clock_monotonic_ns() + 20 * CLOCK_NS_PER_S), 0);
    CHECK_INT(read_at(second, 0, 4096), 0);
    source_put(first);
    source_put(second);
    await_releases(2);
    blocker_done(&b);
    cache_gunzip_budget_free(budget);
    budget = all;
}

/* One window for all: a pass that was read to its end leaves it sooner than one whose reader only stopped. Each would be
 * late otherwise; a busy machine makes only some of them so. */
static void test_window_goes_on(void)
{
    enum { VIEWS = 8 };
    unsigned soon = 0;
    struct cache_gunzip_budget *all = budget;
    struct source *views[VIEWS];
    CHECK_INT(cache_gunzip_budget_new(CACHE_GUNZIP_WINDOW_MIN_BYTES, &budget), 0);
    for (unsigned i = 0; i < VIEWS; i++)
        views[i] = open_view(&fake_source_new(gz, gz_len)->source, PLAIN_BYTES, NULL);
    for (unsigned i = 0; i < VIEWS; i++) {
        int64_t began_ns = clock_monotonic_ns();
        for (uint64_t off = 0; off < PLAIN_BYTES; off += 131072) {
            CHECK_INT(read_at(views[i], off, 131072), 0);
            soon += i > 0 && off == 0 && clock_monotonic_ns() - began_ns < CACHE_GUNZIP_IDLE_NS;
        }
    }
    CHECK(soon >= VIEWS / 2);
    for (unsigned i = 0; i < VIEWS; i++)
        source_put(views[i]);
    await_releases(VIEWS);
    cache_gunzip_budget_free(budget);
    budget = all;
}

static size_t await_used(size_t bytes)
{
    struct cache_gunzip_budget_status st;
    int64_t until_ns = clock_monotonic_ns() + 20 * CLOCK_NS_PER_S;
    do
        cache_gunzip_budget_status(budget, &st);
    while (st.used_bytes > bytes && usleep(1000) == 0 && clock_monotonic_ns() < until_ns);
    return st.used_bytes;
}

static void test_read_to_the_end_rests(void)
{
    struct source *view = open_view(&fake_source_new(gz, gz_len)->source, PLAIN_BYTES, NULL);
    struct cache_gunzip_status st;
    for (uint64_t off = 0; off < PLAIN_BYTES; off += 1048576)
        CHECK_INT(read_at(view, off, 1048576), 0);
    CHECK(await_used(CACHE_GUNZIP_REST_BYTES) <= CACHE_GUNZIP_REST_BYTES);
    CHECK_INT(read_at(view, PLAIN_BYTES - 100000, 100000), 0); /* what it kept */
    cache_gunzip_status(view, &st);
    CHECK_INT(st.passes_begun_count, 1);
    CHECK_INT(read_at(view, PLAIN_BYTES - 1048576, 1048576), 0); /* what it did not */
    CHECK_INT(read_at(view, 0, 1048576), 0);
    CHECK_INT(read_at(view, PLAIN_BYTES - 1048576, 1048576), 0);
    close_view(view);
}

static errint verify_wait(struct source *view, struct cache_gunzip_proof *ret)
{
    struct blocker b;
    blocker_init(&b);
    errint e;
    while ((e = cache_gunzip_verify(view, ret, &b.waiter)) == -EAGAIN)
        if (blocker_wait(&b, clock_monotonic_ns() + 30 * CLOCK_NS_PER_S))
            break;
    blocker_done(&b);
    return e;
}

static void test_verify(void)
{
    struct cache_gunzip_proof proof = {0};
    struct fake_source *f = fake_source_new(gz, gz_len);
    f->wait_every = 2;
    struct source *view = open_view(&f->source, PLAIN_BYTES, NULL);
    CHECK_INT(verify_wait(view, &proof), 0);
    CHECK_INT(proof.actual_bytes, PLAIN_BYTES);
    CHECK_INT(read_at(view, PLAIN_BYTES - 100, 100), 0);
    close_view(view);
    view = open_view(&fake_source_new(gz, gz_len)->source, 5, NULL);
    CHECK_INT(verify_wait(view, &proof), 0);
    CHECK_INT(proof.actual_bytes, PLAIN_BYTES);
    close_view(view);
    view = open_view(&fake_source_new(gz, gz_len - 3)->source, PLAIN_BYTES, NULL);
    CHECK_INT(verify_wait(view, &proof), -EIO);
    close_view(view);
}

static void *read_whole(void *arg)
{
    struct source *view = arg;
    for (uint64_t off = 0; off < PLAIN_BYTES; off += 131072)
        CHECK_INT(read_at(view, off, 131072), 0);
    return NULL;
}

/* 64 readers of 64 views: all come to the end, within the budget. */
static void test_many_views(void)
{
    enum { VIEWS = 64 };
    struct source *views[VIEWS];
    pthread_t threads[VIEWS];
    for (unsigned i = 0; i < VIEWS; i++)
        views[i] = open_view(&fake_source_new(gz, gz_len)->source, PLAIN_BYTES, NULL);
    for (unsigned i = 0; i < VIEWS; i++)
        pthread_create(&threads[i], NULL, read_whole, views[i]);
    for (unsigned i = 0; i < VIEWS; i++)
        pthread_join(threads[i], NULL);
    struct cache_gunzip_budget_status st;
    cache_gunzip_budget_status(budget, &st);
    CHECK(st.used_max_bytes <=
          st.total_bytes + CACHE_GUNZIP_WINDOW_MAX_BYTES / 2); /* one that shrinks is there twice */
    for (unsigned i = 0; i < VIEWS; i++)
        source_put(views[i]);
    await_releases(VIEWS);
}

static void test_head(void)
{
    unsigned char out[300];
    size_t len;
    bool more;
    CHECK_INT(cache_gunzip_head(gz, 4096, gz_len, out, sizeof out, &len, &more), 0);
    CHECK_INT(len, sizeof out);
    CHECK(!more && memcmp(out, plain, len) == 0);
    CHECK_INT(cache_gunzip_head(gz, 5, gz_len, out, sizeof out, &len, &more), 0);
    CHECK(more && len == 0);
    CHECK_INT(cache_gunzip_head("plain", 5, 5, out, sizeof out, &len, &more), -EIO);
}

static enum cache_gunzip_plausible declared_of(uint32_t isize, uint64_t object, uint32_t typical)
{
    uint8_t trailer[8] = {
        0, 0, 0, 0, (uint8_t)isize, (uint8_t)(isize >> 8), (uint8_t)(isize >> 16), (uint8_t)(isize >> 24)};
    uint64_t declared;
    enum cache_gunzip_plausible verdict = cache_gunzip_declared(trailer, object, typical, &declared);
    CHECK_INT(declared, isize);
    return verdict;
}

static void test_declared(void)
{
    CHECK_INT(declared_of(1000000, 100000, 0), CACHE_GUNZIP_PLAUSIBLE);
    CHECK_INT(declared_of(1000000, 100000, 10000), CACHE_GUNZIP_PLAUSIBLE);
    CHECK_INT(declared_of(99999, 100000, 0), CACHE_GUNZIP_MUST_VERIFY);
    CHECK_INT(declared_of(104000000, 100000, 0), CACHE_GUNZIP_MUST_VERIFY);
    CHECK_INT(declared_of(1000000, 100000, 50000), CACHE_GUNZIP_MUST_VERIFY);
    CHECK_INT(declared_of(1000000, 100000, 2000), CACHE_GUNZIP_MUST_VERIFY);
    CHECK_INT(declared_of(1700000000, 400000000, 0), CACHE_GUNZIP_MUST_VERIFY);
    CHECK_INT(declared_of(1000000000, 132000000, 7600), CACHE_GUNZIP_PLAUSIBLE);
    CHECK_INT(declared_of(1073762400, 15959132, 0), CACHE_GUNZIP_MUST_VERIFY); /* 5 GiB of one line, again and again */
    CHECK_INT(declared_of(100000000, 1500000, 0), CACHE_GUNZIP_PLAUSIBLE); /* unusual, but it cannot be 4 GiB more */
}

static void test_nothing_left(void)
{
    struct cache_gunzip_budget_status st;
    int64_t until_ns = clock_monotonic_ns() + 20 * CLOCK_NS_PER_S;
    do
        cache_gunzip_budget_status(budget, &st);
    while ((st.passes_count || fake_source_alive) && usleep(1000) == 0 && clock_monotonic_ns() < until_ns);
    CHECK_INT(st.passes_count, 0);
    CHECK_INT(st.used_bytes, 0);
    CHECK_INT(fake_source_alive, 0);
}

/* 5 GiB of zeros in one member: a block of 1 MiB, flushed, again and again. */
static unsigned char *make_large(uint64_t blocks, size_t *ret_len)
{
    enum { BLOCK = 1 << 20, ROOM = 8192 };
    unsigned char *zeros = calloc(1, BLOCK), block[ROOM];
    z_stream z = {.next_in = zeros, .avail_in = BLOCK, .next_out = block, .avail_out = ROOM};
    if (!zeros || deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FULL_FLUSH) != Z_OK)
        abort();
    size_t len = ROOM - z.avail_out;
    (void)deflateEnd(&z);
    unsigned char *to = malloc(blocks * len + 64), *at = to;
    uLong crc = 0, block_crc = crc32(0, zeros, BLOCK);
    static const unsigned char header[10] = {0x1f, 0x8b, 8};
    memcpy(at, header, sizeof header);
    at += sizeof header;
    for (uint64_t i = 0; i < blocks; i++, at += len) {
        memcpy(at, block, len);
        crc = crc32_combine(crc, block_crc, BLOCK);
    }
    uint32_t isize = (uint32_t)(blocks * BLOCK);
    *at++ = 3; /* an empty fixed block, the last */
    *at++ = 0;
    for (int i = 0; i < 4; i++)
        *at++ = (unsigned char)(crc >> (8 * i));
    for (int i = 0; i < 4; i++)
        *at++ = (unsigned char)(isize >> (8 * i));
    free(zeros);
    *ret_len = (size_t)(at - to);
    return to;
}

static void test_past_4_gib(void)
{
    size_t len, got;
    uint64_t size = UINT64_C(5) << 30;
    unsigned char *object = make_large(5120, &len), buf[3];
    struct source *view = open_view(&fake_source_new(object, len)->source, size, NULL);
    for (int i = -1; i <= 1; i++) {
        memset(buf, 1, sizeof buf);
        CHECK_INT(source_read_wait(view, (UINT64_C(4) << 30) + (uint64_t)i, buf, 3, NULL, 0, &got), 0);
        CHECK(got == 3 && !buf[0] && !buf[1] && !buf[2]);
    }
    CHECK_INT(source_read_wait(view, size - 2, buf, 3, NULL, 0, &got), 0);
    CHECK_INT(got, 2);
    CHECK_INT(proof_actual, size);
    CHECK_INT(proof_result, 0);
    close_view(view);
    view = open_view(&fake_source_new(object, len)->source, size - (UINT64_C(1) << 32), NULL);
    CHECK_INT(source_read_wait(view, (UINT64_C(1) << 30) - 1, buf, 1, NULL, 0, &got), -EIO);
    CHECK_INT(proof_actual, size);
    close_view(view);
    free(object);
}

static const struct unit_test tests[] = {
    {"in order", test_in_order},
    {"shuffled in flight", test_shuffled_in_flight},
    {"random readers", test_random_readers},
    {"declared wrong", test_declared_wrong},
    {"corrupt", test_corrupt},
    {"n-th fails", test_nth_fails},
    {"sticky object failure", test_sticky_object_failure},
    {"stall and close", test_stall_and_close},
    {"reader that stops", test_reader_that_stops},
    {"hint fills the window", test_hint_fills_the_window},
    {"woken read that never comes", test_woken_read_that_never_comes},
    {"window goes on", test_window_goes_on},
    {"read to the end rests", test_read_to_the_end_rests},
    {"verify", test_verify},
    {"many views", test_many_views},
    {"past 4 GiB", test_past_4_gib},
    {"head", test_head},
    {"declared", test_declared},
    {"nothing left", test_nothing_left},
};

int main(int argc, char **argv)
{
    make_data();
    if (executor_new("gunzip", 2, &executor) || cache_gunzip_budget_new(0, &budget))
        return 1;
    int status = unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
    cache_gunzip_budget_free(budget);
    executor_free(executor);
    free(plain);
    free(gz);
    return status;
}
