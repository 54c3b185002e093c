/* The feed: exactly the bytes of the range, each once, of one version, whatever the network does. */
#include <inttypes.h>

#include "aws/s3.h"
#include "base/cleanup.h"
#include "tests/lib/aws_fixture.h"

#define SIZE 400000u
static unsigned char object[SIZE];
static const struct aws_s3_bucket bucket = {.name = "my-bucket"};

static void make_object(void)
{
    for (size_t i = 0; i < SIZE; i++)
        object[i] = (unsigned char)(i * 2654435761u >> 13);
}

/* What the server does wrong; each answer at most CUT bytes of its body, then the connection ends. */
struct server {
    size_t cut;       /* 0: whole */
    unsigned cut_for; /* the first answers; 0: all */
    const char *etag; /* "\"v1\"" if NULL */
    long shift;       /* of the range that is sent */
    uint64_t total;   /* 0: SIZE */
    bool ignore_range, status_200, chunked_short, refuse_match, stall;
    unsigned fail_first; /* with 503 */
    unsigned expire_at;  /* request number that is refused for its token; 0: none */
    char if_match[64][64];
    char ranges[64][64];
};

static void send_range(struct tiny_request *r, struct server *s, uint64_t first, uint64_t last)
{
    size_t len = (size_t)(last - first + 1), most = len;
    uint64_t shown = (uint64_t)((int64_t)first + s->shift);
    if (s->cut && (!s->cut_for || r->number < s->cut_for) && s->cut < len) {
        most = s->cut;
        r->closing = !s->stall;
    }
    tiny_printf(r, "HTTP/1.1 %d X\r\nETag: %s\r\n", s->ignore_range || s->status_200 ? 200 : 206,
                s->etag ? s->etag : "\"v1\"");
    if (!s->ignore_range)
        tiny_printf(r, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", shown, shown + len - 1,
                    s->total ? s->total : (uint64_t)SIZE);
    if (s->chunked_short) {
        tiny_printf(r, "Transfer-Encoding: chunked\r\n\r\n5\r\n");
        tiny_send(r, object + first, 5);
        tiny_printf(r, "\r\n0\r\n\r\n");
        return;
    }
    tiny_printf(r, "Content-Length: %zu\r\n\r\n", len);
    tiny_send(r, object + first, most);
}

static void answer(struct tiny_request *r)
{
    struct server *s = r->arg;
    char text[4096];
    uint64_t first = 0, last = SIZE - 1;
    snprintf(s->if_match[r->number % 64], sizeof s->if_match[0], "%.60s", tiny_header(r, "if-match", text));
    snprintf(s->ranges[r->number % 64], sizeof s->ranges[0], "%.60s", tiny_header(r, "range", text));
    if (sscanf(text, "bytes=%" SCNu64 "-%" SCNu64, &first, &last) != 2 || s->ignore_range) {
        first = 0;
        last = SIZE - 1;
    }
    if (r->number < s->fail_first)
        tiny_reply(r, 503, "", "<Error><Code>ServiceUnavailable</Code></Error>");
    else if (s->expire_at && r->number == s->expire_at)
        tiny_reply(r, 400, "", "<Error><Code>ExpiredToken</Code></Error>");
    else if (s->refuse_match)
        tiny_reply(r, 412, "", "<Error><Code>PreconditionFailed</Code></Error>");
    else
        send_range(r, s, first, last);
}

struct sink {
    struct feed_sink sink;
    struct blocker blocker;
    unsigned char *data;
    size_t len, size;
    bool overflow;
    struct err failure;
    unsigned dones;
};

static void take_data(struct feed_sink *sink, const void *data, size_t len)
{
    struct sink *s = (struct sink *)sink;
    s->overflow = s->overflow || len > s->size - s->len;
    if (!s->overflow)
        memcpy(s->data + s->len, data, len);
    s->len += len;
}

static void take_end(struct feed_sink *sink, errint result)
{
    struct sink *s = (struct sink *)sink;
    err_keep(&s->failure, result);
    s->dones++;
    task_wake(&s->blocker.task); /* the last touch of S */
}

static void sink_init(struct sink *s)
{
    memset(s, 0, sizeof *s);
    s->sink = (struct feed_sink){take_data, take_end};
    s->size = SIZE;
    s->data = calloc(1, SIZE);
    blocker_init(&s->blocker);
}

static void sink_wait(struct sink *s)
{
    CHECK_INT(blocker_wait(&s->blocker, 0), 0);
}

static void sink_done(struct sink *s)
{
    blocker_done(&s->blocker);
    err_done(&s->failure);
    free(s->data);
}

/* Reads [OFF, OFF+LEN) and checks what came; gives the number of requests. */
static unsigned check_feed(struct server *server, uint64_t off, uint64_t len, errint want,
                           const struct aws_settings *settings)
{
    struct fixture f;
    struct sink s;
    struct feed *feed = NULL;
    struct feed_transfer *t = NULL;
    fixture_start(&f, answer, server, settings);
    sink_init(&s);
    CHECK_INT(aws_s3_feed_new(f.session, &bucket, "part 1.gz", "\"v1\"", SIZE, &feed), 0);
    CHECK_INT(feed_start(feed, off, len, &s.sink, &t), 0);
    sink_wait(&s);
    CHECK_INT(s.failure.code, want);
    CHECK_INT(s.dones, 1);
    CHECK(!s.overflow);
    CHECK(s.len <= len && memcmp(s.data, object + off, s.len) == 0); /* a prefix, in any case */
    if (want == 0)
        CHECK_INT(s.len, len);
    else
        CHECK(s.failure.message && strstr(s.failure.message, "s3://my-bucket/part 1.gz") != NULL);
    unsigned requests = f.server.requests;
    feed_free(feed);
    fixture_stop(&f);
    sink_done(&s);
    return requests;
}

static void test_ranges(void)
{
    struct server s = {0};
    CHECK_INT(check_feed(&s, 0, SIZE, 0, NULL), 1);
    CHECK_STR(s.ranges[0], "bytes=0-399999");
    CHECK_STR(s.if_match[0], "\"v1\"");
    CHECK_INT(check_feed(&s, 123, 1, 0, NULL), 1);
    CHECK_STR(s.ranges[0], "bytes=123-123");
    CHECK_INT(check_feed(&s, SIZE - 8, 8, 0, NULL), 1);
}

/* A body that ends early goes on at the byte where it stopped. */
static void test_resumed(void)
{
    struct server s = {.cut = 100000};
    CHECK_INT(check_feed(&s, 0, SIZE, 0, NULL), 4);
    CHECK_STR(s.ranges[1], "bytes=100000-399999");
    CHECK_STR(s.ranges[3], "bytes=300000-399999");
    s = (struct server){.cut = 100, .cut_for = 2};
    CHECK_INT(check_feed(&s, 1000, 5000, 0, NULL), 3);
    CHECK_STR(s.ranges[2], "bytes=1200-5999");
}

/* Progress forgives: more cuts than there are attempts. Without progress attempts are counted. */
static void test_attempts(void)
{
    struct server s = {.cut = 70000};
    CHECK_INT(check_feed(&s, 0, SIZE, 0, NULL), 6);
    s = (struct server){.cut = 100};
    CHECK_INT(check_feed(&s, 0, SIZE, -ETIMEDOUT, NULL), 3);
    s = (struct server){.fail_first = 2};
    CHECK_INT(check_feed(&s, 0, SIZE, 0, NULL), 3);
    s = (struct server){.fail_first = 3};
    CHECK_INT(check_feed(&s, 0, SIZE, -ETIMEDOUT, NULL), 3);
}

/* The time is long enough for a busy machine to send what does not stall. */
static void test_stall(void)
{
    struct aws_settings settings = {.stall_timeout_ms = 1500};
    struct server s = {.cut = 5000, .cut_for = 1, .stall = true};
    CHECK_INT(check_feed(&s, 0, SIZE, 0, &settings), 2);
    CHECK_STR(s.ranges[1], "bytes=5000-399999");
}

/* Credentials that expire in the middle are renewed, and the body goes on. */
static void test_expired_midway(void)
{
    struct server s = {.cut = 100000, .cut_for = 1, .expire_at = 1};
    CHECK_INT(check_feed(&s, 0, SIZE, 0, NULL), 3);
    CHECK_STR(s.ranges[2], "bytes=100000-399999");
}

static void test_replaced(void)
{
    struct server s = {.refuse_match = true};
    CHECK_INT(check_feed(&s, 0, SIZE, -ESTALE, NULL), 1);
    s = (struct server){.etag = "\"v2\""};
    CHECK_INT(check_feed(&s, 0, SIZE, -ESTALE, NULL), 1);
}

static void test_wrong_answers(void)
{
    struct server s = {.shift = 1};
    CHECK_INT(check_feed(&s, 0, 1000, -EIO, NULL), 1);
    s = (struct server){.total = SIZE + 1};
    CHECK_INT(check_feed(&s, 0, 1000, -EIO, NULL), 1);
    s = (struct server){.ignore_range = true};
    CHECK_INT(check_feed(&s, 1, 1000, -EIO, NULL), 1);
    s = (struct server){.ignore_range = true};
    CHECK_INT(check_feed(&s, 0, SIZE, 0, NULL), 1); /* the whole object was asked for */
    s = (struct server){.status_200 = true};
    CHECK_INT(check_feed(&s, 1, 1000, 0, NULL), 1); /* rclone serve s3: a range by its header */
    s = (struct server){.status_200 = true, .shift = 1};
    CHECK_INT(check_feed(&s, 1, 1000, -EIO, NULL), 1);
    s = (struct server){.chunked_short = true};
    CHECK_INT(check_feed(&s, 0, 1000, -EIO, NULL), 1);
}

static void test_bad_ranges(void)
{
    struct server server = {0};
    struct fixture f;
    struct sink s;
    struct feed *feed = NULL;
    struct feed_transfer *t = NULL;
    fixture_start(&f, answer, &server, NULL);
    sink_init(&s);
    CHECK_INT(aws_s3_feed_new(f.session, &bucket, "k", "\"v1\"", SIZE, &feed), 0);
    CHECK_INT(feed_start(feed, 0, 0, &s.sink, &t), -EINVAL);
    CHECK_INT(feed_start(feed, SIZE, 1, &s.sink, &t), -EINVAL);
    CHECK_INT(feed_start(feed, 1, SIZE, &s.sink, &t), -EINVAL);
    CHECK_INT(feed_start(feed, UINT64_MAX, 2, &s.sink, &t), -EINVAL);
    CHECK_INT(s.dones, 0);
    feed_free(feed);
    fixture_stop(&f);
    sink_done(&s);
}

static void test_cancel(void)
{
    struct server server = {.cut = 1000, .stall = true};
    struct fixture f;
    struct sink sinks[8];
    struct feed *feed = NULL;
    struct feed_transfer *transfers[8];
    fixture_start(&f, answer, &server, NULL);
    CHECK_INT(aws_s3_feed_new(f.session, &bucket, "k", "\"v1\"", SIZE, &feed), 0);
    for (int i = 0; i < 8; i++) {
        sink_init(&sinks[i]);
        CHECK_INT(feed_start(feed, 0, SIZE, &sinks[i].sink, &transfers[i]), 0);
    }
    for (int i = 0; i < 500 && f.server.requests < 8; i++)
        usleep(10000);
    int64_t asked_ns = clock_monotonic_ns();
    for (int i = 0; i < 8; i++)
        feed_cancel(feed, transfers[i]);
    for (int i = 0; i < 8; i++) {
        sink_wait(&sinks[i]);
        CHECK_INT(sinks[i].failure.code, -ECANCELED);
        CHECK_INT(sinks[i].dones, 1);
    }
    CHECK(clock_monotonic_ns() - asked_ns < 5 * CLOCK_NS_PER_S); /* the stall would be noticed after 15 s */
    feed_free(feed);
    fixture_stop(&f);
    for (int i = 0; i < 8; i++)
        sink_done(&sinks[i]);
}

/* Many ranges at once, out of a server that cuts each answer: every byte is right. */
static void test_parallel(void)
{
    enum { COUNT = 40, PART = SIZE / COUNT };
    struct server server = {.cut = 7001, .cut_for = 60};
    struct fixture f;
    static struct sink sinks[COUNT];
    struct feed *feed = NULL;
    struct feed_transfer *t;
    fixture_start(&f, answer, &server, NULL);
    CHECK_INT(aws_s3_feed_new(f.session, &bucket, "k", "\"v1\"", SIZE, &feed), 0);
    for (int i = 0; i < COUNT; i++) {
        sink_init(&sinks[i]);
        CHECK_INT(feed_start(feed, (uint64_t)i * PART, PART, &sinks[i].sink, &t), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        sink_wait(&sinks[i]);
        CHECK(sinks[i].failure.code == 0 || sinks[i].failure.code == -ETIMEDOUT); /* the quota may end it */
        CHECK(sinks[i].len <= PART && memcmp(sinks[i].data, object + (size_t)i * PART, sinks[i].len) == 0);
    }
    feed_free(feed);
    fixture_stop(&f);
    for (int i = 0; i < COUNT; i++)
        sink_done(&sinks[i]);
}

static const struct unit_test tests[] = {
    {"ranges", test_ranges},
    {"resumed", test_resumed},
    {"attempts", test_attempts},
    {"stall", test_stall},
    {"expired_midway", test_expired_midway},
    {"replaced", test_replaced},
    {"wrong_answers", test_wrong_answers},
    {"bad_ranges", test_bad_ranges},
    {"cancel", test_cancel},
    {"parallel", test_parallel},
};

int main(int argc, char **argv)
{
    make_object();
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
