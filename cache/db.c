/* Statements are prepared at their first use and kept; one that is in use (a callback that reads again on the same
 * connection) gets a twin that is thrown away afterwards.
 *
 * A connection remembers once anything showed its file to be unsound (corrupt), so that the owner can set the file
 * aside; the errno alone (-EIO) would not tell it from a disk that cannot be read.
 */
#include <stdarg.h>
#include <string.h>

#include "cache/db.h"

struct cache_db {
    sqlite3 *sqlite;
    const struct cache_db_spec *spec;
    char *path;
    bool corrupt;
    sqlite3_stmt *statements[];
};

DEFINE_CLEANUP(cleanup_finalizep, sqlite3_stmt *, (void)sqlite3_finalize)

static errint to_errno(sqlite3 *sqlite, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_TOOBIG:
        return -EFBIG;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    }
    int error = rc == SQLITE_IOERR_NOMEM ? ENOMEM : sqlite ? sqlite3_system_errno(sqlite) : 0;
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return -ENOSPC;
    return error == EROFS || error == ENOMEM || error == EACCES ? -error : -EIO;
}

static errint fail(struct cache_db *db, int rc)
{
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
        db->corrupt = true;
    return err_set(to_errno(db->sqlite, rc), "%s: %s", db->path, db->sqlite ? sqlite3_errmsg(db->sqlite) : "no memory");
}

sqlite3 *cache_db_handle(struct cache_db *db)
{
    return db->sqlite;
}

bool cache_db_is_corrupt(const struct cache_db *db)
{
    return db->corrupt;
}

errint cache_db_set_corrupt(struct cache_db *db, errint code)
{
    db->corrupt = true;
    return code;
}

void cache_db_close(struct cache_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->spec->statement_count; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close_v2(db->sqlite);
    free(db->path);
    free(db);
}

DEFINE_CLEANUP(cleanup_dbp, struct cache_db *, cache_db_close)

static void configure(struct cache_db *db, enum cache_db_access access)
{
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_timeout(db->sqlite, CACHE_DB_BUSY_MS);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (access == CACHE_DB_READ)
        sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static int open_flags(enum cache_db_access access)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    switch (access) {
    case CACHE_DB_READ:
        return flags | SQLITE_OPEN_READONLY;
    case CACHE_DB_WRITE:
        return flags | SQLITE_OPEN_READWRITE;
    case CACHE_DB_MEMORY:
        break;
    }
    return flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY;
}

errint cache_db_open(const char *path, enum cache_db_access access, const struct cache_db_spec *spec,
                     struct cache_db **ret)
{
    if (access == CACHE_DB_MEMORY)
        path = ":memory:";
    struct cache_db *db cleanup(cleanup_dbp) = calloc(1, sizeof *db + spec->statement_count * sizeof(sqlite3_stmt *));
    if (!db)
        return err_set(-ENOMEM, "no memory to open %s", path);
    db->spec = spec;
    db->path = strdup(path);
    if (!db->path)
        return err_set(-ENOMEM, "no memory to open %s", path);
    int rc = sqlite3_open_v2(path, &db->sqlite, open_flags(access), NULL);
    if (rc != SQLITE_OK)
        return fail(db, rc);
    configure(db, access);
    errint r = cache_db_exec(db, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=1000");
    if (r == 0 && access == CACHE_DB_READ)
        r = cache_db_exec(db, "PRAGMA wal_autocheckpoint=0; PRAGMA query_only=ON; PRAGMA cache_size=-1024");
    if (r == 0 && access != CACHE_DB_READ && spec->pragmas)
        r = cache_db_exec(db, spec->pragmas);
    if (r < 0 && !db->corrupt) /* an unsound file is handed out, for cache_db_version to refuse */
        return r;
    *ret = steal_ptr(&db);
    return 0;
}

errint cache_db_exec(struct cache_db *db, const char *sql)
{
    int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail(db, rc);
}

/* The one integer that SQL gives. */
static errint ask(struct cache_db *db, const char *sql, int64_t *ret)
{
    sqlite3_stmt *stmt cleanup(cleanup_finalizep) = NULL;
    int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW)
        return fail(db, rc);
    *ret = sqlite3_column_int64(stmt, 0);
    return 0;
}

errint cache_db_version(struct cache_db *db, int *ret)
{
    int64_t application = 0, version = 0, objects = 0;
    errint r = ask(db, "PRAGMA application_id", &application);
    if (r == 0)
        r = ask(db, "PRAGMA user_version", &version);
    if (r == 0)
        r = ask(db, "SELECT count(*) FROM sqlite_schema", &objects);
    if (r < 0)
        return r;
    /* Not the page count: inside a write transaction a new file has its first page already. */
    if (application == 0 && version == 0 && objects == 0) {
        *ret = 0;
        return 0;
    }
    if (application != db->spec->application_id)
        return cache_db_set_corrupt(db, err_set(-EIO, "%s is a database of another program", db->path));
    if (version < 1)
        return cache_db_set_corrupt(db, err_set(-EIO, "%s has no version", db->path));
    if (version > db->spec->version)
        return cache_db_set_corrupt(db, err_set(-EIO, "%s has version %lld; this program knows %d at most", db->path,
                                                (long long)version, db->spec->version));
    *ret = (int)version;
    return 0;
}

errint cache_db_check(struct cache_db *db, bool full)
{
    sqlite3_stmt *stmt cleanup(cleanup_finalizep) = NULL;
    const char *sql = full ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)";
    int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW)
        return fail(db, rc);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    if (text && strcmp(text, "ok") == 0)
        return 0;
    return cache_db_set_corrupt(db, err_set(-EIO, "%s is damaged: %s", db->path, text ? text : "no memory"));
}

errint cache_db_check_statements(struct cache_db *db)
{
    for (size_t i = 0; i < db->spec->statement_count; i++) {
        sqlite3_stmt *stmt cleanup(cleanup_finalizep) = NULL;
        int rc = sqlite3_prepare_v2(db->sqlite, db->spec->statements[i], -1, &stmt, NULL);
        if (rc == SQLITE_ERROR)
            db->corrupt = true;
        if (rc != SQLITE_OK)
            return fail(db, rc);
    }
    return 0;
}

static errint migrate_one(struct cache_db *db, int version, errint (*backup)(void *arg, int version), void *arg)
{
    errint r = cache_db_begin(db);
    if (r < 0)
        return r;
    int now = 0;
    r = cache_db_version(db, &now);
    if (r == 0 && now == version) {
        char mark[96];
        snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d", db->spec->application_id,
                 version + 1);
        if (backup && version > 0)
            r = backup(arg, version);
        if (r == 0)
            r = cache_db_exec(db, db->spec->migrations[version]);
        if (r == 0)
            r = cache_db_exec(db, mark);
    }
    return cache_db_end(db, r);
}

errint cache_db_migrate(struct cache_db *db, errint (*backup)(void *arg, int version), void *arg)
{
    int version = 0;
    errint r = cache_db_version(db, &version);
    for (; r == 0 && version < db->spec->version; version++)
        r = migrate_one(db, version, backup, arg);
    return r;
}

errint cache_db_copy(struct cache_db *from, struct cache_db *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->sqlite, "main", from->sqlite, "main");
    if (!backup)
        return fail(to, sqlite3_errcode(to->sqlite));
    int rc = sqlite3_backup_step(backup, -1);
    int finished = sqlite3_backup_finish(backup);
    if (rc == SQLITE_DONE && finished == SQLITE_OK)
        return 0;
    return err_set(to_errno(to->sqlite, finished != SQLITE_OK ? finished : rc), "copying %s to %s: %s", from->path,
                   to->path, sqlite3_errstr(finished != SQLITE_OK ? finished : rc));
}

errint cache_db_begin(struct cache_db *db)
{
    return cache_db_exec(db, "BEGIN IMMEDIATE");
}

errint cache_db_end(struct cache_db *db, errint result)
{
    if (result == 0)
        result = cache_db_exec(db, "COMMIT");
    if (result < 0 && !sqlite3_get_autocommit(db->sqlite))
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

errint cache_db_use(struct cache_db *db, size_t index, sqlite3_stmt **ret)
{
    sqlite3_stmt *stmt = steal_ptr(&db->statements[index]);
    if (!stmt) {
        int rc =
            sqlite3_prepare_v3(db->sqlite, db->spec->statements[index], -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
        if (rc != SQLITE_OK)
            return fail(db, rc);
    }
    *ret = stmt;
    return 0;
}

void cache_db_unuse(struct cache_db *db, size_t index, sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    if (db->statements[index])
        sqlite3_finalize(stmt);
    else
        db->statements[index] = stmt;
}

int cache_db_step(struct cache_db *db, sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : fail(db, rc);
}

static int bind_next(sqlite3_stmt *stmt, int i, char kind, va_list *args)
{
    if (kind == 'i')
        return sqlite3_bind_int64(stmt, i, va_arg(*args, int64_t));
    const void *data = va_arg(*args, const void *);
    if (kind == 't')
        return sqlite3_bind_text(stmt, i, data, -1, SQLITE_STATIC);
    size_t len = va_arg(*args, size_t);
    return sqlite3_bind_blob64(stmt, i, len ? data : "", len, SQLITE_STATIC);
}

static errint bind_all(struct cache_db *db, sqlite3_stmt *stmt, const char *kinds, va_list *args)
{
    for (int i = 1; kinds[i - 1]; i++) {
        int rc = bind_next(stmt, i, kinds[i - 1], args);
        if (rc != SQLITE_OK)
            return fail(db, rc);
    }
    return 0;
}

errint cache_db_bind(struct cache_db *db, sqlite3_stmt *stmt, const char *kinds, ...)
{
    va_list args;
    va_start(args, kinds);
    errint r = bind_all(db, stmt, kinds, &args);
    va_end(args);
    return r;
}

static int step_bound(struct cache_db *db, size_t index, sqlite3_stmt **ret_stmt, const char *kinds, va_list *args)
{
    sqlite3_stmt *stmt = NULL;
    int r = cache_db_use(db, index, &stmt);
    if (r < 0)
        return r;
    r = bind_all(db, stmt, kinds, args);
    if (r == 0)
        r = cache_db_step(db, stmt);
    if (r == 1)
        *ret_stmt = stmt;
    else
        cache_db_unuse(db, index, stmt);
    return r;
}

int cache_db_first(struct cache_db *db, size_t index, sqlite3_stmt **ret_stmt, const char *kinds, ...)
{
    va_list args;
    va_start(args, kinds);
    int r = step_bound(db, index, ret_stmt, kinds, &args);
    va_end(args);
    return r;
}

errint cache_db_run(struct cache_db *db, size_t index, const char *kinds, ...)
{
    sqlite3_stmt *stmt = NULL;
    va_list args;
    va_start(args, kinds);
    int r = step_bound(db, index, &stmt, kinds, &args);
    va_end(args);
    if (r == 1)
        cache_db_unuse(db, index, stmt);
    return r < 0 ? r : 0;
}

bool cache_db_column_is(sqlite3_stmt *stmt, int column, struct hash128 sum)
{
    const void *data = sqlite3_column_blob(stmt, column);
    return data && sqlite3_column_bytes(stmt, column) == (int)sizeof sum && memcmp(data, &sum, sizeof sum) == 0;
}
