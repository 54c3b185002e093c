/* organization/: the organization's description, every account by its name, and the roots with their units as folders in
 * folders. An account in a unit is a link into accounts/; how many steps up, the place of its folder knows.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fs/kind.h"
#include "fs/units.h"

static errint need(struct fs_ask *a, struct model_customer **ret)
{
    errint e = fs_ask_customer(a, ret);
    return e ? e : model_fetch_need(*ret, MODEL_ORGANIZATION, "", a->waiter);
}

static errint render_organization(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    (void)p;
    struct model_customer *c;
    errint e = need(a, &c);
    *ret_floor_ns = 0;
    return e ? e : model_organization_json(c, ret);
}

static void topic_of(const struct fs_place *p, enum model_topic *ret, const char **ret_arg)
{
    (void)p;
    *ret = MODEL_ORGANIZATION;
    *ret_arg = "";
}

static const struct fs_kind file_organization = {.type = FS_TEXT, .render = render_organization, .topic = topic_of};

/* A link's place: the account, and how deep its folder lies. */
static errint render_link(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    (void)a;
    *ret_floor_ns = 0;
    for (int i = 0; i < p->which; i++)
        buf_puts(ret, "../");
    buf_printf(ret, "accounts/%s", p->arg[0]);
    return buf_error(ret);
}

static const struct fs_kind link_account = {.type = FS_LINK, .render = render_link};

static errint names_of(struct fs_ask *a, const char *unit, struct fs_unit_names **ret)
{
    struct model_customer *c;
    errint e = need(a, &c);
    return e ? e : fs_unit_names_get(a->fs->units, c, unit, ret);
}

static errint list_names(struct fs_ask *a, const char *unit, struct fs_listing *into)
{
    struct fs_unit_names *names;
    errint e = names_of(a, unit, &names);
    if (e)
        return e;
    for (size_t i = 0; i < names->count; i++)
        fs_listing_add(into, names->entries[i].file_name, names->entries[i].account ? S_IFLNK : S_IFDIR);
    fs_unit_names_put(names);
    return 0;
}

static const struct fs_kind dir_unit;

/* DEPTH: of the folder that NAME is in, below the root. */
static errint find_name(struct fs_ask *a, const char *unit, int depth, const char *name, struct fs_place *ret)
{
    struct fs_unit_names *names;
    errint e = names_of(a, unit, &names);
    if (e)
        return e;
    const struct fs_unit_name *n = fs_unit_names_find(names, name);
    if (!n)
        e = err_set(-ENOENT, "no %s here", name);
    else if (n->account)
        e = fs_place_set(ret, &link_account, depth, n->id, NULL, NULL);
    else
        e = fs_place_set(ret, &dir_unit, depth + 1, n->id, NULL, NULL);
    fs_unit_names_put(names);
    return e;
}

static errint changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    (void)p;
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    return e ? e : model_accounts_changed(c, ret_ns);
}

/* A unit's place: its ID, and how deep it lies. */
static errint list_unit(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    return list_names(a, p->arg[0], into);
}

static errint find_in_unit(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    return find_name(a, p->arg[0], p->which, name, ret);
}

static const struct fs_kind dir_unit = {.type = FS_FOLDER, .list = list_unit, .find = find_in_unit, .changed = changed};

static errint list_by_name(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    (void)p;
    return list_names(a, NULL, into);
}

static errint find_by_name(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    (void)p;
    return find_name(a, NULL, 2, name, ret);
}

static const struct fs_kind dir_by_name = {
    .type = FS_FOLDER, .list = list_by_name, .find = find_by_name, .changed = changed};

static errint list(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    (void)p;
    struct model_customer *c;
    errint e = need(a, &c);
    return e || model_organization_refused(c) ? e : list_names(a, "", into);
}

static errint find(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    (void)p;
    return find_name(a, "", 1, name, ret);
}

static const struct fs_name names[] = {
    {"by-name", &dir_by_name, 0, FS_WITH_ACCOUNTS},
    {"organization.json", &file_organization, 0, FS_WITH_ORGANIZATION},
    {NULL, NULL, 0, FS_ALWAYS},
};

const struct fs_kind fs_dir_organization = {
    .type = FS_FOLDER, .names = names, .list = list, .find = find, .changed = changed};
