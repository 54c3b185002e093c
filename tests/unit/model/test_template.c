/* The template's documents against the connection guide's own, and values that try to break out of it. */
#include "model/template.h"

#include "aws/json.h"
#include "base/cleanup.h"
#include "tests/lib/unit.h"

static cJSON *read_vector(const char *name)
{
    char path[512], text[16384];
    (void)snprintf(path, sizeof path, "%s/%s", getenv("CTFS_GUIDE") ? getenv("CTFS_GUIDE") : "tests/vectors/guide",
                   name);
    FILE *f = fopen(path, "re");
    CHECK(f != NULL);
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    if (f)
        (void)fclose(f);
    return cJSON_Parse(text);
}

static const struct model_template guide = {.partition = "aws",
                                            .customer_bucket = "synapsesai-cost-usage",
                                            .vendor_bucket = "startrips-usage-bucket",
                                            .external_id = "0123456789abcdef",
                                            .principal = "999900001111"};

static void check_same(cJSON *got, const char *vector)
{
    cJSON *want = read_vector(vector);
    CHECK(want && cJSON_Compare(got, want, 1));
    cJSON_Delete(want);
    cJSON_Delete(got);
}

static void the_documents_are_the_guides(void)
{
    check_same(model_template_resource_policy(), "resource-monitoring-policy.json");
    check_same(model_template_s3_policy(&guide), "s3-policy.json");
}

static void without_a_vendor_bucket_its_statement_is_left_out(void)
{
    struct model_template t = guide;
    t.vendor_bucket = NULL;
    cJSON *policy = model_template_s3_policy(&t);
    CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(policy, "Statement")), 1);
    cJSON_Delete(policy);
}

static void the_template_asks_for_no_name_and_hides_nothing(void)
{
    struct buf text cleanup_buf = BUF_INIT;
    CHECK_INT(model_template_text(&guide, &text), 0);
    cJSON *t = cJSON_Parse(buf_text(&text));
    cJSON *role = cJSON_GetObjectItem(cJSON_GetObjectItem(t, "Resources"), "CrossAccountRole");
    CHECK(role != NULL);
    CHECK(!cJSON_GetObjectItem(cJSON_GetObjectItem(role, "Properties"), "RoleName"));
    CHECK(!strstr(buf_text(&text), "NoEcho"));
    CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(t, "Resources")), 1);
    CHECK(cJSON_GetObjectItem(cJSON_GetObjectItem(t, "Outputs"), "CrossAccountRoleArn") != NULL);
    CHECK(text.len < 51200);
    cJSON_Delete(t);
}

static void bad_values_are_refused(void)
{
    static const char *const bad[] = {"",     "a",    "A-bucket", "x\"y",    "${AWS::AccountId}", "b!Sub",
                                      "b\nc", "b..c", ".bucket",  "bucket-", "buck et",           "b/*"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf text cleanup_buf = BUF_INIT;
        struct model_template t = guide;
        t.customer_bucket = bad[i];
        CHECK_INT(model_template_text(&t, &text), -EINVAL);
        t = guide;
        t.principal = bad[i];
        CHECK_INT(model_template_text(&t, &text), -EINVAL);
    }
    CHECK_INT(model_template_check_principal("arn:aws:iam::999900001111:root"), 0);
    CHECK_INT(model_template_check_principal("arn:aws:iam::999900001111:user/a/b"), 0);
    CHECK_INT(model_template_check_principal("arn:aws:iam::99990000111:root"), -EINVAL);
    CHECK_INT(model_template_check_principal("*"), -EINVAL);
    CHECK_INT(model_template_check_principal("arn:aws-cn:iam::099900001111:role/a/b"), 0);
    CHECK_INT(model_template_check_principal("arn:aws:x:iam::999900001111:root"), -EINVAL);
}

static const struct unit_test tests[] = {
    {"the_documents_are_the_guides", the_documents_are_the_guides},
    {"without_a_vendor_bucket_its_statement_is_left_out", without_a_vendor_bucket_its_statement_is_left_out},
    {"the_template_asks_for_no_name_and_hides_nothing", the_template_asks_for_no_name_and_hides_nothing},
    {"bad_values_are_refused", bad_values_are_refused},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
