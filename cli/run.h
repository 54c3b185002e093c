/* What the commands that ask the model share: settings, opening beside a mount, interrupts, answers as JSON.
 *
 * Ownership: cli_run_open's caller closes. Threads: main's, and one that waits for SIGINT and SIGTERM.
 * Errors: model_open's. Cost: state.db.
 */
#ifndef CTFS_CLI_RUN_H
#define CTFS_CLI_RUN_H

#include "base/cancel.h"
#include "cli/cli.h"
#include "model/model.h"

struct cli_run {
    struct model_settings settings;
    struct model *m;
    struct cancel cancel; /* asked by SIGINT and SIGTERM; a second one ends the process */
};

errint cli_run_settings(struct cli_run *r);
/* WITH_CACHE: for what changes the cache; where a mount has it, an empty one of its own. */
errint cli_run_open(struct cli_run *r, enum model_parts parts);
void cli_run_close(struct cli_run *r);

/* A command of at most one argument and one option without value: parses, calls ACT with the argument (NULL: none) and
 * whether the option was given, closes. The exit status. */
int cli_run_one(const struct cli_command *command, int argc, char **argv,
                errint (*act)(struct cli_run *r, const char *argument, bool option));

/* model_answer_json on stdout. */
errint cli_run_print_json(const char *lines, bool one);

#endif
