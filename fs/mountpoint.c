/* /proc/self/mountinfo (proc_pid_mountinfo(5)): ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS…] - TYPE SOURCE SUPER. A
 * later line lies over an earlier one of the same point. Blanks in a path are \040 and so on.
 *
 * The pid is what the mount itself says (an attribute of its root). It is believed only if such a process exists, is named
 * ctfs and runs as the mount's owner, since whoever mounts a filesystem may have it say anything.
 */
#include "fs/mountpoint.h"

#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "fs/kind.h"

extern char **environ;

static errint resolve_parent(const char *path, struct buf *ret)
{
    char folder[PATH_MAX], real[PATH_MAX];
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t name = len; /* where the last part begins */
    while (name > 0 && path[name - 1] != '/')
        name--;
    if (len >= sizeof folder)
        return err_set(-ENAMETOOLONG, "a path of %zu bytes", len);
    (void)snprintf(folder, sizeof folder, "%.*s", name ? (int)name : 1, name ? path : ".");
    if (!realpath(folder, real))
        return err_set(-errno, "%s: %s", folder, strerror(errno));
    buf_printf(ret, "%s/%.*s", strcmp(real, "/") == 0 ? "" : real, (int)(len - name), path + name);
    return buf_error(ret);
}

errint fs_mountpoint_resolve(const char *path, struct buf *ret)
{
    char real[PATH_MAX];
    if (realpath(path, real)) {
        buf_puts(ret, real);
        return buf_error(ret);
    }
    if (errno == ENOTCONN || errno == ECONNABORTED)
        return resolve_parent(path, ret);
    return err_set(-errno, "%s: %s", path, strerror(errno));
}

static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        if (at[0] == '\\' && strspn(at + 1, "01234567") >= 3) {
            *to = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
            at += 4;
        } else {
            *to = *at++;
        }
    }
    *to = '\0';
}

/* Splits a line; false for one that does not read so. */
static bool split_line(char *line, char **ret_point, const char **ret_type, const char **ret_super)
{
    char *tail = strstr(line, " - ");
    char *rest = line, *point = NULL;
    if (!tail)
        return false;
    *tail = '\0';
    for (int i = 0; i < 5 && rest; i++)
        point = strsep(&rest, " ");
    rest = tail + 3;
    *ret_type = strsep(&rest, " ");
    (void)strsep(&rest, " ");
    *ret_super = rest ? rest : "";
    if (!point)
        return false;
    unescape(point);
    *ret_point = point;
    return true;
}

/* The topmost mount at RESOLVED: is it ours, and whose. */
static errint find_line(const char *resolved, uid_t *ret_owner)
{
    FILE *f cleanup_file = fopen("/proc/self/mountinfo", "re");
    if (!f)
        return err_set(-errno, "/proc/self/mountinfo: %s", strerror(errno));
    char *line cleanup_free = NULL;
    size_t room = 0;
    bool found = false;
    while (getline(&line, &room, f) > 0) {
        char *point;
        const char *type, *super;
        if (!split_line(line, &point, &type, &super) || strcmp(point, resolved) != 0)
            continue;
        found = strcmp(type, "fuse.ctfs") == 0;
        const char *owner = strstr(super, "user_id=");
        *ret_owner = owner ? (uid_t)strtoul(owner + 8, NULL, 10) : 0;
    }
    return found ? 0 : err_set(-ENOENT, "no ctfs is mounted on %s", resolved);
}

bool fs_mountpoint_each(bool (*each)(void *arg, const char *resolved), void *arg)
{
    FILE *f cleanup_file = fopen("/proc/self/mountinfo", "re");
    char *line cleanup_free = NULL;
    size_t room = 0;
    bool found = false;
    while (f && !found && getline(&line, &room, f) > 0) {
        char *point;
        const char *type, *super;
        found = split_line(line, &point, &type, &super) && strcmp(type, "fuse.ctfs") == 0 && each(arg, point);
    }
    return found;
}

/* The folder itself, not its path: links and bind mounts lead to it too. */
bool fs_mountpoint_keeps(const char *resolved, const char *state_dir)
{
    char theirs[PATH_MAX] = "";
    struct stat a, b;
    return getxattr(resolved, FS_XATTR_STATE_DIR, theirs, sizeof theirs - 1) > 0 && stat(theirs, &a) == 0 &&
           stat(state_dir, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool is_ctfs_of(pid_t pid, uid_t owner)
{
    char path[64], name[32] = "";
    unsigned uid = UINT_MAX;
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *f cleanup_file = fopen(path, "re");
    char *line cleanup_free = NULL;
    size_t room = 0;
    while (f && getline(&line, &room, f) > 0) {
        (void)sscanf(line, "Name: %31s", name);
        (void)sscanf(line, "Uid: %u", &uid);
    }
    return uid == owner && strncmp(name, "ctfs", 4) == 0;
}

errint fs_mountpoint_find(const char *resolved, struct fs_mountpoint *ret)
{
    *ret = (struct fs_mountpoint){0};
    errint e = find_line(resolved, &ret->owner);
    if (e)
        return e;
    struct statvfs s; /* never answered from the kernel's cache */
    if (statvfs(resolved, &s) < 0) {
        ret->dead = errno == ENOTCONN || errno == ECONNABORTED;
        return 0;
    }
    char text[32] = "";
    ssize_t len = getxattr(resolved, FS_XATTR_PID, text, sizeof text - 1);
    pid_t pid = len > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
    if (pid > 1 && is_ctfs_of(pid, ret->owner))
        ret->pid = pid;
    return 0;
}

static errint run_fusermount(const char *resolved, bool lazy)
{
    char program[] = "fusermount3", options[] = "-u", lazily[] = "-uz", end[] = "--";
    char *argv[] = {program, lazy ? lazily : options, end, (char *)(uintptr_t)resolved, NULL};
    pid_t child;
    int status = 0;
    int e = posix_spawnp(&child, "fusermount3", NULL, NULL, argv, environ);
    if (e)
        return err_set(-e, "fusermount3: %s", strerror(e));
    if (waitpid(child, &status, 0) < 0)
        return err_set(-errno, "fusermount3: %s", strerror(errno));
    return status == 0 ? 0 : err_set(-EBUSY, "%s cannot be unmounted: it is busy, or another's", resolved);
}

errint fs_mountpoint_detach(const char *resolved, bool lazy)
{
    if (umount2(resolved, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
        return 0;
    if (errno == EPERM)
        return run_fusermount(resolved, lazy);
    return err_set(-errno, "%s cannot be unmounted: %s", resolved, strerror(errno));
}
