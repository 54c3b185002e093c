/* A call's way: signed, judged, retried, replayed, cancelled. */
#include "aws/call.h"

#include <pthread.h>

#include "aws/retry.h"
#include "aws/sts.h"
#include "tests/lib/aws_fixture.h"

static const struct aws_request plain = {
    .service = AWS_ECS, .operation = "ListClusters", .method = "POST", .path = "/", .body = "{}", .body_len = 2};
static const struct aws_request of_bucket = {
    .service = AWS_S3, .operation = "GetObject", .method = "GET", .path = "/k", .bucket = "my-bucket"};

/* What the server does with its n-th request: the last step stays. */
struct step {
    int status;
    const char *headers, *body;
};
struct script {
    struct step steps[8];
    unsigned count;
    char authorization[16][512]; /* of each request */
    char token[16][64];
    char host[16][128];
    char head[16][512];
};

static void play(struct tiny_request *r)
{
    struct script *s = r->arg;
    char text[4096];
    unsigned n = r->number < 16 ? r->number : 15;
    snprintf(s->authorization[n], sizeof s->authorization[n], "%.500s", tiny_header(r, "authorization", text));
    snprintf(s->token[n], sizeof s->token[n], "%.60s", tiny_header(r, "x-amz-security-token", text));
    snprintf(s->host[n], sizeof s->host[n], "%.100s", tiny_header(r, "host", text));
    snprintf(s->head[n], sizeof s->head[n], "%.500s", r->head);
    const struct step *step = &s->steps[r->number < s->count ? r->number : s->count - 1];
    tiny_reply(r, step->status, step->headers ? step->headers : "", step->body ? step->body : "");
}

static errint run(struct fixture *f, const struct aws_request *request, struct aws_response *ret)
{
    return aws_call_run(f->session, request, NULL, ret);
}

static void test_signed(void)
{
    struct script s = {.steps = {{200, "x-amzn-RequestId: r-1\r\n", "{\"a\":1}"}}, .count = 1};
    struct fixture f;
    struct aws_response response;
    fixture_start(&f, play, &s, NULL);
    CHECK_INT(run(&f, &plain, &response), 0);
    CHECK_STR(buf_text(&response.body), "{\"a\":1}");
    CHECK_STR(response.error.request_id, "r-1");
    CHECK_INT(response.error.status, 200);
    CHECK(strstr(s.authorization[0], "AWS4-HMAC-SHA256 Credential=AKID1/") != NULL);
    CHECK(strstr(s.authorization[0], "/us-east-1/ecs/aws4_request") != NULL);
    CHECK(strstr(s.authorization[0], "x-amz-security-token") != NULL);
    CHECK_STR(s.token[0], "token1");
    struct aws_counter counter = fixture_counter(&f, "ecs");
    CHECK_INT(counter.requests, 1);
    CHECK_INT(counter.retries, 0);
    CHECK_INT(counter.bytes_received, 7);
    CHECK_INT(counter.bytes_sent, 2);
    CHECK(response.body.secret); /* it may be AssumeRole's */
    aws_response_done(&response);
    fixture_stop(&f);
}

static void check_outcome(const struct step *steps, unsigned count, const struct aws_request *request, errint want,
                          unsigned want_requests)
{
    struct script s = {.count = count};
    struct fixture f;
    struct aws_response response;
    memcpy(s.steps, steps, count * sizeof *steps);
    fixture_start(&f, play, &s, NULL);
    CHECK_INT(run(&f, request, &response), want);
    CHECK_INT(f.server.requests, want_requests);
    CHECK_INT(fixture_counter(&f, aws_service_info(request->service)->name).requests, want_requests);
    CHECK_INT(fixture_counter(&f, aws_service_info(request->service)->name).failures, want < 0 && want != -EALREADY);
    aws_response_done(&response);
    fixture_stop(&f);
}
#define OUTCOME(request, want, requests, ...)                                                                          \
    check_outcome((const struct step[]){__VA_ARGS__},                                                                  \
                  sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step), request, want, requests)

static void test_retried(void)
{
    OUTCOME(&plain, 0, 2, {500, NULL, "<html>oops</html>"}, {200, NULL, "{}"});
    OUTCOME(&plain, 0, 3, {503, NULL, ""}, {502, NULL, ""}, {200, NULL, "{}"});
    OUTCOME(&plain, -ETIMEDOUT, 3, {500, NULL, "<html>oops</html>"});
    OUTCOME(&plain, -ETIMEDOUT, 3, {400, NULL, "{\"__type\":\"RequestTimeout\"}"});
}

/* By the code: Organizations throttles with 400. */
static void test_throttled(void)
{
    OUTCOME(&plain, 0, 2, {400, NULL, "{\"__type\":\"x#TooManyRequestsException\"}"}, {200, NULL, "{}"});
    OUTCOME(&plain, 0, 2, {429, NULL, ""}, {200, NULL, "{}"});
}

static void test_not_retried(void)
{
    OUTCOME(&plain, -EACCES, 1, {400, NULL, "{\"__type\":\"AccessDeniedException\"}"});
    OUTCOME(&plain, -EACCES, 1, {500, NULL, "{\"__type\":\"AccessDeniedException\"}"});
    OUTCOME(&plain, -EIO, 1, {400, NULL, "{\"__type\":\"SomethingNew\"}"});
    OUTCOME(&plain, -ENOENT, 1, {400, NULL, "{\"__type\":\"ClusterNotFoundException\"}"});
    OUTCOME(&of_bucket, -ENOENT, 1, {404, NULL, "<Error><Code>NoSuchKey</Code></Error>"});
    OUTCOME(&of_bucket, -ENOENT, 1, {404, NULL, ""});
    OUTCOME(&plain, -EIO, 1, {404, NULL, "<html>no such page</html>"});
    OUTCOME(&plain, -EIO, 1, {404, NULL, "{\"__type\":\"UnknownOperationException\"}"});
    OUTCOME(&of_bucket, -ESTALE, 1, {412, NULL, "<Error><Code>PreconditionFailed</Code></Error>"});
    OUTCOME(&of_bucket, -EALREADY, 1, {304, NULL, ""});
    OUTCOME(&of_bucket, -EACCES, 1, {403, NULL, ""});
}

/* A 200 with an error in it, where a document was asked for. */
static void test_error_in_200(void)
{
    struct aws_request document = plain;
    document.document = true;
    OUTCOME(&document, 0, 2, {200, NULL, "<?xml version='1.0'?>\n<Error><Code>InternalError</Code></Error>"},
            {200, NULL, "<ok/>"});
    OUTCOME(&document, -EACCES, 1, {200, NULL, "  <Error><Code>AccessDenied</Code></Error>"});
    OUTCOME(&document, 0, 2, {200, NULL, "{\"__type\":\"x#TooManyRequestsException\"}"}, {200, NULL, "{}"});
    OUTCOME(&document, -EACCES, 1, {200, NULL, "{\"__type\":\"AccessDeniedException\"}"});
    OUTCOME(&document, 0, 1, {200, NULL, "{\"__type\":\"x#ListClustersResponse\"}"});
    OUTCOME(&plain, 0, 1, {200, NULL, "<Error><Code>InternalError</Code></Error>"});
    OUTCOME(&plain, 0, 1, {200, NULL, "{\"__type\":\"AccessDeniedException\"}"});
}

static void close_at_once(struct tiny_request *r)
{
    r->closing = true;
}

static void test_connection_lost(void)
{
    struct fixture f;
    struct aws_response response;
    fixture_start(&f, close_at_once, NULL, NULL);
    CHECK_INT(run(&f, &plain, &response), -ETIMEDOUT);
    CHECK_INT(fixture_counter(&f, "ecs").requests, 3);
    aws_response_done(&response);
    fixture_stop(&f);
}

static void test_nobody_there(void)
{
    struct fixture f;
    struct aws_response response;
    fixture_start(&f, NULL, NULL, NULL);
    CHECK_INT(run(&f, &plain, &response), -EHOSTUNREACH);
    CHECK_INT(response.error.status, 0);
    aws_response_done(&response);
    fixture_stop(&f);
}

/* In a total outage the quota ends retries: 100 calls are at most 100 + 35 requests. */
static void test_quota(void)
{
    struct script s = {.steps = {{500, NULL, ""}}, .count = 1};
    struct fixture f;
    fixture_start(&f, play, &s, NULL);
    enum { CALLS = 200 };
    for (int i = 0; i < CALLS; i++) {
        struct aws_response response;
        CHECK_INT(run(&f, &plain, &response), -ETIMEDOUT);
        aws_response_done(&response);
    }
    CHECK_INT(f.server.requests, CALLS + AWS_RETRY_QUOTA / AWS_RETRY_COST);
    CHECK(f.server.requests <= CALLS * 12 / 10);
    fixture_stop(&f);
}

static void ask_for_patience(struct tiny_request *r)
{
    if (r->number < 40)
        tiny_reply(r, 503, "x-amz-retry-after: 60000\r\n", "");
    else
        tiny_reply(r, r->number == 40 ? 500 : 200, "", "{}");
}

/* A retry that the deadline leaves no time for takes nothing from the quota: 60 s are cut to 5 s, which is past it. */
static void test_quota_without_time(void)
{
    struct aws_settings settings = {.operation_timeout_ms = 4900};
    struct fixture f;
    struct aws_response response;
    fixture_start(&f, ask_for_patience, NULL, &settings);
    for (unsigned i = 0; i < 40; i++) {
        CHECK_INT(run(&f, &plain, &response), -ETIMEDOUT);
        aws_response_done(&response);
    }
    CHECK_INT(f.server.requests, 40);
    CHECK_INT(run(&f, &plain, &response), 0);
    CHECK_INT(f.server.requests, 42);
    aws_response_done(&response);
    fixture_stop(&f);
}

/* Another service has a quota of its own. */
static void test_quota_by_service(void)
{
    struct script s = {.steps = {{500, NULL, ""}}, .count = 1};
    struct fixture f;
    struct aws_request other = plain;
    struct aws_response response;
    other.service = AWS_EKS;
    fixture_start(&f, play, &s, NULL);
    for (int i = 0; i < 40; i++) {
        CHECK_INT(run(&f, &plain, &response), -ETIMEDOUT);
        aws_response_done(&response);
    }
    CHECK_INT(run(&f, &other, &response), -ETIMEDOUT);
    aws_response_done(&response);
    CHECK_INT(fixture_counter(&f, "eks").requests, 3);
    fixture_stop(&f);
}

struct expiry {
    const char *name;
    int status;
    const char *headers, *body;
};
static const struct expiry expiries[] = {
    {"sts", 403, "", "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"},
    {"s3", 400, "", "<Error><Code>ExpiredToken</Code><Token-0>t</Token-0></Error>"},
    {"ec2", 400, "", "<Response><Errors><Error><Code>RequestExpired</Code></Error></Errors></Response>"},
    {"organizations", 400, "", "{\"__type\":\"ExpiredTokenException\",\"message\":\"m\"}"},
    {"eks", 403, "x-amzn-ErrorType: ExpiredTokenException\r\n", "{\"message\":\"m\"}"},
};

/* Each code renews once and replays; a second refusal is the answer. */
static void test_expired(void)
{
    for (size_t i = 0; i < sizeof expiries / sizeof expiries[0]; i++) {
        const struct expiry *e = &expiries[i];
        struct script s = {.steps = {{e->status, e->headers, e->body}, {200, NULL, "{}"}}, .count = 2};
        struct fixture f;
        struct aws_response response;
        fixture_start(&f, play, &s, NULL);
        CHECK_INT(run(&f, &plain, &response), 0);
        aws_response_done(&response);
        CHECK_STR(s.token[0], "token1");
        CHECK_STR(s.token[1], "token2");
        CHECK_INT(f.server.requests, 2);
        CHECK_INT(f.fetches, 2);
        fixture_stop(&f);
        OUTCOME(&plain, -EKEYEXPIRED, 2, {e->status, e->headers, e->body});
    }
}

struct worker {
    pthread_t thread;
    struct fixture *f;
    errint result;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct aws_response response;
    w->result = aws_call_run(w->f->session, &plain, NULL, &response);
    aws_response_done(&response);
    return NULL;
}

static void only_second_token(struct tiny_request *r)
{
    char text[4096];
    bool good = strcmp(tiny_header(r, "x-amz-security-token", text), "token2") == 0;
    tiny_reply(r, good ? 200 : 403, "", good ? "{}" : "{\"__type\":\"ExpiredTokenException\"}");
}

/* Many at once whose credentials expired: one renewal. */
static void test_expired_together(void)
{
    enum { COUNT = 24 };
    struct worker workers[COUNT];
    struct fixture f;
    fixture_start(&f, only_second_token, NULL, NULL);
    f.fetch_ms = 50;
    for (int i = 0; i < COUNT; i++) {
        workers[i] = (struct worker){.f = &f};
        CHECK_INT(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_INT(workers[i].result, 0);
    }
    CHECK_INT(f.fetches, 2);
    fixture_stop(&f);
}

struct skewed {
    int64_t ahead_s; /* the server's clock */
    atomic_uint refused;
};

static void check_clock(struct tiny_request *r)
{
    struct skewed *s = r->arg;
    char text[4096], date[100], headers[200];
    time_t now = (time_t)(clock_wall_unix() + s->ahead_s);
    struct tm tm;
    int64_t signed_unix = 0;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
    snprintf(headers, sizeof headers, "Date: %s\r\n", date);
    CHECK_INT(clock_parse_iso(tiny_header(r, "x-amz-date", text), &signed_unix), 0);
    if (signed_unix > (int64_t)now - 300 && signed_unix < (int64_t)now + 300) {
        tiny_reply(r, 200, headers, "{}");
    } else {
        atomic_fetch_add(&s->refused, 1);
        tiny_reply(r, 403, headers,
                   r->number % 2 ? "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: x\"}"
                                 : "<Error><Code>RequestTimeTooSkewed</Code></Error>");
    }
}

/* The server's clock is learnt once a host, then every request is signed by it. */
static void test_skew(void)
{
    static const int64_t offsets[] = {960, -960, 3600};
    for (size_t i = 0; i < 3; i++) {
        struct skewed s = {.ahead_s = offsets[i]};
        struct fixture f;
        fixture_start(&f, check_clock, &s, NULL);
        for (int k = 0; k < 5; k++) {
            struct aws_response response;
            CHECK_INT(run(&f, &plain, &response), 0);
            aws_response_done(&response);
        }
        CHECK_INT(s.refused, 1);
        CHECK_INT(f.server.requests, 6);
        CHECK_INT(f.fetches, 1);
        fixture_stop(&f);
    }
}

static void test_skew_in_parallel(void)
{
    enum { COUNT = 32 };
    struct worker workers[COUNT];
    struct skewed s = {.ahead_s = 1000};
    struct fixture f;
    fixture_start(&f, check_clock, &s, NULL);
    for (int i = 0; i < COUNT; i++) {
        workers[i] = (struct worker){.f = &f};
        CHECK_INT(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_INT(workers[i].result, 0);
    }
    fixture_stop(&f);
}

/* A bad signature with the clocks in step is a bad key: said once. */
static void test_no_skew(void)
{
    OUTCOME(&plain, -EACCES, 1,
            {403, "Date: Thu, 01 Jan 1970 00:00:0x GMT\r\n", "{\"__type\":\"SignatureDoesNotMatch\"}"});
    OUTCOME(&plain, -EACCES, 1, {403, NULL, "{\"__type\":\"RequestTimeTooSkewed\"}"});
}

/* A bucket elsewhere: signed anew for its region, at the host of our own table, and known from then on. */
static void test_region(void)
{
    static const struct step wrong[] = {
        {301, "x-amz-bucket-region: eu-west-3\r\nLocation: http://evil.example/\r\n",
         "<Error><Code>PermanentRedirect</Code></Error>"},
        {307, "x-amz-bucket-region: eu-west-3\r\nLocation: http://evil.example/\r\n", ""},
        {400, NULL, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>"},
        {400, "x-amz-bucket-region: eu-west-3\r\n", ""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct script s = {.steps = {wrong[i], {200, NULL, "ok"}}, .count = 2};
        struct fixture f;
        struct aws_response response;
        fixture_start(&f, play, &s, NULL);
        CHECK_INT(run(&f, &of_bucket, &response), 0);
        aws_response_done(&response);
        CHECK(strstr(s.authorization[0], "/us-east-1/s3/") != NULL);
        CHECK(strstr(s.authorization[1], "/eu-west-3/s3/") != NULL);
        CHECK_INT(run(&f, &of_bucket, &response), 0);
        aws_response_done(&response);
        CHECK(strstr(s.authorization[2], "/eu-west-3/s3/") != NULL);
        CHECK_INT(f.server.requests, 3);
        for (int k = 0; k < 3; k++)
            CHECK(strcmp(s.host[k], f.server.url + strlen("http://")) == 0);
        fixture_stop(&f);
    }
}

static void test_bad_region(void)
{
    OUTCOME(&of_bucket, -EIO, 1, {301, "x-amz-bucket-region: evil.com/x\r\n", ""});
    OUTCOME(&of_bucket, -EIO, 1, {301, "x-amz-bucket-region: us-east-1\r\n", ""});
    OUTCOME(&of_bucket, -EIO, 1, {301, "Location: http://127.0.0.1:1/\r\n", ""});
    OUTCOME(&of_bucket, -EIO, 2, {301, "x-amz-bucket-region: eu-west-3\r\n", ""});
    OUTCOME(&of_bucket, -EIO, 2, {301, "x-amz-bucket-region: eu-west-3\r\n", ""},
            {301, "x-amz-bucket-region: eu-west-1\r\n", ""});
}

static void huge(struct tiny_request *r)
{
    tiny_printf(r, "HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n", r->number ? 200 : 403);
    for (int i = 0; i < 100 && !r->closing; i++)
        tiny_printf(r, "10000\r\n%065536d\r\n", i);
    tiny_printf(r, "0\r\n\r\n");
}

static void test_size_limit(void)
{
    struct fixture f;
    struct aws_response response;
    struct aws_request small = plain;
    small.size_max = 1000000;
    fixture_start(&f, huge, NULL, NULL);
    CHECK_INT(run(&f, &small, &response), -EACCES); /* an error's body is cut, not refused */
    CHECK(response.body.len <= AWS_ERRORS_BODY_MAX);
    aws_response_done(&response);
    CHECK_INT(run(&f, &small, &response), -EFBIG);
    CHECK(response.body.len <= 1000000);
    aws_response_done(&response);
    fixture_stop(&f);
}

static void silent(struct tiny_request *r)
{
    (void)r;
}

static void test_deadline(void)
{
    struct aws_settings settings = {.operation_timeout_ms = 300, .first_byte_timeout_ms = 10000};
    struct fixture f;
    struct aws_response response;
    fixture_start(&f, silent, NULL, &settings);
    CHECK_INT(run(&f, &plain, &response), -ETIMEDOUT);
    CHECK_INT(fixture_counter(&f, "ecs").requests, 1); /* the server may not have read it yet */
    aws_response_done(&response);
    fixture_stop(&f);
}

static void test_first_byte_retried(void)
{
    struct aws_settings settings = {.first_byte_timeout_ms = 100};
    struct fixture f;
    struct aws_response response;
    fixture_start(&f, silent, NULL, &settings);
    CHECK_INT(run(&f, &plain, &response), -ETIMEDOUT);
    CHECK_INT(fixture_counter(&f, "ecs").requests, 3);
    aws_response_done(&response);
    fixture_stop(&f);
}

static void test_deadline_of_credentials(void)
{
    struct aws_settings settings = {.operation_timeout_ms = 200};
    struct fixture f;
    struct aws_response response;
    fixture_start(&f, silent, NULL, &settings);
    f.fetch_ms = 600; /* on the calling thread, whose call is over by then */
    CHECK_INT(run(&f, &plain, &response), -ETIMEDOUT);
    CHECK_INT(f.server.requests, 0);
    aws_response_done(&response);
    fixture_stop(&f);
}

static struct cancel cancelled;
static void *cancel_soon(void *arg)
{
    (void)arg;
    usleep(50000);
    cancel_ask(&cancelled);
    return NULL;
}

#define WAIT_MS 5000 /* the longest that a call waits before a retry */

/* In each state in which a call waits, the answer comes before what it waits for does. */
static void check_cancel(tiny_answer answer, int64_t fetch_ms)
{
    struct fixture f;
    struct aws_response response;
    pthread_t thread;
    cancel_init(&cancelled);
    fixture_start(&f, answer, NULL, NULL);
    f.fetch_ms = fetch_ms;
    CHECK_INT(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    int64_t began_ns = clock_monotonic_ns();
    CHECK_INT(aws_call_run(f.session, &plain, &cancelled, &response), -EINTR);
    CHECK(clock_monotonic_ns() - began_ns < WAIT_MS * CLOCK_NS_PER_MS);
    pthread_join(thread, NULL);
    aws_response_done(&response);
    CHECK_INT(aws_call_run(f.session, &plain, &cancelled, &response), -EINTR); /* asked before */
    aws_response_done(&response);
    fixture_stop(&f);
    cancel_done(&cancelled);
}

static void always_throttled(struct tiny_request *r)
{
    tiny_reply(r, 400, "x-amz-retry-after: 60000\r\n", "{\"__type\":\"ThrottlingException\"}");
}

static void test_cancel(void)
{
    check_cancel(silent, 0);
    check_cancel(always_throttled, 0);
    check_cancel(silent, 2 * WAIT_MS);
}

static void *stop_soon(void *arg)
{
    usleep(50000);
    aws_client_stop(arg);
    return NULL;
}

static void test_stop(void)
{
    struct fixture f;
    struct aws_response response;
    pthread_t thread;
    fixture_start(&f, silent, NULL, NULL);
    CHECK_INT(pthread_create(&thread, NULL, stop_soon, f.client), 0);
    CHECK_INT(run(&f, &plain, &response), -ESHUTDOWN);
    pthread_join(thread, NULL);
    aws_response_done(&response);
    CHECK_INT(run(&f, &plain, &response), -ESHUTDOWN);
    aws_response_done(&response);
    fixture_stop(&f);
}

static void test_offline(void)
{
    struct aws_settings settings = {.offline = true};
    struct script s = {.steps = {{200, NULL, "{}"}}, .count = 1};
    struct fixture f;
    struct aws_response response;
    fixture_start(&f, play, &s, &settings);
    CHECK_INT(run(&f, &plain, &response), -EHOSTUNREACH);
    aws_response_done(&response);
    CHECK_INT(f.server.requests, 0);
    CHECK_INT(f.fetches, 0);
    aws_client_set_offline(f.client, false);
    CHECK_INT(run(&f, &plain, &response), 0);
    aws_response_done(&response);
    fixture_stop(&f);
}

static atomic_int organizations_now, organizations_most;
static void one_at_a_time(struct tiny_request *r)
{
    int now = atomic_fetch_add(&organizations_now, 1) + 1;
    if (now > atomic_load(&organizations_most))
        atomic_store(&organizations_most, now);
    usleep(10000);
    atomic_fetch_sub(&organizations_now, 1);
    tiny_reply(r, 200, "", "{}");
}

static void *work_organizations(void *arg)
{
    struct worker *w = arg;
    struct aws_request request = plain;
    struct aws_response response;
    request.service = AWS_ORGANIZATIONS;
    w->result = aws_call_run(w->f->session, &request, NULL, &response);
    aws_response_done(&response);
    return NULL;
}

static void test_organizations_serial(void)
{
    enum { COUNT = 12 };
    struct worker workers[COUNT];
    struct fixture f;
    organizations_most = 0;
    fixture_start(&f, one_at_a_time, NULL, NULL);
    for (int i = 0; i < COUNT; i++) {
        workers[i] = (struct worker){.f = &f};
        CHECK_INT(pthread_create(&workers[i].thread, NULL, work_organizations, &workers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_INT(workers[i].result, 0);
    }
    CHECK_INT(organizations_most, 1);
    CHECK_INT(f.server.requests, COUNT);
    fixture_stop(&f);
}

/* More callers than the pool has threads, with credentials that only a job could fetch: nobody waits for ever. */
static void call_in_job(void *arg, struct cancel *c)
{
    struct worker *w = arg;
    struct aws_response response;
    w->result = aws_call_run(w->f->session, &plain, c, &response);
    aws_response_done(&response);
}

static void test_no_deadlock(void)
{
    enum { COUNT = 16 };
    struct worker workers[COUNT];
    struct script s = {.steps = {{200, NULL, "{}"}}, .count = 1};
    struct fixture f;
    fixture_start(&f, play, &s, NULL);
    f.fetch_ms = 30;
    for (int i = 0; i < COUNT; i++) {
        workers[i] = (struct worker){.f = &f, .result = 1};
        CHECK_INT(jobs_start(f.jobs, "call", call_in_job, &workers[i]), 0);
    }
    for (int i = 0; i < 1000 && f.server.requests < COUNT; i++)
        usleep(10000);
    CHECK_INT(f.server.requests, COUNT);
    CHECK_INT(f.fetches, 1);
    fixture_stop(&f);
}

/* The message names service, operation, AWS's code and the request's id, and no secret. */
static void test_message(void)
{
    struct script s = {.steps = {{403, "x-amz-request-id: REQ9\x1b[2J\r\n",
                                  "<Error><Code>AccessDenied</Code><Message>no\nsecond</Message></Error>"}},
                       .count = 1};
    struct fixture f;
    struct aws_response response;
    struct aws_request request = of_bucket;
    request.target = "s3://my-bucket/k";
    fixture_start(&f, play, &s, NULL);
    CHECK_INT(run(&f, &request, &response), -EACCES);
    CHECK_STR(err_message(), "s3 GetObject s3://my-bucket/k: AccessDenied: no (status 403, request REQ9)");
    aws_response_done(&response);
    fixture_stop(&f);
}

static const struct unit_test tests[] = {
    {"signed", test_signed},
    {"retried", test_retried},
    {"throttled", test_throttled},
    {"not_retried", test_not_retried},
    {"error_in_200", test_error_in_200},
    {"connection_lost", test_connection_lost},
    {"nobody_there", test_nobody_there},
    {"quota", test_quota},
    {"quota_without_time", test_quota_without_time},
    {"quota_by_service", test_quota_by_service},
    {"expired", test_expired},
    {"expired_together", test_expired_together},
    {"skew", test_skew},
    {"skew_in_parallel", test_skew_in_parallel},
    {"no_skew", test_no_skew},
    {"region", test_region},
    {"bad_region", test_bad_region},
    {"size_limit", test_size_limit},
    {"deadline", test_deadline},
    {"first_byte_retried", test_first_byte_retried},
    {"deadline_of_credentials", test_deadline_of_credentials},
    {"cancel", test_cancel},
    {"stop", test_stop},
    {"offline", test_offline},
    {"organizations_serial", test_organizations_serial},
    {"no_deadlock", test_no_deadlock},
    {"message", test_message},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
