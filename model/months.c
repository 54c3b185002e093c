/* Which months there are, and the fetching of reports, months and snapshots into cache.db.
 *
 *   scope                      item           body
 *   H/reports                  definitions    the array ReportDefinitions
 *   H/months                   2026-11        {"root", "folder"}: every period whose manifest was seen
 *   H/month/2026-11            snapshot       model_month_encode's text
 *                              manifest       its bytes
 *   mark H/replaced/2026-11    a part was refused as replaced: the next snapshot is taken whatever the manifest's ETag is
 *
 * A snapshot that cannot be taken because a delivery is under way leaves the last one in place. With none, it is tried
 * again until op_timeout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/cur.h"
#include "aws/json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "model/fetch_topics.h"
#include "model/layout.h"
#include "model/month.h"
#include "model/report_facts.h"
#include "model/status.h"

#define PERIODS_MAX 2400
#define RETRY_FIRST_NS (500 * CLOCK_NS_PER_MS)
#define RETRY_MAX_NS (5 * CLOCK_NS_PER_S)

errint model_months_fetch_reports(const struct model_fetch *f)
{
    cJSON *definitions cleanup(aws_json_deletep) = NULL;
    struct buf body cleanup_buf = BUF_INIT;
    errint e = aws_cur_describe_report_definitions(f->customer->reading, f->cancel, &definitions);
    if (e)
        return e;
    aws_json_print_compact(&body, definitions);
    struct cache_item item = {.id = "definitions", .body = buf_text(&body), .body_len = body.len};
    e = buf_error(&body);
    return e ? e : model_fetch_publish(f, &item, 1);
}

errint model_reports_json(struct model_customer *c, struct buf *ret)
{
    cJSON *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    cJSON *definitions = NULL;
    struct buf scope cleanup_buf = BUF_INIT, body cleanup_buf = BUF_INIT;
    model_fetch_scope(c, MODEL_REPORTS, "", &scope);
    errint e = cache_store_get(c->model->store, buf_text(&scope), "definitions", &body, NULL);
    if (e == 0)
        e = aws_json_parse(buf_text(&body), body.len, &definitions);
    if (e)
        return e;
    cJSON_AddItemToObject(json, "ReportDefinitions", definitions);
    aws_json_print(ret, json);
    return buf_error(ret);
}

/* One period that was found: its month, and the folder's place below the root. */
struct period {
    char month[8];
    const char *folder;
    char *body;
};
struct periods {
    struct model_month_s3 s3;
    const struct model_fetch *fetch;
    const char *root;
    struct aws_s3_listing listing;
    struct period *found;
    size_t count;
};

static void done_periods(struct periods *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->found[i].body);
    free(p->found);
    aws_s3_listing_done(&p->listing);
}

/* The folders below the root that are periods. */
static errint find_periods(struct periods *p)
{
    p->found = calloc(p->listing.prefix_count + 1, sizeof *p->found);
    if (!p->found)
        return err_set(-ENOMEM, "no memory for %zu periods", p->listing.prefix_count);
    for (size_t i = 0; i < p->listing.prefix_count && p->count < PERIODS_MAX; i++) {
        char month[8];
        if (!model_layout_period(p->root, p->listing.prefixes[i], month))
            continue;
        struct period *period = &p->found[p->count++];
        memcpy(period->month, month, sizeof month);
        period->folder = p->listing.prefixes[i];
    }
    return 0;
}

static errint encode_period(const struct periods *p, struct period *period)
{
    cJSON *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    struct buf body cleanup_buf = BUF_INIT;
    cJSON_AddStringToObject(json, "root", p->root);
    cJSON_AddStringToObject(json, "folder", period->folder);
    aws_json_print_compact(&body, json);
    errint e = buf_error(&body);
    if (e == 0)
        period->body = buf_steal(&body);
    return e;
}

/* Was this very period published before? Then its manifest was seen. */
static bool is_known(const struct periods *p, const struct period *period)
{
    struct buf body cleanup_buf = BUF_INIT;
    return cache_store_get(p->fetch->customer->model->store, p->fetch->scope, period->month, &body, NULL) == 0 &&
           strcmp(buf_text(&body), period->body) == 0;
}

/* One listing that can only hold the manifest and keys that go on behind it. */
static errint has_manifest(struct periods *p, const struct period *period, bool *ret)
{
    char *key cleanup_free = NULL;
    struct aws_s3_listing listing = {0};
    struct model_customer *c = p->fetch->customer;
    errint e = model_layout_manifest_key(period->folder, c->connection.report, &key);
    if (e == 0)
        e = aws_s3_list(c->reading, &p->s3.bucket, key, "/", 0, p->fetch->cancel, &listing);
    if (e)
        return e;
    *ret = listing.object_count > 0 && strcmp(listing.objects[0].key, key) == 0;
    aws_s3_listing_done(&listing);
    return 0;
}

static errint is_delivered(struct periods *p, struct period *period, bool *ret)
{
    *ret = false;
    errint e = encode_period(p, period);
    if (e)
        return e;
    *ret = is_known(p, period);
    return *ret ? 0 : has_manifest(p, period, ret);
}

/* Keeps of what was found the periods that have a manifest; of two for one month the one that ends later. */
static errint keep_delivered(struct periods *p)
{
    size_t kept = 0;
    errint e = 0;
    for (size_t i = 0; e == 0 && i < p->count; i++) {
        struct period *period = &p->found[i];
        bool delivered = false;
        e = is_delivered(p, period, &delivered);
        if (!delivered)
            continue;
        bool again = kept && strcmp(p->found[kept - 1].month, period->month) == 0;
        struct period *place = &p->found[again ? kept - 1 : kept], other = *place;
        *place = *period;
        if (place != period)
            *period = other;
        kept += !again;
    }
    for (size_t i = kept; i < p->count; i++)
        free(p->found[i].body);
    p->count = kept;
    return e;
}

static errint publish_periods(const struct periods *p)
{
    struct cache_item *items cleanup_free = calloc(p->count + 1, sizeof *items);
    if (!items)
        return err_set(-ENOMEM, "no memory for %zu periods", p->count);
    for (size_t i = 0; i < p->count; i++)
        items[i] = (struct cache_item){
            .id = p->found[i].month, .body = p->found[i].body, .body_len = strlen(p->found[i].body)};
    return model_fetch_publish(p->fetch, items, p->count);
}

/* The first root that has periods; the last one when none has. */
static errint list_roots(struct periods *p, const struct model_layout_roots *roots, const struct model_bucket *bucket)
{
    errint e = 0;
    for (size_t i = 0; e == 0 && p->count == 0 && i < roots->count; i++) {
        free(p->found);
        p->found = NULL;
        aws_s3_listing_done(&p->listing);
        p->listing = (struct aws_s3_listing){0};
        p->root = roots->roots[i];
        e = bucket->list(bucket->arg, p->root, &p->listing);
        if (e == 0)
            e = find_periods(p);
    }
    return e;
}

errint model_months_fetch(const struct model_fetch *f)
{
    struct model_layout_roots roots = {.count = 0};
    struct periods p = {.fetch = f};
    struct model_bucket bucket;
    model_month_s3_bucket(f->customer, f->cancel, &p.s3, &bucket);
    errint e = model_layout_roots(model_customer_prefix(f->customer), f->customer->connection.report, &roots);
    if (e == 0)
        e = list_roots(&p, &roots, &bucket);
    if (e == 0)
        e = keep_delivered(&p);
    if (e == 0)
        e = publish_periods(&p);
    done_periods(&p);
    model_layout_roots_done(&roots);
    return e;
}

struct months {
    int (*each)(void *arg, const char *period);
    void *arg;
    char newest[8], wanted[8];
    bool found;
};

static int give_month(void *arg, const struct cache_item *item)
{
    struct months *m = arg;
    return m->each(m->arg, item->id);
}

errint model_months_each(struct model_customer *c, int (*each)(void *arg, const char *period), void *arg)
{
    struct buf scope cleanup_buf = BUF_INIT;
    struct months m = {.each = each, .arg = arg};
    model_fetch_scope(c, MODEL_MONTHS, "", &scope);
    return cache_store_each(c->model->store, buf_text(&scope), give_month, &m);
}

errint model_months_changed(struct model_customer *c, int64_t *ret_ns)
{
    return model_fetch_changed(c, MODEL_MONTHS, "", ret_ns);
}

static int note_month(void *arg, const char *period)
{
    struct months *m = arg;
    (void)snprintf(m->newest, sizeof m->newest, "%s", period);
    m->found |= strcmp(m->wanted, period) == 0;
    return 0;
}

/* The calendar month before PERIOD. */
static void month_before(const char *period, char ret[8])
{
    int year = (period[0] - '0') * 1000 + (period[1] - '0') * 100 + (period[2] - '0') * 10 + (period[3] - '0');
    int month = (period[5] - '0') * 10 + (period[6] - '0');
    if (--month == 0) {
        month = 12;
        year--;
    }
    (void)snprintf(ret, 8, "%04d-%02d", (unsigned)year % 10000, (unsigned)month % 100);
}

errint model_months_link(struct model_customer *c, const char *which, char ret_period[8])
{
    struct months m = {.found = false};
    errint e = model_months_each(c, note_month, &m);
    if (e)
        return e;
    if (!*m.newest)
        return err_set(-ENOENT, "no month was delivered yet");
    if (strcmp(which, "previous") == 0) {
        month_before(m.newest, m.wanted);
        if ((e = model_months_each(c, note_month, &m)))
            return e;
        if (!m.found)
            return err_set(-ENOENT, "%s, the month before %s, was not delivered", m.wanted, m.newest);
        memcpy(ret_period, m.wanted, sizeof m.wanted);
        return 0;
    }
    memcpy(ret_period, m.newest, sizeof m.newest);
    return 0;
}

errint model_month_stamp(struct model_customer *c, const char *period, struct model_month_stamp *ret)
{
    struct cache_listing listing;
    errint e = model_fetch_listing(c, MODEL_MONTH, period, &listing);
    if (e == 0)
        *ret = (struct model_month_stamp){.fetched_ns = listing.fetched_ns, .changed_ns = listing.changed_ns};
    return e;
}

errint model_month_get(struct model_customer *c, const char *period, struct model_month **ret)
{
    struct buf scope cleanup_buf = BUF_INIT, text cleanup_buf = BUF_INIT, manifest cleanup_buf = BUF_INIT;
    struct cache_listing listing;
    struct cache_store *store = c->model->store;
    model_fetch_scope(c, MODEL_MONTH, period, &scope);
    errint e = cache_store_get(store, buf_text(&scope), "snapshot", &text, NULL);
    if (e == 0)
        e = cache_store_get(store, buf_text(&scope), "manifest", &manifest, NULL);
    if (e == 0)
        e = model_month_decode(period, buf_text(&text), text.len, buf_text(&manifest), manifest.len, ret);
    if (e == 0 && cache_store_listing(store, buf_text(&scope), &listing) == 0)
        (*ret)->fetched_ns = listing.fetched_ns;
    return e;
}

static errint publish_month(const struct model_fetch *f, const struct model_month *m)
{
    struct buf text cleanup_buf = BUF_INIT;
    errint e = model_month_encode(m, &text);
    struct cache_item items[] = {
        {.id = "manifest", .body = m->manifest, .body_len = m->manifest_len},
        {.id = "snapshot", .body = buf_text(&text), .body_len = text.len},
    };
    return e ? e : model_fetch_publish(f, items, 2);
}

void model_month_replaced_mark(const struct model_customer *c, const char *period, struct buf *ret)
{
    buf_printf(ret, "%sreplaced/%s", c->scope, period);
}

/* The period's place, from the months that are known. */
struct place {
    cJSON *json;
    const char *root, *folder;
};

static errint find_place(const struct model_fetch *f, struct place *ret)
{
    struct buf scope cleanup_buf = BUF_INIT, body cleanup_buf = BUF_INIT;
    model_fetch_scope(f->customer, MODEL_MONTHS, "", &scope);
    errint e = cache_store_get(f->customer->model->store, buf_text(&scope), f->arg, &body, NULL);
    if (e == 0)
        e = aws_json_parse(buf_text(&body), body.len, &ret->json);
    if (e)
        return e;
    ret->root = aws_json_string(ret->json, "root");
    ret->folder = aws_json_string(ret->json, "folder");
    return ret->root && ret->folder ? 0 : err_set(-EIO, "%s of the kept months has no folder", f->arg);
}

/* The versions of LAST that are not in M are gone for good. */
static void forget_replaced(struct model_customer *c, const struct model_month *last, const struct model_month *m)
{
    for (size_t i = 0; last && i < last->part_count; i++) {
        size_t k = 0;
        while (k < m->part_count && strcmp(m->parts[k].etag, last->parts[i].etag) != 0)
            k++;
        if (k < m->part_count)
            continue;
        model_sample_forget(c, &last->parts[i]);
        model_facts_forget(c, &last->parts[i]);
    }
}

/* One attempt: takes and publishes, or publishes the last one again as just seen. */
static errint take_once(const struct model_fetch *f, const struct model_month_request *in,
                        const struct model_month *last)
{
    struct model_month_s3 s3;
    struct model_bucket bucket;
    struct model_month *m = NULL;
    model_month_s3_bucket(f->customer, f->cancel, &s3, &bucket);
    errint e = model_month_take(&bucket, in, &m);
    if (e == -EALREADY && last)
        return publish_month(f, last);
    if (e)
        return e;
    struct buf mark cleanup_buf = BUF_INIT, notes cleanup_buf = BUF_INIT;
    model_month_replaced_mark(f->customer, f->arg, &mark);
    buf_printf(&notes, "%smonth/%s", f->customer->scope, f->arg);
    e = publish_month(f, m);
    if (e == 0 && !in->known)
        (void)cache_store_mark_put(f->customer->model->store, buf_text(&mark), NULL);
    if (e == 0) {
        model_status_forget(f->customer->model, buf_text(&notes));
        forget_replaced(f->customer, last, m);
    }
    model_month_put(m);
    return e;
}

/* Until a whole snapshot came or the operation's time is over. */
static errint take_first(const struct model_fetch *f, const struct model_month_request *in)
{
    int64_t deadline = clock_monotonic_ns() + f->customer->model->settings->op_timeout_ms * CLOCK_NS_PER_MS;
    for (int64_t pause = RETRY_FIRST_NS;; pause = pause * 2 < RETRY_MAX_NS ? pause * 2 : RETRY_MAX_NS) {
        errint e = take_once(f, in, NULL);
        if (e != -EINPROGRESS)
            return e;
        int64_t next = clock_monotonic_ns() + pause;
        if (next > deadline) {
            char why[512];
            (void)snprintf(why, sizeof why, "%s", err_message());
            return err_set(-ETIMEDOUT, "a delivery is under way, no whole one within %lld s: %s",
                           (long long)f->customer->model->settings->op_timeout_ms / 1000, why);
        }
        if ((e = cancel_sleep_until(f->cancel, next)))
            return e;
    }
}

errint model_month_fetch(const struct model_fetch *f)
{
    struct place place = {0};
    struct model_month *last = NULL;
    struct buf mark cleanup_buf = BUF_INIT, value cleanup_buf = BUF_INIT;
    errint e = find_place(f, &place);
    if (e == 0) {
        struct model_month_request in = {
            .period = f->arg, .root = place.root, .folder = place.folder, .report = f->customer->connection.report};
        model_month_replaced_mark(f->customer, f->arg, &mark);
        bool replaced = cache_store_mark(f->customer->model->store, buf_text(&mark), &value) == 0;
        if (f->cached && model_month_get(f->customer, f->arg, &last) == 0 && !replaced)
            in.known = last;
        e = last ? take_once(f, &in, last) : take_first(f, &in);
        if (e == -EINPROGRESS)
            e = err_add(e, "a delivery is under way, the last one is shown");
    }
    cJSON_Delete(place.json);
    model_month_put(last);
    return e;
}
