/* What a month's files are, and opening them.
 *
 * A part's size is decided in model/report_facts.c. report.csv is the first part that holds a record, whole, and of every
 * other part what comes behind its header record; its size is the sum. The headers must say the same columns in the same
 * order, however they are quoted; that of a part alone is not looked at. A part whose last record has no line end gets one when another follows: that is known once
 * the part is proven, and until then model/report_ending.c stands guard at its end.
 *
 * A version is the hash of what the bytes are of (keys, ETags), of the sizes that are published for them, part by part, and
 * of when they came: a size that turns out to be another makes another version, and so does a delivery of the same bytes.
 */
#include "model/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "model/csv.h"
#include "model/report_concat.h"
#include "model/report_facts.h"
#include "model/status.h"

#define PARALLEL_MAX 32

/* One part as report.csv sees it. */
struct slice {
    struct model_file file;
    char *header;        /* its bytes; "" for a part without a record */
    uint64_t skip_bytes; /* not taken into report.csv */
    bool unended;        /* its last record has no line end */
    bool followed;       /* a later part adds records */
};

struct slices {
    struct slice *slices;
    size_t count;
};

static void done_slices(struct slices *s)
{
    for (size_t i = 0; s->slices && i < s->count; i++)
        free(s->slices[i].header);
    free(s->slices);
}

static errint check_readable(const struct model_month *m, size_t index)
{
    if (!m->readable)
        return err_set(-ENOENT, "%s is not delivered as gzip CSV: see raw/%s", m->period, m->period);
    if (index != MODEL_REPORT_CSV && index >= m->part_count)
        return err_set(-ENOENT, "%s has no part %zu", m->period, index);
    return 0;
}

static errint get_slice(struct model_customer *c, const struct model_month *m, size_t index,
                        const struct model_asking *asking, struct slice *ret)
{
    struct cache_fact fact = {0};
    errint e = model_facts_size(c, m, &m->parts[index], asking, &fact, &ret->file);
    if (e)
        return e;
    ret->header = steal_ptr(&fact.header);
    ret->skip_bytes = fact.header_bytes > 0 ? (uint64_t)fact.header_bytes : 0;
    ret->unended = fact.unended;
    cache_fact_done(&fact);
    return ret->header ? 0 : err_set(-EIO, "%s: its header is not kept", m->parts[index].key);
}

/* All parts' sizes. What is not known is asked for at once for several parts; the waiter waits for the last of them. */
static errint get_slices(struct model_customer *c, const struct model_month *m, const struct model_asking *asking,
                         struct slices *ret)
{
    size_t missing = 0;
    ret->slices = calloc(m->part_count + 1, sizeof *ret->slices);
    ret->count = m->part_count;
    if (!ret->slices)
        return err_set(-ENOMEM, "no memory for the parts of %s", m->period);
    for (size_t i = 0; i < m->part_count && missing < PARALLEL_MAX; i++) {
        errint e = get_slice(c, m, i, asking, &ret->slices[i]);
        if (e == -EAGAIN)
            missing++;
        else if (e)
            return e;
    }
    return missing ? -EAGAIN : 0;
}

/* The columns of a header record; 0 of them when there is no record. */
static errint parse_header(const char *text, struct model_csv *csv)
{
    size_t used = 0, len = strlen(text);
    bool record = false;
    errint e = len ? model_csv_feed(csv, text, len, &used, &record) : 0;
    if (e == 0 && !record)
        e = model_csv_end(csv, &record);
    return e;
}

static bool same_columns(const struct model_csv *a, const struct model_csv *b)
{
    if (a->cell_count != b->cell_count)
        return false;
    for (size_t i = 0; i < a->cell_count; i++) {
        size_t x, y;
        const char *p = model_csv_cell(a, i, &x), *q = model_csv_cell(b, i, &y);
        if (x != y || memcmp(p, q, x) != 0)
            return false;
    }
    return true;
}

static errint refuse_header(struct model_customer *c, const struct model_month *m, size_t index, const char *why)
{
    struct buf key cleanup_buf = BUF_INIT;
    buf_printf(&key, "%smonth/%s/header", c->scope, m->period);
    model_status_note(c->model, buf_text(&key), "%s: %s %s; report.csv is refused, views/%s/parts has the parts",
                      m->period, m->parts[index].key, why, m->period);
    return err_set(-EIO, "%s: %s %s", m->period, m->parts[index].key, why);
}

static errint compare_header(struct model_customer *c, const struct model_month *m, size_t index, const char *first,
                             const char *header)
{
    struct model_csv a cleanup(model_csv_done), b cleanup(model_csv_done);
    model_csv_init(&a);
    model_csv_init(&b);
    if (strcmp(first, header) == 0)
        return 0;
    errint e = parse_header(first, &a);
    if (e == 0)
        e = parse_header(header, &b);
    if (e)
        return e;
    return same_columns(&a, &b) ? 0 : refuse_header(c, m, index, "has other columns than the parts before it");
}

static uint64_t added_bytes(const struct slice *s)
{
    return s->file.size_bytes ? s->file.size_bytes - s->skip_bytes : 0;
}

static bool needs_line_end(const struct slice *s)
{
    return s->unended && s->followed && added_bytes(s);
}

static void mark_followed(struct slices *s)
{
    bool followed = false;
    for (size_t i = s->count; i-- > 0;) {
        s->slices[i].followed = followed;
        followed |= added_bytes(&s->slices[i]) != 0;
    }
}

static size_t count_filled(const struct slices *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        count += s->slices[i].file.size_bytes != 0;
    return count;
}

/* Cuts the headers: the first part with a record keeps its own. */
static errint cut_headers(struct model_customer *c, const struct model_month *m, struct slices *s)
{
    const char *first = NULL;
    bool alone = count_filled(s) == 1;
    for (size_t i = 0; i < s->count; i++) {
        struct slice *one = &s->slices[i];
        if (one->file.size_bytes == 0)
            continue;
        if (!*one->header && !alone)
            return refuse_header(c, m, i, "has no header that can be read");
        if (one->skip_bytes > one->file.size_bytes && !alone)
            return err_set(-EIO, "%s is shorter than its header", m->parts[i].key);
        errint e = first ? compare_header(c, m, i, first, one->header) : 0;
        if (e)
            return e;
        if (!first) {
            first = one->header;
            one->skip_bytes = 0;
        }
    }
    mark_followed(s);
    return 0;
}

static uint64_t part_version(const struct model_part *part, uint64_t size_bytes)
{
    struct buf text cleanup_buf = BUF_INIT;
    buf_printf(&text, "%s\n%s\n%llu\n%lld", part->key, part->etag, (unsigned long long)size_bytes,
               (long long)part->last_modified_unix);
    return hash_bytes(buf_text(&text), text.len);
}

static void sum_slices(const struct model_month *m, const struct slices *s, struct model_file *ret)
{
    struct buf text cleanup_buf = BUF_INIT;
    int64_t newest = m->manifest_unix;
    *ret = (struct model_file){.verified = true};
    buf_printf(&text, "report.csv\n%lld", (long long)m->manifest_unix);
    for (size_t i = 0; i < s->count; i++) {
        const struct slice *one = &s->slices[i];
        ret->size_bytes += added_bytes(one) + needs_line_end(one);
        ret->verified &= one->file.verified;
        if (m->parts[i].last_modified_unix > newest)
            newest = m->parts[i].last_modified_unix;
        buf_printf(&text, "\n%llx %llx%s", (unsigned long long)part_version(&m->parts[i], one->file.size_bytes),
                   (unsigned long long)one->skip_bytes, needs_line_end(one) ? " and a line end" : "");
    }
    ret->mtime_ns = newest * CLOCK_NS_PER_S;
    ret->version = hash_bytes(buf_text(&text), text.len);
}

static errint get_all(struct model_customer *c, const struct model_month *m, const struct model_asking *asking,
                      struct slices *s, struct model_file *ret)
{
    errint e = get_slices(c, m, asking, s);
    if (e == 0)
        e = cut_headers(c, m, s);
    if (e == 0)
        sum_slices(m, s, ret);
    return e;
}

static errint get_one(struct model_customer *c, const struct model_month *m, size_t index,
                      const struct model_asking *asking, struct model_file *ret)
{
    struct cache_fact fact = {0};
    const struct model_part *part = &m->parts[index];
    errint e = model_facts_size(c, m, part, asking, &fact, ret);
    cache_fact_done(&fact);
    if (e)
        return e;
    ret->mtime_ns = part->last_modified_unix * CLOCK_NS_PER_S;
    ret->version = part_version(part, ret->size_bytes);
    return 0;
}

static errint stat_file(struct model_customer *c, const struct model_month *m, size_t index,
                        const struct model_asking *asking, struct model_file *ret)
{
    struct slices all cleanup(done_slices) = {.slices = NULL};
    struct model_file file = {0};
    errint e = check_readable(m, index);
    if (e == 0)
        e = index == MODEL_REPORT_CSV ? get_all(c, m, asking, &all, &file) : get_one(c, m, index, asking, &file);
    if (e == 0)
        *ret = file;
    return e;
}

errint model_report_stat(struct model_customer *c, struct model_month *m, size_t index, struct model_file *ret,
                         struct waiter *w)
{
    struct model_asking asking = {.waiter = w};
    return stat_file(c, m, index, &asking, ret);
}

bool model_report_known(struct model_customer *c, struct model_month *m, size_t index)
{
    struct model_asking asking = {.quiet = true};
    struct model_file file;
    return stat_file(c, m, index, &asking, &file) != -EAGAIN;
}

static errint check_version(const struct model_month *m, uint64_t is, uint64_t want)
{
    return is == want ? 0 : err_set(-ESTALE, "%s was replaced by another version", m->period);
}

static errint open_one(struct model_customer *c, const struct model_month *m, size_t index, uint64_t version,
                       struct source **ret, struct waiter *w)
{
    struct model_asking asking = {.waiter = w};
    struct model_file file = {0};
    errint e = get_one(c, m, index, &asking, &file);
    if (e == 0)
        e = check_version(m, file.version, version);
    return e ? e : model_source_plain(c, m->period, &m->parts[index], file.size_bytes, file.verified, ret);
}

static errint line_end(struct model_slice *ret)
{
    char *text = strdup("\n");
    *ret = (struct model_slice){.size_bytes = 1};
    errint e = text ? source_memory_new(text, 1, &ret->source) : err_set(-ENOMEM, "no memory for a line end");
    if (e)
        free(text);
    return e;
}

/* One part's source, guarded at its end if it has to end a line. */
static errint open_slice(struct model_customer *c, const struct model_month *m, size_t index, const struct slice *one,
                         struct model_slice *ret)
{
    struct source *plain = NULL;
    const struct model_part *part = &m->parts[index];
    *ret = (struct model_slice){.skip_bytes = one->skip_bytes, .size_bytes = one->file.size_bytes};
    errint e = model_source_plain(c, m->period, part, one->file.size_bytes, one->file.verified, &plain);
    if (e)
        return e;
    if (!one->followed || one->unended) {
        ret->source = plain;
        return 0;
    }
    e = model_ending_new(c, part, one->file.size_bytes, plain, &ret->source);
    if (e)
        source_put(plain);
    return e;
}

static errint open_slices(struct model_customer *c, const struct model_month *m, const struct slices *s, bool verified,
                          struct source **ret)
{
    struct model_slice *parts cleanup_free = calloc(2 * s->count + 1, sizeof *parts);
    size_t count = 0;
    errint e = parts ? 0 : err_set(-ENOMEM, "no memory to open %s", m->period);
    for (size_t i = 0; e == 0 && i < s->count; i++) {
        const struct slice *one = &s->slices[i];
        if (!added_bytes(one))
            continue;
        e = open_slice(c, m, i, one, &parts[count]);
        count += e == 0;
        if (e == 0 && needs_line_end(one)) {
            e = line_end(&parts[count]);
            count += e == 0;
        }
    }
    if (e == 0)
        e = model_concat_new(parts, count, verified, ret);
    for (size_t i = 0; e && i < count; i++)
        source_put(parts[i].source);
    return e;
}

static errint open_all(struct model_customer *c, const struct model_month *m, uint64_t version, struct source **ret,
                       struct waiter *w)
{
    struct slices all cleanup(done_slices) = {.slices = NULL};
    struct model_asking asking = {.waiter = w};
    struct model_file file = {0};
    errint e = get_all(c, m, &asking, &all, &file);
    if (e == 0)
        e = check_version(m, file.version, version);
    return e ? e : open_slices(c, m, &all, file.verified, ret);
}

errint model_report_open(struct model_customer *c, struct model_month *m, size_t index, uint64_t version,
                         struct source **ret, struct waiter *w)
{
    errint e = check_readable(m, index);
    if (e)
        return e;
    return index == MODEL_REPORT_CSV ? open_all(c, m, version, ret, w) : open_one(c, m, index, version, ret, w);
}

errint model_raw_stat(struct model_customer *c, struct model_month *m, size_t index, struct model_file *ret)
{
    (void)c;
    if (index == MODEL_RAW_MANIFEST) {
        *ret = (struct model_file){.size_bytes = m->manifest_len,
                                   .verified = true,
                                   .mtime_ns = m->manifest_unix * CLOCK_NS_PER_S,
                                   .version = hash_bytes(m->manifest, m->manifest_len) ^ (uint64_t)m->manifest_unix};
        return 0;
    }
    if (index >= m->part_count)
        return err_set(-ENOENT, "%s has no object %zu", m->period, index);
    const struct model_part *part = &m->parts[index];
    *ret = (struct model_file){.size_bytes = part->size_bytes,
                               .verified = true,
                               .mtime_ns = part->last_modified_unix * CLOCK_NS_PER_S,
                               .version = part_version(part, part->size_bytes)};
    return 0;
}

errint model_raw_open(struct model_customer *c, struct model_month *m, size_t index, struct source **ret)
{
    if (index != MODEL_RAW_MANIFEST && index >= m->part_count)
        return err_set(-ENOENT, "%s has no object %zu", m->period, index);
    if (index != MODEL_RAW_MANIFEST)
        return model_source_object(c, m->period, &m->parts[index], ret);
    char *copy = malloc(m->manifest_len + 1);
    if (!copy)
        return err_set(-ENOMEM, "no memory for the manifest of %s", m->period);
    memcpy(copy, m->manifest, m->manifest_len);
    errint e = source_memory_new(copy, m->manifest_len, ret);
    if (e)
        free(copy);
    return e;
}

errint model_report_uri(struct model_customer *c, struct model_month *m, size_t index, struct buf *ret)
{
    size_t at = index == MODEL_REPORT_CSV && m->part_count == 1 ? 0 : index;
    if (at < m->part_count)
        buf_printf(ret, "s3://%s/%s", c->connection.bucket, m->parts[at].key);
    return buf_error(ret);
}
