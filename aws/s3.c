/* Objects, one request each. What an answer says of itself (Content-Range, Content-Length, ETag) is checked against what
 * was asked and what came; a body that differs is -EIO.
 */
#include "aws/s3.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/client_parts.h"
#include "aws/operation.h"
#include "aws/s3_parts.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define cleanup_request cleanup(aws_s3_request_done)

void aws_s3_request_done(struct aws_s3_request *r)
{
    free(r->path);
    free(r->target);
}

void aws_s3_request_header(struct aws_s3_request *r, const char *name, const char *value)
{
    r->headers[r->request.header_count++] = (struct aws_sigv4_header){name, value};
}

errint aws_s3_request_init(struct aws_s3_request *r, const struct aws_s3_bucket *bucket, const char *key)
{
    *r = (struct aws_s3_request){0};
    struct buf path cleanup_buf = BUF_INIT, target cleanup_buf = BUF_INIT;
    size_t key_len = key ? strlen(key) : 0;
    if (key && (key_len == 0 || key_len > AWS_S3_KEY_MAX))
        return err_set(-EINVAL, "s3: a key of %zu bytes", key_len);
    buf_putc(&path, '/');
    if (key)
        aws_encode_uri(&path, key, key_len, true);
    buf_printf(&target, "s3://%s%s%s", bucket->name, key ? "/" : "", key ? key : "");
    errint result = buf_error(&path);
    if (result == 0)
        result = buf_error(&target);
    if (result < 0)
        return result;
    r->path = buf_steal(&path);
    r->target = buf_steal(&target);
    r->request = (struct aws_request){
        .service = AWS_S3, .target = r->target, .bucket = bucket->name, .path = r->path, .headers = r->headers};
    aws_s3_request_header(r, "x-amz-expected-bucket-owner", bucket->owner);
    return 0;
}

char *aws_s3_etag(const char *text)
{
    char *etag = NULL;
    if (!text || !*text || strchr(text, '"'))
        return strdup(text ? text : "");
    return asprintf(&etag, "\"%s\"", text) < 0 ? NULL : etag;
}

bool aws_s3_etag_same(const char *a, const char *b)
{
    size_t a_quote = *a == '"', b_quote = *b == '"';
    size_t a_len = strcspn(a + a_quote, "\""), b_len = strcspn(b + b_quote, "\"");
    return a_len == b_len && memcmp(a + a_quote, b + b_quote, a_len) == 0;
}

errint aws_s3_number(const char *text, uint64_t *ret)
{
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (digits == 0 || digits > 19 || text[digits] != '\0')
        return err_set(-EIO, "s3: \"%s\" is no size", text ? text : "");
    *ret = strtoull(text, NULL, 10);
    return 0;
}

errint aws_s3_content_range(const char *text, uint64_t *ret_first, uint64_t *ret_last, uint64_t *ret_total)
{
    uint64_t first, last, total;
    int len = 0;
    if (!text || strlen(text) > 80 ||
        sscanf(text, "bytes %19" SCNu64 "-%19" SCNu64 "/%19" SCNu64 "%n", &first, &last, &total, &len) != 3 ||
        text[len] != '\0' || first > last || last >= total)
        return err_set(-EIO, "s3: no Content-Range that fits (\"%.80s\")", text ? text : "");
    *ret_first = first;
    *ret_last = last;
    *ret_total = total;
    return 0;
}

/* The region that an answer names, kept. False when it names none. */
static bool learn_region(struct aws_session *s, const char *bucket, const struct aws_response *r, char ret[33])
{
    const char *region = aws_http_head_get(&r->head, "x-amz-bucket-region");
    if (!region || !aws_endpoint_region_valid(region))
        return false;
    snprintf(ret, 33, "%s", region);
    aws_client_learn_bucket(s->client, bucket, region);
    return true;
}

errint aws_s3_bucket_region(struct aws_session *s, const char *bucket, struct cancel *c, char **ret)
{
    char region[33];
    errint result = 0;
    if (!aws_client_bucket_region(s->client, bucket, region)) {
        struct aws_s3_request r cleanup_request = {0};
        struct aws_response response cleanup_response = {0};
        result = aws_s3_request_init(&r, &(struct aws_s3_bucket){.name = bucket}, NULL);
        if (result < 0)
            return result;
        r.request.operation = "HeadBucket";
        r.request.method = "HEAD";
        result = aws_call_run(s, &r.request, c, &response);
        if (learn_region(s, bucket, &response, region))
            result = 0;
        else if (result == 0)
            snprintf(region, sizeof region, "%s", s->region); /* it answered where it was asked */
    }
    if (result < 0)
        return result;
    *ret = strdup(region);
    return *ret ? 0 : err_set(-ENOMEM, "region of bucket %s", bucket);
}

/* "bytes=0-9", "bytes=-8"; NULL for all. */
static const char *format_range(const struct aws_s3_get *in, char text[64])
{
    if (in->len == 0)
        return NULL;
    if (in->off == UINT64_MAX)
        snprintf(text, 64, "bytes=-%" PRIu64, in->len);
    else
        snprintf(text, 64, "bytes=%" PRIu64 "-%" PRIu64, in->off, in->off + in->len - 1);
    return text;
}

/* Is the part that came the one that was asked for? */
static errint check_part(const struct aws_s3_get *in, const char *target, const struct aws_response *r,
                         uint64_t *ret_object_size)
{
    uint64_t first = 0, last = 0, total = 0;
    errint result = aws_s3_content_range(aws_http_head_get(&r->head, "content-range"), &first, &last, &total);
    if (result < 0)
        return err_add(result, "%s", target);
    bool tail = in->off == UINT64_MAX;
    uint64_t want_first = !tail ? in->off : in->len < total ? total - in->len : 0;
    uint64_t want_last = tail || in->len > total - want_first ? total - 1 : want_first + in->len - 1;
    if (first != want_first || last != want_last || r->body.len != last - first + 1)
        return err_set(-EIO, "%s: S3 sent another range than was asked for", target);
    *ret_object_size = total;
    return 0;
}

static errint read_body(const struct aws_s3_get *in, const char *target, struct aws_response *r,
                        struct aws_s3_body *ret)
{
    struct aws_s3_body body = {.object_size_bytes = r->body.len, .last_modified_unix = 0};
    const char *etag = aws_http_head_get(&r->head, "etag"), *modified = aws_http_head_get(&r->head, "last-modified");
    if (in->if_match && etag && !aws_s3_etag_same(in->if_match, etag))
        return err_set(-ESTALE, "%s changed (its ETag is %s)", target, etag);
    errint result = in->len > 0 ? check_part(in, target, r, &body.object_size_bytes) : 0;
    if (result < 0)
        return result;
    if (modified)
        (void)clock_parse_http(modified, &body.last_modified_unix); /* a time that cannot be read is 0 */
    body.etag = aws_s3_etag(etag);
    if (!body.etag)
        return err_set(-ENOMEM, "%s", target);
    body.data = r->body;
    r->body = (struct buf)BUF_INIT;
    *ret = body;
    return 0;
}

errint aws_s3_get(struct aws_session *s, const struct aws_s3_bucket *bucket, const struct aws_s3_get *in,
                  struct cancel *c, struct aws_s3_body *ret)
{
    struct aws_s3_request r cleanup_request = {0};
    struct aws_response response cleanup_response = {0};
    char range[64];
    errint result = aws_s3_request_init(&r, bucket, in->key);
    if (result < 0)
        return result;
    aws_s3_request_header(&r, "range", format_range(in, range));
    aws_s3_request_header(&r, "if-match", in->if_match);
    aws_s3_request_header(&r, "if-none-match", in->if_none_match);
    r.request.operation = "GetObject";
    r.request.method = "GET";
    r.request.size_max = in->size_max;
    result = aws_call_run(s, &r.request, c, &response);
    return result < 0 ? result : read_body(in, r.target, &response, ret);
}

void aws_s3_body_done(struct aws_s3_body *b)
{
    buf_done(&b->data);
    free(b->etag);
    *b = (struct aws_s3_body){0};
}

errint aws_s3_put(struct aws_session *s, const struct aws_s3_bucket *bucket, const char *key, const void *data,
                  size_t len, const char *content_type, bool if_none_match_any, struct cancel *c, char **ret_etag)
{
    struct aws_s3_request r cleanup_request = {0};
    struct aws_response response cleanup_response = {0};
    errint result = aws_s3_request_init(&r, bucket, key);
    if (result < 0)
        return result;
    aws_s3_request_header(&r, "content-type", content_type);
    aws_s3_request_header(&r, "if-none-match", if_none_match_any ? "*" : NULL);
    r.request.operation = "PutObject";
    r.request.method = "PUT";
    r.request.body = data;
    r.request.body_len = len;
    result = aws_call_run(s, &r.request, c, &response);
    if (result == -ESTALE && if_none_match_any)
        return err_set(-EEXIST, "%s is there already", r.target);
    if (result < 0 || !ret_etag)
        return result;
    *ret_etag = aws_s3_etag(aws_http_head_get(&response.head, "etag"));
    return *ret_etag ? 0 : err_set(-ENOMEM, "%s", r.target);
}

static errint presign(struct aws_session *s, const struct aws_credentials *credentials, const char *region,
                      const struct aws_s3_request *r, int64_t expires_s, char **ret_url)
{
    struct aws_endpoint endpoint;
    struct buf path cleanup_buf = BUF_INIT, url cleanup_buf = BUF_INIT;
    char *query cleanup_free = NULL;
    errint result = aws_endpoint_of(s->client->endpoints, AWS_S3, region, r->request.bucket, &endpoint);
    if (result < 0)
        return result;
    buf_printf(&path, "%s%s", endpoint.path, r->path);
    if ((result = buf_error(&path)) < 0)
        return result;
    struct aws_sigv4_request request = {.method = "GET", .host = endpoint.host, .path = buf_text(&path)};
    struct aws_sigv4_signer signer = {
        .service = "s3",
        .region = endpoint.region,
        .credentials = credentials,
        .time_unix = clock_wall_unix() + aws_client_clock_offset_s(s->client, endpoint.host),
    };
    result = aws_sigv4_presign(&signer, &request, (int)expires_s, &query);
    if (result < 0)
        return result;
    buf_printf(&url, "%s%s?%s", endpoint.origin, buf_text(&path), query);
    if ((result = buf_error(&url)) < 0)
        return result;
    *ret_url = buf_steal(&url);
    return 0;
}

errint aws_s3_presign_get(struct aws_session *s, const char *bucket, const char *key, int64_t expires_s,
                          struct cancel *c, char **ret_url, int64_t *ret_expires_unix)
{
    struct aws_s3_request r cleanup_request = {0};
    char *region cleanup_free = NULL;
    const int most_s = AWS_SIGV4_EXPIRES_MAX_S;
    if (expires_s < 1 || expires_s > most_s)
        return err_set(-EINVAL, "s3: a URL cannot last %" PRId64 " seconds", expires_s);
    errint result = aws_s3_request_init(&r, &(struct aws_s3_bucket){.name = bucket}, key);
    if (result == 0)
        result = aws_s3_bucket_region(s, bucket, c, &region);
    struct aws_credentials *credentials = NULL;
    if (result == 0)
        result = aws_session_credentials(s, c, &credentials);
    if (result < 0)
        return result;
    if (!credentials)
        return err_set(-EACCES, "%s: no credentials to sign a URL with", r.target);
    result = presign(s, credentials, region, &r, expires_s, ret_url);
    int64_t end_unix = clock_wall_unix() + expires_s;
    if (result == 0)
        *ret_expires_unix =
            credentials->expires_unix && credentials->expires_unix < end_unix ? credentials->expires_unix : end_unix;
    aws_credentials_put(credentials);
    return result;
}

errint aws_s3_fetch_url(struct aws_client *c, const char *url, size_t size_max, struct cancel *cancel, struct buf *ret)
{
    struct aws_session *nobody = NULL;
    struct aws_response response cleanup_response = {0};
    errint result = aws_session_new(c, NULL, NULL, &nobody);
    if (result < 0)
        return result;
    struct aws_request request = {.service = AWS_S3,
                                  .operation = "GetObject",
                                  .target = "by its presigned URL",
                                  .method = "GET",
                                  .url = url,
                                  .size_max = size_max};
    result = aws_call_run(nobody, &request, cancel, &response);
    aws_session_put(nobody);
    if (result < 0)
        return result;
    *ret = response.body;
    response.body = (struct buf)BUF_INIT;
    return 0;
}
