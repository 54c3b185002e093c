/* Asking sets the flag, then wakes the list. Who waits adds itself first and looks at the flag afterwards: the list's
 * lock orders the two, so that either the waker finds the waiter or the waiter sees the flag.
 */
#include "base/cancel.h"

#include "base/clock.h"

void cancel_init(struct cancel *c)
{
    atomic_init(&c->asked, false);
    waitlist_init(&c->waiters);
}

void cancel_done(struct cancel *c)
{
    waitlist_done(&c->waiters);
}

void cancel_ask(struct cancel *c)
{
    atomic_store(&c->asked, true);
    waitlist_wake(&c->waiters);
}

errint cancel_check(const struct cancel *c)
{
    return c && atomic_load(&c->asked) ? err_set(-EINTR, "stopped on request") : 0;
}

errint cancel_sleep_until(struct cancel *c, int64_t deadline_ns)
{
    struct blocker b;
    blocker_init(&b);
    if (c)
        waitlist_add(&c->waiters, &b.waiter);
    errint result = cancel_check(c);
    while (result == 0 && clock_monotonic_ns() < deadline_ns) {
        (void)blocker_wait(&b, deadline_ns); /* the clock and the flag say what ended it */
        result = cancel_check(c);
    }
    blocker_done(&b);
    return result;
}
