/* One builder for each document; a switch between the template's references (Ref, Fn::Join) and the values they resolve
 * to is the only difference between the template and the policies as the role has them. Values enter through the JSON
 * library alone. */
#include "model/template.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"

enum form { RESOLVED, TEMPLATE };

static const char *const resource_actions[] = {"cur:DescribeReportDefinitions",
                                               "eks:Describe*",
                                               "eks:List*",
                                               "organizations:Describe*",
                                               "organizations:List*",
                                               "ecs:ListClusters",
                                               "ecs:ListServices",
                                               "ec2:DescribeInstances",
                                               "cloudwatch:GetMetricData",
                                               "ecs:ListTasks",
                                               "ecs:ListContainerInstances",
                                               "ecs:DescribeTasks",
                                               NULL};
static const char *const customer_actions[] = {"s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject", NULL};
static const char *const vendor_actions[] = {"s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl", NULL};

/* 192.168.10.1 */
static bool is_address(const char *name)
{
    int dots = 0;
    for (const char *p = name; *p; p++)
        dots += *p == '.';
    return dots == 3 && strspn(name, "0123456789.") == strlen(name);
}

errint model_template_check_bucket(const char *what, const char *name)
{
    size_t len = strlen(name);
    bool good = len >= 3 && len <= 63 && isalnum((unsigned char)name[0]) && isalnum((unsigned char)name[len - 1]) &&
                !strstr(name, "..") && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len &&
                !is_address(name);
    return good ? 0 : err_set(-EINVAL, "%s '%.80s' is not the name of an S3 bucket", what, name);
}

static bool digits12(const char *text)
{
    return strspn(text, "0123456789") >= 12;
}

errint model_template_check_principal(const char *text)
{
    if (digits12(text) && !text[12])
        return 0;
    const char *account = strncmp(text, "arn:aws", 7) == 0 ? strchr(text + 7, ':') : NULL;
    if (account && strncmp(account, ":iam::", 6) == 0 && digits12(account + 6) && account[18] == ':' &&
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_/:-") == strlen(text)) {
        const char *entity = account + 19;
        if (strcmp(entity, "root") == 0 || strncmp(entity, "user/", 5) == 0 || strncmp(entity, "role/", 5) == 0)
            return 0;
    }
    return err_set(-EINVAL, "principal '%.120s' is neither 12 digits nor the ARN of an account's root, user or role",
                   text);
}

static cJSON *string_array(const char *const *texts)
{
    cJSON *a = cJSON_CreateArray();
    for (; *texts; texts++)
        cJSON_AddItemToArray(a, cJSON_CreateString(*texts));
    return a;
}

/* {KEY: VALUE} */
static cJSON *pair(const char *key, cJSON *value)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToObject(o, key, value);
    return o;
}

static cJSON *ref(const char *name)
{
    return pair("Ref", cJSON_CreateString(name));
}

/* VALUE and everything below it: Fn::Join of it with a slash and a star. */
static cJSON *join_all(cJSON *value)
{
    cJSON *parts = cJSON_CreateArray(), *join = cJSON_CreateArray();
    cJSON_AddItemToArray(parts, value);
    cJSON_AddItemToArray(parts, cJSON_CreateString("/*"));
    cJSON_AddItemToArray(join, cJSON_CreateString(""));
    cJSON_AddItemToArray(join, parts);
    return pair("Fn::Join", join);
}

static cJSON *bucket_arns(const char *partition, const char *bucket)
{
    char arn[128], all[132];
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s", partition, bucket);
    (void)snprintf(all, sizeof all, "%s/*", arn);
    return string_array((const char *const[]){arn, all, NULL});
}

static cJSON *customer_resources(const struct model_template *t, enum form form)
{
    if (form == RESOLVED)
        return bucket_arns(t->partition, t->customer_bucket);
    cJSON *a = cJSON_CreateArray();
    cJSON_AddItemToArray(a, ref("CustomerBucketArn"));
    cJSON_AddItemToArray(a, join_all(ref("CustomerBucketArn")));
    return a;
}

static cJSON *statement(const char *const *actions, cJSON *resource, const char *sid)
{
    cJSON *s = cJSON_CreateObject();
    cJSON_AddItemToObject(s, "Action", string_array(actions));
    cJSON_AddItemToObject(s, "Resource", resource);
    cJSON_AddStringToObject(s, "Effect", "Allow");
    cJSON_AddStringToObject(s, "Sid", sid);
    return s;
}

static cJSON *document(cJSON *first, cJSON *second)
{
    cJSON *d = cJSON_CreateObject(), *statements = cJSON_CreateArray();
    cJSON_AddItemToArray(statements, first);
    if (second)
        cJSON_AddItemToArray(statements, second);
    cJSON_AddStringToObject(d, "Version", "2012-10-17");
    cJSON_AddItemToObject(d, "Statement", statements);
    return d;
}

cJSON *model_template_resource_policy(void)
{
    return document(
        statement(resource_actions, cJSON_CreateString("*"), "CostUnifyCustomResourceMonitoringPolicy20201009"), NULL);
}

static cJSON *s3_policy(const struct model_template *t, enum form form)
{
    bool vendor = t->vendor_bucket && *t->vendor_bucket;
    return document(
        statement(customer_actions, customer_resources(t, form), "CostUnifyCustomerS3Policy20201009"),
        vendor ? statement(vendor_actions, bucket_arns(t->partition, t->vendor_bucket), "CostUnifyS3Policy20201009")
               : NULL);
}

cJSON *model_template_s3_policy(const struct model_template *t)
{
    return s3_policy(t, RESOLVED);
}

static cJSON *trust_policy(const struct model_template *t, enum form form)
{
    bool template = form == TEMPLATE;
    cJSON *s = cJSON_CreateObject();
    cJSON_AddStringToObject(s, "Effect", "Allow");
    cJSON_AddItemToObject(s, "Principal", pair("AWS", template ? ref("Principal") : cJSON_CreateString(t->principal)));
    cJSON_AddStringToObject(s, "Action", "sts:AssumeRole");
    cJSON *id = pair("sts:ExternalId", template ? ref("ExternalId") : cJSON_CreateString(t->external_id));
    cJSON_AddItemToObject(s, "Condition", pair("StringEquals", id));
    return document(s, NULL);
}

cJSON *model_template_trust_policy(const struct model_template *t)
{
    return trust_policy(t, RESOLVED);
}

static void add_parameter(cJSON *to, const char *name, const char *value, const char *pattern, const char *description)
{
    cJSON *p = cJSON_AddObjectToObject(to, name);
    cJSON_AddStringToObject(p, "Type", "String");
    cJSON_AddStringToObject(p, "Description", description);
    cJSON_AddStringToObject(p, "Default", value);
    cJSON_AddStringToObject(p, "AllowedPattern", pattern);
}

static cJSON *parameters(const struct model_template *t)
{
    char arn[128];
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s", t->partition, t->customer_bucket);
    cJSON *p = cJSON_CreateObject();
    add_parameter(p, "CustomerBucketArn", arn, "^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
                  "Verify the S3 bucket name configured in the cost and usage report.");
    add_parameter(p, "ExternalId", t->external_id, "^[A-Za-z0-9_+=,.@:/-]{2,1224}$",
                  "Do NOT change this value. This is dynamically created for you to securely access the read-only "
                  "resources.");
    add_parameter(
        p, "Principal", t->principal, "^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/.+))$",
        "Do NOT change this value. This is our AWS account that you are providing cross-account access to get "
        "cost and usage reports from the S3 bucket.");
    return p;
}

static cJSON *inline_policy(const char *name, cJSON *policy)
{
    cJSON *p = cJSON_CreateObject();
    cJSON_AddStringToObject(p, "PolicyName", name);
    cJSON_AddItemToObject(p, "PolicyDocument", policy);
    return p;
}

static cJSON *role(const struct model_template *t)
{
    cJSON *r = cJSON_CreateObject(), *policies = cJSON_CreateArray();
    cJSON_AddItemToArray(policies, inline_policy(MODEL_RESOURCE_POLICY_NAME, model_template_resource_policy()));
    cJSON_AddItemToArray(policies, inline_policy(MODEL_S3_POLICY_NAME, s3_policy(t, TEMPLATE)));
    cJSON_AddStringToObject(r, "Type", "AWS::IAM::Role");
    cJSON *properties = cJSON_AddObjectToObject(r, "Properties");
    cJSON_AddItemToObject(properties, "AssumeRolePolicyDocument", trust_policy(t, TEMPLATE));
    cJSON_AddItemToObject(properties, "Policies", policies);
    return r;
}

static cJSON *outputs(void)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *arn = cJSON_AddObjectToObject(o, "CrossAccountRoleArn");
    cJSON_AddStringToObject(arn, "Description", "The role's ARN: give this value back to connect your AWS account.");
    cJSON_AddItemToObject(arn, "Value",
                          pair("Fn::GetAtt", string_array((const char *const[]){"CrossAccountRole", "Arn", NULL})));
    return o;
}

errint model_template_text(const struct model_template *t, struct buf *ret)
{
    errint e = model_template_check_bucket("bucket", t->customer_bucket);
    if (e == 0 && t->vendor_bucket && *t->vendor_bucket)
        e = model_template_check_bucket("vendor_bucket", t->vendor_bucket);
    if (e == 0)
        e = model_template_check_principal(t->principal);
    if (e < 0)
        return e;
    cJSON *template cleanup(aws_json_deletep) = cJSON_CreateObject();
    cJSON_AddStringToObject(template, "AWSTemplateFormatVersion", "2010-09-09");
    cJSON_AddStringToObject(template, "Description",
                            "A read-only cross-account role for cost and usage reports and resources.");
    cJSON_AddItemToObject(template, "Parameters", parameters(t));
    cJSON_AddItemToObject(template, "Resources", pair("CrossAccountRole", role(t)));
    cJSON_AddItemToObject(template, "Outputs", outputs());
    aws_json_print(ret, template);
    return buf_error(ret);
}
