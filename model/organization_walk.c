/* The walk: describe-organization, then roots, units and accounts from the top down, one call at a time; published whole, in
 * one transaction, in one scope:
 *
 *   item        body
 *   o           {"Organization": {…}}
 *   a/ID        {"Account": {…}, "ParentId": …, "ParentPath": …}
 *   u/ID        {"Unit": {…}, "Path": …}                          a root or a unit
 *   c/ID        [{"f": file name, "i": id, "a": is an account}]   what is in a root or unit; c/ alone: the roots
 *   n           the same of every account: by-name/
 *   refused     AWS's words when it refused the lists: the role is not in the management account
 *
 * Beside the roots lie by-name, organization.json and policies: a root of such a name has its ID behind it.
 *
 * What is moved meanwhile, from a unit still to be asked to one that was asked, is met nowhere; the other way round, twice. So
 * ListAccounts is asked behind the walk: when it names an account that was not met, or one was met twice, the walk was torn
 * and is made once more. What is missing after WALKS_MAX of them keeps the place of the last whole walk, or has none: it is
 * in a/ and n, for ENOENT is said only of what a complete answer leaves out. Where ListAccounts alone is refused, the
 * walk is what there is to know.
 *
 * A call that fails ends the walk with nothing published. A refusal is published only where no whole walk was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "aws/organizations.h"
#include "base/cleanup.h"
#include "base/names.h"
#include "model/fetch_topics.h"
#include "model/organization.h"

#define UNITS_MAX 20000
#define DEPTH_MAX 32
#define ACCOUNTS_MAX 200000
#define WALKS_MAX 3

struct items {
    struct cache_item *items; /* ids and bodies are owned */
    size_t count, cap;
};

struct walk {
    const struct model_fetch *fetch;
    struct items items;
    size_t units;
    /* by-name: names and ids of all accounts, owned by ELEMENTS */
    struct names_entry *accounts;
    size_t account_count, account_cap;
};

static void done_walk(struct walk *w)
{
    for (size_t i = 0; i < w->items.count; i++) {
        free((void *)(uintptr_t)w->items.items[i].id);
        free((void *)(uintptr_t)w->items.items[i].body);
    }
    free(w->items.items);
    for (size_t i = 0; i < w->account_count; i++) {
        free((void *)(uintptr_t)w->accounts[i].name);
        free((void *)(uintptr_t)w->accounts[i].id);
        free(w->accounts[i].file_name);
    }
    free(w->accounts);
}

/* The item KIND + ID with JSON's text as its body. */
static errint add_item(struct walk *w, const char *kind, const char *id, const cJSON *json)
{
    struct items *items = &w->items;
    if (items->count == items->cap) {
        size_t cap = items->cap ? items->cap * 2 : 256;
        struct cache_item *more = realloc(items->items, cap * sizeof *more);
        if (!more)
            return err_set(-ENOMEM, "no memory for the organization");
        items->items = more;
        items->cap = cap;
    }
    struct buf body cleanup_buf = BUF_INIT;
    char *full = NULL;
    aws_json_print_compact(&body, json);
    errint e = buf_error(&body);
    if (e == 0 && asprintf(&full, "%s%s", kind, id) < 0)
        e = err_set(-ENOMEM, "no memory for the organization");
    if (e)
        return e;
    size_t len = body.len;
    items->items[items->count++] = (struct cache_item){.id = full, .body = buf_steal(&body), .body_len = len};
    return 0;
}

static errint remember_account(struct walk *w, const char *id, const char *name)
{
    if (w->account_count >= ACCOUNTS_MAX)
        return err_set(-EFBIG, "the organization has more than %d accounts", ACCOUNTS_MAX);
    if (w->account_count == w->account_cap) {
        size_t cap = w->account_cap ? w->account_cap * 2 : 256;
        struct names_entry *more = realloc(w->accounts, cap * sizeof *more);
        if (!more)
            return err_set(-ENOMEM, "no memory for the accounts");
        w->accounts = more;
        w->account_cap = cap;
    }
    struct names_entry entry = {.name = strdup(name), .id = strdup(id)};
    w->accounts[w->account_count++] = entry;
    return entry.name && entry.id ? 0 : err_set(-ENOMEM, "no memory for the accounts");
}

static cJSON *encode_entry(const struct names_entry *entry, bool account)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "f", entry->file_name);
    cJSON_AddStringToObject(json, "i", entry->id);
    if (account)
        cJSON_AddTrueToObject(json, "a");
    return json;
}

/* What one root or unit holds (or, for PARENT "", the roots): units first, then accounts. Elements stay UNITS' and
 * ACCOUNTS'. */
struct level {
    const char *parent, *path; /* "" and "" above the roots */
    cJSON *units, *accounts;   /* owned; ACCOUNTS may be NULL */
    struct names_entry *entries;
    size_t unit_count, count;
};

static void done_level(struct level *l)
{
    for (size_t i = 0; l->entries && i < l->count; i++)
        free(l->entries[i].file_name);
    free(l->entries);
    cJSON_Delete(l->units);
    cJSON_Delete(l->accounts);
}

/* Account IDs are names of folders: nothing but 12 digits may become one. */
static bool is_account_id(const char *id)
{
    return strlen(id) == 12 && strspn(id, "0123456789") == 12;
}

static errint add_entries(struct level *l, const cJSON *elements, bool accounts)
{
    const cJSON *element = NULL;
    cJSON_ArrayForEach (element, elements) {
        const char *id = aws_json_string(element, "Id"), *name = aws_json_string(element, "Name");
        if (!id || !*id || strchr(id, '/') || (accounts && !is_account_id(id)))
            return err_set(-EIO, "Organizations gave %s under %s the Id \"%s\"", accounts ? "an account" : "a unit",
                           l->parent, id ? id : "");
        l->entries[l->count++] = (struct names_entry){.name = name ? name : "", .id = id};
    }
    return 0;
}

static const char *const beside_roots[] = {"by-name", "organization.json", "policies"};
#define BESIDE_ROOTS (sizeof beside_roots / sizeof beside_roots[0])

/* Behind the level's own entries stand, for the time of this, those that are there already. */
static errint name_uniquely(struct level *l)
{
    size_t count = l->count;
    for (size_t i = 0; !*l->parent && i < BESIDE_ROOTS; i++)
        l->entries[count++] = (struct names_entry){.name = beside_roots[i], .id = ""};
    errint e = names_unique(l->entries, count);
    while (count > l->count)
        free(l->entries[--count].file_name);
    return e;
}

/* File names of the level, unique among units and accounts together. */
static errint name_level(struct level *l)
{
    size_t count = (size_t)cJSON_GetArraySize(l->units) + (size_t)cJSON_GetArraySize(l->accounts);
    l->entries = calloc(count + BESIDE_ROOTS, sizeof *l->entries);
    if (!l->entries)
        return err_set(-ENOMEM, "no memory for %zu names", count);
    errint e = add_entries(l, l->units, false);
    l->unit_count = l->count;
    if (e == 0)
        e = add_entries(l, l->accounts, true);
    return e ? e : name_uniquely(l);
}

static errint publish_level(struct walk *w, const struct level *l)
{
    cJSON *children cleanup(aws_json_deletep) = cJSON_CreateArray();
    for (size_t i = 0; i < l->count; i++)
        cJSON_AddItemToArray(children, encode_entry(&l->entries[i], i >= l->unit_count));
    return add_item(w, "c/", l->parent, children);
}

static errint publish_account(struct walk *w, const struct level *l, cJSON *element, const struct names_entry *entry)
{
    cJSON *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    cJSON_AddItemReferenceToObject(json, "Account", element);
    cJSON_AddStringToObject(json, "ParentId", l->parent);
    cJSON_AddStringToObject(json, "ParentPath", l->path);
    errint e = add_item(w, "a/", entry->id, json);
    return e ? e : remember_account(w, entry->id, entry->name);
}

static errint publish_unit(struct walk *w, cJSON *element, const struct names_entry *entry, const char *path)
{
    cJSON *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    cJSON_AddItemReferenceToObject(json, "Unit", element);
    cJSON_AddStringToObject(json, "Path", path);
    return add_item(w, "u/", entry->id, json);
}

static errint walk_level(struct walk *w, struct level *l, int depth);

/* One root or unit: asks for its units and accounts, then goes down. */
static errint walk_unit(struct walk *w, const char *id, const char *path, int depth)
{
    struct aws_session *s = w->fetch->customer->reading;
    struct level level cleanup(done_level) = {.parent = id, .path = path};
    if (depth > DEPTH_MAX || ++w->units > UNITS_MAX)
        return err_set(-EFBIG, "the organization has more than %d units or is deeper than %d", UNITS_MAX, DEPTH_MAX);
    errint e = aws_organizations_list_units(s, id, w->fetch->cancel, &level.units);
    if (e == 0)
        e = aws_organizations_list_accounts_for_parent(s, id, w->fetch->cancel, &level.accounts);
    return e ? e : walk_level(w, &level, depth);
}

static errint walk_level(struct walk *w, struct level *l, int depth)
{
    errint e = name_level(l);
    if (e == 0)
        e = publish_level(w, l);
    for (size_t i = 0; e == 0 && i < l->unit_count; i++) {
        char *path cleanup_free = NULL;
        if (asprintf(&path, "%s%s%s", l->path, *l->path ? "/" : "", l->entries[i].file_name) < 0)
            return err_set(-ENOMEM, "no memory for the organization");
        e = publish_unit(w, cJSON_GetArrayItem(l->units, (int)i), &l->entries[i], path);
        if (e == 0)
            e = walk_unit(w, l->entries[i].id, path, depth + 1);
    }
    cJSON *element = l->accounts ? l->accounts->child : NULL;
    for (size_t i = l->unit_count; e == 0 && element && i < l->count; i++, element = element->next)
        e = publish_account(w, l, element, &l->entries[i]);
    return e;
}

static errint walk_roots(struct walk *w)
{
    struct level level cleanup(done_level) = {.parent = "", .path = ""};
    errint e = aws_organizations_list_roots(w->fetch->customer->reading, w->fetch->cancel, &level.units);
    return e ? e : walk_level(w, &level, 0);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct names_entry *)a)->id, ((const struct names_entry *)b)->id);
}

/* An account that was moved during the walk may have been met twice. True: one was. */
static bool drop_twins(struct walk *w)
{
    if (!w->account_count)
        return false;
    size_t kept = 0;
    qsort(w->accounts, w->account_count, sizeof *w->accounts, by_id);
    for (size_t i = 0; i < w->account_count; i++) {
        struct names_entry *e = &w->accounts[i];
        if (kept && strcmp(w->accounts[kept - 1].id, e->id) == 0) {
            free((void *)(uintptr_t)e->name);
            free((void *)(uintptr_t)e->id);
        } else {
            w->accounts[kept++] = *e;
        }
    }
    bool twins = kept < w->account_count;
    w->account_count = kept;
    return twins;
}

/* Of what ListAccounts names, those that the walk did not meet. */
static errint find_missing(const struct walk *w, cJSON **ret)
{
    errint e = aws_organizations_list_accounts(w->fetch->customer->reading, w->fetch->cancel, ret);
    if (e == -EACCES)
        *ret = cJSON_CreateArray();
    else if (e)
        return e;
    for (cJSON *one = *ret ? (*ret)->child : NULL, *next; one; one = next) {
        next = one->next;
        struct names_entry wanted = {.id = aws_json_string(one, "Id")};
        if (!wanted.id || !is_account_id(wanted.id))
            return err_set(-EIO, "Organizations gave an account the Id \"%s\"", wanted.id ? wanted.id : "");
        if (w->account_count && bsearch(&wanted, w->accounts, w->account_count, sizeof wanted, by_id))
            cJSON_Delete(cJSON_DetachItemViaPointer(*ret, one));
    }
    return *ret ? 0 : err_set(-ENOMEM, "no memory for the accounts");
}

/* With the place that the last whole walk found it at. */
static errint add_missing(struct walk *w, cJSON *element)
{
    struct buf item cleanup_buf = BUF_INIT, body cleanup_buf = BUF_INIT;
    cJSON *last cleanup(aws_json_deletep) = NULL, *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    const char *id = aws_json_string(element, "Id"), *name = aws_json_string(element, "Name");
    buf_printf(&item, "a/%s", id);
    if (cache_store_get(w->fetch->customer->model->store, w->fetch->scope, buf_text(&item), &body, NULL) == 0)
        (void)aws_json_parse(buf_text(&body), body.len, &last);
    const char *parent = last ? aws_json_string(last, "ParentId") : NULL;
    const char *path = last ? aws_json_string(last, "ParentPath") : NULL;
    cJSON_AddItemReferenceToObject(json, "Account", element);
    cJSON_AddStringToObject(json, "ParentId", parent ? parent : "");
    cJSON_AddStringToObject(json, "ParentPath", path ? path : "");
    errint e = add_item(w, "a/", id, json);
    return e ? e : remember_account(w, id, name ? name : "");
}

static errint publish_by_name(struct walk *w)
{
    cJSON *all cleanup(aws_json_deletep) = cJSON_CreateArray();
    errint e = names_unique(w->accounts, w->account_count);
    for (size_t i = 0; e == 0 && i < w->account_count; i++)
        cJSON_AddItemToArray(all, encode_entry(&w->accounts[i], true));
    return e ? e : add_item(w, "n", "", all);
}

/* What was walked so far goes, but for describe-organization's answer. */
static errint publish_refusal(struct walk *w)
{
    cJSON *why cleanup(aws_json_deletep) = cJSON_CreateString(err_message());
    if (w->fetch->cached && !model_organization_refused(w->fetch->customer))
        return err_set(-EACCES, "%s", cJSON_IsString(why) ? why->valuestring : "refused");
    for (; w->items.count > 1; w->items.count--) {
        free((void *)(uintptr_t)w->items.items[w->items.count - 1].id);
        free((void *)(uintptr_t)w->items.items[w->items.count - 1].body);
    }
    return add_item(w, "refused", "", why);
}

/* Publishes, unless it was torn and is not the LAST. */
static errint walk_once(const struct model_fetch *f, const cJSON *organization, bool last, bool *ret_torn)
{
    struct walk w cleanup(done_walk) = {.fetch = f};
    cJSON *missing cleanup(aws_json_deletep) = NULL;
    *ret_torn = false;
    errint e = add_item(&w, "o", "", organization);
    if (e)
        return e;
    e = walk_roots(&w);
    if (e == -EACCES) {
        e = publish_refusal(&w);
    } else if (e == 0) {
        bool twins = drop_twins(&w);
        e = find_missing(&w, &missing);
        *ret_torn = e == 0 && !last && (twins || missing->child);
        if (e || *ret_torn)
            return e;
        for (cJSON *one = missing->child; e == 0 && one; one = one->next)
            e = add_missing(&w, one);
        (void)drop_twins(&w); /* for their order */
        if (e == 0)
            e = publish_by_name(&w);
    }
    return e ? e : model_fetch_publish(f, w.items.items, w.items.count);
}

errint model_organization_walk(const struct model_fetch *f)
{
    cJSON *organization cleanup(aws_json_deletep) = NULL;
    errint e = aws_organizations_describe_organization(f->customer->reading, f->cancel, &organization);
    if (e == -ENOENT)
        return model_fetch_publish(f, NULL, 0); /* the account is in no organization: that is a whole answer */
    bool torn = e == 0;
    for (int walks = 0; e == 0 && torn; walks++)
        e = walk_once(f, organization, walks + 1 == WALKS_MAX, &torn);
    return e;
}

errint model_organization_fetch_tags(const struct model_fetch *f)
{
    cJSON *tags cleanup(aws_json_deletep) = NULL;
    struct buf body cleanup_buf = BUF_INIT;
    errint e = aws_organizations_list_tags(f->customer->reading, f->arg, f->cancel, &tags);
    if (e)
        return e;
    aws_json_print_compact(&body, tags);
    struct cache_item item = {.id = "tags", .body = buf_text(&body), .body_len = body.len};
    e = buf_error(&body);
    return e ? e : model_fetch_publish(f, &item, 1);
}
