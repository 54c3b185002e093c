/* state.db: what was put is there after any crash, and what is not sound is refused and left as it is. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cache/state_private.h"
#include "tests/lib/scratch.h"
#include "tests/lib/unit.h"

static struct cache_state *open_at(const char *path)
{
    struct cache_state *s = NULL;
    CHECK_INT(cache_state_open(path, &s), 0);
    if (!s)
        abort();
    return s;
}

static errint put(struct cache_state *s, const char *handle, const char *bucket, const char *name, const char *external)
{
    struct cache_connection c = {.handle = (char *)(uintptr_t)handle,
                                 .bucket = (char *)(uintptr_t)bucket,
                                 .name = (char *)(uintptr_t)name,
                                 .external_id = (char *)(uintptr_t)external,
                                 .created_unix = 5};
    return cache_state_put(s, &c);
}

static void rows_are_kept_and_unique(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_state *s = open_at(dir.path);
    struct cache_connection c, *rows;
    size_t count;
    CHECK_INT(cache_state_get(s, "c-1", &c), -ENOENT);
    CHECK_INT(put(s, "c-1", "b1", "", "x1"), 0);
    CHECK_INT(put(s, "c-2", "b2", "", "x2"), 0);
    CHECK_INT(put(s, "c-1", "b1", "Acme", "x1"), 0);
    CHECK_INT(put(s, "c-2", "b2", "Acme", "x2"), -EEXIST);
    CHECK_INT(put(s, "c-2", "b2", "acme", "x2"), 0);
    CHECK_INT(put(s, "c-3", "b1", "", "x3"), -EEXIST);
    CHECK_INT(put(s, NULL, "b9", "", ""), -EINVAL);
    cache_state_close(s);
    s = open_at(dir.path);
    CHECK_INT(cache_state_list(s, &rows, &count), 0);
    CHECK_INT(count, 2);
    CHECK_STR(rows[0].handle, "c-1");
    CHECK_STR(rows[0].name, "Acme");
    CHECK_STR(rows[0].notes, "{}");
    CHECK_STR(rows[0].granted, "[]");
    CHECK_INT(rows[0].revision, 2);
    CHECK_STR(rows[1].external_id, "x2");
    for (size_t i = 0; i < count; i++)
        cache_connection_done(&rows[i]);
    free(rows);
    cache_state_close(s);
    struct stat st;
    CHECK_INT(stat(scratch_file(&dir, "state.db"), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    scratch_done(&dir);
}

static void the_version_moves_for_own_and_others_writes(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_state *a = open_at(dir.path), *b = open_at(dir.path);
    int64_t v[4];
    CHECK_INT(cache_state_version(a, &v[0]), 0);
    CHECK_INT(cache_state_version(a, &v[1]), 0);
    CHECK_INT(v[0], v[1]);
    CHECK_INT(put(a, "c-1", "b1", "", "x"), 0);
    CHECK_INT(cache_state_version(a, &v[2]), 0);
    CHECK(v[2] != v[1]);
    CHECK_INT(put(b, "c-2", "b2", "", "x"), 0);
    CHECK_INT(cache_state_version(a, &v[3]), 0);
    CHECK(v[3] != v[2]);
    cache_state_close(a);
    cache_state_close(b);
    scratch_done(&dir);
}

static void a_lock_excludes_and_ends_with_its_process(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_state *s = open_at(dir.path);
    struct cache_state_lock *a, *b;
    CHECK_INT(cache_state_lock(s, "c-1", &a), 0);
    CHECK_INT(cache_state_lock(s, "c-1", &b), -EBUSY);
    CHECK_INT(cache_state_lock(s, "c-2", &b), 0);
    CHECK_INT(cache_state_lock(s, "../c-2", &b), -EINVAL);
    cache_state_unlock(a);
    cache_state_unlock(b);
    pid_t child = fork();
    if (child == 0)
        _exit(cache_state_lock(s, "c-1", &a) == 0 ? 0 : 1);
    int status;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    CHECK_INT(cache_state_lock(s, "c-1", &a), 0);
    cache_state_unlock(a);
    cache_state_close(s);
    scratch_done(&dir);
}

static char *slurp(const char *path, size_t *ret_len)
{
    int fd = open(path, O_RDONLY);
    *ret_len = (size_t)lseek(fd, 0, SEEK_END);
    char *data = malloc(*ret_len + 1);
    CHECK_INT(pread(fd, data, *ret_len, 0), *ret_len);
    close(fd);
    return data;
}

static void spoil(const char *path, int how)
{
    int fd = open(path, O_RDWR);
    if (how == 0)
        CHECK_INT(ftruncate(fd, 0), 0);
    else if (how == 1)
        CHECK_INT(pwrite(fd, "not a database", 14, 0), 14);
    else if (how == 2)
        CHECK_INT(pwrite(fd, "\x00\x00\x00\x63", 4, 60), 4); /* user_version */
    else if (how == 3)
        CHECK_INT(pwrite(fd, "\x01\x01\x01\x01", 4, 68), 4); /* application_id */
    else
        CHECK_INT(ftruncate(fd, 4096L * (how - 3)), 0);
    close(fd);
}

static void an_unsound_file_is_refused_and_left(void)
{
    for (int how = 0; how < 7; how++) {
        struct scratch dir;
        scratch_init(&dir);
        struct cache_state *s = open_at(dir.path);
        CHECK_INT(put(s, "c-1", "b1", "", "x"), 0);
        cache_state_close(s);
        spoil(scratch_file(&dir, "state.db"), how);
        size_t before_len, after_len;
        char *before = slurp(dir.file, &before_len);
        CHECK_INT(cache_state_open(dir.path, &s), -EIO);
        CHECK(strstr(err_message(), "state.db") != NULL);
        char *after = slurp(dir.file, &after_len);
        CHECK_INT(after_len, before_len);
        CHECK(after_len == before_len && memcmp(before, after, after_len) == 0);
        free(before);
        free(after);
        scratch_done(&dir);
    }
}

/* The next version of the program: one migration more. */
static struct cache_db_spec next_spec(const char *sql)
{
    static const char *migrations[8];
    struct cache_db_spec spec = cache_state_spec;
    for (int i = 0; i < spec.version; i++)
        migrations[i] = spec.migrations[i];
    migrations[spec.version++] = sql;
    spec.migrations = migrations;
    return spec;
}

static void expect_row(struct cache_state *s, const char *external)
{
    struct cache_connection c = {0};
    CHECK_INT(cache_state_get(s, "c-1", &c), 0);
    CHECK_STR(c.external_id ? c.external_id : "", external);
    cache_connection_done(&c);
}

static void a_migration_leaves_a_backup_and_a_newer_version_is_refused(void)
{
    struct scratch dir, old;
    char backup[32];
    size_t len;
    scratch_init(&dir);
    scratch_init(&old);
    struct cache_state *s = open_at(dir.path);
    CHECK_INT(put(s, "c-1", "b1", "", "kept"), 0);
    cache_state_close(s);
    struct cache_db_spec next = next_spec("CREATE TABLE more (a); INSERT INTO more VALUES (1)");
    CHECK_INT(cache_state_open_as(dir.path, &next, &s), 0);
    expect_row(s, "kept");
    CHECK_INT(put(s, "c-2", "b2", "", "later"), 0);
    cache_state_close(s);
    CHECK_INT(cache_state_open(dir.path, &s), -EIO);
    CHECK(strstr(err_message(), "this program knows") != NULL);
    CHECK_INT(cache_state_open_as(dir.path, &next, &s), 0); /* refused and left as it was */
    expect_row(s, "kept");
    cache_state_close(s);
    /* The copy is what the older program had: put in place, it is opened by it. */
    (void)snprintf(backup, sizeof backup, "state.db.version-%d", cache_state_spec.version);
    char *data = slurp(scratch_file(&dir, backup), &len);
    int fd = open(scratch_file(&old, "state.db"), O_WRONLY | O_CREAT, 0600);
    CHECK_INT(write(fd, data, len), len);
    close(fd);
    free(data);
    s = open_at(old.path);
    expect_row(s, "kept");
    struct cache_connection none = {0};
    CHECK_INT(cache_state_get(s, "c-2", &none), -ENOENT);
    cache_state_close(s);
    scratch_done(&old);
    scratch_done(&dir);
}

static void a_migration_that_fails_changes_nothing(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_state *s = open_at(dir.path);
    CHECK_INT(put(s, "c-1", "b1", "", "kept"), 0);
    cache_state_close(s);
    struct cache_db_spec bad = next_spec("CREATE TABLE more (a); DELETE FROM connection; INSERT INTO none VALUES (1)");
    CHECK(cache_state_open_as(dir.path, &bad, &s) < 0);
    s = open_at(dir.path);
    expect_row(s, "kept");
    cache_state_close(s);
    scratch_done(&dir);
}

static void a_changed_row_is_refused(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_state *s = open_at(dir.path);
    CHECK_INT(put(s, "c-1", "b1", "", "external-id-value"), 0);
    cache_state_close(s);
    size_t len;
    char *data = slurp(scratch_file(&dir, "state.db"), &len), *at = memmem(data, len, "external-id-value", 17);
    int fd = open(dir.file, O_RDWR);
    CHECK(at != NULL);
    CHECK_INT(pwrite(fd, "E", 1, at - data), 1);
    close(fd);
    free(data);
    CHECK_INT(cache_state_open(dir.path, &s), -EIO);
    scratch_done(&dir);
}

static void unsafe_places_are_refused(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_state *s = open_at(dir.path);
    cache_state_close(s);
    CHECK_INT(chmod(dir.path, 0770), 0);
    CHECK_INT(cache_state_open(dir.path, &s), -EACCES);
    CHECK_INT(chmod(dir.path, 0700), 0);
    char other[PATH_MAX];
    snprintf(other, sizeof other, "%s/other", dir.path);
    CHECK_INT(rename(scratch_file(&dir, "state.db"), other), 0);
    CHECK_INT(symlink(other, scratch_file(&dir, "state.db")), 0);
    CHECK_INT(cache_state_open(dir.path, &s), -EIO);
    CHECK_INT(unlink(dir.file), 0);
    int fd = open(scratch_file(&dir, "state.db-journal"), O_CREAT | O_RDWR, 0600);
    close(fd);
    CHECK_INT(cache_state_open(dir.path, &s), -EIO);
    scratch_done(&dir);
}

static void write_until_killed(const char *path, int say)
{
    struct cache_state *s = NULL;
    if (cache_state_open(path, &s) != 0)
        _exit(1);
    for (int i = 1;; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        if (put(s, "c-1", "b", text, text) != 0 || write(say, &i, sizeof i) != (ssize_t)sizeof i)
            _exit(2);
    }
}

static void killed_writers_lose_nothing(void)
{
    struct scratch dir;
    scratch_init(&dir);
    const char *rounds = getenv("CTFS_TEST_KILLS");
    for (int i = 0; i < (rounds ? atoi(rounds) : 50); i++) {
        int say[2], said = 0, status;
        CHECK_INT(pipe(say), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(dir.path, say[1]);
        close(say[1]);
        usleep((useconds_t)(3000 + i * 397 % 20000));
        kill(child, SIGKILL);
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status));
        while (read(say[0], &said, sizeof said) == (ssize_t)sizeof said)
            continue;
        close(say[0]);
        struct cache_state *s = open_at(dir.path);
        struct cache_connection c = {0};
        errint r = cache_state_get(s, "c-1", &c);
        CHECK(r == 0 || (r == -ENOENT && said == 0));
        if (r == 0) {
            CHECK(said == 0 || atoi(c.name) >= said);
            CHECK_STR(c.name, c.external_id);
            cache_connection_done(&c);
        }
        cache_state_close(s);
    }
    scratch_done(&dir);
}

static void two_processes_write_at_once(void)
{
    struct scratch dir;
    scratch_init(&dir);
    pid_t children[2];
    for (int n = 0; n < 2; n++) {
        children[n] = fork();
        if (children[n])
            continue;
        struct cache_state *s = NULL;
        errint r = cache_state_open(dir.path, &s);
        for (int i = 0; r == 0 && i < 25; i++) {
            char handle[16];
            snprintf(handle, sizeof handle, "c-%d-%d", n, i);
            r = put(s, handle, handle, "", "x");
        }
        _exit(r ? 1 : 0);
    }
    for (int n = 0; n < 2; n++) {
        int status;
        CHECK_INT(waitpid(children[n], &status, 0), children[n]);
        CHECK_INT(status, 0);
    }
    struct cache_state *s = open_at(dir.path);
    struct cache_connection *rows;
    size_t count;
    CHECK_INT(cache_state_list(s, &rows, &count), 0);
    CHECK_INT(count, 50);
    for (size_t i = 0; i < count; i++)
        cache_connection_done(&rows[i]);
    free(rows);
    cache_state_close(s);
    scratch_done(&dir);
}

static int commit_slowly(void *arg)
{
    (void)arg;
    usleep(50000);
    return 0;
}

/* As a slow disk makes it: the file is locked nearly all the time. */
static void write_slowly_until_killed(const char *path, int say)
{
    struct cache_state *s = NULL;
    if (cache_state_open(path, &s) != 0)
        _exit(1);
    (void)sqlite3_commit_hook(cache_db_handle(s->db), commit_slowly, NULL);
    for (int i = 0;; i++) {
        if (put(s, "c-1", "b1", "", "x") != 0 || (i == 0 && write(say, "", 1) != 1))
            _exit(2);
    }
}

static void a_writer_that_goes_on_leaves_others_their_turn(void)
{
    struct scratch dir;
    int say[2], status;
    char byte;
    scratch_init(&dir);
    CHECK_INT(pipe(say), 0);
    pid_t child = fork();
    if (child == 0)
        write_slowly_until_killed(dir.path, say[1]);
    close(say[1]);
    CHECK_INT(read(say[0], &byte, 1), 1);
    close(say[0]);
    struct cache_state *s = NULL;
    CHECK_INT(cache_state_open(dir.path, &s), 0);
    for (int i = 0; s && i < 5; i++) {
        struct cache_connection c = {0};
        CHECK_INT(put(s, "c-2", "b2", "", "x"), 0);
        CHECK_INT(cache_state_get(s, "c-1", &c), 0);
        cache_connection_done(&c);
    }
    kill(child, SIGKILL);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status));
    cache_state_close(s);
    scratch_done(&dir);
}

/* The name of the one row that a look sees, and how long it took. */
static const char *look(struct cache_state *s, int64_t *ret_ms)
{
    static char name[64];
    struct cache_connection *rows = NULL;
    size_t count = 0;
    int64_t begun_ns = clock_monotonic_ns();
    CHECK_INT(cache_state_look(s, &rows, &count), 0);
    *ret_ms = (clock_monotonic_ns() - begun_ns) / CLOCK_NS_PER_MS;
    CHECK_INT(count, 1);
    (void)snprintf(name, sizeof name, "%s", count ? rows[0].name : "");
    for (size_t i = 0; i < count; i++)
        cache_connection_done(&rows[i]);
    free(rows);
    return name;
}

/* A process stopped amid its commit holds the file for as long as it likes. */
static void a_look_does_not_wait_for_a_writer(void)
{
    struct scratch dir;
    sqlite3 *other = NULL;
    int64_t ms = 0;
    scratch_init(&dir);
    struct cache_state *s = open_at(dir.path);
    CHECK_INT(put(s, "c-1", "b1", "one", "x"), 0);
    CHECK_STR(look(s, &ms), "one");
    CHECK_INT(put(s, "c-1", "b1", "two", "x"), 0); /* nobody looked since */
    CHECK_INT(sqlite3_open(scratch_file(&dir, "state.db"), &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    CHECK_STR(look(s, &ms), "two");
    CHECK(ms < CACHE_DB_BUSY_MS / 2);
    CHECK_INT(sqlite3_exec(other, "UPDATE connection SET name = 'x'; ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_close(other), SQLITE_OK);
    struct cache_state *b = open_at(dir.path);
    CHECK_INT(put(b, "c-1", "b1", "three", "x"), 0);
    CHECK_STR(look(s, &ms), "three");
    cache_state_close(b);
    cache_state_close(s);
    scratch_done(&dir);
}

static atomic_bool wall_is_ahead;

/* This program's wall clock can be set: an hour ahead of the kernel's. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r = (int)syscall(SYS_clock_gettime, clock, ret);
    if (r == 0 && clock == CLOCK_REALTIME && atomic_load(&wall_is_ahead))
        ret->tv_sec += 3600;
    return r;
}

static void *write_row(void *s)
{
    (void)put(s, "c-1", "b1", "two", "x"); /* tries for CACHE_DB_BUSY_MS */
    return NULL;
}

/* As a machine does that was put right between reading its clock and waiting. */
static void a_look_lasts_as_long_whatever_the_wall_clock_says(void)
{
    struct scratch dir;
    sqlite3 *other = NULL;
    int64_t ms = 0, version = 0;
    pthread_t writer;
    scratch_init(&dir);
    struct cache_state *s = open_at(dir.path);
    CHECK_INT(put(s, "c-1", "b1", "one", "x"), 0);
    CHECK_INT(sqlite3_open(scratch_file(&dir, "state.db"), &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(pthread_create(&writer, NULL, write_row, s), 0);
    while (cache_state_take(s, 0)) { /* the writer is not there yet */
        cache_state_leave(s);
        (void)sched_yield();
    }
    atomic_store(&wall_is_ahead, true);
    CHECK_STR(look(s, &ms), "one");
    CHECK(ms < CACHE_DB_BUSY_MS / 2);
    CHECK_INT(cache_state_version(s, &version), 0);
    atomic_store(&wall_is_ahead, false);
    CHECK_INT(sqlite3_close(other), SQLITE_OK);
    CHECK_INT(pthread_join(writer, NULL), 0);
    cache_state_close(s);
    scratch_done(&dir);
}

static const struct unit_test tests[] = {
    {"rows_are_kept_and_unique", rows_are_kept_and_unique},
    {"the_version_moves", the_version_moves_for_own_and_others_writes},
    {"a_lock_excludes", a_lock_excludes_and_ends_with_its_process},
    {"an_unsound_file_is_refused_and_left", an_unsound_file_is_refused_and_left},
    {"a_migration_leaves_a_backup", a_migration_leaves_a_backup_and_a_newer_version_is_refused},
    {"a_migration_that_fails_changes_nothing", a_migration_that_fails_changes_nothing},
    {"a_changed_row_is_refused", a_changed_row_is_refused},
    {"unsafe_places_are_refused", unsafe_places_are_refused},
    {"killed_writers_lose_nothing", killed_writers_lose_nothing},
    {"two_processes_write_at_once", two_processes_write_at_once},
    {"a_writer_that_goes_on_leaves_others_their_turn", a_writer_that_goes_on_leaves_others_their_turn},
    {"a_look_does_not_wait_for_a_writer", a_look_does_not_wait_for_a_writer},
    {"a_look_lasts_as_long_whatever_the_wall_clock_says", a_look_lasts_as_long_whatever_the_wall_clock_says},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
