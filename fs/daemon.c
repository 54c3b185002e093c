/* The child writes one record to the pipe: the errno in decimal, a newline, the message. Its end without a record is its
 * death. A ready child puts /dev/null in place of its three streams, so that whoever waits for their end need not wait for
 * the mount's.
 */
#include "fs/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

void fs_daemon_harden(void)
{
    (void)umask(077);
    (void)prctl(PR_SET_DUMPABLE, 0);
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* All that the pipe brings until its end. */
static size_t read_record(int fd, char *to, size_t room)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, to + len, room - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    to[len] = '\0';
    return len;
}

static errint hear_child(int fd, pid_t child)
{
    char record[2048];
    if (read_record(fd, record, sizeof record) == 0) {
        int status = 0;
        (void)waitpid(child, &status, 0);
        return err_set(-ECHILD, "the mount ended before it answered (%s %d)",
                       WIFSIGNALED(status) ? "signal" : "exit status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    char *message = strchr(record, '\n');
    errint e = -(errint)strtol(record, NULL, 10);
    return e ? err_set(e, "%s", message ? message + 1 : "") : 0;
}

errint fs_daemon_fork(struct fs_daemon *d, bool *ret_child)
{
    int fds[2];
    (void)fflush(NULL);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_set(-errno, "cannot make a pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) {
        errint e = err_set(-errno, "cannot fork: %s", strerror(errno));
        (void)close(fds[0]);
        (void)close(fds[1]);
        return e;
    }
    if (child > 0) {
        (void)close(fds[1]);
        int fd cleanup_fd = fds[0];
        *ret_child = false;
        return hear_child(fd, child);
    }
    (void)close(fds[0]);
    (void)setsid();
    (void)!chdir("/");
    d->pipe = fds[1];
    *ret_child = true;
    return 0;
}

static void tell(struct fs_daemon *d, errint e, const char *message)
{
    char record[1200];
    int len = snprintf(record, sizeof record, "%d\n%s", -e, message);
    if (len > (int)sizeof record - 1)
        len = (int)sizeof record - 1;
    (void)!write(d->pipe, record, (size_t)len);
    (void)close(d->pipe);
    d->pipe = -1;
}

void fs_daemon_ready(struct fs_daemon *d)
{
    if (d->pipe < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        (void)dup2(null, fd);
    if (null > 2)
        (void)close(null);
    tell(d, 0, "");
}

void fs_daemon_failed(struct fs_daemon *d, errint e)
{
    if (d->pipe >= 0)
        tell(d, e, err_message());
}
