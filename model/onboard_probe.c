/* The table of permissions, in the order of the design: each row one request that changes nothing.
 *
 * A pass tries every row that is not granted; while some are refused or unproven and there is time, another pass follows
 * (a fresh role's policies arrive after its trust). A refusal by an explicit deny (a service control policy, a permissions
 * boundary) does not pass with time: it is not waited for. */
#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "aws/probes.h"
#include "aws/s3.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "model/onboard.h"
#include "model/trust.h"

#define PASS_PAUSE_MS 3000
#define ROWS_MAX 32

struct probing {
    struct model_step *step;
    struct aws_session *session;
    const struct cache_connection *row;
    char region[40];
    char vendor[64];
    char key[700]; /* of the customer's bucket: one that does not exist, under the report's prefix */
    char prefix[600];
    char folder[64];   /* data/HANDLE/ */
    bool vendor_ready; /* data/HANDLE/.ctfs-probe is there */
};

struct probe_row {
    const char *action;
    int where; /* 0: no bucket, 1: the customer's, 2: the vendor's */
    errint (*try_it)(const struct probing *p, const char *action, struct aws_probe *ret);
};

static struct cancel *cancel_of(const struct probing *p)
{
    return p->step->cancel;
}

static const char *bare(const char *action)
{
    return strchr(action, ':') + 1;
}

static errint try_cur(const struct probing *p, const char *action, struct aws_probe *ret)
{
    (void)action;
    return aws_cur_probe(p->session, cancel_of(p), ret);
}

static errint try_organizations(const struct probing *p, const char *action, struct aws_probe *ret)
{
    return aws_organizations_probe(p->session, bare(action), cancel_of(p), ret);
}

static errint try_ec2(const struct probing *p, const char *action, struct aws_probe *ret)
{
    (void)action;
    return aws_ec2_probe(p->session, p->region, cancel_of(p), ret);
}

static errint try_ecs(const struct probing *p, const char *action, struct aws_probe *ret)
{
    return aws_ecs_probe(p->session, p->region, bare(action), cancel_of(p), ret);
}

static errint try_eks(const struct probing *p, const char *action, struct aws_probe *ret)
{
    return aws_eks_probe(p->session, p->region, bare(action), cancel_of(p), ret);
}

static errint try_cloudwatch(const struct probing *p, const char *action, struct aws_probe *ret)
{
    (void)action;
    return aws_cloudwatch_probe(p->session, p->region, cancel_of(p), ret);
}

static errint try_location(const struct probing *p, const char *action, struct aws_probe *ret)
{
    (void)action;
    return aws_s3_probe(p->session, AWS_S3_PROBE_LOCATION, p->row->bucket, "", cancel_of(p), ret);
}

static errint try_list(const struct probing *p, const char *action, struct aws_probe *ret)
{
    (void)action;
    return aws_s3_probe(p->session, AWS_S3_PROBE_LIST, p->row->bucket, p->prefix, cancel_of(p), ret);
}

static errint try_get(const struct probing *p, const char *action, struct aws_probe *ret)
{
    (void)action;
    return aws_s3_probe(p->session, AWS_S3_PROBE_GET, p->row->bucket, p->key, cancel_of(p), ret);
}

static errint try_vendor_list(const struct probing *p, const char *action, struct aws_probe *ret)
{
    (void)action;
    return aws_s3_probe(p->session, AWS_S3_PROBE_LIST, p->vendor, p->folder, cancel_of(p), ret);
}

static errint try_vendor_put(const struct probing *p, const char *action, struct aws_probe *ret)
{
    char key[100];
    (void)action;
    if (!p->vendor_ready)
        return err_set(-EAGAIN, "not tried: ctfs could not write the object that the probe meets");
    (void)snprintf(key, sizeof key, "%s.ctfs-probe", p->folder);
    return aws_s3_probe(p->session, AWS_S3_PROBE_PUT_ACL, p->vendor, key, cancel_of(p), ret);
}

static const struct probe_row table[] = {
    {"cur:DescribeReportDefinitions", 0, try_cur},
    {"organizations:DescribeOrganization", 0, try_organizations},
    {"organizations:ListRoots", 0, try_organizations},
    {"ec2:DescribeInstances", 0, try_ec2},
    {"ecs:ListClusters", 0, try_ecs},
    {"ecs:ListServices", 0, try_ecs},
    {"ecs:ListTasks", 0, try_ecs},
    {"ecs:ListContainerInstances", 0, try_ecs},
    {"ecs:DescribeTasks", 0, try_ecs},
    {"eks:ListClusters", 0, try_eks},
    {"eks:DescribeCluster", 0, try_eks},
    {"cloudwatch:GetMetricData", 0, try_cloudwatch},
    {"s3:GetBucketLocation", 1, try_location},
    {"s3:ListBucket", 1, try_list},
    {"s3:GetObject", 1, try_get},
    {"s3:ListBucket", 2, try_vendor_list},
    {"s3:PutObject, s3:PutObjectAcl", 2, try_vendor_put},
};
#define TABLE_COUNT (sizeof table / sizeof table[0])

struct outcome {
    errint e;
    bool tried, for_good;
    struct aws_probe probe;
    int64_t at_unix;
    char message[300];
};

/* The vendor's object that a role's PUT must meet: then If-None-Match refuses the write, whoever may write. */
static void prepare_vendor(struct probing *p)
{
    char key[100];
    struct aws_s3_bucket bucket = {.name = p->vendor};
    if (!*p->vendor)
        return;
    (void)snprintf(key, sizeof key, "%s.ctfs-probe", p->folder);
    p->vendor_ready =
        aws_s3_put(p->step->m->caller, &bucket, key, "ctfs\n", 5, "text/plain", false, cancel_of(p), NULL) == 0;
}

static void prepare(struct probing *p)
{
    const char *regions = p->step->m->settings->regions;
    size_t len = regions ? strcspn(regions, ", ") : 0;
    (void)snprintf(p->region, sizeof p->region, "%.*s", (int)(len ? len : 39),
                   len ? regions : aws_session_region(p->session));
    if (!p->row->direct)
        model_row_note(p->row, "vendor_bucket", p->vendor, sizeof p->vendor);
    (void)snprintf(p->prefix, sizeof p->prefix, "%s%s", p->row->prefix, *p->row->prefix ? "/" : "");
    (void)snprintf(p->key, sizeof p->key, "%sctfs-probe", p->prefix);
    (void)snprintf(p->folder, sizeof p->folder, "data/%s/", p->row->handle);
    prepare_vendor(p);
}

/* "s3:ListBucket vendors-bucket": the same action is tried on two buckets. */
struct row_name {
    char text[200];
};

static struct row_name name_of(const struct probing *p, const struct probe_row *r)
{
    static const char none[] = "";
    const char *const buckets[] = {none, p->row->bucket, p->vendor};
    struct row_name name;
    (void)snprintf(name.text, sizeof name.text, "%s%s%s", r->action, r->where ? " " : "", buckets[r->where]);
    return name;
}

static bool applies(const struct probing *p, const struct probe_row *r)
{
    return r->where < 2 || *p->vendor;
}

/* Tries what is not granted yet; the number of those that time may bring, and their names. -EINTR ends it. */
static errint pass(const struct probing *p, struct outcome *out, size_t *ret_missing, struct buf *ret_names)
{
    *ret_missing = 0;
    buf_reset(ret_names);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        struct outcome *o = &out[i];
        struct row_name name = name_of(p, &table[i]);
        if (!applies(p, &table[i]) || (o->tried && (o->e == 0 || o->for_good)))
            continue;
        model_progress_say(p->step, "trying %s", name.text);
        o->probe = (struct aws_probe){.code = ""};
        o->message[0] = '\0';
        o->e = table[i].try_it(p, table[i].action, &o->probe);
        o->tried = true;
        o->at_unix = clock_wall_unix();
        if (o->e < 0)
            (void)snprintf(o->message, sizeof o->message, "%.*s", (int)utf8_fit(err_message(), sizeof o->message - 1),
                           err_message());
        o->for_good = o->e == -EACCES && model_trust_for_good(err_message());
        errint stop = cancel_check(cancel_of(p));
        if (stop < 0)
            return stop;
        /* The vendor's bucket names a role only after that is known: no waiting for it. */
        if (o->e == 0 || o->for_good || table[i].where == 2)
            continue;
        buf_printf(ret_names, "%s%s", *ret_missing ? "; " : "", name.text);
        (*ret_missing)++;
    }
    return 0;
}

static cJSON *row_of(const struct probing *p, const struct probe_row *r, const struct outcome *o)
{
    char when[CLOCK_ISO_SIZE];
    cJSON *row = cJSON_CreateObject();
    clock_format_iso(o->at_unix, when);
    cJSON_AddStringToObject(row, "action", name_of(p, r).text);
    cJSON_AddStringToObject(row, "granted", o->e == 0 ? "yes" : o->e == -EACCES ? "no" : "unknown");
    cJSON_AddStringToObject(row, "answer",
                            *o->probe.code ? o->probe.code
                            : o->e == 0    ? "ok"
                            : *o->message  ? o->message
                                           : err_name(o->e));
    cJSON_AddStringToObject(row, "time", when);
    cJSON_AddStringToObject(row, "request_id", o->probe.request_id);
    return row;
}

static errint print_rows(const struct probing *p, const struct outcome *out, char **ret)
{
    cJSON *rows cleanup(aws_json_deletep) = cJSON_CreateArray();
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (out[i].tried)
            cJSON_AddItemToArray(rows, row_of(p, &table[i], &out[i]));
    struct buf text cleanup_buf = BUF_INIT;
    aws_json_print_compact(&text, rows);
    errint e = buf_error(&text);
    if (e == 0)
        *ret = buf_steal(&text);
    return e;
}

errint model_probe_all(struct model_step *s, struct aws_session *session, const struct cache_connection *row,
                       int64_t wait_ms, char **ret_rows)
{
    struct probing p = {.step = s, .session = session, .row = row};
    struct outcome *out cleanup_free = calloc(TABLE_COUNT, sizeof *out);
    struct buf names cleanup_buf = BUF_INIT;
    size_t missing = 0;
    if (!out)
        return err_set(-ENOMEM, "no memory for the probes");
    prepare(&p);
    int64_t end_ns = clock_monotonic_ns() + wait_ms * CLOCK_NS_PER_MS;
    errint e = pass(&p, out, &missing, &names);
    for (unsigned n = 2; e == 0 && missing && clock_monotonic_ns() < end_ns; n++) {
        model_progress_say(s, "attempt %u: %zu permissions are not there yet: %s", n, missing, buf_text(&names));
        int64_t next_ns = clock_monotonic_ns() + PASS_PAUSE_MS * CLOCK_NS_PER_MS;
        e = cancel_sleep_until(s->cancel, next_ns < end_ns ? next_ns : end_ns);
        if (e == 0)
            e = pass(&p, out, &missing, &names);
    }
    return e ? e : print_rows(&p, out, ret_rows);
}

void model_probe_names(const char *rows, const char *which, struct buf *ret)
{
    cJSON *list cleanup(aws_json_deletep) = NULL;
    const cJSON *row;
    if (!rows || aws_json_parse(rows, strlen(rows), &list) < 0)
        return;
    cJSON_ArrayForEach (row, list) {
        const char *granted = aws_json_string(row, "granted"), *action = aws_json_string(row, "action");
        if (granted && action && strcmp(granted, which) == 0)
            buf_printf(ret, "%s%s", ret->len ? "; " : "", action);
    }
}
