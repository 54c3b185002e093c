/* ctfs doctor: identity, trust, permissions and the report of a connection, tried again; nothing is stored. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/run.h"
#include "model/doctor.h"

static const struct cli_option options[] = {
    {"--json", NULL, "answer with JSON in place of KEY='VALUE' lines"},
    {NULL, NULL, NULL},
};

static void progress(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "ctfs doctor: %s\n", line);
}

static errint examine(struct cli_run *r, const char *name, bool json)
{
    struct buf answer cleanup_buf = BUF_INIT;
    errint e = cli_run_open(r, MODEL_STATE_ONLY);
    if (e == 0)
        e = model_doctor_run(r->m, name, &r->cancel, progress, NULL, &answer);
    struct err kept = {0};
    err_keep(&kept, e);
    if (json)
        (void)cli_run_print_json(buf_text(&answer), true);
    else
        (void)fputs(buf_text(&answer), stdout);
    (void)err_again(&kept);
    err_done(&kept);
    return e;
}

static int run(int argc, char **argv)
{
    return cli_run_one(&cli_doctor_command, argc, argv, examine);
}

const struct cli_command cli_doctor_command = {
    .name = "doctor",
    .arguments = "[--json] [-o OPTIONS] [CONNECTION]",
    .summary = "Tries a connection's identity, trust, permissions and report again (one metric is billed: $0.00001)",
    .options = options,
    .settings = true,
    .run = run,
};
