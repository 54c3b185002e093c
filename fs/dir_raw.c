/* raw/: a folder a month, of the objects as they were delivered and their manifest: what to back up. */
#include <string.h>

#include "fs/month.h"

static errint list_month(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    struct model_month *m;
    errint e = fs_month_get(a, p->arg[0], &m);
    if (e)
        return e;
    for (size_t i = 0; i < m->part_count; i++)
        fs_listing_add(into, m->parts[i].name, S_IFREG);
    fs_listing_add(into, m->manifest_name, S_IFREG);
    return 0;
}

static errint find_in_month(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    struct model_month *m;
    size_t index;
    errint e = fs_month_get(a, p->arg[0], &m);
    if (e)
        return e;
    if (strcmp(name, m->manifest_name) == 0)
        return fs_place_set(ret, &fs_file_manifest, 0, p->arg[0], NULL, NULL);
    e = fs_month_part(m, name, false, &index);
    return e ? e : fs_place_set(ret, &fs_file_raw, 0, p->arg[0], name, NULL);
}

static const struct fs_kind dir_month = {
    .type = FS_FOLDER, .list = list_month, .find = find_in_month, .changed = fs_month_changed};

const struct fs_kind fs_dir_raw = {.type = FS_FOLDER,
                                   .list = fs_months_list,
                                   .find = fs_months_find,
                                   .changed = fs_months_changed,
                                   .month = &dir_month};
