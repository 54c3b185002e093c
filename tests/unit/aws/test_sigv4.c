/* The signer, stage by stage, on every folder of tests/vectors/sigv4 (expected files made by botocore), and what it
 * refuses to sign. Argument 0's vectors are found by CTFS_VECTORS. */
#include "tests/lib/unit.h"

#include <dirent.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "sigv4_case.h"

#define VECTORS CTFS_VECTORS "/sigv4"

static char *read_text(const char *name, const char *file)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, VECTORS "/%s/%s", name, file);
    FILE *f cleanup_file = fopen(path, "r");
    if (!f || getdelim(&text, &size, '\0', f) < 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void load_case(struct sigv4_case *c, const char *name)
{
    char *text cleanup_free = read_text(name, "request");
    CHECK(text != NULL);
    sigv4_case_init(c);
    for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n"))
        CHECK(sigv4_case_line(c, line));
}

static void check_file(const char *name, const char *file, const char *got)
{
    char *want cleanup_free = read_text(name, file);
    CHECK(want != NULL);
    if (want && strcmp(got, want) != 0)
        fprintf(stderr, "in %s/%s:\n", name, file);
    if (want)
        CHECK_STR(got, want);
}

static void check_result(const char *name, const struct sigv4_case *c)
{
    struct aws_sigv4_signed signed_request = {0};
    char *query cleanup_free = NULL;
    if (c->presign) {
        CHECK_INT(aws_sigv4_presign(&c->signer, &c->request, c->expires_s, &query), 0);
        check_file(name, "presigned_query", query ? query : "");
        return;
    }
    CHECK_INT(aws_sigv4_sign(&c->signer, &c->request, &signed_request), 0);
    CHECK_STR(signed_request.date, "20261123T090000Z");
    check_file(name, "authorization", signed_request.authorization ? signed_request.authorization : "");
    aws_sigv4_signed_done(&signed_request);
}

static void check_case(const char *name)
{
    struct sigv4_case c;
    struct buf canonical cleanup_buf = BUF_INIT, other cleanup_buf = BUF_INIT, text cleanup_buf = BUF_INIT;
    load_case(&c, name);
    if (c.presign)
        CHECK_INT(aws_sigv4_canonical_presign(&c.signer, &c.request, c.expires_s, &canonical, &other), 0);
    else
        CHECK_INT(aws_sigv4_canonical_request(&c.signer, &c.request, &canonical, &other), 0);
    check_file(name, "canonical_request", buf_text(&canonical));
    CHECK_INT(aws_sigv4_string_to_sign(&c.signer, buf_text(&canonical), canonical.len, &text), 0);
    check_file(name, "string_to_sign", buf_text(&text));
    check_result(name, &c);
    sigv4_case_done(&c);
}

static void test_vectors(void)
{
    unsigned count = 0;
    DIR *d = opendir(VECTORS);
    CHECK(d != NULL);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[4096];
        (void)snprintf(path, sizeof path, VECTORS "/%s/request", e->d_name);
        if (e->d_name[0] == '.' || access(path, R_OK) != 0)
            continue;
        check_case(e->d_name);
        count++;
    }
    if (d)
        (void)closedir(d);
    CHECK(count >= 20);
}

/* AWS's own example of the key derivation and the last stage: IAM user guide and "Signature Version 4 test suite",
 * get-vanilla, whose inputs and signature are published. */
static void test_published_signature(void)
{
    struct aws_credentials keys = {.access_key_id = (char *)"AKIDEXAMPLE",
                                   .secret_access_key = (char *)"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
    struct aws_sigv4_signer s = {"service", "us-east-1", &keys, 1440938160};
    static const char canonical[] = "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\n"
                                    "host;x-amz-date\n"
                                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct buf text cleanup_buf = BUF_INIT;
    char signature[AWS_SHA256_HEX_SIZE];
    CHECK_INT(aws_sigv4_string_to_sign(&s, canonical, strlen(canonical), &text), 0);
    CHECK_STR(buf_text(&text), "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
                               "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
    CHECK_INT(aws_sigv4_signature(&s, buf_text(&text), text.len, signature), 0);
    CHECK_STR(signature, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

static errint sign_with(const char *path, const char *name, const char *value)
{
    struct aws_credentials keys = {.access_key_id = (char *)"AKIDEXAMPLE", .secret_access_key = (char *)"secret"};
    struct aws_sigv4_signer s = {"s3", "us-east-1", &keys, 1440938160};
    struct aws_sigv4_header header = {name, value};
    struct aws_sigv4_request r = {
        .method = "GET", .host = "h", .path = path, .headers = &header, .headers_count = name ? 1 : 0};
    struct aws_sigv4_signed signed_request;
    errint e = aws_sigv4_sign(&s, &r, &signed_request);
    if (!e)
        aws_sigv4_signed_done(&signed_request);
    return e;
}

static void test_refusals(void)
{
    CHECK_INT(sign_with("/", NULL, NULL), 0);
    CHECK_INT(sign_with("", NULL, NULL), -EINVAL);
    CHECK_INT(sign_with("key", NULL, NULL), -EINVAL);
    CHECK_INT(sign_with("/", "range", "bytes=0-1"), 0);
    CHECK_INT(sign_with("/", "range", "bytes=0-1\r\nx-evil: 1"), -EINVAL);
    CHECK_INT(sign_with("/", "range: x", "1"), -EINVAL);
    CHECK_INT(sign_with("/", "", "1"), -EINVAL);
    CHECK_INT(sign_with("/", "Host", "other"), -EINVAL);
    CHECK_INT(sign_with("/", "X-Amz-Date", "20150830T123600Z"), -EINVAL);
    CHECK_INT(sign_with("/", "Authorization", "mine"), -EINVAL);
}

static void test_presign_limits(void)
{
    struct aws_credentials keys = {.access_key_id = (char *)"AKIDEXAMPLE", .secret_access_key = (char *)"secret"};
    struct aws_sigv4_signer s = {"s3", "us-east-1", &keys, 1440938160};
    struct aws_sigv4_request r = {.method = "GET", .host = "h", .path = "/k"};
    char *query cleanup_free = NULL;
    CHECK_INT(aws_sigv4_presign(&s, &r, 0, &query), -EINVAL);
    CHECK_INT(aws_sigv4_presign(&s, &r, AWS_SIGV4_EXPIRES_MAX_S + 1, &query), -EINVAL);
    CHECK(query == NULL);
    CHECK_INT(aws_sigv4_presign(&s, &r, AWS_SIGV4_EXPIRES_MAX_S, &query), 0);
}

/* What a proxy may change stands in no signature; everything of x-amz- does. */
static void test_signed_headers(void)
{
    struct aws_credentials keys = {.access_key_id = (char *)"AKIDEXAMPLE", .secret_access_key = (char *)"secret"};
    struct aws_sigv4_signer s = {"s3", "us-east-1", &keys, 1440938160};
    const char *names[] = {"User-Agent",
                           "X-Amzn-Trace-Id",
                           "Expect",
                           "Connection",
                           "Keep-Alive",
                           "TE",
                           "Trailer",
                           "Upgrade",
                           "Transfer-Encoding",
                           "Proxy-Connection",
                           "Proxy-Authorization",
                           "Baggage",
                           "Traceparent",
                           "x-amz-acl",
                           "Range"};
    struct aws_sigv4_header headers[sizeof names / sizeof names[0]];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        headers[i] = (struct aws_sigv4_header){names[i], "v"};
    struct aws_sigv4_request r = {.method = "GET",
                                  .host = "h",
                                  .path = "/k",
                                  .headers = headers,
                                  .headers_count = sizeof names / sizeof names[0],
                                  .payload_sha256 = AWS_SIGV4_UNSIGNED_PAYLOAD};
    struct buf canonical cleanup_buf = BUF_INIT, signed_headers cleanup_buf = BUF_INIT;
    CHECK_INT(aws_sigv4_canonical_request(&s, &r, &canonical, &signed_headers), 0);
    CHECK_STR(buf_text(&signed_headers), "host;range;x-amz-acl;x-amz-content-sha256;x-amz-date");
    CHECK(strstr(buf_text(&canonical), "x-amz-content-sha256:UNSIGNED-PAYLOAD\n") != NULL);
}

static const struct unit_test tests[] = {
    {"vectors", test_vectors},
    {"published_signature", test_published_signature},
    {"refusals", test_refusals},
    {"presign_limits", test_presign_limits},
    {"signed_headers", test_signed_headers},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
