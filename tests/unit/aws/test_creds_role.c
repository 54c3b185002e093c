/* One AssumeRole a fetch: what is asked, with whose credentials, under which name. */
#include "tests/lib/unit.h"

#include "provider_test.h"

static struct jobs *jobs;

static struct aws_creds *source_of(const char *id)
{
    struct aws_credentials *keys = NULL;
    struct aws_provider *p = NULL;
    struct aws_creds *creds = NULL;
    CHECK_INT(aws_credentials_new(id, "secret", NULL, 0, &keys), 0);
    CHECK_INT(aws_creds_fixed_new(keys, &p), 0);
    CHECK_INT(aws_creds_new(p, jobs, &creds), 0);
    aws_credentials_put(keys);
    return creds;
}

static const char *fetch(struct fake_assume *f, const struct aws_assume_role *in)
{
    struct aws_creds *source = source_of("AKIA");
    struct aws_provider *p = NULL;
    CHECK_INT(aws_creds_role_new(source, in, fake_assume, f, &p), 0);
    aws_creds_put(source);
    return p ? provider_fetch(p, NULL) : "";
}

static void test_all_is_passed_on(void)
{
    struct fake_assume f = {0};
    struct aws_assume_role in = {"arn:role", "external", "named-session", "{policy}", 900};
    CHECK_STR(fetch(&f, &in), "arn:role role-secret role-token 4102444800");
    CHECK_STR(f.calls, "AKIA>arn:role/external/900/{policy} ");
    CHECK_STR(f.session_name, "named-session");
}

static bool is_session_name(const char *name)
{
    return !strncmp(name, "ctfs-", 5) && strlen(name) == 21 && strspn(name + 5, "0123456789abcdef") == 16;
}

static void test_defaults(void)
{
    struct fake_assume f = {0};
    char first[80];
    struct aws_assume_role in = {.role_arn = "arn:role"};
    CHECK_STR(fetch(&f, &in), "arn:role role-secret role-token 4102444800");
    CHECK_STR(f.calls, "AKIA>arn:role/-/3600/- ");
    CHECK(is_session_name(f.session_name));
    strcpy(first, f.session_name);
    (void)fetch(&f, &in);
    CHECK(is_session_name(f.session_name));
    CHECK(strcmp(first, f.session_name) != 0);
}

static void test_refused(void)
{
    struct fake_assume f = {.failure = -EACCES};
    struct aws_assume_role in = {.role_arn = "arn:role"};
    CHECK_STR(fetch(&f, &in), "EACCES: AssumeRole was refused");
}

static void test_duration_limits(void)
{
    struct aws_creds *source = source_of("AKIA");
    struct aws_provider *p = NULL;
    struct aws_assume_role in = {.role_arn = "arn:role", .duration_seconds = 43201};
    CHECK_INT(aws_creds_role_new(source, &in, fake_assume, NULL, &p), -EINVAL);
    in.duration_seconds = -1;
    CHECK_INT(aws_creds_role_new(source, &in, fake_assume, NULL, &p), -EINVAL);
    in.duration_seconds = 2;
    CHECK_INT(aws_creds_role_new(source, &in, fake_assume, NULL, &p), 0);
    p->ops->free(p);
    aws_creds_put(source);
}

static const struct unit_test tests[] = {
    {"all_is_passed_on", test_all_is_passed_on},
    {"defaults", test_defaults},
    {"refused", test_refused},
    {"duration_limits", test_duration_limits},
};

int main(int argc, char **argv)
{
    if (jobs_new(1, &jobs))
        return 1;
    int status = unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
    jobs_free(jobs);
    return status;
}
