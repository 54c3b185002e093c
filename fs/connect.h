/* One open file of `connect`: its text over however many writes, the command that the text becomes, its answer.
 *
 * Ownership: counted: the open file and a running command. Threads: any; one command at a time.
 * Errors:    -EINVAL (malformed, or over 4 KiB) and whatever the command gives.
 * Cost:      a job's thread while a command runs.
 */
#ifndef CTFS_FS_CONNECT_H
#define CTFS_FS_CONNECT_H

#include "fs/fs.h"
#include "model/command.h"

struct fs_connect;

errint fs_connect_new(struct fs *fs, struct fs_connect **ret);
/* The file is closed: text that never became whole is dropped, and said. */
void fs_connect_close(struct fs_connect *c);

/* A write: its text is added; if that makes a command whole, it runs, W waits and -EAGAIN is given until it ended; its
 * result then. *STAGE is 0 at the first call and the same variable at each call after -EAGAIN; not 0 while a command of
 * this write runs. */
errint fs_connect_write(struct fs_connect *c, const char *data, size_t len, unsigned *stage, struct waiter *w);

/* The command that runs shall end (an interrupt); the write that waits for it gets what it then gives. */
void fs_connect_cancel(struct fs_connect *c);

/* Has anything been written? Then reads are answered by the last command's answer, from where the last read ended. */
bool fs_connect_wrote(struct fs_connect *c);
errint fs_connect_read(struct fs_connect *c, size_t len, struct buf *ret, struct waiter *w);

#endif
