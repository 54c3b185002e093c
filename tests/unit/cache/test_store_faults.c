/* The n-th write or sync of SQLite fails, n = 1, 2, 3 …: a put gives an error or is kept; old or new content whole. */
#include <sqlite3.h>

#include "base/cleanup.h"
#include "cache/state.h"
#include "cache/store.h"
#include "tests/lib/scratch.h"
#include "tests/lib/unit.h"

static sqlite3_vfs faulty;
static sqlite3_vfs *real;
static sqlite3_io_methods methods;
static const sqlite3_io_methods *real_methods;
static int countdown; /* 0: no fault */
static int fault;

static int due(void)
{
    return countdown > 0 && --countdown == 0;
}

static int faulty_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 off)
{
    return due() ? fault : real_methods->xWrite(f, data, len, off);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
    return due() ? SQLITE_IOERR_FSYNC : real_methods->xSync(f, flags);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    int rc = real->xOpen(vfs, name, f, flags, ret_flags);
    if (rc != SQLITE_OK || !f->pMethods || (real_methods && f->pMethods != real_methods))
        return rc;
    real_methods = f->pMethods;
    methods = *real_methods;
    methods.xWrite = faulty_write;
    methods.xSync = faulty_sync;
    f->pMethods = &methods;
    return rc;
}

static void install(void)
{
    real = sqlite3_vfs_find(NULL);
    faulty = *real;
    faulty.zName = "faulty";
    faulty.xOpen = faulty_open;
    CHECK_INT(sqlite3_vfs_register(&faulty, 1), SQLITE_OK);
}

static errint put_name(struct cache_state *s, char *name)
{
    struct cache_connection c = {.handle = (char[]){"c-1"}, .bucket = (char[]){"b"}, .name = name, .external_id = name};
    return cache_state_put(s, &c);
}

static void state_once(int n)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_state *s = NULL;
    struct cache_connection c = {0};
    CHECK_INT(cache_state_open(dir.path, &s), 0);
    CHECK_INT(put_name(s, (char[]){"old"}), 0);
    countdown = n;
    errint r = put_name(s, (char[]){"new"});
    countdown = 0;
    cache_state_close(s);
    CHECK_INT(cache_state_open(dir.path, &s), 0);
    CHECK_INT(cache_state_get(s, "c-1", &c), 0);
    CHECK(c.name && (strcmp(c.name, "new") == 0 || (r < 0 && strcmp(c.name, "old") == 0)));
    CHECK_STR(c.external_id, c.name);
    cache_connection_done(&c);
    cache_state_close(s);
    scratch_done(&dir);
}

static void store_once(int n)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = NULL;
    struct cache_item old[] = {{"a", "old", 3, 0}, {"b", "old", 3, 0}},
                      new[] = {{"a", "new", 3, 0}, {"b", "new", 3, 0}};
    CHECK_INT(cache_store_open(dir.path, &s), 0);
    CHECK_INT(cache_store_replace(s, "s", old, 2, 1), 0);
    countdown = n;
    CHECK_INT(cache_store_replace(s, "s", new, 2, 2), 0);
    countdown = 0;
    struct buf a cleanup_buf = BUF_INIT, b cleanup_buf = BUF_INIT;
    CHECK_INT(cache_store_get(s, "s", "a", &a, NULL), 0);
    CHECK_INT(cache_store_get(s, "s", "b", &b, NULL), 0);
    CHECK_STR(buf_text(&a), "new");
    CHECK_STR(buf_text(&b), "new");
    cache_store_close(s);
    scratch_done(&dir);
}

static void sweep(void)
{
    install();
    for (int n = 1; n < 24; n++) {
        fault = n % 2 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        state_once(n);
        store_once(n);
    }
    sqlite3_vfs_unregister(&faulty);
}

static const struct unit_test tests[] = {{"each_fault_leaves_old_or_new", sweep}};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
