/* resources/ec2/ACCOUNT/REGION/ID/: a service, an account that the role sees, a region, an instance with a file a fact.
 * Places: arg[0] the account, arg[1] the region, arg[2] the instance.
 */
#include <string.h>

#include "base/cleanup.h"
#include "fs/kind.h"
#include "model/resources.h"
#include "model/seen.h"

static errint need(struct fs_ask *a, const struct fs_place *p, struct model_customer **ret)
{
    errint e = fs_ask_customer(a, ret);
    return e ? e : model_fetch_need(*ret, MODEL_INSTANCES, p->arg[1], a->waiter);
}

static errint render(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    struct model_customer *c;
    errint e = need(a, p, &c);
    return e ? e : model_instance_file(c, p->arg[1], p->arg[2], (enum model_instance_file)p->which, ret, ret_floor_ns);
}

static void topic_of(const struct fs_place *p, enum model_topic *ret, const char **ret_arg)
{
    *ret = MODEL_INSTANCES;
    *ret_arg = p->arg[1];
}

static const struct fs_kind file_fact = {.type = FS_TEXT, .render = render, .topic = topic_of};

static const struct fs_name instance_names[] = {
    {"instance.json", &file_fact, MODEL_INSTANCE_JSON, FS_ALWAYS},
    {"state", &file_fact, MODEL_INSTANCE_STATE, FS_ALWAYS},
    {"type", &file_fact, MODEL_INSTANCE_TYPE, FS_ALWAYS},
    {"tags.json", &file_fact, MODEL_INSTANCE_TAGS_JSON, FS_ALWAYS},
    {NULL, NULL, 0, FS_ALWAYS},
};

/* The names in an instance's folder never change: it is as old as the instance. */
static errint instance_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    struct model_customer *c;
    struct buf unused cleanup_buf = BUF_INIT;
    errint e = fs_ask_customer(a, &c);
    return e ? e : model_instance_file(c, p->arg[1], p->arg[2], MODEL_INSTANCE_TYPE, &unused, ret_ns);
}

static const struct fs_kind dir_instance = {.type = FS_FOLDER, .names = instance_names, .changed = instance_changed};

static int add_folder(void *arg, const char *name)
{
    fs_listing_add(arg, name, S_IFDIR);
    return 0;
}

static int same_name(void *arg, const char *name)
{
    return strcmp(arg, name) == 0;
}

static errint list_region(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    struct model_customer *c;
    errint e = need(a, p, &c);
    return e ? e : model_instances_each(c, p->arg[1], add_folder, into);
}

static errint find_in_region(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    struct model_customer *c;
    struct buf unused cleanup_buf = BUF_INIT;
    int64_t floor_ns;
    errint e = need(a, p, &c);
    if (e == 0)
        e = model_instance_file(c, p->arg[1], name, MODEL_INSTANCE_STATE, &unused, &floor_ns);
    return e ? e : fs_place_set(ret, &dir_instance, 0, p->arg[0], p->arg[1], name);
}

static errint region_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    return e ? e : model_instances_changed(c, p->arg[1], ret_ns);
}

static const struct fs_kind dir_region = {
    .type = FS_FOLDER, .list = list_region, .find = find_in_region, .changed = region_changed};

typedef errint (*each_name)(struct model_customer *c, int (*each)(void *arg, const char *name), void *arg);

static errint list_each(struct fs_ask *a, each_name walk, struct fs_listing *into)
{
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    return e ? e : walk(c, add_folder, into);
}

static errint has_name(struct fs_ask *a, each_name walk, const char *name)
{
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    if (e)
        return e;
    char *wanted cleanup_free = strdup(name);
    int found = wanted ? walk(c, same_name, wanted) : -ENOMEM;
    return found < 0 ? found : found ? 0 : err_set(-ENOENT, "no %s here", name);
}

static errint list_account(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    (void)p;
    return list_each(a, model_resources_regions_each, into);
}

static errint find_in_account(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    errint e = has_name(a, model_resources_regions_each, name);
    return e ? e : fs_place_set(ret, &dir_region, 0, p->arg[0], name, NULL);
}

/* When these names were first seen: both lists are short. */
static errint names_changed(struct fs_ask *a, const char *where, each_name walk, int64_t *ret_ns)
{
    struct fs_listing names = {0};
    errint e = list_each(a, walk, &names);
    if (e == 0)
        e = fs_listing_error(&names);
    if (e == 0) {
        struct hash128 hash = hash128_bytes(buf_text(&names.names), names.names.len);
        e = model_seen_first(a->fs->model, hash_bytes(where, strlen(where)), hash, 0, ret_ns);
    }
    fs_listing_done(&names);
    return e;
}

static errint account_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    (void)p;
    return names_changed(a, "names of regions", model_resources_regions_each, ret_ns);
}

static const struct fs_kind dir_account = {
    .type = FS_FOLDER, .list = list_account, .find = find_in_account, .changed = account_changed};

static int pass_over(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return 0;
}

/* In direct mode the account is the caller's, which has to be asked for once. */
static errint need_account(struct fs_ask *a)
{
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    if (e)
        return e;
    e = model_resources_accounts_each(c, pass_over, NULL);
    return e == -EAGAIN ? model_fetch_need(c, MODEL_CALLER, "", a->waiter) : e;
}

static errint list_ec2(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    (void)p;
    errint e = need_account(a);
    return e ? e : list_each(a, model_resources_accounts_each, into);
}

static errint find_in_ec2(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    (void)p;
    errint e = need_account(a);
    if (e == 0)
        e = has_name(a, model_resources_accounts_each, name);
    return e ? e : fs_place_set(ret, &dir_account, 0, name, NULL, NULL);
}

static errint ec2_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    (void)p;
    return names_changed(a, "names of accounts with resources", model_resources_accounts_each, ret_ns);
}

static const struct fs_kind dir_ec2 = {
    .type = FS_FOLDER, .list = list_ec2, .find = find_in_ec2, .changed = ec2_changed};

static const struct fs_name names[] = {{"ec2", &dir_ec2, 0, FS_ALWAYS}, {NULL, NULL, 0, FS_ALWAYS}};

const struct fs_kind fs_dir_resources = {.type = FS_FOLDER, .names = names};
