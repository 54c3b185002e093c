/* A month's files: the report and its parts as decompressed sources, the delivered objects as they are, and the texts made
 * of them. Which object a file stands for is looked up in the current snapshot each time; the version says whether it is
 * still the same.
 */
#include <string.h>

#include "base/clock.h"
#include "fs/month.h"

enum which_object { REPORT, PART, RAW, MANIFEST };

static errint find_index(const struct model_month *m, const struct fs_place *p, enum which_object what, size_t *ret)
{
    switch (what) {
    case REPORT:
        *ret = MODEL_REPORT_CSV;
        return m->readable ? 0 : err_set(-ENOENT, "the report of %s is not gzip CSV", m->period);
    case MANIFEST:
        *ret = MODEL_RAW_MANIFEST;
        return 0;
    default:
        return fs_month_part(m, p->arg[1], what == PART, ret);
    }
}

struct object {
    struct model_customer *customer;
    struct model_month *month;
    size_t index;
};

static errint find_object(struct fs_ask *a, const struct fs_place *p, enum which_object what, struct object *ret)
{
    errint e = fs_ask_customer(a, &ret->customer);
    if (e == 0)
        e = fs_month_get(a, p->arg[0], &ret->month);
    return e ? e : find_index(ret->month, p, what, &ret->index);
}

static errint stat_view(struct fs_ask *a, const struct fs_place *p, enum which_object what, struct model_file *ret)
{
    struct object o;
    errint e = find_object(a, p, what, &o);
    if (e == 0 && !a->waiter && !model_report_known(o.customer, o.month, o.index))
        e = -EAGAIN;
    return e ? e : model_report_stat(o.customer, o.month, o.index, ret, a->waiter);
}

static errint open_view(struct fs_ask *a, const struct fs_place *p, enum which_object what, uint64_t version,
                        struct source **ret)
{
    struct object o;
    errint e = find_object(a, p, what, &o);
    return e ? e : model_report_open(o.customer, o.month, o.index, version, ret, a->waiter);
}

static errint report_stat(struct fs_ask *a, const struct fs_place *p, struct model_file *ret)
{
    return stat_view(a, p, REPORT, ret);
}

static errint report_open(struct fs_ask *a, const struct fs_place *p, uint64_t version, struct source **ret)
{
    return open_view(a, p, REPORT, version, ret);
}

static errint part_stat(struct fs_ask *a, const struct fs_place *p, struct model_file *ret)
{
    return stat_view(a, p, PART, ret);
}

static errint part_open(struct fs_ask *a, const struct fs_place *p, uint64_t version, struct source **ret)
{
    return open_view(a, p, PART, version, ret);
}

static errint stat_object(struct fs_ask *a, const struct fs_place *p, enum which_object what, struct model_file *ret)
{
    struct object o;
    errint e = find_object(a, p, what, &o);
    return e ? e : model_raw_stat(o.customer, o.month, o.index, ret);
}

static errint open_object(struct fs_ask *a, const struct fs_place *p, enum which_object what, uint64_t version,
                          struct source **ret)
{
    struct object o;
    struct model_file file;
    errint e = find_object(a, p, what, &o);
    if (e == 0)
        e = model_raw_stat(o.customer, o.month, o.index, &file);
    if (e == 0 && file.version != version)
        e = err_set(-ESTALE, "another delivery of %s came since this file was looked up", o.month->period);
    return e ? e : model_raw_open(o.customer, o.month, o.index, ret);
}

static errint raw_stat(struct fs_ask *a, const struct fs_place *p, struct model_file *ret)
{
    return stat_object(a, p, RAW, ret);
}

static errint raw_open(struct fs_ask *a, const struct fs_place *p, uint64_t version, struct source **ret)
{
    return open_object(a, p, RAW, version, ret);
}

static errint manifest_stat(struct fs_ask *a, const struct fs_place *p, struct model_file *ret)
{
    return stat_object(a, p, MANIFEST, ret);
}

static errint manifest_open(struct fs_ask *a, const struct fs_place *p, uint64_t version, struct source **ret)
{
    return open_object(a, p, MANIFEST, version, ret);
}

static void put_uri(const struct object *o, const char *key, struct buf *ret)
{
    buf_printf(ret, "s3://%s/%s", o->customer->connection.bucket, key);
}

static void put_time(int64_t ns, struct buf *ret)
{
    char iso[CLOCK_ISO_SIZE];
    clock_format_iso(ns / FS_NS_PER_S, iso);
    buf_puts(ret, iso);
}

/* The report of several parts has neither one URI nor one ETag. */
static errint describe_object(const struct object *o, const char *name, struct buf *ret)
{
    bool manifest = o->index == MODEL_RAW_MANIFEST;
    size_t part = o->index == MODEL_REPORT_CSV && o->month->part_count == 1 ? 0 : o->index;
    bool one = manifest || part < o->month->part_count;
    if (strcmp(name, "user.ctfs.s3_uri") == 0 && one)
        put_uri(o, manifest ? o->month->manifest_key : o->month->parts[part].key, ret);
    else if (strcmp(name, "user.ctfs.etag") == 0 && one)
        buf_puts(ret, manifest ? o->month->manifest_etag : o->month->parts[part].etag);
    else if (strcmp(name, "user.ctfs.fetched_at") == 0)
        put_time(o->month->fetched_ns, ret);
    else
        return err_set(-ENODATA, "no attribute %s", name);
    return buf_error(ret);
}

static errint xattr(struct fs_ask *a, const struct fs_place *p, enum which_object what, const char *name,
                    struct buf *ret)
{
    struct object o;
    errint e = find_object(a, p, what, &o);
    return e ? e : describe_object(&o, name, ret);
}

static errint report_xattr(struct fs_ask *a, const struct fs_place *p, const char *name, struct buf *ret)
{
    return xattr(a, p, REPORT, name, ret);
}

static errint part_xattr(struct fs_ask *a, const struct fs_place *p, const char *name, struct buf *ret)
{
    return xattr(a, p, PART, name, ret);
}

static errint raw_xattr(struct fs_ask *a, const struct fs_place *p, const char *name, struct buf *ret)
{
    return xattr(a, p, RAW, name, ret);
}

static errint manifest_xattr(struct fs_ask *a, const struct fs_place *p, const char *name, struct buf *ret)
{
    return xattr(a, p, MANIFEST, name, ret);
}

static errint render_text(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    struct object o;
    errint e = find_object(a, p, MANIFEST, &o);
    return e ? e : model_month_file(o.customer, o.month, (enum model_month_file)p->which, ret, ret_floor_ns, a->waiter);
}

static void topic_of(const struct fs_place *p, enum model_topic *ret, const char **ret_arg)
{
    *ret = MODEL_MONTH;
    *ret_arg = p->arg[0];
}

const struct fs_kind fs_file_report = {
    .type = FS_SOURCE, .stat = report_stat, .open = report_open, .xattr = report_xattr};
const struct fs_kind fs_file_part = {.type = FS_SOURCE, .stat = part_stat, .open = part_open, .xattr = part_xattr};
const struct fs_kind fs_file_raw = {.type = FS_SOURCE, .stat = raw_stat, .open = raw_open, .xattr = raw_xattr};
const struct fs_kind fs_file_manifest = {
    .type = FS_SOURCE, .stat = manifest_stat, .open = manifest_open, .xattr = manifest_xattr};
const struct fs_kind fs_file_month_text = {.type = FS_TEXT, .render = render_text, .topic = topic_of};
