/* Words of a command line against a command's own table, so that --help and what is taken cannot differ. */
#include "base/cleanup.h"
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct cli_option *find_option(const struct cli_command *c, const char *word)
{
    for (const struct cli_option *o = c->options; o && o->name; o++)
        if (strcmp(o->name, word) == 0)
            return o;
    return NULL;
}

static enum cli_word wrong(const struct cli_parse *p, const char *before, const char *word, const char *behind)
{
    (void)cli_usage(p->command, "%s%s%s", before, word, behind);
    return CLI_WRONG;
}

/* -o LIST or -oLIST. CLI_END when the word is not one. */
static enum cli_word take_settings(struct cli_parse *p, const char *word)
{
    if (!p->settings || strncmp(word, "-o", 2) != 0)
        return CLI_END;
    const char *list = word + 2;
    if (!*list) {
        if (p->next >= p->argc)
            return wrong(p, "", word, " needs NAME=VALUE");
        list = p->argv[p->next++];
    }
    if (cli_settings_list(p->settings, list) < 0)
        return wrong(p, "", err_message(), "");
    return CLI_OPTION;
}

static enum cli_word take_option(struct cli_parse *p, const char *word, const char **ret_text, const char **ret_value)
{
    const struct cli_option *o = find_option(p->command, word);
    if (!o)
        return wrong(p, "no such option: ", word, "");
    *ret_text = o->name;
    *ret_value = NULL;
    if (!o->value)
        return CLI_OPTION;
    if (p->next >= p->argc)
        return wrong(p, "", word, " needs a value");
    *ret_value = p->argv[p->next++];
    return CLI_OPTION;
}

enum cli_word cli_parse_next(struct cli_parse *p, const char **ret_text, const char **ret_value)
{
    while (p->next < p->argc) {
        const char *word = p->argv[p->next++];
        *ret_text = "-o";
        *ret_value = NULL;
        if (p->ended || word[0] != '-' || !word[1]) {
            *ret_text = word;
            return CLI_ARGUMENT;
        }
        if (strcmp(word, "--") == 0) {
            p->ended = true;
            continue;
        }
        enum cli_word settings = take_settings(p, word);
        if (settings == CLI_WRONG)
            return CLI_WRONG;
        if (settings == CLI_END)
            return take_option(p, word, ret_text, ret_value);
    }
    return CLI_END;
}

/* What mount(8), fstab(5) and systemd put into an option list and no filesystem has to know. */
static bool passed_over(const char *name)
{
    static const char *const known[] = {"nofail",  "_netdev", "noauto", "auto",     "user",    "users",
                                        "nouser",  "owner",   "group",  "rw",       "ro",      "suid",
                                        "nosuid",  "dev",     "nodev",  "exec",     "noexec",  "atime",
                                        "noatime", "sync",    "async",  "defaults", "relatime"};
    if (strncmp(name, "x-", 2) == 0 || strncmp(name, "comment=", 8) == 0)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    return false;
}

static errint set_one(struct model_settings *settings, char *text)
{
    if (!*text || passed_over(text))
        return 0;
    char *value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    return model_settings_set(settings, text, value);
}

/* Takes the first option off *REST and undoes its quoting in place: a comma in "…" or behind a backslash is the value's,
 * as mount(8) and libfuse have it. NULL: a quote is left open. */
static char *next_option(char **rest)
{
    char *begin = *rest, *to = begin;
    bool quoted = false;
    const char *p = begin;
    for (; *p && (quoted || *p != ','); p++) {
        if (*p == '"')
            quoted = !quoted;
        else
            *to++ = *p == '\\' && p[1] ? *++p : *p;
    }
    *rest = *p ? begin + (p - begin) + 1 : NULL;
    *to = '\0';
    return quoted ? NULL : begin;
}

errint cli_settings_list(struct model_settings *settings, const char *list)
{
    char *copy cleanup_free = strdup(list);
    if (!copy)
        return err_set(-ENOMEM, "no memory for the options");
    for (char *rest = copy; rest;) {
        char *one = next_option(&rest);
        errint e = one ? set_one(settings, one) : err_set(-EINVAL, "a \" without its end in -o %s", list);
        if (e < 0)
            return e;
    }
    return 0;
}

int cli_fail(const struct cli_command *command, errint code)
{
    const char *message = err_message();
    (void)fprintf(stderr, "ctfs %s: %s\n", command->name, *message ? message : err_name(code));
    return 1;
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fprintf(stderr, "ctfs %s: %s\nUsage: ctfs %s %s\n", command->name, text, command->name, command->arguments);
    return 2;
}
