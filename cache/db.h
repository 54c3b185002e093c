/* One SQLite connection: opened safely, checked, migrated, its statements kept, its errors as errno. For cache/ alone.
 *
 * Ownership: a statement from cache_db_use goes back with cache_db_unuse; texts bound or read live until then.
 * Threads:   one at a time a connection; the folder and file functions any.
 * Errors:    -ENOSPC full (quota too), -EROFS, -EBUSY, -EEXIST a constraint, -EACCES, -ENOMEM, -EFBIG, and -EIO for
 *            what is unsound or cannot be read, after which cache_db_is_corrupt tells which of the two.
 * Cost:      stated at each.
 */
#ifndef CTFS_CACHE_DB_H
#define CTFS_CACHE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/errors.h"
#include "base/hash.h"

#define CACHE_DB_BUSY_MS 5000 /* how long a statement waits for another process's lock */

struct cache_db;

struct cache_db_spec {
    int32_t application_id;
    const char *const *migrations; /* [i] is SQL that takes version i to i + 1 */
    int version;                   /* how many there are: the version that this program knows */
    const char *const *statements; /* by the index of cache_db_use */
    size_t statement_count;
    const char *pragmas; /* run at each open, before anything is read */
};

/* Makes DIR and its parents (0700) if need be and opens it. -EACCES when it belongs to another user or others may write
 * to it. *RET_PATH (malloc'd) is its path without symbolic links. */
errint cache_db_folder(const char *dir, int *ret_fd, char **ret_path);

/* Opens the folder NAME below DIRFD, made 0700 if need be; never follows a link. */
errint cache_db_subfolder(int dirfd, const char *name, int *ret_fd);

/* Is NAME in DIRFD a plain file of this user? -ENOENT; -EIO when it is something else; -EACCES when it is another's.
 * Takes the group's and others' rights away. The file is not opened: closing it would drop SQLite's locks. */
errint cache_db_check_file(int dirfd, const char *name);

/* Makes an empty NAME, 0600. -EEXIST. */
errint cache_db_create_file(int dirfd, const char *name);

/* Opens and locks (flock) the lock file NAME, made if need be. -EBUSY when WAIT is false and another holds it. */
errint cache_db_lock_file(int dirfd, const char *name, bool wait, int *ret_fd);

enum cache_db_access { CACHE_DB_READ, CACHE_DB_WRITE, CACHE_DB_MEMORY };

/* Opens a file that is there (PATH is not used for CACHE_DB_MEMORY). A read connection never checkpoints a WAL. */
errint cache_db_open(const char *path, enum cache_db_access access, const struct cache_db_spec *spec,
                     struct cache_db **ret);
void cache_db_close(struct cache_db *db); /* NULL is nothing */
sqlite3 *cache_db_handle(struct cache_db *db);

/* Was anything found that makes this file unsound (malformed, not a database, not of this program, too new)? */
bool cache_db_is_corrupt(const struct cache_db *db);

/* Notes that it is unsound by what its rows say; CODE is given back. */
errint cache_db_set_corrupt(struct cache_db *db, errint code);

/* Its version: 0 for an empty database; -EIO when it is another program's or newer than SPEC knows. */
errint cache_db_version(struct cache_db *db, int *ret);

/* SQLite's own check of the whole file: quick_check, or with FULL integrity_check (indexes too). Reads all of it. */
errint cache_db_check(struct cache_db *db, bool full);

/* Does every statement of the spec fit the tables? What does not is unsound. */
errint cache_db_check_statements(struct cache_db *db);

/* Runs the migrations that are missing, each in one transaction, after BACKUP (NULL: none) was called with the version
 * that is left, the file being locked against writers but readable. */
errint cache_db_migrate(struct cache_db *db, errint (*backup)(void *arg, int version), void *arg);

/* Copies the whole database FROM over TO. */
errint cache_db_copy(struct cache_db *from, struct cache_db *to);

errint cache_db_exec(struct cache_db *db, const char *sql);
errint cache_db_begin(struct cache_db *db); /* takes the write lock */
/* Commits when RESULT is 0, else rolls back; gives RESULT or why the commit failed. */
errint cache_db_end(struct cache_db *db, errint result);

/* A prepared statement of the spec, with nothing bound. Kept for the next use. */
errint cache_db_use(struct cache_db *db, size_t index, sqlite3_stmt **ret);
void cache_db_unuse(struct cache_db *db, size_t index, sqlite3_stmt *stmt);

/* 1: there is a row; 0: no more; else the error. */
int cache_db_step(struct cache_db *db, sqlite3_stmt *stmt);

/* Uses statement INDEX with ARGS bound by their kinds, one letter each: 't' const char *, 'i' int64_t, 'b' const void *
 * and size_t; expects no row. */
errint cache_db_run(struct cache_db *db, size_t index, const char *kinds, ...);

/* The same, stepped once: 1 and *RET_STMT (to be unused) on its first row; 0: none; else the error. */
int cache_db_first(struct cache_db *db, size_t index, sqlite3_stmt **ret_stmt, const char *kinds, ...);
errint cache_db_bind(struct cache_db *db, sqlite3_stmt *stmt, const char *kinds, ...);

/* Does column COLUMN hold the 16 bytes of SUM? */
bool cache_db_column_is(sqlite3_stmt *stmt, int column, struct hash128 sum);

#endif
