/* The folder of the cache: whose it is, a private one below it, and what is cleared away in it. For store_open.c.
 *
 * Ownership: descriptors are the caller's. Threads: any; processes exclude each other by flock. Errors: as db.h.
 * Cost: a few system calls; removing a folder, one a file.
 */
#ifndef CTFS_CACHE_STORE_FOLDER_H
#define CTFS_CACHE_STORE_FOLDER_H

#include <stddef.h>

#include "base/errors.h"

/* Takes the folder: -EBUSY when another process has it. The lock goes with *RET_FD. */
errint cache_store_folder_own(int dirfd, int *ret_fd);

/* Makes a folder of this process' own below DIRFD and takes it. NAME is at least 32 bytes. */
errint cache_store_folder_private(int dirfd, char *ret_name, size_t size, int *ret_fd, int *ret_lock_fd);

/* Removes private folders whose process is gone. */
void cache_store_folder_clean(int dirfd);

/* Removes NAME and all below it, following no link. */
void cache_store_folder_remove(int dirfd, const char *name);

/* Renames cache.db to cache.db.bad-TIME, and what belongs to it; removes all but the newest few. RET_NAME gets the name. */
errint cache_store_folder_set_aside(int dirfd, char *ret_name, size_t size);

#endif
