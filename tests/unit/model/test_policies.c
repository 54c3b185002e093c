/* What policies/ holds for a connection, before it has a role and after. */
#include "model/policies.h"

#include "aws/json.h"
#include "base/cleanup.h"
#include "model/settings.h"
#include "model/status.h"
#include "tests/lib/settled_model.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

/* A row of report NAME; NOTES say vendor bucket and partition. */
static struct cache_connection row_of(const char *handle, const char *role_arn, const char *notes)
{
    return (struct cache_connection){.handle = TEXT(handle),
                                     .bucket = TEXT("customers-bucket"),
                                     .report = TEXT(handle),
                                     .prefix = TEXT("cur"),
                                     .name = TEXT(""),
                                     .external_id = TEXT("0123456789abcdef"),
                                     .principal = TEXT("999900001111"),
                                     .role_arn = TEXT(role_arn),
                                     .bucket_owner = TEXT(""),
                                     .definition_prefix = TEXT(""),
                                     .notes = TEXT(notes),
                                     .granted = TEXT("[]"),
                                     .last_error = TEXT(""),
                                     .connected = *role_arn != 0,
                                     .created_unix = 1};
}

#define AWS_NOTES "{\"vendor_bucket\": \"vendors-bucket\", \"partition\": \"aws\"}"
#define ROLE "arn:aws:iam::111122223333:role/path/r"

static cJSON *document(struct settled_model *w, const struct cache_connection *row, const char *name)
{
    struct buf text cleanup_buf = BUF_INIT;
    cJSON *d = NULL;
    CHECK_INT(model_policies_file(w->m, row, name, &text), 0);
    CHECK_INT(aws_json_parse(text.data, text.len, &d), 0);
    return d;
}

static void check_document(struct settled_model *w, const struct cache_connection *row, const char *name,
                           const char *want)
{
    cJSON *got = document(w, row, name), *wanted = cJSON_Parse(want);
    CHECK(wanted != NULL);
    if (!cJSON_Compare(got, wanted, 1)) {
        char *text = cJSON_PrintUnformatted(got);
        CHECK_STR(text, want);
        free(text);
    }
    CHECK(cJSON_Compare(got, wanted, 1));
    cJSON_Delete(got);
    cJSON_Delete(wanted);
}

#define DENY(partition, accounts)                                                                                      \
    "{\"Sid\":\"CtfsTemplates\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":[\"s3:PutObject\","                 \
    "\"s3:PutObjectAcl\",\"s3:DeleteObject\"],\"Resource\":\"arn:" partition ":s3:::vendors-bucket/templates/*\","     \
    "\"Condition\":{\"StringNotEquals\":{\"aws:PrincipalAccount\":[" accounts "]}}}"

static void the_vendors_bucket_is_guarded_before_there_is_a_role(void)
{
    struct settled_model w;
    settled_model_start(&w);
    struct cache_connection row = row_of("c-00000001", "", AWS_NOTES);
    CHECK_INT(cache_state_put(w.m->state, &row), 0);
    check_document(&w, &row, "vendor-bucket-policy.json",
                   "{\"Version\":\"2012-10-17\",\"Statement\":[" DENY("aws", "\"999900001111\"") "]}");
    settled_model_stop(&w);
}

static void each_customer_has_its_own_folder_there(void)
{
    struct settled_model w;
    settled_model_start(&w);
    struct cache_connection rows[] = {
        row_of("c-00000001", ROLE, AWS_NOTES), row_of("c-00000002", "", AWS_NOTES),
        row_of("c-00000003", ROLE, "{\"vendor_bucket\": \"another-bucket\", \"partition\": \"aws\"}"),
        row_of("c-00000004", "", "{}")};
    rows[1].principal = TEXT("arn:aws:iam::888800001111:role/vendor");
    rows[3].direct = true;
    for (size_t i = 0; i < 4; i++)
        CHECK_INT(cache_state_put(w.m->state, &rows[i]), 0);
    check_document(
        &w, &rows[0], "vendor-bucket-policy.json",
        "{\"Version\":\"2012-10-17\",\"Statement\":[" DENY(
            "aws", "\"999900001111\",\"888800001111\"") ",{\"Effect\":\"Allow\","
                                                        "\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:root\"},"
                                                        "\"Action\":[\"s3:PutObject\",\"s3:PutObjectAcl\"],"
                                                        "\"Resource\":\"arn:aws:s3:::vendors-bucket/data/c-00000001/"
                                                        "*\"},{"
                                                        "\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::"
                                                        "111122223333:root\"},\"Action\":[\"s3:ListBucket\"],"
                                                        "\"Resource\":\"arn:aws:s3:::vendors-bucket\",\"Condition\":{"
                                                        "\"StringLike\":{\"s3:prefix\":"
                                                        "\"data/c-00000001/*\"}}}]}");
    settled_model_stop(&w);
}

static void put_customers(struct settled_model *w, int from, int to)
{
    for (int i = from; i < to; i++) {
        char handle[16], role[64];
        (void)snprintf(handle, sizeof handle, "c-%08x", (unsigned)i);
        (void)snprintf(role, sizeof role, "arn:aws:iam::%012d:role/r", i);
        struct cache_connection row = row_of(handle, role, AWS_NOTES);
        CHECK_INT(cache_state_put(w->m->state, &row), 0);
    }
}

static void add_line(void *arg, const char *bucket, const char *text)
{
    buf_printf(arg, "%s|%s\n", bucket, text);
}

/* S3 takes 20 KB a bucket: 50 customers fit, and that there are too many is said. */
static void what_s3_does_not_take_is_said(void)
{
    struct settled_model w;
    struct buf said cleanup_buf = BUF_INIT, policy cleanup_buf = BUF_INIT, status cleanup_buf = BUF_INIT;
    struct buf answer cleanup_buf = BUF_INIT;
    enum model_health before, after;
    settled_model_start(&w);
    put_customers(&w, 0, 50);
    struct cache_connection row = row_of("c-00000000", ROLE, AWS_NOTES), other = row_of("c-x", ROLE, "{}");
    CHECK_INT(model_policies_file(w.m, &row, "vendor-bucket-policy.json", &policy), 0);
    CHECK(policy.len <= 20480);
    CHECK_INT(model_policies_too_large(w.m, add_line, &said), 0);
    model_policies_answer(w.m, &row, &answer);
    CHECK_INT(model_status_text(w.m, &status, &before), 0);
    CHECK(said.len == 0 && answer.len == 0 && !strstr(buf_text(&status), "vendor-bucket-policy"));
    put_customers(&w, 50, 70);
    CHECK_INT(model_policies_too_large(w.m, add_line, &said), 0);
    CHECK(strncmp(buf_text(&said), "vendors-bucket|", 15) == 0 && strstr(buf_text(&said), " for 70 customers") != NULL);
    CHECK(strchr(buf_text(&said), '\n') == said.data + said.len - 1); /* once a bucket */
    model_policies_answer(w.m, &other, &answer);
    CHECK_INT(answer.len, 0);
    model_policies_answer(w.m, &row, &answer);
    CHECK(strstr(buf_text(&answer), "vendor_bucket_policy_error='") != NULL);
    buf_reset(&status);
    CHECK_INT(model_status_text(w.m, &status, &after), 0);
    CHECK(strstr(buf_text(&status), "\npolicy: policies/vendor-bucket-policy.json of s3://vendors-bucket has") != NULL);
    CHECK_INT(after, before);
    settled_model_stop(&w);
}

static void the_vendor_needs_its_own_bucket_and_roles_alone(void)
{
    struct settled_model w;
    settled_model_start(&w);
    struct cache_connection row = row_of("c-1", "", "{\"partition\": \"aws-us-gov\"}");
    check_document(
        &w, &row, "vendor-identity-policy.json",
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"CtfsAssume\",\"Effect\":\"Allow\",\"Action\":["
        "\"sts:AssumeRole\"],\"Resource\":\"arn:aws-us-gov:iam::*:role/*\"}]}");
    row.notes = TEXT(AWS_NOTES);
    cJSON *d = document(&w, &row, "vendor-identity-policy.json");
    char *text = cJSON_PrintUnformatted(d);
    CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(d, "Statement")), 4);
    CHECK(!strstr(text, "vendors-bucket/*") && !strstr(text, "s3:*") && !strstr(text, "\"*\"") &&
          !strstr(text, "customers-bucket"));
    CHECK(strstr(text, "\"arn:aws:s3:::vendors-bucket/data/*/.ctfs-probe\"") != NULL);
    free(text);
    cJSON_Delete(d);
    settled_model_stop(&w);
}

static void the_report_is_the_guides_and_its_bucket_is_bound_to_the_customer(void)
{
    struct settled_model w;
    settled_model_start(&w);
    struct cache_connection row = row_of("c-1", "", AWS_NOTES);
    row.definition_prefix = TEXT("real");
    row.notes = TEXT("{\"bucket_region\": \"eu-west-1\", \"partition\": \"aws\"}");
    check_document(
        &w, &row, "report-definition.json",
        "{\"ReportName\":\"c-1\",\"TimeUnit\":\"DAILY\",\"Format\":\"textORcsv\",\"Compression\":\"GZIP\","
        "\"AdditionalSchemaElements\":[\"RESOURCES\"],\"S3Bucket\":\"customers-bucket\",\"S3Prefix\":\"real\","
        "\"S3Region\":\"eu-west-1\",\"AdditionalArtifacts\":[],\"RefreshClosedReports\":true,"
        "\"ReportVersioning\":\"OVERWRITE_REPORT\"}");
    row.definition_prefix = TEXT("/"); /* the definition's own is empty */
    cJSON *bare = document(&w, &row, "report-definition.json");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(bare, "S3Prefix")), "");
    cJSON_Delete(bare);
    cJSON *open = document(&w, &row, "report-bucket-policy.json");
    CHECK(!cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(open, "Statement"), 0), "Condition"));
    cJSON_Delete(open);
    row.role_arn = TEXT(ROLE);
    cJSON *bound = document(&w, &row, "report-bucket-policy.json");
    for (int i = 0; i < 2; i++) {
        const cJSON *s = cJSON_GetArrayItem(cJSON_GetObjectItem(bound, "Statement"), i);
        const cJSON *equals = cJSON_GetObjectItem(cJSON_GetObjectItem(s, "Condition"), "StringEquals");
        CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(equals, "aws:SourceAccount")), "111122223333");
    }
    cJSON_Delete(bound);
    settled_model_stop(&w);
}

static int add_name(void *arg, const char *name)
{
    buf_printf(arg, "%s ", name);
    return 0;
}

static void check_names(struct settled_model *w, const struct cache_connection *row, const char *want)
{
    struct buf names cleanup_buf = BUF_INIT, text cleanup_buf = BUF_INIT;
    CHECK_INT(model_policies_each(w->m, row, add_name, &names), 0);
    CHECK_STR(buf_text(&names), want);
    CHECK_INT(model_policies_file(w->m, row, "other.json", &text), -ENOENT);
}

#define ALWAYS "report-bucket-policy.json report-definition.json "
#define GUIDES "CloudTrakr-Custom-ResourceMonitoring-Policy.json CloudTrakr-Custom-S3-Policy.json "

static void the_files_are_those_that_mean_something(void)
{
    struct settled_model w;
    settled_model_start(&w);
    struct cache_connection row = row_of("c-1", "", AWS_NOTES);
    check_names(&w, &row,
                GUIDES ALWAYS "template.json trust-policy.json vendor-bucket-policy.json vendor-identity-policy.json ");
    row = row_of("c-1", ROLE, "{}");
    check_names(&w, &row, GUIDES "granted.tsv " ALWAYS "template.json trust-policy.json vendor-identity-policy.json ");
    row.direct = true;
    check_names(&w, &row, "granted.tsv " ALWAYS);
    row = row_of("c-1", "", AWS_NOTES);
    row.principal = TEXT(""); /* disconnected */
    check_names(&w, &row, ALWAYS);
    settled_model_stop(&w);
}

static void what_was_tried_is_a_table(void)
{
    struct settled_model w;
    struct buf text cleanup_buf = BUF_INIT;
    settled_model_start(&w);
    struct cache_connection row = row_of("c-1", ROLE, "{}");
    row.granted =
        TEXT("[{\"action\": \"ec2:DescribeInstances\", \"granted\": \"no\", \"answer\": \"UnauthorizedOperation\", "
             "\"time\": \"2026-11-23T00:00:00Z\", \"request_id\": \"r-1\"}, {\"action\": \"x\"}, "
             "{\"action\": \"y\", \"granted\": \"unknown\", \"answer\": \"a\\tb\\nc\"}]");
    CHECK_INT(model_policies_file(w.m, &row, "granted.tsv", &text), 0);
    CHECK_STR(buf_text(&text), "action\tgranted\tanswer\ttime\trequest_id\n"
                               "ec2:DescribeInstances\tno\tUnauthorizedOperation\t2026-11-23T00:00:00Z\tr-1\n"
                               "x\t\t\t\t\n"
                               "y\tunknown\ta b c\t\t\n");
    settled_model_stop(&w);
}

static const struct unit_test tests[] = {
    {"the_vendors_bucket_is_guarded_before_there_is_a_role", the_vendors_bucket_is_guarded_before_there_is_a_role},
    {"each_customer_has_its_own_folder_there", each_customer_has_its_own_folder_there},
    {"what_s3_does_not_take_is_said", what_s3_does_not_take_is_said},
    {"the_vendor_needs_its_own_bucket_and_roles_alone", the_vendor_needs_its_own_bucket_and_roles_alone},
    {"the_report_is_the_guides_and_its_bucket_is_bound_to_the_customer",
     the_report_is_the_guides_and_its_bucket_is_bound_to_the_customer},
    {"the_files_are_those_that_mean_something", the_files_are_those_that_mean_something},
    {"what_was_tried_is_a_table", what_was_tried_is_a_table},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
