/* The INI dialect: sections, values that go on, blocks, limits, and what is malformed. */
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "aws/config.h"
#include "base/cleanup.h"

static struct aws_config *parse(const char *text)
{
    struct aws_config *c = NULL;
    CHECK_INT(aws_config_parse("the file", text, strlen(text), &c), 0);
    return c;
}

static errint parse_code(const char *text, size_t len)
{
    struct aws_config *c = NULL;
    errint r = aws_config_parse("the file", text, len, &c);
    aws_config_free(c);
    return r;
}

#define MALFORMED(text) CHECK_INT(parse_code(text, strlen(text)), -EINVAL)

static void test_sections(void)
{
    struct aws_config *c = parse("\xef\xbb\xbf# comment\n; another\n\n[default]\r\nregion = eu-west-1\r\n"
                                 "[profile dev]\n  aws_access_key_id=AKIA=X  \nREGION: us-east-1\n"
                                 "[ profile \"two words\" ]\nregion=a b # not a comment\n[sso-session x]\n"
                                 "[bare words]\nregion = us-west-2\n");
    CHECK_STR(aws_config_get(c, NULL, "bare words", "region"), "us-west-2");
    CHECK(!aws_config_has(c, NULL, "bare") && !aws_config_has(c, NULL, "words") &&
          !aws_config_has(c, NULL, "bare wordsx"));
    CHECK_STR(aws_config_get(c, NULL, "default", "region"), "eu-west-1");
    CHECK_STR(aws_config_get(c, "profile", "dev", "aws_access_key_id"), "AKIA=X");
    CHECK_STR(aws_config_get(c, "profile", "dev", "region"), "us-east-1");
    CHECK_STR(aws_config_get(c, "profile", "two words", "Region"), "a b # not a comment");
    CHECK(aws_config_has(c, "sso-session", "x"));
    CHECK(!aws_config_has(c, NULL, "x"));
    CHECK(!aws_config_has(c, NULL, "dev"));
    CHECK(!aws_config_get(c, NULL, "dev", "region"));
    CHECK(!aws_config_get(c, "profile", "default", "region"));
    CHECK(!aws_config_get(c, "profile", "dev", "output"));
    aws_config_free(c);
}

static void test_last_counts(void)
{
    struct aws_config *c = parse("[a]\nk=1\nk=2\nother=x\n[b]\nk=3\n[a]\nk=4\n");
    CHECK_STR(aws_config_get(c, NULL, "a", "k"), "4");
    CHECK_STR(aws_config_get(c, NULL, "a", "other"), "x");
    CHECK_STR(aws_config_get(c, NULL, "b", "k"), "3");
    aws_config_free(c);
}

static void test_blocks(void)
{
    struct aws_config *c = parse("[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:1\n\n  # c\n  a = \n"
                                 "sts = \n\tendpoint_url=http://127.0.0.1:2\nregion = x\n[profile p]\ns3=\n");
    CHECK_STR(aws_config_get_inner(c, "services", "local", "s3", "endpoint_url"), "http://127.0.0.1:1");
    CHECK_STR(aws_config_get_inner(c, "services", "local", "s3", "a"), "");
    CHECK_STR(aws_config_get_inner(c, "services", "local", "STS", "ENDPOINT_URL"), "http://127.0.0.1:2");
    CHECK_STR(aws_config_get(c, "services", "local", "s3"), "");
    CHECK_STR(aws_config_get(c, "services", "local", "region"), "x");
    CHECK(!aws_config_get_inner(c, "services", "local", "region", "endpoint_url"));
    CHECK(!aws_config_get(c, "services", "local", "endpoint_url"));
    CHECK(!aws_config_get_inner(c, "profile", "p", "s3", "endpoint_url"));
    aws_config_free(c);
}

static void test_indented_keys(void)
{
    struct aws_config *c = parse("[default]\n  a = 1\n  b = 2\n    more\n      still\n  c = 3\n");
    CHECK_STR(aws_config_get(c, NULL, "default", "a"), "1");
    CHECK_STR(aws_config_get(c, NULL, "default", "b"), "2\nmore\nstill");
    CHECK_STR(aws_config_get(c, NULL, "default", "c"), "3");
    aws_config_free(c);
}

static void test_no_newline_at_end(void)
{
    struct aws_config *c = parse("[a]\nk = v");
    CHECK_STR(aws_config_get(c, NULL, "a", "k"), "v");
    aws_config_free(c);
    c = parse("");
    CHECK(!aws_config_has(c, NULL, "default"));
    aws_config_free(c);
}

static void test_malformed(void)
{
    MALFORMED("key = before any section\n");
    MALFORMED("[open\nk = v\n");
    MALFORMED("[a]\nno delimiter\n");
    MALFORMED("[a]\n= no key\n");
    MALFORMED("[a]\ns3 =\n  no delimiter\n");
    MALFORMED("[a]\ns3 =\n  b =\n    c = d\n");
    CHECK_INT(parse_code("[a]\nk = v\0w\n", 11), -EINVAL);
    CHECK_INT(parse_code("[a]\n\nk v\n", 9), -EINVAL);
    CHECK_STR(err_message(), "the file line 3: neither a [section] nor key = value");
}

static void test_size_limit(void)
{
    char *text cleanup_free = malloc(AWS_CONFIG_BYTES_MAX + 1);
    memset(text, '#', AWS_CONFIG_BYTES_MAX + 1);
    CHECK_INT(parse_code(text, AWS_CONFIG_BYTES_MAX), 0);
    CHECK_INT(parse_code(text, AWS_CONFIG_BYTES_MAX + 1), -EFBIG);
}

static void test_read(void)
{
    char path[] = "/tmp/ctfs-test-config-XXXXXX";
    struct aws_config *c = NULL;
    int fd cleanup_fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, "[a]\nk=v\n", 8) == 8);
    CHECK_INT(aws_config_read(path, &c), 0);
    CHECK_STR(aws_config_get(c, NULL, "a", "k"), "v");
    aws_config_free(c);
    CHECK_INT(ftruncate(fd, AWS_CONFIG_BYTES_MAX + 1), 0);
    CHECK_INT(aws_config_read(path, &c), -EFBIG);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(aws_config_read(path, &c), -ENOENT);
    CHECK_INT(aws_config_read("/", &c), -EISDIR);
    CHECK_INT(aws_config_read("/dev/null", &c), 0);
    aws_config_free(c);
}

static const struct unit_test tests[] = {
    {"sections", test_sections},
    {"last_counts", test_last_counts},
    {"blocks", test_blocks},
    {"indented_keys", test_indented_keys},
    {"no_newline_at_end", test_no_newline_at_end},
    {"malformed", test_malformed},
    {"size_limit", test_size_limit},
    {"read", test_read},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
