/* SIGINT is taken by a thread of its own: asking a cancel wakes waiters, which a signal handler must not. */
#include "cli/run.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/answer.h"

static void *wait_for_signals(void *arg)
{
    struct cancel *cancel = arg;
    sigset_t set;
    int number;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigwait(&set, &number);
    cancel_ask(cancel);
    (void)sigwait(&set, &number);
    _exit(128 + number);
}

/* Before any other thread, so that all of them have it blocked. */
static errint take_signals(struct cancel *cancel)
{
    sigset_t set;
    pthread_t thread;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    int e = pthread_create(&thread, NULL, wait_for_signals, cancel);
    if (e)
        return err_set(-e, "no thread for signals");
    (void)pthread_detach(thread);
    return 0;
}

errint cli_run_settings(struct cli_run *r)
{
    cancel_init(&r->cancel);
    return model_settings_init(&r->settings);
}

errint cli_run_open(struct cli_run *r, enum model_parts parts)
{
    bool quiet = parts == MODEL_WITH_CACHE; /* that a mount has the cache is no news */
    errint e = take_signals(&r->cancel);
    if (e == 0)
        e = log_open(NULL, quiet ? LOG_LEVEL_ERROR : r->settings.log_level, r->settings.log_format);
    return e ? e : model_open(&r->settings, parts, &r->m);
}

void cli_run_close(struct cli_run *r)
{
    if (r->m) {
        model_stop(r->m);
        model_free(r->m);
    }
    model_settings_done(&r->settings);
}

int cli_run_one(const struct cli_command *command, int argc, char **argv,
                errint (*act)(struct cli_run *r, const char *argument, bool option))
{
    struct cli_run r = {.m = NULL};
    const char *argument = NULL, *word = NULL, *value = NULL;
    bool option = false, twice = false;
    if (cli_run_settings(&r) < 0)
        return cli_fail(command, -EINVAL);
    struct cli_parse p = {.command = command, .settings = &r.settings, .argc = argc, .argv = argv, .next = 1};
    enum cli_word kind;
    while ((kind = cli_parse_next(&p, &word, &value)) == CLI_ARGUMENT || kind == CLI_OPTION) {
        if (kind == CLI_ARGUMENT) {
            twice |= argument != NULL;
            argument = word;
        } else if (word) {
            option |= strcmp(word, command->options[0].name) == 0;
        }
        word = NULL;
    }
    int status = 2;
    if (twice)
        status = cli_usage(command, "one word too many: %s", argument);
    else if (kind != CLI_WRONG) {
        errint e = act(&r, argument, option);
        status = e ? cli_fail(command, e) : 0;
    }
    cli_run_close(&r);
    return status;
}

errint cli_run_print_json(const char *lines, bool one)
{
    struct buf text cleanup_buf = BUF_INIT;
    errint e = model_answer_json(&text, lines, one);
    if (e == 0)
        (void)fputs(buf_text(&text), stdout);
    return e;
}
