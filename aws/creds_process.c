/* The program runs in a process group of its own, its stdin and stderr on /dev/null (what it complains about may quote
 * its secrets), no other descriptor open, no signal blocked. One poll waits for its output, its end (a pidfd) and a
 * request to stop (an eventfd that the cancel's waiter sets). Its end is the end of the output too: a grandchild that
 * keeps the pipe open is not waited for. Output lies in one block of memory that is wiped, and so does the JSON.
 */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "aws/providers.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define TIMEOUT_MS 60000
#define OUTPUT_BYTES_MAX ((size_t)64 * 1024)
#define WORDS_MAX 256
#define POLL_MS_MAX 1000000

extern char **environ;

struct process {
    struct aws_provider provider;
    char *profile;
    char *words; /* each with its NUL */
    char *argv[WORDS_MAX + 1];
    int64_t timeout_ms;
};

/* A run of the program. */
struct run {
    const struct process *process;
    pid_t pid;
    int out, pidfd;
    char *output; /* OUTPUT_BYTES_MAX + 1 */
    size_t len;
};

/* A cancel that poll can wait for. */
struct stop {
    struct task task;
    struct waiter waiter;
    int fd;
};

static void stop_asked(struct task *t)
{
    const struct stop *s = (const void *)((char *)t - offsetof(struct stop, task));
    (void)eventfd_write(s->fd, 1);
}

static errint stop_init(struct stop *s, struct cancel *c)
{
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0)
        return err_set(-errno, "an eventfd: %s", strerror(errno));
    task_init(&s->task, NULL, stop_asked);
    waiter_init(&s->waiter, &s->task);
    if (c)
        waitlist_add(&c->waiters, &s->waiter);
    return 0;
}

static void stop_done(struct stop *s)
{
    waiter_cancel(&s->waiter);
    task_drain(&s->task);
    (void)close(s->fd);
}

static errint bad_quotes(const struct process *p)
{
    return err_set(-EINVAL, "credential_process of profile '%s': a quote or a backslash is left open", p->profile);
}

/* Takes one word at *AT in the way of Python's shlex.split, which the AWS CLI uses: '…' is literal, in "…" a backslash
 * escapes a double quote and itself, outside it takes the next character. False when something is left open. */
static bool take_word(const char **at, char **out)
{
    const char *p = *at;
    char quote = 0;
    for (; *p && (quote || !strchr(" \t\r\n", *p)); p++) {
        if (quote == *p) {
            quote = 0;
        } else if (!quote && (*p == '"' || *p == '\'')) {
            quote = *p;
        } else if (*p == '\\' && (!quote || (quote == '"' && (p[1] == '"' || p[1] == '\\')))) {
            if (!*++p)
                return false;
            *(*out)++ = *p;
        } else {
            *(*out)++ = *p;
        }
    }
    *(*out)++ = '\0';
    *at = p;
    return !quote;
}

static errint split_words(struct process *p, const char *command)
{
    size_t count = 0;
    char *out = p->words = malloc(strlen(command) + 2);
    if (!out)
        return err_set(-ENOMEM, "credential_process of profile '%s'", p->profile);
    for (command += strspn(command, " \t\r\n"); *command; command += strspn(command, " \t\r\n")) {
        if (count == WORDS_MAX)
            return err_set(-EINVAL, "credential_process of profile '%s' has over %d words", p->profile, WORDS_MAX);
        p->argv[count++] = out;
        if (!take_word(&command, &out))
            return bad_quotes(p);
    }
    if (!count)
        return err_set(-EINVAL, "credential_process of profile '%s' is empty", p->profile);
    return 0;
}

static int prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int out)
{
    sigset_t none, pipe_only;
    sigemptyset(&none);
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    int e = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    e = e ? e : posix_spawn_file_actions_adddup2(files, out, 1);
    e = e ? e : posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY, 0);
    e = e ? e : posix_spawn_file_actions_addclosefrom_np(files, 3);
    e = e ? e : posix_spawnattr_setsigmask(attributes, &none);
    e = e ? e : posix_spawnattr_setsigdefault(attributes, &pipe_only);
    e = e ? e : posix_spawnattr_setpgroup(attributes, 0);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    return e ? e : posix_spawnattr_setflags(attributes, flags);
}

static int spawn(const struct process *p, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int e = posix_spawn_file_actions_init(&files);
    if (e)
        return e;
    e = posix_spawnattr_init(&attributes);
    if (!e) {
        e = prepare(&files, &attributes, out);
        e = e ? e : posix_spawnp(ret_pid, p->argv[0], &files, &attributes, p->argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return e;
}

/* Kills the group and takes the status; PID is gone afterwards. */
static int end_process(const struct run *r, bool kill_it)
{
    int status = -1;
    if (kill_it)
        (void)kill(-r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static errint run_start(struct run *r)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return err_set(-errno, "a pipe: %s", strerror(errno));
    int e = fcntl(pipes[0], F_SETFL, O_NONBLOCK) < 0 ? errno : spawn(r->process, pipes[1], &r->pid);
    (void)close(pipes[1]);
    r->out = pipes[0];
    if (e)
        return err_set(e == EAGAIN || e == ENOMEM ? -ENOMEM : -EINVAL,
                       "credential_process of profile '%s': cannot run '%s': %s", r->process->profile,
                       r->process->argv[0], strerror(e));
    r->pidfd = pidfd_open(r->pid, 0);
    if (r->pidfd >= 0)
        return 0;
    e = errno;
    (void)end_process(r, true);
    return err_set(-e, "credential_process of profile '%s': a pidfd: %s", r->process->profile, strerror(e));
}

/* Takes what is there. */
static errint read_output(struct run *r, bool *ret_end)
{
    for (;;) {
        ssize_t n = read(r->out, r->output + r->len, OUTPUT_BYTES_MAX + 1 - r->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *ret_end = n == 0 || errno != EAGAIN;
            return 0;
        }
        r->len += (size_t)n;
        if (r->len > OUTPUT_BYTES_MAX)
            return err_set(-EFBIG, "credential_process of profile '%s' printed over %zu bytes", r->process->profile,
                           OUTPUT_BYTES_MAX);
    }
}

/* Until the program has ended. */
static errint follow(struct run *r, const struct stop *stop, struct cancel *c, int64_t deadline_ns)
{
    bool ended = false, silent = false;
    while (!ended) {
        int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS;
        errint e = cancel_check(c);
        if (e)
            return e;
        if (left_ms <= 0)
            return err_set(-ETIMEDOUT, "credential_process of profile '%s' took over %lld ms", r->process->profile,
                           (long long)r->process->timeout_ms);
        struct pollfd polls[] = {{.fd = r->pidfd, .events = POLLIN},
                                 {.fd = stop->fd, .events = POLLIN},
                                 {.fd = silent ? -1 : r->out, .events = POLLIN}};
        if (poll(polls, 3, left_ms > POLL_MS_MAX ? POLL_MS_MAX : (int)left_ms) < 0 && errno != EINTR)
            return err_set(-errno, "poll: %s", strerror(errno));
        ended = polls[0].revents != 0;
        e = read_output(r, &silent);
        if (e)
            return e;
    }
    return 0;
}

static errint check_status(const struct run *r, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        return err_set(-EACCES, "credential_process of profile '%s' ended by signal %d", r->process->profile,
                       WTERMSIG(status));
    return err_set(-EACCES, "credential_process of profile '%s' failed with exit status %d", r->process->profile,
                   WEXITSTATUS(status));
}

static void wipe_json(cJSON *json)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, json) {
        if (cJSON_IsString(item))
            OPENSSL_cleanse(item->valuestring, strlen(item->valuestring));
    }
    cJSON_Delete(json);
}

DEFINE_CLEANUP(wipe_jsonp, cJSON *, wipe_json)

/* NULL when JSON has no such text, or an empty one. */
static const char *text_of(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text && *text ? text : NULL;
}

/* AWS CLI user guide, "Sourcing credentials with an external process". */
static errint parse_output(const struct run *r, struct aws_credentials **ret)
{
    cJSON *json cleanup(wipe_jsonp) = cJSON_ParseWithLength(r->output, r->len);
    const char *id = text_of(json, "AccessKeyId"), *secret = text_of(json, "SecretAccessKey");
    const char *expiration = text_of(json, "Expiration"), *profile = r->process->profile;
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "Version");
    if (!cJSON_IsObject(json))
        return err_set(-EINVAL, "credential_process of profile '%s' printed no JSON object", profile);
    if (!cJSON_IsNumber(version) || version->valuedouble != 1)
        return err_set(-EINVAL, "credential_process of profile '%s': Version is not 1", profile);
    if (!id || !secret)
        return err_set(-EINVAL, "credential_process of profile '%s' printed no %s", profile,
                       id ? "SecretAccessKey" : "AccessKeyId");
    int64_t expires_unix = 0;
    errint e = expiration ? clock_parse_iso(expiration, &expires_unix) : 0;
    if (!e)
        e = aws_credentials_new(id, secret, text_of(json, "SessionToken"), expires_unix, ret);
    return e ? err_add(e, "credential_process of profile '%s'", profile) : 0;
}

static errint run_to_end(struct run *r, struct cancel *c)
{
    struct stop stop;
    int64_t deadline_ns = clock_monotonic_ns() + r->process->timeout_ms * CLOCK_NS_PER_MS;
    errint e = stop_init(&stop, c);
    if (e)
        return e;
    e = run_start(r);
    if (!e) {
        e = follow(r, &stop, c, deadline_ns);
        int status = end_process(r, e != 0);
        if (!e)
            e = check_status(r, status);
    }
    stop_done(&stop);
    return e;
}

static errint fetch(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    struct run r = {.process = (struct process *)p, .out = -1, .pidfd = -1, .output = malloc(OUTPUT_BYTES_MAX + 1)};
    if (!r.output)
        return err_set(-ENOMEM, "credential_process of profile '%s'", r.process->profile);
    errint e = run_to_end(&r, c);
    if (!e)
        e = parse_output(&r, ret);
    cleanup_closep(&r.out);
    cleanup_closep(&r.pidfd);
    OPENSSL_cleanse(r.output, OUTPUT_BYTES_MAX + 1);
    free(r.output);
    return e;
}

static void free_process(struct aws_provider *provider)
{
    struct process *p = (struct process *)provider;
    free(p->profile);
    free(p->words);
    free(p);
}

static const struct aws_provider_ops ops = {"process", fetch, free_process, NULL};

errint aws_creds_process_new(const char *profile, const char *command, int64_t timeout_ms, struct aws_provider **ret)
{
    struct process *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "credential_process of profile '%s'", profile);
    p->provider.ops = &ops;
    p->timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_MS;
    p->profile = strdup(profile);
    errint e = p->profile ? split_words(p, command) : err_set(-ENOMEM, "credential_process of profile '%s'", profile);
    if (e)
        free_process(&p->provider);
    else
        *ret = &p->provider;
    return e;
}
