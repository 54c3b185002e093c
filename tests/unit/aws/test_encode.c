/* Percent-encoding, queries as sent and as signed, hex. */
#include "tests/lib/unit.h"

#include "aws/encode.h"
#include "base/cleanup.h"

static void check_uri(const char *text, bool keep_slash, const char *want)
{
    struct buf b cleanup_buf = BUF_INIT;
    aws_encode_uri_text(&b, text, keep_slash);
    CHECK_INT(buf_error(&b), 0);
    CHECK_STR(buf_text(&b), want);
}

static void test_uri(void)
{
    check_uri("", true, "");
    check_uri("AZaz09-_.~", false, "AZaz09-_.~");
    check_uri("a/b=c d+e", true, "a/b%3Dc%20d%2Be");
    check_uri("a/b", false, "a%2Fb");
    check_uri("%2F*'()!", true, "%252F%2A%27%28%29%21");
    check_uri("\xc3\xbc\x7f\x01", true, "%C3%BC%7F%01");
}

static void test_uri_every_byte(void)
{
    for (int i = 0; i < 256; i++) {
        struct buf b cleanup_buf = BUF_INIT;
        char byte = (char)i, want[4] = {byte, 0};
        bool plain =
            i < 128 && i > 32 &&
            (strchr("-_.~", byte) || (i >= '0' && i <= '9') || (i >= 'A' && i <= 'Z') || (i >= 'a' && i <= 'z'));
        if (!plain)
            (void)snprintf(want, sizeof want, "%%%02X", (unsigned)i);
        aws_encode_uri(&b, &byte, 1, false);
        CHECK_STR(buf_text(&b), want);
    }
}

static const struct aws_query query[] = {{"b", "2"}, {"a", NULL}, {"a", "z"}, {"a-", ""}, {"a", "Z y"}, {"B", "&="}};
#define QUERY_COUNT (sizeof query / sizeof query[0])

static void test_query(void)
{
    struct buf b cleanup_buf = BUF_INIT;
    aws_encode_query(&b, query, QUERY_COUNT);
    CHECK_STR(buf_text(&b), "b=2&a&a=z&a-=&a=Z%20y&B=%26%3D");
}

static void test_query_canonical(void)
{
    struct buf b cleanup_buf = BUF_INIT, empty cleanup_buf = BUF_INIT;
    CHECK_INT(aws_encode_query_canonical(&b, query, QUERY_COUNT), 0);
    CHECK_STR(buf_text(&b), "B=%26%3D&a=&a=Z%20y&a=z&a-=&b=2");
    CHECK_INT(aws_encode_query_canonical(&empty, NULL, 0), 0);
    CHECK_STR(buf_text(&empty), "");
}

static void test_limit(void)
{
    struct buf b cleanup_buf = BUF_LIMIT(8);
    aws_encode_uri_text(&b, "   ", true);
    CHECK_INT(buf_error(&b), -EFBIG);
}

static void test_sha256(void)
{
    char hex[AWS_SHA256_HEX_SIZE];
    CHECK_INT(aws_encode_sha256_hex(NULL, 0, hex), 0);
    CHECK_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_INT(aws_encode_sha256_hex("abc", 3, hex), 0); /* FIPS 180-2, appendix B.1 */
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static const struct unit_test tests[] = {
    {"uri", test_uri},     {"uri_every_byte", test_uri_every_byte},
    {"query", test_query}, {"query_canonical", test_query_canonical},
    {"limit", test_limit}, {"sha256", test_sha256},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
