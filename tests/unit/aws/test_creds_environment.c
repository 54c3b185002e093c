/* Keys from variables. */
#include "tests/lib/unit.h"

#include "provider_test.h"

static const char *fetch(void)
{
    struct aws_provider *p = NULL;
    CHECK_INT(aws_creds_environment_new(&p), 0);
    return provider_fetch(p, NULL);
}

static void test_keys(void)
{
    provider_home_init(NULL, NULL);
    setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    CHECK_STR(fetch(), "AKIA secret - 0");
    setenv("AWS_SECURITY_TOKEN", "old", 1);
    CHECK_STR(fetch(), "AKIA secret old 0");
    setenv("AWS_SESSION_TOKEN", "token", 1);
    setenv("AWS_CREDENTIAL_EXPIRATION", "2026-11-23T09:00:00Z", 1);
    CHECK_STR(fetch(), "AKIA secret token 1795424400");
    provider_home_done();
}

static void test_absent_and_half(void)
{
    provider_home_init(NULL, NULL);
    CHECK_STR(fetch(), "ENOENT: AWS_ACCESS_KEY_ID is not set");
    setenv("AWS_ACCESS_KEY_ID", "", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "", 1);
    CHECK_STR(fetch(), "ENOENT: AWS_ACCESS_KEY_ID is not set");
    setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
    CHECK_STR(fetch(), "EINVAL: AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
    setenv("AWS_SECRET_ACCESS_KEY", "canary secret", 1);
    CHECK(!strstr(fetch(), "canary"));
    provider_home_done();
}

static void test_bad_expiration(void)
{
    provider_home_init(NULL, NULL);
    setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_CREDENTIAL_EXPIRATION", "soon", 1);
    CHECK(!strncmp(fetch(), "EINVAL: AWS_CREDENTIAL_EXPIRATION", 33));
    provider_home_done();
}

static const struct unit_test tests[] = {
    {"keys", test_keys},
    {"absent_and_half", test_absent_and_half},
    {"bad_expiration", test_bad_expiration},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
