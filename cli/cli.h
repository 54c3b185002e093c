/* The command line: one table of subcommands, each one file.
 *
 * Ownership: nothing.
 * Threads:   main's.
 * Errors:    run gives the process's exit status: 0, 1 failed, 2 wrong usage; `status` gives 0 ok, 1 degraded, 3
 *            unconnected. What failed is said on stderr, once, as "ctfs NAME: …".
 * Cost:      none.
 */
#ifndef CTFS_CLI_CLI_H
#define CTFS_CLI_CLI_H

#include <stdbool.h>

#include "model/settings.h"

struct cli_option {
    const char *name;  /* "--json", "-f" */
    const char *value; /* how its value is shown; NULL: a flag */
    const char *help;
};

struct cli_command {
    const char *name;
    const char *arguments; /* "[-f] [-o OPTIONS] MOUNTPOINT" */
    const char *summary;   /* one line */
    const struct cli_option
        *options;  /* ended by a NULL name; NULL: none. `-o NAME=VALUE` goes by CLI_O and is not in it */
    bool settings; /* takes -o NAME=VALUE for every setting */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct cli_command cli_mount_command, cli_umount_command, cli_status_command, cli_connect_command,
    cli_template_command, cli_doctor_command, cli_connections_command, cli_tsv_command;

/* One step of parsing: the options of COMMAND's table in any order, "--" ends them, as does -o when COMMAND takes
 * settings (they go into SETTINGS). */
struct cli_parse {
    const struct cli_command *command;
    struct model_settings *settings; /* NULL when the command takes none */
    int argc;
    char **argv;
    int next; /* private: start at 1 */
    bool ended;
};
enum cli_word { CLI_END = 0, CLI_ARGUMENT, CLI_OPTION, CLI_WRONG };
/* The next word: CLI_ARGUMENT with its text, CLI_OPTION with the table's name and its value (NULL for a flag), CLI_END,
 * or CLI_WRONG after saying on stderr what is wrong. */
enum cli_word cli_parse_next(struct cli_parse *p, const char **ret_text, const char **ret_value);

/* Says on stderr "ctfs NAME: MESSAGE" (the thread's error message) and gives 1. */
int cli_fail(const struct cli_command *command, errint code);
/* Says on stderr how COMMAND is used and gives 2. */
int cli_usage(const struct cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* NAME=VALUE,NAME,… of one -o into SETTINGS; a comma within a value is written \, or the value in "…". What
 * mount(8) and fstab add (nofail, _netdev, noauto, user, x-*, rw, …) is passed over. An unknown name is -EINVAL and named. */
errint cli_settings_list(struct model_settings *settings, const char *list);

#endif
