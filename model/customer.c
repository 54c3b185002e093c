/* A customer is made from a row of state.db and never changes. What is under way for a connection outlives its customers,
 * in a list kept by the model: one entry for each role that a connection had, so that a new role begins with no failures of
 * the old one.
 *
 * Lock: model->lock for the list; nothing is taken under it.
 */
#include "model/customer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3.h"
#include "aws/sts.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "model/fetch.h"

/* What reading needs, and nothing that writes. A session can do what both its policy and the role's allow (IAM user guide,
 * "Session policies"). */
static const char reading_policy[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":["
    "\"cur:Describe*\",\"organizations:Describe*\",\"organizations:List*\",\"ec2:Describe*\",\"ecs:Describe*\","
    "\"ecs:List*\",\"eks:Describe*\",\"eks:List*\",\"cloudwatch:GetMetricData\",\"s3:GetBucketLocation\","
    "\"s3:ListBucket\",\"s3:GetObject\",\"kms:Decrypt\"]}]}";

struct model_registered {
    struct model_registered *next;
    char *key;
    struct model_fetches *fetches;
};

static char *registered_key(const struct cache_connection *row)
{
    char *key = NULL;
    int n = asprintf(&key, "%s %s %lld", row->handle, row->role_arn, (long long)row->connected_unix);
    return n < 0 ? NULL : key;
}

static errint register_fetches(struct model *m, const char *key, struct model_fetches **ret)
{
    struct model_registered *r = m->registered;
    while (r && strcmp(r->key, key) != 0)
        r = r->next;
    if (!r) {
        r = calloc(1, sizeof *r);
        if (!r || !(r->key = strdup(key)) || model_fetches_new(&r->fetches)) {
            free(r ? r->key : NULL);
            free(r);
            return err_set(-ENOMEM, "no memory for what is fetched for a connection");
        }
        r->next = m->registered;
        m->registered = r;
    }
    *ret = r->fetches;
    return 0;
}

void model_customer_done_all(struct model *m)
{
    while (m->registered) {
        struct model_registered *r = m->registered;
        m->registered = r->next;
        model_fetches_free(r->fetches);
        free(r->key);
        free(r);
    }
}

static errint copy_text(char **to, const char *from)
{
    *to = strdup(from ? from : "");
    return *to ? 0 : err_set(-ENOMEM, "no memory for a connection");
}

static errint copy_row(struct cache_connection *to, const struct cache_connection *from)
{
    *to = *from;
    char **texts[] = {&to->handle,      &to->bucket,    &to->report,    &to->prefix,       &to->name,
                      &to->external_id, &to->principal, &to->role_arn,  &to->bucket_owner, &to->definition_prefix,
                      &to->notes,       &to->granted,   &to->last_error};
    errint e = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = *texts[i];
        *texts[i] = NULL;
        if (e == 0)
            e = copy_text(texts[i], text);
    }
    return e;
}

/* "123456789012" of arn:aws:iam::123456789012:role/…; "" of anything else. */
static errint account_of_arn(const char *arn, char **ret)
{
    const char *at = arn;
    for (int colons = 0; at && colons < 4; colons++)
        at = (at = strchr(at, ':')) ? at + 1 : NULL;
    if (!at || strspn(at, "0123456789") != 12 || at[12] != ':')
        return copy_text(ret, "");
    *ret = strndup(at, 12);
    return *ret ? 0 : err_set(-ENOMEM, "no memory for an account");
}

/* The role's account; in direct mode the caller's, as far as onboarding kept it. */
static errint account_of_row(const struct cache_connection *row, char **ret)
{
    const char *principal = row->principal;
    if (row->direct && strlen(principal) == 12 && strspn(principal, "0123456789") == 12)
        return copy_text(ret, principal);
    return account_of_arn(row->direct ? principal : row->role_arn, ret);
}

static bool same_session(const struct cache_connection *a, const struct cache_connection *b)
{
    return a->direct == b->direct && strcmp(a->role_arn, b->role_arn) == 0 &&
           strcmp(a->external_id, b->external_id) == 0;
}

static errint make_session(struct model_customer *c, const struct model_customer *old)
{
    const struct cache_connection *row = &c->connection;
    if (!row->connected)
        return 0;
    if (row->direct) {
        c->reading = aws_session_get(c->model->caller);
        return 0;
    }
    if (old && old->reading && same_session(&old->connection, row)) {
        c->reading = aws_session_get(old->reading);
        return 0;
    }
    struct aws_assume_role in = {
        .role_arn = row->role_arn,
        .external_id = *row->external_id ? row->external_id : NULL,
        .session_policy = reading_policy,
    };
    return aws_sts_role_session(c->model->caller, &in, &c->reading);
}

static errint fill_customer(struct model_customer *c, const struct cache_connection *row,
                            const struct model_customer *old)
{
    char *key cleanup_free = registered_key(row);
    if (!key || asprintf(&c->scope, "%s/", row->handle) < 0)
        return err_set(-ENOMEM, "no memory for a connection");
    errint e = copy_row(&c->connection, row);
    if (e == 0)
        e = account_of_row(row, &c->account);
    if (e == 0)
        e = make_session(c, old);
    if (e == 0) {
        pthread_mutex_lock(&c->model->lock);
        e = register_fetches(c->model, key, &c->fetches);
        pthread_mutex_unlock(&c->model->lock);
    }
    return e;
}

errint model_customer_renew(struct model *m, const struct cache_connection *row, const struct model_customer *old,
                            struct model_customer **ret)
{
    struct model_customer *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(-ENOMEM, "no memory for a connection");
    atomic_init(&c->refs, 1);
    c->model = m;
    errint e = fill_customer(c, row, old);
    if (e)
        model_customer_put(c);
    else
        *ret = c;
    return e;
}

errint model_customer_new(struct model *m, const struct cache_connection *row, struct model_customer **ret)
{
    return model_customer_renew(m, row, NULL, ret);
}

struct model_customer *model_customer_get(struct model_customer *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void model_customer_put(struct model_customer *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (c->reading)
        aws_session_put(c->reading);
    cache_connection_done(&c->connection);
    free(c->account);
    free(c->scope);
    free(c);
}

void model_customer_bucket(const struct model_customer *c, struct aws_s3_bucket *ret)
{
    const struct cache_connection *row = &c->connection;
    const char *owner = *row->bucket_owner ? row->bucket_owner : row->direct ? "" : c->account;
    *ret = (struct aws_s3_bucket){.name = c->connection.bucket, .owner = *owner ? owner : NULL};
}

const char *model_customer_prefix(const struct model_customer *c)
{
    return *c->connection.definition_prefix ? c->connection.definition_prefix : c->connection.prefix;
}

errint model_customer_account(struct model_customer *c, struct buf *ret)
{
    if (*c->account) {
        buf_puts(ret, c->account);
        return buf_error(ret);
    }
    struct buf scope cleanup_buf = BUF_INIT;
    model_fetch_scope(c, MODEL_CALLER, "", &scope);
    errint e = c->model->store ? cache_store_get(c->model->store, buf_text(&scope), "account", ret, NULL) : -ENOENT;
    return e == -ENOENT ? 0 : e;
}

/* Scopes and marks begin with the handle, facts with the bucket. What stays for want of a disk is cache: it grows old. */
void model_customer_forget(struct model *m, const struct cache_connection *row, bool bucket)
{
    const char *const names[] = {row->handle, row->bucket};
    for (size_t i = 0; m->store && i < (bucket ? 2 : 1); i++) {
        struct buf prefix cleanup_buf = BUF_INIT;
        buf_printf(&prefix, "%s/", names[i]);
        if (buf_error(&prefix) == 0)
            (void)cache_store_forget(m->store, buf_text(&prefix));
    }
    if (m->objects && bucket)
        cache_objects_forget(m->objects, row->bucket);
}

/* BUCKET/PREFIX/REPORT: the last piece is the report, what is between the prefix. */
static errint split_path(const char *path, const char *uri, struct cache_connection *row)
{
    size_t len = strlen(path);
    while (len && path[len - 1] == '/')
        len--;
    const char *slash = memchr(path, '/', len), *last = memrchr(path, '/', len);
    if (!slash || slash == path)
        return err_set(-EINVAL, "%s is not s3://BUCKET/PREFIX/REPORT", uri);
    const char *prefix = slash + 1;
    while (prefix < last && *prefix == '/')
        prefix++;
    const char *prefix_end = last;
    while (prefix_end > prefix && prefix_end[-1] == '/')
        prefix_end--;
    row->bucket = strndup(path, (size_t)(slash - path));
    row->prefix = strndup(prefix, prefix_end > prefix ? (size_t)(prefix_end - prefix) : 0);
    row->report = strndup(last + 1, len - (size_t)(last + 1 - path));
    row->name = strndup(last + 1, len - (size_t)(last + 1 - path));
    return row->bucket && row->prefix && row->report && row->name ? 0 : err_set(-ENOMEM, "no memory for %s", uri);
}

errint model_customer_parse_uri(const char *uri, struct cache_connection *ret)
{
    struct cache_connection row = {.direct = true, .connected = true, .revision = 1};
    if (strncmp(uri, "s3://", 5) != 0)
        return err_set(-EINVAL, "%s is not s3://BUCKET/PREFIX/REPORT", uri);
    errint e = split_path(uri + 5, uri, &row);
    char *handle = NULL;
    if (e == 0 && asprintf(&handle, "d-%016llx", (unsigned long long)hash_bytes(uri, strlen(uri))) < 0)
        e = err_set(-ENOMEM, "no memory for %s", uri);
    row.handle = e == 0 ? handle : NULL;
    char **empty[] = {&row.external_id, &row.principal,         &row.role_arn, &row.bucket_owner,
                      &row.notes,       &row.definition_prefix, &row.granted,  &row.last_error};
    for (size_t i = 0; e == 0 && i < sizeof empty / sizeof empty[0]; i++)
        e = copy_text(empty[i], empty[i] == &row.notes ? "{}" : empty[i] == &row.granted ? "[]" : "");
    if (e)
        cache_connection_done(&row);
    else
        *ret = row;
    return e;
}
