/* Which customer a process shows, as whom it reads, and what status says of it. */
#include "model/model.h"

#include "model/customer.h"
#include "model/status.h"
#include "tests/unit/model/fake_aws.h"

/* A model over state.db instead of direct mode. */
static void start(struct fake *f)
{
    fake_start(f);
    fake_close(f);
    f->customer = NULL;
    fake_must(model_open(&f->settings, MODEL_WITH_CACHE, &f->model));
}

static void put_row(struct fake *f, const char *handle, const char *name, bool connected)
{
    struct cache_connection row = {
        .handle = (char *)(uintptr_t)handle,
        .bucket = (char *)(uintptr_t) "bkt",
        .report = (char *)(uintptr_t)handle,
        .prefix = (char *)(uintptr_t) "cur",
        .name = (char *)(uintptr_t)name,
        .external_id = (char *)(uintptr_t) "the-external-id",
        .principal = (char *)(uintptr_t) "999900001111",
        .role_arn = (char *)(uintptr_t)(connected ? "arn:aws:iam::012345678901:role/ctfs" : ""),
        .bucket_owner = (char *)(uintptr_t) "",
        .definition_prefix = (char *)(uintptr_t) "",
        .notes = (char *)(uintptr_t) "{}",
        .granted = (char *)(uintptr_t) "[]",
        .last_error = (char *)(uintptr_t) "",
        .connected = connected,
        .created_unix = 1,
        .connected_unix = connected ? 2 : 0,
    };
    fake_must(cache_state_put(f->model->state, &row));
}

/* The handle shown, or the error's name. */
static const char *shown(struct fake *f)
{
    static char handle[64];
    struct model_customer *c = NULL;
    errint e = model_current(f->model, &c);
    (void)snprintf(handle, sizeof handle, "%s", e ? err_name(e) : c->connection.handle);
    model_customer_put(c);
    return handle;
}

static void the_only_connection_is_shown(void)
{
    struct fake f;
    start(&f);
    CHECK_STR(shown(&f), "ENOENT");
    put_row(&f, "c-00000001", "One", false);
    CHECK_STR(shown(&f), "c-00000001");
    put_row(&f, "c-00000002", "Two", false);
    CHECK_STR(shown(&f), "ENOTUNIQ");
    CHECK(strstr(err_message(), "One, Two") != NULL);
    put_row(&f, "c-00000002", "Two", true);
    CHECK_STR(shown(&f), "c-00000002"); /* onboarding another does not take the tree away */
    put_row(&f, "c-00000001", "One", true);
    CHECK_STR(shown(&f), "ENOTUNIQ");
    fake_must(model_settings_set(&f.settings, "connection", "One"));
    put_row(&f, "c-00000003", "Three", false); /* any write makes it look again */
    CHECK_STR(shown(&f), "c-00000001");
    fake_must(model_settings_set(&f.settings, "connection", "c-00000002"));
    put_row(&f, "c-00000003", "Three!", false);
    CHECK_STR(shown(&f), "c-00000002");
    fake_must(model_settings_set(&f.settings, "connection", "Nobody"));
    put_row(&f, "c-00000003", "Three", false);
    CHECK_STR(shown(&f), "ENOENT");
    fake_stop(&f);
}

static void a_pending_connection_reads_nothing(void)
{
    struct fake f;
    start(&f);
    put_row(&f, "c-00000001", "One", false);
    fake_must(model_current(f.model, &f.customer));
    CHECK(!f.customer->reading);
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), -EACCES);
    CHECK_INT(model_fetch_refresh(f.customer, MODEL_TOPIC_COUNT), -EACCES);
    fake_stop(&f);
}

static void another_name_keeps_the_session(void)
{
    struct fake f;
    struct model_customer *renamed = NULL;
    start(&f);
    put_row(&f, "c-00000001", "One", true);
    fake_must(model_current(f.model, &f.customer));
    CHECK_STR(f.customer->account, "012345678901");
    CHECK_STR(f.customer->scope, "c-00000001/");
    put_row(&f, "c-00000001", "Uno", true);
    fake_must(model_current(f.model, &renamed));
    CHECK(renamed != f.customer);
    CHECK(renamed->reading == f.customer->reading);
    CHECK(renamed->fetches == f.customer->fetches);
    CHECK_STR(renamed->connection.name, "Uno");
    model_customer_put(renamed);
    fake_stop(&f);
}

/* The role is assumed with this connection's external ID, under a session policy that can put nothing. */
static void the_role_is_assumed_for_reading_alone(void)
{
    struct fake f;
    start(&f);
    fake_say(&f, "AssumeRole", NULL, 200,
             "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIATEST</AccessKeyId>"
             "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
             "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>");
    fake_say(&f, "DescribeReportDefinitions", NULL, 200, "{\"ReportDefinitions\":[]}");
    put_row(&f, "c-00000001", "One", true);
    fake_must(model_current(f.model, &f.customer));
    CHECK_INT(fake_need(&f, MODEL_REPORTS, ""), 0);
    CHECK(strstr(f.assumed, "ExternalId=the-external-id") != NULL);
    CHECK(strstr(f.assumed, "RoleArn=arn%3Aaws%3Aiam%3A%3A012345678901%3Arole%2Fctfs") != NULL);
    CHECK(strstr(f.assumed, "Policy=") != NULL);
    CHECK(strstr(f.assumed, "s3%3AGetObject") != NULL);
    CHECK(!strstr(f.assumed, "s3%3APut") && !strstr(f.assumed, "s3%3A%2A"));
    fake_stop(&f);
}

static void check_uri(const char *uri, const char *bucket, const char *prefix, const char *report)
{
    struct cache_connection row;
    CHECK_INT(model_customer_parse_uri(uri, &row), 0);
    CHECK_STR(row.bucket, bucket);
    CHECK_STR(row.prefix, prefix);
    CHECK_STR(row.report, report);
    CHECK(row.direct && row.connected && strncmp(row.handle, "d-", 2) == 0);
    cache_connection_done(&row);
}

static void direct_uris_name_bucket_prefix_and_report(void)
{
    struct cache_connection row;
    check_uri("s3://b/p/r", "b", "p", "r");
    check_uri("s3://b/p/q/r/", "b", "p/q", "r");
    check_uri("s3://b/r", "b", "", "r");
    check_uri("s3://b//p//r", "b", "p", "r");
    CHECK_INT(model_customer_parse_uri("s3://b", &row), -EINVAL);
    CHECK_INT(model_customer_parse_uri("s3://b/", &row), -EINVAL);
    CHECK_INT(model_customer_parse_uri("s3:///p/r", &row), -EINVAL);
    CHECK_INT(model_customer_parse_uri("https://b/p/r", &row), -EINVAL);
}

static void status_says_what_is(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    enum model_health health;
    struct hash128 a, b;
    start(&f);
    CHECK_INT(model_status_text(f.model, &text, &health), 0);
    CHECK_INT(health, MODEL_UNCONNECTED);
    CHECK(strncmp(buf_text(&text), "unconnected\n", 12) == 0);
    put_row(&f, "c-00000001", "One", true);
    buf_reset(&text);
    CHECK_INT(model_status_text(f.model, &text, &health), 0);
    CHECK_INT(health, MODEL_OK);
    CHECK(strncmp(buf_text(&text), "ok\n", 3) == 0);
    CHECK(strstr(buf_text(&text), "\nconnection c-00000001 \"One\": connected s3://bkt/cur report c-00000001") != NULL);
    CHECK(strstr(buf_text(&text), "charges these requests and bytes to the customer's account 012345678901") != NULL);
    CHECK(strstr(buf_text(&text), "\nviews: ") != NULL);
    CHECK_INT(model_status_digest(f.model, &a), 0);
    model_status_note(f.model, "k/1", "part %d is bad", 1);
    CHECK_INT(model_status_digest(f.model, &b), 0);
    CHECK(a.a != b.a);
    buf_reset(&text);
    CHECK_INT(model_status_text(f.model, &text, &health), 0);
    CHECK_INT(health, MODEL_DEGRADED);
    CHECK(strstr(buf_text(&text), "part 1 is bad") != NULL);
    model_status_forget(f.model, "k/");
    model_status_tell(f.model, "k/2", "%d bytes came to nothing", 24);
    buf_reset(&text);
    CHECK_INT(model_status_text(f.model, &text, &health), 0);
    CHECK_INT(health, MODEL_OK);
    CHECK(strstr(buf_text(&text), "24 bytes came to nothing") != NULL);
    model_status_forget(f.model, "k/");
    CHECK_INT(model_status_digest(f.model, &b), 0);
    CHECK(a.a == b.a && a.b == b.b);
    buf_reset(&text);
    CHECK_INT(model_status_json(f.model, &text), 0);
    CHECK(strncmp(buf_text(&text), "{\n    \"health\": \"ok\",", 21) == 0);
    buf_done(&text);
    fake_stop(&f);
}

/* Requests and ages move; the digest does not. */
static void counters_do_not_move_the_digest(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    struct hash128 a, b;
    fake_start(&f);
    CHECK_INT(model_status_digest(f.model, &a), 0);
    fake_say(&f, "DescribeReportDefinitions", NULL, 200, "{\"ReportDefinitions\":[]}");
    CHECK_INT(fake_need(&f, MODEL_REPORTS, ""), 0);
    CHECK_INT(model_status_digest(f.model, &b), 0);
    CHECK(a.a == b.a && a.b == b.b);
    CHECK_INT(model_status_json(f.model, &text), 0);
    CHECK(strstr(buf_text(&text), "\"service\": \"cur\",\n            \"requests\": 1,") != NULL);
    CHECK(strstr(buf_text(&text), "\"topic\": \"reports\",") != NULL);
    buf_done(&text);
    fake_stop(&f);
}

static const struct unit_test tests[] = {
    {"the_only_connection_is_shown", the_only_connection_is_shown},
    {"a_pending_connection_reads_nothing", a_pending_connection_reads_nothing},
    {"another_name_keeps_the_session", another_name_keeps_the_session},
    {"the_role_is_assumed_for_reading_alone", the_role_is_assumed_for_reading_alone},
    {"direct_uris_name_bucket_prefix_and_report", direct_uris_name_bucket_prefix_and_report},
    {"status_says_what_is", status_says_what_is},
    {"counters_do_not_move_the_digest", counters_do_not_move_the_digest},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
