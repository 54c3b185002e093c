/* The tables of cache.db, and every statement on them.
 *
 * A sum beside a body is its hash128: SQLite's own check does not see a flipped bit inside a value. It stands before the
 * body in the row, so that comparing sums reads no body. seq numbers of fact grow with each put: the oldest go first.
 */
#include "cache/store_private.h"

static const char *const migrations[] = {
    "CREATE TABLE scope (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, fetched_ns INTEGER NOT NULL,"
    " changed_ns INTEGER NOT NULL, count INTEGER NOT NULL);"
    "CREATE TABLE item (seq INTEGER PRIMARY KEY, scope INTEGER NOT NULL, id TEXT NOT NULL, changed_ns INTEGER NOT NULL,"
    " sum BLOB NOT NULL, body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX item_id ON item (scope, id);"
    "CREATE TABLE seen (ino INTEGER PRIMARY KEY, hash BLOB NOT NULL, mtime_ns INTEGER NOT NULL);"
    "CREATE TABLE fact (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, sum BLOB NOT NULL, declared INTEGER"
    " NOT NULL, verified INTEGER NOT NULL, header_len INTEGER NOT NULL, corrupt INTEGER NOT NULL, header TEXT);"
    "CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE object (name TEXT PRIMARY KEY, sum BLOB NOT NULL, size INTEGER NOT NULL, last_used_ns INTEGER"
    " NOT NULL, identity BLOB NOT NULL, tail BLOB NOT NULL, chunks BLOB NOT NULL);",
    "ALTER TABLE fact ADD COLUMN unended INTEGER NOT NULL DEFAULT 0;",
    ("ALTER TABLE seen ADD COLUMN day INTEGER NOT NULL DEFAULT 0;"
     "UPDATE seen SET day = CAST(strftime('%s', 'now') AS INTEGER) / 86400;"),
};

static const char *const statements[STORE_STATEMENTS] = {
    [STORE_SCOPE_GET] = "SELECT id, fetched_ns, changed_ns, count FROM scope WHERE name = ?1",
    [STORE_SCOPE_PUT] = "INSERT INTO scope (name, fetched_ns, changed_ns, count) VALUES (?1,?2,?3,?4)"
                        " ON CONFLICT (name) DO UPDATE SET fetched_ns=?2, changed_ns=?3, count=?4",
    [STORE_SCOPE_FROM] = "SELECT name, id FROM scope WHERE name >= ?1 ORDER BY name",
    [STORE_SCOPE_DELETE] = "DELETE FROM scope WHERE id = ?1",
    [STORE_ITEM_SUMS] = "SELECT seq, id, sum, changed_ns FROM item WHERE scope = ?1 ORDER BY id",
    [STORE_ITEM_INSERT] = "INSERT INTO item (scope, id, changed_ns, sum, body) VALUES (?1,?2,?3,?4,?5)",
    [STORE_ITEM_UPDATE] = "UPDATE item SET changed_ns=?2, sum=?3, body=?4 WHERE seq = ?1",
    [STORE_ITEM_DELETE] = "DELETE FROM item WHERE seq = ?1",
    [STORE_ITEM_DELETE_ALL] = "DELETE FROM item WHERE scope = ?1",
    [STORE_ITEM_EACH] = "SELECT id, changed_ns, sum, body FROM item WHERE scope = ?1 ORDER BY id",
    [STORE_ITEM_GET] = "SELECT id, changed_ns, sum, body FROM item WHERE scope = ?1 AND id = ?2",
    [STORE_SEEN_GET] = "SELECT hash, mtime_ns, day FROM seen WHERE ino = ?1",
    [STORE_SEEN_PUT] = "INSERT OR REPLACE INTO seen (ino, hash, mtime_ns, day) VALUES (?1,?2,?3,?4)",
    [STORE_SEEN_PRUNE] = "DELETE FROM seen WHERE day < ?1",
    [STORE_FACT_GET] = "SELECT sum, declared, verified, header_len, corrupt, header, unended FROM fact WHERE key = ?1",
    [STORE_FACT_PUT] =
        "INSERT OR REPLACE INTO fact (key, sum, declared, verified, header_len, corrupt, header, unended)"
        " VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
    [STORE_FACT_DELETE] = "DELETE FROM fact WHERE key = ?1",
    [STORE_FACT_DELETE_FROM] = "DELETE FROM fact WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1",
    [STORE_FACT_PRUNE] = "DELETE FROM fact WHERE seq <= (SELECT max(seq) FROM fact) - ?1",
    [STORE_MARK_GET] = "SELECT value FROM mark WHERE name = ?1",
    [STORE_MARK_PUT] = "INSERT OR REPLACE INTO mark (name, value) VALUES (?1,?2)",
    [STORE_MARK_DELETE] = "DELETE FROM mark WHERE name = ?1",
    [STORE_MARK_DELETE_FROM] = "DELETE FROM mark WHERE name >= ?1 AND substr(name, 1, length(?1)) = ?1",
    [STORE_OBJECT_GET] = "SELECT name, sum, size, last_used_ns, identity, tail, chunks FROM object WHERE name = ?1",
    [STORE_OBJECT_PUT] = "INSERT OR REPLACE INTO object (name, sum, size, last_used_ns, identity, tail, chunks)"
                         " VALUES (?1,?2,?3,?4,?5,?6,?7)",
    [STORE_OBJECT_DELETE] = "DELETE FROM object WHERE name = ?1",
    [STORE_OBJECT_EACH] =
        "SELECT name, sum, size, last_used_ns, identity, tail, chunks FROM object ORDER BY last_used_ns",
};

const struct cache_db_spec cache_store_spec = {
    .application_id = 0x63746663, /* "ctfc" */
    .migrations = migrations,
    .version = sizeof migrations / sizeof migrations[0],
    .statements = statements,
    .statement_count = STORE_STATEMENTS,
    /* busy_timeout: the folder is this process's, so nobody is waited for who opened the file all the same */
    .pragmas = "PRAGMA busy_timeout=100; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=16777216; PRAGMA "
               "cache_size=-4096",
};
