/* A transfer is one call whose body goes to the sink. `got` counts what the sink has: before each attempt the Range is
 * made anew from there, and the answer must be exactly that rest, of an object of that ETag and size; so no byte comes
 * twice and none of another version. Everything but start and cancel runs on the client's thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3_parts.h"
#include "base/cleanup.h"

struct s3_feed {
    struct feed feed;
    struct aws_session *session;
    char *bucket, *owner, *etag;
    uint64_t size_bytes;
    struct aws_s3_request request;
};

struct feed_transfer {
    struct aws_call call;
    struct s3_feed *feed; /* until done() */
    struct feed_sink *sink;
    uint64_t off, len, got;
    char range[64];
    struct aws_sigv4_header headers[6];
};

#define TRANSFER(call_) ((struct feed_transfer *)(void *)((char *)(call_)-offsetof(struct feed_transfer, call)))

static void prepare(struct aws_call *call)
{
    struct feed_transfer *t = TRANSFER(call);
    snprintf(t->range, sizeof t->range, "bytes=%" PRIu64 "-%" PRIu64, t->off + t->got, t->off + t->len - 1);
}

/* A whole object may come as 200 from a server that does not cut. */
static errint check_whole(const struct feed_transfer *t, const struct aws_http_head *head)
{
    uint64_t length;
    const char *text = aws_http_head_get(head, "content-length");
    if (t->off + t->got > 0 || t->len != t->feed->size_bytes || aws_s3_number(text, &length) < 0 || length != t->len)
        return err_set(-EIO, "S3 sent no range (status %d)", head->status);
    return 0;
}

static errint check_range(const struct feed_transfer *t, const struct aws_http_head *head)
{
    uint64_t first = 0, last = 0, total = 0;
    errint result = aws_s3_content_range(aws_http_head_get(head, "content-range"), &first, &last, &total);
    if (result < 0)
        return result;
    if (total != t->feed->size_bytes)
        return err_set(-EIO, "the object has %" PRIu64 " bytes, not %" PRIu64, total, t->feed->size_bytes);
    if (first != t->off + t->got || last != t->off + t->len - 1)
        return err_set(-EIO, "S3 sent another range than was asked for");
    return 0;
}

static errint check_head(struct aws_call *call, const struct aws_http_head *head)
{
    struct feed_transfer *t = TRANSFER(call);
    const char *etag = aws_http_head_get(head, "etag");
    if (etag && !aws_s3_etag_same(etag, t->feed->etag))
        return err_set(-ESTALE, "the object changed while it was read");
    /* by the header: `rclone serve s3` sends ranges with status 200 */
    return aws_http_head_get(head, "content-range") ? check_range(t, head) : check_whole(t, head);
}

static errint take_data(struct aws_call *call, const void *data, size_t len)
{
    struct feed_transfer *t = TRANSFER(call);
    if (len > t->len - t->got)
        return err_set(-EIO, "S3 sent more bytes than the range has");
    t->got += len;
    t->sink->data(t->sink, data, len);
    return 0;
}

static void end_transfer(struct aws_call *call, errint result)
{
    struct feed_transfer *t = TRANSFER(call);
    if (result == 0 && t->got != t->len)
        result = err_set(-EIO, "%s: S3 sent %" PRIu64 " of %" PRIu64 " bytes", t->feed->request.target, t->got, t->len);
    struct feed_sink *sink = t->sink;
    t->feed = NULL;
    sink->done(sink, result);
    aws_call_put(call); /* start's */
}

static void free_transfer(struct aws_call *call)
{
    free(TRANSFER(call));
}

static const struct aws_call_ops call_ops = {
    .prepare = prepare, .head = check_head, .data = take_data, .done = end_transfer, .free = free_transfer};

static void fill_request(struct feed_transfer *t, struct s3_feed *f)
{
    t->call.in = f->request.request;
    t->headers[0] = f->request.headers[0];
    t->headers[1] = (struct aws_sigv4_header){"if-match", f->etag};
    t->headers[2] = (struct aws_sigv4_header){"range", t->range};
    t->call.in.headers = t->headers;
    t->call.in.header_count = 3;
    t->call.bulk = true;
}

static errint start(struct feed *feed, uint64_t off, uint64_t len, struct feed_sink *sink, struct feed_transfer **ret)
{
    struct s3_feed *f = (struct s3_feed *)feed;
    if (len == 0 || off >= f->size_bytes || len > f->size_bytes - off)
        return err_set(-EINVAL, "%s: no such range (%" PRIu64 ", %" PRIu64 ")", f->request.target, off, len);
    struct feed_transfer *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(-ENOMEM, "%s", f->request.target);
    aws_call_init(&t->call, &call_ops, f->session);
    t->feed = f;
    t->sink = sink;
    t->off = off;
    t->len = len;
    fill_request(t, f);
    *ret = t;
    aws_call_start(&t->call);
    return 0;
}

static void cancel(struct feed *feed, struct feed_transfer *t)
{
    (void)feed;
    aws_call_cancel(&t->call, -ECANCELED);
}

static void free_feed(struct feed *feed)
{
    struct s3_feed *f = (struct s3_feed *)feed;
    aws_session_put(f->session);
    aws_s3_request_done(&f->request);
    free(f->bucket);
    free(f->owner);
    free(f->etag);
    free(f);
}

static const struct feed_ops feed_ops = {.start = start, .cancel = cancel, .free = free_feed};

static void free_feedp(struct s3_feed **f)
{
    if (*f)
        free_feed(&(*f)->feed);
}

errint aws_s3_feed_new(struct aws_session *s, const struct aws_s3_bucket *bucket, const char *key, const char *etag,
                       uint64_t size_bytes, struct feed **ret)
{
    struct s3_feed *f cleanup(free_feedp) = calloc(1, sizeof *f);
    if (!f)
        return err_set(-ENOMEM, "s3://%s/%s", bucket->name, key);
    f->feed.ops = &feed_ops;
    f->session = aws_session_get(s);
    f->size_bytes = size_bytes;
    f->bucket = strdup(bucket->name);
    f->owner = bucket->owner ? strdup(bucket->owner) : NULL;
    f->etag = strdup(etag);
    if (!f->bucket || !f->etag || (bucket->owner && !f->owner))
        return err_set(-ENOMEM, "s3://%s/%s", bucket->name, key);
    struct aws_s3_bucket kept = {.name = f->bucket, .owner = f->owner};
    errint result = aws_s3_request_init(&f->request, &kept, key);
    if (result < 0)
        return result;
    f->request.request.operation = "GetObject";
    f->request.request.method = "GET";
    *ret = &steal_ptr(&f)->feed;
    return 0;
}
