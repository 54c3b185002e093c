/* What a writer types at onboarding: buckets, prefixes, roles and principals of each partition; where the answer sends him. */
#include "model/onboard.h"

#include "base/cleanup.h"
#include "model/settings.h"
#include "tests/lib/settled_model.h"

static void start(struct settled_model *w, const char *region)
{
    CHECK_INT(setenv("AWS_REGION", region, 1), 0);
    settled_model_start(w);
}

/* "BUCKET PREFIX PARTITION" of what was typed, or the error's name. */
static const char *row_of(struct settled_model *w, const char *bucket, const char *prefix)
{
    static char text[400];
    char partition[32];
    struct model_step s = {.m = w->m};
    struct cache_connection row = {0};
    errint e = model_onboard_row_of(&s, bucket, "daily", prefix, &row);
    if (e == 0) {
        model_row_partition(&row, partition, sizeof partition);
        CHECK(strncmp(row.handle, "c-", 2) == 0 && strlen(row.handle) == 10);
        (void)snprintf(text, sizeof text, "%s %s %s", row.bucket, row.prefix, partition);
    } else {
        (void)snprintf(text, sizeof text, "%s", err_name(e));
    }
    cache_connection_done(&row);
    return text;
}

static void a_bucket_is_a_name_a_uri_or_an_arn_of_our_partition(void)
{
    static const struct {
        const char *region, *bucket, *prefix, *want;
    } rows[] = {
        {"us-east-1", "my-bucket", "cur", "my-bucket cur aws"},
        {"us-east-1", "s3://my-bucket/", "//a//b//", "my-bucket a//b aws"},
        {"us-east-1", "arn:aws:s3:::my.bucket", "/", "my.bucket  aws"},
        {"us-east-1", "0bucket", "Kosten \303\274 \"q\" ${x} 'y'", "0bucket Kosten \303\274 \"q\" ${x} 'y' aws"},
        {"cn-north-1", "arn:aws-cn:s3:::my-bucket", "", "my-bucket  aws-cn"},
        {"us-gov-west-1", "my-bucket", "", "my-bucket  aws-us-gov"},
        {"us-east-1", "arn:aws-cn:s3:::my-bucket", "", "EINVAL"},
        {"cn-north-1", "arn:aws:s3:::my-bucket", "", "EINVAL"},
        {"us-east-1", "arn:aws-\"x${y}:s3:::my-bucket", "", "EINVAL"},
        {"us-east-1", "arn:aws-cn:x:s3:::my-bucket", "", "EINVAL"},
        {"us-east-1", "arn:aws:s3:eu-west-1::my-bucket", "", "EINVAL"},
        {"us-east-1", "arn:aws:s3:::my-bucket/*", "", "EINVAL"},
        {"us-east-1", "arn:aws:s3:::", "", "EINVAL"},
        {"us-east-1", "s3://my-bucket/cur", "", "EINVAL"},
        {"us-east-1", "192.168.10.1", "", "EINVAL"},
        {"us-east-1", "my-bucket", "p\377", "EINVAL"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct settled_model w;
        start(&w, rows[i].region);
        CHECK_STR(row_of(&w, rows[i].bucket, rows[i].prefix), rows[i].want);
        settled_model_stop(&w);
    }
}

static void a_role_is_an_arn_of_our_partition(void)
{
    static const struct {
        const char *arn, *partition;
        errint want;
    } rows[] = {
        {"arn:aws:iam::111122223333:role/r", "aws", 0},
        {"arn:aws:iam::000000000001:role/a/b/Some_role+=,.@-1", "aws", 0},
        {"arn:aws-cn:iam::111122223333:role/r", "aws-cn", 0},
        {"arn:aws-us-gov:iam::011122223333:role/service-role/r", "aws-us-gov", 0},
        {"arn:aws-cn:iam::111122223333:role/r", "aws", -EINVAL},
        {"arn:aws:iam::111122223333:role/r", "aws-us-gov", -EINVAL},
        {"arn:aws:iam::11122223333:role/r", "aws", -EINVAL},
        {"arn:aws:iam::1111222233334:role/r", "aws", -EINVAL},
        {"arn:aws:iam::111122223333:role/a b", "aws", -EINVAL},
        {"arn:aws:iam::111122223333:role/\303\274", "aws", -EINVAL},
        {"arn:aws:iam::111122223333:role/r*", "aws", -EINVAL},
        {"arn:aws:iam::111122223333:role/a/", "aws", -EINVAL},
        {"arn:aws:iam::111122223333:role//a", "aws", -EINVAL},
        {"arn:aws:sts::111122223333:assumed-role/r/s", "aws", -EINVAL},
        {" arn:aws:iam::111122223333:role/r", "aws", -EINVAL},
        {"", "aws", -EINVAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_INT(model_onboard_check_role_arn(rows[i].arn, rows[i].partition), rows[i].want);
}

static void the_identity_must_be_in_the_principal(void)
{
    static const struct {
        const char *principal, *account, *arn;
        bool want;
    } rows[] = {
        {"099900001111", "099900001111", "arn:aws:iam::099900001111:user/x", true},
        {"099900001111", "99900001111", "arn:aws:iam::99900001111:user/x", false},
        {"arn:aws:iam::999900001111:root", "999900001111", "arn:aws:iam::999900001111:user/x", true},
        {"arn:aws:iam::999900001111:user/a/x", "999900001111", "arn:aws:iam::999900001111:user/a/x", true},
        {"arn:aws:iam::999900001111:user/a/x", "999900001111", "arn:aws:iam::999900001111:user/x", false},
        {"arn:aws:iam::999900001111:role/p/r", "999900001111", "arn:aws:sts::999900001111:assumed-role/r/s", true},
        {"arn:aws:iam::999900001111:role/p/r", "999900001111", "arn:aws:sts::999900001111:assumed-role/rr/s", false},
        {"arn:aws:iam::999900001111:role/p/r", "999900001111", "arn:aws:sts::999900001111:assumed-role/x/r", false},
        {"arn:aws:iam::999900001111:role/r", "888800001111", "arn:aws:sts::888800001111:assumed-role/r/s", false},
        {"arn:aws:iam::999900001111:root", "888800001111", "arn:aws:iam::888800001111:root", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_INT(model_onboard_in_principal(rows[i].principal, rows[i].account, rows[i].arn), rows[i].want);
}

#define TEXT(s) ((char *)(uintptr_t)(s))

/* Each partition has a console of its own. */
static void the_quick_create_link_is_of_the_regions_console(void)
{
    static const struct {
        const char *region, *start;
    } rows[] = {
        {"eu-central-1", "https://eu-central-1.console.aws.amazon.com/cloudformation/home?region=eu-central-1#"},
        {"cn-north-1", "https://cn-north-1.console.amazonaws.cn/cloudformation/home?region=cn-north-1#"},
        {"us-gov-west-1",
         "https://us-gov-west-1.console.amazonaws-us-gov.com/cloudformation/home?region=us-gov-west-1#"},
    };
    struct cache_connection row = {.handle = TEXT("c-00000001"),
                                   .bucket = TEXT("my-bucket"),
                                   .report = TEXT("daily"),
                                   .prefix = TEXT(""),
                                   .name = TEXT(""),
                                   .external_id = TEXT("0123456789abcdef"),
                                   .principal = TEXT("999900001111"),
                                   .role_arn = TEXT(""),
                                   .notes = TEXT("{}")};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct settled_model w;
        char want[400];
        struct buf text cleanup_buf = BUF_INIT;
        start(&w, rows[i].region);
        model_onboard_lines(w.m, &row, "https://h/a b?x=%2F&y=1", 1795424400, NULL, &text);
        (void)snprintf(want, sizeof want,
                       "quick_create='%s/stacks/create/review?templateURL=https%%3A%%2F%%2Fh%%2Fa%%20b%%3Fx%%3D%%252F"
                       "%%26y%%3D1&stackName=ctfs-00000001'\n",
                       rows[i].start);
        CHECK(strstr(buf_text(&text), want) != NULL);
        CHECK(strstr(buf_text(&text), "template_url_expires='2026-11-23T09:00:00Z'\n") != NULL);
        settled_model_stop(&w);
    }
}

static const struct unit_test tests[] = {
    {"a_bucket_is_a_name_a_uri_or_an_arn_of_our_partition", a_bucket_is_a_name_a_uri_or_an_arn_of_our_partition},
    {"a_role_is_an_arn_of_our_partition", a_role_is_an_arn_of_our_partition},
    {"the_identity_must_be_in_the_principal", the_identity_must_be_in_the_principal},
    {"the_quick_create_link_is_of_the_regions_console", the_quick_create_link_is_of_the_regions_console},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
