/* A request to stop, shared by who asks and who works.
 *
 * Ownership: embedded in its owner, which outlives every user.
 * Threads:   any.
 * Errors:    cancel_check gives -EINTR once asked.
 * Cost:      an atomic read.
 */
#ifndef CTFS_BASE_CANCEL_H
#define CTFS_BASE_CANCEL_H

#include "base/task.h"

struct cancel {
    atomic_bool asked;
    struct waitlist waiters; /* woken once asked */
};

void cancel_init(struct cancel *c);
void cancel_done(struct cancel *c);

/* Asks to stop and wakes whoever waits. Idempotent. */
void cancel_ask(struct cancel *c);

/* 0, or -EINTR with a message once asked. C NULL: 0. */
errint cancel_check(const struct cancel *c);

/* Sleeps until DEADLINE_NS (monotonic): 0, or -EINTR as soon as asked. C NULL sleeps on. */
errint cancel_sleep_until(struct cancel *c, int64_t deadline_ns);

#endif
