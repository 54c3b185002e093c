/* The default chain: who comes first, and that a mistake is not covered by the next. */
#include "tests/lib/unit.h"

#include "provider_test.h"

static const char *fetch(const char *profile)
{
    struct aws_provider *p = NULL;
    CHECK_INT(aws_creds_chain_new(profile, NULL, fake_assume, NULL, &p), 0);
    return p ? provider_fetch(p, NULL) : "";
}

#define FILES                                                                                                          \
    "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n[p]\naws_access_key_id = "                        \
    "P\naws_secret_access_key = s\n"

static void test_order(void)
{
    provider_home_init(NULL, FILES);
    CHECK_STR(fetch(NULL), "FILE s - 0");
    setenv("AWS_PROFILE", "p", 1);
    CHECK_STR(fetch(NULL), "P s - 0");
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    CHECK_STR(fetch(NULL), "ENV s - 0"); /* before AWS_PROFILE, not before a profile that is asked for */
    CHECK_STR(fetch("default"), "FILE s - 0");
    provider_home_done();
}

static void test_a_mistake_ends_the_search(void)
{
    provider_home_init(NULL, FILES);
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    CHECK(!strncmp(fetch(NULL), "EINVAL: AWS_ACCESS_KEY_ID", 25));
    provider_home_done();
}

static void test_who_served(void)
{
    struct aws_provider *p = NULL;
    struct aws_credentials *c = NULL;
    provider_home_init(NULL, FILES);
    CHECK_INT(aws_creds_chain_new(NULL, NULL, fake_assume, NULL, &p), 0);
    CHECK(!p->ops->served(p));
    CHECK_INT(p->ops->fetch(p, NULL, &c), 0);
    CHECK_STR(p->ops->served(p), "profile");
    aws_credentials_put(c);
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    CHECK_INT(p->ops->fetch(p, NULL, &c), 0);
    CHECK_STR(p->ops->served(p), "environment");
    aws_credentials_put(c);
    p->ops->free(p);
    provider_home_done();
}

static void test_none(void)
{
    provider_home_init(NULL, "[p]\nregion = x\n");
    CHECK_STR(fetch(NULL), "EACCES: no AWS credentials: neither AWS_ACCESS_KEY_ID nor a profile in ~/.aws has any");
    CHECK_STR(fetch("p"), "EACCES: no AWS credentials in profile 'p'");
    provider_home_done();
}

static const struct unit_test tests[] = {
    {"order", test_order},
    {"a_mistake_ends_the_search", test_a_mistake_ends_the_search},
    {"who_served", test_who_served},
    {"none", test_none},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
