/* The order of things:
 *
 *   harden, take away a dead ctfs, fork              one thread
 *   log, model, fs, session, mount                   the model's threads
 *   signal thread, greeter, FUSE's loop              serving
 *   stop: the model ends its transfers, the park ends what waits with ENOTCONN, the loop is left
 *   unmount (lazily: it may be busy), free           in this order, so that every request is answered first
 *
 * All signals are blocked in every thread but NUDGE in the main one. The signal thread takes TERM, INT and HUP: the first
 * begins the stop, a second, or 1.2 s, ends the process there and then, the mount taken away. libfuse's loop waits on a
 * semaphore and looks at its exit flag only when a signal interrupts that: it is nudged until it has left.
 *
 * The greeter is a thread that looks at the mounted tree from outside, tells the parent that it answers, and asks the
 * kernel for longer read-ahead.
 */
#include "fs/mount.h"

#include <dlfcn.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "fs/daemon.h"
#include "fs/fs.h"
#include "fs/mountpoint.h"
#include "fs/ops.h"
#include "fs/park.h"

#define NUDGE SIGUSR1
#define QUIT SIGUSR2  /* to the signal thread: all is freed */
#define WATCH SIGALRM /* to the signal thread: the stop has begun, watch over its end */
#define STOP_NS (1200 * CLOCK_NS_PER_MS)
#define FUSE_THREADS 10
#define LARGE_BYTES (256 * 1024)
#define READ_AHEAD_KB "1024" /* one request of the largest size; more would only add to what an interrupt waits for */

struct mount {
    const struct fs_mount_setup *setup;
    struct fs_daemon daemon;
    struct buf point; /* resolved */
    struct model *model;
    struct fs *fs;
    struct fuse_session *session;
    pthread_t main, signals, greeter;
    bool mounted, greeting;
    pthread_mutex_t stop_lock;
    atomic_bool stopping, left_loop;
};

static char fuse_said[512]; /* libfuse's last complaint, before there are threads */

__attribute__((format(printf, 2, 0))) static void keep_fuse_line(enum fuse_log_level level, const char *format,
                                                                 va_list args)
{
    if (level > FUSE_LOG_ERR)
        return;
    (void)vsnprintf(fuse_said, sizeof fuse_said, format, args);
    fuse_said[strcspn(fuse_said, "\n")] = '\0';
}

__attribute__((format(printf, 2, 0))) static void log_fuse_line(enum fuse_log_level level, const char *format,
                                                                va_list args)
{
    char line[512];
    (void)vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    if (level <= FUSE_LOG_ERR)
        log_warn("%s", line);
    else
        log_debug("%s", line);
}

/* One after another, if several died here. One that is alive stays the only one: it would be hidden. */
static errint detach_dead(const char *resolved)
{
    struct fs_mountpoint at;
    for (;;) {
        errint e = fs_mountpoint_find(resolved, &at);
        if (e == -ENOENT)
            return 0;
        if (e == 0 && !at.dead)
            return err_set(-EBUSY, "a ctfs is mounted on %s already", resolved);
        if (e == 0)
            e = fs_mountpoint_detach(resolved, true);
        if (e)
            return e;
    }
}

static errint check_point(const char *resolved)
{
    struct stat s;
    if (stat(resolved, &s) < 0)
        return err_set(-errno, "%s: %s", resolved, strerror(errno));
    if (strcmp(resolved, "/") == 0)
        return err_set(-EINVAL, "/ is the folder that all others lie in: nobody would find the mount");
    return S_ISDIR(s.st_mode) ? 0 : err_set(-ENOTDIR, "%s is not a folder", resolved);
}

static void make_options(const struct fs_mount_setup *setup, struct buf *ret)
{
    buf_puts(ret, "subtype=ctfs,default_permissions,nosuid,nodev,noexec,noatime,max_read=1048576,fsname=");
    for (const char *c = setup->source ? setup->source : "ctfs"; *c; c++)
        if (*c == ',' || *c == '\\')
            buf_printf(ret, "\\%c", *c);
        else
            buf_putc(ret, *c);
    if (setup->settings->allow_other)
        buf_puts(ret, ",allow_other");
}

static errint open_session(struct mount *m)
{
    struct buf options cleanup_buf = BUF_INIT;
    make_options(m->setup, &options);
    errint e = buf_error(&options);
    if (e)
        return e;
    char program[] = "ctfs", o[] = "-o";
    char *argv[] = {program, o, options.data, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    fuse_set_log_func(keep_fuse_line);
    m->session = fuse_session_new(&args, &fs_ops, sizeof fs_ops, m->fs);
    fuse_opt_free_args(&args);
    if (!m->session)
        return err_set(-EINVAL, "cannot make a FUSE session: %s", fuse_said);
    if (fuse_session_mount(m->session, buf_text(&m->point)) < 0)
        return err_set(-EPERM, "cannot mount on %s: %s", buf_text(&m->point),
                       *fuse_said ? fuse_said : "fusermount3 refused, as it says itself");
    m->mounted = true;
    fuse_set_log_func(log_fuse_line);
    return 0;
}

static void unmount(struct mount *m)
{
    struct fs_mountpoint at;
    if (!m->mounted)
        return;
    m->mounted = false;
    fuse_session_unmount(m->session); /* lazily, and only if it is still there */
    /* libfuse leaves the mount of a connection that was aborted (fusectl) */
    if (fs_mountpoint_find(buf_text(&m->point), &at) == 0 && at.dead)
        (void)fs_mountpoint_detach(buf_text(&m->point), true);
}

/* Nothing is waited for any more. */
static _Noreturn void end_now(struct mount *m, int status)
{
    (void)fs_mountpoint_detach(buf_text(&m->point), true);
    _exit(status);
}

/* By the signal thread, or by the main one when another hand has unmounted; behind it, it has been done. */
static void begin_stop(struct mount *m)
{
    pthread_mutex_lock(&m->stop_lock);
    if (!atomic_exchange(&m->stopping, true)) {
        model_stop(m->model);
        fs_park_stop(m->fs->park);
        fuse_session_exit(m->session);
    }
    pthread_mutex_unlock(&m->stop_lock);
}

/* The stop has begun at BEGAN_NS: nudge the loop until QUIT comes; a second signal, or too long, ends all. */
static void see_it_end(struct mount *m, const sigset_t *set)
{
    int64_t began_ns = clock_monotonic_ns();
    const struct timespec moment = {.tv_nsec = 5 * CLOCK_NS_PER_MS};
    for (;;) {
        if (!atomic_load(&m->left_loop))
            (void)pthread_kill(m->main, NUDGE);
        int signal = sigtimedwait(set, NULL, &moment);
        if (signal == QUIT)
            return;
        if (signal > 0 && signal != WATCH)
            end_now(m, 1);
        if (clock_monotonic_ns() - began_ns > STOP_NS) {
            log_warn("something did not end in time; ending without it");
            end_now(m, 0);
        }
    }
}

static void *signal_thread(void *arg)
{
    struct mount *m = arg;
    sigset_t set;
    (void)pthread_setname_np(pthread_self(), "ctfs-signals");
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, QUIT);
    sigaddset(&set, WATCH);
    int signal;
    do
        signal = sigwaitinfo(&set, NULL);
    while (signal < 0);
    if (signal == QUIT)
        return NULL;
    begin_stop(m);
    see_it_end(m, &set);
    return NULL;
}

static void raise_read_ahead(const struct stat *s)
{
    char path[80];
    (void)snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", major(s->st_dev), minor(s->st_dev));
    FILE *f = fopen(path, "we");
    if (!f)
        return; /* not root's: the kernel's own 128 KiB it is */
    (void)fputs(READ_AHEAD_KB "\n", f);
    (void)fclose(f);
}

struct look {
    const char *path;
    struct stat s;
    int error;
};

static void *look_thread(void *arg)
{
    struct look *look = arg;
    (void)pthread_setname_np(pthread_self(), "ctfs-look");
    (void)close_range(0, UINT_MAX, CLOSE_RANGE_UNSHARE);
    look->error = stat(look->path, &look->s) < 0 ? errno : 0;
    return NULL;
}

/* stat(2) of what this process itself has to answer. A killed process lives on as long as a thread waits for an answer, and
 * its connection as long as that thread has a descriptor of it: then nobody would ever be answered, nor could be killed. So
 * it is asked by a thread that has none. */
static int look_at(const char *path, struct stat *ret)
{
    struct look look = {.path = path};
    pthread_t thread;
    int e = pthread_create(&thread, NULL, look_thread, &look);
    if (e)
        return e;
    pthread_join(thread, NULL);
    if (look.error == 0)
        *ret = look.s;
    return look.error;
}

static void *greeter_thread(void *arg)
{
    struct mount *m = arg;
    struct buf path cleanup_buf = BUF_INIT;
    struct stat s;
    (void)pthread_setname_np(pthread_self(), "ctfs-greeter");
    buf_printf(&path, "%s/README", buf_text(&m->point));
    int error = look_at(buf_text(&path), &s);
    if (error == 0) {
        raise_read_ahead(&s);
        fs_daemon_ready(&m->daemon);
        log_info("mounted on %s", buf_text(&m->point));
    } else if (!atomic_load(&m->stopping)) {
        fs_daemon_failed(&m->daemon, err_set(-error, "%s: %s", buf_text(&path), strerror(error)));
        log_error("%s", err_message());
        (void)kill(getpid(), SIGTERM);
    }
    return NULL;
}

static void ignore(int signal)
{
    (void)signal;
}

/* Blocked here, and so in every thread made from now on; the main thread can be nudged. */
static void arrange_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, NUDGE);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    struct sigaction nudge = {.sa_handler = ignore}; /* without SA_RESTART */
    (void)sigaction(NUDGE, &nudge, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static errint start_thread(pthread_t *ret, void *(*run)(void *), struct mount *m)
{
    sigset_t all, old;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(ret, NULL, run, m);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return e ? err_set(-EAGAIN, "cannot make a thread") : 0;
}

static errint run_loop(struct mount *m)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    if (!config)
        return err_set(-ENOMEM, "no memory for FUSE's loop");
    fuse_loop_cfg_set_clone_fd(config, 1);
    fuse_loop_cfg_set_max_threads(config, FUSE_THREADS);
    int result = fuse_session_loop_mt(m->session, config);
    fuse_loop_cfg_destroy(config);
    atomic_store(&m->left_loop, true);
    if (result < 0 && !atomic_load(&m->stopping))
        return err_set(result, "FUSE's loop ended: %s", strerror(-result));
    return 0;
}

/* Serves until it is stopped or unmounted, then answers whatever waits. */
static errint serve(struct mount *m)
{
    m->main = pthread_self();
    errint e = start_thread(&m->signals, signal_thread, m);
    if (e)
        return e;
    m->greeting = start_thread(&m->greeter, greeter_thread, m) == 0;
    e = run_loop(m);
    begin_stop(m);
    (void)pthread_kill(m->signals, WATCH);
    if (fs_park_wait_empty(m->fs->park, clock_monotonic_ns() + STOP_NS) < 0)
        end_now(m, 0);
    unmount(m);
    return e;
}

static void end_threads(struct mount *m)
{
    (void)pthread_kill(m->signals, QUIT);
    pthread_join(m->signals, NULL);
    if (m->greeting)
        pthread_join(m->greeter, NULL);
}

static void free_parts(struct mount *m)
{
    unmount(m);
    if (m->session)
        fuse_session_destroy(m->session);
    fs_free(m->fs);
    if (m->model) {
        model_stop(m->model);
        model_free(m->model);
    }
}

static errint open_parts(struct mount *m)
{
    const struct fs_mount_setup *setup = m->setup;
    errint e = log_open(m->daemon.pipe >= 0 ? "syslog" : NULL, setup->settings->log_level, setup->settings->log_format);
    if (e == 0)
        e = setup->open_model(setup->arg, &m->model);
    if (e == 0)
        e = fs_new(m->model, &m->fs);
    return e ? e : open_session(m);
}

/* Buffers of this size go back to the system as they are freed. glibc raises its threshold with the first large one that is
 * freed, and then keeps them all: 64 readers left 50 MiB behind. */
static void return_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}

/* libfuse ends its threads by pthread_cancel, for which glibc opens this only then; without a descriptor to do it by it would
 * abort ctfs. */
static void load_unwinder(void)
{
    (void)dlopen("libgcc_s.so.1", RTLD_NOW);
}

static errint run(struct mount *m)
{
    return_memory();
    load_unwinder();
    arrange_signals();
    fs_ops_init();
    errint e = open_parts(m);
    if (e) {
        fs_daemon_failed(&m->daemon, e);
        free_parts(m);
        return e;
    }
    e = serve(m);
    free_parts(m);
    end_threads(m);
    return e;
}

static errint prepare(struct mount *m)
{
    errint e = fs_mountpoint_resolve(m->setup->mountpoint, &m->point);
    if (e == 0)
        e = detach_dead(buf_text(&m->point));
    return e ? e : check_point(buf_text(&m->point));
}

errint fs_mount_run(const struct fs_mount_setup *setup)
{
    struct mount m = {.setup = setup, .daemon = {.pipe = -1}, .stop_lock = PTHREAD_MUTEX_INITIALIZER};
    bool child = false;
    errint e = prepare(&m);
    if (e == 0 && !setup->foreground)
        e = fs_daemon_fork(&m.daemon, &child);
    if (e == 0 && (child || setup->foreground))
        e = run(&m);
    buf_done(&m.point);
    if (child)
        exit(e ? 1 : 0);
    return e;
}
