/* Whom a role trusts: waits until a fresh one can be assumed, then sees that it cannot be without its external ID.
 *
 * A refusal of AssumeRole says nothing of its cause, and a role just made refuses for a while. A throttle or a network
 * error proves nothing, nor does a refusal that is not of the role's (a key unknown to AWS, a proxy's page: ASSUME gives
 * -EAGAIN for those): it is tried again, and never passes for a refusal. (IAM user guide, "The confused deputy
 * problem".)
 *
 * Ownership: nothing. Threads: one caller; blocks. Errors: -EACCES refused, or trusting too much; -ETIMEDOUT or the
 * network's own when nothing could be proven; -EINTR. Cost: an AssumeRole an attempt.
 */
#ifndef CTFS_MODEL_TRUST_H
#define CTFS_MODEL_TRUST_H

#include <stdint.h>

#include "base/cancel.h"

struct model_trust {
    errint (*assume)(void *arg, const char *external_id /* NULL: without */, struct cancel *c);
    errint (*pause)(void *arg, int64_t ms, struct cancel *c);
    int64_t (*now_ms)(void *arg); /* monotonic */
    void (*say)(void *arg, const char *line);
    void *arg;
};

#define MODEL_TRUST_AGAIN_MS 30000 /* a role granted without its external ID is tried once more after this */

/* Until EXTERNAL_ID is let in, at most WAIT_MS; a refusal for good ends it. */
errint model_trust_wait(const struct model_trust *t, const char *external_id, int64_t wait_ms, struct cancel *c);

/* 0 when the role refuses whoever brings no external ID, and whoever brings WRONG_ID. */
errint model_trust_check(const struct model_trust *t, const char *wrong_id, int64_t wait_ms, struct cancel *c);

/* Says failure E nothing about what was asked (throttle, network)? */
int model_trust_unproven(errint e);

/* Does a refusal's MESSAGE name an explicit deny, which waiting does not cure? What is not there yet is refused without
 * one. (IAM user guide, "Troubleshoot access denied error messages".) */
int model_trust_for_good(const char *message);

#endif
