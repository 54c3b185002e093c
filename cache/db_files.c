/* Folders and files of the databases, made and opened so that nobody else's link, file or right is ever followed.
 *
 * The folder's path is resolved once and compared with what was opened, since SQLite refuses any link in a path it is
 * given. Files are looked at with fstatat, never opened: closing one drops every POSIX lock that SQLite holds on it in
 * this process. create_lock keeps the one file that is opened here, to be made, from a second connection of this
 * process.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cache/db.h"

static pthread_mutex_t create_lock = PTHREAD_MUTEX_INITIALIZER;

static errint make_folders(const char *dir)
{
    char path[PATH_MAX];
    size_t len = strlen(dir);
    if (len >= sizeof path || len == 0)
        return err_set(*dir ? -ENAMETOOLONG : -ENOENT, "the folder \"%.100s\" cannot be", dir);
    memcpy(path, dir, len + 1);
    for (char *p = path + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char end = *p;
        *p = '\0';
        struct stat st;
        if (mkdir(path, 0700) < 0 && errno != EEXIST && stat(path, &st) < 0)
            return err_set(-errno, "making the folder %s: %s", path, strerror(errno));
        if (!end)
            return 0;
        *p = end;
    }
}

static errint check_folder(int fd, const char *name)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_set(-errno, "%s: %s", name, strerror(errno));
    if (st.st_uid != geteuid())
        return err_set(-EACCES, "the folder %s belongs to user %u", name, (unsigned)st.st_uid);
    if (st.st_mode & 022)
        return err_set(-EACCES, "the folder %s may be written by others (mode %04o)", name,
                       (unsigned)(st.st_mode & 07777));
    return 0;
}

static bool same_folder(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* For a link open() says that it is no folder, which it seems to be. */
static errint refuse_folder(const char *dir, int error)
{
    struct stat st;
    if (lstat(dir, &st) == 0 && S_ISLNK(st.st_mode))
        return err_set(-EACCES, "the folder %s is a link: name the folder that it leads to", dir);
    return err_set(-error, "the folder %s: %s", dir, strerror(error));
}

errint cache_db_folder(const char *dir, int *ret_fd, char **ret_path)
{
    errint r = make_folders(dir);
    if (r < 0)
        return r;
    int fd cleanup_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return refuse_folder(dir, errno);
    r = check_folder(fd, dir);
    if (r < 0)
        return r;
    char *path cleanup_free = realpath(dir, NULL);
    if (!path)
        return err_set(-errno, "the folder %s: %s", dir, strerror(errno));
    if (!same_folder(fd, path))
        return err_set(-EACCES, "the folder %s changed while it was opened", dir);
    *ret_fd = steal_fd(&fd);
    *ret_path = steal_ptr(&path);
    return 0;
}

errint cache_db_subfolder(int dirfd, const char *name, int *ret_fd)
{
    if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
        return err_set(-errno, "making the folder %s: %s", name, strerror(errno));
    int fd cleanup_fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set(errno == ELOOP ? -EACCES : -errno, "the folder %s: %s", name, strerror(errno));
    errint r = check_folder(fd, name);
    if (r < 0)
        return r;
    *ret_fd = steal_fd(&fd);
    return 0;
}

static errint check_file(int dirfd, const char *name)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(-errno, "%s: %s", name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(-EIO, "%s is not a plain file", name);
    if (st.st_uid != geteuid())
        return err_set(-EACCES, "%s belongs to user %u", name, (unsigned)st.st_uid);
    if ((st.st_mode & 077) && fchmodat(dirfd, name, 0600, 0) < 0 && errno != EROFS)
        return err_set(-errno, "taking others' rights from %s: %s", name, strerror(errno));
    return 0;
}

errint cache_db_check_file(int dirfd, const char *name)
{
    pthread_mutex_lock(&create_lock);
    errint r = check_file(dirfd, name);
    pthread_mutex_unlock(&create_lock);
    return r;
}

errint cache_db_create_file(int dirfd, const char *name)
{
    pthread_mutex_lock(&create_lock);
    int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error = errno;
    if (fd >= 0)
        close(fd);
    pthread_mutex_unlock(&create_lock);
    return fd >= 0 ? 0 : err_set(-error, "making %s: %s", name, strerror(error));
}

errint cache_db_lock_file(int dirfd, const char *name, bool wait, int *ret_fd)
{
    int fd cleanup_fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(-errno, "the lock file %s: %s", name, strerror(errno));
    int r;
    while ((r = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB))) < 0 && errno == EINTR)
        continue;
    if (r < 0)
        return err_set(errno == EWOULDBLOCK ? -EBUSY : -errno, "locking %s: %s", name, strerror(errno));
    *ret_fd = steal_fd(&fd);
    return 0;
}
