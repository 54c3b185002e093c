/* Rows of objects, each under the sum of all its columns: a wrong bit makes the row bad, and only what it told is lost. */
#include "cache/store_objects.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/store_private.h"

struct access {
    const char *name;
    struct cache_object_row *row;
    int (*each)(void *arg, const struct cache_object_row *row);
    void *arg;
    int ended;
};

static void mix(struct hash128 *sum, const void *data, size_t len, uint64_t place)
{
    struct hash128 h = hash128_bytes(data, len);
    sum->a = (sum->a + h.a) * 0x9e3779b97f4a7c15ULL + place;
    sum->b = (sum->b ^ h.b) * 0xc2b2ae3d27d4eb4fULL + place;
}

static struct hash128 sum_of(const struct cache_object_row *row)
{
    uint64_t numbers[] = {row->size_bytes, (uint64_t)row->last_used_ns};
    struct hash128 sum = {0};
    mix(&sum, row->name, strlen(row->name), 1);
    mix(&sum, numbers, sizeof numbers, 2);
    mix(&sum, row->identity, row->identity_len, 3);
    mix(&sum, row->tail, row->tail_len, 4);
    mix(&sum, row->chunks, row->chunks_len, 5);
    return sum;
}

void cache_object_row_done(struct cache_object_row *row)
{
    free(row->name);
    free(row->identity);
    free(row->tail);
    free(row->chunks);
    memset(row, 0, sizeof *row);
}

static void *column_bytes(sqlite3_stmt *stmt, int column, size_t *ret_len)
{
    *ret_len = (size_t)sqlite3_column_bytes(stmt, column);
    const void *data = sqlite3_column_blob(stmt, column);
    return (void *)(uintptr_t)(data ? data : "");
}

/* ROW points into STMT. */
static errint row_of(struct cache_db *db, sqlite3_stmt *stmt, struct cache_object_row *ret)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    *ret = (struct cache_object_row){.name = (char *)(uintptr_t)(name ? name : ""),
                                     .size_bytes = (uint64_t)sqlite3_column_int64(stmt, 2),
                                     .last_used_ns = sqlite3_column_int64(stmt, 3)};
    ret->identity = column_bytes(stmt, 4, &ret->identity_len);
    ret->tail = column_bytes(stmt, 5, &ret->tail_len);
    ret->chunks = column_bytes(stmt, 6, &ret->chunks_len);
    if (cache_db_column_is(stmt, 1, sum_of(ret)))
        return 0;
    return cache_db_set_corrupt(db,
                                err_set(-EIO, "cache.db: the row of object %.64s is not as it was written", ret->name));
}

static void *copy_of(const void *data, size_t len)
{
    void *copy = malloc(len + 1);
    if (copy)
        memcpy(copy, data, len);
    return copy;
}

static errint copy_row(const struct cache_object_row *row, struct cache_object_row *ret)
{
    struct cache_object_row copy = *row;
    copy.name = strdup(row->name);
    copy.identity = copy_of(row->identity, row->identity_len);
    copy.tail = copy_of(row->tail, row->tail_len);
    copy.chunks = copy_of(row->chunks, row->chunks_len);
    if (copy.name && copy.identity && copy.tail && copy.chunks) {
        *ret = copy;
        return 0;
    }
    cache_object_row_done(&copy);
    return err_set(-ENOMEM, "no memory for the row of an object");
}

static errint read_row(struct cache_db *db, void *arg)
{
    struct access *p = arg;
    sqlite3_stmt *stmt;
    int r = cache_db_first(db, STORE_OBJECT_GET, &stmt, "t", p->name);
    if (r != 1)
        return r < 0 ? r : err_set(-ENOENT, "no object %s is kept", p->name);
    struct cache_object_row row;
    r = row_of(db, stmt, &row);
    if (r == 0)
        r = copy_row(&row, p->row);
    cache_db_unuse(db, STORE_OBJECT_GET, stmt);
    return r;
}

errint cache_store_object_get(struct cache_store *s, const char *name, struct cache_object_row *ret)
{
    struct access p = {.name = name, .row = ret};
    return cache_store_read(s, true, read_row, &p);
}

static errint write_row(struct cache_db *db, void *arg)
{
    const struct cache_object_row *row = arg;
    struct hash128 sum = sum_of(row);
    return cache_db_run(db, STORE_OBJECT_PUT, "tbiibbb", row->name, &sum, sizeof sum, (int64_t)row->size_bytes,
                        row->last_used_ns, row->identity, row->identity_len, row->tail, row->tail_len, row->chunks,
                        row->chunks_len);
}

errint cache_store_object_put(struct cache_store *s, const struct cache_object_row *row)
{
    return cache_store_write(s, write_row, (void *)(uintptr_t)row);
}

static errint delete_row(struct cache_db *db, void *arg)
{
    return cache_db_run(db, STORE_OBJECT_DELETE, "t", (const char *)arg);
}

errint cache_store_object_delete(struct cache_store *s, const char *name)
{
    return cache_store_write(s, delete_row, (void *)(uintptr_t)name);
}

static errint walk_rows(struct cache_db *db, sqlite3_stmt *stmt, struct access *p)
{
    int r;
    while ((r = cache_db_step(db, stmt)) == 1) {
        struct cache_object_row row;
        r = row_of(db, stmt, &row);
        if (r < 0)
            return r;
        p->ended = p->each(p->arg, &row);
        if (p->ended)
            return 0;
    }
    return r;
}

static errint read_rows(struct cache_db *db, void *arg)
{
    struct access *p = arg;
    sqlite3_stmt *stmt;
    int r = cache_db_use(db, STORE_OBJECT_EACH, &stmt);
    if (r < 0)
        return r;
    r = walk_rows(db, stmt, p);
    cache_db_unuse(db, STORE_OBJECT_EACH, stmt);
    return r;
}

errint cache_store_object_each(struct cache_store *s, int (*each)(void *arg, const struct cache_object_row *row),
                               void *arg)
{
    struct access p = {.each = each, .arg = arg};
    errint r = cache_store_read(s, false, read_rows, &p);
    return r < 0 ? r : p.ended;
}

int cache_store_folder_fd(const struct cache_store *s)
{
    return atomic_load(&s->dir) ? s->dir_fd : -1;
}

uint64_t cache_store_disk_bytes(const struct cache_store *s)
{
    static const char *const names[] = {"cache.db", "cache.db-wal", "cache.db-shm"};
    uint64_t bytes = 0;
    struct stat st;
    for (size_t i = 0; s->dir_fd >= 0 && i < sizeof names / sizeof names[0]; i++)
        if (fstatat(s->dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            bytes += (uint64_t)st.st_blocks * 512;
    return bytes;
}
