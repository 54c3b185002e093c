/* ctfs tsv [FILE…]: CSV records in, tab-separated out (model/tsv.h). Without files, or for "-", standard input. SIGPIPE ends
 * it silently, as it ends cat.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "model/tsv.h"

static errint filter(struct model_tsv *t, const char *name)
{
    if (strcmp(name, "-") == 0)
        return model_tsv_file(t, STDIN_FILENO, "standard input");
    int fd cleanup_fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(-errno, "%s: %s", name, strerror(errno));
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return model_tsv_file(t, fd, name);
}

/* What was right before a failure is written all the same, so that a pipe sees where it ended; the status says so. */
static errint filter_all(struct model_tsv *t, const char *const *names, size_t count)
{
    errint e = count ? 0 : filter(t, "-");
    for (size_t i = 0; e == 0 && i < count; i++)
        e = filter(t, names[i]);
    struct err first = {0};
    err_keep(&first, e);
    errint flushed = model_tsv_flush(t);
    e = first.code ? err_again(&first) : flushed;
    err_done(&first);
    return e;
}

static int run(int argc, char **argv)
{
    struct cli_parse p = {.command = &cli_tsv_command, .argc = argc, .argv = argv, .next = 1};
    struct model_tsv t cleanup(model_tsv_done);
    const char **names cleanup_free = calloc((size_t)argc + 1, sizeof *names);
    const char *text = NULL, *value = NULL;
    size_t count = 0;
    enum cli_word word;
    model_tsv_init(&t, STDOUT_FILENO);
    while ((word = cli_parse_next(&p, &text, &value)) == CLI_ARGUMENT && names)
        names[count++] = text;
    if (word != CLI_END)
        return 2;
    errint e = filter_all(&t, names, count);
    return e ? cli_fail(&cli_tsv_command, e) : 0;
}

const struct cli_command cli_tsv_command = {
    .name = "tsv",
    .arguments = "[FILE…]",
    .summary = "Turns CSV records into tab-separated lines, with one header for all files",
    .run = run,
};
