/* cur/: the report definitions, the months, and the links to the newest month and the one before it. */
#include <string.h>

#include "fs/month.h"

static const struct {
    const char *name;
    const struct fs_kind *kind;
    int which;
    bool always; /* or of a readable report alone */
} month_files[] = {
    {"report.csv", &fs_file_report, 0, false},
    {"columns.tsv", &fs_file_month_text, MODEL_MONTH_COLUMNS_TSV, false},
    {"manifest.json", &fs_file_manifest, 0, true},
    {"month.json", &fs_file_month_text, MODEL_MONTH_JSON, true},
};
#define MONTH_FILE_COUNT (sizeof month_files / sizeof month_files[0])

static errint list_month(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    struct model_month *m;
    errint e = fs_month_get(a, p->arg[0], &m);
    if (e)
        return e;
    for (size_t i = 0; i < MONTH_FILE_COUNT; i++)
        if (m->readable || month_files[i].always)
            fs_listing_add(into, month_files[i].name, S_IFREG);
    return 0;
}

static errint find_in_month(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    struct model_month *m;
    errint e = fs_month_get(a, p->arg[0], &m);
    if (e)
        return e;
    for (size_t i = 0; i < MONTH_FILE_COUNT; i++)
        if (strcmp(month_files[i].name, name) == 0 && (m->readable || month_files[i].always))
            return fs_place_set(ret, month_files[i].kind, month_files[i].which, p->arg[0], NULL, NULL);
    return err_set(-ENOENT, "no %s in %s", name, p->arg[0]);
}

static const struct fs_kind dir_month = {
    .type = FS_FOLDER, .list = list_month, .find = find_in_month, .changed = fs_month_changed};

static errint render_reports(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    (void)p;
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    if (e == 0)
        e = model_fetch_need(c, MODEL_REPORTS, "", a->waiter);
    *ret_floor_ns = 0;
    return e ? e : model_reports_json(c, ret);
}

static void topic_of(const struct fs_place *p, enum model_topic *ret, const char **ret_arg)
{
    (void)p;
    *ret = MODEL_REPORTS;
    *ret_arg = "";
}

static const struct fs_kind file_reports = {.type = FS_TEXT, .render = render_reports, .topic = topic_of};

static errint link_period(struct fs_ask *a, const char *name, char ret_period[8])
{
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    if (e == 0)
        e = model_fetch_need(c, MODEL_MONTHS, "", a->waiter);
    return e ? e : model_months_link(c, name, ret_period);
}

static errint render_link(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    char period[8] = "";
    errint e = link_period(a, p->arg[0], period);
    *ret_floor_ns = 0;
    buf_puts(ret, period);
    return e;
}

static const struct fs_kind link_month = {.type = FS_LINK, .render = render_link};

static bool is_link(const char *name)
{
    return strcmp(name, "latest") == 0 || strcmp(name, "previous") == 0;
}

static errint list_link(struct fs_ask *a, const char *name, struct fs_listing *into)
{
    char period[8];
    errint e = link_period(a, name, period);
    if (e == 0)
        fs_listing_add(into, name, S_IFLNK);
    return e == -ENOENT ? 0 : e;
}

/* Who may not describe report definitions still reads reports: reports.json is then not listed. */
static bool definitions_readable(struct fs_ask *a)
{
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    if (e == 0)
        e = model_fetch_need(c, MODEL_REPORTS, "", NULL);
    return e == 0 || e == -EAGAIN;
}

static errint list(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    errint e = fs_months_list(a, p, into);
    if (e == 0)
        e = list_link(a, "latest", into);
    if (e == 0)
        e = list_link(a, "previous", into);
    if (e == 0 && definitions_readable(a))
        fs_listing_add(into, "reports.json", S_IFREG);
    return e;
}

static errint find(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    if (strcmp(name, "reports.json") == 0)
        return fs_place_set(ret, &file_reports, 0, NULL, NULL, NULL);
    if (is_link(name))
        return fs_place_set(ret, &link_month, 0, name, NULL, NULL);
    return fs_months_find(a, p, name, ret);
}

const struct fs_kind fs_dir_cur = {
    .type = FS_FOLDER, .list = list, .find = find, .changed = fs_months_changed, .month = &dir_month};
