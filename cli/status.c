/* ctfs status: a mount's own status where there is one (it has the cache, and knows what is under way), read with a time
 * limit; else what the databases say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "cli/run.h"
#include "fs/mountpoint.h"
#include "model/status.h"

#define MOUNT_PATIENCE_S 5
#define STATUS_BYTES_MAX ((size_t)1 << 20)

static const struct cli_option options[] = {
    {"--json", NULL, "print status.json"},
    {NULL, NULL, NULL},
};

/* What a mount said. */
struct found {
    const char *state_dir;
    bool json;
    struct buf text;
    bool silent; /* it keeps our connections and does not answer */
};

#define OURS '!' /* before the text: the mount keeps our connections */

/* A process of its own asks: it can be left behind when the mount does not answer. */
static _Noreturn void ask_mount(const struct found *f, const char *folder, int to)
{
    char path[PATH_MAX], piece[65536];
    ssize_t n;
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(MOUNT_PATIENCE_S);
    if (!fs_mountpoint_keeps(folder, f->state_dir) || write(to, &(char){OURS}, 1) != 1)
        _exit(1);
    (void)snprintf(path, sizeof path, "%s/%s", folder, f->json ? "status.json" : "status");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, piece, sizeof piece)) > 0)
        if (write(to, piece, (size_t)n) != n)
            break;
    _exit(fd < 0);
}

/* The first mount that keeps our connections is the one, answer or not. */
static bool try_mount(void *arg, const char *folder)
{
    struct found *f = arg;
    int ends[2], status = 1;
    char ours = 0, piece[65536];
    ssize_t n;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        ask_mount(f, folder, ends[1]);
    (void)close(ends[1]);
    bool found = pid > 0 && read(ends[0], &ours, 1) == 1;
    while (found && (n = read(ends[0], piece, sizeof piece)) > 0)
        buf_append(&f->text, piece, (size_t)n);
    (void)close(ends[0]);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    f->silent = found && (status != 0 || !f->text.len);
    if (f->silent)
        (void)err_set(-ETIMEDOUT, "%s does not answer", folder);
    else if (WIFSIGNALED(status))
        (void)fprintf(stderr, "ctfs status: %s does not answer; it is passed over\n", folder);
    return found;
}

/* The health that a status text begins with, in either form. */
static int health_of(const char *text)
{
    static const struct {
        const char *word;
        int status;
    } words[] = {{"ok", MODEL_OK}, {"degraded", MODEL_DEGRADED}, {"unconnected", MODEL_UNCONNECTED}};
    const char *json = strstr(text, "\"health\":");
    const char *at = *text == '{' && json ? json + 9 + strspn(json + 9, " \"") : text;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(at, words[i].word, strlen(words[i].word)) == 0)
            return words[i].status;
    return MODEL_DEGRADED;
}

static errint read_databases(struct cli_run *r, bool json, struct buf *ret, int *ret_status)
{
    enum model_health health = MODEL_DEGRADED;
    struct buf text cleanup_buf = BUF_INIT;
    errint e = log_open(NULL, r->settings.log_level, r->settings.log_format);
    if (e == 0)
        e = model_open(&r->settings, MODEL_WITH_CACHE, &r->m);
    if (e == 0)
        e = model_status_text(r->m, &text, &health);
    if (e == 0 && json)
        e = model_status_json(r->m, ret);
    else if (e == 0)
        buf_puts(ret, buf_text(&text));
    *ret_status = (int)health;
    return e ? e : buf_error(ret);
}

static int show(struct cli_run *r, bool json)
{
    struct found f = {.state_dir = r->settings.state_dir, .json = json, .text = BUF_LIMIT(STATUS_BYTES_MAX)};
    int status = 1;
    errint e = 0;
    bool mounted = fs_mountpoint_each(try_mount, &f);
    if (mounted)
        e = f.silent ? -ETIMEDOUT : buf_error(&f.text);
    else
        e = read_databases(r, json, &f.text, &status);
    if (e == 0)
        (void)fputs(buf_text(&f.text), stdout);
    if (e == 0 && mounted)
        status = health_of(buf_text(&f.text));
    buf_done(&f.text);
    return e ? cli_fail(&cli_status_command, e) : status;
}

static int run(int argc, char **argv)
{
    struct cli_run r = {.m = NULL};
    const char *word = NULL, *value = NULL;
    bool json = false;
    if (cli_run_settings(&r) < 0)
        return cli_fail(&cli_status_command, -EINVAL);
    struct cli_parse p = {
        .command = &cli_status_command, .settings = &r.settings, .argc = argc, .argv = argv, .next = 1};
    enum cli_word kind;
    while ((kind = cli_parse_next(&p, &word, &value)) == CLI_OPTION) {
        json |= word && strcmp(word, "--json") == 0;
        word = NULL;
    }
    int status = 2;
    if (kind == CLI_ARGUMENT)
        status = cli_usage(&cli_status_command, "one word too many: %s", word);
    else if (kind != CLI_WRONG)
        status = show(&r, json);
    cli_run_close(&r);
    return status;
}

const struct cli_command cli_status_command = {
    .name = "status",
    .arguments = "[--json] [-o OPTIONS]",
    .summary = "Says ok, degraded or unconnected (exit status 0, 1, 3), and why",
    .options = options,
    .settings = true,
    .run = run,
};
