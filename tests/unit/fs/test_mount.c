/* The mount itself, over the fake model: a child process mounts, this one is its user.
 *
 * Times are asserted only where a figure is promised: 100 ms beside stuck readers and for an interrupt, 2 s for an end. Each
 * is a promise to who has the machine to himself, and is asserted beside a control of the same moment.
 */
#include "../../lib/busy.h"
#include "../../lib/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_model.h"
#include "fs/kind.h"
#include "fs/mount.h"
#include "fs/mountpoint.h"

#ifdef __SANITIZE_ADDRESS__
#define RESIDENT_MAX_MIB 4096 /* the sanitizer's own */
#elif defined(__SANITIZE_THREAD__)
#define RESIDENT_MAX_MIB 4096
#else
#define RESIDENT_MAX_MIB 128
#endif

#define PATIENCE_S 30 /* until what must come */
#define END_S 2.0     /* promised of an end */

static char root[] = "/tmp/ctfs test-mount-XXXXXX";
static pid_t child;

static const char *path_of(const char *name)
{
    static _Thread_local char path[4][512];
    static _Thread_local int turn;
    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", root, name);
    return path[turn];
}

static errint open_model(void *arg, struct model **ret)
{
    return fake_model_new(arg, ret);
}

static struct model_settings settings(void)
{
    static char state_dir[] = "/none"; /* whoever looks for a mount asks for it */
    return (struct model_settings){.state_dir = state_dir,
                                   .op_timeout_ms = 60000,
                                   .umask = 077,
                                   .uid = getuid(),
                                   .gid = getgid(),
                                   .log_level = LOG_LEVEL_ERROR};
}

static struct fs_mount_setup setup_of(const struct model_settings *s, bool foreground)
{
    return (struct fs_mount_setup){.mountpoint = root,
                                   .settings = s,
                                   .foreground = foreground,
                                   .open_model = open_model,
                                   .arg = (void *)(uintptr_t)s};
}

static void reset_fake(void)
{
    memset(fake, 0, sizeof *fake);
    fake->account_count = 3;
    fake->version = 1;
}

static bool is_mounted(void)
{
    struct fs_mountpoint at;
    return fs_mountpoint_find(root, &at) == 0;
}

static double seconds(void)
{
    return (double)clock_monotonic_ns() / 1e9;
}

static void begin_with(const struct model_settings *s)
{
    reset_fake();
    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct fs_mount_setup setup = setup_of(s, true);
        errint e = fs_mount_run(&setup);
        if (e)
            fprintf(stderr, "mount: %s\n", err_message());
        exit(e ? 1 : 0);
    }
    struct stat s_root;
    double until = seconds() + PATIENCE_S;
    while (stat(path_of("README"), &s_root) < 0 && seconds() < until)
        usleep(5000);
    CHECK(is_mounted());
}

static void begin(void)
{
    struct model_settings s = settings();
    begin_with(&s);
}

/* What the mount's process counts up to. */
static void await_count(const atomic_int *count, int least)
{
    double until = seconds() + PATIENCE_S;
    while (*count < least && seconds() < until)
        usleep(1000);
    CHECK(*count >= least);
}

/* The mount's process ends, in time after BEGAN; its status. */
static int await_end(double began, struct busy *busy)
{
    int status = -1;
    CHECK_INT(waitpid(child, &status, 0), child);
    double took = seconds() - began, slower = busy_end(busy);
    if (took > END_S * slower)
        fprintf(stderr, "the end took %.2f s, on a machine that was %.1f times slower\n", took, slower);
    CHECK(took <= END_S * slower);
    return status;
}

static void end(void)
{
    struct busy busy;
    busy_begin(&busy);
    double began = seconds();
    kill(child, SIGTERM);
    int status = await_end(began, &busy);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    CHECK(!is_mounted());
}

/* The file's text, or "errno NAME". */
static const char *text_of(const char *name)
{
    static char text[65536];
    int fd = open(path_of(name), O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n < 0)
        (void)snprintf(text, sizeof text, "errno %s", err_name(errno));
    else
        text[n] = '\0';
    if (fd >= 0)
        close(fd);
    return text;
}

static uint64_t ino_of(const char *name)
{
    struct stat s = {0};
    CHECK_INT(lstat(path_of(name), &s), 0);
    return s.st_ino;
}

static const char *link_of(const char *name)
{
    static char target[256];
    ssize_t n = readlink(path_of(name), target, sizeof target - 1);
    target[n < 0 ? 0 : n] = '\0';
    return target;
}

/* "name/ name@ name " in order; '?' where d_type is unknown. */
static const char *names_of(const char *name)
{
    static char all[4096];
    struct dirent **list;
    int n = scandir(path_of(name), &list, NULL, alphasort);
    all[0] = '\0';
    if (n < 0)
        (void)snprintf(all, sizeof all, "errno %s", err_name(errno));
    for (int i = 0; i < n; i++) {
        const char *mark = list[i]->d_type == DT_DIR   ? "/"
                           : list[i]->d_type == DT_LNK ? "@"
                           : list[i]->d_type == DT_REG ? ""
                                                       : "?";
        if (list[i]->d_name[0] != '.')
            (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s ", list[i]->d_name, mark);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return all;
}

static void test_tree(void)
{
    begin();
    CHECK_STR(names_of("."),
              "README accounts/ accounts.tsv connect cur/ organization/ policies/ raw/ resources/ status "
              "status.json ");
    CHECK_STR(names_of("accounts"), "000000000001/ 000000000002/ 000000000003/ ");
    CHECK_STR(names_of("accounts/000000000002"), "account.json email joined name parent state tags.json ");
    CHECK_STR(text_of("accounts/000000000002/name"), "account1\n");
    CHECK_STR(names_of("organization"), "Root/ by-name/ organization.json ");
    CHECK_STR(names_of("organization/Root/Prod"), "account0@ account1@ account2@ ");
    CHECK_STR(link_of("organization/Root/Prod/account1"), "../../../accounts/000000000002");
    CHECK_STR(text_of("organization/Root/Prod/account1/name"), "account1\n");
    CHECK_STR(link_of("organization/by-name/account2"), "../../accounts/000000000003");
    CHECK_STR(text_of("organization/by-name/account2/name"), "account2\n");
    CHECK_STR(names_of("cur"), "2026-10/ 2026-11/ latest@ previous@ reports.json ");
    CHECK_STR(link_of("cur/latest"), "2026-11");
    CHECK_STR(names_of("cur/latest/"), "columns.tsv manifest.json month.json report.csv ");
    CHECK_STR(names_of("raw/2026-11"), "m.json r.csv.gz ");
    CHECK_STR(text_of("raw/2026-11/m.json"), "{}\n");
    CHECK_STR(names_of("views/2026-11/parts"), "r.csv ");
    CHECK_STR(names_of("views"), "2026-10/ 2026-11/ CACHEDIR.TAG ");
    CHECK_STR(names_of("resources/ec2/000000000001"), "eu-west-1/ us-east-1/ ");
    CHECK_STR(names_of("resources/ec2/000000000001/eu-west-1"), "");
    CHECK_STR(text_of("resources/ec2/000000000001/us-east-1/i-1/type"), "instance 2\n");
    CHECK_STR(text_of("policies/trust-policy.json"), "trust-policy.json\n");
    CHECK_STR(text_of("accounts/000000000009/name"), "errno ENOENT");
    CHECK_STR(text_of("nothing"), "errno ENOENT");
    char name[300];
    memset(name, 'n', 256);
    name[256] = '\0';
    CHECK_STR(text_of(name), "errno ENAMETOOLONG");
    end();
}

static void test_attributes(void)
{
    struct stat s;
    int refused = geteuid() == 0 ? EROFS : EACCES; /* others do not get past the mode */
    begin();
    CHECK_INT(stat(path_of("cur/2026-11/report.csv"), &s), 0);
    CHECK_INT(s.st_mode, S_IFREG | 0400);
    CHECK_INT(s.st_size, FAKE_REPORT_BYTES);
    CHECK_INT(s.st_blocks, (FAKE_REPORT_BYTES + 511) / 512);
    CHECK_INT(s.st_mtime, 1700000005);
    CHECK_INT(s.st_ctime, s.st_mtime);
    CHECK_INT(stat(path_of("accounts"), &s), 0);
    CHECK_INT(s.st_mode, S_IFDIR | 0500);
    CHECK_INT(s.st_mtime, 1700000001);
    CHECK_INT(stat(path_of("connect"), &s), 0);
    CHECK_INT(s.st_mode, S_IFREG | 0600);
    char value[128] = "";
    CHECK_INT(listxattr(path_of("cur/2026-11/report.csv"), value, sizeof value), 0);
    CHECK_INT(getxattr(path_of("cur/2026-11/report.csv"), "user.ctfs.s3_uri", value, sizeof value), 24);
    CHECK_STR(value, "s3://bucket/cur/r.csv.gz");
    memset(value, 0, sizeof value);
    CHECK(getxattr(path_of("cur/2026-11/report.csv"), "user.ctfs.size", value, sizeof value) > 0);
    CHECK_STR(value, "declared");
    CHECK_INT(getxattr(path_of("cur/2026-11/report.csv"), "user.other", value, sizeof value), -1);
    CHECK_INT(errno, ENODATA);
    CHECK_INT(open(path_of("README"), O_WRONLY), -1);
    CHECK_INT(errno, refused);
    CHECK_INT(open(path_of("new"), O_WRONLY | O_CREAT, 0600), -1);
    CHECK_INT(errno, refused);
    CHECK_INT(mkdir(path_of("new"), 0700), -1);
    CHECK_INT(errno, refused);
    CHECK_INT(unlink(path_of("README")), -1);
    CHECK_INT(errno, refused);
    CHECK_INT(chmod(path_of("README"), 0777), -1);
    CHECK_INT(errno, refused);
    struct statvfs v;
    CHECK_INT(statvfs(root, &v), 0);
    CHECK_INT(v.f_namemax, 255);
    end();
}

/* Reads [OFF, OFF+LEN) of the open report and compares. */
static bool right_bytes(int fd, int version, uint64_t off, size_t len)
{
    char *bytes = malloc(len);
    uint64_t left = off < FAKE_REPORT_BYTES ? FAKE_REPORT_BYTES - off : 0;
    size_t want = left < len ? (size_t)left : len, got = 0;
    ssize_t n;
    while (got < len && (n = pread(fd, bytes + got, len - got, (off_t)(off + got))) > 0)
        got += (size_t)n;
    bool right = got == want;
    for (size_t i = 0; right && i < got; i++)
        right = bytes[i] == fake_byte(version, off + i);
    free(bytes);
    return right;
}

static void test_reading(void)
{
    begin();
    int fd = open(path_of("cur/2026-11/report.csv"), O_RDONLY);
    CHECK(right_bytes(fd, 1, 0, FAKE_REPORT_BYTES + 10));
    CHECK(right_bytes(fd, 1, 1234567, 100));
    CHECK(right_bytes(fd, 1, FAKE_REPORT_BYTES - 10, 100));
    CHECK(right_bytes(fd, 1, FAKE_REPORT_BYTES + 10, 100));
    char *map = mmap(NULL, FAKE_REPORT_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED && map[2000000] == fake_byte(1, 2000000));
    munmap(map, FAKE_REPORT_BYTES);
    close(fd);
    end();
}

/* An open file keeps its bytes, a new open has the new ones, st_ino stays. */
static void test_versions(void)
{
    begin();
    uint64_t ino = ino_of("cur/2026-11/report.csv");
    int old = open(path_of("cur/2026-11/report.csv"), O_RDONLY);
    CHECK(right_bytes(old, 1, 0, 1000));
    fake->version = 2;
    int new = open(path_of("cur/2026-11/report.csv"), O_RDONLY);
    CHECK(right_bytes(old, 1, 0, FAKE_REPORT_BYTES));
    CHECK(right_bytes(new, 2, 0, FAKE_REPORT_BYTES));
    CHECK_INT(ino_of("cur/2026-11/report.csv"), ino);
    close(old);
    close(new);

    struct stat before, after;
    CHECK_INT(stat(path_of("accounts/000000000001/name"), &before), 0);
    old = open(path_of("accounts/000000000001/name"), O_RDONLY);
    fake->renamed = 1;
    CHECK_STR(text_of("accounts/000000000001/name"), "renamed0\n");
    CHECK_INT(stat(path_of("accounts/000000000001/name"), &after), 0);
    CHECK_INT(after.st_ino, before.st_ino);
    CHECK(after.st_mtim.tv_sec > before.st_mtim.tv_sec || after.st_mtim.tv_nsec > before.st_mtim.tv_nsec);
    char text[32] = "";
    CHECK_INT(pread(old, text, 31, 0), 9);
    CHECK_STR(text, "account0\n");
    close(old);
    end();
}

static void test_status_is_a_snapshot(void)
{
    struct stat before, after;
    begin();
    int fd = open(path_of("status"), O_RDONLY);
    char first[64] = "", again[64] = "";
    CHECK(pread(fd, first, 63, 0) > 0);
    CHECK_INT(fstat(fd, &before), 0);
    CHECK(strcmp(text_of("status"), first) != 0);
    CHECK(pread(fd, again, 63, 0) > 0);
    CHECK_STR(again, first);
    CHECK_INT(stat(path_of("status"), &after), 0);
    CHECK_INT(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    fake->state = 1;
    CHECK_INT(stat(path_of("status"), &after), 0);
    CHECK(after.st_mtim.tv_nsec != before.st_mtim.tv_nsec || after.st_mtim.tv_sec != before.st_mtim.tv_sec);
    CHECK_INT(after.st_ino, before.st_ino);
    close(fd);
    end();
}

/* The failure of a wrong size lasts for who had it open, also by another descriptor; the next open is right. */
static void test_wrong_size_fails_once(void)
{
    begin();
    fake->size_wrong = 1;
    struct stat s;
    CHECK_INT(stat(path_of("cur/2026-11/report.csv"), &s), 0);
    CHECK_INT(s.st_size, FAKE_REPORT_BYTES + FAKE_EXTRA_BYTES);
    int fd = open(path_of("cur/2026-11/report.csv"), O_RDONLY);
    static char block[65536];
    ssize_t n;
    size_t total = 0;
    while ((n = read(fd, block, sizeof block)) > 0)
        total += (size_t)n;
    CHECK_INT(n, -1);
    CHECK_INT(errno, EIO);
    CHECK(total < FAKE_REPORT_BYTES + FAKE_EXTRA_BYTES);
    CHECK_INT(pread(fd, block, 1, FAKE_REPORT_BYTES + 100), -1);
    char by_fd[64];
    (void)snprintf(by_fd, sizeof by_fd, "/proc/self/fd/%d", fd);
    int again = open(by_fd, O_RDONLY);
    CHECK(again < 0 || pread(again, block, 1, FAKE_REPORT_BYTES + 100) < 0);
    CHECK_INT(stat(path_of("cur/2026-11/report.csv"), &s), 0);
    CHECK_INT(s.st_size, FAKE_REPORT_BYTES);
    int right = open(path_of("cur/2026-11/report.csv"), O_RDONLY);
    CHECK(right_bytes(right, 1, 0, FAKE_REPORT_BYTES + 10));
    close(right);
    close(again);
    close(fd);
    end();
}

#define STUCK 256
static pthread_t stuck[STUCK];

static void *read_stuck(void *arg)
{
    char block[4096];
    int fd = open(path_of("cur/2026-11/report.csv"), O_RDONLY);
    ssize_t n = pread(fd, block, sizeof block, (off_t)((uintptr_t)arg * 8192));
    errint e = n < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return (void *)(uintptr_t)e;
}

static void begin_stuck(size_t count)
{
    fake->reads_stuck = 1;
    for (size_t i = 0; i < count; i++)
        pthread_create(&stuck[i], NULL, read_stuck, (void *)i);
    usleep(300000);
}

static int compare_doubles(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* The 99th percentile of what a list and a read of what is at hand take. */
static double time_what_is_at_hand(const char *when)
{
    double times[200];
    for (int i = 0; i < 100; i++) {
        double began = seconds();
        CHECK(names_of("accounts")[0] == '0');
        times[2 * i] = seconds() - began;
        began = seconds();
        CHECK(strncmp(text_of("status"), "ok\n", 3) == 0);
        times[2 * i + 1] = seconds() - began;
    }
    qsort(times, 200, sizeof times[0], compare_doubles);
    printf("%s: median %.2f ms, p99 %.2f ms\n", when, times[100] * 1e3, times[197] * 1e3);
    return times[197];
}

static void test_alive_beside_stuck_readers(void)
{
    begin();
    fake->version = 3;
    double alone = time_what_is_at_hand("alone");
    begin_stuck(STUCK);
    double beside = time_what_is_at_hand("beside 256 stuck readers");
    CHECK(beside <= 0.1 + 5 * alone);
    fake->reads_stuck = 0;
    for (size_t i = 0; i < STUCK; i++) {
        void *result;
        pthread_join(stuck[i], &result);
        CHECK_INT((intptr_t)result, 0);
    }
    end();
}

static volatile double handled_at;

static void handle(int signal)
{
    (void)signal;
    handled_at = seconds();
}

/* In another process: reads at OFF with a SIGINT handler; exit status 0 when the handler ran in time and read gave EINTR. */
static void read_interrupted(int ready, off_t off)
{
    char byte;
    struct sigaction act = {.sa_handler = handle};
    sigaction(SIGINT, &act, NULL);
    int fd = open(path_of("cur/2026-11/report.csv"), O_RDONLY);
    (void)!write(ready, "r", 1);
    ssize_t n = pread(fd, &byte, 1, off);
    int e = errno;
    double now = seconds();
    (void)!write(ready, &now, sizeof now);
    double at = handled_at;
    (void)!write(ready, &at, sizeof at);
    _exit(n == -1 && e == EINTR ? 0 : 1);
}

/* Until PID sleeps in that system call: a signal before that would not be what ends it. */
static void await_call(pid_t pid, long call)
{
    char path[64], want[32], text[128] = "";
    double until = seconds() + PATIENCE_S;
    (void)snprintf(path, sizeof path, "/proc/%ld/syscall", (long)pid);
    (void)snprintf(want, sizeof want, "%ld 0x", call);
    while (strncmp(text, want, strlen(want)) != 0 && seconds() < until) {
        usleep(1000);
        FILE *f = fopen(path, "r");
        if (f && !fgets(text, sizeof text, f))
            text[0] = '\0';
        if (f)
            (void)fclose(f);
    }
    CHECK(strncmp(text, want, strlen(want)) == 0);
}

static void test_interrupt(void)
{
    begin();
    fake->reads_stuck = 1;
    for (int i = 0; i < 5; i++) {
        int fds[2];
        CHECK_INT(pipe(fds), 0);
        pid_t reader = fork();
        if (reader == 0)
            read_interrupted(fds[1], i * 600000);
        char byte;
        CHECK_INT(read(fds[0], &byte, 1), 1);
        await_call(reader, SYS_pread64);
        usleep(20000); /* its request is on its way */
        struct busy busy;
        busy_begin(&busy);
        double sent = seconds(), returned = 0, ran = 0;
        kill(reader, SIGINT);
        CHECK_INT(read(fds[0], &returned, sizeof returned), sizeof returned);
        CHECK_INT(read(fds[0], &ran, sizeof ran), sizeof ran);
        double slower = busy_end(&busy);
        int status;
        waitpid(reader, &status, 0);
        printf("interrupted: handler after %.1f ms, on a machine %.1f times slower\n", (ran - sent) * 1e3, slower);
        CHECK(ran - sent <= 0.1 * slower);
        CHECK_INT(status, 0);
        close(fds[0]);
        close(fds[1]);
    }
    end();
}

static int walk_failures;

static int read_whole(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)where;
    static char block[65536];
    uint64_t total = 0;
    ssize_t n = 0;
    int fd = type == FTW_F ? open(path, O_RDONLY) : -1;
    while (fd >= 0 && (n = read(fd, block, sizeof block)) > 0)
        total += (uint64_t)n;
    bool control = strcmp(path + where->base, "connect") == 0;
    if (type == FTW_NS || type == FTW_DNR || n < 0 || (type == FTW_F && fd < 0) ||
        (type == FTW_F && !control && total != (uint64_t)s->st_size)) {
        if (walk_failures++ < 5)
            fprintf(stderr, "%s: type %d, %llu bytes, %s\n", path, type, (unsigned long long)total, strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return 0;
}

/* Signals every millisecond, without SA_RESTART, fail nothing that is at hand. */
static void test_signals_disturb_nothing(void)
{
    begin();
    fflush(NULL);
    pid_t walker = fork();
    if (walker == 0) {
        struct sigaction act = {.sa_handler = handle};
        struct itimerval every = {.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000};
        sigaction(SIGALRM, &act, NULL);
        setitimer(ITIMER_REAL, &every, NULL);
        for (int i = 0; i < 20; i++)
            if (nftw(root, read_whole, 10, FTW_PHYS) != 0)
                walk_failures++;
        _exit(walk_failures != 0);
    }
    int status;
    waitpid(walker, &status, 0);
    CHECK_INT(status, 0);
    end();
}

static void test_term_with_hung_reads(void)
{
    for (int i = 0; i < 20; i++) {
        begin();
        begin_stuck(8);
        end();
        for (size_t t = 0; t < 8; t++) {
            void *result;
            pthread_join(stuck[t], &result);
            CHECK((intptr_t)result != 0);
        }
    }
}

/* A folder that is being listed and a lookup that waits are answered too. */
static void *list_stuck(void *arg)
{
    (void)arg;
    struct stat s;
    return (void *)(uintptr_t)(stat(path_of("accounts/000000000001"), &s) < 0 ? errno : 0);
}

static void test_term_with_hung_lookups(void)
{
    begin();
    fake->topics_stuck = 1;
    pthread_t t;
    void *result;
    pthread_create(&t, NULL, list_stuck, NULL);
    usleep(50000);
    end();
    pthread_join(t, &result);
    CHECK((intptr_t)result != 0);
}

static void test_term_with_deaf_command(void)
{
    begin();
    fake->command_hangs_deaf = 1;
    pid_t writer = fork();
    if (writer == 0) {
        int fd = open(path_of("connect"), O_WRONLY);
        _exit(write(fd, "refresh=all", 11) < 0 ? 0 : 1);
    }
    await_count(&fake->commands_begun, 1);
    end();
    int status;
    waitpid(writer, &status, 0);
    CHECK_INT(status, 0);
}

static void test_timeout(void)
{
    struct model_settings s = settings();
    s.op_timeout_ms = 300;
    begin_with(&s);
    fake->topics_stuck = 1;
    CHECK_STR(names_of("accounts"), "errno ETIMEDOUT");
    struct stat st;
    CHECK_INT(stat(path_of("accounts"), &st), 0);
    CHECK_INT(stat(path_of("accounts/000000000001"), &st), -1);
    CHECK_INT(errno, ETIMEDOUT);
    fake->topics_stuck = 0;
    CHECK_INT(stat(path_of("accounts/000000000001"), &st), 0);
    end();
}

static void test_unconnected(void)
{
    begin();
    fake->unconnected = 1;
    CHECK_STR(names_of("accounts"), "errno EACCES");
    CHECK_STR(text_of("accounts.tsv"), "errno EACCES");
    CHECK_STR(names_of("."), "README connect policies/ status status.json ");
    CHECK(strncmp(text_of("status"), "ok\n", 3) == 0);
    CHECK(strncmp(text_of("README"), "This is", 7) == 0);
    fake->unconnected = 0;
    CHECK_STR(text_of("accounts.tsv"), "id\tname\n");
    end();
}

/* Runs SCRIPT with SHELL in the mount; its exit status. */
static int shell(const char *shell_name, const char *script)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        if (chdir(root) == 0)
            execlp(shell_name, shell_name, "-c", script, (char *)NULL);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define ONBOARD "bucket=b report=r prefix=p"

static const struct {
    const char *shell, *script;
    int status; /* 0, or failure */
    const char *ran;
} writers[] = {
    {"bash", "printf '%s\\n' \"" ONBOARD "\" > connect", 0, ONBOARD},
    {"bash", "printf '%s' \"" ONBOARD "\" > connect", 0, ONBOARD},
    {"bash", "echo " ONBOARD " > connect", 0, ONBOARD},
    {"bash", "echo -n " ONBOARD " > connect", 0, ONBOARD},
    {"bash", "echo " ONBOARD " >> connect", 0, ONBOARD},
    {"dash", "echo " ONBOARD " > connect", 0, ONBOARD},
    {"dash", "printf '%s\\n' \"" ONBOARD "\" > connect", 0, ONBOARD},
    {"bash", "printf 'bucket=b\\nreport=r\\nprefix=p\\n' > connect", 0, ONBOARD},
    {"bash", "{ echo bucket=b; echo report=r; echo prefix=p; } > connect", 0, ONBOARD},
    {"bash", "cat > connect <<E\nbucket=b report=r\nprefix=p\nE", 0, ONBOARD},
    {"bash", "f=$(mktemp); echo " ONBOARD " > $f; cp $f connect; s=$?; rm $f; exit $s", 0, ONBOARD},
    {"bash", "echo " ONBOARD " | tee connect > /dev/null", 0, ONBOARD},
    {"bash", "echo " ONBOARD " | dd of=connect status=none", 0, ONBOARD},
    {"bash", "jq -n '{bucket:\"b\",report:\"r\",prefix:\"p\"}' > connect", 0, ONBOARD},
    {"bash", "python3 -c \"open('connect','w').write('" ONBOARD "')\"", 0, ONBOARD},
    {"bash", "PYTHONUNBUFFERED=1 python3 -c \"f=open('connect','w')\nfor p in '" ONBOARD "'.split(): print(p,file=f)\"",
     0, ONBOARD},
    {"bash", "exec 3<>connect; printf '%s\\n' \"" ONBOARD "\" >&3; test \"$(cat <&3)\" = \"connection='c-0'\"", 0,
     ONBOARD},
    {"bash", "echo colour=blue > connect", 1, ""},
    {"bash", "printf 'refresh=all\\001' > connect", 1, ""},
    {"bash", "echo bucket=b report=r > connect", 1, ""},
    {"bash", "{ echo bucket=b report=r; echo prefix=p; } > connect", 1, ""},
    {"bash", "head -c 5000 /dev/zero | tr '\\0' x > connect", 1, ""},
    {"bash", "printf ' \\n \\n' > connect", 0, ""},
    {"bash", ": > connect", 0, ""},
    {"bash", "exec 3<>connect; echo colour=blue >&3; cat <&3 | grep -q ^error=", 0, ""},
};

static void test_writers(void)
{
    begin();
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        fake->commands_run = 0;
        fake->last_command[0] = '\0';
        int status = shell(writers[i].shell, writers[i].script);
        if ((status != 0) != writers[i].status || strcmp(fake->last_command, writers[i].ran) != 0)
            fprintf(stderr, "%s -c %s: exit status %d, ran \"%s\"\n", writers[i].shell, writers[i].script, status,
                    fake->last_command);
        CHECK_INT(status != 0, writers[i].status);
        CHECK_STR(fake->last_command, writers[i].ran);
    }
    end();
}

static void test_write_gives_errno(void)
{
    begin();
    fake->command_result = -EACCES;
    int fd = open(path_of("connect"), O_RDWR | O_TRUNC);
    CHECK_INT(write(fd, "refresh=all", 11), -1);
    CHECK_INT(errno, EACCES);
    char answer[128] = "";
    CHECK(read(fd, answer, 127) > 0);
    CHECK_STR(answer, "error='as the test wants it'\nerrno='EACCES'\n");
    CHECK_INT(read(fd, answer, 127), 0);
    fake->command_result = 0;
    CHECK_INT(write(fd, "refresh=cur", 11), 11);
    CHECK(read(fd, answer, 127) > 0);
    CHECK(strncmp(answer, "connection='", 12) == 0);
    close(fd);
    CHECK_STR(text_of("connect"), "state='none'\n");
    end();
}

static void test_partial_text_is_dropped(void)
{
    begin();
    int fd = open(path_of("connect"), O_WRONLY);
    CHECK_INT(write(fd, "{\"refresh\":", 11), 11);
    CHECK_INT(fake->dropped, 0);
    close(fd);
    await_count(&fake->dropped, 1);
    CHECK_INT(fake->dropped, 1);
    CHECK_INT(fake->commands_run, 0);
    end();
}

static void test_interrupted_command(void)
{
    begin();
    fake->command_hangs = 1;
    pid_t writer = fork();
    if (writer == 0) {
        struct sigaction act = {.sa_handler = handle};
        sigaction(SIGINT, &act, NULL);
        int fd = open(path_of("connect"), O_WRONLY);
        ssize_t n = write(fd, "refresh=all", 11);
        _exit(n == -1 && errno == EINTR ? 0 : 1);
    }
    await_count(&fake->commands_begun, 1);
    kill(writer, SIGINT);
    int status;
    waitpid(writer, &status, 0);
    CHECK_INT(status, 0);
    CHECK_INT(fake->commands_run, 1);
    end();
}

static fsfilcnt_t known_nodes(void)
{
    struct statvfs v = {0};
    CHECK_INT(statvfs(root, &v), 0);
    return v.f_files;
}

/* The kernel's caches are the whole machine's: another program may drop them while this one fills them. */
static void test_forget(void)
{
    begin();
    fake->account_count = 2000;
    fsfilcnt_t before = known_nodes(), many = 0;
    for (int i = 0; i < 20 && many < before + 2000; i++) {
        CHECK_INT(shell("bash", "find accounts -type f -name name | xargs cat > /dev/null"), 0);
        many = known_nodes();
    }
    CHECK(many >= before + 2000);
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    CHECK_INT(write(fd, "3\n", 2), 2);
    close(fd);
    double until = seconds() + PATIENCE_S;
    while (known_nodes() >= 100 && seconds() < until)
        usleep(10000);
    CHECK(known_nodes() < 100);
    end();
}

/* The resident set of the mount's process, in MiB. */
static long resident_mib(void)
{
    char path[64], line[256];
    long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)child);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        (void)sscanf(line, "VmRSS: %ld", &kib);
    if (f)
        (void)fclose(f);
    return kib / 1024;
}

static void test_ten_thousand_accounts(void)
{
    begin();
    fake->account_count = 10000;
    CHECK_INT(shell("bash", "test $(ls -l organization/by-name | grep -c -e '->') = 10000"), 0);
    CHECK_INT(shell("bash", "test $(ls -lR accounts | grep -c tags.json) = 10000"), 0);
    long mib = resident_mib();
    printf("10,000 accounts: %ld MiB resident\n", mib);
    CHECK(mib > 0 && mib <= RESIDENT_MAX_MIB);
    end();
}

/* ctfs looks at its own mount when it begins. Nothing here may look at the mount: it would hang too. */
static void test_killed_as_it_begins(void)
{
    reset_fake();
    atomic_store(&fake->lookups_hang, 1);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct model_settings s = settings();
        struct fs_mount_setup setup = setup_of(&s, true);
        exit(fs_mount_run(&setup) ? 1 : 0);
    }
    for (int i = 0; i < 4000 && !atomic_load(&fake->lookups_hung); i++)
        usleep(5000);
    CHECK_INT(atomic_load(&fake->lookups_hung), 1);
    kill(child, SIGKILL);
    int status = -1;
    pid_t ended = 0;
    for (int i = 0; i < 4000 && ended == 0; i++) {
        usleep(5000);
        ended = waitpid(child, &status, WNOHANG);
    }
    CHECK_INT(ended, child);
    CHECK_INT(umount2(root, MNT_FORCE | MNT_DETACH), 0); /* by force: what hangs there is answered */
    if (ended == 0)
        (void)waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
}

static void test_mount_over_dead(void)
{
    begin();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct stat s;
    struct statvfs v;
    CHECK_INT(statvfs(root, &v), -1);
    CHECK_INT(errno, ENOTCONN);
    begin();
    CHECK_INT(stat(path_of("README"), &s), 0);
    end();
}

static void test_unmounted_by_another(void)
{
    struct busy busy;
    begin();
    int unmounted = -1;
    busy_begin(&busy);
    double began = seconds();
    /* whoever looks at every mount of the machine may be in there for a moment */
    for (int i = 0; i < 500 && (unmounted = umount2(root, 0)) < 0 && errno == EBUSY; i++) {
        usleep(10000);
        began = seconds();
    }
    CHECK_INT(unmounted, 0);
    if (unmounted < 0) {
        (void)busy_end(&busy);
        end();
        return;
    }
    CHECK_INT(await_end(began, &busy), 0);
}

static errint refuse_model(void *arg, struct model **ret)
{
    (void)arg;
    (void)ret;
    return err_set(-EACCES, "the folder is another's");
}

static void test_background(void)
{
    reset_fake();
    struct model_settings s = settings();
    struct fs_mount_setup setup = setup_of(&s, false);
    fflush(NULL);
    pid_t caller = fork();
    if (caller == 0) {
        struct stat st;
        errint e = fs_mount_run(&setup);
        _exit(e == 0 && stat(path_of("README"), &st) == 0 ? 0 : 1);
    }
    int status;
    waitpid(caller, &status, 0);
    CHECK_INT(status, 0);
    char pid[32] = "";
    CHECK(getxattr(root, FS_XATTR_PID, pid, sizeof pid - 1) > 0);
    kill(atoi(pid), SIGTERM);
    double until = seconds() + PATIENCE_S;
    while (is_mounted() && seconds() < until)
        usleep(10000);
    CHECK(!is_mounted());

    setup.open_model = refuse_model;
    fflush(NULL);
    caller = fork();
    if (caller == 0)
        _exit(fs_mount_run(&setup) == -EACCES && strcmp(err_message(), "the folder is another's") == 0 ? 0 : 1);
    waitpid(caller, &status, 0);
    CHECK_INT(status, 0);
    CHECK(!is_mounted());
}

static const struct unit_test tests[] = {
    {"tree", test_tree},
    {"attributes", test_attributes},
    {"reading", test_reading},
    {"versions", test_versions},
    {"status is a snapshot", test_status_is_a_snapshot},
    {"wrong size fails once", test_wrong_size_fails_once},
    {"alive beside stuck readers", test_alive_beside_stuck_readers},
    {"interrupt", test_interrupt},
    {"signals disturb nothing", test_signals_disturb_nothing},
    {"term with hung reads", test_term_with_hung_reads},
    {"term with hung lookups", test_term_with_hung_lookups},
    {"term with deaf command", test_term_with_deaf_command},
    {"timeout", test_timeout},
    {"unconnected", test_unconnected},
    {"writers", test_writers},
    {"write gives errno", test_write_gives_errno},
    {"partial text is dropped", test_partial_text_is_dropped},
    {"interrupted command", test_interrupted_command},
    {"forget", test_forget},
    {"ten thousand accounts", test_ten_thousand_accounts},
    {"mount over dead", test_mount_over_dead},
    {"killed as it begins", test_killed_as_it_begins},
    {"unmounted by another", test_unmounted_by_another},
    {"background", test_background},
};

int main(int argc, char **argv)
{
    fake = mmap(NULL, sizeof *fake, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fake == MAP_FAILED || !mkdtemp(root))
        return 1;
    int status = unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
    while (umount2(root, MNT_DETACH) == 0)
        ;
    rmdir(root);
    return status;
}
