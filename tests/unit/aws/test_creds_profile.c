/* From a profile down to keys: which of its settings counts, chains of roles, loops, and what is refused with a reason. */
#include "tests/lib/unit.h"

#include "base/buf.h"
#include "provider_test.h"

static struct jobs *jobs;
static struct fake_assume assumed;

static const char *fetch(const char *profile)
{
    struct aws_provider *p = NULL;
    memset(&assumed, 0, sizeof assumed);
    CHECK_INT(aws_creds_profile_new(profile, jobs, fake_assume, &assumed, &p), 0);
    return p ? provider_fetch(p, NULL) : "";
}

/* One fetch of profile "p" from these files. */
static const char *fetch_from(const char *config, const char *credentials)
{
    provider_home_init(config, credentials);
    const char *got = fetch("p");
    provider_home_done();
    return got;
}

#define PROCESS "credential_process = printf %s '{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"s\"}'\n"
#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = s\n"
#define ROLE "arn:role role-secret role-token 4102444800"

static void test_order(void)
{
    CHECK_STR(fetch_from("[profile p]\n" KEYS("CONFIG"), NULL), "CONFIG s - 0");
    CHECK_STR(fetch_from("[profile p]\n" KEYS("CONFIG") PROCESS, NULL), "PROC s - 0");
    CHECK_STR(fetch_from("[profile p]\n" KEYS("CONFIG") PROCESS, "[p]\n" KEYS("CREDS") "aws_session_token = t\n"),
              "CREDS s t 0");
    CHECK_STR(fetch_from("[profile p]\nrole_arn = arn:role\nsource_profile = q\n",
                         "[p]\n" KEYS("CREDS") "[q]\n" KEYS("SOURCE")),
              ROLE);
    CHECK_STR(assumed.calls, "SOURCE>arn:role/-/3600/- ");
}

static void test_nothing(void)
{
    provider_home_init("[default]\nregion = x\n[profile p]\nregion = y\n", NULL);
    CHECK_STR(fetch(NULL), "ENOENT: profile 'default' has no credentials");
    CHECK_STR(fetch("p"), "ENOENT: profile 'p' has no credentials");
    provider_home_done();
    provider_home_init(NULL, NULL);
    CHECK_STR(fetch(NULL), "ENOENT: profile 'default' has no credentials");
    CHECK(!strncmp(fetch("p"), "EINVAL: no profile 'p'", 22));
    provider_home_done();
}

static void test_half_a_key(void)
{
    CHECK_STR(fetch_from(NULL, "[p]\naws_access_key_id = A\n"), "EINVAL: profile 'p' has no aws_secret_access_key");
    CHECK_STR(fetch_from(NULL, "[p]\naws_secret_access_key = canary\n"),
              "EINVAL: profile 'p' has no aws_access_key_id");
    CHECK(!strstr(fetch_from(NULL, "[p]\naws_access_key_id = A\naws_secret_access_key = ca nary\n"), "nary"));
}

static void test_role_settings(void)
{
    CHECK_STR(fetch_from("[profile p]\nrole_arn = arn:role\nsource_profile = q\nexternal_id = ext\n"
                         "role_session_name = me\nduration_seconds = 7200\n",
                         "[q]\n" KEYS("SOURCE")),
              ROLE);
    CHECK_STR(assumed.calls, "SOURCE>arn:role/ext/7200/- ");
    CHECK_STR(assumed.session_name, "me");
    CHECK_STR(fetch_from("[profile p]\nrole_arn = r\nsource_profile = q\nduration_seconds = 2h\n", "[q]\n" KEYS("S")),
              "EINVAL: duration_seconds of profile 'p' is not a number from 1 to 43200");
}

static void test_chain_of_roles(void)
{
    CHECK_STR(fetch_from("[profile p]\nrole_arn = arn:role\nsource_profile = q\nduration_seconds = 43200\n"
                         "[profile q]\nrole_arn = arn:middle\nsource_profile = r\nduration_seconds = 7200\n"
                         "[profile r]\n" PROCESS,
                         NULL),
              ROLE);
    CHECK_STR(assumed.calls, "PROC>arn:middle/-/7200/- arn:middle>arn:role/-/3600/- ");
}

static void test_source_with_keys_and_role(void)
{
    CHECK_STR(fetch_from("[profile p]\nrole_arn = arn:role\nsource_profile = q\n"
                         "[profile q]\nrole_arn = arn:unused\nsource_profile = p\n" KEYS("OWN"),
                         NULL),
              ROLE);
    CHECK_STR(assumed.calls, "OWN>arn:role/-/3600/- ");
}

static void test_own_source(void)
{
    CHECK_STR(fetch_from("[profile p]\nrole_arn = arn:role\nsource_profile = p\n" KEYS("OWN"), NULL), ROLE);
    CHECK_STR(assumed.calls, "OWN>arn:role/-/3600/- ");
    CHECK_STR(fetch_from("[profile p]\nrole_arn = arn:role\nsource_profile = p\n", NULL),
              "EINVAL: source_profile 'p' of profile 'p' is a loop");
}

static void test_refused_role(void)
{
    struct aws_provider *p = NULL;
    provider_home_init("[profile p]\nrole_arn = arn:role\nsource_profile = q\n", "[q]\n" KEYS("S"));
    assumed = (struct fake_assume){.failure = -EACCES};
    CHECK_INT(aws_creds_profile_new("p", jobs, fake_assume, &assumed, &p), 0);
    CHECK_STR(provider_fetch(p, NULL), "EACCES: profile 'p': AssumeRole was refused");
    provider_home_done();
}

static void test_loop(void)
{
    const char *got = fetch_from("[profile p]\nrole_arn = a\nsource_profile = q\n[profile q]\nrole_arn = b\n"
                                 "source_profile = p\n",
                                 NULL);
    CHECK(strstr(got, "EINVAL") && strstr(got, "source_profile 'p' of profile 'q' is a loop"));
}

static void test_long_chain(void)
{
    struct buf config = BUF_INIT;
    buf_puts(&config, "[profile p]\nrole_arn = a\nsource_profile = p0\n");
    for (int i = 0; i < 20; i++)
        buf_printf(&config, "[profile p%d]\nrole_arn = a\nsource_profile = p%d\n", i, i + 1);
    buf_puts(&config, "[profile p20]\n" KEYS("A"));
    const char *got = fetch_from(buf_text(&config), NULL);
    CHECK(!strncmp(got, "EINVAL", 6) && strstr(got, "over 8 source profiles"));
    CHECK_STR(assumed.calls, "");
    buf_done(&config);
}

static void test_bad_sources(void)
{
    CHECK(strstr(fetch_from("[profile p]\nrole_arn = a\nsource_profile = gone\n", NULL),
                 "source_profile 'gone' of profile 'p' does not exist"));
    CHECK_STR(fetch_from("[profile p]\nrole_arn = a\nsource_profile = q\n[profile q]\nregion = x\n", NULL),
              "EINVAL: source_profile 'q' of profile 'p' has no credentials");
    CHECK(strstr(fetch_from("[profile p]\nrole_arn = a\n", NULL), "neither source_profile and credential_source"));
    CHECK(strstr(fetch_from("[profile p]\nrole_arn = a\nsource_profile = p\ncredential_source = Environment\n", NULL),
                 "both source_profile and credential_source"));
    CHECK(strstr(fetch_from("[profile p]\nrole_arn = a\ncredential_source = Moon\n", NULL), "'Moon'"));
}

static void test_credential_source(void)
{
    provider_home_init("[profile p]\nrole_arn = arn:role\ncredential_source = Environment\n", NULL);
    CHECK(strstr(fetch("p"), "EINVAL") != NULL);
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    CHECK_STR(fetch("p"), ROLE);
    CHECK_STR(assumed.calls, "ENV>arn:role/-/3600/- ");
    provider_home_done();
}

static void test_kinds_that_are_not_there(void)
{
    CHECK(strstr(fetch_from("[profile p]\nsso_session = x\nsso_account_id = 1\n", NULL), "uses sso_session"));
    CHECK(strstr(fetch_from("[profile p]\nrole_arn = a\nweb_identity_token_file = /t\n", NULL), "EINVAL"));
    CHECK(strstr(fetch_from("[profile p]\nrole_arn = a\nsource_profile = q\nmfa_serial = m\n", "[q]\n" KEYS("S")),
                 "uses mfa_serial"));
    CHECK_STR(assumed.calls, "");
}

static void test_files_are_read_anew(void)
{
    struct aws_provider *p = NULL;
    struct aws_credentials *keys = NULL;
    provider_home_init(NULL, "[p]\n" KEYS("FIRST"));
    CHECK_INT(aws_creds_profile_new("p", jobs, fake_assume, &assumed, &p), 0);
    CHECK_INT(p->ops->fetch(p, NULL, &keys), 0);
    CHECK_STR(keys->access_key_id, "FIRST");
    aws_credentials_put(keys);
    provider_write("credentials", "[p]\n" KEYS("SECOND"));
    CHECK_STR(provider_fetch(p, NULL), "SECOND s - 0");
    provider_home_done();
}

static const struct unit_test tests[] = {
    {"order", test_order},
    {"nothing", test_nothing},
    {"half_a_key", test_half_a_key},
    {"role_settings", test_role_settings},
    {"chain_of_roles", test_chain_of_roles},
    {"source_with_keys_and_role", test_source_with_keys_and_role},
    {"own_source", test_own_source},
    {"refused_role", test_refused_role},
    {"loop", test_loop},
    {"long_chain", test_long_chain},
    {"bad_sources", test_bad_sources},
    {"credential_source", test_credential_source},
    {"kinds_that_are_not_there", test_kinds_that_are_not_there},
    {"files_are_read_anew", test_files_are_read_anew},
};

int main(int argc, char **argv)
{
    if (jobs_new(1, &jobs))
        return 1;
    int status = unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
    jobs_free(jobs);
    return status;
}
