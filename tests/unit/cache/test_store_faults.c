/* The n-th write, sync or read of SQLite fails, n = 1, 2, 3 … until no fault is left: a put gives an error or is kept; what is
 * read is old or new content, whole; a failed open leaves what is there. */
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
static int reads_countdown;
static int fault;

static int due(void)
{
    return countdown > 0 && --countdown == 0;
}

static int faulty_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 off)
{
    return due() ? fault : real_methods->xWrite(f, data, len, off);
}

/* A read past the file's end is no read of the disk: SQLite expects SQLITE_IOERR_SHORT_READ of it. */
static int faulty_read(sqlite3_file *f, void *data, int len, sqlite3_int64 off)
{
    if (reads_countdown > 0 && --reads_countdown == 0)
        return SQLITE_IOERR_READ;
    return real_methods->xRead(f, data, len, off);
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
    methods.xRead = faulty_read;
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

/* Opening and reading while the n-th read fails. True when no fault was left. */
static bool state_reads_once(int n)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_state *s = NULL;
    struct cache_connection c = {0};
    CHECK_INT(cache_state_open(dir.path, &s), 0);
    CHECK_INT(put_name(s, (char[]){"old"}), 0);
    cache_state_close(s);
    reads_countdown = n;
    errint r = cache_state_open(dir.path, &s);
    errint got = r ? r : cache_state_get(s, "c-1", &c);
    bool none_left = reads_countdown > 0;
    reads_countdown = 0;
    CHECK(got == 0 ? strcmp(c.name, "old") == 0 : got == -EIO && !none_left);
    cache_connection_done(&c);
    if (r == 0)
        cache_state_close(s);
    c = (struct cache_connection){0};
    CHECK_INT(cache_state_open(dir.path, &s), 0);
    CHECK_INT(cache_state_get(s, "c-1", &c), 0);
    CHECK_STR(c.name ? c.name : "", "old");
    cache_connection_done(&c);
    cache_state_close(s);
    scratch_done(&dir);
    return none_left;
}

/* cache.db may forget, and say so; it never gives half a listing, and never fails to open. */
static bool store_reads_once(int n)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = NULL;
    struct cache_item items[] = {{"a", "one", 3, 0}, {"b", "two", 3, 0}};
    CHECK_INT(cache_store_open(dir.path, &s), 0);
    CHECK_INT(cache_store_replace(s, "s", items, 2, 1), 0);
    cache_store_close(s);
    reads_countdown = n;
    errint r = cache_store_open(dir.path, &s);
    CHECK_INT(r, 0);
    struct buf a cleanup_buf = BUF_INIT;
    struct cache_listing listing = {0};
    errint got = cache_store_get(s, "s", "a", &a, NULL), listed = cache_store_listing(s, "s", &listing);
    bool none_left = reads_countdown > 0;
    reads_countdown = 0;
    CHECK(got == 0 ? strcmp(buf_text(&a), "one") == 0 : (got == -ENOENT || got == -EIO) && !none_left);
    CHECK(listed == 0 ? listing.count == 2 : (listed == -ENOENT || listed == -EIO) && !none_left);
    CHECK_INT(cache_store_replace(s, "s", items, 2, 2), 0);
    CHECK_INT(cache_store_listing(s, "s", &listing), 0);
    CHECK_INT(listing.count, 2);
    cache_store_close(s);
    scratch_done(&dir);
    return none_left;
}

static void each_failed_write_leaves_old_or_new(void)
{
    install();
    for (int n = 1; n < 24; n++) {
        fault = n % 2 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        state_once(n);
        store_once(n);
    }
    sqlite3_vfs_unregister(&faulty);
}

static void each_failed_read_is_an_error_or_no_matter(void)
{
    install();
    bool state_done = false, store_done = false;
    for (int n = 1; n < 400 && !(state_done && store_done); n++) {
        state_done = state_done || state_reads_once(n);
        store_done = store_done || store_reads_once(n);
    }
    CHECK(state_done);
    CHECK(store_done);
    sqlite3_vfs_unregister(&faulty);
}

static const struct unit_test tests[] = {
    {"each_failed_write_leaves_old_or_new", each_failed_write_leaves_old_or_new},
    {"each_failed_read_is_an_error_or_no_matter", each_failed_read_is_an_error_or_no_matter},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
