/* Which file, which profile, and what the files say of regions and endpoints. */
#include "tests/lib/unit.h"

#include "aws/profiles.h"
#include "provider_test.h"

static struct aws_profiles *load(const char *profile)
{
    struct aws_profiles *p = NULL;
    CHECK_INT(aws_profiles_load(profile, &p), 0);
    return p;
}

static void test_both_files(void)
{
    provider_home_init("[default]\nregion = eu-west-1\naws_access_key_id = config\n[profile dev]\nregion = us-west-2\n",
                       "[default]\naws_access_key_id = credentials\n[other]\nregion = eu-north-1\n");
    struct aws_profiles *p = load(NULL);
    CHECK_STR(aws_profiles_name(p), "default");
    CHECK_STR(aws_profiles_region(p), "eu-west-1");
    CHECK_STR(aws_profiles_get(p, NULL, "aws_access_key_id"), "credentials");
    CHECK_STR(aws_profiles_get_config(p, NULL, "aws_access_key_id"), "config");
    CHECK_STR(aws_profiles_get(p, "dev", "region"), "us-west-2");
    CHECK_STR(aws_profiles_get(p, "other", "region"), "eu-north-1");
    CHECK(!aws_profiles_get_credentials(p, "dev", "region"));
    CHECK(aws_profiles_has(p, "dev") && aws_profiles_has(p, "other") && !aws_profiles_has(p, "nobody"));
    aws_profiles_free(p);
    provider_home_done();
}

static void test_choice(void)
{
    struct aws_profiles *p = NULL;
    provider_home_init("[profile a]\n[profile b]\n[profile c]\n", NULL);
    setenv("AWS_DEFAULT_PROFILE", "b", 1);
    p = load(NULL);
    CHECK_STR(aws_profiles_name(p), "b");
    aws_profiles_free(p);
    setenv("AWS_PROFILE", "a", 1);
    p = load(NULL);
    CHECK_STR(aws_profiles_name(p), "a");
    aws_profiles_free(p);
    p = load("c");
    CHECK_STR(aws_profiles_name(p), "c");
    aws_profiles_free(p);
    CHECK_INT(aws_profiles_load("nobody", &p), -EINVAL);
    CHECK(strstr(err_message(), "no profile 'nobody'") != NULL);
    provider_home_done();
}

static void test_no_files(void)
{
    provider_home_init(NULL, NULL);
    struct aws_profiles *p = load(NULL);
    CHECK_STR(aws_profiles_name(p), "default");
    CHECK(!aws_profiles_region(p) && !aws_profiles_endpoint_url(p, "s3"));
    aws_profiles_free(p);
    provider_home_done();
}

static void test_named_files(void)
{
    char path[128];
    struct aws_profiles *p = NULL;
    provider_home_init("[default]\nregion = not-this\n", NULL);
    provider_write("other", "[default]\nregion = eu-west-3\n");
    snprintf(path, sizeof path, "%s/.aws/other", provider_home);
    setenv("AWS_CONFIG_FILE", path, 1);
    p = load(NULL);
    CHECK_STR(aws_profiles_region(p), "eu-west-3");
    aws_profiles_free(p);
    setenv("AWS_CONFIG_FILE", "~/.aws/other", 1);
    p = load(NULL);
    CHECK_STR(aws_profiles_region(p), "eu-west-3");
    aws_profiles_free(p);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/", 1);
    CHECK_INT(aws_profiles_load(NULL, &p), -EISDIR);
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    provider_write("other", "[default\n");
    CHECK_INT(aws_profiles_load(NULL, &p), -EINVAL);
    provider_home_done();
}

static void test_profile_default_hides_default(void)
{
    provider_home_init("[profile default]\nregion = eu-west-1\n[default]\nregion = us-east-1\noutput = json\n", NULL);
    struct aws_profiles *p = load(NULL);
    CHECK_STR(aws_profiles_region(p), "eu-west-1");
    CHECK(!aws_profiles_get(p, NULL, "output"));
    aws_profiles_free(p);
    provider_home_done();
}

static void test_endpoints(void)
{
    provider_home_init("[profile dev]\nservices = local\nendpoint_url = http://127.0.0.1:1\n[services local]\ns3 =\n"
                       "  endpoint_url = http://127.0.0.1:2\nec2 =\n  other = x\n[profile plain]\nservices = gone\n",
                       NULL);
    struct aws_profiles *p = load("dev");
    CHECK_STR(aws_profiles_endpoint_url(p, "s3"), "http://127.0.0.1:2");
    CHECK_STR(aws_profiles_endpoint_url(p, "ec2"), "http://127.0.0.1:1");
    CHECK_STR(aws_profiles_endpoint_url(p, "sts"), "http://127.0.0.1:1");
    aws_profiles_free(p);
    p = load("plain");
    CHECK(!aws_profiles_endpoint_url(p, "s3"));
    aws_profiles_free(p);
    provider_home_done();
}

static const struct unit_test tests[] = {
    {"both_files", test_both_files},
    {"choice", test_choice},
    {"no_files", test_no_files},
    {"named_files", test_named_files},
    {"profile_default_hides_default", test_profile_default_hides_default},
    {"endpoints", test_endpoints},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
