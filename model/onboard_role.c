/* Step 3: shape, identity, waiting for the role, refusal probes, permissions, report, then one put.
 *
 * Everything is tried with exactly this connection's external ID. A role that replaces another goes through all of it
 * before it takes the old one's place. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "aws/endpoint.h"
#include "aws/sts.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "model/answer.h"
#include "model/onboard.h"
#include "model/policies.h"
#include "model/trust.h"

#define WAIT_S 120
#define WAIT_S_MAX 3600
#define ROLE_ARN_MAX 2048

errint model_onboard_check_role_arn(const char *arn, const char *partition)
{
    char start[64];
    int n = snprintf(start, sizeof start, "arn:%s:iam::", partition);
    const char *rest = arn + n;
    if (strncmp(arn, "arn:", 4) == 0 && strstr(arn, ":iam::") && strncmp(arn, start, (size_t)n) != 0)
        return err_set(-EINVAL, "role_arn '%.120s' is of another partition than %s", arn, partition);
    bool good = strlen(arn) <= ROLE_ARN_MAX && strncmp(arn, start, (size_t)n) == 0 &&
                strspn(rest, "0123456789") == 12 && strncmp(rest + 12, ":role/", 6) == 0;
    const char *name = good ? rest + 18 : "";
    good = good && *name && name[strlen(name) - 1] != '/' && !strstr(name, "//") && *name != '/' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@/-") == strlen(name);
    return good ? 0
                : err_set(-EINVAL, "role_arn '%.120s' is not the ARN of an IAM role (arn:%s:iam::ACCOUNT:role/NAME)",
                          arn, partition);
}

/* arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION acts as arn:aws:iam::ACCOUNT:role/PATH/NAME. */
static bool acts_as(const char *arn, const char *role_arn)
{
    const char *name = strrchr(role_arn, '/');
    const char *session = strstr(arn, ":assumed-role/");
    if (!strstr(role_arn, ":role/") || !name || !session)
        return false;
    session += strlen(":assumed-role/");
    size_t len = strlen(name + 1);
    return strlen(session) > len && memcmp(session, name + 1, len) == 0 && session[len] == '/';
}

bool model_onboard_in_principal(const char *principal, const char *account, const char *arn)
{
    if (strcmp(principal, account) == 0)
        return true;
    const char *of = strstr(principal, ":iam::");
    if (!of || strncmp(of + 6, account, 12) != 0)
        return false;
    return strcmp(of + 18, ":root") == 0 || strcmp(principal, arn) == 0 || acts_as(arn, principal);
}

static errint check_identity(struct model_step *s, const char *principal)
{
    struct aws_identity who = {0};
    model_progress_say(s, "asking AWS who ctfs is");
    errint e = aws_sts_get_caller_identity(s->m->caller, s->cancel, &who);
    if (e < 0)
        return e;
    if (!model_onboard_in_principal(principal, who.account, who.arn))
        e = err_set(-EACCES, "ctfs acts as %s, which is not in the principal %s that this connection's template names",
                    who.arn, principal);
    aws_identity_done(&who);
    return e;
}

struct assuming {
    struct model_step *step;
    const char *role_arn;
    bool
        refusal_wanted; /* the role is tried by who should not get in: what is no refusal of AWS's must not pass for one */
};

static errint assume(void *arg, const char *external_id, struct cancel *c)
{
    struct assuming *a = arg;
    struct aws_assume_role in = {.role_arn = a->role_arn, .external_id = external_id};
    struct aws_credentials *credentials = NULL;
    if (a->refusal_wanted)
        return aws_sts_try_role(a->step->m->caller, &in, c);
    errint e = aws_sts_assume_role(a->step->m->caller, &in, c, &credentials);
    if (e == 0)
        aws_credentials_put(credentials);
    return e;
}

static errint pause_for(void *arg, int64_t ms, struct cancel *c)
{
    (void)arg;
    return cancel_sleep_until(c, clock_monotonic_ns() + ms * CLOCK_NS_PER_MS);
}

static int64_t now_ms(void *arg)
{
    (void)arg;
    return clock_monotonic_ns() / CLOCK_NS_PER_MS;
}

static void say(void *arg, const char *line)
{
    struct assuming *a = arg;
    model_progress_say(a->step, "%s", line);
}

static errint check_trust(struct model_step *s, const char *role_arn, const char *external_id, int64_t wait_ms)
{
    unsigned char bytes[16];
    char wrong[2 * sizeof bytes + 1];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return err_set(-EIO, "no random bytes for a wrong external ID");
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(wrong + 2 * i, 3, "%02x", bytes[i]);
    struct assuming a = {.step = s, .role_arn = role_arn};
    struct model_trust t = {.assume = assume, .pause = pause_for, .now_ms = now_ms, .say = say, .arg = &a};
    model_progress_say(s, "attempt 1: assuming %s", role_arn);
    errint e = model_trust_wait(&t, external_id, wait_ms, s->cancel);
    if (e < 0)
        return err_add(e, "the role %s", role_arn);
    model_progress_say(s, "trying %s without its external ID, and with a wrong one", role_arn);
    a.refusal_wanted = true;
    return model_trust_check(&t, wrong, wait_ms > 30000 ? wait_ms : 30000, s->cancel);
}

static errint read_wait(const struct model_step *s, int64_t *ret_ms)
{
    const char *text = model_command_value(s->command, "wait");
    char *end;
    if (!text) {
        *ret_ms = INT64_C(1000) * WAIT_S;
        return 0;
    }
    errno = 0;
    long long seconds = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || seconds > WAIT_S_MAX)
        return err_set(-EINVAL, "wait '%.40s' is not a number of seconds up to %d", text, WAIT_S_MAX);
    *ret_ms = seconds * 1000;
    return 0;
}

static errint find_pending(struct model *m, struct cache_connection *ret)
{
    errint e = model_row_find_pending(m, ret);
    return e == -ENOENT ? err_set(-EINVAL, "no connection is pending: begin with bucket=, report= and prefix=") : e;
}

/* Permissions and report, as SESSION sees them. */
static errint look(struct model_step *s, struct aws_session *session, struct cache_connection *row, int64_t wait_ms)
{
    char *granted cleanup_free = NULL;
    errint e = model_probe_all(s, session, row, wait_ms, &granted);
    if (e == 0)
        e = model_row_set(&row->granted, granted);
    return e ? e : model_onboard_report(s, session, row);
}

/* What came out of it, on a copy of the row. */
static errint verify(struct model_step *s, struct cache_connection *row, const char *role_arn, int64_t wait_ms)
{
    int64_t begun_ms = now_ms(NULL);
    errint e = check_identity(s, row->principal);
    if (e == 0)
        e = check_trust(s, role_arn, row->external_id, wait_ms);
    if (e == 0)
        e = model_row_set(&row->role_arn, role_arn);
    if (e < 0)
        return e;
    struct aws_assume_role in = {.role_arn = role_arn, .external_id = row->external_id};
    struct aws_session *session = NULL;
    e = aws_sts_role_session(s->m->caller, &in, &session);
    if (e < 0)
        return e;
    int64_t left_ms = begun_ms + wait_ms - now_ms(NULL);
    e = look(s, session, row, left_ms > 0 ? left_ms : 0);
    aws_session_put(session);
    return e;
}

static void answer_connected(struct model_step *s, const struct cache_connection *row)
{
    model_answer_add(s->answer, "connection", row->handle);
    model_answer_some(s->answer, "name", row->name);
    model_answer_add(s->answer, "state", "connected");
    model_answer_some(s->answer, "role_arn", row->role_arn);
    model_onboard_found(row, s->answer);
    model_policies_answer(s->m, row, s->answer);
}

static errint finish(struct model_step *s, struct cache_connection *row)
{
    row->connected = true;
    row->connected_unix = clock_wall_unix();
    row->last_error_unix = 0;
    errint e = model_row_set(&row->last_error, "");
    if (e == 0)
        e = cancel_check(s->cancel);
    if (e == 0)
        e = cache_state_put(s->m->state, row);
    if (e == 0)
        answer_connected(s, row);
    return e;
}

/* Under the connection's lock. */
static errint connect_locked(struct model_step *s, struct cache_connection *row, int64_t wait_ms)
{
    const char *name = model_command_value(s->command, "name");
    const char *role_arn = model_command_value(s->command, "role_arn");
    errint e = model_onboard_fix(s->m, row, s->cancel);
    if (e == 0 && name)
        e = model_onboard_check_name(s->m, name, row->handle);
    if (e == 0 && name)
        e = model_row_set(&row->name, name);
    row->direct = false;
    if (e == 0)
        e = verify(s, row, role_arn, wait_ms);
    return e ? e : finish(s, row);
}

static errint run_locked(struct model_step *s, struct cache_connection *row, int64_t wait_ms)
{
    struct cache_state_lock *lock = NULL;
    struct cache_connection now = {0};
    errint e = cache_state_lock(s->m->state, row->handle, &lock);
    if (e < 0)
        return e;
    model_progress_begin(s, row->handle);
    e = cache_state_get(s->m->state, row->handle, &now);
    if (e == 0)
        e = connect_locked(s, &now, wait_ms);
    if (e < 0)
        model_row_failed(s->m, row->handle, e);
    cache_connection_done(&now);
    model_progress_end(s);
    cache_state_unlock(lock);
    return e;
}

errint model_onboard_role(struct model_step *s)
{
    const char *named = model_command_value(s->command, "connection");
    int64_t wait_ms = 0;
    struct cache_connection row = {0};
    errint e = read_wait(s, &wait_ms);
    if (e == 0)
        e = model_onboard_check_role_arn(model_command_value(s->command, "role_arn"),
                                         aws_endpoint_partition(aws_session_region(s->m->caller)));
    if (e == 0)
        e = named ? model_row_find(s->m, named, &row) : find_pending(s->m, &row);
    if (e < 0)
        return e;
    (void)snprintf(s->handle, sizeof s->handle, "%s", row.handle);
    e = run_locked(s, &row, wait_ms);
    cache_connection_done(&row);
    return e;
}

errint model_onboard_verify(struct model_step *s, struct cache_connection *row, int64_t wait_ms)
{
    if (!row->direct) {
        char *role_arn cleanup_free = strdup(row->role_arn);
        return role_arn ? verify(s, row, role_arn, wait_ms) : err_set(-ENOMEM, "no memory for a role");
    }
    return look(s, s->m->caller, row, wait_ms);
}

errint model_onboard_direct(struct model_step *s, struct cache_connection *row)
{
    struct aws_identity who = {0};
    errint e = aws_sts_get_caller_identity(s->m->caller, s->cancel, &who);
    if (e < 0)
        return e;
    row->direct = true;
    e = model_row_set(&row->principal, who.account);
    aws_identity_done(&who);
    if (e == 0)
        e = model_row_set(&row->role_arn, "");
    if (e == 0)
        e = look(s, s->m->caller, row, 0);
    return e ? e : finish(s, row);
}
