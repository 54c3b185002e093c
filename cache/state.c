/* Opening state.db: made whole under another name and renamed, so that an empty or half-made state.db is never ours and
 * is refused; looked at before anything is written to it; copied beside itself before each migration.
 *
 *   DIR/state.db               rollback journal, synchronous=EXTRA (FULL, and the journal's removal is durable as well)
 *   DIR/state.db.version-N     the copy from before the migration of version N
 *   DIR/state.db.new           only while it is made, under locks/open.lock
 *   DIR/locks/open.lock        one process makes or migrates at a time
 *   DIR/locks/HANDLE.lock      a connection's steps (flock: ends with the process); never removed
 *
 * Each row carries a hash of its values, since SQLite does not see a flipped bit inside a text.
 *
 * SQLite looks at a lock that another process holds again and again, in the end every 100 ms. A process that writes row
 * after row to a slow disk has it at nearly each of these moments, and the others give up. So there are turns, a flock of
 * DIR itself: whoever waits for the file has it, and who has just written must wait behind him before he writes again.
 */
#include "cache/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "cache/state_private.h"

#define FILE_NAME "state.db"
#define HANDLE_LEN_MAX 64
#define TURN_LOOK_NS CLOCK_NS_PER_MS

static const char *const migrations[] = {
    "CREATE TABLE connection ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, handle TEXT NOT NULL UNIQUE, bucket TEXT NOT NULL, report TEXT NOT NULL,"
    " prefix TEXT NOT NULL, name TEXT NOT NULL, external_id TEXT NOT NULL, principal TEXT NOT NULL,"
    " role_arn TEXT NOT NULL, bucket_owner TEXT NOT NULL, definition_prefix TEXT NOT NULL, notes TEXT NOT NULL,"
    " granted TEXT NOT NULL, last_error TEXT NOT NULL, direct INTEGER NOT NULL, connected INTEGER NOT NULL,"
    " created_unix INTEGER NOT NULL, connected_unix INTEGER NOT NULL, last_error_unix INTEGER NOT NULL,"
    " revision INTEGER NOT NULL, sum BLOB NOT NULL);"
    "CREATE UNIQUE INDEX connection_triple ON connection (bucket, report, prefix);"
    "CREATE UNIQUE INDEX connection_name ON connection (name) WHERE name <> '';",
};

const struct cache_db_spec cache_state_spec = {
    .application_id = 0x63746673, /* "ctfs" */
    .migrations = migrations,
    .version = sizeof migrations / sizeof migrations[0],
    .statements = cache_state_statements,
    .statement_count = CACHE_STATE_STATEMENTS,
    .pragmas = "PRAGMA synchronous=EXTRA; PRAGMA cache_size=-1024",
};

struct cache_state_lock {
    int fd;
};

static char *path_of(const struct cache_state *s, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", s->dir, name) < 0 ? NULL : path;
}

static errint sync_folder(int fd)
{
    return fsync(fd) == 0 ? 0 : err_set(-errno, "syncing the folder of %s: %s", FILE_NAME, strerror(errno));
}

static errint fill_new(struct cache_state *s, const char *name)
{
    char *path cleanup_free = path_of(s, name);
    if (!path)
        return err_set(-ENOMEM, "no memory to make %s", name);
    errint r = cache_db_create_file(s->dirfd, name);
    if (r < 0)
        return r;
    struct cache_db *db = NULL;
    r = cache_db_open(path, CACHE_DB_WRITE, s->spec, &db);
    if (r == 0)
        r = cache_db_migrate(db, NULL, NULL);
    cache_db_close(db);
    return r;
}

static errint exists(struct cache_state *s, const char *name)
{
    struct stat st;
    if (fstatat(s->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;
    return errno == ENOENT ? 0 : err_set(-errno, "%s/%s: %s", s->dir, name, strerror(errno));
}

/* A journal without its database is what is left when someone removed the database: its content would be played into a
 * new one. */
static errint refuse_orphan_journal(struct cache_state *s)
{
    errint r = exists(s, FILE_NAME "-journal");
    if (r <= 0)
        return r;
    return err_set(-EIO, "%s/" FILE_NAME " is gone and its journal is not: restore the one or remove the other",
                   s->dir);
}

static errint make_new(struct cache_state *s)
{
    static const char new_name[] = FILE_NAME ".new";
    errint r = exists(s, FILE_NAME);
    if (r != 0)
        return r < 0 ? r : 0;
    r = refuse_orphan_journal(s);
    if (r < 0)
        return r;
    (void)unlinkat(s->dirfd, new_name, 0);
    (void)unlinkat(s->dirfd, FILE_NAME ".new-journal", 0);
    r = fill_new(s, new_name);
    if (r < 0) {
        (void)unlinkat(s->dirfd, new_name, 0);
        return r;
    }
    if (renameat(s->dirfd, new_name, s->dirfd, FILE_NAME) < 0)
        return err_set(-errno, "naming %s/" FILE_NAME ": %s", s->dir, strerror(errno));
    return sync_folder(s->dirfd);
}

static errint lock_folder(struct cache_state *s, int *ret_fd)
{
    int locks cleanup_fd = -1;
    errint r = cache_db_subfolder(s->dirfd, "locks", &locks);
    return r < 0 ? r : cache_db_lock_file(locks, "open.lock", true, ret_fd);
}

static errint make_if_missing(struct cache_state *s)
{
    errint r = exists(s, FILE_NAME);
    if (r != 0)
        return r < 0 ? r : 0;
    int lock cleanup_fd = -1;
    r = lock_folder(s, &lock);
    return r < 0 ? r : make_new(s);
}

static errint copy_synced(struct cache_state *s, const char *from, const char *to)
{
    struct cache_db *a = NULL, *b = NULL;
    errint r = cache_db_open(from, CACHE_DB_READ, s->spec, &a);
    if (r == 0)
        r = cache_db_open(to, CACHE_DB_WRITE, s->spec, &b);
    if (r == 0)
        r = cache_db_copy(a, b);
    cache_db_close(b);
    cache_db_close(a);
    return r < 0 ? r : sync_folder(s->dirfd);
}

/* The copy is read by a second connection: the first holds the write lock, which lets readers in. */
static errint backup(void *arg, int version)
{
    struct cache_state *s = arg;
    static const char new_name[] = FILE_NAME ".copy";
    char name[64];
    snprintf(name, sizeof name, FILE_NAME ".version-%d", version);
    (void)unlinkat(s->dirfd, new_name, 0);
    errint r = cache_db_create_file(s->dirfd, new_name);
    char *from cleanup_free = path_of(s, FILE_NAME), *to cleanup_free = path_of(s, new_name);
    if (r == 0 && (!from || !to))
        r = err_set(-ENOMEM, "no memory to copy %s", FILE_NAME);
    if (r == 0)
        r = copy_synced(s, from, to);
    if (r == 0 && renameat(s->dirfd, new_name, s->dirfd, name) < 0)
        r = err_set(-errno, "naming the copy %s: %s", name, strerror(errno));
    return r < 0 ? r : sync_folder(s->dirfd);
}

static errint migrate(struct cache_state *s)
{
    int version;
    errint r = cache_db_version(s->db, &version);
    if (r < 0)
        return r;
    if (version == 0)
        return err_set(-EIO, "%s/" FILE_NAME " is empty: its rows are lost", s->dir);
    if (version == s->spec->version)
        return 0;
    int lock cleanup_fd = -1;
    r = lock_folder(s, &lock);
    return r < 0 ? r : cache_db_migrate(s->db, backup, s);
}

void cache_state_turn_begin(struct cache_state *s)
{
    const struct timespec moment = {.tv_nsec = TURN_LOOK_NS};
    int64_t until_ns = clock_monotonic_ns() + CACHE_DB_BUSY_MS * CLOCK_NS_PER_MS, left_ns;
    /* on a file system without such locks there are no turns */
    while (flock(s->dirfd, LOCK_EX | LOCK_NB) < 0 && (errno == EWOULDBLOCK || errno == EINTR) &&
           clock_monotonic_ns() < until_ns)
        (void)nanosleep(&moment, NULL);
    left_ns = until_ns - clock_monotonic_ns();
    if (s->db)
        sqlite3_busy_timeout(cache_db_handle(s->db), left_ns > 0 ? (int)(left_ns / CLOCK_NS_PER_MS) : 0);
}

void cache_state_turn_end(struct cache_state *s)
{
    if (s->db)
        sqlite3_busy_timeout(cache_db_handle(s->db), CACHE_DB_BUSY_MS);
    (void)flock(s->dirfd, LOCK_UN);
}

static errint open_and_check(struct cache_state *s, const char *path)
{
    int version;
    errint r = cache_db_open(path, CACHE_DB_WRITE, s->spec, &s->db);
    if (r == 0)
        r = cache_db_version(s->db, &version);
    if (r == 0)
        r = cache_db_check(s->db, true);
    if (r == 0)
        r = migrate(s);
    if (r == 0)
        r = cache_db_check_statements(s->db);
    return r < 0 ? r : cache_state_check_rows(s);
}

static errint open_db(struct cache_state *s)
{
    char *path cleanup_free = path_of(s, FILE_NAME);
    if (!path)
        return err_set(-ENOMEM, "no memory to open %s", FILE_NAME);
    errint r = make_if_missing(s);
    if (r == 0)
        r = cache_db_check_file(s->dirfd, FILE_NAME);
    if (r < 0)
        return r;
    cache_state_turn_begin(s);
    r = open_and_check(s, path);
    cache_state_turn_end(s);
    return r;
}

/* A mutex could be waited for until a wall time alone, and the wall clock may be set. */
bool cache_state_take(struct cache_state *s, int64_t deadline_ns)
{
    bool early = true;
    pthread_mutex_lock(&s->lock);
    while (s->taken && early)
        early = clock_cond_wait(&s->left, &s->lock, deadline_ns);
    bool mine = !s->taken;
    s->taken = true;
    pthread_mutex_unlock(&s->lock);
    return mine;
}

void cache_state_leave(struct cache_state *s)
{
    pthread_mutex_lock(&s->lock);
    s->taken = false;
    pthread_cond_signal(&s->left);
    pthread_mutex_unlock(&s->lock);
}

errint cache_state_open_as(const char *dir, const struct cache_db_spec *spec, struct cache_state **ret)
{
    struct cache_state *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(-ENOMEM, "no memory to open %s/" FILE_NAME, dir);
    s->dirfd = -1;
    s->spec = spec;
    clock_cond_init(&s->left);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->seen_lock, NULL);
    errint r = cache_db_folder(dir, &s->dirfd, &s->dir);
    if (r == 0)
        r = open_db(s);
    if (r < 0) {
        err_add(r, "state");
        cache_state_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

errint cache_state_open(const char *dir, struct cache_state **ret)
{
    return cache_state_open_as(dir, &cache_state_spec, ret);
}

void cache_state_close(struct cache_state *s)
{
    if (!s)
        return;
    cache_db_close(s->db);
    if (s->dirfd >= 0)
        close(s->dirfd);
    cache_state_forget_seen(s);
    pthread_mutex_destroy(&s->seen_lock);
    pthread_cond_destroy(&s->left);
    pthread_mutex_destroy(&s->lock);
    free(s->dir);
    free(s);
}

static bool is_handle(const char *handle)
{
    size_t len = strlen(handle);
    return len > 0 && len <= HANDLE_LEN_MAX &&
           strspn(handle, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

errint cache_state_lock(struct cache_state *s, const char *handle, struct cache_state_lock **ret)
{
    if (!is_handle(handle))
        return err_set(-EINVAL, "\"%.64s\" is not a connection's handle", handle);
    char name[HANDLE_LEN_MAX + 16];
    snprintf(name, sizeof name, "%s.lock", handle);
    struct cache_state_lock *l = malloc(sizeof *l);
    if (!l)
        return err_set(-ENOMEM, "no memory to lock %s", handle);
    int locks cleanup_fd = -1;
    errint r = cache_db_subfolder(s->dirfd, "locks", &locks);
    if (r == 0)
        r = cache_db_lock_file(locks, name, false, &l->fd);
    if (r < 0) {
        free(l);
        return r == -EBUSY ? err_set(r, "a step of connection %s is being run already", handle) : r;
    }
    *ret = l;
    return 0;
}

void cache_state_unlock(struct cache_state_lock *l)
{
    if (!l)
        return;
    close(l->fd);
    free(l);
}
