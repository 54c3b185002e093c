/* Tasks that are run again when woken, the threads that run them, and what they wait for.
 *
 * Nothing in ctfs blocks a thread on the network in the read path. Code that cannot go on returns -EAGAIN after it put
 * a waiter on the list of whatever it needs; when that changes, the waiter's task is woken and its run() called again,
 * from the top, until it no longer needs to wait.
 *
 * Ownership: all structs are embedded in their owners. A list must stay while waiters are on it; once waitlist_wake has
 *            emptied it, it may go at once, even while one of them is being cancelled. To free a task or a waiter: see
 *            to it that run() adds no more, waiter_cancel, task_drain, free.
 * Threads:   any thread may wake, add, cancel; one waiter is added by one thread at a time. A task's run() is never
 *            called twice at once. Lock order: an owner's lock, then a list's, then an executor's (both private and
 *            leaf).
 * Errors:    executor_new fails with -ENOMEM or -EAGAIN (no thread).
 * Cost:      a wake is one queue push and one futex.
 */
#ifndef CTFS_BASE_TASK_H
#define CTFS_BASE_TASK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errors.h"

struct executor;

/* THREADS threads named NAME (15 bytes), all signals blocked. */
errint executor_new(const char *name, unsigned threads, struct executor **ret);

/* Waits for the queue to empty, ends the threads. No task may be woken during or after it. NULL is nothing. */
void executor_free(struct executor *ex);

struct task {
    void (*run)(struct task *);
    struct executor *executor; /* NULL: run() is called by the waker itself, under its locks: it may only set and
                                  signal, or wake tasks; a waitlist it must not touch (an assertion sees to that) */
    struct task *next;         /* private */
    atomic_uint state;         /* private */
};

void task_init(struct task *t, struct executor *ex, void (*run)(struct task *));

/* run() will be called at least once after this call began. Wakes while it runs make it run once more. */
void task_wake(struct task *t);

/* Waits until T is neither queued nor running. The caller has made sure that nothing wakes it any more. Not from run().
 */
void task_drain(struct task *t);

/* From T's own run() alone, as its last act: T is not touched again behind it, so that run() may free what holds T (an
 * answered request frees itself). The caller has made sure that nothing wakes T any more. */
void task_forget(struct task *t);

struct waitlist {
    struct waiter *first; /* private; its lock is task.c's, so that it outlives the list */
};

struct waiter {
    struct task *task;
    _Atomic(struct waitlist *) list; /* private; NULL when not waiting */
    struct waiter *next, *prev;      /* private */
};

void waitlist_init(struct waitlist *l);
void waitlist_done(struct waitlist *l); /* the list must be empty */

void waiter_init(struct waiter *w, struct task *t);

/* Puts W at the end of L; a W that waits on another list leaves that first. W NULL is nothing. Call it under the lock
 * that guards the condition, in the same hold in which the condition was seen to be false. */
void waitlist_add(struct waitlist *l, struct waiter *w);

/* Takes every waiter out and wakes its task. Call it under the lock that guards the condition. */
void waitlist_wake(struct waitlist *l);

/* The number that wait, for status. */
unsigned waitlist_count(struct waitlist *l);

/* W no longer waits, and no wake touches it any more. Its task may have been woken before: run() may still come. */
void waiter_cancel(struct waiter *w);

/* A waiter for a thread that may block (a job's thread, a test, a command line): never on a FUSE thread. */
struct blocker {
    struct task task;
    struct waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
};

void blocker_init(struct blocker *b);
/* Waits until woken or DEADLINE_NS (monotonic; 0: none): 0 or -ETIMEDOUT. Ready for the next wait afterwards. */
errint blocker_wait(struct blocker *b, int64_t deadline_ns);
/* Leaves its list and frees. */
void blocker_done(struct blocker *b);

#endif
