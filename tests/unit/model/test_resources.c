/* EC2 instances by region, as files; the account in direct mode. */
#include "model/resources.h"

#include "tests/unit/model/fake_aws.h"

#define INSTANCE(id, state)                                                                                            \
    "<item><reservationId>r-1</reservationId><ownerId>012345678901</ownerId><instancesSet><item><instanceId>" id       \
    "</instanceId><instanceState><code>16</code><name>" state "</name></instanceState>"                                \
    "<instanceType>m5.large</instanceType><tagSet><item><key>team</key><value>web</value></item></tagSet>"             \
    "</item></instancesSet></item>"
#define ANSWER(items)                                                                                                  \
    "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet>" items             \
    "</reservationSet></DescribeInstancesResponse>"

static int put_id(void *arg, const char *id)
{
    buf_printf(arg, "%s ", id);
    return 0;
}

static void check_file(struct fake *f, const char *id, enum model_instance_file which, const char *want)
{
    struct buf text = BUF_INIT;
    int64_t floor_ns = 0;
    CHECK_INT(model_instance_file(f->customer, "eu-west-1", id, which, &text, &floor_ns), 0);
    CHECK_STR(buf_text(&text), want);
    buf_done(&text);
}

static void instances_are_files(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    int64_t ns = 0;
    fake_start(&f);
    fake_say(&f, "DescribeInstances", NULL, 200, ANSWER(INSTANCE("i-0b", "running") INSTANCE("i-0a", "stopped")));
    CHECK_INT(fake_need(&f, MODEL_INSTANCES, "eu-west-1"), 0);
    CHECK_INT(model_instances_each(f.customer, "eu-west-1", put_id, &text), 0);
    CHECK_STR(buf_text(&text), "i-0a i-0b ");
    check_file(&f, "i-0b", MODEL_INSTANCE_STATE, "running\n");
    check_file(&f, "i-0b", MODEL_INSTANCE_TYPE, "m5.large\n");
    check_file(&f, "i-0b", MODEL_INSTANCE_TAGS_JSON,
               "{\n    \"Tags\": [\n        {\n            \"Key\": \"team\",\n            \"Value\": \"web\"\n"
               "        }\n    ]\n}\n");
    buf_reset(&text);
    CHECK_INT(model_instance_file(f.customer, "eu-west-1", "i-0a", MODEL_INSTANCE_JSON, &text, &ns), 0);
    CHECK(strstr(buf_text(&text), "    \"InstanceId\": \"i-0a\",\n") != NULL);
    CHECK(strstr(buf_text(&text), "    \"OwnerId\": \"012345678901\"") != NULL);
    CHECK_INT(model_instance_file(f.customer, "eu-west-1", "i-none", MODEL_INSTANCE_JSON, &text, &ns), -ENOENT);
    CHECK_INT(model_instance_changed(f.customer, "eu-west-1", "i-0a", &ns), 0);
    CHECK(ns > 0);
    CHECK_INT(model_instances_each(f.customer, "us-east-1", put_id, &text), -ENOENT);
    buf_done(&text);
    fake_stop(&f);
}

static void a_change_of_state_moves_that_instance_alone(void)
{
    struct fake f;
    int64_t a = 0, b = 0, a2 = 0, b2 = 0;
    fake_start(&f);
    fake_say(&f, "DescribeInstances", NULL, 200, ANSWER(INSTANCE("i-0b", "running") INSTANCE("i-0a", "running")));
    CHECK_INT(fake_need(&f, MODEL_INSTANCES, "eu-west-1"), 0);
    CHECK_INT(model_instance_changed(f.customer, "eu-west-1", "i-0a", &a), 0);
    CHECK_INT(model_instance_changed(f.customer, "eu-west-1", "i-0b", &b), 0);
    fake_say(&f, "DescribeInstances", NULL, 200, ANSWER(INSTANCE("i-0b", "running") INSTANCE("i-0a", "stopped")));
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_INSTANCES, NULL), 0);
    CHECK_INT(model_instance_changed(f.customer, "eu-west-1", "i-0a", &a2), 0);
    CHECK_INT(model_instance_changed(f.customer, "eu-west-1", "i-0b", &b2), 0);
    CHECK(a2 > a);
    CHECK_INT(b2, b);
    check_file(&f, "i-0a", MODEL_INSTANCE_STATE, "stopped\n");
    fake_stop(&f);
}

static void ids_that_are_no_ids_are_refused(void)
{
    struct fake f;
    fake_start(&f);
    fake_say(&f, "DescribeInstances", NULL, 200, ANSWER(INSTANCE("../../x", "running")));
    CHECK_INT(fake_need(&f, MODEL_INSTANCES, "eu-west-1"), -EIO);
    fake_say(&f, "DescribeInstances", NULL, 200, ANSWER(INSTANCE("i-0a&#10;b", "running")));
    CHECK_INT(fake_need(&f, MODEL_INSTANCES, "us-east-1"), -EIO);
    fake_stop(&f);
}

static void the_callers_account_is_learnt_once(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    CHECK_INT(model_resources_accounts_each(f.customer, put_id, &text), -EAGAIN);
    CHECK_INT(fake_need(&f, MODEL_CALLER, ""), 0);
    CHECK_INT(model_resources_accounts_each(f.customer, put_id, &text), 0);
    CHECK_STR(buf_text(&text), "012345678901 ");
    CHECK_INT(f.calls, 1);
    buf_done(&text);
    fake_stop(&f);
}

static const struct unit_test tests[] = {
    {"instances_are_files", instances_are_files},
    {"a_change_of_state_moves_that_instance_alone", a_change_of_state_moves_that_instance_alone},
    {"ids_that_are_no_ids_are_refused", ids_that_are_no_ids_are_refused},
    {"the_callers_account_is_learnt_once", the_callers_account_is_learnt_once},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
