/* Keys as they are, pages to their end, ranges checked, presigned URLs, probes. */
#include "aws/s3.h"

#include "aws/probes.h"
#include "aws/s3_parts.h"
#include "base/cleanup.h"
#include "tests/lib/aws_fixture.h"

static const struct aws_s3_bucket bucket = {.name = "my-bucket", .owner = "012345678901"};

struct seen {
    const char *bodies[4]; /* the last one stays */
    const char *headers;
    int status; /* 0: 200 */
    char head[4][4096];
    char body[4][64];
};

static void answer(struct tiny_request *r)
{
    struct seen *s = r->arg;
    unsigned n = r->number < 4 ? r->number : 3, last = 0;
    while (last < 3 && s->bodies[last + 1])
        last++;
    snprintf(s->head[n], sizeof s->head[n], "%.4000s", r->head);
    snprintf(s->body[n], sizeof s->body[n], "%.60s", r->body);
    const char *body = s->bodies[n < last ? n : last];
    tiny_reply(r, s->status ? s->status : 200, s->headers ? s->headers : "", body ? body : "");
}

static bool said(const struct seen *s, unsigned n, const char *text)
{
    return strstr(s->head[n], text) != NULL;
}

static const char page_one[] =
    "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><EncodingType>url"
    "</EncodingType><IsTruncated>true</IsTruncated><Contents><Key>a+b%2Bc%0A%C3%BC/</Key>"
    "<LastModified>2026-01-31T10:00:00.000Z</LastModified><ETag>&quot;e1&quot;</ETag><Size>18446744073</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents><NextContinuationToken>t=/1</NextContinuationToken></"
    "ListBucketResult>";
static const char page_two[] =
    "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>z%20+</Key><LastModified>2026-01-31T10:00:00Z"
    "</LastModified><ETag>e2</ETag><Size>0</Size></Contents><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>"
    "<CommonPrefixes><Prefix>cut</Prefix></CommonPrefixes>"
    "<NextContinuationToken>t=/1</NextContinuationToken></ListBucketResult>";

static void test_list(void)
{
    struct seen s = {.bodies = {page_one, page_two}};
    struct fixture f;
    struct aws_s3_listing l;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_s3_list(f.session, &bucket, "/re port", "/", 0, NULL, &l), 0);
    CHECK_INT(l.object_count, 2);
    CHECK_STR(l.objects[0].key, "a b+c\n\u00fc/");
    CHECK_STR(l.objects[0].etag, "\"e1\"");
    CHECK_INT(l.objects[0].size_bytes, 18446744073);
    CHECK_INT(l.objects[0].last_modified_unix, 1769853600);
    CHECK_STR(l.objects[0].storage_class, "STANDARD");
    CHECK_STR(l.objects[1].key, "z%20+");   /* not said to be encoded */
    CHECK_STR(l.objects[1].etag, "\"e2\""); /* as If-Match wants it */
    CHECK_STR(l.objects[1].storage_class, "");
    CHECK_INT(l.prefix_count, 2);
    CHECK_STR(l.prefixes[0], "p/");
    CHECK_STR(l.prefixes[1], "cut/"); /* from a server that leaves the delimiter out */
    CHECK(said(&s, 0, "GET /my-bucket/?list-type=2&encoding-type=url&prefix=%2Fre%20port&delimiter=%2F HTTP"));
    CHECK(said(&s, 1, "&continuation-token=t%3D%2F1 HTTP"));
    CHECK(said(&s, 0, "x-amz-expected-bucket-owner: 012345678901"));
    CHECK_INT(f.server.requests, 2);
    aws_s3_listing_done(&l);
    fixture_stop(&f);
}

static void check_list(const char *body, size_t objects_max, errint want)
{
    struct seen s = {.bodies = {body}};
    struct fixture f;
    struct aws_s3_listing l = {0};
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_s3_list(f.session, &bucket, "", NULL, objects_max, NULL, &l), want);
    CHECK_INT(l.object_count, 0);
    aws_s3_listing_done(&l);
    fixture_stop(&f);
}

static void test_bad_lists(void)
{
    check_list(page_one, 0, -EIO); /* a token that repeats */
    check_list(page_two, 1, -EFBIG);
    check_list("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", 0, -EIO);
    check_list("<html><body/></html>", 0, -EIO);
    check_list("", 0, -EIO);
    check_list("<ListBucketResult><Contents><Key>k</Key><LastModified>2026-01-31T10:00:00Z</LastModified>"
               "<Size>99999999999999999999</Size></Contents></ListBucketResult>",
               0, -EIO);
    check_list("<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>", 0, -EIO);
    check_list("<ListBucketResult><CommonPrefixes/></ListBucketResult>", 0, -EIO);
    check_list("<Error><Code>AccessDenied</Code></Error>", 0, -EACCES);
}

static void test_get(void)
{
    struct seen s = {.bodies = {"whole"}, .headers = "ETag: \"e\"\r\nLast-Modified: Sat, 31 Jan 2026 10:00:00 GMT\r\n"};
    struct fixture f;
    struct aws_s3_body b;
    struct aws_s3_get get = {.key = "/a b/%2F//=+~\u00fc?#", .size_max = 100, .if_match = "\"e\""};
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_s3_get(f.session, &bucket, &get, NULL, &b), 0);
    CHECK_STR(buf_text(&b.data), "whole");
    CHECK_STR(b.etag, "\"e\"");
    CHECK_INT(b.object_size_bytes, 5);
    CHECK_INT(b.last_modified_unix, 1769853600);
    CHECK(said(&s, 0, "GET /my-bucket//a%20b/%252F//%3D%2B~%C3%BC%3F%23 HTTP"));
    CHECK(said(&s, 0, "if-match: \"e\""));
    CHECK(!said(&s, 0, "range:"));
    aws_s3_body_done(&b);
    get.if_match = "\"other\""; /* a server that does not look at If-Match */
    CHECK_INT(aws_s3_get(f.session, &bucket, &get, NULL, &b), -ESTALE);
    get.if_match = NULL;
    get.size_max = 4;
    CHECK_INT(aws_s3_get(f.session, &bucket, &get, NULL, &b), -EFBIG);
    fixture_stop(&f);
}

static void check_range(uint64_t off, uint64_t len, int status, const char *headers, const char *want_range,
                        errint want, uint64_t want_size)
{
    struct seen s = {.bodies = {"0123"}, .headers = headers, .status = status};
    struct fixture f;
    struct aws_s3_body b = {0};
    struct aws_s3_get get = {.key = "k", .off = off, .len = len, .size_max = 100};
    char line[100];
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_s3_get(f.session, &bucket, &get, NULL, &b), want);
    CHECK_INT(b.object_size_bytes, want_size);
    snprintf(line, sizeof line, "range: %s\r\n", want_range);
    CHECK(said(&s, 0, line));
    aws_s3_body_done(&b);
    fixture_stop(&f);
}

static void test_ranges(void)
{
    check_range(0, 4, 206, "Content-Range: bytes 0-3/10\r\n", "bytes=0-3", 0, 10);
    check_range(6, 100, 206, "Content-Range: bytes 6-9/10\r\n", "bytes=6-105", 0, 10);
    check_range(UINT64_MAX, 4, 206, "Content-Range: bytes 6-9/10\r\n", "bytes=-4", 0, 10);
    check_range(UINT64_MAX, 8, 206, "Content-Range: bytes 0-3/4\r\n", "bytes=-8", 0, 4);
    check_range(0, 4, 206, "Content-Range: bytes 1-4/10\r\n", "bytes=0-3", -EIO, 0);
    check_range(0, 4, 206, "Content-Range: bytes 0-2/10\r\n", "bytes=0-3", -EIO, 0);
    check_range(0, 8, 206, "Content-Range: bytes 0-7/10\r\n", "bytes=0-7", -EIO, 0); /* four bytes came */
    check_range(0, 4, 206, "Content-Range: bytes 0-3/*\r\n", "bytes=0-3", -EIO, 0);
    check_range(0, 4, 206, "Content-Range: bytes 3-0/10\r\n", "bytes=0-3", -EIO, 0);
    check_range(0, 4, 206, "", "bytes=0-3", -EIO, 0);
    check_range(0, 4, 200, "", "bytes=0-3", -EIO, 0);
    check_range(0, 4, 200, "Content-Range: bytes 0-3/10\r\n", "bytes=0-3", 0, 10); /* rclone serve s3 */
}

static void test_put(void)
{
    struct seen s = {.headers = "ETag: \"n\"\r\n"};
    struct fixture f;
    char *etag cleanup_free = NULL;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_s3_put(f.session, &bucket, "k", "data", 4, "text/plain", true, NULL, &etag), 0);
    CHECK_STR(etag, "\"n\"");
    CHECK_STR(s.body[0], "data");
    CHECK(said(&s, 0, "PUT /my-bucket/k HTTP"));
    CHECK(said(&s, 0, "if-none-match: *"));
    CHECK(said(&s, 0, "content-type: text/plain"));
    /* the SHA-256 of "data": the payload is signed */
    CHECK(said(&s, 0, "x-amz-content-sha256: 3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"));
    s.status = 412;
    CHECK_INT(aws_s3_put(f.session, &bucket, "k", "data", 4, NULL, true, NULL, NULL), -EEXIST);
    CHECK_INT(aws_s3_put(f.session, &bucket, "", "", 0, NULL, false, NULL, NULL), -EINVAL);
    fixture_stop(&f);
}

static void test_region(void)
{
    struct seen s = {.headers = "x-amz-bucket-region: ap-south-1\r\n", .status = 403};
    struct fixture f;
    char *region cleanup_free = NULL, *again cleanup_free = NULL, *gone cleanup_free = NULL;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_s3_bucket_region(f.session, "my-bucket", NULL, &region), 0); /* a refusal tells it too */
    CHECK_STR(region, "ap-south-1");
    CHECK_INT(aws_s3_bucket_region(f.session, "my-bucket", NULL, &again), 0);
    CHECK_STR(again, "ap-south-1");
    CHECK_INT(f.server.requests, 1);
    CHECK(said(&s, 0, "HEAD /my-bucket/ HTTP"));
    s.status = 404;
    s.headers = "";
    CHECK_INT(aws_s3_bucket_region(f.session, "other", NULL, &gone), -ENOENT);
    fixture_stop(&f);
}

static void test_presign(void)
{
    struct seen s = {.bodies = {"the template"}};
    struct fixture f;
    char *url cleanup_free = NULL;
    int64_t expires_unix = 0;
    struct buf body cleanup_buf = BUF_INIT;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_s3_presign_get(f.session, "my-bucket", "templates/a b", 600, NULL, &url, &expires_unix), 0);
    CHECK(strncmp(url, f.server.url, strlen(f.server.url)) == 0);
    CHECK(strstr(url, "/my-bucket/templates/a%20b?") != NULL);
    CHECK(strstr(url, "X-Amz-Expires=600") != NULL);
    CHECK(strstr(url, "X-Amz-Signature=") != NULL);
    CHECK(expires_unix > clock_wall_unix() + 500 && expires_unix <= clock_wall_unix() + 600);
    CHECK_INT(aws_s3_fetch_url(f.client, url, 1000, NULL, &body), 0);
    CHECK_STR(buf_text(&body), "the template");
    CHECK(!said(&s, 1, "uthorization:"));
    CHECK(!said(&s, 1, "x-amz-security-token:"));
    free(url);
    url = NULL;
    /* the session's end (a day away) comes before seven days */
    CHECK_INT(aws_s3_presign_get(f.session, "my-bucket", "k", 7 * 86400, NULL, &url, &expires_unix), 0);
    CHECK(expires_unix <= clock_wall_unix() + 86400);
    CHECK_INT(aws_s3_presign_get(f.session, "my-bucket", "k", 7 * 86400 + 1, NULL, &url, &expires_unix), -EINVAL);
    fixture_stop(&f);
}

static void check_probe(enum aws_s3_probe_kind kind, int status, const char *body, errint want, const char *want_start,
                        const char *want_line)
{
    struct seen s = {.bodies = {body}, .status = status};
    struct fixture f;
    struct aws_probe probe;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_s3_probe(f.session, kind, "my-bucket", "p/k", NULL, &probe), want);
    CHECK_INT(probe.status, status);
    CHECK(strncmp(s.head[0], want_start, strlen(want_start)) == 0);
    CHECK(said(&s, 0, want_line));
    fixture_stop(&f);
}

static void test_probes(void)
{
    check_probe(AWS_S3_PROBE_LOCATION, 200, "<LocationConstraint/>", 0, "GET /my-bucket/?location HTTP", "");
    check_probe(AWS_S3_PROBE_LIST, 200, "<ListBucketResult/>", 0,
                "GET /my-bucket/?list-type=2&max-keys=1&prefix=p%2Fk HTTP", "");
    check_probe(AWS_S3_PROBE_GET, 206, "x", 0, "GET /my-bucket/p/k HTTP", "range: bytes=0-0");
    check_probe(AWS_S3_PROBE_GET, 404, "<Error><Code>NoSuchKey</Code></Error>", 0, "GET /my-bucket/p/k HTTP", "");
    check_probe(AWS_S3_PROBE_GET, 403, "<Error><Code>AccessDenied</Code></Error>", -EACCES, "GET ", "");
    check_probe(AWS_S3_PROBE_GET, 403, "<Error><Code>InvalidObjectState</Code></Error>", 0, "GET ", "");
    check_probe(AWS_S3_PROBE_PUT_ACL, 412, "<Error><Code>PreconditionFailed</Code></Error>", 0,
                "PUT /my-bucket/p/k HTTP", "x-amz-acl: bucket-owner-full-control");
    check_probe(AWS_S3_PROBE_PUT_ACL, 403, "<Error><Code>AccessDenied</Code></Error>", -EACCES, "PUT ",
                "if-none-match: *");
}

static void test_numbers(void)
{
    uint64_t a, b, c;
    CHECK_INT(aws_s3_number("0", &a), 0);
    CHECK_INT(aws_s3_number("9999999999999999999", &a), 0);
    CHECK(a == 9999999999999999999u);
    CHECK_INT(aws_s3_number("", &a), -EIO);
    CHECK_INT(aws_s3_number(NULL, &a), -EIO);
    CHECK_INT(aws_s3_number("-1", &a), -EIO);
    CHECK_INT(aws_s3_number("1x", &a), -EIO);
    CHECK_INT(aws_s3_number("10000000000000000000", &a), -EIO);
    CHECK_INT(aws_s3_content_range("bytes 5-9/4294967306", &a, &b, &c), 0);
    CHECK(a == 5 && b == 9 && c == 4294967306u);
    CHECK_INT(aws_s3_content_range("bytes 5-9/9", &a, &b, &c), -EIO);
    CHECK_INT(aws_s3_content_range("bytes */9", &a, &b, &c), -EIO);
    CHECK_INT(aws_s3_content_range("bytes 0-1/9, 3-4/9", &a, &b, &c), -EIO);
}

static void test_etags(void)
{
    CHECK(aws_s3_etag_same("\"a\"", "a"));
    CHECK(aws_s3_etag_same("a", "a"));
    CHECK(!aws_s3_etag_same("\"a\"", "\"a-1\""));
    CHECK(!aws_s3_etag_same("\"a\"", ""));
    CHECK(!aws_s3_etag_same("W/\"a\"", "\"a\""));
}

static const struct unit_test tests[] = {
    {"list", test_list},       {"bad_lists", test_bad_lists}, {"get", test_get},         {"ranges", test_ranges},
    {"put", test_put},         {"region", test_region},       {"presign", test_presign}, {"probes", test_probes},
    {"numbers", test_numbers}, {"etags", test_etags},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
