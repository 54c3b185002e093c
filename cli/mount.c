/* ctfs mount: settings, then fs/mount. mount(8) and fstab come here too, with a source that may be a mere word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "fs/mount.h"

struct arguments {
    const char *words[2];
    int count;
    bool foreground;
};

static errint open_model(void *arg, struct model **ret)
{
    const struct fs_mount_setup *setup = arg;
    struct model *m;
    errint e = model_open(setup->settings, MODEL_WITH_CACHE, &m);
    if (e)
        return e;
    if (setup->source)
        e = model_open_direct(m, setup->source);
    if (e == 0) /* a name that is lost later (another renamed it) is said by status */
        e = model_check_chosen(m);
    if (e) {
        model_stop(m);
        model_free(m);
        return e;
    }
    *ret = m;
    return 0;
}

/* False: said already, or not to be understood. */
static bool read_words(struct cli_parse *p, struct arguments *a)
{
    const char *text, *value;
    for (;;) {
        switch (cli_parse_next(p, &text, &value)) {
        case CLI_END:
            return true;
        case CLI_ARGUMENT:
            if (a->count == 2) {
                (void)cli_usage(p->command, "one word too many: %s", text);
                return false;
            }
            a->words[a->count++] = text;
            break;
        case CLI_OPTION:
            a->foreground |= strcmp(text, "-f") == 0;
            break;
        default:
            return false;
        }
    }
}

/* SOURCE MOUNTPOINT, or MOUNTPOINT. fstab has to write some source: what is no URI means none. */
static bool is_report(const char *word)
{
    return *word != '/' && *word != '.' && strstr(word, "://") != NULL;
}

/* A daemon's folder is /: what the SDKs' variables name must stay what it was here. */
static void make_absolute(void)
{
    static const char *const names[] = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        char *path cleanup_free = value && *value && *value != '/' && *value != '~' ? realpath(value, NULL) : NULL;
        if (path)
            (void)setenv(names[i], path, 1);
    }
}

static int mount_with(const struct cli_command *c, struct model_settings *settings, int argc, char **argv)
{
    struct cli_parse p = {.command = c, .settings = settings, .argc = argc, .argv = argv, .next = 1};
    struct arguments a = {0};
    if (!read_words(&p, &a))
        return 2;
    if (a.count == 0)
        return cli_usage(c, "where to mount is missing");
    const char *source = a.count == 2 && is_report(a.words[0]) ? a.words[0] : NULL;
    if (a.count == 1 && is_report(a.words[0]))
        return cli_usage(c, "where to mount %s is missing", a.words[0]);
    struct fs_mount_setup setup = {
        .mountpoint = a.words[a.count - 1],
        .source = source,
        .settings = settings,
        .foreground = a.foreground,
        .open_model = open_model,
        .arg = &setup,
    };
    make_absolute();
    errint e = fs_mount_run(&setup);
    return e ? cli_fail(c, e) : 0;
}

static int run(int argc, char **argv)
{
    struct model_settings settings;
    errint e = model_settings_init(&settings);
    if (e)
        return cli_fail(&cli_mount_command, e);
    int status = mount_with(&cli_mount_command, &settings, argc, argv);
    model_settings_done(&settings);
    return status;
}

static const struct cli_option options[] = {
    {"-f", NULL, "stay in the foreground; log to stderr"},
    {NULL, NULL, NULL},
};

const struct cli_command cli_mount_command = {
    .name = "mount",
    .arguments = "[-f] [-o OPTIONS] [s3://BUCKET/PREFIX/REPORT] MOUNTPOINT",
    .summary = "Mounts; returns once the tree answers",
    .options = options,
    .settings = true,
    .run = run,
};
