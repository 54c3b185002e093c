/* wait:  refused or unproven -> pause (1, 2, 4, 5, 5 … s) and again, until the time is up; granted, or refused by an
 *        explicit deny -> done.
 * check: for no ID and for a wrong one: refused -> good; unproven -> pause and again; granted -> 30 s, once more:
 *        granted -> the role is refused. */
#include "model/trust.h"

#include <stdio.h>
#include <string.h>

int model_trust_unproven(errint e)
{
    return e == -ETIMEDOUT || e == -EHOSTUNREACH || e == -ENETUNREACH || e == -EAGAIN || e == -EBUSY ||
           e == -ECONNREFUSED || e == -ECONNRESET || e == -EIO;
}

int model_trust_for_good(const char *message)
{
    return strstr(message, "with an explicit deny") != NULL;
}

static int64_t pause_ms(unsigned attempt)
{
    return attempt > 2 ? 5000 : 1000LL << attempt;
}

/* Sleeps before the next attempt, or gives E back when that would be past the end. */
static errint again(const struct model_trust *t, unsigned attempt, int64_t end_ms, errint e, struct cancel *c)
{
    int64_t left_ms = end_ms - t->now_ms(t->arg), ms = pause_ms(attempt);
    if (left_ms <= 0)
        return e;
    errint slept = t->pause(t->arg, ms < left_ms ? ms : left_ms, c);
    return slept < 0 ? slept : 0;
}

static void say_attempt(const struct model_trust *t, unsigned attempt, const char *what)
{
    char line[700];
    (void)snprintf(line, sizeof line, "attempt %u: %s: %s", attempt + 1, what, err_message());
    t->say(t->arg, line);
}

errint model_trust_wait(const struct model_trust *t, const char *external_id, int64_t wait_ms, struct cancel *c)
{
    int64_t end_ms = t->now_ms(t->arg) + wait_ms;
    for (unsigned attempt = 0;; attempt++) {
        errint e = t->assume(t->arg, external_id, c);
        if ((e != -EACCES && !model_trust_unproven(e)) || (e == -EACCES && model_trust_for_good(err_message())))
            return e;
        say_attempt(t, attempt, "the role does not let us in yet");
        struct err kept = {0};
        err_keep(&kept, e);
        errint go_on = again(t, attempt, end_ms, e, c);
        if (go_on == e)
            (void)err_again(&kept);
        err_done(&kept);
        if (go_on < 0)
            return go_on;
    }
}

/* The first answer that proves something: 0 granted, -EACCES refused. */
static errint ask(const struct model_trust *t, const char *external_id, int64_t end_ms, struct cancel *c)
{
    for (unsigned attempt = 0;; attempt++) {
        errint e = t->assume(t->arg, external_id, c);
        if (!model_trust_unproven(e))
            return e;
        say_attempt(t, attempt, "the refusal could not be tried");
        struct err kept = {0};
        err_keep(&kept, e);
        errint go_on = again(t, attempt, end_ms, e, c);
        if (go_on == e)
            (void)err_set(e, "nothing proved that the role refuses others: %s",
                          kept.message ? kept.message : err_name(e));
        err_done(&kept);
        if (go_on == e)
            return e == -EHOSTUNREACH || e == -ENETUNREACH ? e : -ETIMEDOUT;
        if (go_on < 0)
            return go_on;
    }
}

errint model_trust_check(const struct model_trust *t, const char *wrong_id, int64_t wait_ms, struct cancel *c)
{
    const char *const ids[] = {NULL, wrong_id};
    int64_t end_ms = t->now_ms(t->arg) + wait_ms;
    for (unsigned i = 0; i < 2; i++) {
        errint e = ask(t, ids[i], end_ms, c);
        if (e == 0) {
            t->say(t->arg, i ? "a wrong external ID was let in; once more" : "no external ID was asked for; once more");
            e = t->pause(t->arg, MODEL_TRUST_AGAIN_MS, c);
            if (e == 0)
                e = ask(t, ids[i], end_ms + MODEL_TRUST_AGAIN_MS, c);
        }
        if (e == 0)
            return err_set(-EACCES,
                           "the role can be assumed %s: its trust policy lacks the condition sts:ExternalId, so "
                           "that anyone's customer could name it (confused deputy)",
                           i ? "with a wrong external ID" : "without an external ID");
        if (e != -EACCES)
            return e;
    }
    return 0;
}
