/* The rows of state.db. The text columns and the integer columns each go by one table of their places in struct
 * cache_connection, in the order of the SQL below; a row's sum is over all of them, length first. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cache/state_private.h"

#define TEXT_LEN_MAX ((size_t)4 << 20)
#define LOOK_MS 20

enum statement { LIST, GET, REVISION, NAME_TAKEN, TRIPLE_TAKEN, PUT, DATA_VERSION };

#define COLUMNS                                                                                                        \
    "handle, bucket, report, prefix, name, external_id, principal, role_arn, bucket_owner, definition_prefix, notes,"  \
    " granted, last_error, direct, connected, created_unix, connected_unix, last_error_unix, revision, sum"

const char *const cache_state_statements[CACHE_STATE_STATEMENTS] = {
    [LIST] = "SELECT " COLUMNS " FROM connection ORDER BY seq",
    [GET] = "SELECT " COLUMNS " FROM connection WHERE handle = ?1",
    [REVISION] = "SELECT revision FROM connection WHERE handle = ?1",
    [NAME_TAKEN] = "SELECT handle FROM connection WHERE name = ?1 AND name <> '' AND handle <> ?2",
    [TRIPLE_TAKEN] = "SELECT handle FROM connection WHERE bucket = ?1 AND report = ?2 AND prefix = ?3 AND handle <> ?4",
    [PUT] =
        "INSERT INTO connection (" COLUMNS
        ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)"
        " ON CONFLICT (handle) DO UPDATE SET bucket=?2, report=?3, prefix=?4, name=?5, external_id=?6, principal=?7,"
        " role_arn=?8, bucket_owner=?9, definition_prefix=?10, notes=?11, granted=?12, last_error=?13, direct=?14,"
        " connected=?15, created_unix=?16, connected_unix=?17, last_error_unix=?18, revision=?19, sum=?20",
    [DATA_VERSION] = "PRAGMA data_version",
};

static const struct text_column {
    size_t offset;
    const char *empty; /* in place of NULL */
} text_columns[] = {
    {offsetof(struct cache_connection, handle), ""},       {offsetof(struct cache_connection, bucket), ""},
    {offsetof(struct cache_connection, report), ""},       {offsetof(struct cache_connection, prefix), ""},
    {offsetof(struct cache_connection, name), ""},         {offsetof(struct cache_connection, external_id), ""},
    {offsetof(struct cache_connection, principal), ""},    {offsetof(struct cache_connection, role_arn), ""},
    {offsetof(struct cache_connection, bucket_owner), ""}, {offsetof(struct cache_connection, definition_prefix), ""},
    {offsetof(struct cache_connection, notes), "{}"},      {offsetof(struct cache_connection, granted), "[]"},
    {offsetof(struct cache_connection, last_error), ""},
};
#define TEXT_COUNT (sizeof text_columns / sizeof text_columns[0])
#define NUMBER_COUNT 6

static char **text_at(const struct cache_connection *c, size_t i)
{
    return (char **)((uintptr_t)c + text_columns[i].offset);
}

static const char *text_of(const struct cache_connection *c, size_t i)
{
    const char *text = *text_at(c, i);
    return text ? text : text_columns[i].empty;
}

static void numbers_of(const struct cache_connection *c, int64_t revision, int64_t ret[NUMBER_COUNT])
{
    const int64_t numbers[NUMBER_COUNT] = {c->direct,         c->connected,       c->created_unix,
                                           c->connected_unix, c->last_error_unix, revision};
    memcpy(ret, numbers, sizeof numbers);
}

static errint sum_of(const struct cache_connection *c, int64_t revision, struct hash128 *ret)
{
    struct buf all cleanup_buf = BUF_INIT;
    for (size_t i = 0; i < TEXT_COUNT; i++)
        buf_printf(&all, "%zu:%s", strlen(text_of(c, i)), text_of(c, i));
    int64_t numbers[NUMBER_COUNT];
    numbers_of(c, revision, numbers);
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        buf_printf(&all, ",%lld", (long long)numbers[i]);
    *ret = hash128_bytes(buf_text(&all), all.len);
    return buf_error(&all);
}

void cache_connection_done(struct cache_connection *c)
{
    for (size_t i = 0; i < TEXT_COUNT; i++)
        free(*text_at(c, i));
    memset(c, 0, sizeof *c);
}

static errint read_texts(sqlite3_stmt *stmt, struct cache_connection *c)
{
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        const char *text = (const char *)sqlite3_column_text(stmt, (int)i);
        *text_at(c, i) = strdup(text ? text : "");
        if (!*text_at(c, i))
            return err_set(-ENOMEM, "no memory for a connection");
    }
    return 0;
}

static errint check_sum(struct cache_db *db, sqlite3_stmt *stmt, const struct cache_connection *c)
{
    struct hash128 sum;
    errint r = sum_of(c, c->revision, &sum);
    if (r < 0 || cache_db_column_is(stmt, TEXT_COUNT + NUMBER_COUNT, sum))
        return r;
    return cache_db_set_corrupt(
        db, err_set(-EIO, "state.db: the row of connection \"%.64s\" is not as it was written", c->handle));
}

static errint read_row(struct cache_db *db, sqlite3_stmt *stmt, struct cache_connection *ret)
{
    struct cache_connection c = {0};
    errint r = read_texts(stmt, &c);
    int at = TEXT_COUNT;
    c.direct = sqlite3_column_int64(stmt, at++) != 0;
    c.connected = sqlite3_column_int64(stmt, at++) != 0;
    c.created_unix = sqlite3_column_int64(stmt, at++);
    c.connected_unix = sqlite3_column_int64(stmt, at++);
    c.last_error_unix = sqlite3_column_int64(stmt, at++);
    c.revision = sqlite3_column_int64(stmt, at++);
    if (r == 0)
        r = check_sum(db, stmt, &c);
    if (r < 0)
        cache_connection_done(&c);
    else
        *ret = c;
    return r;
}

static void free_rows(struct cache_connection *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cache_connection_done(&rows[i]);
    free(rows);
}

static errint add_row(struct cache_db *db, sqlite3_stmt *stmt, struct cache_connection **rows, size_t *count)
{
    struct cache_connection *more = realloc(*rows, (*count + 1) * sizeof **rows);
    if (!more)
        return err_set(-ENOMEM, "no memory for %zu connections", *count + 1);
    *rows = more;
    errint r = read_row(db, stmt, &more[*count]);
    if (r == 0)
        ++*count;
    return r;
}

static errint list_rows(struct cache_db *db, struct cache_connection **rows, size_t *count)
{
    sqlite3_stmt *stmt;
    int r = cache_db_use(db, LIST, &stmt);
    if (r < 0)
        return r;
    while ((r = cache_db_step(db, stmt)) == 1) {
        r = add_row(db, stmt, rows, count);
        if (r < 0)
            break;
    }
    cache_db_unuse(db, LIST, stmt);
    return r;
}

static errint copy_row(const struct cache_connection *from, struct cache_connection *ret)
{
    struct cache_connection c = *from;
    bool whole = true;
    for (size_t i = 0; i < TEXT_COUNT; i++)
        whole &= (*text_at(&c, i) = strdup(text_of(from, i))) != NULL;
    *ret = c;
    return whole ? 0 : err_set(-ENOMEM, "no memory for a connection");
}

static errint copy_rows(const struct cache_connection *rows, size_t count, struct cache_connection **ret)
{
    struct cache_connection *copy = calloc(count + 1, sizeof *copy);
    errint r = copy ? 0 : err_set(-ENOMEM, "no memory for %zu connections", count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = copy_row(&rows[i], &copy[i]);
    if (r < 0)
        free_rows(copy, copy ? count : 0);
    else
        *ret = copy;
    return r;
}

/* ROWS are the state's. */
static void set_seen(struct cache_state *s, struct cache_connection *rows, size_t count)
{
    pthread_mutex_lock(&s->seen_lock);
    struct cache_connection *old = s->seen;
    size_t old_count = s->seen_count;
    s->seen = rows;
    s->seen_count = count;
    pthread_mutex_unlock(&s->seen_lock);
    free_rows(old, old_count);
}

void cache_state_forget_seen(struct cache_state *s)
{
    set_seen(s, NULL, 0);
}

/* Taken. A copy that there is no memory for is none. */
static errint list_and_see(struct cache_state *s, struct cache_connection **ret, size_t *ret_count)
{
    struct cache_connection *rows = NULL, *copy = NULL;
    size_t count = 0;
    errint r = list_rows(s->db, &rows, &count);
    if (r < 0) {
        free_rows(rows, count);
        return r;
    }
    if (copy_rows(rows, count, &copy) == 0)
        set_seen(s, copy, count);
    *ret = rows;
    *ret_count = count;
    return 0;
}

errint cache_state_list(struct cache_state *s, struct cache_connection **ret, size_t *ret_count)
{
    (void)cache_state_take(s, INT64_MAX);
    cache_state_turn_begin(s);
    errint r = list_and_see(s, ret, ret_count);
    cache_state_turn_end(s);
    cache_state_leave(s);
    return r;
}

/* -EBUSY: not within a moment. */
static errint look_at_file(struct cache_state *s, struct cache_connection **ret, size_t *ret_count)
{
    if (!cache_state_take(s, clock_monotonic_ns() + LOOK_MS * CLOCK_NS_PER_MS))
        return err_set(-EBUSY, "state.db is being written");
    sqlite3_busy_timeout(cache_db_handle(s->db), LOOK_MS);
    errint r = list_and_see(s, ret, ret_count);
    sqlite3_busy_timeout(cache_db_handle(s->db), CACHE_DB_BUSY_MS);
    cache_state_leave(s);
    return r;
}

errint cache_state_look(struct cache_state *s, struct cache_connection **ret, size_t *ret_count)
{
    errint r = look_at_file(s, ret, ret_count);
    if (r != -EBUSY)
        return r;
    pthread_mutex_lock(&s->seen_lock);
    if (s->seen)
        r = copy_rows(s->seen, s->seen_count, ret);
    if (r == 0)
        *ret_count = s->seen_count;
    pthread_mutex_unlock(&s->seen_lock);
    return r;
}

/* Taken: what was just written is what looks see. */
static void see_own_write(struct cache_state *s)
{
    struct cache_connection *rows = NULL;
    size_t count = 0;
    cache_state_turn_begin(s);
    if (list_and_see(s, &rows, &count) == 0)
        free_rows(rows, count);
    cache_state_turn_end(s);
}

errint cache_state_check_rows(struct cache_state *s)
{
    struct cache_connection *rows;
    size_t count;
    errint r = cache_state_list(s, &rows, &count);
    if (r == 0)
        free_rows(rows, count);
    return r;
}

errint cache_state_get(struct cache_state *s, const char *handle, struct cache_connection *ret)
{
    (void)cache_state_take(s, INT64_MAX);
    sqlite3_stmt *stmt;
    cache_state_turn_begin(s);
    int r = cache_db_first(s->db, GET, &stmt, "t", handle);
    if (r == 1) {
        r = read_row(s->db, stmt, ret);
        cache_db_unuse(s->db, GET, stmt);
    } else if (r == 0) {
        r = err_set(-ENOENT, "there is no connection \"%.64s\"", handle);
    }
    cache_state_turn_end(s);
    cache_state_leave(s);
    return r;
}

/* -EEXIST naming the other row, when the statement finds one. */
static errint refuse_taken(struct cache_db *db, int r, enum statement index, sqlite3_stmt *stmt, const char *what)
{
    if (r != 1)
        return r;
    errint refused = err_set(-EEXIST, "connection %s has %s already", (const char *)sqlite3_column_text(stmt, 0), what);
    cache_db_unuse(db, index, stmt);
    return refused;
}

static errint check_unique(struct cache_db *db, const struct cache_connection *c)
{
    sqlite3_stmt *stmt = NULL;
    const char *handle = text_of(c, 0), *bucket = text_of(c, 1), *report = text_of(c, 2), *prefix = text_of(c, 3);
    int r = cache_db_first(db, NAME_TAKEN, &stmt, "tt", text_of(c, 4), handle);
    r = refuse_taken(db, r, NAME_TAKEN, stmt, "this name");
    if (r < 0)
        return r;
    r = cache_db_first(db, TRIPLE_TAKEN, &stmt, "tttt", bucket, report, prefix, handle);
    return refuse_taken(db, r, TRIPLE_TAKEN, stmt, "this bucket, report and prefix");
}

static errint next_revision(struct cache_db *db, const char *handle, int64_t *ret)
{
    sqlite3_stmt *stmt;
    int r = cache_db_first(db, REVISION, &stmt, "t", handle);
    *ret = 1;
    if (r == 1) {
        *ret = sqlite3_column_int64(stmt, 0) + 1;
        cache_db_unuse(db, REVISION, stmt);
    }
    return r < 0 ? r : 0;
}

static errint bind_row(sqlite3_stmt *stmt, const struct cache_connection *c, int64_t revision)
{
    struct hash128 sum;
    errint r = sum_of(c, revision, &sum);
    int at = 1, rc = SQLITE_OK;
    for (size_t i = 0; i < TEXT_COUNT && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_text(stmt, at++, text_of(c, i), -1, SQLITE_TRANSIENT);
    int64_t numbers[NUMBER_COUNT];
    numbers_of(c, revision, numbers);
    for (size_t i = 0; i < NUMBER_COUNT && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_int64(stmt, at++, numbers[i]);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob(stmt, at, &sum, sizeof sum, SQLITE_TRANSIENT);
    if (r == 0 && rc != SQLITE_OK)
        r = err_set(rc == SQLITE_TOOBIG ? -EFBIG : -ENOMEM, "no memory to write connection %s", text_of(c, 0));
    return r;
}

static errint write_row(struct cache_db *db, const struct cache_connection *c)
{
    int64_t revision = 1;
    errint r = check_unique(db, c);
    if (r == 0)
        r = next_revision(db, text_of(c, 0), &revision);
    sqlite3_stmt *stmt = NULL;
    if (r == 0)
        r = cache_db_use(db, PUT, &stmt);
    if (r < 0)
        return r;
    r = bind_row(stmt, c, revision);
    if (r == 0)
        r = cache_db_step(db, stmt);
    cache_db_unuse(db, PUT, stmt);
    return r;
}

static errint check_row(const struct cache_connection *c)
{
    if (!*text_of(c, 0))
        return err_set(-EINVAL, "a connection without a handle cannot be kept");
    for (size_t i = 0; i < TEXT_COUNT; i++)
        if (strlen(text_of(c, i)) > TEXT_LEN_MAX)
            return err_set(-EFBIG, "connection %.64s: a text is over %zu bytes", text_of(c, 0), TEXT_LEN_MAX);
    return 0;
}

errint cache_state_put(struct cache_state *s, const struct cache_connection *c)
{
    errint r = check_row(c);
    if (r < 0)
        return r;
    (void)cache_state_take(s, INT64_MAX);
    cache_state_turn_begin(s);
    r = cache_db_begin(s->db);
    cache_state_turn_end(s); /* the file is ours, the next may stand in line */
    if (r == 0)
        r = cache_db_end(s->db, write_row(s->db, c));
    s->own_writes++; /* a failed commit may still have become durable */
    if (r == 0)
        see_own_write(s);
    cache_state_leave(s);
    return r;
}

static errint read_version(struct cache_state *s, int64_t *ret)
{
    sqlite3_stmt *stmt;
    sqlite3_busy_timeout(cache_db_handle(s->db), 0);
    int r = cache_db_first(s->db, DATA_VERSION, &stmt, "");
    sqlite3_busy_timeout(cache_db_handle(s->db), CACHE_DB_BUSY_MS);
    if (r == 1) {
        int64_t version = sqlite3_column_int64(stmt, 0);
        cache_db_unuse(s->db, DATA_VERSION, stmt);
        atomic_store(&s->last_version, (version << 32) | s->own_writes);
    }
    *ret = atomic_load(&s->last_version);
    return r < 0 && r != -EBUSY ? r : 0;
}

/* While another has the file, or the state is taken, the number is the last one: it moves as soon as that write is over. */
errint cache_state_version(struct cache_state *s, int64_t *ret)
{
    if (!cache_state_take(s, 0)) {
        *ret = atomic_load(&s->last_version);
        return 0;
    }
    errint r = read_version(s, ret);
    cache_state_leave(s);
    return r;
}
