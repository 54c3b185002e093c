/* Step 1: the triple names a connection for ever, and with it its external ID; everything the customer needs follows from
 * the row. The row is put before anything of it is shown; the template is published afterwards, and where that fails the
 * file beside it serves. */
#include "model/onboard.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "aws/endpoint.h"
#include "aws/sts.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "model/answer.h"
#include "model/policies.h"
#include "model/template.h"

#define NAME_BYTES_MAX 128
#define CONSOLE_URL_MAX 1024

/* The name in arn:PARTITION:s3:::NAME. No role of one partition can be assumed from another, so that an ARN of any but
 * ours could never be connected. */
static errint name_of_arn(const char *arn, const char *partition, const char **ret)
{
    char ours[64];
    size_t len = (size_t)snprintf(ours, sizeof ours, "arn:%s:s3:::", partition);
    const char *name = strstr(arn, ":s3:::");
    if (!name)
        return err_set(-EINVAL, "bucket '%.120s' is not the ARN of an S3 bucket", arn);
    if (strncmp(arn, ours, len) != 0)
        return err_set(-EINVAL, "bucket '%.120s' is of another partition than %s, which ctfs's region is of", arn,
                       partition);
    *ret = arn + len;
    return 0;
}

/* B of B, s3://B, s3://B/ or arn:PARTITION:s3:::B. */
static errint read_bucket(const char *text, const char *partition, char **ret)
{
    const char *name = text;
    errint e = 0;
    if (strncmp(text, "s3://", 5) == 0)
        name = text + 5;
    else if (strncmp(text, "arn:", 4) == 0)
        e = name_of_arn(text, partition, &name);
    if (e < 0)
        return e;
    char *bucket cleanup_free = strdup(name);
    if (!bucket)
        return err_set(-ENOMEM, "no memory for a bucket");
    size_t len = strlen(bucket);
    if (name == text + 5 && len && bucket[len - 1] == '/')
        bucket[len - 1] = '\0';
    e = model_template_check_bucket("bucket", bucket);
    if (e == 0)
        *ret = steal_ptr(&bucket);
    return e;
}

static errint check_report(const char *report)
{
    bool good =
        *report && strlen(report) <= 256 && strcmp(report, ".") != 0 && strcmp(report, "..") != 0 &&
        strspn(report, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!-_.*'()") == strlen(report);
    return good ? 0 : err_set(-EINVAL, "report '%.80s' is not the name of a cost and usage report", report);
}

static bool is_utf8(const char *text)
{
    for (size_t len = strlen(text), n; len; text += n, len -= n)
        if ((n = utf8_len(text, len)) == 0)
            return false;
    return true;
}

static errint read_prefix(const char *text, char **ret)
{
    while (*text == '/')
        text++;
    size_t len = strlen(text);
    while (len && text[len - 1] == '/')
        len--;
    if (len > 256)
        return err_set(-EINVAL, "prefix: a report's prefix has at most 256 bytes");
    if (!is_utf8(text))
        return err_set(-EINVAL, "prefix: not UTF-8, which every key of S3 is");
    *ret = strndup(text, len);
    return *ret ? 0 : err_set(-ENOMEM, "no memory for a prefix");
}

errint model_onboard_check_name(struct model *m, const char *name, const char *handle)
{
    if (!*name || strlen(name) > NAME_BYTES_MAX || !is_utf8(name) || strcmp(name, "*") == 0)
        return err_set(-EINVAL, "name: 1 to %d bytes of UTF-8, and not *", NAME_BYTES_MAX);
    struct cache_connection other = {0};
    if (model_row_find(m, name, &other) < 0)
        return 0;
    bool same = strcmp(other.handle, handle) == 0;
    errint e = same ? 0 : err_set(-EEXIST, "the name '%s' is in use by %s", name, other.handle);
    cache_connection_done(&other);
    return e;
}

/* 160 random bits. */
static errint random_id(char ret[41])
{
    unsigned char bytes[20];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return err_set(-EIO, "no random bytes for an external ID");
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static errint fix_principal(struct model *m, struct cache_connection *row, struct cancel *c)
{
    if (*row->principal)
        return 0;
    if (m->settings->principal) {
        errint e = model_template_check_principal(m->settings->principal);
        return e ? e : model_row_set(&row->principal, m->settings->principal);
    }
    struct aws_identity who = {0};
    errint e = aws_sts_get_caller_identity(m->caller, c, &who);
    if (e < 0)
        return err_add(e, "the principal is not known: set `principal`, or give ctfs credentials to ask AWS for it");
    e = model_row_set(&row->principal, who.account);
    aws_identity_done(&who);
    return e;
}

/* Once, together with the principal: a template that a customer holds must not change. */
static errint fix_places(struct model *m, struct cache_connection *row)
{
    char partition[32];
    model_row_note(row, "partition", partition, sizeof partition);
    errint e = 0;
    if (!*partition)
        e = model_row_note_put(row, "partition", aws_endpoint_partition(aws_session_region(m->caller)));
    if (e == 0 && m->settings->vendor_bucket)
        e = model_template_check_bucket("vendor_bucket", m->settings->vendor_bucket);
    return e ? e : model_row_note_put(row, "vendor_bucket", m->settings->vendor_bucket);
}

errint model_onboard_fix(struct model *m, struct cache_connection *row, struct cancel *c)
{
    bool fresh = !*row->principal || row->direct;
    errint e = 0;
    if (row->direct)
        e = model_row_set(&row->principal, "");
    if (e == 0 && fresh)
        e = fix_places(m, row);
    if (e == 0)
        e = fix_principal(m, row, c);
    if (e == 0 && !*row->external_id) {
        char id[41];
        e = random_id(id);
        if (e == 0)
            e = model_row_set(&row->external_id, id);
    }
    return e;
}

/* The row of the triple if there is one (true); else its handle, longer than 8 digits where another triple has those. */
static bool find_triple(const struct cache_connection *rows, size_t count, struct cache_connection *row, size_t *ret)
{
    char text[1024], hex[40];
    int n = snprintf(text, sizeof text, "%s\n%s\n%s", row->bucket, row->report, row->prefix);
    struct hash128 h = hash128_bytes(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    (void)snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)h.a, (unsigned long long)h.b);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].bucket, row->bucket) == 0 && strcmp(rows[i].report, row->report) == 0 &&
            strcmp(rows[i].prefix, row->prefix) == 0) {
            *ret = i;
            return true;
        }
    }
    for (int digits = 8; digits <= 32; digits++) {
        char handle[40];
        (void)snprintf(handle, sizeof handle, "c-%.*s", digits, hex);
        bool taken = false;
        for (size_t i = 0; i < count; i++)
            taken |= strcmp(rows[i].handle, handle) == 0;
        if (!taken) {
            (void)model_row_set(&row->handle, handle);
            break;
        }
    }
    return false;
}

static errint load_row(struct model *m, struct cache_connection *row)
{
    struct cache_connection *rows = NULL;
    size_t count = 0, found = SIZE_MAX;
    errint e = cache_state_list(m->state, &rows, &count);
    if (e < 0)
        return e;
    (void)find_triple(rows, count, row, &found);
    for (size_t i = 0; i < count; i++) {
        if (i != found) {
            cache_connection_done(&rows[i]);
            continue;
        }
        cache_connection_done(row);
        *row = rows[i];
    }
    free(rows);
    return 0;
}

static errint init_row(const char *partition, const char *bucket, const char *report, const char *prefix,
                       struct cache_connection *row)
{
    char **const texts[] = {&row->handle,   &row->name,         &row->external_id,       &row->principal,
                            &row->role_arn, &row->bucket_owner, &row->definition_prefix, &row->last_error,
                            &row->report};
    errint e = 0;
    for (size_t i = 0; e == 0 && i < sizeof texts / sizeof texts[0]; i++)
        e = model_row_set(texts[i], "");
    if (e == 0)
        e = model_row_set(&row->notes, "{}");
    if (e == 0)
        e = model_row_set(&row->granted, "[]");
    if (e == 0)
        e = read_bucket(bucket, partition, &row->bucket);
    if (e == 0)
        e = check_report(report);
    if (e == 0)
        e = model_row_set(&row->report, report);
    if (e == 0)
        e = read_prefix(prefix, &row->prefix);
    if (e == 0)
        e = model_row_note_put(row, "partition", partition);
    row->created_unix = clock_wall_unix();
    return e;
}

static errint take_options(struct model_step *s, struct cache_connection *row)
{
    const char *name = model_command_value(s->command, "name");
    const char *owner = model_command_value(s->command, "bucket_owner");
    errint e = 0;
    if (owner && (strlen(owner) != 12 || strspn(owner, "0123456789") != 12))
        return err_set(-EINVAL, "bucket_owner '%.40s' is not an account: 12 digits", owner);
    if (name)
        e = model_onboard_check_name(s->m, name, row->handle);
    if (e == 0 && name)
        e = model_row_set(&row->name, name);
    if (e == 0 && owner)
        e = model_row_set(&row->bucket_owner, owner);
    return e;
}

static void percent(struct buf *to, const char *text)
{
    for (const char *p = text; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') || strchr("-_.~", *p);
        if (plain)
            buf_putc(to, *p);
        else
            buf_printf(to, "%%%02X", (unsigned char)*p);
    }
}

/* Where a partition's console is. */
static const char *console_of(const char *partition)
{
    if (strcmp(partition, "aws-cn") == 0)
        return "amazonaws.cn";
    return strcmp(partition, "aws-us-gov") == 0 ? "amazonaws-us-gov.com" : "aws.amazon.com";
}

/* AWS CloudFormation user guide, "Quick-create links". */
static void add_quick_create(struct buf *to, const char *region, const char *url, const char *stack)
{
    struct buf link cleanup_buf = BUF_INIT;
    buf_printf(&link, "https://%s.console.%s/cloudformation/home?region=%s#/stacks/create/review?templateURL=", region,
               console_of(aws_endpoint_partition(region)), region);
    percent(&link, url);
    buf_printf(&link, "&stackName=%s", stack);
    model_answer_add(to, "quick_create", buf_text(&link));
}

static void add_url(struct model *m, const char *url, int64_t expires_unix, const char *stack, struct buf *to)
{
    char when[CLOCK_ISO_SIZE];
    clock_format_iso(expires_unix, when);
    model_answer_add(to, "template_url", url);
    model_answer_add(to, "template_url_expires", when);
    if (strlen(url) > CONSOLE_URL_MAX)
        model_answer_addf(to, "template_url_note",
                          "%zu characters: the console takes at most %d; use template_file instead", strlen(url),
                          CONSOLE_URL_MAX);
    add_quick_create(to, aws_session_region(m->caller), url, stack);
}

void model_onboard_lines(struct model *m, const struct cache_connection *row, const char *url, int64_t expires_unix,
                         const char *error, struct buf *to)
{
    char partition[32], stack[64];
    char *path cleanup_free = NULL;
    struct buf line cleanup_buf = BUF_INIT, uri cleanup_buf = BUF_INIT;
    model_row_partition(row, partition, sizeof partition);
    (void)snprintf(stack, sizeof stack, "ctfs-%s", row->handle + (strncmp(row->handle, "c-", 2) == 0 ? 2 : 0));
    model_answer_add(to, "external_id", row->external_id);
    model_answer_addf(to, "customer_bucket_arn", "arn:%s:s3:::%s", partition, row->bucket);
    model_answer_add(to, "principal", row->principal);
    if (model_onboard_template_file(m, row, &path) < 0) {
        model_answer_add(to, "template_file_error", err_message());
    } else {
        model_answer_add(to, "template_file", path);
        buf_printf(&uri, "file://%s", path);
        buf_printf(&line, "aws cloudformation create-stack --stack-name %s --template-body ", stack);
        model_answer_word(&line, buf_text(&uri));
        buf_puts(&line, " --capabilities CAPABILITY_IAM");
    }
    if (url)
        add_url(m, url, expires_unix, stack, to);
    model_answer_some(to, "template_url_error", error);
    model_answer_some(to, "create_stack", buf_text(&line));
    model_answer_addf(to, "next",
                      "in the customer's account: %s; then write its output CrossAccountRoleArn back: connection=%s "
                      "role_arn=ARN",
                      line.len ? buf_text(&line) : "create the stack of policies/template.json", row->handle);
}

static void answer_pending(struct model_step *s, const struct cache_connection *row)
{
    char vendor[64];
    char *url cleanup_free = NULL;
    int64_t expires_unix = 0;
    struct buf error cleanup_buf = BUF_INIT;
    model_row_note(row, "vendor_bucket", vendor, sizeof vendor);
    if (*vendor && model_onboard_publish(s->m, row, s->cancel, &url, &expires_unix) < 0)
        buf_puts(&error, err_message());
    model_onboard_lines(s->m, row, url, expires_unix, buf_text(&error), s->answer);
}

static void answer_state(struct model_step *s, const struct cache_connection *row)
{
    model_answer_add(s->answer, "connection", row->handle);
    model_answer_some(s->answer, "name", row->name);
    model_answer_add(s->answer, "state", model_row_state(row));
}

static errint begin_role(struct model_step *s, struct cache_connection *row)
{
    bool was_direct = row->direct;
    errint e = model_onboard_fix(s->m, row, s->cancel);
    if (e == 0 && was_direct) {
        row->direct = row->connected = false;
        e = model_row_set(&row->granted, "[]");
    }
    if (e == 0 && !row->connected)
        e = model_row_set(&row->last_error, "");
    if (e == 0)
        e = cache_state_put(s->m->state, row);
    if (e < 0)
        return e;
    answer_state(s, row);
    answer_pending(s, row);
    model_policies_answer(s->m, row, s->answer);
    return 0;
}

/* What works is not replaced by a command that does not name it. */
static errint check_mode(const struct cache_connection *row, bool direct)
{
    if (!row->connected || row->direct == direct)
        return 0;
    return err_set(-EEXIST, "%s is connected %s: disconnect=%s first", row->handle,
                   row->direct ? "without a role" : "by its role", row->handle);
}

static errint begin_locked(struct model_step *s, struct cache_connection *row, bool direct)
{
    struct cache_state_lock *lock = NULL;
    errint e = cache_state_lock(s->m->state, row->handle, &lock);
    if (e < 0)
        return e;
    e = load_row(s->m, row);
    if (e == 0)
        e = check_mode(row, direct);
    if (e == 0)
        e = take_options(s, row);
    model_progress_begin(s, row->handle);
    if (e == 0)
        e = direct ? model_onboard_direct(s, row) : begin_role(s, row);
    if (e < 0)
        model_row_failed(s->m, row->handle, e);
    model_progress_end(s);
    cache_state_unlock(lock);
    return e;
}

errint model_onboard_row_of(struct model_step *s, const char *bucket, const char *report, const char *prefix,
                            struct cache_connection *ret)
{
    errint e = init_row(aws_endpoint_partition(aws_session_region(s->m->caller)), bucket, report, prefix, ret);
    return e ? e : load_row(s->m, ret);
}

errint model_onboard_begin(struct model_step *s)
{
    struct cache_connection row = {0};
    const char *role = model_command_value(s->command, "role");
    if (role && strcmp(role, "none") != 0)
        return err_set(-EINVAL, "role= takes none alone; a role's ARN is role_arn=, once the customer made it");
    errint e =
        model_onboard_row_of(s, model_command_value(s->command, "bucket"), model_command_value(s->command, "report"),
                             model_command_value(s->command, "prefix"), &row);
    if (e == 0)
        e = begin_locked(s, &row, role != NULL);
    cache_connection_done(&row);
    return e;
}
