/* A table of names, each with the function that builds its document from a connection's row. */
#include "model/policies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "model/answer.h"
#include "model/onboard.h"
#include "model/template.h"

#define BUCKET_POLICY_MAX 20480 /* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html */
#define FEW_CUSTOMERS 20        /* of names of any length: no policy of theirs is too large */

struct policy_rows {
    struct cache_connection *rows;
    size_t count;
};

struct policy_file {
    const char *name;
    bool (*there)(const struct model *m, const struct cache_connection *c); /* NULL: always */
    cJSON *(*document)(struct model *m, const struct cache_connection *c);  /* NULL: text */
    errint (*text)(struct model *m, const struct cache_connection *c, struct buf *ret);
};

/* As it was when the connection began: another process without the setting renders the same. */
struct bucket_name {
    char text[64];
};

static struct bucket_name vendor_bucket(const struct cache_connection *c)
{
    struct bucket_name name;
    model_row_note(c, "vendor_bucket", name.text, sizeof name.text);
    return name;
}

static void connection_partition(const struct cache_connection *c, char *ret, size_t size)
{
    model_row_partition(c, ret, size);
}

/* The account of a role's ARN, "" without one. */
static void role_account(const struct cache_connection *c, char ret[13])
{
    const char *at = strstr(c->role_arn, ":iam::");
    (void)snprintf(ret, 13, "%.12s", at ? at + 6 : "");
}

static struct model_template template_of(const struct cache_connection *c, const char *partition,
                                         const struct bucket_name *vendor)
{
    return (struct model_template){.partition = partition,
                                   .customer_bucket = c->bucket,
                                   .vendor_bucket = vendor->text,
                                   .external_id = c->external_id,
                                   .principal = c->principal};
}

static cJSON *resource_policy(struct model *m, const struct cache_connection *c)
{
    (void)m;
    (void)c;
    return model_template_resource_policy();
}

static cJSON *s3_policy(struct model *m, const struct cache_connection *c)
{
    char partition[32];
    (void)m;
    connection_partition(c, partition, sizeof partition);
    struct bucket_name vendor = vendor_bucket(c);
    struct model_template t = template_of(c, partition, &vendor);
    return model_template_s3_policy(&t);
}

static cJSON *trust_policy(struct model *m, const struct cache_connection *c)
{
    (void)m;
    struct bucket_name vendor = vendor_bucket(c);
    struct model_template t = template_of(c, "aws", &vendor);
    return model_template_trust_policy(&t);
}

static errint template_text(struct model *m, const struct cache_connection *c, struct buf *ret)
{
    char partition[32];
    (void)m;
    connection_partition(c, partition, sizeof partition);
    struct bucket_name vendor = vendor_bucket(c);
    struct model_template t = template_of(c, partition, &vendor);
    return model_template_text(&t, ret);
}

static cJSON *statement(const char *sid, cJSON *principal, const char *const *actions, const char *resource)
{
    cJSON *s = cJSON_CreateObject();
    if (sid)
        cJSON_AddStringToObject(s, "Sid", sid);
    cJSON_AddStringToObject(s, "Effect", "Allow");
    if (principal)
        cJSON_AddItemToObject(s, "Principal", principal);
    cJSON *list = cJSON_AddArrayToObject(s, "Action");
    for (; *actions; actions++)
        cJSON_AddItemToArray(list, cJSON_CreateString(*actions));
    cJSON_AddStringToObject(s, "Resource", resource);
    return s;
}

static void add_condition(cJSON *to, const char *operator, const char * key, const char *value)
{
    cJSON *condition = cJSON_GetObjectItemCaseSensitive(to, "Condition");
    if (!condition)
        condition = cJSON_AddObjectToObject(to, "Condition");
    cJSON *keys = cJSON_GetObjectItemCaseSensitive(condition, operator);
    if (!keys)
        keys = cJSON_AddObjectToObject(condition, operator);
    cJSON_AddStringToObject(keys, key, value);
}

static cJSON *policy_start(cJSON **ret_statements)
{
    cJSON *d = cJSON_CreateObject();
    cJSON_AddStringToObject(d, "Version", "2012-10-17");
    *ret_statements = cJSON_AddArrayToObject(d, "Statement");
    return d;
}

static cJSON *principal_of(const char *kind, const char *value)
{
    cJSON *p = cJSON_CreateObject();
    cJSON_AddStringToObject(p, kind, value);
    return p;
}

/* What one customer may do in the vendor's bucket: its own folder, nothing else. The account is named, not the role: AWS
 * refuses a policy that names a role which was deleted since, and one customer's stack must not stop all the others.
 *
 * Two statements, without Sids, since all customers share BUCKET_POLICY_MAX: that of the list has the condition, which
 * the other's actions have no key for. One with StringLikeIfExists would let in whoever lists without a prefix. */
static void add_customer(cJSON *statements, const char *vendor, const struct cache_connection *c)
{
    char arn[256], partition[32], within[128], account[13], customer[64];
    connection_partition(c, partition, sizeof partition);
    role_account(c, account);
    (void)snprintf(customer, sizeof customer, "arn:%s:iam::%s:root", partition, account);
    (void)snprintf(within, sizeof within, "data/%s/*", c->handle);
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s/%s", partition, vendor, within);
    cJSON_AddItemToArray(statements, statement(NULL, principal_of("AWS", customer),
                                               (const char *const[]){"s3:PutObject", "s3:PutObjectAcl", NULL}, arn));
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s", partition, vendor);
    cJSON *list = statement(NULL, principal_of("AWS", customer), (const char *const[]){"s3:ListBucket", NULL}, arn);
    add_condition(list, "StringLike", "s3:prefix", within);
    cJSON_AddItemToArray(statements, list);
}

/* Templates are written by the accounts that customers' roles trust (STATEMENT's condition) and by nobody else. */
static cJSON *templates_statement(const char *vendor, const struct cache_connection *c, cJSON **ret_accounts)
{
    char arn[256], partition[32];
    connection_partition(c, partition, sizeof partition);
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s/templates/*", partition, vendor);
    cJSON *s = statement("CtfsTemplates", cJSON_CreateString("*"),
                         (const char *const[]){"s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject", NULL}, arn);
    cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(s, "Effect"), "Deny");
    cJSON *unequal = cJSON_AddObjectToObject(cJSON_AddObjectToObject(s, "Condition"), "StringNotEquals");
    *ret_accounts = cJSON_AddArrayToObject(unequal, "aws:PrincipalAccount");
    return s;
}

static void add_account(cJSON *accounts, const char *principal)
{
    const char *of = strstr(principal, ":iam::"), *text;
    char account[13];
    cJSON *one;
    (void)snprintf(account, sizeof account, "%.12s", of ? of + 6 : principal);
    cJSON_ArrayForEach (one, accounts)
        if ((text = cJSON_GetStringValue(one)) && strcmp(text, account) == 0)
            return;
    cJSON_AddItemToArray(accounts, cJSON_CreateString(account));
}

/* A statement a line: indented as the other files are, half the customers would fit. */
static void print_bucket_policy(struct buf *ret, const cJSON *statements)
{
    const cJSON *one;
    buf_puts(ret, "{\"Version\":\"2012-10-17\",\"Statement\":[\n");
    cJSON_ArrayForEach (one, statements) {
        aws_json_print_compact(ret, one);
        buf_puts(ret, one->next ? ",\n" : "\n");
    }
    buf_puts(ret, "]}\n");
}

static void done_rows(struct policy_rows *r)
{
    for (size_t i = 0; i < r->count; i++)
        cache_connection_done(&r->rows[i]);
    free(r->rows);
}

/* Of the bucket that C was begun with; *RET_CUSTOMERS: how many it lets in. */
static errint render_bucket_policy(const struct policy_rows *r, const struct cache_connection *c, struct buf *ret,
                                   size_t *ret_customers)
{
    struct bucket_name vendor = vendor_bucket(c);
    cJSON *accounts, *statements cleanup(aws_json_deletep) = cJSON_CreateArray();
    cJSON_AddItemToArray(statements, templates_statement(vendor.text, c, &accounts));
    add_account(accounts, c->principal);
    *ret_customers = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct cache_connection *row = &r->rows[i];
        if (row->direct || !*row->principal || strcmp(vendor_bucket(row).text, vendor.text) != 0)
            continue;
        add_account(accounts, row->principal);
        if (!*row->role_arn)
            continue;
        add_customer(statements, vendor.text, row);
        (*ret_customers)++;
    }
    print_bucket_policy(ret, statements);
    return buf_error(ret);
}

/* One policy for the bucket: who writes templates, and every customer that has a role; good from step 1 on. One that
 * knew of no customers would shut all of them out: no policy then. */
static errint vendor_bucket_policy(struct model *m, const struct cache_connection *c, struct buf *ret)
{
    struct policy_rows r cleanup(done_rows) = {.rows = NULL};
    size_t customers;
    errint e = cache_state_look(m->state, &r.rows, &r.count);
    return e ? e : render_bucket_policy(&r, c, ret, &customers);
}

/* The policy of row AT's bucket, if no row before it has that bucket and S3 does not take it. */
static errint look_at_size(const struct policy_rows *r, size_t at,
                           void (*each)(void *arg, const char *bucket, const char *text), void *arg)
{
    struct buf policy cleanup_buf = BUF_INIT, text cleanup_buf = BUF_INIT;
    struct bucket_name vendor = vendor_bucket(&r->rows[at]);
    size_t customers;
    for (size_t i = 0; i < at; i++)
        if (strcmp(vendor_bucket(&r->rows[i]).text, vendor.text) == 0)
            return 0;
    errint e = *vendor.text ? render_bucket_policy(r, &r->rows[at], &policy, &customers) : 0;
    if (e || policy.len <= BUCKET_POLICY_MAX)
        return e;
    buf_printf(&text,
               "policies/vendor-bucket-policy.json of s3://%s has %zu bytes for %zu customers, and S3 takes no bucket "
               "policy over %d: begin further connections with another vendor_bucket",
               vendor.text, policy.len, customers, BUCKET_POLICY_MAX);
    each(arg, vendor.text, buf_text(&text));
    return buf_error(&text);
}

errint model_policies_too_large(struct model *m, void (*each)(void *arg, const char *bucket, const char *text),
                                void *arg)
{
    struct policy_rows r cleanup(done_rows) = {.rows = NULL};
    errint e = cache_state_look(m->state, &r.rows, &r.count);
    for (size_t i = 0; e == 0 && r.count >= FEW_CUSTOMERS && i < r.count; i++)
        e = look_at_size(&r, i, each, arg);
    return e;
}

struct answering {
    struct bucket_name vendor;
    struct buf *to;
};

static void answer_too_large(void *arg, const char *bucket, const char *text)
{
    const struct answering *a = arg;
    if (strcmp(bucket, a->vendor.text) == 0)
        model_answer_add(a->to, "vendor_bucket_policy_error", text);
}

void model_policies_answer(struct model *m, const struct cache_connection *c, struct buf *to)
{
    struct answering a = {vendor_bucket(c), to};
    (void)model_policies_too_large(m, answer_too_large, &a);
}

static struct bucket_name vendor_bucket_of_settings(const struct model *m)
{
    struct bucket_name name;
    (void)snprintf(name.text, sizeof name.text, "%s", m->settings->vendor_bucket ? m->settings->vendor_bucket : "");
    return name;
}

/* The vendor needs it before there is any connection: then C is NULL, and the bucket is the setting's. */
static cJSON *vendor_identity_policy(struct model *m, const struct cache_connection *c)
{
    char partition[32] = "aws", arn[256];
    struct bucket_name vendor = c ? vendor_bucket(c) : vendor_bucket_of_settings(m);
    cJSON *statements, *d = policy_start(&statements);
    if (c)
        connection_partition(c, partition, sizeof partition);
    (void)snprintf(arn, sizeof arn, "arn:%s:iam::*:role/*", partition);
    cJSON_AddItemToArray(statements, statement("CtfsAssume", NULL, (const char *const[]){"sts:AssumeRole", NULL}, arn));
    if (!*vendor.text)
        return d;
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s", partition, vendor.text);
    cJSON_AddItemToArray(
        statements,
        statement("CtfsBucket", NULL, (const char *const[]){"s3:ListBucket", "s3:GetBucketLocation", NULL}, arn));
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s/templates/*", partition, vendor.text);
    cJSON_AddItemToArray(
        statements, statement("CtfsTemplates", NULL, (const char *const[]){"s3:PutObject", "s3:GetObject", NULL}, arn));
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s/data/*/.ctfs-probe", partition, vendor.text);
    cJSON_AddItemToArray(statements, statement("CtfsProbe", NULL, (const char *const[]){"s3:PutObject", NULL}, arn));
    return d;
}

/* The input of `aws cur put-report-definition --report-definition file://…` that makes the report of the guide. */
static cJSON *report_definition(struct model *m, const struct cache_connection *c)
{
    (void)m;
    cJSON *notes cleanup(aws_json_deletep) = NULL;
    if (aws_json_parse(c->notes, strlen(c->notes), &notes) < 0)
        notes = NULL;
    const char *region = notes ? aws_json_string(notes, "bucket_region") : NULL;
    cJSON *d = cJSON_CreateObject();
    cJSON_AddStringToObject(d, "ReportName", c->report);
    cJSON_AddStringToObject(d, "TimeUnit", "DAILY");
    cJSON_AddStringToObject(d, "Format", "textORcsv");
    cJSON_AddStringToObject(d, "Compression", "GZIP");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(d, "AdditionalSchemaElements"), cJSON_CreateString("RESOURCES"));
    cJSON_AddStringToObject(d, "S3Bucket", c->bucket);
    const char *prefix = *c->definition_prefix ? c->definition_prefix : c->prefix;
    cJSON_AddStringToObject(d, "S3Prefix", strcmp(prefix, "/") == 0 ? "" : prefix); /* "/": the definition's is empty */
    cJSON_AddStringToObject(d, "S3Region", region ? region : "us-east-1");
    (void)cJSON_AddArrayToObject(d, "AdditionalArtifacts");
    cJSON_AddBoolToObject(d, "RefreshClosedReports", true);
    cJSON_AddStringToObject(d, "ReportVersioning", "OVERWRITE_REPORT");
    return d;
}

static void add_delivery(cJSON *statements, const struct cache_connection *c, const char *sid,
                         const char *const *actions, const char *suffix)
{
    char partition[32], arn[256], account[13], source[256];
    connection_partition(c, partition, sizeof partition);
    role_account(c, account);
    (void)snprintf(arn, sizeof arn, "arn:%s:s3:::%s%s", partition, c->bucket, suffix);
    cJSON *s = statement(sid, principal_of("Service", "billingreports.amazonaws.com"), actions, arn);
    if (*account) {
        (void)snprintf(source, sizeof source, "arn:%s:cur:us-east-1:%s:definition/*", partition, account);
        add_condition(s, "StringEquals", "aws:SourceAccount", account);
        add_condition(s, "StringLike", "aws:SourceArn", source);
    }
    cJSON_AddItemToArray(statements, s);
}

/* What AWS's delivery service needs on the customer's bucket (Cost and Usage Reports user guide, "Setting up an Amazon
 * S3 bucket"); bound to the customer's account once that is known. */
static cJSON *report_bucket_policy(struct model *m, const struct cache_connection *c)
{
    (void)m;
    cJSON *statements, *d = policy_start(&statements);
    add_delivery(statements, c, "CtfsReportRead", (const char *const[]){"s3:GetBucketAcl", "s3:GetBucketPolicy", NULL},
                 "");
    add_delivery(statements, c, "CtfsReportWrite", (const char *const[]){"s3:PutObject", NULL}, "/*");
    return d;
}

/* AWS's words as one cell. */
static void put_cell(struct buf *to, const char *value)
{
    for (const char *p = value ? value : ""; *p; p++)
        buf_putc(to, (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
}

static errint granted_tsv(struct model *m, const struct cache_connection *c, struct buf *ret)
{
    (void)m;
    cJSON *rows cleanup(aws_json_deletep) = NULL;
    errint e = aws_json_parse(c->granted, strlen(c->granted), &rows);
    if (e < 0)
        return e;
    buf_puts(ret, "action\tgranted\tanswer\ttime\trequest_id\n");
    const cJSON *row;
    cJSON_ArrayForEach (row, rows) {
        static const char *const columns[] = {"action", "granted", "answer", "time", "request_id"};
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
            if (i)
                buf_putc(ret, '\t');
            put_cell(ret, aws_json_string(row, columns[i]));
        }
        buf_putc(ret, '\n');
    }
    return buf_error(ret);
}

static bool by_role(const struct model *m, const struct cache_connection *c)
{
    (void)m;
    return !c->direct && *c->principal;
}

static bool with_vendor_bucket(const struct model *m, const struct cache_connection *c)
{
    return *vendor_bucket(c).text && by_role(m, c);
}

static bool was_probed(const struct model *m, const struct cache_connection *c)
{
    (void)m;
    return c->connected;
}

static const struct policy_file files[] = {
    {MODEL_RESOURCE_POLICY_NAME ".json", by_role, resource_policy, NULL},
    {MODEL_S3_POLICY_NAME ".json", by_role, s3_policy, NULL},
    {"granted.tsv", was_probed, NULL, granted_tsv},
    {"report-bucket-policy.json", NULL, report_bucket_policy, NULL},
    {"report-definition.json", NULL, report_definition, NULL},
    {"template.json", by_role, NULL, template_text},
    {"trust-policy.json", by_role, trust_policy, NULL},
    {"vendor-bucket-policy.json", with_vendor_bucket, NULL, vendor_bucket_policy},
    {"vendor-identity-policy.json", by_role, vendor_identity_policy, NULL},
};
#define FILE_COUNT (sizeof files / sizeof files[0])

static bool is_there(const struct policy_file *f, const struct model *m, const struct cache_connection *c)
{
    if (!c)
        return f->document == vendor_identity_policy;
    return !f->there || f->there(m, c);
}

errint model_policies_each(struct model *m, const struct cache_connection *c, int (*each)(void *arg, const char *name),
                           void *arg)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        if (!is_there(&files[i], m, c))
            continue;
        int stop = each(arg, files[i].name);
        if (stop)
            return stop;
    }
    return 0;
}

static errint render(const struct policy_file *f, struct model *m, const struct cache_connection *c, struct buf *ret)
{
    if (f->text)
        return f->text(m, c, ret);
    cJSON *d cleanup(aws_json_deletep) = f->document(m, c);
    if (!d)
        return err_set(-ENOMEM, "policies/%s: no memory", f->name);
    aws_json_print(ret, d);
    return buf_error(ret);
}

errint model_policies_file(struct model *m, const struct cache_connection *c, const char *name, struct buf *ret)
{
    for (size_t i = 0; i < FILE_COUNT; i++)
        if (strcmp(files[i].name, name) == 0 && is_there(&files[i], m, c))
            return render(&files[i], m, c, ret);
    return err_set(-ENOENT, "policies/%s: no such file for this connection", name);
}
