/* Whom a role trusts: scripted answers of AssumeRole, time that passes only in pauses. */
#include "model/trust.h"

#include "tests/lib/unit.h"

struct script {
    errint right[8], without[8], wrong[8]; /* answers in turn; the last repeats */
    unsigned right_at, without_at, wrong_at;
    int64_t now_ms, paused_ms;
    const char *message;
};

static errint next(const errint *answers, unsigned *at)
{
    errint e = answers[*at];
    if (*at < 7 && answers[*at + 1] != 1)
        (*at)++;
    return e ? err_set(e, "scripted") : 0;
}

static errint assume(void *arg, const char *external_id, struct cancel *c)
{
    struct script *s = arg;
    (void)c;
    if (s->message)
        return err_set(-EACCES, "%s", s->message);
    if (!external_id)
        return next(s->without, &s->without_at);
    return strcmp(external_id, "right") == 0 ? next(s->right, &s->right_at) : next(s->wrong, &s->wrong_at);
}

static errint pause_for(void *arg, int64_t ms, struct cancel *c)
{
    struct script *s = arg;
    s->now_ms += ms;
    s->paused_ms += ms;
    return cancel_check(c);
}

static int64_t now_ms(void *arg)
{
    return ((struct script *)arg)->now_ms;
}

static void say(void *arg, const char *line)
{
    (void)arg;
    CHECK(*line);
}

#define END 1
static struct model_trust trust_of(struct script *s)
{
    return (struct model_trust){.assume = assume, .pause = pause_for, .now_ms = now_ms, .say = say, .arg = s};
}

static void a_fresh_role_is_waited_for(void)
{
    struct script s = {.right = {-EACCES, -ETIMEDOUT, -EACCES, 0, END}};
    struct model_trust t = trust_of(&s);
    CHECK_INT(model_trust_wait(&t, "right", 120000, NULL), 0);
    CHECK_INT(s.paused_ms, 1000 + 2000 + 4000);
}

static void waiting_ends_with_the_refusal(void)
{
    struct script s = {.right = {-EACCES, END}};
    struct model_trust t = trust_of(&s);
    CHECK_INT(model_trust_wait(&t, "right", 10000, NULL), -EACCES);
    CHECK_INT(s.paused_ms, 10000);
    CHECK_STR(err_message(), "scripted");
    struct script at_once = {.right = {-EACCES, END}};
    t = trust_of(&at_once);
    CHECK_INT(model_trust_wait(&t, "right", 0, NULL), -EACCES);
    CHECK_INT(at_once.paused_ms, 0);
}

static void an_explicit_deny_is_not_waited_for(void)
{
    struct script denied = {.message = "sts AssumeRole: AccessDenied: User: arn:aws:iam::999900001111:user/ctfs is not "
                                       "authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r with "
                                       "an explicit deny in a service control policy"};
    struct model_trust t = trust_of(&denied);
    CHECK_INT(model_trust_wait(&t, "right", 120000, NULL), -EACCES);
    CHECK_INT(denied.paused_ms, 0);
    struct script fresh = {.message = "User: x is not authorized to perform: sts:AssumeRole on resource: y because no "
                                      "resource-based policy allows the sts:AssumeRole action"};
    t = trust_of(&fresh);
    CHECK_INT(model_trust_wait(&t, "right", 1000, NULL), -EACCES);
    CHECK_INT(fresh.paused_ms, 1000);
}

static void what_is_malformed_is_not_tried_again(void)
{
    struct script s = {.right = {-EINVAL, END}};
    struct model_trust t = trust_of(&s);
    CHECK_INT(model_trust_wait(&t, "right", 10000, NULL), -EINVAL);
    CHECK_INT(s.paused_ms, 0);
}

static void an_interrupt_ends_waiting(void)
{
    struct script s = {.right = {-EACCES, END}};
    struct model_trust t = trust_of(&s);
    struct cancel c;
    cancel_init(&c);
    cancel_ask(&c);
    CHECK_INT(model_trust_wait(&t, "right", 10000, &c), -EINTR);
    cancel_done(&c);
}

static void a_role_that_refuses_others_is_good(void)
{
    struct script s = {.without = {-EACCES, END}, .wrong = {-EACCES, END}};
    struct model_trust t = trust_of(&s);
    CHECK_INT(model_trust_check(&t, "wrong", 30000, NULL), 0);
    CHECK_INT(s.paused_ms, 0);
}

static void one_granted_without_is_tried_again_and_refused(void)
{
    struct script s = {.without = {0, 0, END}, .wrong = {-EACCES, END}};
    struct model_trust t = trust_of(&s);
    CHECK_INT(model_trust_check(&t, "wrong", 30000, NULL), -EACCES);
    CHECK_INT(s.paused_ms, MODEL_TRUST_AGAIN_MS);
    struct script wrong = {.without = {-EACCES, END}, .wrong = {0, 0, END}};
    t = trust_of(&wrong);
    CHECK_INT(model_trust_check(&t, "wrong", 30000, NULL), -EACCES);
    CHECK(strstr(err_message(), "wrong external ID"));
}

static void one_granted_once_and_then_refused_is_good(void)
{
    struct script s = {.without = {0, -EACCES, END}, .wrong = {-EACCES, END}};
    struct model_trust t = trust_of(&s);
    CHECK_INT(model_trust_check(&t, "wrong", 30000, NULL), 0);
    CHECK_INT(s.paused_ms, MODEL_TRUST_AGAIN_MS);
}

static void a_throttle_proves_nothing(void)
{
    struct script s = {.without = {-ETIMEDOUT, -EHOSTUNREACH, -EACCES, END}, .wrong = {-EACCES, END}};
    struct model_trust t = trust_of(&s);
    CHECK_INT(model_trust_check(&t, "wrong", 30000, NULL), 0);
    struct script never = {.without = {-ETIMEDOUT, END}, .wrong = {-EACCES, END}};
    t = trust_of(&never);
    CHECK_INT(model_trust_check(&t, "wrong", 30000, NULL), -ETIMEDOUT);
    struct script hidden = {.without = {-EACCES, END}, .wrong = {-ETIMEDOUT, 0, 0, END}};
    t = trust_of(&hidden);
    CHECK_INT(model_trust_check(&t, "wrong", 30000, NULL), -EACCES);
}

static const struct unit_test tests[] = {
    {"a_fresh_role_is_waited_for", a_fresh_role_is_waited_for},
    {"waiting_ends_with_the_refusal", waiting_ends_with_the_refusal},
    {"an_explicit_deny_is_not_waited_for", an_explicit_deny_is_not_waited_for},
    {"what_is_malformed_is_not_tried_again", what_is_malformed_is_not_tried_again},
    {"an_interrupt_ends_waiting", an_interrupt_ends_waiting},
    {"a_role_that_refuses_others_is_good", a_role_that_refuses_others_is_good},
    {"one_granted_without_is_tried_again_and_refused", one_granted_without_is_tried_again_and_refused},
    {"one_granted_once_and_then_refused_is_good", one_granted_once_and_then_refused_is_good},
    {"a_throttle_proves_nothing", a_throttle_proves_nothing},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
