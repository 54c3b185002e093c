/* Reading what the walk published (model/organization_walk.c names the items). Every function but organization.json's gives
 * -EACCES with AWS's own words where the lists were refused.
 */
#include "model/organization.h"

#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "model/fetch.h"

static errint get_item(struct model_customer *c, enum model_topic topic, const char *arg, const char *id, cJSON **ret,
                       int64_t *ret_changed_ns)
{
    struct buf scope cleanup_buf = BUF_INIT, body cleanup_buf = BUF_INIT;
    model_fetch_scope(c, topic, arg, &scope);
    errint e = cache_store_get(c->model->store, buf_text(&scope), id, &body, ret_changed_ns);
    return e ? e : aws_json_parse(buf_text(&body), body.len, ret);
}

static errint check_refused(struct model_customer *c)
{
    cJSON *why cleanup(aws_json_deletep) = NULL;
    if (get_item(c, MODEL_ORGANIZATION, "", "refused", &why, NULL))
        return 0;
    return err_set(-EACCES, "the organization's lists were refused: %s", cJSON_IsString(why) ? why->valuestring : "");
}

bool model_organization_refused(struct model_customer *c)
{
    return check_refused(c) != 0;
}

/* What was published whole and holds nothing: of an organization there is its description at least. */
bool model_organization_absent(struct model_customer *c)
{
    struct cache_listing listing;
    return model_fetch_listing(c, MODEL_ORGANIZATION, "", &listing) == 0 && listing.count == 0;
}

/* -ENOENT becomes the refusal, if that is the reason. */
static errint explain(struct model_customer *c, errint e)
{
    if (e != -ENOENT)
        return e;
    char *message cleanup_free = strdup(err_message());
    errint refused = check_refused(c);
    return refused ? refused : err_set(-ENOENT, "%s", message ? message : "not in the organization");
}

static errint get_account(struct model_customer *c, const char *id, cJSON **ret, int64_t *ret_changed_ns)
{
    struct buf item cleanup_buf = BUF_INIT;
    buf_printf(&item, "a/%s", id);
    return explain(c, get_item(c, MODEL_ORGANIZATION, "", buf_text(&item), ret, ret_changed_ns));
}

/* State is taking Status's place (API reference, Account: Status is retired on 2026-09-09). */
static const char *state_of(const cJSON *account)
{
    const char *state = aws_json_string(account, "State");
    if (!state)
        state = aws_json_string(account, "Status");
    return state ? state : "";
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = aws_json_string(object, name);
    return text ? text : "";
}

/* "2026-01-31T10:00:00.123456+00:00" as seconds; 0 when it is none. */
static int64_t joined_unix(const char *text)
{
    char plain[32] = "";
    int64_t unix_s = 0;
    size_t seconds = strlen("2026-01-31T10:00:00");
    if (strlen(text) < seconds)
        return 0;
    memcpy(plain, text, seconds);
    plain[seconds] = 'Z';
    return clock_parse_iso(plain, &unix_s) == 0 ? unix_s : 0;
}

static void fill_account(const cJSON *json, int64_t changed_ns, struct model_account *ret)
{
    const cJSON *account = cJSON_GetObjectItemCaseSensitive(json, "Account");
    *ret = (struct model_account){
        .id = text_of(account, "Id"),
        .name = text_of(account, "Name"),
        .email = text_of(account, "Email"),
        .state = state_of(account),
        .joined = text_of(account, "JoinedTimestamp"),
        .parent_id = text_of(json, "ParentId"),
        .parent_path = text_of(json, "ParentPath"),
        .changed_ns = changed_ns,
    };
    ret->joined_unix = joined_unix(ret->joined);
}

struct accounts {
    int (*each)(void *arg, const struct model_account *a);
    void *arg;
};

static int give_account(void *arg, const struct cache_item *item)
{
    struct accounts *a = arg;
    cJSON *json cleanup(aws_json_deletep) = NULL;
    struct model_account account;
    if (strncmp(item->id, "a/", 2) != 0)
        return 0;
    errint e = aws_json_parse(item->body, item->body_len, &json);
    if (e)
        return e;
    fill_account(json, item->changed_ns, &account);
    return a->each(a->arg, &account);
}

errint model_accounts_each(struct model_customer *c, int (*each)(void *arg, const struct model_account *a), void *arg)
{
    struct buf scope cleanup_buf = BUF_INIT;
    struct accounts accounts = {.each = each, .arg = arg};
    errint e = check_refused(c);
    if (e)
        return e;
    model_fetch_scope(c, MODEL_ORGANIZATION, "", &scope);
    return cache_store_each(c->model->store, buf_text(&scope), give_account, &accounts);
}

errint model_accounts_changed(struct model_customer *c, int64_t *ret_ns)
{
    return model_fetch_changed(c, MODEL_ORGANIZATION, "", ret_ns);
}

errint model_account_changed(struct model_customer *c, const char *id, int64_t *ret_ns)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    return get_account(c, id, &json, ret_ns);
}

static errint put_line(struct buf *ret, const char *text)
{
    buf_puts(ret, text);
    buf_putc(ret, '\n');
    return buf_error(ret);
}

/* {"NAME": VALUE} as the CLI prints it; takes VALUE. */
static errint put_wrapped(struct buf *ret, const char *name, cJSON *value)
{
    cJSON *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    if (!json || !cJSON_AddItemToObject(json, name, value)) {
        cJSON_Delete(value);
        return err_set(-ENOMEM, "no memory for %s", name);
    }
    aws_json_print(ret, json);
    return buf_error(ret);
}

static errint account_tags(struct model_customer *c, const char *id, struct buf *ret)
{
    cJSON *tags = NULL;
    errint e = get_item(c, MODEL_ACCOUNT_TAGS, id, "tags", &tags, NULL);
    return e ? e : put_wrapped(ret, "Tags", tags);
}

errint model_account_file(struct model_customer *c, const char *id, enum model_account_file which, struct buf *ret,
                          int64_t *ret_floor_ns)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    struct model_account a;
    errint e = get_account(c, id, &json, NULL);
    if (e)
        return e;
    fill_account(json, 0, &a);
    *ret_floor_ns = a.joined_unix * CLOCK_NS_PER_S;
    switch (which) {
    case MODEL_ACCOUNT_JSON:
        return put_wrapped(ret, "Account", cJSON_DetachItemFromObjectCaseSensitive(json, "Account"));
    case MODEL_ACCOUNT_NAME:
        return put_line(ret, a.name);
    case MODEL_ACCOUNT_EMAIL:
        return put_line(ret, a.email);
    case MODEL_ACCOUNT_STATE:
        return put_line(ret, a.state);
    case MODEL_ACCOUNT_JOINED:
        return put_line(ret, a.joined);
    case MODEL_ACCOUNT_PARENT:
        return put_line(ret, a.parent_path);
    case MODEL_ACCOUNT_TAGS_JSON:
        return account_tags(c, id, ret);
    }
    return err_set(-ENOENT, "an account has no such file");
}

/* One cell: names may hold tabs and newlines. */
static void put_cell(struct buf *to, const char *text, char end)
{
    for (; *text; text++)
        buf_putc(to, *text == '\t' || *text == '\n' || *text == '\r' ? ' ' : *text);
    buf_putc(to, end);
}

static int put_row(void *arg, const struct model_account *a)
{
    struct buf *to = arg;
    put_cell(to, a->id, '\t');
    put_cell(to, a->name, '\t');
    put_cell(to, a->email, '\t');
    put_cell(to, a->state, '\t');
    put_cell(to, a->parent_path, '\t');
    put_cell(to, a->joined, '\n');
    return buf_error(to);
}

errint model_accounts_tsv(struct model_customer *c, struct buf *ret)
{
    buf_puts(ret, "id\tname\temail\tstate\tpath\tjoined\n");
    errint e = model_accounts_each(c, put_row, ret);
    return e ? e : buf_error(ret);
}

errint model_organization_json(struct model_customer *c, struct buf *ret)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    errint e = get_item(c, MODEL_ORGANIZATION, "", "o", &json, NULL);
    if (e == -ENOENT)
        return err_set(e, "account %s is in no organization", c->account);
    if (e)
        return e;
    aws_json_print(ret, json);
    return buf_error(ret);
}

static errint give_entries(struct model_customer *c, const char *item,
                           int (*each)(void *arg, const struct model_unit_entry *e), void *arg)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    errint e = explain(c, get_item(c, MODEL_ORGANIZATION, "", item, &json, NULL));
    if (e)
        return e == -ENOENT && model_organization_absent(c) ? 0 : e;
    const cJSON *one = NULL;
    cJSON_ArrayForEach (one, json) {
        struct model_unit_entry entry = {
            .file_name = text_of(one, "f"),
            .id = text_of(one, "i"),
            .account = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "a")),
        };
        int stop = each(arg, &entry);
        if (stop)
            return stop;
    }
    return 0;
}

errint model_unit_each(struct model_customer *c, const char *parent_id,
                       int (*each)(void *arg, const struct model_unit_entry *e), void *arg)
{
    struct buf item cleanup_buf = BUF_INIT;
    buf_printf(&item, "c/%s", parent_id);
    errint e = buf_error(&item);
    return e ? e : give_entries(c, buf_text(&item), each, arg);
}

errint model_by_name_each(struct model_customer *c, int (*each)(void *arg, const struct model_unit_entry *e), void *arg)
{
    return give_entries(c, "n", each, arg);
}
