/* Import is step 1 with an external ID that exists, then step 3 through the command itself: no role is kept as connected
 * that was not verified here. */
#include "model/transfer.h"

#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "model/onboard.h"
#include "model/template.h"

static const char *const members[] = {"connection",  "bucket",    "report",        "prefix",   "name",
                                      "external_id", "principal", "vendor_bucket", "role_arn", "bucket_owner"};
#define MEMBER_COUNT (sizeof members / sizeof members[0])

static void add_row(cJSON *list, const struct cache_connection *row)
{
    char vendor[64];
    model_row_note(row, "vendor_bucket", vendor, sizeof vendor);
    const char *values[MEMBER_COUNT] = {row->handle,   row->bucket,      row->report,    row->prefix,
                                        row->name,     row->external_id, row->principal, vendor,
                                        row->role_arn, row->bucket_owner};
    cJSON *o = cJSON_CreateObject();
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        cJSON_AddStringToObject(o, members[i], values[i] ? values[i] : "");
    if (row->direct)
        cJSON_AddStringToObject(o, "role", "none");
    cJSON_AddItemToArray(list, o);
}

/* Each row to EACH, then freed. */
static errint each_row(struct model *m, void (*each)(void *arg, const struct cache_connection *row), void *arg)
{
    struct cache_connection *rows = NULL;
    size_t count = 0;
    errint e = cache_state_list(m->state, &rows, &count);
    if (e < 0)
        return e;
    for (size_t i = 0; i < count; i++) {
        each(arg, &rows[i]);
        cache_connection_done(&rows[i]);
    }
    free(rows);
    return 0;
}

static void export_row(void *arg, const struct cache_connection *row)
{
    add_row(arg, row);
}

errint model_transfer_export(struct model *m, struct buf *ret)
{
    cJSON *list cleanup(aws_json_deletep) = cJSON_CreateArray();
    errint e = each_row(m, export_row, list);
    if (e < 0)
        return e;
    aws_json_print(ret, list);
    return buf_error(ret);
}

static void list_row(void *arg, const struct cache_connection *row)
{
    buf_printf(arg, "%s\t%s\t%s\ts3://%s/%s%s%s\t%s\n", row->handle, row->name, model_row_state(row), row->bucket,
               row->prefix, *row->prefix ? "/" : "", row->report, row->direct ? "none" : row->role_arn);
}

errint model_transfer_list(struct model *m, struct buf *ret)
{
    buf_puts(ret, "connection\tname\tstate\treport\trole\n");
    errint e = each_row(m, list_row, ret);
    return e ? e : buf_error(ret);
}

static const char *member(const cJSON *o, const char *name)
{
    const char *value = aws_json_string(o, name);
    return value ? value : "";
}

static errint add_pair(struct buf *text, const char *key, const char *value)
{
    buf_printf(text, "%s='", key);
    for (const char *p = value; *p; p++) {
        if (*p == '\'')
            buf_puts(text, "'\\''");
        else
            buf_putc(text, *p);
    }
    buf_puts(text, "' ");
    return buf_error(text);
}

/* Runs TEXT as `connect` would, its answer behind ANSWER's. */
static errint run_text(struct model_step *s, const struct buf *text, struct buf *answer)
{
    struct model_command command = {0};
    struct buf own cleanup_buf = BUF_INIT;
    errint e = model_command_parse(buf_text(text), text->len, &command);
    if (e < 0)
        return e;
    e = model_command_run(s->m, &command, s->cancel, s->progress, s->arg, &own);
    model_command_done(&command);
    buf_puts(answer, buf_text(&own));
    return e;
}

/* What an export does not say stays as it is. */
static errint take(char **text, const cJSON *o, const char *name)
{
    return *member(o, name) ? model_row_set(text, member(o, name)) : 0;
}

/* The row as exported, pending. */
static errint keep(struct model_step *s, const cJSON *o, struct cache_connection *row)
{
    const char *id = member(o, "external_id"), *vendor = member(o, "vendor_bucket");
    if (*row->external_id && strcmp(row->external_id, id) != 0)
        return err_set(-EEXIST, "%s has another external ID already", row->handle);
    if (strlen(id) < 2 || strlen(id) > 1224 ||
        strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@:/-") != strlen(id))
        return err_set(-EINVAL, "%s: external_id is not one", row->handle);
    errint e = *vendor ? model_template_check_bucket("vendor_bucket", vendor) : 0;
    if (e == 0 && *member(o, "principal"))
        e = model_template_check_principal(member(o, "principal"));
    if (e == 0)
        e = model_row_set(&row->external_id, id);
    if (e == 0)
        e = take(&row->principal, o, "principal");
    if (e == 0 && *vendor)
        e = model_row_note_put(row, "vendor_bucket", vendor);
    return e ? e : cache_state_put(s->m->state, row);
}

/* The row of O's triple with O's name and owner, and what KEEP takes. Under the connection's lock. */
static errint keep_locked(struct model_step *s, const cJSON *o, struct cache_connection *row)
{
    struct cache_connection found = {0};
    errint e = model_onboard_row_of(s, member(o, "bucket"), member(o, "report"), member(o, "prefix"), &found);
    if (e == 0 && *member(o, "name"))
        e = model_onboard_check_name(s->m, member(o, "name"), found.handle);
    if (e == 0)
        e = take(&found.name, o, "name");
    if (e == 0)
        e = take(&found.bucket_owner, o, "bucket_owner");
    if (e == 0)
        e = keep(s, o, &found);
    cache_connection_done(row);
    *row = found;
    return e;
}

static errint import_role(struct model_step *s, const cJSON *o, struct buf *answer)
{
    struct buf text cleanup_buf = BUF_INIT;
    struct cache_connection row = {0};
    struct cache_state_lock *lock = NULL;
    errint e = model_onboard_row_of(s, member(o, "bucket"), member(o, "report"), member(o, "prefix"), &row);
    if (e == 0)
        e = cache_state_lock(s->m->state, row.handle, &lock);
    if (e == 0)
        e = keep_locked(s, o, &row);
    cache_state_unlock(lock);
    if (e == 0 && *member(o, "role_arn")) {
        (void)add_pair(&text, "connection", row.handle);
        (void)add_pair(&text, "wait", "0");
        e = add_pair(&text, "role_arn", member(o, "role_arn"));
        if (e == 0)
            e = run_text(s, &text, answer);
    }
    cache_connection_done(&row);
    return e;
}

static errint import_direct(struct model_step *s, const cJSON *o, struct buf *answer)
{
    struct buf text cleanup_buf = BUF_INIT;
    for (size_t i = 1; i < 4; i++)
        (void)add_pair(&text, members[i], member(o, members[i]));
    if (*member(o, "name"))
        (void)add_pair(&text, "name", member(o, "name"));
    if (*member(o, "bucket_owner"))
        (void)add_pair(&text, "bucket_owner", member(o, "bucket_owner"));
    errint e = add_pair(&text, "role", "none");
    return e ? e : run_text(s, &text, answer);
}

/* Each has an answer of its own: one that fails takes no other's away, and one that is only kept has none. */
static errint import_one(struct model_step *s, const cJSON *o, struct buf *answer)
{
    struct buf own cleanup_buf = BUF_INIT;
    errint e = strcmp(member(o, "role"), "none") == 0 ? import_direct(s, o, &own) : import_role(s, o, &own);
    if (own.len && answer->len)
        buf_putc(answer, '\n');
    buf_append(answer, buf_text(&own), own.len);
    return e;
}

errint model_transfer_import(struct model *m, const char *text, size_t len, struct cancel *cancel,
                             void (*progress)(void *arg, const char *line), void *arg, struct buf *answer)
{
    struct model_step s = {.m = m, .cancel = cancel, .progress = progress, .arg = arg, .answer = answer};
    cJSON *list cleanup(aws_json_deletep) = NULL;
    const cJSON *o;
    if (aws_json_parse(text, len, &list) < 0 || !cJSON_IsArray(list))
        return err_set(-EINVAL, "not a JSON array of connections");
    errint first = 0;
    struct err kept = {0};
    cJSON_ArrayForEach (o, list) {
        errint e = import_one(&s, o, answer);
        if (e < 0 && !first) {
            first = e;
            err_keep(&kept, e);
        }
    }
    if (first)
        (void)err_again(&kept);
    err_done(&kept);
    return first;
}
