/* The CloudFormation template that a customer runs, and the policies in it.
 *
 * The two policies' names, Sids and actions are those of the connection guide, to the letter. The role has no name of
 * its own, so that CAPABILITY_IAM suffices and any number of stacks fits in an account.
 *
 * Ownership: results are the caller's.
 * Threads:   any.
 * Errors:    -EINVAL a bucket's name, principal or external id that is not one; -ENOMEM.
 * Cost:      renders in memory.
 * Source:    AWS CloudFormation user guide, "Template anatomy"; IAM JSON policy elements reference.
 */
#ifndef CTFS_MODEL_TEMPLATE_H
#define CTFS_MODEL_TEMPLATE_H

#include <cjson/cJSON.h>

#include "base/buf.h"

#define MODEL_RESOURCE_POLICY_NAME "CloudTrakr-Custom-ResourceMonitoring-Policy"
#define MODEL_S3_POLICY_NAME "CloudTrakr-Custom-S3-Policy"

struct model_template {
    const char *partition;       /* "aws", "aws-cn", "aws-us-gov" */
    const char *customer_bucket; /* where the report lies */
    const char *vendor_bucket;   /* NULL or "": the second S3 statement is left out */
    const char *external_id;
    const char *principal; /* 12 digits or an IAM ARN */
};

/* -EINVAL, naming WHAT, unless NAME is a general purpose bucket's name (S3 user guide, "Bucket naming rules"). */
errint model_template_check_bucket(const char *what, const char *name);
/* -EINVAL unless TEXT is 12 digits or the ARN of an account's root, user or role. */
errint model_template_check_principal(const char *text);

/* The template's text, as `aws cloudformation create-stack --template-body` takes it. */
errint model_template_text(const struct model_template *t, struct buf *ret);

/* The documents as the stack resolves them. */
cJSON *model_template_resource_policy(void);
cJSON *model_template_s3_policy(const struct model_template *t);
cJSON *model_template_trust_policy(const struct model_template *t);

#endif
