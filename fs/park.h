/* The park: requests that wait, with their deadlines, their interrupts and the mount's end. One thread.
 *
 * It never answers a request: it gives a verdict and wakes the request's task, and the try that follows answers.
 *
 * Ownership: requests are their makers'; one leaves before it is answered. Freed when empty.
 * Threads:   any.
 * Errors:    -ENOMEM, -EAGAIN (no thread).
 * Cost:      a lock an entering and a leaving; the list is in order of deadlines.
 */
#ifndef CTFS_FS_PARK_H
#define CTFS_FS_PARK_H

#include "base/task.h"

struct fs_park;

enum fs_parked_phase { FS_FIRST_TRY, FS_FIRST_TRY_WOKEN, FS_PARKED };

/* Embedded in a request. */
struct fs_parked {
    struct task *task;          /* woken with a verdict */
    enum fs_parked_phase phase; /* protected by the park's lock, as all below */
    bool linked, interrupted;
    uint64_t reads;   /* the node whose bytes it waits for, or 0; constant */
    int64_t since_ns; /* monotonic: when it entered */
    int64_t due_ns;
    errint next_verdict; /* given when due */
    struct fs_parked *next, *prev;
    atomic_int verdict; /* 0, -ETIMEDOUT, -EINTR, -ENOTCONN: the next -EAGAIN is answered with it */
};

errint fs_park_new(struct fs_park **ret);
void fs_park_free(struct fs_park *park); /* empty by now */

void fs_parked_init(struct fs_parked *p, struct task *task, uint64_t reads);

/* The first try ended with -EAGAIN: from here on wakes run the task. DEADLINE_NS monotonic; 0: none. P may be answered
 * and gone before this returns. */
void fs_park_enter(struct fs_park *park, struct fs_parked *p, int64_t deadline_ns);

/* May the task go on? False while the first try is still under way on its own thread: the wake is kept for then. */
bool fs_park_ready(struct fs_park *park, struct fs_parked *p);

/* Before P is answered: no verdict comes any more. */
void fs_park_leave(struct fs_park *park, struct fs_parked *p);
/* After it was answered: the park may be empty now. */
void fs_park_left(struct fs_park *park);

/* From libfuse's interrupt callback, under its lock: marks and wakes. */
void fs_park_interrupt(struct fs_park *park, struct fs_parked *p);

/* Does a read of NODE wait since BEFORE_NS (monotonic) or longer? Cost: a look at all that is parked. */
bool fs_park_reads(struct fs_park *park, uint64_t node, int64_t before_ns);

/* SEE is told of all that is parked, under the park's lock: it may look and copy, no more. */
void fs_park_look(struct fs_park *park, void (*see)(void *arg, const struct fs_parked *p), void *arg);

/* Everything that waits, now or later, ends with -ENOTCONN. */
void fs_park_stop(struct fs_park *park);
/* Waits until nothing is parked, DEADLINE_NS (monotonic) at most. -ETIMEDOUT. */
errint fs_park_wait_empty(struct fs_park *park, int64_t deadline_ns);
unsigned fs_park_count(struct fs_park *park);

#endif
