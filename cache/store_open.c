/* The file behind the store, and what is done when it cannot be used.
 *
 *   on disk    WRITER is cache.db's, readers come from a pool and are closed beyond STORE_IDLE_MAX. Readers are read-only
 *              and never checkpoint; the one writer does. (SQLite before 3.51.3 can lose a reset WAL when two connections
 *              checkpoint at once.)
 *   in memory  WRITER is a database in memory of at most 64 MiB and readers use it too, one at a time under write_lock.
 *              DISK is the file's writer if there is one. Begun when the folder cannot be used or a write finds the disk
 *              full; every RETRY_NS a write tries the disk again and copies the memory over it.
 *
 * A bad file, at open or when a page or a row turns out bad later, is renamed aside and a new one begun. Readers that are
 * out at that moment keep the old file open until they are given back (generation).
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "cache/store_folder.h"
#include "cache/store_private.h"

#define FILE_NAME "cache.db"
#define RETRY_NS (30 * CLOCK_NS_PER_S)
#define MEMORY_MAX_BYTES (INT64_C(64) << 20)

struct reader {
    struct cache_db *db;
    unsigned generation;
    bool memory; /* db is the writer, and write_lock is held */
};

static void notice(struct cache_store *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void notice(struct cache_store *s, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    if (!text)
        return;
    log_warn("%s", text);
    if (s->notice_count == STORE_NOTICES_MAX) {
        free(text);
        return;
    }
    s->notices[s->notice_count++] = text;
    atomic_store(&s->notice, text);
}

static errint file_path(const struct cache_store *s, char **ret)
{
    if (asprintf(ret, "%s/" FILE_NAME, cache_store_dir(s)) >= 0)
        return 0;
    *ret = NULL;
    return err_set(-ENOMEM, "no memory to open " FILE_NAME);
}

/* A WAL without its database belongs to one that somebody removed: its pages must not get into a new one. */
static errint make_file(struct cache_store *s)
{
    cache_store_folder_remove(s->dir_fd, FILE_NAME "-wal");
    cache_store_folder_remove(s->dir_fd, FILE_NAME "-shm");
    cache_store_folder_remove(s->dir_fd, FILE_NAME "-journal");
    return cache_db_create_file(s->dir_fd, FILE_NAME);
}

static errint check_and_migrate(struct cache_db *db)
{
    int version;
    errint r = cache_db_version(db, &version);
    if (r == 0 && version > 0)
        r = cache_db_check(db, false);
    if (r == 0)
        r = cache_db_migrate(db, NULL, NULL);
    if (r == 0)
        r = cache_db_exec(db, "PRAGMA journal_mode=WAL");
    if (r == 0)
        r = cache_db_check_statements(db);
    return r < 0 ? r : cache_store_seen_prune(db, clock_wall_ns());
}

/* *RET_BAD: the file is to be set aside. */
static errint open_file(struct cache_store *s, struct cache_db **ret, bool *ret_bad)
{
    char *path cleanup_free = NULL;
    errint r = file_path(s, &path);
    if (r < 0)
        return r;
    r = cache_db_check_file(s->dir_fd, FILE_NAME);
    *ret_bad = r == -EIO || r == -EACCES;
    if (r == -ENOENT)
        r = make_file(s);
    if (r < 0)
        return r;
    struct cache_db *db = NULL;
    r = cache_db_open(path, CACHE_DB_WRITE, &cache_store_spec, &db);
    if (r == 0)
        r = check_and_migrate(db);
    if (r == 0) {
        *ret = db;
        return 0;
    }
    *ret_bad = db && cache_db_is_corrupt(db);
    cache_db_close(db);
    return r;
}

static errint set_aside(struct cache_store *s, const char *why)
{
    char name[128];
    errint r = cache_store_folder_set_aside(s->dir_fd, name, sizeof name);
    if (r == 0)
        notice(s, "a bad cache.db was set aside as %s: %s", name, why);
    return r;
}

static errint open_or_renew(struct cache_store *s, struct cache_db **ret)
{
    bool bad = false;
    errint r = open_file(s, ret, &bad);
    if (r == 0 || !bad)
        return r;
    char *why cleanup_free = strdup(err_message());
    r = set_aside(s, why ? why : "");
    return r < 0 ? r : open_file(s, ret, &bad);
}

/* A folder that is there and that others could change is refused; one that cannot be had at all is done without. */
static bool is_unsafe(const char *dir)
{
    struct stat st;
    return stat(dir, &st) == 0 && (st.st_uid != geteuid() || (st.st_mode & 022));
}

static errint take_private(struct cache_store *s)
{
    errint r =
        cache_store_folder_private(s->root_fd, s->private_name, sizeof s->private_name, &s->dir_fd, &s->owner_fd);
    if (r < 0) {
        s->private_name[0] = '\0';
        return r;
    }
    char *dir;
    if (asprintf(&dir, "%s/%s", s->root, s->private_name) < 0)
        return err_set(-ENOMEM, "no memory to open %s", s->root);
    atomic_store(&s->dir, dir);
    /* no notice: nothing is wrong, and cache_store_private says it */
    log_info("another ctfs owns %s: this one keeps what it fetches in %s until it ends", s->root, s->private_name);
    return 0;
}

static errint take_folder(struct cache_store *s)
{
    if (atomic_load(&s->dir))
        return 0;
    errint r = 0;
    if (s->root_fd < 0)
        r = cache_db_folder(s->given, &s->root_fd, &s->root);
    if (r < 0)
        return r;
    r = cache_store_folder_own(s->root_fd, &s->owner_fd);
    if (r == -EBUSY)
        return take_private(s);
    if (r < 0)
        return r;
    char *dir = strdup(s->root);
    if (!dir)
        return err_set(-ENOMEM, "no memory to open %s", s->root);
    s->dir_fd = s->root_fd;
    atomic_store(&s->dir, dir);
    cache_store_folder_clean(s->root_fd);
    return 0;
}

static errint open_disk(struct cache_store *s, struct cache_db **ret)
{
    errint r = take_folder(s);
    return r < 0 ? r : open_or_renew(s, ret);
}

static errint open_memory(struct cache_db **ret)
{
    struct cache_db *db = NULL;
    errint r = cache_db_open(NULL, CACHE_DB_MEMORY, &cache_store_spec, &db);
    if (r == 0)
        r = cache_db_exec(db, "PRAGMA max_page_count=16384");
    if (r == 0)
        r = cache_db_migrate(db, NULL, NULL);
    if (r == 0)
        *ret = db;
    else
        cache_db_close(db);
    return r;
}

/* Readers from now on see DB; those that are out are closed when they come back. Under write_lock. */
static void switch_to(struct cache_store *s, struct cache_db *db, bool memory)
{
    struct cache_db *idle[STORE_IDLE_MAX];
    pthread_mutex_lock(&s->pool_lock);
    unsigned count = s->idle_count;
    memcpy(idle, s->idle, sizeof idle);
    s->idle_count = 0;
    s->generation++;
    s->memory = memory;
    s->writer = db;
    pthread_mutex_unlock(&s->pool_lock);
    while (count)
        cache_db_close(idle[--count]);
    cache_memo_clear(&s->memo);
}

static void copy_if_small(struct cache_db *from, struct cache_db *to)
{
    int64_t pages = 0;
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(cache_db_handle(from), "PRAGMA page_count", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        pages = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    if (pages > 0 && pages * 4096 < MEMORY_MAX_BYTES)
        (void)cache_db_copy(from, to);
}

/* WHY is the message of what failed. Under write_lock. */
static errint go_to_memory(struct cache_store *s, bool copy, const char *why)
{
    struct cache_db *db = NULL;
    errint r = open_memory(&db);
    if (r < 0)
        return r;
    if (copy && s->writer)
        copy_if_small(s->writer, db);
    if (cache_db_migrate(db, NULL, NULL) < 0) { /* what was copied is no use: begin empty */
        cache_db_close(db);
        db = NULL;
        r = open_memory(&db);
        if (r < 0)
            return r;
    }
    s->disk = s->writer;
    s->retry_ns = clock_monotonic_ns() + RETRY_NS;
    switch_to(s, db, true);
    notice(s, "what is fetched is kept in memory, not in %s: %s", s->given, why);
    return 0;
}

static void return_to_disk(struct cache_store *s)
{
    s->retry_ns = clock_monotonic_ns() + RETRY_NS;
    if (!s->disk && open_disk(s, &s->disk) < 0)
        return;
    if (cache_db_copy(s->writer, s->disk) < 0)
        return;
    struct cache_db *memory = s->writer;
    switch_to(s, s->disk, false);
    s->disk = NULL;
    cache_db_close(memory);
    notice(s, "what is fetched is kept in %s again", s->given);
}

/* The file turned out bad. Under write_lock. */
static void renew(struct cache_store *s, const char *why)
{
    struct cache_db *bad = s->writer, *db = NULL;
    sqlite3_db_config(cache_db_handle(bad), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    errint r = set_aside(s, why);
    if (r == 0)
        r = open_or_renew(s, &db);
    if (r < 0) {
        s->writer = NULL;
        char *again cleanup_free = strdup(err_message());
        if (go_to_memory(s, false, again ? again : "") < 0) {
            s->writer = bad;
            return;
        }
    } else {
        switch_to(s, db, false);
    }
    cache_db_close(bad);
}

static errint acquire_memory(struct cache_store *s, struct reader *ret)
{
    pthread_mutex_lock(&s->write_lock);
    pthread_mutex_lock(&s->pool_lock);
    *ret = (struct reader){.db = s->writer, .generation = s->generation, .memory = true};
    pthread_mutex_unlock(&s->pool_lock);
    return 0;
}

static errint acquire(struct cache_store *s, struct reader *ret)
{
    pthread_mutex_lock(&s->pool_lock);
    struct reader reader = {.generation = s->generation, .memory = s->memory};
    if (!reader.memory && s->idle_count)
        reader.db = s->idle[--s->idle_count];
    pthread_mutex_unlock(&s->pool_lock);
    if (reader.memory)
        return acquire_memory(s, ret);
    if (!reader.db) {
        char *path cleanup_free = NULL;
        errint r = file_path(s, &path);
        if (r == 0)
            r = cache_db_open(path, CACHE_DB_READ, &cache_store_spec, &reader.db);
        if (r < 0)
            return acquire_memory(s, ret); /* the writer serves as well, one at a time */
    }
    *ret = reader;
    return 0;
}

static void release(struct cache_store *s, struct reader *reader)
{
    if (reader->memory) {
        pthread_mutex_unlock(&s->write_lock);
        return;
    }
    pthread_mutex_lock(&s->pool_lock);
    bool keep = reader->generation == s->generation && s->idle_count < STORE_IDLE_MAX;
    if (keep)
        s->idle[s->idle_count++] = reader->db;
    pthread_mutex_unlock(&s->pool_lock);
    if (!keep)
        cache_db_close(reader->db);
}

/* After a read failed with -EIO: a bad file is replaced, one that cannot be read is done without. */
static void recover(struct cache_store *s, unsigned generation, bool corrupt, const char *why)
{
    pthread_mutex_lock(&s->write_lock);
    pthread_mutex_lock(&s->pool_lock);
    bool current = generation == s->generation && !s->memory;
    pthread_mutex_unlock(&s->pool_lock);
    if (current && corrupt)
        renew(s, why);
    else if (current)
        (void)go_to_memory(s, true, why);
    pthread_mutex_unlock(&s->write_lock);
}

static errint read_once(struct cache_store *s, errint (*read)(struct cache_db *db, void *arg), void *arg)
{
    struct reader reader;
    errint r = acquire(s, &reader);
    if (r < 0)
        return r;
    r = read(reader.db, arg);
    bool corrupt = cache_db_is_corrupt(reader.db), failed = r == -EIO || corrupt;
    char *why cleanup_free = failed ? strdup(err_message()) : NULL;
    unsigned generation = reader.generation;
    release(s, &reader);
    if (failed) {
        recover(s, generation, corrupt, why ? why : "");
        return err_set(-EIO, "%s", why ? why : "cache.db cannot be read");
    }
    return r;
}

errint cache_store_read(struct cache_store *s, bool again, errint (*read)(struct cache_db *db, void *arg), void *arg)
{
    errint r = read_once(s, read, arg);
    return r == -EIO && again ? read_once(s, read, arg) : r;
}

errint cache_store_recall(struct cache_store *s, const struct cache_store_row *row, const char *name, void *arg)
{
    struct buf packed cleanup_buf = BUF_INIT;
    uint64_t stamp = 0;
    switch (cache_memo_get(&s->memo, row->kind, name, &packed, &stamp)) {
    case CACHE_MEMO_ABSENT:
        return row->absent(arg);
    case CACHE_MEMO_KNOWN:
        return buf_error(&packed) ? buf_error(&packed) : row->unpack(arg, buf_text(&packed), packed.len);
    default:
        break;
    }
    errint r = cache_store_read(s, true, row->read, arg);
    if (r == 0)
        row->pack(arg, &packed);
    if (r == -ENOENT || (r == 0 && buf_error(&packed) == 0))
        cache_memo_put(&s->memo, row->kind, name, stamp, r ? NULL : buf_text(&packed), packed.len);
    return r;
}

static errint write_once(struct cache_store *s, errint (*write)(struct cache_db *db, void *arg), void *arg)
{
    errint r = cache_db_begin(s->writer);
    return r < 0 ? r : cache_db_end(s->writer, write(s->writer, arg));
}

static bool is_disks_fault(errint r)
{
    return r == -ENOSPC || r == -EIO || r == -EROFS || r == -EACCES || r == -EBUSY;
}

static errint write_anywhere(struct cache_store *s, errint (*write)(struct cache_db *db, void *arg), void *arg)
{
    if (s->memory && clock_monotonic_ns() >= s->retry_ns)
        return_to_disk(s);
    errint r = write_once(s, write, arg);
    if (!is_disks_fault(r) || s->memory)
        return r;
    char *why cleanup_free = strdup(err_message());
    if (cache_db_is_corrupt(s->writer))
        renew(s, why ? why : "");
    else if (go_to_memory(s, true, why ? why : "") < 0)
        return r;
    return write_once(s, write, arg);
}

errint cache_store_write(struct cache_store *s, errint (*write)(struct cache_db *db, void *arg), void *arg)
{
    pthread_mutex_lock(&s->write_lock);
    errint r = write_anywhere(s, write, arg);
    if (s->memory || is_disks_fault(r))
        atomic_fetch_add(&s->dropped, 1);
    pthread_mutex_unlock(&s->write_lock);
    return is_disks_fault(r) ? 0 : r;
}

static void init_locks(struct cache_store *s)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->write_lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_mutex_init(&s->pool_lock, NULL);
    cache_memo_init(&s->memo);
}

static errint open_store(struct cache_store *s)
{
    struct cache_db *db = NULL;
    errint r = open_disk(s, &db);
    if (r == 0) {
        switch_to(s, db, false);
        return 0;
    }
    if (r == -ENOMEM || (r == -EACCES && is_unsafe(s->given)))
        return r;
    char *why cleanup_free = strdup(err_message());
    return go_to_memory(s, false, why ? why : "");
}

errint cache_store_open(const char *dir, struct cache_store **ret)
{
    struct cache_store *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(-ENOMEM, "no memory to open the cache %s", dir);
    s->root_fd = s->dir_fd = s->owner_fd = -1;
    atomic_store(&s->notice, "");
    init_locks(s);
    s->given = strdup(dir);
    errint r = s->given ? open_store(s) : err_set(-ENOMEM, "no memory to open the cache %s", dir);
    if (r < 0) {
        cache_store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

static void close_folder(struct cache_store *s)
{
    if (s->private_name[0])
        cache_store_folder_remove(s->root_fd, s->private_name);
    if (s->dir_fd >= 0 && s->dir_fd != s->root_fd)
        close(s->dir_fd);
    if (s->owner_fd >= 0)
        close(s->owner_fd);
    if (s->root_fd >= 0)
        close(s->root_fd);
}

void cache_store_close(struct cache_store *s)
{
    if (!s)
        return;
    while (s->idle_count)
        cache_db_close(s->idle[--s->idle_count]);
    cache_db_close(s->writer);
    cache_db_close(s->disk);
    close_folder(s);
    for (unsigned i = 0; i < s->notice_count; i++)
        free(s->notices[i]);
    cache_memo_done(&s->memo);
    pthread_mutex_destroy(&s->pool_lock);
    pthread_mutex_destroy(&s->write_lock);
    free(s->given);
    free(s->root);
    free(atomic_load(&s->dir));
    free(s);
}

const char *cache_store_dir(const struct cache_store *s)
{
    const char *dir = atomic_load(&s->dir);
    return dir ? dir : s->given;
}

bool cache_store_private(const struct cache_store *s)
{
    return s->private_name[0] != '\0';
}

const char *cache_store_notice(const struct cache_store *s)
{
    return atomic_load(&s->notice);
}

uint64_t cache_store_dropped(const struct cache_store *s)
{
    return atomic_load(&s->dropped);
}
