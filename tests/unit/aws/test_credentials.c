/* Renewal: in the background before expiry, once for all who wait, forced, held after a failure. */
#include "tests/lib/unit.h"

#include "fake_provider.h"

struct world {
    struct fake_provider fake;
    struct jobs *jobs;
    struct aws_creds *creds;
};

static void world_init(struct world *w, int lifetime_s)
{
    fake_clock(0);
    fake_init(&w->fake, lifetime_s);
    CHECK_INT(jobs_new(1, &w->jobs), 0);
    CHECK_INT(aws_creds_new(&w->fake.provider, w->jobs, &w->creds), 0);
}

static void world_done(struct world *w)
{
    fake_gate(&w->fake, false);
    aws_creds_put(w->creds);
    jobs_free(w->jobs);
    CHECK_INT(w->fake.frees, 1);
    clock_stand_at_ns(0);
}

/* current() without a waiter; the key's number, or the error. */
static int current(struct world *w)
{
    struct aws_credentials *c = NULL;
    errint r = aws_creds_current(w->creds, &c, NULL);
    int number = r ? r : atoi(c->access_key_id + 4);
    aws_credentials_put(c);
    return number;
}

static int wait_for(struct world *w, struct cancel *cancel, int64_t deadline_ns)
{
    struct aws_credentials *c = NULL;
    errint r = aws_creds_wait(w->creds, cancel, deadline_ns, &c);
    int number = r ? r : atoi(c->access_key_id + 4);
    aws_credentials_put(c);
    return number;
}

static void test_first_fetch(void)
{
    struct world w;
    struct blocker b;
    struct aws_credentials *c = NULL;
    world_init(&w, 0);
    blocker_init(&b);
    CHECK_INT(aws_creds_expires_unix(w.creds), 0);
    CHECK_INT(aws_creds_current(w.creds, &c, &b.waiter), -EAGAIN);
    CHECK_INT(blocker_wait(&b, 0), 0);
    CHECK_INT(aws_creds_current(w.creds, &c, &b.waiter), 0);
    CHECK_STR(c->access_key_id, "AKIA1");
    CHECK_STR(c->session_token, "token");
    CHECK_STR(aws_creds_provider_name(w.creds), "fake");
    aws_credentials_put(c);
    fake_clock(1000LL * 3600 * 24 * 365);
    CHECK_INT(current(&w), 1);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 1);
    blocker_done(&b);
    world_done(&w);
}

#define MANY 100

static void test_once_for_all_waiters(void)
{
    struct world w;
    static struct blocker b[MANY];
    struct aws_credentials *c[MANY] = {0};
    world_init(&w, 3600);
    fake_gate(&w.fake, true);
    for (int i = 0; i < MANY; i++) {
        blocker_init(&b[i]);
        CHECK_INT(aws_creds_current(w.creds, &c[i], &b[i].waiter), -EAGAIN);
    }
    fake_gate(&w.fake, false);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(blocker_wait(&b[i], 0), 0);
        CHECK_INT(aws_creds_current(w.creds, &c[i], &b[i].waiter), 0);
        CHECK(c[i] == c[0]);
        aws_credentials_put(c[i]);
        blocker_done(&b[i]);
    }
    CHECK_INT(w.fake.fetches, 1);
    world_done(&w);
}

static void *wait_in_thread(void *arg)
{
    struct world *w = arg;
    CHECK_INT(wait_for(w, NULL, 0), 1);
    return NULL;
}

static void test_once_for_all_threads(void)
{
    struct world w;
    pthread_t threads[MANY];
    world_init(&w, 3600);
    fake_gate(&w.fake, true);
    for (int i = 0; i < MANY; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, wait_in_thread, &w), 0);
    fake_gate(&w.fake, false);
    for (int i = 0; i < MANY; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(w.fake.fetches, 1);
    world_done(&w);
}

static void test_renewal_before_expiry(void)
{
    struct world w;
    world_init(&w, 3600);
    CHECK_INT(wait_for(&w, NULL, 0), 1);
    CHECK_INT(aws_creds_expires_unix(w.creds), FAKE_EPOCH + 3600);
    fake_clock(1000 * (3600 - 920));
    CHECK_INT(current(&w), 1);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 1);
    fake_clock(1000 * (3600 - 890));
    fake_gate(&w.fake, true);
    CHECK_INT(current(&w), 1); /* the old ones serve while the new ones come */
    CHECK_INT(current(&w), 1);
    fake_gate(&w.fake, false);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 2);
    CHECK_INT(current(&w), 2);
    world_done(&w);
}

static void test_session_of_two_seconds(void)
{
    struct world w;
    world_init(&w, 2);
    CHECK_INT(wait_for(&w, NULL, 0), 1);
    fake_clock(1000);
    CHECK_INT(current(&w), 1);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 1);
    fake_clock(1650);
    CHECK_INT(current(&w), 1);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 2);
    CHECK_INT(current(&w), 2);
    fake_clock(60000); /* nobody asked before they were gone */
    CHECK_INT(current(&w), -EAGAIN);
    CHECK_INT(wait_for(&w, NULL, 0), 3);
    world_done(&w);
}

static void test_no_stampede_after_failure(void)
{
    struct world w;
    struct blocker b[3];
    struct aws_credentials *c;
    world_init(&w, 3600);
    w.fake.failure = -EACCES;
    fake_gate(&w.fake, true);
    for (int i = 0; i < 3; i++) {
        blocker_init(&b[i]);
        CHECK_INT(aws_creds_current(w.creds, &c, &b[i].waiter), -EAGAIN);
    }
    fake_gate(&w.fake, false);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(blocker_wait(&b[i], 0), 0);
        fake_clock(100);
        CHECK_INT(aws_creds_current(w.creds, &c, &b[i].waiter), -EACCES);
        CHECK_STR(err_message(), "fetch 1 failed");
        blocker_done(&b[i]);
    }
    fake_clock(200);
    CHECK_INT(wait_for(&w, NULL, 0), -EACCES);
    CHECK_INT(w.fake.fetches, 1);
    w.fake.failure = 0;
    fake_clock(5000);
    CHECK_INT(current(&w), -EAGAIN);
    CHECK_INT(wait_for(&w, NULL, 0), 2);
    world_done(&w);
}

static void test_failed_renewal_keeps_the_old(void)
{
    struct world w;
    world_init(&w, 3600);
    CHECK_INT(wait_for(&w, NULL, 0), 1);
    w.fake.failure = -EHOSTUNREACH;
    fake_clock(1000 * (3600 - 800));
    CHECK_INT(current(&w), 1);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 2);
    fake_clock(1000 * (3600 - 750)); /* within an eighth of what is left */
    CHECK_INT(current(&w), 1);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 2);
    fake_clock(1000 * (3600 - 600));
    CHECK_INT(current(&w), 1);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 3);
    fake_clock(1000 * 3610);
    CHECK_INT(wait_for(&w, NULL, 0), -EHOSTUNREACH);
    world_done(&w);
}

static void test_forced_renewal(void)
{
    struct world w;
    struct aws_credentials *first = NULL;
    world_init(&w, 3600);
    CHECK_INT(aws_creds_wait(w.creds, NULL, 0, &first), 0);
    aws_creds_expired(w.creds, first);
    CHECK_INT(current(&w), -EAGAIN);
    CHECK_INT(wait_for(&w, NULL, 0), 2);
    aws_creds_expired(w.creds, first); /* replaced meanwhile: says nothing of the new ones */
    CHECK_INT(current(&w), 2);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 2);
    aws_credentials_put(first);
    world_done(&w);
}

static void test_expired_when_they_came(void)
{
    struct world w;
    world_init(&w, -10);
    CHECK_INT(wait_for(&w, NULL, 0), -EKEYEXPIRED);
    CHECK_STR(err_message(), "credentials of fake: expired at 2026-11-23T08:59:50Z");
    world_done(&w);
}

static void ask(void *arg, struct cancel *c)
{
    (void)c;
    cancel_ask(arg);
}

static void test_cancelled_wait_harms_nobody(void)
{
    struct world w;
    struct cancel cancel;
    world_init(&w, 3600);
    cancel_init(&cancel);
    fake_gate(&w.fake, true);
    CHECK_INT(jobs_start(w.jobs, "ask", ask, &cancel), 0);
    CHECK_INT(wait_for(&w, &cancel, 0), -EINTR); /* was the one that fetched */
    fake_gate(&w.fake, false);
    CHECK_INT(wait_for(&w, NULL, 0), 2);
    cancel_done(&cancel);
    world_done(&w);
}

static void test_deadline_of_a_wait(void)
{
    struct world w;
    struct aws_credentials *c = NULL;
    world_init(&w, 3600);
    fake_gate(&w.fake, true);
    CHECK_INT(aws_creds_current(w.creds, &c, NULL), -EAGAIN);
    while (!w.fake.fetches)
        (void)cancel_sleep_until(NULL, clock_monotonic_ns() + CLOCK_NS_PER_MS);
    CHECK_INT(wait_for(&w, NULL, clock_monotonic_ns() + 10 * CLOCK_NS_PER_MS), -ETIMEDOUT);
    fake_gate(&w.fake, false);
    CHECK_INT(wait_for(&w, NULL, 0), 1);
    world_done(&w);
}

struct nested {
    struct world *w;
    struct blocker lined, done;
    int number;
};

static void wait_in_job(void *arg, struct cancel *c)
{
    struct nested *n = arg;
    (void)blocker_wait(&n->lined, 0);
    n->number = wait_for(n->w, c, 0);
    task_wake(&n->done.task);
}

/* The pool's only thread waits for credentials whose job stands in line behind it. */
static void test_job_waits_without_another_job(void)
{
    struct world w;
    world_init(&w, 3600);
    struct nested n = {.w = &w};
    blocker_init(&n.lined);
    blocker_init(&n.done);
    CHECK_INT(jobs_start(w.jobs, "nested", wait_in_job, &n), 0);
    CHECK_INT(current(&w), -EAGAIN);
    task_wake(&n.lined.task);
    CHECK_INT(blocker_wait(&n.done, 0), 0);
    CHECK_INT(n.number, 1);
    fake_drain(w.jobs);
    CHECK_INT(w.fake.fetches, 1);
    blocker_done(&n.lined);
    blocker_done(&n.done);
    world_done(&w);
}

static void test_stopped_jobs(void)
{
    struct world w;
    world_init(&w, 3600);
    jobs_stop(w.jobs);
    CHECK_INT(current(&w), -ESHUTDOWN);
    world_done(&w);
}

/* -EAGAIN of a provider (no process could be made) must not read as "you will be woken". */
static void test_a_failure_is_never_eagain(void)
{
    struct world w;
    world_init(&w, 3600);
    w.fake.failure = -EAGAIN;
    CHECK_INT(wait_for(&w, NULL, 0), -ENOMEM);
    fake_clock(100);
    CHECK_INT(current(&w), -ENOMEM);
    world_done(&w);
}

static void test_clock_set_back(void)
{
    struct world w;
    world_init(&w, 3600);
    w.fake.failure = -EACCES;
    CHECK_INT(wait_for(&w, NULL, 0), -EACCES);
    w.fake.failure = 0;
    fake_clock(-3600 * 1000);
    CHECK_INT(wait_for(&w, NULL, 0), 2);
    world_done(&w);
}

static void test_keys_are_visible_ascii(void)
{
    struct aws_credentials *c = NULL;
    CHECK_INT(aws_credentials_new("", "s", NULL, 0, &c), -EINVAL);
    CHECK_INT(aws_credentials_new("a", "", NULL, 0, &c), -EINVAL);
    CHECK_INT(aws_credentials_new("a\r\nx: y", "s", NULL, 0, &c), -EINVAL);
    CHECK_INT(aws_credentials_new("a", "s", "t\n", 0, &c), -EINVAL);
    CHECK_INT(aws_credentials_new("a", "s t", NULL, 0, &c), -EINVAL);
    CHECK(!strstr(err_message(), "s t"));
    CHECK_INT(aws_credentials_new("a", "s", "", 7, &c), 0);
    CHECK(!c->session_token);
    CHECK_INT(c->expires_unix, 7);
    aws_credentials_put(c);
}

static const struct unit_test tests[] = {
    {"first_fetch", test_first_fetch},
    {"once_for_all_waiters", test_once_for_all_waiters},
    {"once_for_all_threads", test_once_for_all_threads},
    {"renewal_before_expiry", test_renewal_before_expiry},
    {"session_of_two_seconds", test_session_of_two_seconds},
    {"no_stampede_after_failure", test_no_stampede_after_failure},
    {"failed_renewal_keeps_the_old", test_failed_renewal_keeps_the_old},
    {"forced_renewal", test_forced_renewal},
    {"expired_when_they_came", test_expired_when_they_came},
    {"cancelled_wait_harms_nobody", test_cancelled_wait_harms_nobody},
    {"deadline_of_a_wait", test_deadline_of_a_wait},
    {"job_waits_without_another_job", test_job_waits_without_another_job},
    {"stopped_jobs", test_stopped_jobs},
    {"a_failure_is_never_eagain", test_a_failure_is_never_eagain},
    {"clock_set_back", test_clock_set_back},
    {"keys_are_visible_ascii", test_keys_are_visible_ascii},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
