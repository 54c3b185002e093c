/* Columns are found by name in each part: product/regionCode (newer reports), product/region, else
 * lineItem/AvailabilityZone less its letter; lineItem/CurrencyCode; bill/InvoiceId. The last record of a beginning may be cut: it is not counted.
 *
 *   mark H/regions           "eu-west-1,us-east-1": all that was ever learnt
 *   mark sample/FACT         "whole=1 invoice=1 rows=100 billed=0 currencies=USD"
 */
#include "model/report_sample.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/csv.h"

#define WORDS_MAX 200
#define REGION_LEN_MAX 32

/* "us-east-1", "us-gov-west-1", "ap-southeast-2". */
bool model_sample_is_region(const char *text)
{
    size_t len = strlen(text);
    if (len < 9 || len > REGION_LEN_MAX || !isdigit((unsigned char)text[len - 1]) || text[len - 2] != '-')
        return false;
    size_t dashes = 0;
    for (size_t i = 0; i < len - 1; i++) {
        if (text[i] == '-')
            dashes++;
        else if (!islower((unsigned char)text[i]))
            return false;
    }
    return dashes >= 2 && text[0] != '-' && !strstr(text, "--");
}

void model_sample_add(struct buf *list, const char *word)
{
    struct buf next cleanup_buf = BUF_INIT;
    size_t len = strlen(word), count = 0;
    bool placed = false;
    for (const char *at = buf_text(list); *at;) {
        size_t one = strcspn(at, ",");
        int order = strncmp(at, word, one > len ? one : len);
        if (order == 0 && one == len)
            return;
        if (!placed && order > 0) {
            buf_printf(&next, "%s%s", next.len ? "," : "", word);
            placed = true;
        }
        buf_printf(&next, "%s%.*s", next.len ? "," : "", (int)one, at);
        count++;
        at += one;
        at += *at == ',';
    }
    if (!placed)
        buf_printf(&next, "%s%s", next.len ? "," : "", word);
    if (count >= WORDS_MAX || buf_error(&next))
        return;
    buf_reset(list);
    buf_append(list, next.data, next.len);
}

struct columns {
    long code, region, zone, invoice, currency;
};

static void find_columns(const struct model_csv *csv, struct columns *ret)
{
    ret->code = model_csv_find(csv, "product/regionCode");
    ret->region = model_csv_find(csv, "product/region");
    ret->zone = model_csv_find(csv, "lineItem/AvailabilityZone");
    ret->invoice = model_csv_find(csv, "bill/InvoiceId");
    ret->currency = model_csv_find(csv, "lineItem/CurrencyCode");
}

/* The cell as a text; false when it is empty, too long or not there. */
static bool cell_text(const struct model_csv *csv, long index, char ret[REGION_LEN_MAX + 2])
{
    size_t len = 0;
    if (index < 0 || (size_t)index >= csv->cell_count)
        return false;
    const char *cell = model_csv_cell(csv, (size_t)index, &len);
    if (len == 0 || len > REGION_LEN_MAX + 1)
        return false;
    memcpy(ret, cell, len);
    ret[len] = '\0';
    return true;
}

static void note_region(const struct model_csv *csv, const struct columns *at, struct model_sample *s)
{
    char text[REGION_LEN_MAX + 2];
    bool found = (cell_text(csv, at->code, text) && model_sample_is_region(text)) ||
                 (cell_text(csv, at->region, text) && model_sample_is_region(text));
    if (!found && cell_text(csv, at->zone, text)) {
        size_t len = strlen(text);
        if (len > 1 && islower((unsigned char)text[len - 1]))
            text[len - 1] = '\0';
        found = model_sample_is_region(text);
    }
    if (found)
        model_sample_add(&s->regions, text);
}

/* ISO 4217: three capital letters. */
static void note_currency(const struct model_csv *csv, const struct columns *at, struct model_sample *s)
{
    char text[REGION_LEN_MAX + 2];
    if (cell_text(csv, at->currency, text) && strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
        model_sample_add(&s->currencies, text);
}

static void note_row(const struct model_csv *csv, const struct columns *at, struct model_sample *s)
{
    size_t len = 0;
    s->rows++;
    if (at->invoice >= 0 && (size_t)at->invoice < csv->cell_count) {
        (void)model_csv_cell(csv, (size_t)at->invoice, &len);
        s->billed_rows += len > 0;
    }
    note_region(csv, at, s);
    note_currency(csv, at, s);
}

errint model_sample_take(const char *plain, size_t len, bool whole, struct model_sample *ret)
{
    struct model_csv csv cleanup(model_csv_done);
    struct columns at = {-1, -1, -1, -1, -1};
    struct model_sample s = {.regions = BUF_INIT, .currencies = BUF_INIT, .whole = whole};
    model_csv_init(&csv);
    bool more = true;
    while (more) {
        size_t used = 0;
        bool record = false;
        errint e = len ? model_csv_feed(&csv, plain, len, &used, &record) : 0;
        if (e == 0 && len == 0 && whole)
            e = model_csv_end(&csv, &record);
        s.whole &= e == 0;
        more = e == 0 && len > 0;
        plain += used;
        len -= used;
        if (!record)
            continue;
        if (csv.records == 1)
            find_columns(&csv, &at);
        else
            note_row(&csv, &at, &s);
    }
    s.has_invoice_column = at.invoice >= 0;
    *ret = s;
    return 0;
}

void model_sample_done(struct model_sample *s)
{
    buf_done(&s->regions);
    buf_done(&s->currencies);
}

static void add_all(struct buf *list, const char *words)
{
    for (const char *at = words; *at;) {
        size_t len = strcspn(at, ",");
        char *word cleanup_free = strndup(at, len);
        if (word && len)
            model_sample_add(list, word);
        at += len;
        at += *at == ',';
    }
}

static errint keep_regions(struct model_customer *c, const struct model_sample *s)
{
    struct buf mark cleanup_buf = BUF_INIT, known cleanup_buf = BUF_INIT;
    buf_printf(&mark, "%sregions", c->scope);
    errint e = cache_store_mark(c->model->store, buf_text(&mark), &known);
    if (e && e != -ENOENT)
        return e;
    size_t before = known.len;
    add_all(&known, buf_text(&s->regions));
    if ((e = buf_error(&known)))
        return e;
    return known.len == before ? 0 : cache_store_mark_put(c->model->store, buf_text(&mark), buf_text(&known));
}

errint model_sample_keep(struct model_customer *c, const char *fact_name, const struct model_sample *s)
{
    struct buf mark cleanup_buf = BUF_INIT, value cleanup_buf = BUF_INIT;
    buf_printf(&mark, "sample/%s", fact_name);
    buf_printf(&value, "whole=%d invoice=%d rows=%llu billed=%llu currencies=%s", s->whole, s->has_invoice_column,
               (unsigned long long)s->rows, (unsigned long long)s->billed_rows, buf_text(&s->currencies));
    errint e = buf_error(&mark);
    if (e == 0)
        e = cache_store_mark_put(c->model->store, buf_text(&mark), buf_text(&value));
    return e ? e : keep_regions(c, s);
}

void model_sample_forget(struct model_customer *c, const struct model_part *part)
{
    struct buf mark cleanup_buf = BUF_INIT;
    buf_puts(&mark, "sample/");
    model_facts_name(c, part, &mark);
    (void)cache_store_mark_put(c->model->store, buf_text(&mark), NULL); /* one mark too many does no harm */
}

struct kept {
    int whole, invoice;
    unsigned long long rows, billed;
    char currencies[128]; /* "" also when an earlier version of ctfs did not look for them */
};

static bool read_kept(struct model_customer *c, const char *fact_name, struct kept *ret)
{
    struct buf mark cleanup_buf = BUF_INIT, value cleanup_buf = BUF_INIT;
    buf_printf(&mark, "sample/%s", fact_name);
    *ret = (struct kept){.whole = 0};
    return cache_store_mark(c->model->store, buf_text(&mark), &value) == 0 &&
           sscanf(buf_text(&value), "whole=%d invoice=%d rows=%llu billed=%llu currencies=%127s", &ret->whole,
                  &ret->invoice, &ret->rows, &ret->billed, ret->currencies) >= 4;
}

static bool read_part(struct model_customer *c, const struct model_part *part, struct kept *ret)
{
    struct buf name cleanup_buf = BUF_INIT;
    model_facts_name(c, part, &name);
    return read_kept(c, buf_text(&name), ret);
}

const char *model_sample_invoice(struct model_customer *c, const struct model_month *m)
{
    bool told = true, any = false;
    for (size_t i = 0; i < m->part_count; i++) {
        struct kept kept;
        bool found = read_part(c, &m->parts[i], &kept), silent = !found || (kept.rows ? !kept.invoice : !kept.whole);
        if (found && kept.invoice && kept.billed < kept.rows)
            return "estimated";
        told &= !silent;
        any |= found && kept.rows;
    }
    return told && any ? "final" : "unknown";
}

void model_sample_month(struct model_customer *c, const struct model_month *m, struct buf *ret_currencies,
                        int64_t *ret_rows)
{
    bool all = true;
    int64_t rows = 0;
    for (size_t i = 0; i < m->part_count; i++) {
        struct kept kept;
        bool found = read_part(c, &m->parts[i], &kept);
        rows = found && kept.whole && rows >= 0 ? rows + (int64_t)kept.rows : -1;
        all &= found && (*kept.currencies || (kept.whole && !kept.rows));
        add_all(ret_currencies, kept.currencies);
    }
    if (!all)
        buf_reset(ret_currencies);
    *ret_rows = rows;
}

static bool month_seen_whole(struct model_customer *c, const struct model_month *m)
{
    for (size_t i = 0; i < m->part_count; i++) {
        struct kept kept;
        if (!read_part(c, &m->parts[i], &kept) || !kept.whole)
            return false;
    }
    return m->part_count > 0;
}

errint model_sample_regions(struct model_customer *c, struct buf *ret, bool *ret_whole)
{
    struct buf mark cleanup_buf = BUF_INIT;
    struct model_month *m = NULL;
    char newest[8];
    buf_printf(&mark, "%sregions", c->scope);
    errint e = cache_store_mark(c->model->store, buf_text(&mark), ret);
    if (e && e != -ENOENT)
        return e;
    *ret_whole =
        model_months_link(c, "latest", newest) == 0 && model_month_get(c, newest, &m) == 0 && month_seen_whole(c, m);
    model_month_put(m);
    return 0;
}
