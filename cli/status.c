/* ctfs status: a mount's own status where there is one (it has the cache, and knows what is under way), read with a time
 * limit; else what the databases say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "cli/run.h"
#include "model/status.h"

#define MOUNT_PATIENCE_S 5
#define STATUS_BYTES_MAX ((size_t)1 << 20)

static const struct cli_option options[] = {
    {"--json", NULL, "print status.json"},
    {NULL, NULL, NULL},
};

/* \040 and its like in /proc/self/mountinfo. */
static void unescape(char *text)
{
    char *to = text;
    for (char *p = text; *p; to++) {
        if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] && p[3]) {
            *to = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
            p += 4;
        } else {
            *to = *p++;
        }
    }
    *to = '\0';
}

/* The first mount of ctfs (proc(5), /proc/PID/mountinfo), or NULL. */
static char *find_mount(void)
{
    FILE *f cleanup_file = fopen("/proc/self/mountinfo", "re");
    char *line cleanup_free = NULL, *found = NULL;
    size_t cap = 0;
    while (f && !found && getline(&line, &cap, f) > 0) {
        char *rest = line, *field = NULL;
        if (!strstr(line, " - fuse.ctfs "))
            continue;
        for (int i = 0; i < 5; i++)
            field = strsep(&rest, " ");
        if (field)
            unescape(field);
        found = field ? strdup(field) : NULL;
    }
    return found;
}

/* A process of its own reads: it can be left behind when the mount does not answer. */
static void copy_file(const char *path, int to)
{
    char piece[65536];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)alarm(MOUNT_PATIENCE_S);
    while (fd >= 0 && (n = read(fd, piece, sizeof piece)) > 0)
        if (write(to, piece, (size_t)n) != n)
            break;
    _exit(fd < 0);
}

static errint read_mount(const char *folder, bool json, struct buf *ret)
{
    char *path cleanup_free = NULL;
    int ends[2];
    if (asprintf(&path, "%s/%s", folder, json ? "status.json" : "status") < 0 || pipe(ends) < 0)
        return err_set(-ENOMEM, "%s cannot be read", folder);
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGALRM, SIG_DFL);
        copy_file(path, ends[1]);
    }
    (void)close(ends[1]);
    char piece[65536];
    ssize_t n;
    while (pid > 0 && (n = read(ends[0], piece, sizeof piece)) > 0)
        buf_append(ret, piece, (size_t)n);
    (void)close(ends[0]);
    int status = 1;
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    return status == 0 && ret->len ? buf_error(ret) : err_set(-ETIMEDOUT, "%s does not answer", path);
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
    errint e = model_open(&r->settings, MODEL_WITH_CACHE, &r->m);
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
    struct buf text cleanup_buf = BUF_LIMIT(STATUS_BYTES_MAX);
    char *mount cleanup_free = find_mount();
    int status = 1;
    errint e = mount ? read_mount(mount, json, &text) : read_databases(r, json, &text, &status);
    if (e < 0)
        return cli_fail(&cli_status_command, e);
    (void)fputs(buf_text(&text), stdout);
    return mount ? health_of(buf_text(&text)) : status;
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
