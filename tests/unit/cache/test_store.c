/* cache.db: listings change whole, facts stay, and no state of the file or the disk is an error to a reader. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cache/store.h"
#include "tests/lib/scratch.h"
#include "tests/lib/unit.h"

#define COUNT 10000

static struct cache_store *open_at(const char *path)
{
    struct cache_store *s = NULL;
    CHECK_INT(cache_store_open(path, &s), 0);
    if (!s)
        abort();
    return s;
}

static errint put_one(struct cache_store *s, const char *scope, const char *id, const char *body, int64_t now_ns)
{
    struct cache_item item = {.id = id, .body = body, .body_len = strlen(body)};
    return cache_store_replace(s, scope, &item, 1, now_ns);
}

static void check_item(struct cache_store *s, const char *scope, const char *id, const char *body, int64_t changed_ns)
{
    struct buf b cleanup_buf = BUF_INIT;
    int64_t changed = -1;
    CHECK_INT(cache_store_get(s, scope, id, &b, &changed), 0);
    CHECK_STR(buf_text(&b), body);
    CHECK_INT(changed, changed_ns);
}

static void a_listing_changes_whole(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = open_at(dir.path);
    struct cache_listing l;
    CHECK_INT(cache_store_listing(s, "c/accounts", &l), -ENOENT);
    struct cache_item items[] = {{"b", "2", 1, 0}, {"a", "1", 1, 0}, {"b", "3", 1, 0}};
    CHECK_INT(cache_store_replace(s, "c/accounts", items, 3, 100), 0);
    CHECK_INT(cache_store_listing(s, "c/accounts", &l), 0);
    CHECK_INT(l.count, 2);
    CHECK_INT(l.changed_ns, 100);
    check_item(s, "c/accounts", "b", "3", 100);
    items[0].body = "3";
    CHECK_INT(cache_store_replace(s, "c/accounts", items, 2, 200), 0);
    CHECK_INT(cache_store_listing(s, "c/accounts", &l), 0);
    CHECK_INT(l.fetched_ns, 200);
    CHECK_INT(l.changed_ns, 100);
    items[1].body = "9";
    CHECK_INT(cache_store_replace(s, "c/accounts", &items[1], 1, 300), 0);
    check_item(s, "c/accounts", "a", "9", 300);
    struct buf b cleanup_buf = BUF_INIT;
    CHECK_INT(cache_store_get(s, "c/accounts", "b", &b, NULL), -ENOENT);
    CHECK_INT(cache_store_forget(s, "c/"), 0);
    CHECK_INT(cache_store_listing(s, "c/accounts", &l), -ENOENT);
    cache_store_close(s);
    scratch_done(&dir);
}

struct walk {
    struct cache_store *store;
    char last[16];
    size_t count;
    bool ordered;
};

static int see_item(void *arg, const struct cache_item *item)
{
    struct walk *w = arg;
    w->ordered = w->ordered && strcmp(w->last, item->id) < 0;
    snprintf(w->last, sizeof w->last, "%s", item->id);
    if (w->count++ % 1000 == 0)
        check_item(w->store, "many", item->id, item->body, item->changed_ns);
    return 0;
}

static void ten_thousand_items(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = open_at(dir.path);
    static char ids[COUNT][16], bodies[COUNT][400];
    static struct cache_item items[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(ids[i], sizeof ids[i], "%012d", (i * 7919) % COUNT);
        memset(bodies[i], 'x', sizeof bodies[i] - 1);
        items[i] = (struct cache_item){.id = ids[i], .body = bodies[i], .body_len = sizeof bodies[i]};
    }
    int64_t begin = clock_monotonic_ns();
    CHECK_INT(cache_store_replace(s, "many", items, COUNT, 1), 0);
    CHECK_INT(cache_store_replace(s, "many", items, COUNT, 2), 0);
    printf("two replacements of %d items: %lld ms\n", COUNT, (long long)((clock_monotonic_ns() - begin) / 1000000));
    struct walk w = {.store = s, .ordered = true};
    CHECK_INT(cache_store_each(s, "many", see_item, &w), 0);
    CHECK_INT(w.count, COUNT);
    CHECK(w.ordered);
    cache_store_close(s);
    scratch_done(&dir);
}

static void what_nobody_looks_at_is_forgotten(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = open_at(dir.path);
    struct hash128 a = {1, 2};
    int64_t t, day_ns = 86400 * INT64_C(1000000000), now_ns = clock_wall_ns(), old_ns = now_ns - 500 * day_ns;
    CHECK_INT(cache_store_seen(s, 1, a, 0, old_ns, &t), 0);
    CHECK_INT(cache_store_seen(s, 2, a, 0, old_ns, &t), 0);
    CHECK_INT(cache_store_seen(s, 2, a, 0, now_ns - 300 * day_ns, &t), 0); /* a look keeps it */
    CHECK_INT(t, old_ns);
    cache_store_close(s);
    s = open_at(dir.path);
    CHECK_INT(cache_store_seen(s, 1, a, 0, now_ns, &t), 0);
    CHECK_INT(t, now_ns);
    CHECK_INT(cache_store_seen(s, 2, a, 0, now_ns, &t), 0);
    CHECK_INT(t, old_ns);
    cache_store_close(s);
    scratch_done(&dir);
}

static void a_folder_keeps_the_time_at_which_it_was_shown(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = open_at(dir.path);
    int64_t t, second = 1000000000, base = clock_wall_ns() / second * second;
    CHECK_INT(cache_store_dated(s, 7, 0, base + 50 * second, &t), 0);
    CHECK_INT(t, base + 50 * second);
    CHECK_INT(cache_store_dated(s, 7, 0, base + 60 * second, &t), 0);
    CHECK_INT(t, base + 50 * second);
    CHECK_INT(cache_store_dated(s, 7, base + 70 * second, base + 80 * second, &t), 0); /* now its names are known */
    CHECK_INT(t, base + 50 * second);
    cache_store_close(s);
    s = open_at(dir.path);
    CHECK_INT(cache_store_dated(s, 7, base + 70 * second, base + 90 * second, &t), 0);
    CHECK_INT(t, base + 50 * second);
    CHECK_INT(cache_store_dated(s, 7, base + 95 * second, base + 99 * second, &t), 0); /* they changed */
    CHECK_INT(t, base + 95 * second);
    CHECK_INT(cache_store_dated(s, 7, base + 20 * second, base + 99 * second, &t),
              0); /* by AWS's time, which is older */
    CHECK_INT(t, base + 95 * second + 1);
    CHECK_INT(cache_store_dated(s, 8, base + 20 * second, base + 99 * second, &t),
              0); /* known when it was first shown */
    CHECK_INT(t, base + 20 * second);
    cache_store_close(s);
    scratch_done(&dir);
}

static void seen_facts_and_marks(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = open_at(dir.path);
    struct hash128 a = {1, 2}, b = {3, 4};
    int64_t t;
    CHECK_INT(cache_store_seen(s, UINT64_MAX, a, 0, 1000, &t), 0);
    CHECK_INT(t, 1000);
    CHECK_INT(cache_store_seen(s, UINT64_MAX, a, 0, 2000, &t), 0);
    CHECK_INT(t, 1000);
    CHECK_INT(cache_store_seen(s, UINT64_MAX, b, 0, 500, &t), 0);
    CHECK_INT(t, 1001);
    CHECK_INT(cache_store_seen(s, 7, a, 5000, 500, &t), 0);
    CHECK_INT(t, 5000);
    /* Tools that compare whole seconds tell the two apart; what changes often does not run ahead of the clock. */
    CHECK_INT(cache_store_seen(s, 7, b, 0, 6000, &t), 0);
    CHECK_INT(t, 1000000000);
    CHECK_INT(cache_store_seen(s, 7, a, 0, 7000, &t), 0);
    CHECK_INT(t, 1000000001);
    CHECK_INT(cache_store_seen(s, 7, b, 0, 3500000000, &t), 0);
    CHECK_INT(t, 3500000000);
    struct cache_fact f = {.declared_bytes = 10, .verified_bytes = -1, .header_bytes = 4, .header = (char[]){"a,b"}};
    CHECK_INT(cache_store_fact(s, "k", &f), -ENOENT);
    CHECK_INT(cache_store_fact_put(s, "k", &f), 0);
    CHECK_INT(cache_store_mark_put(s, "m", "v"), 0);
    cache_store_close(s);
    s = open_at(dir.path);
    CHECK_INT(cache_store_fact(s, "k", &f), 0);
    CHECK_INT(f.declared_bytes, 10);
    CHECK_INT(f.verified_bytes, -1);
    CHECK_STR(f.header, "a,b");
    cache_fact_done(&f);
    struct buf v cleanup_buf = BUF_INIT;
    CHECK_INT(cache_store_mark(s, "m", &v), 0);
    CHECK_STR(buf_text(&v), "v");
    CHECK_INT(cache_store_mark_put(s, "m", NULL), 0);
    CHECK_INT(cache_store_mark(s, "m", &v), -ENOENT);
    CHECK_INT(cache_store_fact_forget(s, "k"), 0);
    CHECK_INT(cache_store_fact(s, "k", &f), -ENOENT);
    static const char *const names[] = {"c", "c/", "c/x", "c/x/y", "c0", "d/c/", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        f = (struct cache_fact){.declared_bytes = 1};
        CHECK_INT(cache_store_fact_put(s, names[i], &f), 0);
        CHECK_INT(cache_store_mark_put(s, names[i], "v"), 0);
    }
    CHECK_INT(cache_store_forget(s, "c/"), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        errint want = strncmp(names[i], "c/", 2) == 0 ? -ENOENT : 0;
        CHECK_INT(cache_store_fact(s, names[i], &f), want);
        CHECK_INT(cache_store_mark(s, names[i], &v), want);
    }
    cache_store_close(s);
    scratch_done(&dir);
}

static void spoil(struct scratch *dir, int how)
{
    const char *path = scratch_file(dir, "cache.db");
    int fd = how == 1 ? -1 : open(path, O_RDWR);
    switch (how) {
    case 0:
        CHECK_INT(ftruncate(fd, 0), 0);
        break;
    case 1:
        CHECK_INT(unlink(path), 0);
        CHECK_INT(mkdir(path, 0700), 0);
        break;
    case 2:
        CHECK_INT(pwrite(fd, "not a database", 14, 0), 14);
        break;
    case 3:
        CHECK_INT(pwrite(fd, "\x7f\xff\xff\xff", 4, 60), 4); /* user_version */
        break;
    case 4:
        CHECK_INT(pwrite(fd, "\x01\x01\x01\x01", 4, 68), 4); /* application_id */
        break;
    default:
        CHECK_INT(ftruncate(fd, 4096 * (how - 4)), 0);
    }
    if (fd >= 0)
        close(fd);
}

static void a_bad_file_is_set_aside(void)
{
    for (int how = 0; how < 9; how++) {
        struct scratch dir;
        scratch_init(&dir);
        struct cache_store *s = open_at(dir.path);
        CHECK_INT(put_one(s, "s", "a", "body", 1), 0);
        cache_store_close(s);
        spoil(&dir, how);
        s = open_at(dir.path);
        if (how > 0)
            CHECK(strstr(cache_store_notice(s), "cache.db.bad-") != NULL);
        CHECK_INT(put_one(s, "s", "a", "new", 2), 0);
        check_item(s, "s", "a", "new", 2);
        CHECK_INT(cache_store_dropped(s), 0);
        cache_store_close(s);
        scratch_done(&dir);
    }
}

/* Each byte in turn: what is read is right or absent, and the store goes on. */
static void a_flipped_byte_is_never_believed(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = open_at(dir.path);
    CHECK_INT(put_one(s, "scope", "id", "the body of the item", 1), 0);
    cache_store_close(s);
    int fd = open(scratch_file(&dir, "cache.db"), O_RDONLY);
    size_t len = (size_t)lseek(fd, 0, SEEK_END);
    char *whole = malloc(len);
    CHECK_INT(pread(fd, whole, len, 0), len);
    close(fd);
    for (size_t at = 0; at < len; at += at < 120 ? 1 : 211) {
        fd = open(scratch_file(&dir, "cache.db"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        CHECK_INT(pwrite(fd, whole, len, 0), len);
        char flipped = (char)(whole[at] ^ 0x41);
        CHECK_INT(pwrite(fd, &flipped, 1, (off_t)at), 1);
        close(fd);
        s = open_at(dir.path);
        struct buf b cleanup_buf = BUF_INIT;
        errint r = cache_store_get(s, "scope", "id", &b, NULL);
        CHECK(r == -ENOENT || (r == 0 && strcmp(buf_text(&b), "the body of the item") == 0));
        CHECK_INT(put_one(s, "scope", "id", "new", 2), 0);
        cache_store_close(s);
    }
    free(whole);
    scratch_done(&dir);
}

static void a_second_one_is_private(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *a = open_at(dir.path), *b = open_at(dir.path);
    CHECK(!cache_store_private(a));
    CHECK(cache_store_private(b));
    CHECK_STR(cache_store_notice(b), ""); /* it works */
    CHECK_INT(put_one(b, "s", "a", "b's", 1), 0);
    struct buf body cleanup_buf = BUF_INIT;
    CHECK_INT(cache_store_get(a, "s", "a", &body, NULL), -ENOENT);
    char *private_dir cleanup_free = strdup(cache_store_dir(b));
    cache_store_close(b);
    CHECK_INT(access(private_dir, F_OK), -1);
    cache_store_close(a);
    scratch_done(&dir);
}

static void others_may_not_write_the_folder(void)
{
    struct scratch dir;
    scratch_init(&dir);
    struct cache_store *s = NULL;
    CHECK_INT(chmod(dir.path, 0777), 0);
    CHECK_INT(cache_store_open(dir.path, &s), -EACCES);
    CHECK_INT(chmod(dir.path, 0700), 0);
    s = open_at(dir.path);
    struct stat st;
    CHECK_INT(stat(scratch_file(&dir, "cache.db"), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    cache_store_close(s);
    scratch_done(&dir);
}

static void a_full_disk_is_no_error(void)
{
    struct scratch dir;
    scratch_init(&dir);
    CHECK_INT(mount("tmpfs", dir.path, "tmpfs", 0, "size=1m,mode=0700"), 0);
    struct cache_store *s = open_at(dir.path);
    static char body[100000];
    memset(body, 'x', sizeof body - 1);
    CHECK_INT(put_one(s, "first", "id", "1", 1), 0);
    for (int i = 0; i < 20; i++) {
        char scope[16];
        snprintf(scope, sizeof scope, "s%d", i);
        CHECK_INT(put_one(s, scope, "id", body, 1), 0);
        check_item(s, scope, "id", body, 1);
    }
    check_item(s, "first", "id", "1", 1);
    CHECK(cache_store_dropped(s) > 0);
    CHECK(strstr(cache_store_notice(s), "memory") != NULL);
    cache_store_close(s);
    CHECK_INT(mount("", dir.path, "", MS_REMOUNT | MS_RDONLY, ""), 0);
    s = open_at(dir.path);
    CHECK_INT(put_one(s, "s", "id", "b", 1), 0);
    check_item(s, "s", "id", "b", 1);
    cache_store_close(s);
    CHECK_INT(umount2(dir.path, MNT_DETACH), 0);
    scratch_done(&dir);
}

static void write_until_killed(const char *path)
{
    struct cache_store *s = NULL;
    if (cache_store_open(path, &s) != 0 || cache_store_private(s))
        _exit(1);
    char body[32];
    for (int i = 1;; i++) {
        snprintf(body, sizeof body, "%d", i);
        struct cache_item items[] = {{"a", body, strlen(body), 0}, {"b", body, strlen(body), 0}};
        if (cache_store_replace(s, "pair", items, 2, i) != 0)
            _exit(2);
    }
}

static void killed_writers_leave_whole_listings(void)
{
    struct scratch dir;
    scratch_init(&dir);
    const char *rounds = getenv("CTFS_TEST_KILLS");
    bool written = false;
    for (int i = 0; i < (rounds ? atoi(rounds) : 50); i++) {
        pid_t child = fork();
        if (child == 0)
            write_until_killed(dir.path);
        usleep((useconds_t)(5000 + i * 397 % 20000));
        kill(child, SIGKILL);
        int status = 0;
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status));
        struct cache_store *s = open_at(dir.path);
        CHECK_STR(cache_store_notice(s), "");
        struct buf a cleanup_buf = BUF_INIT, b cleanup_buf = BUF_INIT;
        errint r = cache_store_get(s, "pair", "a", &a, NULL);
        CHECK(r == 0 || (r == -ENOENT && !written));
        written = r == 0;
        if (r == 0)
            CHECK_INT(cache_store_get(s, "pair", "b", &b, NULL), 0);
        CHECK_STR(buf_text(&a), buf_text(&b));
        cache_store_close(s);
    }
    scratch_done(&dir);
}

static const struct unit_test tests[] = {
    {"a_listing_changes_whole", a_listing_changes_whole},
    {"ten_thousand_items", ten_thousand_items},
    {"what_nobody_looks_at_is_forgotten", what_nobody_looks_at_is_forgotten},
    {"a_folder_keeps_the_time_at_which_it_was_shown", a_folder_keeps_the_time_at_which_it_was_shown},
    {"seen_facts_and_marks", seen_facts_and_marks},
    {"a_bad_file_is_set_aside", a_bad_file_is_set_aside},
    {"a_flipped_byte_is_never_believed", a_flipped_byte_is_never_believed},
    {"a_second_one_is_private", a_second_one_is_private},
    {"others_may_not_write_the_folder", others_may_not_write_the_folder},
    {"a_full_disk_is_no_error", a_full_disk_is_no_error},
    {"killed_writers_leave_whole_listings", killed_writers_leave_whole_listings},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
