/* The states of a call, moved on the client's thread alone:
 *
 *   NEW          aws_call_start posted it
 *   QUEUED       Organizations is asked one call at a time: another one runs
 *   CREDENTIALS  they are being fetched: the waiter's task posts the call here when they came
 *   SENDING      the transport has it: signed right before
 *   WAITING      backing off: a timer
 *   DONE         done() was called; nothing more happens
 *
 * An answer is judged by errors.h. What is replayed at once, each but once between two answers that brought something:
 * new credentials for an expiry code, the server's clock where it differs from the clock that was signed with, the
 * bucket's region. What is tried again after a while counts against attempts and quota. Posts and the call's stay in the
 * client's list each hold a reference, so that a cancel that comes late finds a call that is DONE.
 */
#include "aws/call.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/client_parts.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define SKEW_MIN_S 240 /* AWS accepts five minutes at the strictest service */
#define PROGRESS_BYTES ((size_t)64 * 1024)
#define OWNER(type, member, pointer) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static void begin_attempt(struct aws_call *call);
static void finish(struct aws_call *call, errint result);

void aws_response_done(struct aws_response *r)
{
    buf_done(&r->head.headers);
    buf_done(&r->body);
}

static struct aws_client *client_of(const struct aws_call *call)
{
    return call->session->client;
}

static const char *service_name(const struct aws_call *call)
{
    return aws_service_info(call->in.service)->name;
}

static void count(struct aws_call *call, size_t counter_offset, uint64_t by)
{
    struct aws_client *c = client_of(call);
    pthread_mutex_lock(&c->lock);
    *(uint64_t *)(void *)((char *)&c->counters[call->in.service] + counter_offset) += by;
    pthread_mutex_unlock(&c->lock);
}
#define COUNT(call, member, by) count(call, offsetof(struct aws_counter, member), by)

/* The session's token stands in a header: every copy is wiped. */
static void free_sent(struct aws_call *call)
{
    for (size_t i = 0; i < call->header_count; i++) {
        OPENSSL_cleanse(call->headers[i], strlen(call->headers[i]));
        free(call->headers[i]);
    }
    free(call->headers);
    free(call->url);
    call->headers = NULL;
    call->url = NULL;
    call->header_count = 0;
}

static void drop_credentials(struct aws_call *call)
{
    aws_credentials_put(call->credentials);
    call->credentials = NULL;
}

void aws_call_put(struct aws_call *call)
{
    if (atomic_fetch_sub(&call->refs, 1) > 1)
        return;
    free_sent(call);
    aws_http_transfer_done(&call->transfer);
    aws_response_done(&call->response);
    aws_session_put(call->session);
    call->ops->free(call);
}

static void post(struct aws_call *call, struct aws_http_post *p)
{
    atomic_fetch_add(&call->refs, 1);
    if (!aws_http_post(client_of(call)->http, p))
        (void)atomic_fetch_sub(&call->refs, 1); /* the one in the queue has its own */
}

/* Organizations, one call at a time: the oldest that waits runs next. */
static void run_next_queued(struct aws_client *c)
{
    struct aws_call *oldest = NULL;
    for (struct aws_call *call = c->calls; call; call = call->next) {
        if (call->state == AWS_CALL_QUEUED)
            oldest = call; /* new ones are put first */
    }
    if (!oldest || c->organizations_running)
        return;
    c->organizations_running = 1;
    oldest->deadline_ns = clock_monotonic_ns() + c->operation_timeout_ms * CLOCK_NS_PER_MS;
    begin_attempt(oldest);
}

static void unlink_call(struct aws_client *c, struct aws_call *call)
{
    *(call->prev ? &call->prev->next : &c->calls) = call->next;
    if (call->next)
        call->next->prev = call->prev;
}

static void leave_organizations(struct aws_call *call, enum aws_call_state was)
{
    struct aws_client *c = client_of(call);
    if (call->in.service != AWS_ORGANIZATIONS || was == AWS_CALL_QUEUED || was == AWS_CALL_NEW)
        return;
    c->organizations_running = 0;
    run_next_queued(c);
}

static void finish(struct aws_call *call, errint result)
{
    if (call->state == AWS_CALL_DONE)
        return;
    struct aws_client *c = client_of(call);
    enum aws_call_state was = call->state;
    struct err kept = {0};
    err_keep(&kept, result);
    call->state = AWS_CALL_DONE;
    aws_http_abort(c->http, &call->transfer);
    aws_http_timer_clear(c->http, &call->timer);
    waiter_cancel(&call->waiter);
    task_drain(&call->task);
    drop_credentials(call);
    unlink_call(c, call);
    call->response.head = call->transfer.in;
    call->transfer.in = (struct aws_http_head){0};
    if (result < 0 && result != -EALREADY) /* that a manifest is unchanged is what was asked */
        COUNT(call, failures, 1);
    leave_organizations(call, was);
    (void)err_again(&kept);
    err_done(&kept);
    call->ops->done(call, result);
    aws_call_put(call); /* the list's */
}

/* ": AccessDenied: not authorized (status 403, request 1-2, try 2/3)" behind who asked what. */
static errint describe(struct aws_call *call, errint result, const char *what)
{
    const struct aws_error *e = &call->response.error;
    const char *target = call->in.target;
    char detail[200] = "", attempt[40] = "";
    if (e->status)
        snprintf(detail, sizeof detail, " (status %d%s%s)", e->status, e->request_id[0] ? ", request " : "",
                 e->request_id);
    if (call->attempts > 1)
        snprintf(attempt, sizeof attempt, ", after %u tries", call->attempts);
    return err_set(result, "%s %s%s%s: %s%s%s%s%s", service_name(call), call->in.operation, target ? " " : "",
                   target ? target : "", e->code, e->code[0] && what[0] ? ": " : "", what, detail, attempt);
}

static errint add_header(struct aws_call *call, const char *name, const char *value)
{
    char **headers = realloc(call->headers, (call->header_count + 2) * sizeof *headers);
    if (!headers)
        return err_set(-ENOMEM, "headers of a request");
    call->headers = headers;
    char *line = NULL;
    /* curl sends a header without a value only when it is written with ';' */
    if (asprintf(&line, *value ? "%s: %s" : "%s;", name, value) < 0)
        return err_set(-ENOMEM, "headers of a request");
    headers[call->header_count++] = line;
    headers[call->header_count] = NULL;
    return 0;
}

static errint add_signature(struct aws_call *call, const struct aws_sigv4_signed *signature)
{
    errint result = add_header(call, "authorization", signature->authorization);
    if (result == 0)
        result = add_header(call, "x-amz-date", signature->date);
    if (result == 0 && call->credentials->session_token)
        result = add_header(call, "x-amz-security-token", call->credentials->session_token);
    return result;
}

static errint sign(struct aws_call *call, const char *path, const struct aws_sigv4_header *headers, size_t header_count)
{
    struct aws_sigv4_request request = {
        .method = call->in.method,
        .host = call->endpoint.host,
        .path = path,
        .query = call->in.query,
        .query_count = call->in.query_count,
        .headers = headers,
        .headers_count = header_count,
        .body = call->in.body,
        .body_len = call->in.body_len,
    };
    call->offset_s = aws_client_clock_offset_s(client_of(call), call->endpoint.host);
    call->response.clock_offset_s = call->offset_s;
    struct aws_sigv4_signer signer = {
        .service = aws_service_info(call->in.service)->signing_name,
        .region = call->endpoint.region,
        .credentials = call->credentials,
        .time_unix = clock_wall_unix() + call->offset_s,
    };
    struct aws_sigv4_signed signature;
    errint result = aws_sigv4_sign(&signer, &request, &signature);
    if (result < 0)
        return result;
    result = add_signature(call, &signature);
    if (result == 0)
        result = add_header(call, "x-amz-content-sha256", signature.payload_sha256);
    aws_sigv4_signed_done(&signature);
    return result;
}

#define HEADERS_MAX 12

/* Headers with a value, and their number. */
static size_t gather_headers(const struct aws_call *call, struct aws_sigv4_header ret[HEADERS_MAX])
{
    size_t used = 0;
    for (size_t i = 0; i < call->in.header_count && used < HEADERS_MAX; i++) {
        if (call->in.headers[i].value)
            ret[used++] = call->in.headers[i];
    }
    return used;
}

static errint resolve(struct aws_call *call)
{
    struct aws_client *c = client_of(call);
    const char *region = call->in.region ? call->in.region : call->session->region;
    if (call->in.bucket && !call->region[0])
        (void)aws_client_bucket_region(c, call->in.bucket, call->region);
    return aws_endpoint_of(c->endpoints, call->in.service, call->region[0] ? call->region : region, call->in.bucket,
                           &call->endpoint);
}

/* Makes URL and headers for this attempt. */
static errint build(struct aws_call *call)
{
    free_sent(call);
    errint result = resolve(call);
    if (result < 0)
        return result;
    struct buf path cleanup_buf = BUF_INIT, url cleanup_buf = BUF_INIT;
    buf_printf(&path, "%s%s", call->endpoint.path, call->in.path ? call->in.path : "/");
    buf_printf(&url, "%s%s%s", call->endpoint.origin, buf_text(&path), call->in.query_count ? "?" : "");
    aws_encode_query(&url, call->in.query, call->in.query_count);
    if ((result = buf_error(&path)) < 0 || (result = buf_error(&url)) < 0)
        return result;
    call->url = call->in.url ? strdup(call->in.url) : buf_steal(&url);
    if (!call->url)
        return err_set(-ENOMEM, "URL of a request");
    struct aws_sigv4_header headers[HEADERS_MAX];
    size_t header_count = gather_headers(call, headers);
    for (size_t i = 0; i < header_count && result == 0; i++)
        result = add_header(call, headers[i].name, headers[i].value);
    if (result == 0 && !call->in.url)
        result = add_header(call, "Host", call->endpoint.host);
    if (result == 0 && call->credentials)
        result = sign(call, buf_text(&path), headers, header_count);
    return result;
}

static void clear_answer(struct aws_call *call)
{
    call->response.error = (struct aws_error){0};
    buf_done(&call->response.body);
    call->response.body = (struct buf)BUF_LIMIT(call->in.size_max ? call->in.size_max : AWS_CALL_SIZE_MAX);
    call->response.body.secret = true; /* AssumeRole's is; the others cost next to nothing */
    call->succeeding = false;
    call->attempt_bytes = 0;
}

static void send_attempt(struct aws_call *call)
{
    if (call->ops->prepare)
        call->ops->prepare(call);
    clear_answer(call);
    errint result = build(call);
    if (result < 0) {
        finish(call, result);
        return;
    }
    struct aws_http_transfer *t = &call->transfer;
    t->method = call->in.method;
    t->url = call->url;
    t->headers = (const char *const *)call->headers;
    t->body = call->in.body;
    t->body_len = call->in.body_len;
    t->deadline_ns = call->deadline_ns;
    t->bulk = call->bulk;
    call->state = AWS_CALL_SENDING;
    call->attempts++;
    COUNT(call, requests, 1);
    COUNT(call, bytes_sent, call->in.body_len);
    aws_http_start(client_of(call)->http, t);
}

/* Keys that are missing or wrongly configured are no matter of the call's own arguments. */
static errint credentials_code(errint code)
{
    return code == -ENOENT || code == -EINVAL ? -EACCES : code;
}

static void begin_attempt(struct aws_call *call)
{
    call->state = AWS_CALL_CREDENTIALS;
    drop_credentials(call);
    bool is_signed = call->session->creds && !call->in.without_signing && !call->in.url;
    errint result = is_signed ? aws_creds_current(call->session->creds, &call->credentials, &call->waiter) : 0;
    if (result == -EAGAIN) {
        aws_http_timer_set(client_of(call)->http, &call->timer, call->deadline_ns);
        if (call->ops->starved)
            call->ops->starved(call);
    } else if (result < 0) {
        finish(call, err_add(credentials_code(result), "%s %s: credentials", service_name(call), call->in.operation));
    } else {
        send_attempt(call);
    }
}

/* The credentials' list woke the waiter: under its lock, so only posted. */
static void woken(struct task *t)
{
    struct aws_call *call = OWNER(struct aws_call, task, t);
    post(call, &call->post_woken);
}

static void run_woken(struct aws_http_post *p)
{
    struct aws_call *call = OWNER(struct aws_call, post_woken, p);
    if (call->state == AWS_CALL_CREDENTIALS) {
        aws_http_timer_clear(client_of(call)->http, &call->timer);
        begin_attempt(call);
    }
    aws_call_put(call);
}

static void run_timer(struct aws_http_timer *t)
{
    struct aws_call *call = OWNER(struct aws_call, timer, t);
    if (call->state == AWS_CALL_WAITING)
        begin_attempt(call);
    else if (call->state == AWS_CALL_CREDENTIALS)
        finish(call, describe(call, -ETIMEDOUT, "credentials did not come in time"));
}

static void run_start(struct aws_http_post *p)
{
    struct aws_call *call = OWNER(struct aws_call, post_start, p);
    struct aws_client *c = client_of(call);
    call->prev = NULL;
    call->next = c->calls;
    if (c->calls)
        c->calls->prev = call;
    c->calls = call;
    atomic_fetch_add(&call->refs, 1); /* the list's */
    call->deadline_ns = clock_monotonic_ns() + c->operation_timeout_ms * CLOCK_NS_PER_MS;
    if (atomic_load(&c->stopped))
        finish(call, describe(call, -ESHUTDOWN, "ctfs is ending"));
    else if (atomic_load(&c->offline))
        finish(call, describe(call, -EHOSTUNREACH, "offline by choice"));
    else if (call->in.service != AWS_ORGANIZATIONS)
        begin_attempt(call);
    else {
        call->state = AWS_CALL_QUEUED;
        run_next_queued(c);
    }
    aws_call_put(call);
}

static void run_cancel(struct aws_http_post *p)
{
    struct aws_call *call = OWNER(struct aws_call, post_cancel, p);
    errint code = atomic_load(&call->cancel_code);
    if (call->state != AWS_CALL_DONE) /* the response is its owner's then */
        finish(call, describe(call, code, code == -ESHUTDOWN ? "ctfs is ending" : "stopped on request"));
    aws_call_put(call);
}

static errint on_head(struct aws_http_transfer *t)
{
    struct aws_call *call = OWNER(struct aws_call, transfer, t);
    struct aws_error *e = &call->response.error;
    const char *id = aws_http_head_get(&t->in, "x-amzn-requestid");
    if (!id)
        id = aws_http_head_get(&t->in, "x-amz-request-id");
    e->status = t->in.status;
    aws_errors_copy_line(e->request_id, sizeof e->request_id, id ? id : "");
    call->succeeding = e->status >= 200 && e->status < 300;
    if (!call->succeeding)
        call->response.body.limit = 0; /* on_data keeps the first of it */
    return call->succeeding && call->ops->head ? call->ops->head(call, &t->in) : 0;
}

static void note_progress(struct aws_call *call, size_t len)
{
    struct aws_client *c = client_of(call);
    call->attempt_bytes += len;
    call->deadline_ns = clock_monotonic_ns() + c->operation_timeout_ms * CLOCK_NS_PER_MS;
    call->transfer.deadline_ns = call->deadline_ns;
}

static errint on_data(struct aws_http_transfer *t, const void *data, size_t len)
{
    struct aws_call *call = OWNER(struct aws_call, transfer, t);
    struct buf *body = &call->response.body;
    if (!call->succeeding) {
        size_t room = AWS_ERRORS_BODY_MAX - body->len;
        buf_append(body, data, len < room ? len : room);
        return 0;
    }
    if (call->ops->data) {
        note_progress(call, len);
        return call->ops->data(call, data, len);
    }
    buf_append(body, data, len);
    return buf_error(body) < 0 ? err_set(-EFBIG, "the answer is over %zu bytes", body->limit) : 0;
}

/* What this attempt's progress forgives. */
static void settle_progress(struct aws_call *call)
{
    if (!call->ops->data || call->attempt_bytes < PROGRESS_BYTES)
        return;
    aws_retry_quota_refund(&client_of(call)->quotas[call->in.service], call->quota_taken);
    call->quota_taken = 0;
    call->retries = 0;
    call->renewed = call->unskewed = call->moved = false;
}

static void succeed(struct aws_call *call)
{
    aws_retry_quota_refund(&client_of(call)->quotas[call->in.service], call->quota_taken);
    if (call->credentials)
        atomic_store(&call->session->proven, true);
    if (call->in.bucket && call->region[0])
        aws_client_learn_bucket(client_of(call), call->in.bucket, call->region);
    finish(call, 0);
}

/* Again after a while, if attempts, quota and deadline allow. */
static void back_off(struct aws_call *call, struct aws_verdict verdict, const char *what)
{
    struct aws_client *c = client_of(call);
    bool spent = call->retries + 1 >= c->attempts_max;
    const char *header = aws_http_head_get(&call->transfer.in, "x-amz-retry-after");
    int64_t header_ms = header ? strtoll(header, NULL, 10) : -1;
    double random_unit = (double)arc4random() / 4294967296.0;
    int64_t delay_ms = aws_retry_delay_ms(verdict.retry, call->retries, random_unit, header_ms);
    int64_t at_ns = clock_monotonic_ns() + delay_ms * CLOCK_NS_PER_MS;
    int taken =
        spent || at_ns >= call->deadline_ns ? 0 : aws_retry_quota_take(&c->quotas[call->in.service], verdict.retry);
    if (!taken) {
        finish(call, describe(call, verdict.code, what));
        return;
    }
    call->quota_taken = taken;
    call->retries++;
    COUNT(call, retries, 1);
    drop_credentials(call);
    call->state = AWS_CALL_WAITING;
    aws_http_timer_set(c->http, &call->timer, at_ns);
}

/* Learns the server's clock when it is not the one that was signed with. */
static bool unskew(struct aws_call *call)
{
    const char *date = aws_http_head_get(&call->transfer.in, "date");
    int64_t server_unix;
    if (call->unskewed || !call->credentials || !date || clock_parse_http(date, &server_unix) < 0)
        return false;
    int64_t offset_s = server_unix - clock_wall_unix(), change_s = offset_s - call->offset_s;
    if (change_s > -SKEW_MIN_S && change_s < SKEW_MIN_S)
        return false;
    aws_client_learn_clock(client_of(call), call->endpoint.host, offset_s);
    call->unskewed = true;
    return true;
}

static bool renew(struct aws_call *call)
{
    if (call->renewed || !call->credentials)
        return false;
    aws_creds_expired(call->session->creds, call->credentials);
    call->renewed = true;
    return true;
}

/* The bucket's region, when the answer names one that was not signed for. */
static bool move(struct aws_call *call)
{
    const char *region = aws_http_head_get(&call->transfer.in, "x-amz-bucket-region");
    if (!region)
        region = call->response.error.region;
    if (call->moved || !call->in.bucket || !aws_endpoint_region_valid(region) ||
        strcmp(region, call->endpoint.region) == 0)
        return false;
    snprintf(call->region, sizeof call->region, "%s", region);
    call->moved = true;
    return true;
}

static void judge(struct aws_call *call, struct aws_verdict verdict, const char *what)
{
    bool again = false;
    if (verdict.retry == AWS_RETRY_EXPIRED || verdict.retry == AWS_RETRY_SKEW)
        again = unskew(call);
    if (!again && verdict.retry == AWS_RETRY_EXPIRED)
        again = renew(call);
    if (verdict.retry == AWS_RETRY_REGION || call->response.error.status == 400)
        again = again || move(call);
    if (again) {
        COUNT(call, retries, 1);
        begin_attempt(call);
    } else if (verdict.retry == AWS_RETRY_TRANSIENT || verdict.retry == AWS_RETRY_THROTTLE) {
        back_off(call, verdict, what);
    } else {
        finish(call, describe(call, verdict.code, what));
    }
}

static void judge_answer(struct aws_call *call)
{
    struct aws_error *e = &call->response.error;
    const struct aws_http_head *head = &call->transfer.in;
    aws_errors_parse(aws_http_head_get(head, "x-amzn-errortype"), aws_http_head_get(head, "x-amzn-query-error"),
                     buf_text(&call->response.body), call->response.body.len, e);
    struct aws_verdict verdict = aws_errors_of_answer(e->code, e->status, call->in.service == AWS_S3);
    if (verdict.retry == AWS_RETRY_THROTTLE)
        COUNT(call, throttles, 1);
    char status[32];
    snprintf(status, sizeof status, "HTTP %d", e->status);
    judge(call, verdict, e->message[0] ? e->message : e->code[0] ? "" : status);
}

static bool is_error_document(const struct aws_call *call)
{
    const struct buf *body = &call->response.body;
    return call->in.document && aws_errors_is_document(buf_text(body), body->len);
}

static void on_done(struct aws_http_transfer *t, const struct aws_http_result *result)
{
    struct aws_call *call = OWNER(struct aws_call, transfer, t);
    COUNT(call, bytes_received, t->received_bytes);
    free_sent(call);
    settle_progress(call);
    if (result->code < 0)
        finish(call, describe(call, result->code, result->what));
    else if (result->curl_code != 0)
        judge(call, aws_errors_of_curl(result->curl_code, result->os_errno), result->what);
    else if (!call->succeeding || is_error_document(call))
        judge_answer(call);
    else
        succeed(call);
}

static const struct aws_http_ops transfer_ops = {.head = on_head, .data = on_data, .done = on_done};

void aws_call_init(struct aws_call *call, const struct aws_call_ops *ops, struct aws_session *s)
{
    *call = (struct aws_call){.ops = ops, .session = aws_session_get(s)};
    atomic_init(&call->refs, 1);
    call->post_start.run = run_start;
    call->post_woken.run = run_woken;
    call->post_cancel.run = run_cancel;
    call->timer.run = run_timer;
    call->transfer.ops = &transfer_ops;
    task_init(&call->task, NULL, woken);
    waiter_init(&call->waiter, &call->task);
}

void aws_call_start(struct aws_call *call)
{
    post(call, &call->post_start);
}

void aws_call_cancel(struct aws_call *call, errint code)
{
    int none = 0;
    (void)atomic_compare_exchange_strong(&call->cancel_code, &none, code);
    post(call, &call->post_cancel);
}

/* A call that a thread waits for. */
struct sync_call {
    struct aws_call call;
    struct blocker blocker;
    atomic_bool ended, starved;
    struct err failure;
    errint result;
};

static void sync_starved(struct aws_call *call)
{
    struct sync_call *s = OWNER(struct sync_call, call, call);
    atomic_store(&s->starved, true);
    task_wake(&s->blocker.task);
}

static void sync_done(struct aws_call *call, errint result)
{
    struct sync_call *s = OWNER(struct sync_call, call, call);
    err_keep(&s->failure, result);
    s->result = result;
    atomic_store(&s->ended, true);
    task_wake(&s->blocker.task);
}

static void sync_free(struct aws_call *call)
{
    struct sync_call *s = OWNER(struct sync_call, call, call);
    blocker_done(&s->blocker);
    err_done(&s->failure);
    free(s);
}

static const struct aws_call_ops sync_ops = {.starved = sync_starved, .done = sync_done, .free = sync_free};

/* What comes of it, the call asks for itself. */
static void fetch_credentials(struct sync_call *s, struct cancel *c)
{
    struct aws_credentials *credentials = NULL;
    if (aws_session_credentials(s->call.session, c, &credentials) == 0)
        aws_credentials_put(credentials);
}

static void wait_sync(struct sync_call *s, struct cancel *c)
{
    bool cancelled = false;
    if (c)
        waitlist_add(&c->waiters, &s->blocker.waiter);
    while (!atomic_load(&s->ended)) {
        if (!cancelled && c && atomic_load(&c->asked)) {
            cancelled = true;
            aws_call_cancel(&s->call, -EINTR);
        }
        if (atomic_exchange(&s->starved, false))
            fetch_credentials(s, c);
        else
            (void)blocker_wait(&s->blocker, 0); /* `ended` says what ended it */
    }
    waiter_cancel(&s->blocker.waiter);
}

errint aws_call_run(struct aws_session *session, const struct aws_request *in, struct cancel *c,
                    struct aws_response *ret)
{
    *ret = (struct aws_response){0};
    struct sync_call *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(-ENOMEM, "%s %s", aws_service_info(in->service)->name, in->operation);
    aws_call_init(&s->call, &sync_ops, session);
    s->call.in = *in;
    blocker_init(&s->blocker);
    aws_call_start(&s->call);
    wait_sync(s, c);
    *ret = s->call.response;
    s->call.response = (struct aws_response){0};
    errint result = s->result < 0 ? err_again(&s->failure) : 0;
    aws_call_put(&s->call);
    return result;
}
