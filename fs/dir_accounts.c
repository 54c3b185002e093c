/* accounts/: a folder an account, named by its 12 digits and nothing else, with a file a fact; and accounts.tsv. */
#include <string.h>

#include "fs/kind.h"
#include "model/organization.h"

static errint need(struct fs_ask *a, struct model_customer **ret)
{
    errint e = fs_ask_customer(a, ret);
    return e ? e : model_fetch_need(*ret, MODEL_ORGANIZATION, "", a->waiter);
}

static errint render(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    struct model_customer *c;
    errint e = need(a, &c);
    if (e == 0 && p->which == MODEL_ACCOUNT_TAGS_JSON)
        e = model_fetch_need(c, MODEL_ACCOUNT_TAGS, p->arg[0], a->waiter);
    return e ? e : model_account_file(c, p->arg[0], (enum model_account_file)p->which, ret, ret_floor_ns);
}

static void topic_of(const struct fs_place *p, enum model_topic *ret, const char **ret_arg)
{
    bool tags = p->which == MODEL_ACCOUNT_TAGS_JSON;
    *ret = tags ? MODEL_ACCOUNT_TAGS : MODEL_ORGANIZATION;
    *ret_arg = tags ? p->arg[0] : "";
}

static const struct fs_kind file_fact = {.type = FS_TEXT, .render = render, .topic = topic_of};

static const struct fs_name account_names[] = {
    {"account.json", &file_fact, MODEL_ACCOUNT_JSON, FS_ALWAYS},
    {"name", &file_fact, MODEL_ACCOUNT_NAME, FS_ALWAYS},
    {"email", &file_fact, MODEL_ACCOUNT_EMAIL, FS_ALWAYS},
    {"state", &file_fact, MODEL_ACCOUNT_STATE, FS_ALWAYS},
    {"joined", &file_fact, MODEL_ACCOUNT_JOINED, FS_ALWAYS},
    {"parent", &file_fact, MODEL_ACCOUNT_PARENT, FS_ALWAYS},
    {"tags.json", &file_fact, MODEL_ACCOUNT_TAGS_JSON, FS_ALWAYS},
    {NULL, NULL, 0, FS_ALWAYS},
};

static errint account_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    return e ? e : model_account_changed(c, p->arg[0], ret_ns);
}

static const struct fs_kind dir_account = {.type = FS_FOLDER, .names = account_names, .changed = account_changed};

static int add_account(void *arg, const struct model_account *account)
{
    fs_listing_add(arg, account->id, S_IFDIR);
    return 0;
}

static errint list(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into)
{
    (void)p;
    struct model_customer *c;
    errint e = need(a, &c);
    return e ? e : model_accounts_each(c, add_account, into);
}

static errint find(struct fs_ask *a, const struct fs_place *p, const char *name, struct fs_place *ret)
{
    (void)p;
    struct model_customer *c;
    int64_t changed_ns;
    errint e = need(a, &c);
    if (e == 0)
        e = model_account_changed(c, name, &changed_ns);
    return e ? e : fs_place_set(ret, &dir_account, 0, name, NULL, NULL);
}

static errint changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns)
{
    (void)p;
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    return e ? e : model_accounts_changed(c, ret_ns);
}

static errint render_tsv(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    (void)p;
    struct model_customer *c;
    errint e = need(a, &c);
    *ret_floor_ns = 0;
    return e ? e : model_accounts_tsv(c, ret);
}

const struct fs_kind fs_dir_accounts = {.type = FS_FOLDER, .list = list, .find = find, .changed = changed};
const struct fs_kind fs_file_accounts_tsv = {.type = FS_TEXT, .render = render_tsv, .topic = topic_of};
