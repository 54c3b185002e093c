/* Members are taken out of the object one after the other as the shape names them and hung into a new one, whose list
 * of members then takes the old one's place: what is left over goes with it.
 */
#include "aws/shape.h"

#include "aws/json.h"
#include "base/cleanup.h"

const struct aws_shape_member aws_shape_account[] = {
    {"Id", NULL},    {"Arn", NULL},          {"Email", NULL},
    {"Name", NULL},  {"Status", NULL},       {"State", NULL},
    {"Paths", NULL}, {"JoinedMethod", NULL}, {"JoinedTimestamp", NULL},
    {NULL, NULL},
};

static const struct aws_shape_member policy_type[] = {{"Type", NULL}, {"Status", NULL}, {NULL, NULL}};

static const struct aws_shape_member organization[] = {
    {"Id", NULL},
    {"Arn", NULL},
    {"FeatureSet", NULL},
    {"MasterAccountArn", NULL},
    {"MasterAccountId", NULL},
    {"MasterAccountEmail", NULL},
    {"AvailablePolicyTypes", policy_type},
    {NULL, NULL},
};

const struct aws_shape_member aws_shape_organization[] = {{"Organization", organization}, {NULL, NULL}};

const struct aws_shape_member aws_shape_tag[] = {{"Key", NULL}, {"Value", NULL}, {NULL, NULL}};

static const struct aws_shape_member report_status[] = {{"lastDelivery", NULL}, {"lastStatus", NULL}, {NULL, NULL}};

const struct aws_shape_member aws_shape_report_definition[] = {
    {"ReportName", NULL},
    {"TimeUnit", NULL},
    {"Format", NULL},
    {"Compression", NULL},
    {"AdditionalSchemaElements", NULL},
    {"S3Bucket", NULL},
    {"S3Prefix", NULL},
    {"S3Region", NULL},
    {"AdditionalArtifacts", NULL},
    {"RefreshClosedReports", NULL},
    {"ReportVersioning", NULL},
    {"BillingViewArn", NULL},
    {"ReportStatus", report_status},
    {NULL, NULL},
};

static errint apply_to_object(cJSON *object, const struct aws_shape_member *shape)
{
    cJSON *kept cleanup(aws_json_deletep) = cJSON_CreateObject();
    if (!kept)
        return err_set(-ENOMEM, "an answer in JSON");
    for (const struct aws_shape_member *m = shape; m->name; m++) {
        cJSON *member = cJSON_DetachItemFromObjectCaseSensitive(object, m->name);
        errint result = m->below && member ? aws_shape_apply(member, m->below) : 0;
        if (!member || cJSON_IsNull(member))
            cJSON_Delete(member);
        else
            cJSON_AddItemToObjectCS(kept, m->name, member);
        if (result < 0)
            return result;
    }
    cJSON *rest = object->child;
    object->child = kept->child;
    kept->child = rest;
    return 0;
}

errint aws_shape_apply(cJSON *value, const struct aws_shape_member *shape)
{
    if (cJSON_IsObject(value))
        return apply_to_object(value, shape);
    errint result = 0;
    for (cJSON *item = cJSON_IsArray(value) ? value->child : NULL; item && result == 0; item = item->next) {
        if (cJSON_IsObject(item))
            result = apply_to_object(item, shape);
    }
    return result;
}
