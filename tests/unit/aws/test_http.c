/* The transport: what it refuses, its limits and its clocks. */
#include "aws/http.h"

#include <curl/curl.h>

#include "base/clock.h"
#include "base/task.h"
#include "tests/lib/tiny_http.h"
#include "tests/lib/unit.h"

/* One transfer that the test waits for. */
struct fetch {
    struct aws_http_transfer transfer;
    struct aws_http_post post;
    struct aws_http *http;
    struct blocker blocker;
    struct aws_http_result result;
    char what[300];
    struct buf body;
    errint head_result, data_result;
    unsigned heads;
};

static errint take_head(struct aws_http_transfer *t)
{
    struct fetch *f = (struct fetch *)t;
    f->heads++;
    return f->head_result;
}

static errint take_data(struct aws_http_transfer *t, const void *data, size_t len)
{
    struct fetch *f = (struct fetch *)t;
    buf_append(&f->body, data, len);
    return f->data_result;
}

static void take_end(struct aws_http_transfer *t, const struct aws_http_result *result)
{
    struct fetch *f = (struct fetch *)t;
    f->result = *result;
    snprintf(f->what, sizeof f->what, "%s", result->what);
    task_wake(&f->blocker.task); /* the last touch of F, as end() finds out */
}

static const struct aws_http_ops ops = {take_head, take_data, take_end};

static void start(struct aws_http_post *p)
{
    struct fetch *f = (void *)((char *)p - offsetof(struct fetch, post));
    aws_http_start(f->http, &f->transfer);
}

static void begin(struct fetch *f, struct aws_http *http, const char *url)
{
    f->transfer.ops = &ops;
    if (!f->transfer.method)
        f->transfer.method = "GET";
    f->transfer.url = url;
    f->http = http;
    f->post.run = start;
    blocker_init(&f->blocker);
    CHECK(aws_http_post(http, &f->post));
}

static void end(struct fetch *f)
{
    CHECK_INT(blocker_wait(&f->blocker, 0), 0);
    blocker_done(&f->blocker);
}

static void done(struct fetch *f)
{
    aws_http_transfer_done(&f->transfer);
    buf_done(&f->body);
}

static struct aws_http *make(int64_t first_byte_ms, int64_t stall_ms)
{
    struct aws_http *http = NULL;
    struct aws_http_settings settings = {
        .connect_timeout_ms = 5000, .first_byte_timeout_ms = first_byte_ms, .stall_timeout_ms = stall_ms};
    CHECK_INT(aws_http_new(&settings, &http), 0);
    return http;
}

static void echo(struct tiny_request *r)
{
    tiny_reply(r, 200, "ETag: \"e\"\r\nX-Two:  b \r\nX-TWO: c\r\n", r->head);
}

static void test_get(void)
{
    struct tiny server;
    char url[128], text[4096];
    struct fetch f = {.transfer.headers = (const char *const[]){"x-mine: 1", "Host: other", NULL}};
    tiny_start(&server, echo, NULL);
    struct aws_http *http = make(5000, 5000);
    snprintf(url, sizeof url, "%s/a/../b//c%%2F?x=1", server.url);
    begin(&f, http, url);
    end(&f);
    CHECK_INT(f.result.curl_code, 0);
    CHECK_INT(f.result.code, 0);
    CHECK_INT(f.transfer.in.status, 200);
    CHECK_INT(f.heads, 1);
    CHECK_INT(f.transfer.received_bytes, f.body.len);
    CHECK_STR(aws_http_head_get(&f.transfer.in, "etag"), "\"e\"");
    CHECK_STR(aws_http_head_get(&f.transfer.in, "x-two"), "b");
    CHECK(aws_http_head_get(&f.transfer.in, "x-tw") == NULL);
    /* as it is: nothing normalized, nothing added that was not asked for */
    CHECK(strncmp(buf_text(&f.body), "GET /a/../b//c%2F?x=1 HTTP/1.1\r\n", 32) == 0);
    struct tiny_request seen;
    snprintf(seen.head, sizeof seen.head, "%s", buf_text(&f.body));
    CHECK_STR(tiny_header(&seen, "accept-encoding", text), "identity");
    CHECK_STR(tiny_header(&seen, "host", text), "other");
    CHECK_STR(tiny_header(&seen, "x-mine", text), "1");
    CHECK_STR(tiny_header(&seen, "accept", text), "");
    CHECK_STR(tiny_header(&seen, "content-type", text), "");
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static void test_keeps_connections(void)
{
    struct tiny server;
    tiny_start(&server, echo, NULL);
    struct aws_http *http = make(5000, 5000);
    for (int i = 0; i < 10; i++) {
        struct fetch f = {0};
        begin(&f, http, server.url);
        end(&f);
        CHECK_INT(f.transfer.in.status, 200);
        done(&f);
    }
    aws_http_free(http);
    tiny_stop(&server);
    CHECK_INT(server.connections, 1);
}

static void post_back(struct tiny_request *r)
{
    char text[4096];
    CHECK_STR(tiny_header(r, "expect", text), "");
    tiny_printf(r, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: %zu\r\n\r\n%s", strlen(r->body),
                r->body);
}

/* A body goes as it is, and an interim answer is no answer. */
static void test_put(void)
{
    struct tiny server;
    tiny_start(&server, post_back, NULL);
    struct aws_http *http = make(5000, 5000);
    struct fetch f = {.transfer.method = "PUT", .transfer.body = "data\n", .transfer.body_len = 5};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.transfer.in.status, 201);
    CHECK_INT(f.heads, 1);
    CHECK_STR(buf_text(&f.body), "data\n");
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static void check_refused(struct aws_http *http, const char *url)
{
    struct fetch f = {0};
    begin(&f, http, url);
    end(&f);
    CHECK_INT(f.result.code, -EINVAL);
    CHECK(strstr(f.what, "https") != NULL);
    done(&f);
}

static void test_plain_http_is_local(void)
{
    struct aws_http *http = make(5000, 5000);
    check_refused(http, "http://example.com/");
    check_refused(http, "http://10.0.0.1/");
    check_refused(http, "http://127.0.0.1:80@example.com/");
    check_refused(http, "ftp://127.0.0.1/");
    check_refused(http, "file:///etc/passwd");
    aws_http_free(http);
}

static void redirect(struct tiny_request *r)
{
    char headers[200];
    snprintf(headers, sizeof headers, "Location: %s/elsewhere\r\n", r->server->url);
    tiny_reply(r, 301, headers, "");
}

static void test_no_redirect(void)
{
    struct tiny server;
    tiny_start(&server, redirect, NULL);
    struct aws_http *http = make(5000, 5000);
    struct fetch f = {0};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.transfer.in.status, 301);
    CHECK_INT(server.requests, 1);
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static void silent(struct tiny_request *r)
{
    (void)r; /* and the connection stays */
}

static void test_first_byte(void)
{
    struct tiny server;
    tiny_start(&server, silent, NULL);
    struct aws_http *http = make(200, 5000);
    struct fetch f = {0};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.result.curl_code, CURLE_OPERATION_TIMEDOUT);
    CHECK_STR(f.what, "no answer began in time");
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static void stall(struct tiny_request *r)
{
    tiny_printf(r, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n0123456789");
}

static void test_stall(void)
{
    struct tiny server;
    tiny_start(&server, stall, NULL);
    struct aws_http *http = make(5000, 200);
    struct fetch f = {0};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.result.curl_code, CURLE_OPERATION_TIMEDOUT);
    CHECK_INT(f.body.len, 10);
    CHECK(strstr(f.what, "KiB/s") != NULL);
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static void test_deadline(void)
{
    struct tiny server;
    tiny_start(&server, stall, NULL);
    struct aws_http *http = make(5000, 5000);
    struct fetch f = {.transfer.deadline_ns = clock_monotonic_ns() + 200 * CLOCK_NS_PER_MS};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.result.code, -ETIMEDOUT);
    CHECK(clock_monotonic_ns() >= f.transfer.deadline_ns);
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static void long_head(struct tiny_request *r)
{
    tiny_printf(r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (int i = 0; i < 90; i++)
        tiny_printf(r, "X-%d: %01000d\r\n", i, i);
    tiny_printf(r, "\r\n");
}

static void test_head_limit(void)
{
    struct tiny server;
    tiny_start(&server, long_head, NULL);
    struct aws_http *http = make(5000, 5000);
    struct fetch f = {0};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.result.code, -EFBIG);
    CHECK_INT(f.heads, 0);
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

/* What a callback says ends the transfer, with its own message. */
static void test_callback_failures(void)
{
    struct tiny server;
    tiny_start(&server, echo, NULL);
    struct aws_http *http = make(5000, 5000);
    struct fetch head = {.head_result = -ESTALE}, data = {.data_result = -EIO};
    begin(&head, http, server.url);
    end(&head);
    CHECK_INT(head.result.code, -ESTALE);
    CHECK_INT(head.body.len, 0);
    begin(&data, http, server.url);
    end(&data);
    CHECK_INT(data.result.code, -EIO);
    done(&head);
    done(&data);
    aws_http_free(http);
    tiny_stop(&server);
}

static void short_body(struct tiny_request *r)
{
    tiny_printf(r, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    r->closing = true;
}

static void test_short_body(void)
{
    struct tiny server;
    tiny_start(&server, short_body, NULL);
    struct aws_http *http = make(5000, 5000);
    struct fetch f = {0};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.result.curl_code, CURLE_PARTIAL_FILE);
    CHECK_STR(buf_text(&f.body), "half");
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static void compressed(struct tiny_request *r)
{
    tiny_printf(r, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08!");
}

/* S3 may say Content-Encoding: gzip of a .gz object: its bytes come as they are. */
static void test_not_decoded(void)
{
    struct tiny server;
    tiny_start(&server, compressed, NULL);
    struct aws_http *http = make(5000, 5000);
    struct fetch f = {0};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.result.curl_code, 0);
    CHECK_INT(f.body.len, 4);
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static void test_refused_connection(void)
{
    struct tiny server;
    tiny_start(&server, NULL, NULL);
    struct aws_http *http = make(5000, 5000);
    struct fetch f = {0};
    begin(&f, http, server.url);
    end(&f);
    CHECK_INT(f.result.curl_code, CURLE_COULDNT_CONNECT);
    CHECK_INT(f.result.os_errno, ECONNREFUSED);
    CHECK_INT(f.transfer.in.status, 0);
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

/* TLS to a port that speaks none: an error of TLS, and never plain HTTP instead. */
static void test_tls_refused(void)
{
    struct tiny server;
    char url[64];
    tiny_start(&server, echo, NULL);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", server.port);
    struct aws_http *http = make(2000, 2000);
    struct fetch f = {.transfer.deadline_ns = clock_monotonic_ns() + 3 * CLOCK_NS_PER_S};
    begin(&f, http, url);
    end(&f);
    CHECK(f.result.curl_code != 0 || f.result.code != 0);
    CHECK_INT(f.heads, 0);
    CHECK_INT(server.requests, 0);
    done(&f);
    aws_http_free(http);
    tiny_stop(&server);
}

static atomic_int busy, busiest;
static void slow(struct tiny_request *r)
{
    int now = atomic_fetch_add(&busy, 1) + 1, most = atomic_load(&busiest);
    while (now > most && !atomic_compare_exchange_weak(&busiest, &most, now))
        ;
    usleep(50000);
    atomic_fetch_sub(&busy, 1);
    tiny_reply(r, 200, "", "x");
}

/* Bulk transfers leave room for others; the rest waits in line and comes. */
static void test_connection_limit(void)
{
    enum { COUNT = 60 };
    static struct fetch fetches[COUNT];
    struct tiny server;
    memset(fetches, 0, sizeof fetches);
    busiest = 0;
    tiny_start(&server, slow, NULL);
    struct aws_http *http = make(5000, 5000);
    for (int i = 0; i < COUNT; i++) {
        fetches[i].transfer.bulk = true;
        begin(&fetches[i], http, server.url);
    }
    for (int i = 0; i < COUNT; i++) {
        end(&fetches[i]);
        CHECK_INT(fetches[i].transfer.in.status, 200);
        done(&fetches[i]);
    }
    CHECK(busiest <= (int)AWS_HTTP_BULK_PER_HOST);
    CHECK(busiest > 1);
    aws_http_free(http);
    tiny_stop(&server);
    CHECK(server.connections <= AWS_HTTP_BULK_PER_HOST);
}

struct ticking {
    struct aws_http_post post;
    struct aws_http *http;
    struct aws_http_timer timers[3];
    struct blocker blocker;
    char order[8];
};
static struct ticking ticking;

static void tick(struct aws_http_timer *t)
{
    size_t len = strlen(ticking.order);
    ticking.order[len] = (char)('a' + (t - ticking.timers));
    if (t == &ticking.timers[0])
        task_wake(&ticking.blocker.task);
}

static void set_timers(struct aws_http_post *p)
{
    (void)p;
    int64_t now_ns = clock_monotonic_ns();
    aws_http_timer_set(ticking.http, &ticking.timers[0], now_ns + 60 * CLOCK_NS_PER_MS);
    aws_http_timer_set(ticking.http, &ticking.timers[1], now_ns + 20 * CLOCK_NS_PER_MS);
    aws_http_timer_set(ticking.http, &ticking.timers[2], now_ns + 30 * CLOCK_NS_PER_MS);
    aws_http_timer_set(ticking.http, &ticking.timers[1], now_ns + 40 * CLOCK_NS_PER_MS);
    aws_http_timer_clear(ticking.http, &ticking.timers[2]);
}

static void test_timers(void)
{
    memset(&ticking, 0, sizeof ticking);
    ticking.http = make(5000, 5000);
    blocker_init(&ticking.blocker);
    ticking.post.run = set_timers;
    for (int i = 0; i < 3; i++)
        ticking.timers[i].run = tick;
    CHECK(aws_http_post(ticking.http, &ticking.post));
    CHECK_INT(blocker_wait(&ticking.blocker, 0), 0);
    aws_http_free(ticking.http);
    blocker_done(&ticking.blocker);
    CHECK_STR(ticking.order, "ba");
}

static const struct unit_test tests[] = {
    {"get", test_get},
    {"keeps_connections", test_keeps_connections},
    {"put", test_put},
    {"plain_http_is_local", test_plain_http_is_local},
    {"no_redirect", test_no_redirect},
    {"first_byte", test_first_byte},
    {"stall", test_stall},
    {"deadline", test_deadline},
    {"head_limit", test_head_limit},
    {"callback_failures", test_callback_failures},
    {"short_body", test_short_body},
    {"not_decoded", test_not_decoded},
    {"refused_connection", test_refused_connection},
    {"tls_refused", test_tls_refused},
    {"connection_limit", test_connection_limit},
    {"timers", test_timers},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
