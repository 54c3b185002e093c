/* DIR/owner.lock is held by the one process that uses DIR. Another's folder is DIR/private-<16 hex digits> with an
 * owner.lock in it; whoever can take that lock knows that its process is gone and removes it. Making and cleaning exclude
 * each other by DIR/private.lock, so that a folder is not removed between its making and its locking.
 */
#include "cache/store_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cache/db.h"

#define PRIVATE_PREFIX "private-"
#define BAD_PREFIX "cache.db.bad-"
#define BAD_KEPT 3
#define DEPTH_MAX 4

DEFINE_CLEANUP(cleanup_closedirp, DIR *, (void)closedir)

errint cache_store_folder_own(int dirfd, int *ret_fd)
{
    return cache_db_lock_file(dirfd, "owner.lock", false, ret_fd);
}

static errint make_private(int dirfd, char *ret_name, size_t size, int *ret_fd)
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return err_set(-errno, "no random number for a private folder");
    snprintf(ret_name, size, PRIVATE_PREFIX "%016llx", (unsigned long long)number);
    return cache_db_subfolder(dirfd, ret_name, ret_fd);
}

errint cache_store_folder_private(int dirfd, char *ret_name, size_t size, int *ret_fd, int *ret_lock_fd)
{
    int lock cleanup_fd = -1, fd cleanup_fd = -1;
    errint r = cache_db_lock_file(dirfd, "private.lock", true, &lock);
    if (r == 0)
        r = make_private(dirfd, ret_name, size, &fd);
    if (r == 0)
        r = cache_store_folder_own(fd, ret_lock_fd);
    if (r == 0)
        *ret_fd = steal_fd(&fd);
    return r;
}

static DIR *list_folder(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        close(fd);
    return d;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void remove_tree(int folder, const char *name, int depth)
{
    if (unlinkat(folder, name, 0) == 0 || depth == 0)
        return;
    DIR *d cleanup(cleanup_closedirp) = list_folder(folder, name);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (!is_dots(e->d_name))
            remove_tree(dirfd(d), e->d_name, depth - 1);
    (void)unlinkat(folder, name, AT_REMOVEDIR);
}

void cache_store_folder_remove(int dirfd, const char *name)
{
    remove_tree(dirfd, name, DEPTH_MAX);
}

static void remove_if_left(int dirfd, const char *name)
{
    int fd cleanup_fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int lock cleanup_fd = -1;
    if (fd >= 0 && cache_store_folder_own(fd, &lock) == 0)
        cache_store_folder_remove(dirfd, name);
}

void cache_store_folder_clean(int dirfd)
{
    int lock cleanup_fd = -1;
    if (cache_db_lock_file(dirfd, "private.lock", true, &lock) < 0)
        return;
    DIR *d cleanup(cleanup_closedirp) = list_folder(dirfd, ".");
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, PRIVATE_PREFIX, sizeof PRIVATE_PREFIX - 1) == 0)
            remove_if_left(dirfd, e->d_name);
}

/* The oldest bad file by name, which has its time, and how many there are. */
static unsigned oldest_bad(int dirfd, char *ret_name, size_t size)
{
    DIR *d cleanup(cleanup_closedirp) = list_folder(dirfd, ".");
    unsigned count = 0;
    *ret_name = '\0';
    for (struct dirent *e; d && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (strncmp(e->d_name, BAD_PREFIX, sizeof BAD_PREFIX - 1) != 0 || e->d_name[len - 1] != 'Z')
            continue;
        count++;
        if (!*ret_name || strcmp(e->d_name, ret_name) < 0)
            snprintf(ret_name, size, "%s", e->d_name);
    }
    return count;
}

static void prune_bad(int dirfd)
{
    char name[256], wal[sizeof name + 8];
    for (unsigned guard = 0; guard < 64 && oldest_bad(dirfd, name, sizeof name) > BAD_KEPT; guard++) {
        snprintf(wal, sizeof wal, "%s-wal", name);
        (void)unlinkat(dirfd, wal, 0);
        cache_store_folder_remove(dirfd, name);
    }
}

static void bad_name(int dirfd, char *ret_name, size_t size)
{
    struct stat st;
    for (int64_t t = clock_wall_unix();; t++) {
        char iso[CLOCK_ISO_SIZE], basic[CLOCK_ISO_SIZE];
        size_t len = 0;
        clock_format_iso(t, iso);
        for (const char *p = iso; *p; p++)
            if (*p != '-' && *p != ':')
                basic[len++] = *p;
        basic[len] = '\0';
        snprintf(ret_name, size, BAD_PREFIX "%s", basic);
        if (fstatat(dirfd, ret_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return;
    }
}

errint cache_store_folder_set_aside(int dirfd, char *ret_name, size_t size)
{
    char wal[256];
    bad_name(dirfd, ret_name, size);
    if (renameat(dirfd, "cache.db", dirfd, ret_name) < 0 && errno != ENOENT)
        return err_set(-errno, "setting cache.db aside: %s", strerror(errno));
    snprintf(wal, sizeof wal, "%s-wal", ret_name);
    if (renameat(dirfd, "cache.db-wal", dirfd, wal) < 0)
        cache_store_folder_remove(dirfd, "cache.db-wal");
    cache_store_folder_remove(dirfd, "cache.db-shm");
    cache_store_folder_remove(dirfd, "cache.db-journal");
    prune_bad(dirfd);
    return 0;
}
