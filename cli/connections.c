/* ctfs connections: list, export (JSON on stdout), import (JSON on stdin). state.db's folder is its owner's alone, and so
 * are these. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/run.h"
#include "model/transfer.h"

#define IMPORT_BYTES_MAX ((size_t)16 << 20)

static void progress(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "ctfs connections: %s\n", line);
}

static errint import(struct cli_run *r, struct buf *answer)
{
    struct buf text cleanup_buf = BUF_LIMIT(IMPORT_BYTES_MAX);
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, stdin)) > 0)
        buf_append(&text, piece, n);
    errint e = ferror(stdin) ? err_set(-EIO, "standard input cannot be read") : buf_error(&text);
    return e ? e : model_transfer_import(r->m, buf_text(&text), text.len, &r->cancel, progress, NULL, answer);
}

static errint do_it(struct cli_run *r, const char *what)
{
    struct buf answer cleanup_buf = BUF_INIT;
    errint e = cli_run_open(r, MODEL_STATE_ONLY);
    if (e < 0)
        return e;
    if (strcmp(what, "list") == 0)
        e = model_transfer_list(r->m, &answer);
    else if (strcmp(what, "export") == 0)
        e = model_transfer_export(r->m, &answer);
    else
        e = import(r, &answer);
    (void)fputs(buf_text(&answer), stdout);
    return e;
}

static bool known(const char *what)
{
    return strcmp(what, "list") == 0 || strcmp(what, "export") == 0 || strcmp(what, "import") == 0;
}

static int run(int argc, char **argv)
{
    struct cli_run r = {.m = NULL};
    const char *what = NULL, *word = NULL, *value = NULL, *wrong = NULL;
    if (cli_run_settings(&r) < 0)
        return cli_fail(&cli_connections_command, -EINVAL);
    struct cli_parse p = {
        .command = &cli_connections_command, .settings = &r.settings, .argc = argc, .argv = argv, .next = 1};
    enum cli_word kind;
    while ((kind = cli_parse_next(&p, &word, &value)) == CLI_ARGUMENT || kind == CLI_OPTION) {
        if (kind == CLI_ARGUMENT && (what || !known(word)))
            wrong = word;
        else if (kind == CLI_ARGUMENT)
            what = word;
    }
    int status = 2;
    if (wrong)
        status = cli_usage(&cli_connections_command, "list, export or import, not %s", wrong);
    else if (kind != CLI_WRONG) {
        errint e = do_it(&r, what ? what : "list");
        status = e ? cli_fail(&cli_connections_command, e) : 0;
    }
    cli_run_close(&r);
    return status;
}

const struct cli_command cli_connections_command = {
    .name = "connections",
    .arguments = "[-o OPTIONS] [list | export | import]",
    .summary = "Lists the connections, or carries them to another machine",
    .options = NULL,
    .settings = true,
    .run = run,
};
