/* The one log line of a failed operation, with a limit on their number.
 *
 * Ownership: nothing. Threads: any. Errors: none. Cost: a lock a failure.
 */
#ifndef CTFS_FS_COMPLAIN_H
#define CTFS_FS_COMPLAIN_H

#include "fs/request.h"

/* OP PATH: ERRNO: the thread's message. What any tool may provoke at will is told at debug level. */
void fs_complain(const struct fs_request *r, errint e);

#endif
