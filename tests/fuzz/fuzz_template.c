/* model/template: values that try to break out. The input is three lines: customer's bucket, vendor's bucket and
 * principal. What is not refused comes back from the JSON as it went in, and adds no statement, parameter or resource.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "model/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static const cJSON *at(const cJSON *o, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(o, name);
    require(found != NULL);
    return found;
}

static void check_default(const cJSON *template, const char *parameter, const char *want)
{
    const char *got = aws_json_string(at(at(template, "Parameters"), parameter), "Default");
    require(got && strcmp(got, want) == 0);
}

static void check_shape(const cJSON *template, const struct model_template *t)
{
    char arn[200];
    (void)snprintf(arn, sizeof arn, "arn:aws:s3:::%s", t->customer_bucket);
    check_default(template, "CustomerBucketArn", arn);
    check_default(template, "Principal", t->principal);
    check_default(template, "ExternalId", t->external_id);
    require(cJSON_GetArraySize(at(template, "Parameters")) == 3 && cJSON_GetArraySize(at(template, "Resources")) == 1);
    const cJSON *properties = at(at(at(template, "Resources"), "CrossAccountRole"), "Properties");
    require(cJSON_GetArraySize(properties) == 2 && cJSON_GetArraySize(at(properties, "Policies")) == 2);
    const cJSON *s3 = at(at(cJSON_GetArrayItem(at(properties, "Policies"), 1), "PolicyDocument"), "Statement");
    require(cJSON_GetArraySize(s3) == (*t->vendor_bucket ? 2 : 1));
    if (!*t->vendor_bucket)
        return;
    (void)snprintf(arn, sizeof arn, "arn:aws:s3:::%s", t->vendor_bucket);
    const cJSON *resource = cJSON_GetArrayItem(at(cJSON_GetArrayItem(s3, 1), "Resource"), 0);
    require(cJSON_IsString(resource) && strcmp(resource->valuestring, arn) == 0);
    require(!strpbrk(arn + strlen("arn:aws:s3:::"), "*?$\"{} "));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b cleanup_buf = BUF_INIT, text cleanup_buf = BUF_INIT;
    buf_append(&b, data, size);
    char *rest = b.data, *lines[3], none[1] = "";
    for (size_t i = 0; i < 3; i++) {
        char *line = rest ? strsep(&rest, "\n") : NULL;
        lines[i] = line ? line : none;
    }
    struct model_template t = {.partition = "aws",
                               .customer_bucket = lines[0],
                               .vendor_bucket = lines[1],
                               .principal = lines[2],
                               .external_id = "0123456789abcdef"};
    if (model_template_text(&t, &text) != 0)
        return 0;
    cJSON *template cleanup(aws_json_deletep) = NULL;
    require(aws_json_parse(text.data, text.len, &template) == 0);
    check_shape(template, &t);
    require(strpbrk(t.principal, "*?$\"{} \\") == NULL);
    return 0;
}
