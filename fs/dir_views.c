/* views/: what repeats records or needs a whole pass. Each month's parts, decompressed one by one. */
#include <string.h>

#include "base/cleanup.h"
#include "fs/month.h"

static errint list_parts(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    struct model_month *m;
    errint e = fs_month_get(a, p->arg[0], &m);
    for (size_t i = 0; e == 0 && m->readable && i < m->part_count; i++) {
        struct buf name cleanup_buf = BUF_INIT;
        e = fs_month_view_name(m, i, &name);
        if (e == 0)
            fs_listing_add(into, buf_text(&name), S_IFREG);
    }
    return e;
}

static errint find_part(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    struct model_month *m;
    size_t index;
    errint e = fs_month_get(a, p->arg[0], &m);
    if (e == 0)
        e = m->readable ? fs_month_part(m, name, true, &index) : err_set(-ENOENT, "%s is not gzip CSV", m->period);
    return e ? e : fs_place_set(ret, &fs_file_part, 0, p->arg[0], name, NULL);
}

static const struct fs_kind dir_parts = {
    .type = FS_FOLDER, .list = list_parts, .find = find_part, .changed = fs_month_changed};

static const struct fs_name month_names[] = {{"parts", &dir_parts, 0, FS_ALWAYS}, {NULL, NULL, 0, FS_ALWAYS}};
static const struct fs_kind dir_month = {.type = FS_FOLDER, .names = month_names, .changed = fs_month_changed};

/* Backup tools that honour it leave the folder out (https://bford.info/cachedir/). */
static errint render_tag(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    (void)a;
    (void)p;
    *ret_floor_ns = 0;
    buf_puts(ret, "Signature: 8a477f597d28d172789f06886806bc55\n"
                  "# Everything in this folder is made from cur/ and raw/: leave it out of backups.\n");
    return buf_error(ret);
}

static const struct fs_kind file_tag = {.type = FS_TEXT, .render = render_tag};

static const struct fs_name names[] = {{"CACHEDIR.TAG", &file_tag, 0, FS_ALWAYS}, {NULL, NULL, 0, FS_ALWAYS}};

const struct fs_kind fs_dir_views = {.type = FS_FOLDER,
                                     .names = names,
                                     .list = fs_months_list,
                                     .find = fs_months_find,
                                     .changed = fs_months_changed,
                                     .month = &dir_month};
