/* Credentials: what a provider gives, and the renewal of it, once for all who wait.
 *
 * Ownership: struct aws_credentials and struct aws_creds are counted; the keys are wiped with the last reference.
 * Threads:   any. A provider's fetch runs on a job's thread, never twice at once for one aws_creds.
 * Errors:    of fetch: -EACCES refused, -ENOENT nothing configured here, -EKEYEXPIRED, -EINVAL malformed, network errors.
 * Cost:      current: a lock. A fetch is one file, one process or one request.
 */
#ifndef CTFS_AWS_CREDENTIALS_H
#define CTFS_AWS_CREDENTIALS_H

#include <stdint.h>

#include "base/cancel.h"
#include "base/job.h"

/* One immutable set of keys. All the secrets of ctfs live in these. */
struct aws_credentials {
    atomic_uint refs;
    char *access_key_id;
    char *secret_access_key;
    char *session_token;  /* NULL for long-lived keys */
    int64_t expires_unix; /* 0: never */
};

/* Copies the texts; one reference. */
errint aws_credentials_new(const char *access_key_id, const char *secret_access_key, const char *session_token,
                           int64_t expires_unix, struct aws_credentials **ret);
struct aws_credentials *aws_credentials_get(struct aws_credentials *c);
void aws_credentials_put(struct aws_credentials *c); /* NULL is nothing */

/* Where credentials come from: one file a kind, creds_*.c. */
struct aws_provider {
    const struct aws_provider_ops *ops;
};
struct aws_provider_ops {
    const char *name; /* "environment", "profile", "process", "role", … for status */
    errint (*fetch)(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret); /* may block */
    void (*free)(struct aws_provider *p);
    /* Of a provider that asks others: the name of the one that served last, NULL before. NULL: it asks none. */
    const char *(*served)(struct aws_provider *p);
};

/* A provider with its newest credentials. Takes PROVIDER. JOBS outlives it. */
struct aws_creds;
errint aws_creds_new(struct aws_provider *provider, struct jobs *jobs, struct aws_creds **ret);
struct aws_creds *aws_creds_get(struct aws_creds *c);
void aws_creds_put(struct aws_creds *c);

/* Credentials that are good for a while: the caller puts *RET. Renewed from 15 minutes before expiry on (a quarter of the
 * lifetime for shorter ones) in the background while the old ones still serve; when none serve, -EAGAIN with W waiting
 * for the fetch that is under way, once for all who ask. A failed fetch is the answer for who waited for it and for
 * 1 s after it (no stampede); then the next caller starts another. */
errint aws_creds_current(struct aws_creds *c, struct aws_credentials **ret, struct waiter *w);

/* The same for a thread that may block (a job's, a command line's): waits until they are there, CANCEL is asked (-EINTR) or
 * DEADLINE_NS (monotonic; 0: none) is past (-ETIMEDOUT). A fetch that no thread has begun yet is done on this one, whose
 * end is then the provider's own, so that jobs that wait for credentials never wait for a job. CANCEL may be NULL. */
errint aws_creds_wait(struct aws_creds *c, struct cancel *cancel, int64_t deadline_ns, struct aws_credentials **ret);

/* AWS said that USED is expired: unless they were replaced meanwhile, they serve no more and the next
 * aws_creds_current fetches. */
void aws_creds_expired(struct aws_creds *c, const struct aws_credentials *used);

/* The name of the provider that served (NULL: none did yet) and the expiry (0: never or none yet), for status. */
const char *aws_creds_provider_name(const struct aws_creds *c);
int64_t aws_creds_expires_unix(struct aws_creds *c);

#endif
