/* What is kept by one key: when content was first seen, what is known of a gzip object, marks.
 *
 * The oldest facts go when there are more than FACTS_MAX: each refresh of a report makes new versions for ever. What was
 * first seen carries the day of the last look, written at most once a day so that looking stays reading; at open, what
 * nobody looked at for SEEN_DAYS goes.
 */
#include <string.h>

#include "cache/store_private.h"

#define FACTS_MAX 20000
#define DAY_NS (86400 * INT64_C(1000000000))
#define SEEN_DAYS 400
#define NS_PER_S 1000000000LL

struct seeing {
    uint64_t ino;
    struct hash128 hash;
    int64_t floor_ns, now_ns;
    int64_t mtime_ns; /* the answer */
    bool known;       /* it is the one kept */
    bool today;       /* and it was looked at today already */
};

static int64_t day_of(int64_t ns)
{
    return ns / DAY_NS;
}

/* For another content than that of BEFORE_NS: in another second, because rsync compares whole seconds. Content that changes
 * many times a second does not run ahead of the clock: it is told apart by nanoseconds. */
static int64_t later(int64_t before_ns, int64_t ns)
{
    int64_t next_ns = (before_ns / NS_PER_S + 1) * NS_PER_S;
    if (ns >= next_ns)
        return ns;
    if (before_ns <= ns)
        return next_ns;
    return before_ns + 1;
}

/* Fills the answer from what is kept, if anything is. */
static errint read_seen(struct cache_db *db, void *arg)
{
    struct seeing *p = arg;
    sqlite3_stmt *stmt;
    p->known = p->today = false;
    p->mtime_ns = p->now_ns > p->floor_ns ? p->now_ns : p->floor_ns;
    int r = cache_db_first(db, STORE_SEEN_GET, &stmt, "i", (int64_t)p->ino);
    if (r != 1)
        return r;
    int64_t before_ns = sqlite3_column_int64(stmt, 1);
    p->known = cache_db_column_is(stmt, 0, p->hash);
    p->today = sqlite3_column_int64(stmt, 2) >= day_of(p->now_ns);
    if (p->known)
        p->mtime_ns = before_ns;
    else
        p->mtime_ns = later(before_ns, p->mtime_ns);
    cache_db_unuse(db, STORE_SEEN_GET, stmt);
    return 0;
}

static errint write_seen(struct cache_db *db, void *arg)
{
    struct seeing *p = arg;
    errint r = read_seen(db, p);
    if (r < 0 || (p->known && p->today))
        return r;
    return cache_db_run(db, STORE_SEEN_PUT, "ibii", (int64_t)p->ino, &p->hash, sizeof p->hash, p->mtime_ns,
                        day_of(p->now_ns));
}

errint cache_store_seen(struct cache_store *s, uint64_t ino, struct hash128 hash, int64_t floor_ns, int64_t now_ns,
                        int64_t *ret_mtime_ns)
{
    struct seeing p = {.ino = ino, .hash = hash, .floor_ns = floor_ns, .now_ns = now_ns};
    errint r = cache_store_read(s, true, read_seen, &p);
    if (r == 0 && !(p.known && p.today))
        r = cache_store_write(s, write_seen, &p);
    if (r == 0)
        *ret_mtime_ns = p.mtime_ns;
    return r;
}

/* A folder's row has its time and, in place of a hash, the CHANGED_NS that it stands for; zeros: its names were not known. */
static struct hash128 hash_of_change(int64_t changed_ns)
{
    return (struct hash128){(uint64_t)changed_ns, changed_ns != 0};
}

/* known: nothing is to be written. FLOOR_NS is the change, 0 when it is not known. */
static errint read_dated(struct cache_db *db, void *arg)
{
    struct seeing *p = arg;
    sqlite3_stmt *stmt;
    int64_t changed_ns = p->floor_ns;
    p->mtime_ns = changed_ns ? changed_ns : p->now_ns;
    p->known = changed_ns != 0;
    int r = cache_db_first(db, STORE_SEEN_GET, &stmt, "i", (int64_t)p->ino);
    if (r != 1)
        return r;
    int64_t before_ns = sqlite3_column_int64(stmt, 1);
    bool same = changed_ns == 0 || cache_db_column_is(stmt, 0, p->hash);
    bool first = !same && cache_db_column_is(stmt, 0, hash_of_change(0));
    p->known = same && sqlite3_column_int64(stmt, 2) >= day_of(p->now_ns);
    p->mtime_ns = same || first ? before_ns : later(before_ns, changed_ns);
    cache_db_unuse(db, STORE_SEEN_GET, stmt);
    return 0;
}

static errint write_dated(struct cache_db *db, void *arg)
{
    struct seeing *p = arg;
    errint r = read_dated(db, p);
    if (r < 0 || p->known)
        return r;
    return cache_db_run(db, STORE_SEEN_PUT, "ibii", (int64_t)p->ino, &p->hash, sizeof p->hash, p->mtime_ns,
                        day_of(p->now_ns));
}

errint cache_store_dated(struct cache_store *s, uint64_t ino, int64_t changed_ns, int64_t now_ns, int64_t *ret_mtime_ns)
{
    struct seeing p = {.ino = ino, .hash = hash_of_change(changed_ns), .floor_ns = changed_ns, .now_ns = now_ns};
    errint r = cache_store_read(s, true, read_dated, &p);
    if (r == 0 && !p.known)
        r = cache_store_write(s, write_dated, &p);
    if (r == 0)
        *ret_mtime_ns = p.mtime_ns;
    return r;
}

errint cache_store_seen_prune(struct cache_db *db, int64_t now_ns)
{
    return cache_db_run(db, STORE_SEEN_PRUNE, "i", day_of(now_ns) - SEEN_DAYS);
}

void cache_fact_done(struct cache_fact *f)
{
    free(f->header);
    f->header = NULL;
}

struct fact_access {
    const char *key;
    struct cache_fact fact;
};

static struct hash128 sum_of(const char *key, const struct cache_fact *f)
{
    int64_t numbers[] = {f->declared_bytes, f->verified_bytes, f->header_bytes, f->corrupt | (f->unended << 1),
                         f->header != NULL};
    struct hash128 sum = hash128_bytes(key, strlen(key));
    struct hash128 parts[] = {hash128_bytes(numbers, sizeof numbers), {0, 0}};
    if (f->header)
        parts[1] = hash128_bytes(f->header, strlen(f->header));
    for (size_t i = 0; i < 2; i++) {
        sum.a ^= parts[i].a;
        sum.b ^= parts[i].b;
    }
    return sum;
}

static errint take_fact(struct cache_db *db, sqlite3_stmt *stmt, struct fact_access *p)
{
    const char *header = (const char *)sqlite3_column_text(stmt, 5);
    struct cache_fact f = {.declared_bytes = sqlite3_column_int64(stmt, 1),
                           .verified_bytes = sqlite3_column_int64(stmt, 2),
                           .header_bytes = sqlite3_column_int64(stmt, 3),
                           .corrupt = sqlite3_column_int64(stmt, 4) != 0,
                           .unended = sqlite3_column_int64(stmt, 6) != 0,
                           .header = header ? strdup(header) : NULL};
    if (header && !f.header)
        return err_set(-ENOMEM, "no memory for what is known of %s", p->key);
    if (cache_db_column_is(stmt, 0, sum_of(p->key, &f))) {
        p->fact = f;
        return 0;
    }
    cache_fact_done(&f);
    return cache_db_set_corrupt(db, err_set(-EIO, "cache.db: what is known of %s is not as it was written", p->key));
}

static errint absent_fact(const void *arg)
{
    return err_set(-ENOENT, "nothing is known of %s", ((const struct fact_access *)arg)->key);
}

static errint read_fact(struct cache_db *db, void *arg)
{
    struct fact_access *p = arg;
    sqlite3_stmt *stmt;
    int r = cache_db_first(db, STORE_FACT_GET, &stmt, "t", p->key);
    if (r != 1)
        return r < 0 ? r : absent_fact(p);
    r = take_fact(db, stmt, p);
    cache_db_unuse(db, STORE_FACT_GET, stmt);
    return r;
}

/* The struct, whose pointer only says whether there is a header, then the header. */
static void pack_fact(const void *arg, struct buf *ret)
{
    const struct cache_fact *f = &((const struct fact_access *)arg)->fact;
    buf_append(ret, f, sizeof *f);
    buf_puts(ret, f->header ? f->header : "");
}

static errint unpack_fact(void *arg, const char *packed, size_t len)
{
    struct fact_access *p = arg;
    struct cache_fact f;
    memcpy(&f, packed, sizeof f);
    if (f.header && !(f.header = strndup(packed + sizeof f, len - sizeof f)))
        return err_set(-ENOMEM, "no memory for what is known of %s", p->key);
    p->fact = f;
    return 0;
}

errint cache_store_fact(struct cache_store *s, const char *key, struct cache_fact *ret)
{
    static const struct cache_store_row row = {CACHE_MEMO_FACT, read_fact, pack_fact, unpack_fact, absent_fact};
    struct fact_access p = {.key = key};
    errint r = cache_store_recall(s, &row, key, &p);
    if (r == 0)
        *ret = p.fact;
    return r;
}

static errint write_fact(struct cache_db *db, void *arg)
{
    const struct fact_access *p = arg;
    const struct cache_fact *f = &p->fact;
    struct hash128 sum = sum_of(p->key, f);
    errint r = cache_db_run(db, STORE_FACT_PUT, "tbiiiiti", p->key, &sum, sizeof sum, f->declared_bytes,
                            f->verified_bytes, f->header_bytes, (int64_t)f->corrupt, f->header, (int64_t)f->unended);
    return r < 0 ? r : cache_db_run(db, STORE_FACT_PRUNE, "i", (int64_t)FACTS_MAX);
}

errint cache_store_fact_put(struct cache_store *s, const char *key, const struct cache_fact *f)
{
    struct fact_access p = {.key = key, .fact = *f};
    errint r = cache_store_write(s, write_fact, &p);
    cache_memo_drop(&s->memo, CACHE_MEMO_FACT, key);
    return r;
}

static errint delete_fact(struct cache_db *db, void *arg)
{
    return cache_db_run(db, STORE_FACT_DELETE, "t", (const char *)arg);
}

errint cache_store_fact_forget(struct cache_store *s, const char *key)
{
    errint r = cache_store_write(s, delete_fact, (void *)(uintptr_t)key);
    cache_memo_drop(&s->memo, CACHE_MEMO_FACT, key);
    return r;
}

struct mark_access {
    const char *name, *value;
    struct buf found;
};

static errint absent_mark(const void *arg)
{
    return err_set(-ENOENT, "the mark %s is not set", ((const struct mark_access *)arg)->name);
}

static errint read_mark(struct cache_db *db, void *arg)
{
    struct mark_access *p = arg;
    sqlite3_stmt *stmt;
    int r = cache_db_first(db, STORE_MARK_GET, &stmt, "t", p->name);
    if (r != 1)
        return r < 0 ? r : absent_mark(p);
    const char *value = (const char *)sqlite3_column_text(stmt, 0);
    buf_reset(&p->found);
    buf_puts(&p->found, value ? value : "");
    cache_db_unuse(db, STORE_MARK_GET, stmt);
    return buf_error(&p->found);
}

static void pack_mark(const void *arg, struct buf *ret)
{
    buf_puts(ret, buf_text(&((const struct mark_access *)arg)->found));
}

static errint unpack_mark(void *arg, const char *packed, size_t len)
{
    struct mark_access *p = arg;
    buf_append(&p->found, packed, len);
    return buf_error(&p->found);
}

errint cache_store_mark(struct cache_store *s, const char *name, struct buf *ret)
{
    static const struct cache_store_row row = {CACHE_MEMO_MARK, read_mark, pack_mark, unpack_mark, absent_mark};
    struct mark_access p = {.name = name};
    errint r = cache_store_recall(s, &row, name, &p);
    if (r == 0)
        buf_puts(ret, buf_text(&p.found));
    buf_done(&p.found);
    return r < 0 ? r : buf_error(ret);
}

static errint write_mark(struct cache_db *db, void *arg)
{
    const struct mark_access *p = arg;
    if (!p->value)
        return cache_db_run(db, STORE_MARK_DELETE, "t", p->name);
    return cache_db_run(db, STORE_MARK_PUT, "tt", p->name, p->value);
}

errint cache_store_mark_put(struct cache_store *s, const char *name, const char *value)
{
    struct mark_access p = {.name = name, .value = value};
    errint r = cache_store_write(s, write_mark, &p);
    cache_memo_drop(&s->memo, CACHE_MEMO_MARK, name);
    return r;
}
