/* Hosts by partition, service and bucket; overrides; what may be asked in plain HTTP. */
#include "aws/endpoint.h"

#include "base/cleanup.h"
#include "tests/lib/unit.h"

DEFINE_CLEANUP(endpoints_freep, struct aws_endpoints *, aws_endpoints_free)
#define cleanup_endpoints cleanup(endpoints_freep)

static void clear_environment(void)
{
    static const char *const names[] = {"AWS_ENDPOINT_URL",     "AWS_ENDPOINT_URL_S3",
                                        "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_COST_AND_USAGE_REPORT_SERVICE",
                                        "AWS_PROFILE",          "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
}

static struct aws_endpoints *load(void)
{
    struct aws_endpoints *e = NULL;
    CHECK_INT(aws_endpoints_new(&e), 0);
    return e;
}

static void check(struct aws_endpoints *e, enum aws_service service, const char *region, const char *bucket,
                  const char *origin, const char *path, const char *signed_for)
{
    struct aws_endpoint got = {0};
    CHECK_INT(aws_endpoint_of(e, service, region, bucket, &got), 0);
    CHECK_STR(got.origin, origin);
    CHECK_STR(got.path, path);
    CHECK_STR(got.region, signed_for);
}

static void test_hosts(void)
{
    static const struct {
        enum aws_service service;
        const char *region, *origin, *signed_for;
    } rows[] = {
        {AWS_STS, "eu-west-1", "https://sts.eu-west-1.amazonaws.com", "eu-west-1"},
        {AWS_STS, "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn", "cn-north-1"},
        {AWS_STS, "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
        {AWS_STS, "eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
        {AWS_ORGANIZATIONS, "eu-west-1", "https://organizations.us-east-1.amazonaws.com", "us-east-1"},
        {AWS_ORGANIZATIONS, "cn-north-1", "https://organizations.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"},
        {AWS_ORGANIZATIONS, "us-gov-east-1", "https://organizations.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
        {AWS_CUR, "ap-south-1", "https://cur.us-east-1.amazonaws.com", "us-east-1"},
        {AWS_CUR, "cn-north-1", "https://cur.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"},
        {AWS_EC2, "sa-east-1", "https://ec2.sa-east-1.amazonaws.com", "sa-east-1"},
        {AWS_ECS, "us-east-1", "https://ecs.us-east-1.amazonaws.com", "us-east-1"},
        {AWS_EKS, "us-east-1", "https://eks.us-east-1.amazonaws.com", "us-east-1"},
        {AWS_CLOUDWATCH, "us-west-2", "https://monitoring.us-west-2.amazonaws.com", "us-west-2"},
        {AWS_S3, "us-east-1", "https://s3.us-east-1.amazonaws.com", "us-east-1"},
    };
    clear_environment();
    struct aws_endpoints *e cleanup_endpoints = load();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(e, rows[i].service, rows[i].region, NULL, rows[i].origin, "", rows[i].signed_for);
    struct aws_endpoint got;
    CHECK_INT(aws_endpoint_of(e, AWS_CUR, "us-gov-west-1", NULL, &got), -EOPNOTSUPP);
    CHECK_STR(aws_service_info(AWS_CLOUDWATCH)->signing_name, "monitoring");
}

static void test_buckets(void)
{
    clear_environment();
    struct aws_endpoints *e cleanup_endpoints = load();
    check(e, AWS_S3, "eu-west-1", "my-bucket", "https://my-bucket.s3.eu-west-1.amazonaws.com", "", "eu-west-1");
    check(e, AWS_S3, "cn-north-1", "my-bucket", "https://my-bucket.s3.cn-north-1.amazonaws.com.cn", "", "cn-north-1");
    check(e, AWS_S3, "eu-west-1", "my.bucket", "https://s3.eu-west-1.amazonaws.com", "/my.bucket", "eu-west-1");
    check(e, AWS_S3, "eu-west-1", "MyBucket", "https://s3.eu-west-1.amazonaws.com", "/MyBucket", "eu-west-1");
    check(e, AWS_S3, "eu-west-1", "my_bucket", "https://s3.eu-west-1.amazonaws.com", "/my_bucket", "eu-west-1");
}

/* Names from outside never become parts of a host or path that they should not. */
static void test_bad_names(void)
{
    static const char *const regions[] = {
        "",          "us-east-1/", "evil.com#",          "US-EAST-1",
        "us_east_1", "a@b",        "us-east-1.evil.com", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const char *const buckets[] = {"", "a/b", "..", ".", "a?b", "a#b", "a b", "a%2fb", "a@b"};
    clear_environment();
    struct aws_endpoints *e cleanup_endpoints = load();
    struct aws_endpoint got;
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++)
        CHECK_INT(aws_endpoint_of(e, AWS_S3, regions[i], NULL, &got), -EINVAL);
    for (size_t i = 0; i < sizeof buckets / sizeof buckets[0]; i++)
        CHECK_INT(aws_endpoint_of(e, AWS_S3, "us-east-1", buckets[i], &got), -EINVAL);
}

static void test_overrides(void)
{
    clear_environment();
    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5602/", 1);
    setenv("AWS_ENDPOINT_URL_S3", "https://Storage.Example:443/base//", 1);
    struct aws_endpoints *e cleanup_endpoints = load();
    check(e, AWS_STS, "eu-west-1", NULL, "http://127.0.0.1:5602", "", "eu-west-1");
    check(e, AWS_CUR, "eu-west-1", NULL, "http://127.0.0.1:5602", "", "us-east-1");
    check(e, AWS_CUR, "us-gov-west-1", NULL, "http://127.0.0.1:5602", "", "us-gov-west-1");
    check(e, AWS_S3, "eu-west-1", "my-bucket", "https://Storage.Example:443", "/base/my-bucket", "eu-west-1");
    struct aws_endpoint got;
    CHECK_INT(aws_endpoint_of(e, AWS_S3, "eu-west-1", NULL, &got), 0);
    CHECK_STR(got.host, "storage.example");
    CHECK_STR(aws_endpoints_override(e, AWS_STS), "http://127.0.0.1:5602/");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    struct aws_endpoints *ignored cleanup_endpoints = load();
    check(ignored, AWS_STS, "eu-west-1", NULL, "https://sts.eu-west-1.amazonaws.com", "", "eu-west-1");
    CHECK(aws_endpoints_override(ignored, AWS_STS) == NULL);
}

static void test_bad_overrides(void)
{
    static const char *const bad[] = {"127.0.0.1:5602",
                                      "ftp://127.0.0.1/",
                                      "http://example.com/",
                                      "http://10.0.0.1",
                                      "https://user:pw@example.com/",
                                      "https://example.com/?x=1",
                                      "https:///x",
                                      "https://example.com/#f",
                                      "http://127.0.0.1.evil.com/",
                                      "http://localhost.evil/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        clear_environment();
        setenv("AWS_ENDPOINT_URL", bad[i], 1);
        struct aws_endpoints *e cleanup_endpoints = NULL;
        CHECK_INT(aws_endpoints_new(&e), -EINVAL);
        CHECK(strstr(err_message(), "AWS_ENDPOINT_URL") != NULL);
    }
    clear_environment();
}

static void test_profile(void)
{
    char path[] = "/tmp/ctfs-test-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "[default]\nendpoint_url = http://127.0.0.1:1\nservices = local\n"
                               "[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:2\n";
    CHECK_INT(write(fd, text, sizeof text - 1), (long long)sizeof text - 1);
    close(fd);
    clear_environment();
    setenv("AWS_CONFIG_FILE", path, 1);
    struct aws_endpoints *e cleanup_endpoints = load();
    check(e, AWS_STS, "us-east-1", NULL, "http://127.0.0.1:1", "", "us-east-1");
    check(e, AWS_S3, "us-east-1", NULL, "http://127.0.0.1:2", "", "us-east-1");
    setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:3", 1);
    struct aws_endpoints *second cleanup_endpoints = load();
    check(second, AWS_S3, "us-east-1", NULL, "http://127.0.0.1:3", "", "us-east-1");
    unlink(path);
    clear_environment();
}

static void test_local(void)
{
    CHECK(aws_endpoint_is_local("127.0.0.1:80"));
    CHECK(aws_endpoint_is_local("127.9.9.9/x"[0] ? "127.9.9.9" : ""));
    CHECK(aws_endpoint_is_local("169.254.169.254"));
    CHECK(aws_endpoint_is_local("localhost:4566"));
    CHECK(aws_endpoint_is_local("[::1]:80"));
    CHECK(aws_endpoint_is_local("[fe80::1]"));
    CHECK(aws_endpoint_is_local("[fd00:ec2::254]"));
    CHECK(!aws_endpoint_is_local("[2001:db8::1]"));
    CHECK(!aws_endpoint_is_local("[fd00:1::1]"));
    CHECK(!aws_endpoint_is_local("10.0.0.1"));
    CHECK(!aws_endpoint_is_local("128.0.0.1"));
    CHECK(!aws_endpoint_is_local("127.0.0.1.nip.io"));
    CHECK(!aws_endpoint_is_local("localhost.example.com"));
    CHECK(!aws_endpoint_is_local(""));
}

static const struct unit_test tests[] = {
    {"hosts", test_hosts},
    {"buckets", test_buckets},
    {"bad_names", test_bad_names},
    {"overrides", test_overrides},
    {"bad_overrides", test_bad_overrides},
    {"profile", test_profile},
    {"local", test_local},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
