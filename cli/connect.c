/* ctfs connect: the same commands as MOUNTPOINT/connect takes, by the same code. The arguments are what a shell left of
 * KEY=VALUE, so that they become pairs as they stand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/run.h"
#include "model/answer.h"
#include "model/command.h"

static const struct cli_option options[] = {
    {"--json", NULL, "answer with JSON in place of KEY='VALUE' lines"},
    {NULL, NULL, NULL},
};

/* Each word quoted for the grammar: '…' with '\'' inside. An object is written as it is. */
static void add_word(struct buf *text, const char *word)
{
    const char *equals = *word == '{' ? NULL : strchr(word, '=');
    size_t key_len = equals ? (size_t)(equals - word) + 1 : strlen(word);
    buf_append(text, word, key_len);
    if (equals) {
        buf_putc(text, '\'');
        for (const char *p = equals + 1; *p; p++) {
            if (*p == '\'')
                buf_puts(text, "'\\''");
            else
                buf_putc(text, *p);
        }
        buf_putc(text, '\'');
    }
    buf_putc(text, '\n');
}

static void progress(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "ctfs connect: %s\n", line);
}

static errint run_command(struct cli_run *r, const struct buf *text, struct buf *answer)
{
    struct model_command command = {0};
    errint e = model_command_parse(buf_text(text), text->len, &command);
    if (e < 0)
        return e;
    e = model_command_run(r->m, &command, &r->cancel, progress, NULL, answer);
    model_command_done(&command);
    return e;
}

/* Every block, its URL checked. */
static errint show(struct cli_run *r, struct buf *answer)
{
    struct blocker b;
    blocker_init(&b);
    errint e;
    while ((e = model_connect_text(r->m, answer, &b.waiter)) == -EAGAIN) {
        buf_reset(answer);
        (void)blocker_wait(&b, 0);
    }
    blocker_done(&b);
    return e;
}

static void print(const struct buf *answer, bool json, bool one)
{
    if (json)
        (void)cli_run_print_json(buf_text(answer), one);
    else
        (void)fputs(buf_text(answer), stdout);
}

static int run_with(struct cli_run *r, const struct buf *text, bool json)
{
    struct buf answer cleanup_buf = BUF_INIT;
    bool cache = strstr(buf_text(text), "disconnect=") != NULL; /* it has to be emptied, if no mount does that */
    errint e = cli_run_open(r, cache ? MODEL_WITH_CACHE : MODEL_STATE_ONLY);
    if (e == 0)
        e = text->len ? run_command(r, text, &answer) : show(r, &answer);
    if (e < 0 && text->len && !answer.len) /* refused before it was run */
        model_answer_refusal(&answer, e);
    struct err kept = {0};
    err_keep(&kept, e);
    print(&answer, json, text->len > 0);
    (void)err_again(&kept);
    int status = e ? cli_fail(&cli_connect_command, e) : 0;
    err_done(&kept);
    return status;
}

static int run(int argc, char **argv)
{
    struct cli_run r = {.m = NULL};
    struct buf text cleanup_buf = BUF_INIT;
    bool json = false;
    if (cli_run_settings(&r) < 0)
        return cli_fail(&cli_connect_command, -EINVAL);
    struct cli_parse p = {
        .command = &cli_connect_command, .settings = &r.settings, .argc = argc, .argv = argv, .next = 1};
    const char *word = NULL, *value = NULL;
    enum cli_word kind;
    while ((kind = cli_parse_next(&p, &word, &value)) == CLI_ARGUMENT || kind == CLI_OPTION) {
        if (kind == CLI_ARGUMENT)
            add_word(&text, word);
        else if (word)
            json |= strcmp(word, "--json") == 0;
        word = NULL;
    }
    int status = kind == CLI_WRONG ? 2 : run_with(&r, &text, json);
    cli_run_close(&r);
    return status;
}

const struct cli_command cli_connect_command = {
    .name = "connect",
    .arguments = "[--json] [-o OPTIONS] [KEY=VALUE…]",
    .summary = "Connects a customer; without KEY=VALUE shows every connection",
    .options = options,
    .settings = true,
    .run = run,
};
