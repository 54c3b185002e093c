/* Lists to their end, whatever the pages are like; cur's too; and the probes of JSON services. */
#include "aws/organizations.h"

#include "aws/cur.h"
#include "aws/json.h"
#include "aws/probes.h"
#include "base/cleanup.h"
#include "tests/lib/aws_fixture.h"

#define cleanup_json cleanup(aws_json_deletep)

struct pages {
    const char *bodies[8]; /* the last one stays */
    int status;            /* 0: 200 */
    char inputs[8][512];
    char targets[8][128];
};

static void answer(struct tiny_request *r)
{
    struct pages *p = r->arg;
    char text[4096];
    unsigned n = r->number < 8 ? r->number : 7, last = 0;
    while (last < 7 && p->bodies[last + 1])
        last++;
    snprintf(p->inputs[n], sizeof p->inputs[n], "%.500s", r->body);
    snprintf(p->targets[n], sizeof p->targets[n], "%.120s", tiny_header(r, "x-amz-target", text));
    tiny_reply(r, p->status ? p->status : 200, "Content-Type: text/html\r\n", p->bodies[n < last ? n : last]);
}

static void check_accounts(struct pages *p, errint want, const char *want_json, unsigned want_requests)
{
    struct fixture f;
    cJSON *list cleanup_json = NULL;
    struct buf text cleanup_buf = BUF_INIT;
    fixture_start(&f, answer, p, NULL);
    CHECK_INT(aws_organizations_list_accounts(f.session, NULL, &list), want);
    CHECK_INT(f.server.requests, want_requests);
    CHECK((want == 0) == (list != NULL));
    if (list) {
        aws_json_print_compact(&text, list);
        CHECK_STR(buf_text(&text), want_json);
    }
    fixture_stop(&f);
}

static void test_pages(void)
{
    struct pages p = {
        .bodies = {"{\"Accounts\":[{\"Id\":\"012345678901\",\"JoinedTimestamp\":1769853600.5}],\"NextToken\":\"a\"}",
                   "{\"Accounts\":[],\"NextToken\":\"b\"}", "{\"NextToken\":\"a\"}",
                   "{\"Accounts\":[{\"Id\":\"2\",\"JoinedTimestamp\":null}],\"NextToken\":null}"}};
    check_accounts(&p, 0,
                   "[{\"Id\":\"012345678901\",\"JoinedTimestamp\":\"2026-01-31T10:00:00.500000+00:00\"},"
                   "{\"Id\":\"2\"}]",
                   4);
    CHECK_STR(p.inputs[0], "{\"MaxResults\":20}");
    CHECK_STR(p.inputs[1], "{\"MaxResults\":20,\"NextToken\":\"a\"}");
    CHECK_STR(p.inputs[2], "{\"MaxResults\":20,\"NextToken\":\"b\"}");
    CHECK_STR(p.targets[0], "AWSOrganizationsV20161128.ListAccounts");
}

/* What the CLI prints: the model's members in the model's order, nulls and what it does not know left out. */
static void test_shapes(void)
{
    struct pages p = {
        .bodies = {"{\"Extra\":1,\"Organization\":{\"AvailablePolicyTypes\":[{\"x\":1,\"Status\":\"ENABLED\","
                   "\"Type\":\"T\"}],\"MasterAccountEmail\":null,\"x\":{},\"FeatureSet\":\"ALL\",\"Id\":\"o-1\"}}",
                   "{\"ReportDefinitions\":[{\"ReportStatus\":{\"lastStatus\":\"SUCCESS\",\"lastDelivery\":\"D\"},"
                   "\"S3Prefix\":\"\",\"RefreshClosedReports\":false,\"AdditionalArtifacts\":[],"
                   "\"BillingViewArn\":null,\"ReportName\":\"r\"},7]}"}};
    struct fixture f;
    cJSON *organization cleanup_json = NULL, *reports cleanup_json = NULL;
    struct buf text cleanup_buf = BUF_INIT;
    fixture_start(&f, answer, &p, NULL);
    CHECK_INT(aws_organizations_describe_organization(f.session, NULL, &organization), 0);
    CHECK_INT(aws_cur_describe_report_definitions(f.session, NULL, &reports), 0);
    aws_json_print_compact(&text, organization);
    aws_json_print_compact(&text, reports);
    CHECK_STR(
        buf_text(&text),
        "{\"Organization\":{\"Id\":\"o-1\",\"FeatureSet\":\"ALL\",\"AvailablePolicyTypes\":[{\"Type\":\"T\","
        "\"Status\":\"ENABLED\"}]}}[{\"ReportName\":\"r\",\"S3Prefix\":\"\",\"AdditionalArtifacts\":[],"
        "\"RefreshClosedReports\":false,\"ReportStatus\":{\"lastDelivery\":\"D\",\"lastStatus\":\"SUCCESS\"}},7]");
    fixture_stop(&f);
}

/* Tokens that go round in a ring end the list, however long the ring is. */
static void ring_of_three(struct tiny_request *r)
{
    char body[80];
    snprintf(body, sizeof body, "{\"Accounts\":[{\"Id\":\"1\"}],\"NextToken\":\"%u\"}", r->number % 3);
    tiny_reply(r, 200, "", body);
}

static void test_ring_of_tokens(void)
{
    struct fixture f;
    cJSON *list cleanup_json = NULL;
    fixture_start(&f, ring_of_three, NULL, NULL);
    CHECK_INT(aws_organizations_list_accounts(f.session, NULL, &list), -EIO);
    CHECK(list == NULL && f.server.requests < 16);
    fixture_stop(&f);
}

static void test_ends(void)
{
    check_accounts(&(struct pages){.bodies = {"{\"Accounts\":[]}"}}, 0, "[]", 1);
    check_accounts(&(struct pages){.bodies = {"{\"Accounts\":[],\"NextToken\":\"\"}"}}, 0, "[]", 1);
    check_accounts(&(struct pages){.bodies = {"{\"Accounts\":null,\"NextToken\":null}"}}, 0, "[]", 1);
    check_accounts(&(struct pages){.bodies = {"{\"Accounts\":[{\"Id\":\"1\"}],\"NextToken\":\"same\"}"}}, -EIO, "", 2);
    check_accounts(&(struct pages){.bodies = {"{\"Accounts\":{}}"}}, -EIO, "", 1);
    check_accounts(&(struct pages){.bodies = {"[]"}}, -EIO, "", 1);
    check_accounts(&(struct pages){.bodies = {"{\"Accounts\":["}}, -EIO, "", 1);
    check_accounts(&(struct pages){.bodies = {"{\"Accounts\":[{\"JoinedTimestamp\":\"x\"}]}"}}, -EIO, "", 1);
}

/* An account that moves while pages are read, on two of them: once, as it was seen last. */
static void test_twins(void)
{
    struct pages p = {
        .bodies = {"{\"Accounts\":[{\"Id\":\"2\",\"Name\":\"old\"},{\"Id\":\"1\"},{}],\"NextToken\":\"a\"}",
                   "{\"Accounts\":[{},{\"Id\":\"3\"},{\"Id\":\"2\",\"Name\":\"new\"},{\"Id\":\"1\"}]}"}};
    check_accounts(&p, 0, "[{},{},{\"Id\":\"3\"},{\"Id\":\"2\",\"Name\":\"new\"},{\"Id\":\"1\"}]", 2);
}

/* A page that fails fails the list: half a list is none. */
static void fail_second(struct tiny_request *r)
{
    if (r->number == 0)
        tiny_reply(r, 200, "", "{\"Accounts\":[{\"Id\":\"1\"}],\"NextToken\":\"a\"}");
    else
        tiny_reply(r, 400, "", "{\"__type\":\"AccessDeniedException\"}");
}

static void test_failed_page(void)
{
    struct fixture f;
    cJSON *list cleanup_json = NULL;
    fixture_start(&f, fail_second, NULL, NULL);
    CHECK_INT(aws_organizations_list_accounts(f.session, NULL, &list), -EACCES);
    CHECK(list == NULL);
    fixture_stop(&f);
}

static void test_parameters(void)
{
    struct pages p = {.bodies = {"{}"}};
    struct fixture f;
    cJSON *units cleanup_json = NULL, *accounts cleanup_json = NULL, *tags cleanup_json = NULL;
    cJSON *roots cleanup_json = NULL, *organization cleanup_json = NULL, *reports cleanup_json = NULL;
    fixture_start(&f, answer, &p, NULL);
    CHECK_INT(aws_organizations_list_units(f.session, "r-1", NULL, &units), 0);
    CHECK_STR(p.inputs[0], "{\"ParentId\":\"r-1\",\"MaxResults\":20}");
    CHECK_INT(aws_organizations_list_accounts_for_parent(f.session, "ou-\"", NULL, &accounts), 0);
    CHECK_STR(p.inputs[1], "{\"ParentId\":\"ou-\\\"\",\"MaxResults\":20}");
    CHECK_INT(aws_organizations_list_tags(f.session, "012345678901", NULL, &tags), 0);
    CHECK_STR(p.inputs[2], "{\"ResourceId\":\"012345678901\"}");
    CHECK_INT(aws_organizations_list_roots(f.session, NULL, &roots), 0);
    CHECK_STR(p.targets[3], "AWSOrganizationsV20161128.ListRoots");
    CHECK_INT(aws_organizations_describe_organization(f.session, NULL, &organization), -EIO); /* {} has none */
    CHECK_STR(p.inputs[4], "{}");
    CHECK_INT(aws_cur_describe_report_definitions(f.session, NULL, &reports), 0);
    CHECK_STR(p.inputs[5], "{}"); /* MaxResults may be 5 alone */
    CHECK_STR(p.targets[5], "AWSOrigamiServiceGatewayService.DescribeReportDefinitions");
    fixture_stop(&f);
}

static void test_reports(void)
{
    struct pages p = {.bodies = {"{\"ReportDefinitions\":[{\"ReportName\":\"a\"}],\"NextToken\":\"t\"}",
                                 "{\"ReportDefinitions\":[{\"ReportName\":\"b\"}]}"}};
    struct fixture f;
    cJSON *reports cleanup_json = NULL;
    fixture_start(&f, answer, &p, NULL);
    CHECK_INT(aws_cur_describe_report_definitions(f.session, NULL, &reports), 0);
    CHECK_INT(cJSON_GetArraySize(reports), 2);
    CHECK_STR(p.inputs[1], "{\"NextToken\":\"t\"}");
    fixture_stop(&f);
}

static void test_not_in_use(void)
{
    struct pages p = {.status = 400, .bodies = {"{\"__type\":\"AWSOrganizationsNotInUseException\"}"}};
    struct fixture f;
    cJSON *organization cleanup_json = NULL;
    fixture_start(&f, answer, &p, NULL);
    CHECK_INT(aws_organizations_describe_organization(f.session, NULL, &organization), -ENOENT);
    fixture_stop(&f);
}

static void check_probe(int status, const char *body, errint want, const char *want_code)
{
    struct pages p = {.status = status, .bodies = {body}};
    struct fixture f;
    struct aws_probe probe;
    fixture_start(&f, answer, &p, NULL);
    CHECK_INT(aws_ecs_probe(f.session, "us-east-1", "ListTasks", NULL, &probe), want);
    CHECK_STR(probe.code, want_code);
    CHECK_INT(probe.status, status);
    CHECK_STR(p.inputs[0], "{\"cluster\":\"ctfs-probe\"}");
    fixture_stop(&f);
}

/* Granted is any answer that is not a refusal; where nothing can be said, nothing is. */
static void test_probes(void)
{
    check_probe(200, "{}", 0, "");
    check_probe(400, "{\"__type\":\"ClusterNotFoundException\"}", 0, "ClusterNotFoundException");
    check_probe(400, "{\"__type\":\"InvalidParameterException\"}", 0, "InvalidParameterException");
    check_probe(400, "{\"__type\":\"AccessDeniedException\"}", -EACCES, "AccessDeniedException");
    check_probe(403, "{\"__type\":\"UnrecognizedClientException\"}", -EACCES, "UnrecognizedClientException");
    check_probe(400, "{\"__type\":\"ExpiredTokenException\"}", -EKEYEXPIRED, "ExpiredTokenException");
    check_probe(400, "{\"__type\":\"ThrottlingException\"}", -ETIMEDOUT, "ThrottlingException");
    check_probe(500, "<html>", -ETIMEDOUT, "");
}

static void test_probe_unreached(void)
{
    struct pages p = {.bodies = {"{}"}};
    struct fixture f;
    struct aws_probe probe;
    fixture_start(&f, answer, &p, NULL);
    aws_client_set_offline(f.client, true);
    CHECK_INT(aws_organizations_probe(f.session, "ListRoots", NULL, &probe), -EHOSTUNREACH);
    CHECK_INT(probe.status, 0);
    CHECK_STR(probe.code, "");
    fixture_stop(&f);
}

static const struct unit_test tests[] = {
    {"pages", test_pages},
    {"shapes", test_shapes},
    {"ring_of_tokens", test_ring_of_tokens},
    {"ends", test_ends},
    {"twins", test_twins},
    {"failed_page", test_failed_page},
    {"parameters", test_parameters},
    {"reports", test_reports},
    {"not_in_use", test_not_in_use},
    {"probes", test_probes},
    {"probe_unreached", test_probe_unreached},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
