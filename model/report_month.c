/* The small files of a month: columns.tsv from the header of its first part that has one (the header is the truth: manifests
 * name fewer columns in another order), with the manifest's types where it has them; month.json.
 *
 * month.json says an invoice is "final" only of a month that is over, when every row at the beginnings of its parts carries
 * an invoice's ID; "estimated" while the month runs or when one of those rows has none; else "unknown". Currencies are those
 * at the beginnings of all its parts, rows the records of parts that were all small enough to be seen whole: both
 * come of the look at each part that its size needs anyway, and are left out when it did not tell.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "model/csv.h"
#include "model/layout.h"
#include "model/report_facts.h"

static const char *type_of(const struct model_manifest *manifest, const char *name, size_t len)
{
    for (size_t i = 0; i < manifest->column_count; i++)
        if (strlen(manifest->columns[i]) == len && memcmp(manifest->columns[i], name, len) == 0)
            return manifest->types[i];
    return "";
}

static void put_columns(const struct model_csv *csv, const struct model_manifest *manifest, struct buf *ret)
{
    buf_puts(ret, "position\tname\ttype\n");
    for (size_t i = 0; i < csv->cell_count; i++) {
        size_t len;
        const char *name = model_csv_cell(csv, i, &len);
        buf_printf(ret, "%zu\t", i + 1);
        for (size_t k = 0; k < len; k++)
            buf_putc(ret, strchr("\t\n\r", name[k]) ? ' ' : name[k]);
        buf_printf(ret, "\t%s\n", type_of(manifest, name, len));
    }
}

static errint put_header(const struct model_month *m, const char *header, struct buf *ret)
{
    struct model_manifest manifest = {0};
    struct model_csv csv cleanup(model_csv_done);
    size_t used = 0, len = strlen(header);
    bool record = false;
    model_csv_init(&csv);
    errint e = model_manifest_parse(m->manifest, m->manifest_len, m->root, m->folder, &manifest);
    if (e == 0 && len)
        e = model_csv_feed(&csv, header, len, &used, &record);
    if (e == 0 && len && !record)
        e = model_csv_end(&csv, &record);
    if (e == 0)
        put_columns(&csv, &manifest, ret);
    model_manifest_done(&manifest);
    return e ? e : buf_error(ret);
}

static errint columns_tsv(struct model_customer *c, const struct model_month *m, struct buf *ret, struct waiter *w)
{
    struct model_asking asking = {.waiter = w};
    if (!m->readable)
        return err_set(-ENOENT, "%s is not delivered as gzip CSV: see raw/%s", m->period, m->period);
    size_t unread = m->part_count;
    for (size_t i = 0; i < m->part_count; i++) {
        struct cache_fact fact cleanup(cache_fact_done) = {0};
        errint e = model_facts_get(c, m->period, &m->parts[i], &asking, &fact);
        if (e)
            return e;
        if (fact.header && *fact.header)
            return put_header(m, fact.header, ret);
        if (fact.header_bytes < 0)
            unread = i;
    }
    if (unread < m->part_count)
        return err_set(-EIO, "%s has no header that can be read", m->parts[unread].key);
    return put_header(m, "", ret);
}

/* When the month after PERIOD begins: midnight UTC. */
static int64_t end_of(const char *period)
{
    struct tm tm = {.tm_mday = 1};
    if (sscanf(period, "%4d-%2d", &tm.tm_year, &tm.tm_mon) != 2)
        return 0;
    tm.tm_year -= 1900; /* and tm_mon counts from 0, so that it is the next month already */
    return (int64_t)timegm(&tm);
}

#define PARALLEL_MAX 32

/* Every part was looked at, several at once; one that cannot be read is passed over. */
static errint need_parts(struct model_customer *c, const struct model_month *m, struct waiter *w)
{
    struct model_asking asking = {.waiter = w};
    size_t missing = 0;
    for (size_t i = 0; m->readable && i < m->part_count && missing < PARALLEL_MAX; i++) {
        struct cache_fact fact cleanup(cache_fact_done) = {0};
        errint e = model_facts_get(c, m->period, &m->parts[i], &asking, &fact);
        if (e == -EAGAIN)
            missing++;
        else if (e && e != -EIO)
            return e;
    }
    return missing ? -EAGAIN : 0;
}

static const char *invoice_of(struct model_customer *c, const struct model_month *m, bool complete)
{
    if (!complete)
        return "estimated";
    return m->readable ? model_sample_invoice(c, m) : "unknown";
}

static void add_currencies(struct model_customer *c, const struct model_month *m, cJSON *json)
{
    struct buf words cleanup_buf = BUF_INIT;
    int64_t rows;
    model_sample_month(c, m, &words, &rows);
    cJSON *list = words.len ? cJSON_AddArrayToObject(json, "currencies") : NULL;
    for (const char *at = buf_text(&words); list && *at; at += 3, at += *at == ',') {
        char code[4] = {at[0], at[1], at[2], '\0'};
        cJSON_AddItemToArray(list, cJSON_CreateString(code));
    }
    if (m->readable && rows >= 0)
        cJSON_AddNumberToObject(json, "rows", (double)rows);
}

static errint month_json(struct model_customer *c, const struct model_month *m, struct buf *ret, struct waiter *w)
{
    cJSON *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    bool complete = clock_wall_unix() >= end_of(m->period);
    char delivered[CLOCK_ISO_SIZE];
    errint e = need_parts(c, m, w);
    if (e)
        return e;
    clock_format_iso(m->manifest_unix, delivered);
    cJSON_AddStringToObject(json, "period", m->period);
    cJSON_AddStringToObject(json, "delivered", delivered);
    cJSON_AddBoolToObject(json, "complete", complete);
    cJSON_AddStringToObject(json, "invoice", invoice_of(c, m, complete));
    add_currencies(c, m, json);
    cJSON_AddStringToObject(json, "layout", m->layout);
    cJSON_AddNumberToObject(json, "parts", (double)m->part_count);
    aws_json_print(ret, json);
    return buf_error(ret);
}

errint model_month_file(struct model_customer *c, struct model_month *m, enum model_month_file which, struct buf *ret,
                        int64_t *ret_floor_ns, struct waiter *w)
{
    errint e = which == MODEL_MONTH_JSON ? month_json(c, m, ret, w) : columns_tsv(c, m, ret, w);
    if (e == 0)
        *ret_floor_ns = m->manifest_unix * CLOCK_NS_PER_S;
    return e;
}
