/* ctfs umount: the mount's process is asked to end, which takes the mount away even when it is busy, and its end is
 * waited for, so that the next mount finds the cache free. A dead mount is taken away.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "fs/mountpoint.h"

#define END_MS 5000

/* -ESRCH: no such process, or not ours to end: the mount is then taken away without it. */
static errint end_process(pid_t pid)
{
    int fd cleanup_fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0)
        return err_set(-ESRCH, "process %ld cannot be ended", (long)pid);
    struct pollfd end = {.fd = fd, .events = POLLIN};
    return poll(&end, 1, END_MS) == 1 ? 0 : err_set(-ETIMEDOUT, "process %ld does not end", (long)pid);
}

static errint take_away(const char *word)
{
    struct buf point cleanup_buf = BUF_INIT;
    struct fs_mountpoint at;
    errint e = fs_mountpoint_resolve(word, &point);
    if (e == 0)
        e = fs_mountpoint_find(buf_text(&point), &at);
    if (e)
        return e;
    if (at.dead)
        return fs_mountpoint_detach(buf_text(&point), true);
    e = end_process(at.pid);
    if (e == -ESRCH)
        return fs_mountpoint_detach(buf_text(&point), false);
    if (e == 0 && fs_mountpoint_find(buf_text(&point), &at) == 0 && at.dead)
        e = fs_mountpoint_detach(buf_text(&point), true); /* its process could not: that is to be said */
    return e;
}

static int run(int argc, char **argv)
{
    struct cli_parse p = {.command = &cli_umount_command, .argc = argc, .argv = argv, .next = 1};
    const char *word, *point = NULL, *value;
    enum cli_word kind;
    while ((kind = cli_parse_next(&p, &word, &value)) == CLI_ARGUMENT) {
        if (point)
            return cli_usage(&cli_umount_command, "one word too many: %s", word);
        point = word;
    }
    if (kind != CLI_END)
        return 2;
    if (!point)
        return cli_usage(&cli_umount_command, "what to unmount is missing");
    errint e = take_away(point);
    return e ? cli_fail(&cli_umount_command, e) : 0;
}

const struct cli_command cli_umount_command = {
    .name = "umount",
    .arguments = "MOUNTPOINT",
    .summary = "Ends a mount, busy or not, and waits for its end",
    .run = run,
};
