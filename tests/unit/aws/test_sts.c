/* AssumeRole, its parameters and what is made of its answer; a role's session. */
#include "aws/sts.h"

#include "aws/call.h"
#include "base/cleanup.h"
#include "tests/lib/aws_fixture.h"

static const char assumed[] =
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>"
    "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s/e+c</SecretAccessKey><SessionToken>t//==</SessionToken>"
    "<Expiration>2036-01-31T10:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
static const char identity[] = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::012345678901:"
                               "user/u</Arn><UserId>AIDA</UserId>"
                               "<Account>012345678901</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

struct seen {
    char bodies[8][2048];
    char tokens[8][64];
    const char *assume_answer;
    int assume_status;
};

static void answer(struct tiny_request *r)
{
    struct seen *s = r->arg;
    char text[4096];
    snprintf(s->bodies[r->number % 8], sizeof s->bodies[0], "%.2000s", r->body);
    snprintf(s->tokens[r->number % 8], sizeof s->tokens[0], "%.60s", tiny_header(r, "x-amz-security-token", text));
    if (strncmp(r->body, "Action=AssumeRole", 17) == 0)
        tiny_reply(r, s->assume_status ? s->assume_status : 200, "", s->assume_answer ? s->assume_answer : assumed);
    else
        tiny_reply(r, 200, "", identity);
}

static const struct aws_assume_role role = {.role_arn = "arn:aws:iam::111122223333:role/r", .external_id = "x:1/2"};

static void test_identity(void)
{
    struct seen s = {0};
    struct fixture f;
    struct aws_identity who;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_sts_get_caller_identity(f.session, NULL, &who), 0);
    CHECK_STR(who.account, "012345678901");
    CHECK_STR(who.arn, "arn:aws:iam::012345678901:user/u");
    CHECK_STR(who.user_id, "AIDA");
    CHECK_STR(s.bodies[0], "Action=GetCallerIdentity&Version=2011-06-15");
    aws_identity_done(&who);
    fixture_stop(&f);
}

static void test_assume_role(void)
{
    struct seen s = {0};
    struct fixture f;
    struct aws_credentials *credentials = NULL;
    struct aws_assume_role in = role;
    in.role_session_name = "name";
    in.session_policy = "{\"a b\"}";
    in.duration_seconds = 900;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_sts_assume_role(f.session, &in, NULL, &credentials), 0);
    CHECK_STR(credentials->access_key_id, "ASIA1");
    CHECK_STR(credentials->secret_access_key, "s/e+c");
    CHECK_STR(credentials->session_token, "t//==");
    CHECK_INT(credentials->expires_unix, 2085386400);
    aws_credentials_put(credentials);
    CHECK_STR(s.bodies[0], "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr"
                           "&RoleSessionName=name&DurationSeconds=900&ExternalId=x%3A1%2F2&Policy=%7B%22a%20b%22%7D");
    fixture_stop(&f);
}

/* A name of its own, an hour, and nothing that was not asked for. */
static void test_defaults(void)
{
    struct seen s = {0};
    struct fixture f;
    struct aws_credentials *credentials = NULL;
    struct aws_assume_role in = {.role_arn = role.role_arn};
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_sts_assume_role(f.session, &in, NULL, &credentials), 0);
    aws_credentials_put(credentials);
    const char *name = strstr(s.bodies[0], "RoleSessionName=ctfs-");
    CHECK(name && strspn(name + 21, "0123456789abcdef") == 16);
    CHECK(strstr(s.bodies[0], "DurationSeconds=3600") != NULL);
    CHECK(strstr(s.bodies[0], "ExternalId") == NULL);
    CHECK(strstr(s.bodies[0], "Policy") == NULL);
    fixture_stop(&f);
}

static void check_failure(int status, const char *body, errint want)
{
    struct seen s = {.assume_status = status, .assume_answer = body};
    struct fixture f;
    struct aws_credentials *credentials = NULL;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_sts_assume_role(f.session, &role, NULL, &credentials), want);
    CHECK(credentials == NULL);
    CHECK(strstr(err_message(), "AssumeRole") != NULL);
    CHECK(strstr(err_message(), "x:1/2") == NULL); /* the external ID is nobody's business in a log */
    fixture_stop(&f);
}

static void check_try(int status, const char *body, errint want)
{
    struct seen s = {.assume_status = status, .assume_answer = body};
    struct fixture f;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_sts_try_role(f.session, &role, NULL), want);
    fixture_stop(&f);
}

/* Only AWS's AccessDenied is of the role's. */
static void test_refusals(void)
{
    check_try(0, NULL, 0);
    check_try(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", -EACCES);
    check_try(403, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>", -EAGAIN);
    check_try(403, "<html>Blocked by the proxy: AccessDenied</html>", -EAGAIN);
    check_try(403, "", -EAGAIN);
    check_try(400, "<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>", -EINVAL);
    check_try(200, "<html>Please log in</html>", -EIO);
}

static void test_failures(void)
{
    check_failure(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", -EACCES);
    check_failure(400, "<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>", -EINVAL);
    check_failure(200, "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>", -EIO);
    check_failure(200, "not xml", -EIO);
    check_failure(200, "", -EIO);
    check_failure(200, "<!DOCTYPE a><AssumeRoleResponse/>", -EIO);
}

static void test_role_session(void)
{
    struct seen s = {0};
    struct fixture f;
    struct aws_session *acting = NULL;
    struct aws_identity who;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_sts_role_session(f.session, &role, &acting), 0);
    CHECK_INT(f.server.requests, 0);
    CHECK_INT(aws_sts_get_caller_identity(acting, NULL, &who), 0);
    aws_identity_done(&who);
    CHECK_STR(s.tokens[0], "token1");
    CHECK_STR(s.tokens[1], "t//==");
    CHECK_INT(aws_sts_get_caller_identity(acting, NULL, &who), 0);
    aws_identity_done(&who);
    CHECK_INT(f.server.requests, 3);
    aws_session_put(acting);
    fixture_stop(&f);
}

static const struct unit_test tests[] = {
    {"identity", test_identity}, {"assume_role", test_assume_role}, {"defaults", test_defaults},
    {"refusals", test_refusals}, {"failures", test_failures},       {"role_session", test_role_session},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
