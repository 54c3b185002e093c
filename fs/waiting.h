/* Who waits for this mount's answers, for status.
 *
 * Ownership: copies. Threads: any. Errors: none. Cost: a look at all that is parked, and /proc for those that are told.
 */
#ifndef CTFS_FS_WAITING_H
#define CTFS_FS_WAITING_H

#include "model/status.h"

/* A model_waiting_list; FS is a struct fs. The longest waiting first. */
size_t fs_waiting_list(void *fs, struct model_waiting *ret, size_t max);

#endif
