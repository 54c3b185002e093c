/* Definition and manifest: either is enough to connect.
 *
 *   definition  manifest
 *   found       found      report=delivered
 *   found       none       report=waiting (the first delivery comes within 24 hours)
 *   none        found      definition=unreadable (a data-collection account holds a copy; or nobody may or can read it)
 *   none        none       -ENOENT; AWS's own failure when it did not answer about definitions
 */
#include <stdio.h>
#include <string.h>

#include "aws/cur.h"
#include "aws/json.h"
#include "aws/s3.h"
#include "base/cleanup.h"
#include "model/answer.h"
#include "model/layout.h"
#include "model/onboard.h"

#define MANIFEST_BYTES_MAX (64u << 20)
#define PERIODS_TRIED 3

static bool is_text(const cJSON *definition, const char *name, const char *wanted)
{
    const char *value = aws_json_string(definition, name);
    return value && strcmp(value, wanted) == 0;
}

static bool array_holds(const cJSON *definition, const char *name, const char *wanted)
{
    const cJSON *one;
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(definition, name))
        if (cJSON_IsString(one) && strcmp(one->valuestring, wanted) == 0)
            return true;
    return false;
}

static void differs(struct buf *to, const cJSON *definition, const char *name, const char *guide)
{
    const char *value = aws_json_string(definition, name);
    buf_printf(to, "%s%s is %s, the guide says %s", to->len ? "; " : "", name, value ? value : "not set", guide);
}

/* The guide's six settings (its step 2, numbers 1 to 3 and 5 to 7). */
static void compare_settings(const cJSON *d, struct buf *to)
{
    if (!array_holds(d, "AdditionalSchemaElements", "RESOURCES"))
        buf_puts(to, "AdditionalSchemaElements lacks RESOURCES, the guide says to include resource IDs");
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(d, "RefreshClosedReports")))
        buf_printf(to, "%sRefreshClosedReports is false, the guide says true", to->len ? "; " : "");
    if (!is_text(d, "TimeUnit", "DAILY"))
        differs(to, d, "TimeUnit", "DAILY");
    if (!is_text(d, "Format", "textORcsv"))
        differs(to, d, "Format", "textORcsv");
    if (!is_text(d, "Compression", "GZIP"))
        differs(to, d, "Compression", "GZIP");
    if (!is_text(d, "ReportVersioning", "OVERWRITE_REPORT"))
        differs(to, d, "ReportVersioning", "OVERWRITE_REPORT");
    if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(d, "AdditionalArtifacts")) > 0)
        buf_printf(to, "%sAdditionalArtifacts is not empty, the guide says no data integration", to->len ? "; " : "");
}

static bool is_ours(const cJSON *definition, const struct cache_connection *row)
{
    return is_text(definition, "ReportName", row->report) && is_text(definition, "S3Bucket", row->bucket);
}

/* What the definition says, into the row. */
static errint take_definition(struct cache_connection *row, const cJSON *d)
{
    struct buf differences cleanup_buf = BUF_INIT;
    const char *prefix = aws_json_string(d, "S3Prefix"), *region = aws_json_string(d, "S3Region");
    compare_settings(d, &differences);
    bool readable = is_text(d, "Format", "textORcsv") && is_text(d, "Compression", "GZIP");
    prefix = prefix ? prefix : "";
    size_t len = strlen(prefix);
    while (len && prefix[len - 1] == '/')
        len--;
    char *own cleanup_free = strndup(prefix, len);
    if (!own)
        return err_set(-ENOMEM, "no memory for a prefix");
    errint e = model_row_set(&row->definition_prefix, strcmp(own, row->prefix) == 0 ? "" : *own ? own : "/");
    if (e == 0)
        e = model_row_note_put(row, "definition", "found");
    if (e == 0)
        e = model_row_note_put(row, "differences", differences.len ? buf_text(&differences) : NULL);
    if (e == 0)
        e = model_row_note_put(row, "readable", readable ? NULL : "raw/ alone: the report is not gzip CSV");
    return e ? e : model_row_note_put(row, "bucket_region", region);
}

/* WHY: what kept the definitions from being read, code 0 when they were. */
static errint find_definition(struct model_step *s, struct aws_session *session, struct cache_connection *row,
                              bool *ret_found, struct err *why)
{
    cJSON *list cleanup(aws_json_deletep) = NULL;
    const cJSON *d;
    model_progress_say(s, "reading the report's definition");
    *ret_found = false;
    errint e = aws_cur_describe_report_definitions(session, s->cancel, &list);
    err_keep(why, e);
    if (e < 0)
        return cancel_check(s->cancel);
    cJSON_ArrayForEach (d, list) {
        if (is_ours(d, row)) {
            *ret_found = true;
            return take_definition(row, d);
        }
    }
    return 0;
}

/* Is there a manifest in FOLDER (a period's)? */
static errint try_period(struct model_step *s, struct aws_session *session, const struct aws_s3_bucket *bucket,
                         const char *root, const char *folder, struct cache_connection *row)
{
    char *key cleanup_free = NULL;
    struct aws_s3_body body = {0};
    errint e = model_layout_manifest_key(folder, row->report, &key);
    if (e < 0)
        return e;
    struct aws_s3_get in = {.key = key, .size_max = MANIFEST_BYTES_MAX};
    e = aws_s3_get(session, bucket, &in, s->cancel, &body);
    if (e < 0)
        return e;
    struct model_manifest manifest = {0};
    if (model_manifest_parse(buf_text(&body.data), body.data.len, root, folder, &manifest) == 0) {
        if (!manifest.gzip_csv)
            e = model_row_note_put(row, "readable", "raw/ alone: the report is not gzip CSV");
        model_manifest_done(&manifest);
    } else {
        e = model_row_note_put(row, "readable", "its newest manifest is none that ctfs can read");
    }
    aws_s3_body_done(&body);
    return e;
}

static errint try_root(struct model_step *s, struct aws_session *session, const struct aws_s3_bucket *bucket,
                       const char *root, struct cache_connection *row)
{
    struct aws_s3_listing listing = {0};
    char period[8];
    int tried = 0;
    errint e = aws_s3_list(session, bucket, root, "/", 0, s->cancel, &listing);
    if (e < 0)
        return e;
    e = err_set(-ENOENT, "s3://%s/%s holds no billing period", bucket->name, root);
    for (size_t i = listing.prefix_count; e == -ENOENT && i > 0 && tried < PERIODS_TRIED; i--) {
        if (!model_layout_period(root, listing.prefixes[i - 1], period))
            continue;
        tried++;
        e = try_period(s, session, bucket, root, listing.prefixes[i - 1], row);
    }
    aws_s3_listing_done(&listing);
    return e;
}

static errint find_manifest(struct model_step *s, struct aws_session *session, struct cache_connection *row)
{
    char account[13] = "";
    const char *at = strstr(row->role_arn, ":iam::");
    if (*row->bucket_owner)
        (void)snprintf(account, sizeof account, "%.12s", row->bucket_owner);
    else if (at)
        (void)snprintf(account, sizeof account, "%.12s", at + 6);
    struct aws_s3_bucket bucket = {.name = row->bucket, .owner = *account ? account : NULL};
    struct model_layout_roots roots = {.count = 0};
    model_progress_say(s, "looking for the report in s3://%s", row->bucket);
    errint e = model_layout_roots(*row->definition_prefix ? row->definition_prefix : row->prefix, row->report, &roots);
    if (e < 0)
        return e;
    e = -ENOENT;
    for (size_t i = 0; i < roots.count && e == -ENOENT; i++)
        e = try_root(s, session, &bucket, roots.roots[i], row);
    model_layout_roots_done(&roots);
    return e;
}

/* Neither was found; WHY as find_definition gives it. */
static errint found_neither(const struct cache_connection *row, const struct err *why)
{
    if (why->code && why->code != -EACCES && why->code != -EIO)
        return err_add(err_again(why), "the report %s's definition, and there is no manifest under its prefix '%s'",
                       row->report, row->prefix);
    return err_set(-ENOENT,
                   "there is neither a definition of the report %s in s3://%s nor a manifest under its prefix '%s'%s%s",
                   row->report, row->bucket, row->prefix, why->code ? "; definitions cannot be read: " : "",
                   why->code && why->message ? why->message : "");
}

static errint find_both(struct model_step *s, struct aws_session *session, struct cache_connection *row,
                        struct err *why)
{
    bool definition = false;
    errint e = find_definition(s, session, row, &definition, why);
    if (e < 0)
        return e;
    e = find_manifest(s, session, row);
    if (e < 0 && e != -ENOENT)
        return err_add(e, "the report %s in s3://%s", row->report, row->bucket);
    bool manifest = e == 0;
    if (!manifest && !definition)
        return found_neither(row, why);
    e = model_row_note_put(row, "report", manifest ? "delivered" : "waiting");
    if (e == 0 && !definition)
        e = model_row_note_put(row, "definition", "unreadable");
    return e;
}

errint model_onboard_report(struct model_step *s, struct aws_session *session, struct cache_connection *row)
{
    struct err why = {0};
    errint e = model_row_set(&row->definition_prefix, "");
    static const char *const keys[] = {"definition", "report", "differences", "readable"};
    for (size_t i = 0; e == 0 && i < sizeof keys / sizeof keys[0]; i++)
        e = model_row_note_put(row, keys[i], NULL);
    if (e == 0)
        e = find_both(s, session, row, &why);
    err_done(&why);
    return e;
}

void model_onboard_found(const struct cache_connection *row, struct buf *to)
{
    static const char *const keys[] = {"definition", "report", "differences", "readable"};
    struct buf refused cleanup_buf = BUF_INIT, unknown cleanup_buf = BUF_INIT;
    char value[1024];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        model_row_note(row, keys[i], value, sizeof value);
        model_answer_some(to, keys[i], value);
    }
    model_answer_some(to, "definition_prefix", row->definition_prefix);
    model_probe_names(row->granted, "no", &refused);
    model_probe_names(row->granted, "unknown", &unknown);
    model_answer_some(to, "refused", buf_text(&refused));
    model_answer_some(to, "unproven", buf_text(&unknown));
    model_row_note(row, "report", value, sizeof value);
    if (strcmp(value, "waiting") == 0)
        model_answer_add(to, "next", "AWS delivers a new report within 24 hours; nothing is left to do");
}
