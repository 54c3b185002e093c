/* Listings. Replacing one compares the sums of what is there with those of what came, both in the order of ids, and writes
 * the difference: an unchanged listing of 10,000 items writes one row. */
#include "cache/store.h"

#include <string.h>

#include "cache/store_private.h"

struct old_item {
    int64_t seq, changed_ns;
    char *id;
    struct hash128 sum;
    bool sum_known;
};

struct replacement {
    const char *scope;
    const struct cache_item **items; /* sorted, without duplicates */
    size_t count;
    int64_t now_ns;
    /* while it is written */
    int64_t scope_id, scope_changed_ns;
    bool changed;
    struct old_item *old;
    size_t old_count, old_cap;
};

static struct hash128 sum_of(const char *id, const void *body, size_t len)
{
    struct hash128 a = hash128_bytes(id, strlen(id)), b = hash128_bytes(body, len);
    return (struct hash128){a.a ^ b.a, a.b ^ b.b};
}

static int64_t later(int64_t now_ns, int64_t before_ns)
{
    return now_ns > before_ns ? now_ns : before_ns + 1;
}

static int by_id(const void *a, const void *b)
{
    const struct cache_item *x = *(const struct cache_item *const *)a, *y = *(const struct cache_item *const *)b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x > y) - (x < y);
}

/* Pointers to ITEMS by id; of the same id the last. */
static errint sort_items(struct replacement *p, const struct cache_item *items, size_t count)
{
    p->items = calloc(count + 1, sizeof *p->items);
    if (!p->items)
        return err_set(-ENOMEM, "no memory for %zu items of %s", count, p->scope);
    for (size_t i = 0; i < count; i++) {
        if (!items[i].id || (!items[i].body && items[i].body_len))
            return err_set(-EINVAL, "an item of %s has no id or no body", p->scope);
        p->items[i] = &items[i];
    }
    qsort(p->items, count, sizeof *p->items, by_id);
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || strcmp(p->items[i]->id, p->items[i + 1]->id) != 0)
            p->items[p->count++] = p->items[i];
    return 0;
}

static void forget_old(struct replacement *p)
{
    for (size_t i = 0; i < p->old_count; i++)
        free(p->old[i].id);
    free(p->old);
    p->old = NULL;
    p->old_count = p->old_cap = 0;
}

static errint add_old(struct replacement *p, sqlite3_stmt *stmt)
{
    if (p->old_count == p->old_cap) {
        size_t cap = p->old_cap ? p->old_cap * 2 : 64;
        struct old_item *more = realloc(p->old, cap * sizeof *more);
        if (!more)
            return err_set(-ENOMEM, "no memory for the items of %s", p->scope);
        p->old = more;
        p->old_cap = cap;
    }
    const char *id = (const char *)sqlite3_column_text(stmt, 1);
    const void *sum = sqlite3_column_blob(stmt, 2);
    struct old_item *o = &p->old[p->old_count];
    *o = (struct old_item){.seq = sqlite3_column_int64(stmt, 0), .changed_ns = sqlite3_column_int64(stmt, 3)};
    o->sum_known = sum && sqlite3_column_bytes(stmt, 2) == (int)sizeof o->sum;
    if (o->sum_known)
        memcpy(&o->sum, sum, sizeof o->sum);
    o->id = strdup(id ? id : "");
    if (!o->id)
        return err_set(-ENOMEM, "no memory for the items of %s", p->scope);
    p->old_count++;
    return 0;
}

static errint load_old(struct cache_db *db, struct replacement *p)
{
    sqlite3_stmt *stmt;
    int r = cache_db_use(db, STORE_ITEM_SUMS, &stmt);
    if (r < 0)
        return r;
    r = cache_db_bind(db, stmt, "i", p->scope_id);
    while (r == 0 && (r = cache_db_step(db, stmt)) == 1)
        r = add_old(p, stmt);
    cache_db_unuse(db, STORE_ITEM_SUMS, stmt);
    return r;
}

/* 1 when the scope is there. */
static int find_scope(struct cache_db *db, const char *scope, int64_t *ret_id, struct cache_listing *ret)
{
    sqlite3_stmt *stmt;
    int r = cache_db_first(db, STORE_SCOPE_GET, &stmt, "t", scope);
    if (r != 1)
        return r;
    *ret_id = sqlite3_column_int64(stmt, 0);
    *ret = (struct cache_listing){.fetched_ns = sqlite3_column_int64(stmt, 1),
                                  .changed_ns = sqlite3_column_int64(stmt, 2),
                                  .count = (size_t)sqlite3_column_int64(stmt, 3)};
    cache_db_unuse(db, STORE_SCOPE_GET, stmt);
    return 1;
}

static errint put_scope(struct cache_db *db, const struct replacement *p, int64_t changed_ns)
{
    return cache_db_run(db, STORE_SCOPE_PUT, "tiii", p->scope, p->now_ns, changed_ns, (int64_t)p->count);
}

/* Makes sure that the scope has a row, and learns its ID. */
static errint prepare_scope(struct cache_db *db, struct replacement *p)
{
    struct cache_listing before = {0};
    int r = find_scope(db, p->scope, &p->scope_id, &before);
    if (r == 0) {
        r = put_scope(db, p, p->now_ns);
        p->changed = true;
        before.changed_ns = p->now_ns - 1;
        p->scope_id = sqlite3_last_insert_rowid(cache_db_handle(db));
    }
    p->scope_changed_ns = before.changed_ns;
    return r < 0 ? r : 0;
}

static errint write_new(struct cache_db *db, struct replacement *p, const struct cache_item *item, struct hash128 sum)
{
    p->changed = true;
    return cache_db_run(db, STORE_ITEM_INSERT, "itibb", p->scope_id, item->id, p->now_ns, &sum, sizeof sum, item->body,
                        item->body_len);
}

static errint write_same_id(struct cache_db *db, struct replacement *p, const struct old_item *old,
                            const struct cache_item *item, struct hash128 sum)
{
    if (old->sum_known && old->sum.a == sum.a && old->sum.b == sum.b)
        return 0;
    p->changed = true;
    return cache_db_run(db, STORE_ITEM_UPDATE, "iibb", old->seq, later(p->now_ns, old->changed_ns), &sum, sizeof sum,
                        item->body, item->body_len);
}

static errint write_gone(struct cache_db *db, struct replacement *p, const struct old_item *old)
{
    p->changed = true;
    return cache_db_run(db, STORE_ITEM_DELETE, "i", old->seq);
}

static errint write_difference(struct cache_db *db, struct replacement *p)
{
    size_t i = 0, j = 0;
    errint r = 0;
    while (r == 0 && (i < p->old_count || j < p->count)) {
        int order = i == p->old_count ? 1 : j == p->count ? -1 : strcmp(p->old[i].id, p->items[j]->id);
        if (order < 0) {
            r = write_gone(db, p, &p->old[i++]);
            continue;
        }
        const struct cache_item *item = p->items[j++];
        struct hash128 sum = sum_of(item->id, item->body, item->body_len);
        r = order > 0 ? write_new(db, p, item, sum) : write_same_id(db, p, &p->old[i++], item, sum);
    }
    return r;
}

static errint write_replacement(struct cache_db *db, void *arg)
{
    struct replacement *p = arg;
    p->changed = false;
    errint r = prepare_scope(db, p);
    if (r == 0)
        r = load_old(db, p);
    if (r == 0)
        r = write_difference(db, p);
    forget_old(p);
    if (r < 0)
        return r;
    return put_scope(db, p, p->changed ? later(p->now_ns, p->scope_changed_ns) : p->scope_changed_ns);
}

errint cache_store_replace(struct cache_store *s, const char *scope, const struct cache_item *items, size_t count,
                           int64_t now_ns)
{
    struct replacement p = {.scope = scope, .now_ns = now_ns};
    errint r = sort_items(&p, items, count);
    if (r == 0)
        r = cache_store_write(s, write_replacement, &p);
    cache_memo_drop(&s->memo, CACHE_MEMO_LISTING, scope);
    free(p.items);
    return r;
}

struct reading {
    const char *scope, *id;
    struct cache_listing *listing;
    int (*each)(void *arg, const struct cache_item *item);
    int (*each_scope)(void *arg, const char *scope);
    void *arg;
    int ended; /* what the callback gave */
    struct buf *body;
    int64_t *changed_ns;
};

static errint no_scope(const char *scope)
{
    return err_set(-ENOENT, "no listing of %s is kept", scope);
}

static errint read_listing(struct cache_db *db, void *arg)
{
    struct reading *p = arg;
    int64_t id;
    int r = find_scope(db, p->scope, &id, p->listing);
    return r < 0 ? r : r == 0 ? no_scope(p->scope) : 0;
}

static void pack_listing(const void *arg, struct buf *ret)
{
    buf_append(ret, ((const struct reading *)arg)->listing, sizeof(struct cache_listing));
}

static errint unpack_listing(void *arg, const char *packed, size_t len)
{
    memcpy(((struct reading *)arg)->listing, packed, len);
    return 0;
}

static errint absent_listing(const void *arg)
{
    return no_scope(((const struct reading *)arg)->scope);
}

errint cache_store_listing(struct cache_store *s, const char *scope, struct cache_listing *ret)
{
    static const struct cache_store_row row = {CACHE_MEMO_LISTING, read_listing, pack_listing, unpack_listing,
                                               absent_listing};
    struct cache_listing listing = {0};
    struct reading p = {.scope = scope, .listing = &listing};
    errint r = cache_store_recall(s, &row, scope, &p);
    if (r == 0)
        *ret = listing;
    return r;
}

static errint read_item(struct cache_db *db, sqlite3_stmt *stmt, struct cache_item *ret)
{
    const char *id = (const char *)sqlite3_column_text(stmt, 0);
    const void *body = sqlite3_column_blob(stmt, 3);
    *ret = (struct cache_item){.id = id ? id : "",
                               .body = body ? body : "",
                               .body_len = (size_t)sqlite3_column_bytes(stmt, 3),
                               .changed_ns = sqlite3_column_int64(stmt, 1)};
    if (cache_db_column_is(stmt, 2, sum_of(ret->id, ret->body, ret->body_len)))
        return 0;
    return cache_db_set_corrupt(db, err_set(-EIO, "cache.db: the item %.100s is not as it was written", ret->id));
}

static errint need_scope(struct cache_db *db, const char *scope, int64_t *ret_id)
{
    struct cache_listing listing;
    int r = find_scope(db, scope, ret_id, &listing);
    return r == 1 ? 0 : r < 0 ? r : no_scope(scope);
}

static errint walk_items(struct cache_db *db, sqlite3_stmt *stmt, struct reading *p)
{
    int r;
    while ((r = cache_db_step(db, stmt)) == 1) {
        struct cache_item item;
        r = read_item(db, stmt, &item);
        if (r < 0)
            return r;
        p->ended = p->each(p->arg, &item);
        if (p->ended)
            return 0;
    }
    return r;
}

static errint read_each(struct cache_db *db, void *arg)
{
    struct reading *p = arg;
    int64_t scope_id = 0;
    sqlite3_stmt *stmt = NULL;
    errint r = need_scope(db, p->scope, &scope_id);
    if (r == 0)
        r = cache_db_use(db, STORE_ITEM_EACH, &stmt);
    if (r < 0)
        return r;
    r = cache_db_bind(db, stmt, "i", scope_id);
    if (r == 0)
        r = walk_items(db, stmt, p);
    cache_db_unuse(db, STORE_ITEM_EACH, stmt);
    return r;
}

errint cache_store_each(struct cache_store *s, const char *scope, int (*each)(void *arg, const struct cache_item *item),
                        void *arg)
{
    struct reading p = {.scope = scope, .each = each, .arg = arg};
    errint r = cache_store_read(s, false, read_each, &p);
    return r < 0 ? r : p.ended;
}

static errint copy_item(struct cache_db *db, sqlite3_stmt *stmt, struct reading *p)
{
    struct cache_item item;
    errint r = read_item(db, stmt, &item);
    if (r < 0)
        return r;
    buf_append(p->body, item.body, item.body_len);
    if (p->changed_ns)
        *p->changed_ns = item.changed_ns;
    return buf_error(p->body);
}

static errint read_get(struct cache_db *db, void *arg)
{
    struct reading *p = arg;
    int64_t scope_id = 0;
    sqlite3_stmt *stmt = NULL;
    errint e = need_scope(db, p->scope, &scope_id);
    if (e < 0)
        return e;
    int r = cache_db_first(db, STORE_ITEM_GET, &stmt, "it", scope_id, p->id);
    if (r != 1)
        return r < 0 ? r : err_set(-ENOENT, "%s has no %.100s", p->scope, p->id);
    r = copy_item(db, stmt, p);
    cache_db_unuse(db, STORE_ITEM_GET, stmt);
    return r;
}

errint cache_store_get(struct cache_store *s, const char *scope, const char *id, struct buf *ret_body,
                       int64_t *ret_changed_ns)
{
    struct reading p = {.scope = scope, .id = id, .body = ret_body, .changed_ns = ret_changed_ns};
    return cache_store_read(s, true, read_get, &p);
}

static errint walk_scopes(struct cache_db *db, sqlite3_stmt *stmt, struct reading *p)
{
    size_t len = strlen(p->scope);
    int r;
    while ((r = cache_db_step(db, stmt)) == 1) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        if (!name || strncmp(name, p->scope, len) != 0)
            return 0;
        p->ended = p->each_scope(p->arg, name);
        if (p->ended)
            return 0;
    }
    return r;
}

static errint read_scopes(struct cache_db *db, void *arg)
{
    struct reading *p = arg;
    sqlite3_stmt *stmt;
    int r = cache_db_use(db, STORE_SCOPE_FROM, &stmt);
    if (r < 0)
        return r;
    r = cache_db_bind(db, stmt, "t", p->scope);
    if (r == 0)
        r = walk_scopes(db, stmt, p);
    cache_db_unuse(db, STORE_SCOPE_FROM, stmt);
    return r;
}

errint cache_store_scopes(struct cache_store *s, const char *prefix, int (*each)(void *arg, const char *scope),
                          void *arg)
{
    struct reading p = {.scope = prefix, .each_scope = each, .arg = arg};
    errint r = cache_store_read(s, false, read_scopes, &p);
    return r < 0 ? r : p.ended;
}

/* Deletes the first scope with the prefix: 1; 0 when there is none. */
static int delete_first(struct cache_db *db, const char *prefix)
{
    sqlite3_stmt *stmt;
    int r = cache_db_first(db, STORE_SCOPE_FROM, &stmt, "t", prefix);
    if (r != 1)
        return r;
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    bool match = name && strncmp(name, prefix, strlen(prefix)) == 0;
    int64_t id = sqlite3_column_int64(stmt, 1);
    cache_db_unuse(db, STORE_SCOPE_FROM, stmt);
    if (!match)
        return 0;
    r = cache_db_run(db, STORE_ITEM_DELETE_ALL, "i", id);
    if (r == 0)
        r = cache_db_run(db, STORE_SCOPE_DELETE, "i", id);
    return r < 0 ? r : 1;
}

static errint write_forget(struct cache_db *db, void *arg)
{
    int r;
    while ((r = delete_first(db, arg)) == 1)
        continue;
    if (r == 0)
        r = cache_db_run(db, STORE_FACT_DELETE_FROM, "t", (const char *)arg);
    return r < 0 ? r : cache_db_run(db, STORE_MARK_DELETE_FROM, "t", (const char *)arg);
}

errint cache_store_forget(struct cache_store *s, const char *prefix)
{
    errint r = cache_store_write(s, write_forget, (void *)(uintptr_t)prefix);
    cache_memo_clear(&s->memo);
    return r;
}
