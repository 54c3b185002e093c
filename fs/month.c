/* A month is found in the listing of months (complete before anything is said to be absent), then by its snapshot. A part
 * is known by its file's name, never by its place in the manifest, which another delivery may change.
 */
#include "fs/month.h"

#include <string.h>

#include "base/cleanup.h"
#include "fs/snapshots.h"

static void put_month(void *what)
{
    model_month_put(what);
}

static int add_period(void *arg, const char *period)
{
    fs_listing_add(arg, period, S_IFDIR);
    return 0;
}

static errint need_months(struct fs_ask *a, struct model_customer **ret)
{
    errint e = fs_ask_customer(a, ret);
    return e ? e : model_fetch_need(*ret, MODEL_MONTHS, "", a->waiter);
}

errint fs_months_list(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    (void)p;
    struct model_customer *c;
    errint e = need_months(a, &c);
    return e ? e : model_months_each(c, add_period, into);
}

static int same_period(void *arg, const char *period)
{
    return strcmp(arg, period) == 0;
}

errint fs_months_find(struct fs_ask *a, const struct fs_place *p, const char *period, struct fs_place *ret)
{
    struct model_customer *c;
    errint e = need_months(a, &c);
    if (e)
        return e;
    char *wanted cleanup_free = strdup(period);
    int found = wanted ? model_months_each(c, same_period, wanted) : -ENOMEM;
    if (found < 0)
        return found;
    return found ? fs_place_set(ret, p->kind->month, 0, period, NULL, NULL) : err_set(-ENOENT, "no month %s", period);
}

errint fs_months_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    (void)p;
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    return e ? e : model_months_changed(c, ret_ns);
}

static errint take_snapshot(struct fs_ask *a, struct model_customer *c, const char *period, struct model_month **ret)
{
    errint e = fs_snapshots_get(a->fs->snapshots, c, period, ret);
    if (e == 0)
        fs_ask_hold(a, *ret, put_month);
    return e;
}

errint fs_month_get(struct fs_ask *a, const char *period, struct model_month **ret)
{
    struct model_customer *c;
    errint e = need_months(a, &c);
    if (e == 0)
        e = model_fetch_need(c, MODEL_MONTH, period, a->waiter);
    return e ? e : take_snapshot(a, c, period, ret);
}

errint fs_month_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    struct model_customer *c;
    struct model_month *m;
    errint e = fs_ask_customer(a, &c);
    if (e == 0)
        e = take_snapshot(a, c, p->arg[0], &m); /* fetching it for a folder's date alone would be a request a month */
    if (e == 0)
        *ret_ns = m->manifest_unix * FS_NS_PER_S;
    return e;
}

/* The part whose name is the first LEN bytes of NAME and END; part_count: none. */
static size_t find_named(const struct model_month *m, const char *name, size_t len, const char *end)
{
    size_t i = 0;
    while (i < m->part_count &&
           !(strncmp(m->parts[i].name, name, len) == 0 && strcmp(m->parts[i].name + len, end) == 0))
        i++;
    return i;
}

/* How much of the part's name its view has: ".gz" goes, unless another part is called so. */
static size_t viewed_len(const struct model_month *m, size_t index)
{
    const char *name = m->parts[index].name;
    size_t len = strlen(name);
    bool gzip = len > 3 && strcmp(name + len - 3, ".gz") == 0;
    return gzip && find_named(m, name, len - 3, "") == m->part_count ? len - 3 : len;
}

errint fs_month_view_name(const struct model_month *m, size_t index, struct buf *ret)
{
    buf_append(ret, m->parts[index].name, viewed_len(m, index));
    return buf_error(ret);
}

errint fs_month_part(const struct model_month *m, const char *name, bool view, size_t *ret)
{
    size_t len = strlen(name), i = find_named(m, name, len, "");
    if (view && i == m->part_count)
        i = find_named(m, name, len, ".gz");
    if (i == m->part_count || (view && viewed_len(m, i) != len))
        return err_set(-ENOENT, "no part %s in %s", name, m->period);
    *ret = i;
    return 0;
}
