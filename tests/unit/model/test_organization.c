/* The organization: walked top-down, published whole or not at all, read as files. */
#include "model/organization.h"

#include "model/status.h"
#include "tests/unit/model/fake_aws.h"

#define ORGANIZATION                                                                                                   \
    "{\"Organization\":{\"Id\":\"o-1234567890\",\"Arn\":\"arn:aws:organizations::012345678901:organization/o-1\","     \
    "\"FeatureSet\":\"ALL\",\"MasterAccountId\":\"012345678901\"}}"
#define ACCOUNT(id, name)                                                                                              \
    "{\"Id\":\"" id "\",\"Arn\":\"arn:x\",\"Email\":\"a@b\",\"Name\":\"" name "\",\"Status\":\"ACTIVE\","              \
    "\"JoinedMethod\":\"CREATED\",\"JoinedTimestamp\":1767261600.5}"
#define UNIT(id, name) "{\"Id\":\"" id "\",\"Arn\":\"arn:u\",\"Name\":\"" name "\"}"

/* Root/{Prod/{Web}, Dev}: accounts with clashing and hostile names. */
static void say_all(struct fake *f)
{
    fake_say(f, "DescribeOrganization", NULL, 200, ORGANIZATION);
    fake_say(f, "ListRoots", NULL, 200, "{\"Roots\":[{\"Id\":\"r-abcd\",\"Arn\":\"arn:r\",\"Name\":\"Root\"}]}");
    fake_say(f, "ListOrganizationalUnitsForParent", NULL, 200, "{\"OrganizationalUnits\":[],\"NextToken\":null}");
    fake_say(f, "ListAccountsForParent", NULL, 200, "{\"Accounts\":[]}");
    fake_say(f, "ListOrganizationalUnitsForParent", "r-abcd", 200,
             "{\"OrganizationalUnits\":[" UNIT("ou-abcd-11111111", "Prod") "," UNIT("ou-abcd-22222222", "Dev") "]}");
    fake_say(f, "ListOrganizationalUnitsForParent", "ou-abcd-11111111", 200,
             "{\"OrganizationalUnits\":[" UNIT("ou-abcd-33333333", "Web") "]}");
    fake_say(f, "ListAccountsForParent", "r-abcd", 200, "{\"Accounts\":[" ACCOUNT("012345678901", "payer") "]}");
    fake_say(f, "ListAccountsForParent", "ou-abcd-33333333", 200,
             "{\"Accounts\":[" ACCOUNT("000000000002", "shop") "," ACCOUNT("000000000003", "a/b") "]}");
    fake_say(f, "ListAccountsForParent", "ou-abcd-22222222", 200,
             "{\"Accounts\":[" ACCOUNT("000000000004", "shop") "]}");
    fake_say(f, "ListAccounts", NULL, 200,
             "{\"Accounts\":[" ACCOUNT("000000000004", "shop") "," ACCOUNT("000000000003", "a/b") "," ACCOUNT(
                 "000000000002", "shop") "," ACCOUNT("012345678901", "payer") "]}");
}

static int put_entry(void *arg, const struct model_unit_entry *e)
{
    buf_printf(arg, "%s=%s%s ", e->file_name, e->id, e->account ? "*" : "");
    return 0;
}

static int put_account(void *arg, const struct model_account *a)
{
    buf_printf(arg, "%s:%s:%s:%lld ", a->id, a->name, a->parent_path, (long long)a->joined_unix);
    return 0;
}

static void the_whole_tree_is_walked(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    say_all(&f);
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), 0);
    CHECK_STR(buf_text(&text), "000000000002:shop:Root/Prod/Web:1767261600 000000000003:a/b:Root/Prod/Web:1767261600 "
                               "000000000004:shop:Root/Dev:1767261600 012345678901:payer:Root:1767261600 ");
    buf_reset(&text);
    CHECK_INT(model_unit_each(f.customer, "", put_entry, &text), 0);
    CHECK_STR(buf_text(&text), "Root=r-abcd ");
    buf_reset(&text);
    CHECK_INT(model_unit_each(f.customer, "r-abcd", put_entry, &text), 0);
    CHECK_STR(buf_text(&text), "Prod=ou-abcd-11111111 Dev=ou-abcd-22222222 payer=012345678901* ");
    buf_reset(&text);
    CHECK_INT(model_unit_each(f.customer, "ou-abcd-33333333", put_entry, &text), 0);
    CHECK_STR(buf_text(&text), "shop=000000000002* a%2Fb=000000000003* ");
    buf_reset(&text);
    CHECK_INT(model_by_name_each(f.customer, put_entry, &text), 0);
    CHECK_STR(buf_text(&text), "shop.000000000002=000000000002* a%2Fb=000000000003* shop.000000000004=000000000004* "
                               "payer=012345678901* ");
    CHECK_INT(model_unit_each(f.customer, "ou-none", put_entry, &text), -ENOENT);
    CHECK(!model_organization_refused(f.customer));
    buf_done(&text);
    fake_stop(&f);
}

static void check_file(struct fake *f, const char *id, enum model_account_file which, const char *want)
{
    struct buf text = BUF_INIT;
    int64_t floor_ns = -1;
    CHECK_INT(model_account_file(f->customer, id, which, &text, &floor_ns), 0);
    CHECK_STR(buf_text(&text), want);
    CHECK_INT(floor_ns, 1767261600LL * CLOCK_NS_PER_S);
    buf_done(&text);
}

static void accounts_are_files(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    int64_t ns = 0;
    fake_start(&f);
    say_all(&f);
    fake_say(&f, "ListTagsForResource", "000000000002", 200, "{\"Tags\":[{\"Key\":\"team\",\"Value\":\"web\"}]}");
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    CHECK_INT(fake_need(&f, MODEL_ACCOUNT_TAGS, "000000000002"), 0);
    check_file(&f, "000000000003", MODEL_ACCOUNT_NAME, "a/b\n");
    check_file(&f, "000000000003", MODEL_ACCOUNT_EMAIL, "a@b\n");
    check_file(&f, "000000000003", MODEL_ACCOUNT_STATE, "ACTIVE\n");
    check_file(&f, "000000000003", MODEL_ACCOUNT_PARENT, "Root/Prod/Web\n");
    check_file(&f, "000000000002", MODEL_ACCOUNT_TAGS_JSON,
               "{\n    \"Tags\": [\n        {\n            \"Key\": \"team\",\n            \"Value\": \"web\"\n"
               "        }\n    ]\n}\n");
    CHECK_INT(model_account_file(f.customer, "000000000003", MODEL_ACCOUNT_JSON, &text, &ns), 0);
    CHECK(strncmp(buf_text(&text), "{\n    \"Account\": {\n        \"Id\": \"000000000003\",", 45) == 0);
    buf_reset(&text);
    CHECK_INT(model_account_file(f.customer, "999999999999", MODEL_ACCOUNT_NAME, &text, &ns), -ENOENT);
    CHECK_INT(model_account_changed(f.customer, "000000000002", &ns), 0);
    CHECK(ns > 0);
    CHECK_INT(model_account_changed(f.customer, "999999999999", &ns), -ENOENT);
    CHECK_INT(model_organization_json(f.customer, &text), 0);
    CHECK(strstr(buf_text(&text), "    \"Organization\": {\n        \"Id\": \"o-1234567890\",") != NULL);
    buf_reset(&text);
    CHECK_INT(model_accounts_tsv(f.customer, &text), 0);
    CHECK(strncmp(buf_text(&text),
                  "id\tname\temail\tstate\tpath\tjoined\n000000000002\tshop\ta@b\tACTIVE\tRoot/Prod/Web\t", 60) == 0);
    buf_done(&text);
    fake_stop(&f);
}

/* The failure reaches who waited; what was whole before is served on. */
static void a_walk_that_fails_publishes_nothing(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    say_all(&f);
    fake_say(&f, "ListAccountsForParent", "ou-abcd-22222222", 500, "<html>oops</html>");
    CHECK(fake_need(&f, MODEL_ORGANIZATION, "") < 0);
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), -ENOENT);
    f.answer_count--;
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_ORGANIZATION, NULL), 0);
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    fake_say(&f, "ListRoots", NULL, 400, "{\"__type\":\"TooManyRequestsException\",\"Message\":\"slow\"}");
    CHECK(model_fetch_refresh_wait(f.customer, MODEL_ORGANIZATION, NULL) < 0);
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), 0);
    CHECK(strstr(buf_text(&text), "012345678901") != NULL);
    enum model_health health;
    buf_reset(&text);
    CHECK_INT(model_status_text(f.model, &text, &health), 0);
    CHECK_INT(health, MODEL_DEGRADED);
    CHECK(strstr(buf_text(&text), "failing: organization ") != NULL);
    buf_done(&text);
    fake_stop(&f);
}

/* A role outside the management account: describe-organization answers, the lists refuse. */
static void refused_lists_show_what_is_readable(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    int64_t ns;
    fake_start(&f);
    fake_say(&f, "DescribeOrganization", NULL, 200, ORGANIZATION);
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    CHECK(model_organization_refused(f.customer));
    CHECK_INT(model_organization_json(f.customer, &text), 0);
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), -EACCES);
    CHECK(strstr(err_message(), "grants nothing") != NULL);
    CHECK_INT(model_unit_each(f.customer, "", put_entry, &text), -EACCES);
    CHECK_INT(model_by_name_each(f.customer, put_entry, &text), -EACCES);
    CHECK_INT(model_account_file(f.customer, "000000000002", MODEL_ACCOUNT_NAME, &text, &ns), -EACCES);
    buf_done(&text);
    fake_stop(&f);
}

/* A refusal never takes the place of a whole walk. */
static void a_later_refusal_keeps_the_last_walk(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    say_all(&f);
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    fake_say(&f, "ListAccountsForParent", NULL, 400, "{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}");
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_ORGANIZATION, NULL), -EACCES);
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), 0);
    CHECK(strstr(buf_text(&text), "000000000004:shop") != NULL);
    buf_done(&text);
    fake_stop(&f);
}

static void an_account_of_no_organization_has_an_empty_one(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    fake_say(&f, "DescribeOrganization", NULL, 400,
             "{\"__type\":\"AWSOrganizationsNotInUseException\",\"Message\":\"not in use\"}");
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), 0);
    CHECK_INT(text.len, 0);
    CHECK_INT(model_organization_json(f.customer, &text), -ENOENT);
    CHECK_INT(model_unit_each(f.customer, "", put_entry, &text), 0);
    CHECK_INT(model_by_name_each(f.customer, put_entry, &text), 0);
    CHECK_INT(text.len, 0);
    CHECK(model_organization_absent(f.customer) && !model_organization_refused(f.customer));
    buf_done(&text);
    fake_stop(&f);
}

/* organization/ has by-name/, organization.json and policies/ of its own. */
static void a_root_of_a_taken_name_has_its_id_behind_it(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    say_all(&f);
    fake_say(&f, "ListRoots", NULL, 200,
             "{\"Roots\":[" UNIT("r-abcd", "by-name") "," UNIT("r-ef01", "Root") "," UNIT("r-ef02", "policies") "]}");
    CHECK(!model_organization_absent(f.customer));
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    CHECK_INT(model_unit_each(f.customer, "", put_entry, &text), 0);
    CHECK_STR(buf_text(&text), "by-name.r-abcd=r-abcd Root=r-ef01 policies.r-ef02=r-ef02 ");
    buf_done(&text);
    fake_stop(&f);
}

static void ids_that_are_no_ids_are_refused(void)
{
    struct fake f;
    fake_start(&f);
    say_all(&f);
    fake_say(&f, "ListAccountsForParent", "ou-abcd-22222222", 200, "{\"Accounts\":[" ACCOUNT("../../etc", "x") "]}");
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), -EIO);
    fake_stop(&f);
}

static void one_walk_serves_all_who_wait(void)
{
    struct fake f;
    struct blocker b[8];
    fake_start(&f);
    say_all(&f);
    for (int i = 0; i < 8; i++) {
        blocker_init(&b[i]);
        CHECK_INT(model_fetch_need(f.customer, MODEL_ORGANIZATION, "", &b[i].waiter), -EAGAIN);
    }
    for (int i = 0; i < 8; i++) {
        CHECK_INT(blocker_wait(&b[i], clock_monotonic_ns() + FAKE_PATIENCE_NS), 0);
        CHECK_INT(model_fetch_need(f.customer, MODEL_ORGANIZATION, "", &b[i].waiter), 0);
        blocker_done(&b[i]);
    }
    CHECK_INT(f.calls, 11); /* describe, roots, two for each of four units, and all accounts */
    fake_stop(&f);
}

static void a_second_start_serves_what_is_cached(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    say_all(&f);
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    fake_close(&f);
    f.settings.offline = true;
    fake_open(&f);
    unsigned calls = f.calls;
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), 0);
    CHECK(strstr(buf_text(&text), "000000000004:shop") != NULL);
    CHECK_INT(fake_need(&f, MODEL_ACCOUNT_TAGS, "000000000002"), -EHOSTUNREACH);
    CHECK_INT(f.calls, calls);
    buf_done(&text);
    fake_stop(&f);
}

/* Moved under the walk's feet, each time: it keeps its place of the last whole walk. One that is new has no place yet. */
static void what_was_moved_meanwhile_does_not_disappear(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    say_all(&f);
    CHECK_INT(fake_need(&f, MODEL_ORGANIZATION, ""), 0);
    fake_say(&f, "ListAccountsForParent", "ou-abcd-22222222", 200, "{\"Accounts\":[]}");
    fake_say(&f, "ListAccounts", NULL, 200,
             "{\"Accounts\":[" ACCOUNT("000000000004", "shop") "," ACCOUNT("000000000005", "new") "," ACCOUNT(
                 "000000000002", "shop") "," ACCOUNT("012345678901", "payer") "]}");
    unsigned calls = f.calls;
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_ORGANIZATION, NULL), 0);
    CHECK_INT(f.calls - calls, 1 + 3 * 10);
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), 0);
    CHECK_STR(buf_text(&text), "000000000002:shop:Root/Prod/Web:1767261600 000000000003:a/b:Root/Prod/Web:1767261600 "
                               "000000000004:shop:Root/Dev:1767261600 000000000005:new::1767261600 "
                               "012345678901:payer:Root:1767261600 ");
    buf_reset(&text);
    CHECK_INT(model_by_name_each(f.customer, put_entry, &text), 0);
    CHECK_STR(buf_text(&text), "shop.000000000002=000000000002* a%2Fb=000000000003* shop.000000000004=000000000004* "
                               "new=000000000005* payer=012345678901* ");
    buf_reset(&text);
    check_file(&f, "000000000005", MODEL_ACCOUNT_PARENT, "\n");
    fake_say(&f, "ListAccounts", NULL, 400, "{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}");
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_ORGANIZATION, NULL),
              0); /* the walk is what there is to know */
    CHECK_INT(model_accounts_each(f.customer, put_account, &text), 0);
    CHECK(!strstr(buf_text(&text), "000000000004") && !model_organization_refused(f.customer));
    buf_done(&text);
    fake_stop(&f);
}

static const struct unit_test tests[] = {
    {"the_whole_tree_is_walked", the_whole_tree_is_walked},
    {"accounts_are_files", accounts_are_files},
    {"a_walk_that_fails_publishes_nothing", a_walk_that_fails_publishes_nothing},
    {"refused_lists_show_what_is_readable", refused_lists_show_what_is_readable},
    {"a_later_refusal_keeps_the_last_walk", a_later_refusal_keeps_the_last_walk},
    {"an_account_of_no_organization_has_an_empty_one", an_account_of_no_organization_has_an_empty_one},
    {"what_was_moved_meanwhile_does_not_disappear", what_was_moved_meanwhile_does_not_disappear},
    {"a_root_of_a_taken_name_has_its_id_behind_it", a_root_of_a_taken_name_has_its_id_behind_it},
    {"ids_that_are_no_ids_are_refused", ids_that_are_no_ids_are_refused},
    {"one_walk_serves_all_who_wait", one_walk_serves_all_who_wait},
    {"a_second_start_serves_what_is_cached", a_second_start_serves_what_is_cached},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
