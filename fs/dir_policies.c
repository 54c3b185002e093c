/* policies/: what the template grants, what was tried, and what has to be attached. A pending connection has them too,
 * and without any there is what the vendor needs to begin. */
#include <string.h>

#include "base/cleanup.h"
#include "fs/kind.h"
#include "model/policies.h"
#include "model/seen.h"

/* NULL while there is no customer: what the vendor needs first is there already. */
static errint ask_connection(struct fs_ask *a, const struct cache_connection **ret)
{
    struct model_customer *c = NULL;
    errint e = fs_ask_customer(a, &c);
    if (e && e != -EACCES)
        return e;
    *ret = e ? NULL : &c->connection;
    return 0;
}

static errint render(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    const struct cache_connection *c;
    errint e = ask_connection(a, &c);
    *ret_floor_ns = 0;
    return e ? e : model_policies_file(a->fs->model, c, p->arg[0], ret);
}

static const struct fs_kind file_policy = {.type = FS_TEXT, .render = render};

static int add_file(void *arg, const char *name)
{
    fs_listing_add(arg, name, S_IFREG);
    return 0;
}

static int same_name(void *arg, const char *name)
{
    return strcmp(arg, name) == 0;
}

static errint list(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    (void)p;
    const struct cache_connection *c;
    errint e = ask_connection(a, &c);
    return e ? e : model_policies_each(a->fs->model, c, add_file, into);
}

static errint find(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    (void)p;
    const struct cache_connection *c;
    errint e = ask_connection(a, &c);
    if (e)
        return e;
    char *wanted cleanup_free = strdup(name);
    int found = wanted ? model_policies_each(a->fs->model, c, same_name, wanted) : -ENOMEM;
    if (found < 0)
        return found;
    return found ? fs_place_set(ret, &file_policy, 0, name, NULL, NULL) : err_set(-ENOENT, "no policy %s", name);
}

static errint changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    struct fs_listing names = {0};
    errint e = list(a, p, &names);
    if (e == 0)
        e = fs_listing_error(&names);
    if (e == 0) {
        static const char where[] = "names of policies";
        struct hash128 hash = hash128_bytes(buf_text(&names.names), names.names.len);
        e = model_seen_first(a->fs->model, hash_bytes(where, sizeof where), hash, 0, ret_ns);
    }
    fs_listing_done(&names);
    return e;
}

const struct fs_kind fs_dir_policies = {.type = FS_FOLDER, .list = list, .find = find, .changed = changed};
