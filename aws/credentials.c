/* One set of keys, one fetch at a time, one list of those who wait for it.
 *
 *   keys      none -> serve -> (time: expires; AWS: revoked) -> none serve; a fetch that succeeds makes them serve
 * again fetch     IDLE     nobody fetches              due -> LINED (a job was started) LINED    a job is in line for
 * it     its thread, or one in aws_creds_wait, -> RUNNING RUNNING  a thread is in fetch()      it returns -> IDLE, and
 * everyone who waits is woken
 *
 * A job that finds its fetch taken by a thread that waited does nothing. A failure is kept with its time: within
 * HOLD_NS of it no fetch begins, and who needs keys is given that failure. While the old keys still serve, the pause
 * after a failed renewal is an eighth of the time that is left, so that an outage of a quarter of an hour is not met
 * with a thousand requests. A fetch that was stopped is nobody's failure: who waits starts another.
 *
 * Wall time throughout: expiry is wall time. A clock set back ends the hold.
 *
 * Lock: creds->lock for all below it; jobs' and lists' locks are taken under it. No lock is held in fetch().
 */
#include "aws/credentials.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define HOLD_NS CLOCK_NS_PER_S
#define RENEW_BEFORE_NS (900 * CLOCK_NS_PER_S)

enum fetch { FETCH_IDLE, FETCH_LINED, FETCH_RUNNING };

struct aws_creds {
    atomic_uint refs;
    struct aws_provider *provider;
    struct jobs *jobs;
    pthread_mutex_t lock;
    enum fetch fetch; /* all below: protected by lock */
    struct aws_credentials *keys;
    bool revoked;
    int64_t renew_ns; /* of keys that expire: when to fetch the next ones */
    struct err failure;
    int64_t failed_ns;
    struct waitlist waiters;
};

static void wipe(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

/* What stands in a header must be visible ASCII. */
static bool is_visible(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static void credentials_free(struct aws_credentials *c)
{
    wipe(c->access_key_id);
    wipe(c->secret_access_key);
    wipe(c->session_token);
    free(c);
}

errint aws_credentials_new(const char *access_key_id, const char *secret_access_key, const char *session_token,
                           int64_t expires_unix, struct aws_credentials **ret)
{
    if (session_token && !*session_token)
        session_token = NULL;
    if (!*access_key_id || !*secret_access_key || !is_visible(access_key_id) || !is_visible(secret_access_key) ||
        (session_token && !is_visible(session_token)))
        return err_set(-EINVAL, "an access key that is empty or not in visible ASCII");
    struct aws_credentials *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(-ENOMEM, "credentials");
    atomic_init(&c->refs, 1);
    c->access_key_id = strdup(access_key_id);
    c->secret_access_key = strdup(secret_access_key);
    c->session_token = session_token ? strdup(session_token) : NULL;
    c->expires_unix = expires_unix;
    if (!c->access_key_id || !c->secret_access_key || (session_token && !c->session_token)) {
        credentials_free(c);
        return err_set(-ENOMEM, "credentials");
    }
    *ret = c;
    return 0;
}

struct aws_credentials *aws_credentials_get(struct aws_credentials *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void aws_credentials_put(struct aws_credentials *c)
{
    if (c && atomic_fetch_sub(&c->refs, 1) == 1)
        credentials_free(c);
}

errint aws_creds_new(struct aws_provider *provider, struct jobs *jobs, struct aws_creds **ret)
{
    struct aws_creds *c = calloc(1, sizeof *c);
    if (!c) {
        provider->ops->free(provider);
        return err_set(-ENOMEM, "credentials");
    }
    atomic_init(&c->refs, 1);
    c->provider = provider;
    c->jobs = jobs;
    pthread_mutex_init(&c->lock, NULL);
    waitlist_init(&c->waiters);
    *ret = c;
    return 0;
}

struct aws_creds *aws_creds_get(struct aws_creds *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void aws_creds_put(struct aws_creds *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    c->provider->ops->free(c->provider);
    aws_credentials_put(c->keys);
    err_done(&c->failure);
    waitlist_done(&c->waiters);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static int64_t expires_ns(const struct aws_credentials *keys)
{
    return keys->expires_unix > INT64_MAX / CLOCK_NS_PER_S ? INT64_MAX : keys->expires_unix * CLOCK_NS_PER_S;
}

static bool serves(const struct aws_creds *c, int64_t now_ns)
{
    return c->keys && !c->revoked && (!c->keys->expires_unix || now_ns < expires_ns(c->keys));
}

static bool is_due(const struct aws_creds *c, int64_t now_ns)
{
    return !serves(c, now_ns) || (c->keys->expires_unix && now_ns >= c->renew_ns);
}

/* Is a fetch held off by a failure just before? */
static bool is_held(const struct aws_creds *c, int64_t now_ns)
{
    if (!c->failure.code || now_ns < c->failed_ns)
        return false;
    int64_t hold_ns = HOLD_NS;
    if (serves(c, now_ns) && (expires_ns(c->keys) - now_ns) / 8 > hold_ns)
        hold_ns = (expires_ns(c->keys) - now_ns) / 8;
    return now_ns - c->failed_ns < hold_ns;
}

static void take_keys(struct aws_creds *c, struct aws_credentials *keys, int64_t asked_ns)
{
    int64_t before_ns = (expires_ns(keys) - asked_ns) / 4;
    if (before_ns > RENEW_BEFORE_NS)
        before_ns = RENEW_BEFORE_NS;
    c->renew_ns = expires_ns(keys) - before_ns;
    aws_credentials_put(c->keys);
    c->keys = keys;
    c->revoked = false;
    err_keep(&c->failure, 0);
}

/* -EAGAIN has one meaning here, that somebody will be woken: a thread or a process that could not be made is memory. */
static errint final_code(errint code)
{
    return code == -EAGAIN ? -ENOMEM : code;
}

static void take_failure(struct aws_creds *c, errint code)
{
    err_keep(&c->failure, final_code(code));
    c->failed_ns = clock_wall_ns();
}

static errint check_fresh(const struct aws_creds *c, const struct aws_credentials *keys)
{
    char iso[CLOCK_ISO_SIZE];
    if (!keys->expires_unix || clock_wall_ns() < expires_ns(keys))
        return 0;
    clock_format_iso(keys->expires_unix, iso);
    return err_set(-EKEYEXPIRED, "credentials of %s: expired at %s", c->provider->ops->name, iso);
}

/* Fetches on this thread. RUNNING was set by the caller; CANCEL asked means that only this thread gave up. */
static errint run_fetch(struct aws_creds *c, struct cancel *cancel)
{
    struct aws_credentials *keys = NULL;
    int64_t asked_ns = clock_wall_ns();
    errint r = c->provider->ops->fetch(c->provider, cancel, &keys);
    if (!r)
        r = check_fresh(c, keys);
    pthread_mutex_lock(&c->lock);
    c->fetch = FETCH_IDLE;
    if (!r)
        take_keys(c, keys, asked_ns);
    else if (!(cancel && atomic_load(&cancel->asked)))
        take_failure(c, r);
    waitlist_wake(&c->waiters);
    pthread_mutex_unlock(&c->lock);
    if (r)
        aws_credentials_put(keys);
    return final_code(r);
}

static void run_job(void *arg, struct cancel *cancel)
{
    struct aws_creds *c = arg;
    pthread_mutex_lock(&c->lock);
    bool mine = c->fetch == FETCH_LINED;
    if (mine)
        c->fetch = FETCH_RUNNING;
    pthread_mutex_unlock(&c->lock);
    if (mine)
        (void)run_fetch(c, cancel); /* kept as the failure of those who wait */
    aws_creds_put(c);
}

/* Under the lock. */
static void start_job(struct aws_creds *c)
{
    errint r = jobs_start(c->jobs, "credentials", run_job, aws_creds_get(c));
    if (!r) {
        c->fetch = FETCH_LINED;
        return;
    }
    atomic_fetch_sub(&c->refs, 1); /* the job's; the caller has one of its own */
    take_failure(c, r);
}

/* Under the lock: the answer of aws_creds_current. */
static errint answer(struct aws_creds *c, struct aws_credentials **ret, struct waiter *w)
{
    int64_t now_ns = clock_wall_ns();
    if (c->fetch == FETCH_IDLE && is_due(c, now_ns) && !is_held(c, now_ns))
        start_job(c);
    if (serves(c, now_ns)) {
        *ret = aws_credentials_get(c->keys);
        return 0;
    }
    if (c->fetch == FETCH_IDLE)
        return err_again(&c->failure);
    waitlist_add(&c->waiters, w);
    return -EAGAIN;
}

errint aws_creds_current(struct aws_creds *c, struct aws_credentials **ret, struct waiter *w)
{
    pthread_mutex_lock(&c->lock);
    errint r = answer(c, ret, w);
    pthread_mutex_unlock(&c->lock);
    return r;
}

/* Under the lock: takes the fetch, if keys are missing and no thread has it. */
static bool claim_fetch(struct aws_creds *c)
{
    int64_t now_ns = clock_wall_ns();
    if (serves(c, now_ns) || c->fetch == FETCH_RUNNING || (c->fetch == FETCH_IDLE && is_held(c, now_ns)))
        return false;
    c->fetch = FETCH_RUNNING;
    return true;
}

static errint wait_once(struct aws_creds *c, struct cancel *cancel, struct blocker *b, struct aws_credentials **ret)
{
    pthread_mutex_lock(&c->lock);
    bool mine = claim_fetch(c);
    errint r = mine ? 0 : answer(c, ret, &b->waiter);
    pthread_mutex_unlock(&c->lock);
    if (!mine)
        return r;
    r = run_fetch(c, cancel);
    return r ? r : aws_creds_current(c, ret, &b->waiter);
}

errint aws_creds_wait(struct aws_creds *c, struct cancel *cancel, int64_t deadline_ns, struct aws_credentials **ret)
{
    struct blocker b;
    struct waiter stop;
    blocker_init(&b);
    waiter_init(&stop, &b.task);
    if (cancel)
        waitlist_add(&cancel->waiters, &stop);
    errint r = cancel_check(cancel);
    while (!r && (r = wait_once(c, cancel, &b, ret)) == -EAGAIN) {
        r = blocker_wait(&b, deadline_ns);
        if (!r)
            r = cancel_check(cancel);
    }
    waiter_cancel(&stop);
    blocker_done(&b);
    return r;
}

void aws_creds_expired(struct aws_creds *c, const struct aws_credentials *used)
{
    pthread_mutex_lock(&c->lock);
    if (c->keys == used)
        c->revoked = true;
    pthread_mutex_unlock(&c->lock);
}

const char *aws_creds_provider_name(const struct aws_creds *c)
{
    return c->provider->ops->served ? c->provider->ops->served(c->provider) : c->provider->ops->name;
}

int64_t aws_creds_expires_unix(struct aws_creds *c)
{
    pthread_mutex_lock(&c->lock);
    int64_t expires_unix = c->keys ? c->keys->expires_unix : 0;
    pthread_mutex_unlock(&c->lock);
    return expires_unix;
}
