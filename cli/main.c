/* Finds the subcommand and runs it; what it printed and nobody could take is a failure, whatever the command says of
 * itself: an export of external IDs that a full disk cut short must not end with 0.
 *
 * `mount -t fuse.ctfs SOURCE DIR -o …` calls `ctfs SOURCE /DIR -o …`: two words that name no subcommand and look like that
 * are a mount. */
#include "cli/cli.h"
#include "cli/version.h"
#include "fs/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cli_command *const commands[] = {
    &cli_mount_command,    &cli_umount_command, &cli_status_command, &cli_connect_command,
    &cli_template_command, &cli_doctor_command, &cli_tsv_command,    &cli_connections_command,
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_settings(void)
{
    puts("\nSettings, each as -o NAME=VALUE,… or as the environment's CTFS_NAME (upper case), which -o overrules;\n"
         "a comma within a value of -o is written \\, or the value as \"…\":");
    for (const struct model_setting *s = model_setting_table; s->name; s++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s%s%s", s->name, s->value ? "=" : "", s->value ? s->value : "");
        printf("  %-31s %s", name, s->help);
        printf(s->default_text ? " (%s)\n" : "\n", s->default_text);
    }
}

static void print_command_help(const struct cli_command *c)
{
    printf("Usage: ctfs %s %s\n\n%s\n", c->name, c->arguments, c->summary);
    if (c->options && c->options->name)
        puts("\nOptions:");
    for (const struct cli_option *o = c->options; o && o->name; o++)
        printf("  %s%s%-*s %s\n", o->name, o->value ? " " : "", (int)(23 - strlen(o->name)), o->value ? o->value : "",
               o->help);
    if (c->settings)
        print_settings();
}

static void print_help(void)
{
    puts("Usage: ctfs COMMAND [ARGUMENT…]\n\n"
         "Mounts an AWS organization's cost and usage data as plain files.\n\nCommands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
    puts("\n`ctfs COMMAND --help` says more; `ctfs --version` names the libraries.");
}

/* --help or -h anywhere before "--" */
static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(const struct cli_command *c, int argc, char **argv)
{
    if (wants_help(argc, argv)) {
        print_command_help(c);
        return 0;
    }
    return c->run(argc, argv);
}

static bool is_mount8(int argc, char **argv)
{
    return argc >= 3 && argv[1][0] != '-' && (argv[2][0] == '/' || strncmp(argv[1], "s3://", 5) == 0);
}

/* A stream that the caller closed is opened the wrong way round: no database or socket gets its number, and using it is
 * still EBADF. */
static void keep_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int find_and_run(int argc, char **argv)
{
    if (argc < 2) {
        print_help();
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        cli_version_print();
        return 0;
    }
    const struct cli_command *c = find(argv[1]);
    if (c)
        return run(c, argc - 1, argv + 1);
    if (is_mount8(argc, argv))
        return run(&cli_mount_command, argc, argv);
    (void)fprintf(stderr, "ctfs: no such command: %s (ctfs --help lists them)\n", argv[1]);
    return 2;
}

int main(int argc, char **argv)
{
    keep_streams();
    (void)signal(SIGXFSZ, SIG_IGN); /* a file past RLIMIT_FSIZE is a failed write like another, not an end */
    (void)signal(SIGCHLD, SIG_DFL); /* where it came ignored, no child's exit status could be had */
    fs_daemon_harden();
    int status = find_and_run(argc, argv);
    bool before = ferror(stdout); /* errno is no longer that failure's */
    if (fflush(stdout) == 0 && !before)
        return status;
    (void)fprintf(stderr, "ctfs: standard output cannot be written%s%s\n", before ? "" : ": ",
                  before ? "" : strerror(errno));
    return 1;
}
