/* The table, row by row, and the shapes that AWS's errors come in. */
#include "aws/errors.h"

#include <curl/curl.h>

#include "tests/lib/unit.h"

/* What the table must say, written apart from it: errno, what comes next, the codes. */
#define CODES(errno_, retry_, ...)                                                                                     \
    {                                                                                                                  \
        errno_, AWS_RETRY_##retry_,                                                                                    \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
static const struct {
    int errno_;
    enum aws_retry retry;
    const char *codes[40];
} by_code[] = {
    CODES(ETIMEDOUT, THROTTLE, "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
          "RequestThrottled", "TooManyRequestsException", "ProvisionedThroughputExceededException",
          "TransactionInProgressException", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
          "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException"),
    CODES(ETIMEDOUT, TRANSIENT, "RequestTimeout", "RequestTimeoutException", "IDPCommunicationError", "InternalError",
          "InternalFailure", "ServiceUnavailable", "OperationAborted", "ConditionalRequestConflict"),
    CODES(EKEYEXPIRED, EXPIRED, "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
    CODES(EACCES, SKEW, "RequestTimeTooSkewed", "RequestInTheFuture", "SignatureDoesNotMatch",
          "InvalidSignatureException", "AuthFailure"),
    CODES(EIO, REGION, "PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed",
          "IllegalLocationConstraintException"),
    CODES(EACCES, NO, "AccessDenied", "AccessDeniedException", "AccessDeniedForDependencyException",
          "UnauthorizedOperation", "UnauthorizedAccess", "NotAuthorizedException", "AllAccessDisabled",
          "AccountProblem", "NotSignedUp", "OptInRequired", "RegionDisabledException", "InvalidObjectState",
          "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken",
          "InvalidSecurity", "IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken",
          "MissingAuthenticationTokenException", "MissingSecurityHeader", "KMS.DisabledException",
          "KMS.NotFoundException", "KMS.KMSInvalidStateException"),
    CODES(ENOENT, NO, "NoSuchKey", "NoSuchBucket", "NoSuchVersion", "AWSOrganizationsNotInUseException",
          "*NotFoundException", "*.NotFound"),
    CODES(ESTALE, NO, "PreconditionFailed"),
    CODES(EALREADY, NO, "NotModified"),
    CODES(EIO, NO, "InvalidRange"),
    CODES(EFBIG, NO, "EntityTooLarge", "PackedPolicyTooLarge"),
    CODES(ECANCELED, NO, "DryRunOperation"),
    CODES(EINVAL, NO, "ValidationError", "ValidationException", "MalformedPolicyDocument", "InvalidParameterException",
          "InvalidParameterValue", "InvalidInputException", "InvalidBucketName", "KeyTooLongError"),
};

static const struct {
    int number, errno_;
    enum aws_retry retry;
} by_status[] =
    {
        {200, ETIMEDOUT, AWS_RETRY_TRANSIENT},
        {301, EIO, AWS_RETRY_REGION},
        {304, EALREADY, AWS_RETRY_NO},
        {307, EIO, AWS_RETRY_REGION},
        {401, EACCES, AWS_RETRY_NO},
        {403, EACCES, AWS_RETRY_NO},
        {404, EIO, AWS_RETRY_NO},
        {408, ETIMEDOUT, AWS_RETRY_TRANSIENT},
        {412, ESTALE, AWS_RETRY_NO},
        {416, EIO, AWS_RETRY_NO},
        {429, ETIMEDOUT, AWS_RETRY_THROTTLE},
        {500, ETIMEDOUT, AWS_RETRY_TRANSIENT},
        {502, ETIMEDOUT, AWS_RETRY_TRANSIENT},
        {503, ETIMEDOUT, AWS_RETRY_TRANSIENT},
        {504, ETIMEDOUT, AWS_RETRY_TRANSIENT},
},
  by_curl[] = {
      {CURLE_COULDNT_RESOLVE_PROXY, EHOSTUNREACH, AWS_RETRY_TRANSIENT},
      {CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH, AWS_RETRY_TRANSIENT},
      {CURLE_COULDNT_CONNECT, EHOSTUNREACH, AWS_RETRY_TRANSIENT},
      {CURLE_PROXY, EHOSTUNREACH, AWS_RETRY_TRANSIENT},
      {CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, AWS_RETRY_TRANSIENT},
      {CURLE_GOT_NOTHING, ETIMEDOUT, AWS_RETRY_TRANSIENT},
      {CURLE_SEND_ERROR, ETIMEDOUT, AWS_RETRY_TRANSIENT},
      {CURLE_RECV_ERROR, ETIMEDOUT, AWS_RETRY_TRANSIENT},
      {CURLE_PARTIAL_FILE, ETIMEDOUT, AWS_RETRY_TRANSIENT},
      {CURLE_SSL_CONNECT_ERROR, EIO, AWS_RETRY_TRANSIENT},
      {CURLE_PEER_FAILED_VERIFICATION, EIO, AWS_RETRY_NO},
      {CURLE_SSL_CACERT_BADFILE, EIO, AWS_RETRY_NO},
      {CURLE_SSL_CERTPROBLEM, EIO, AWS_RETRY_NO},
      {CURLE_SSL_CIPHER, EIO, AWS_RETRY_NO},
      {CURLE_SSL_ISSUER_ERROR, EIO, AWS_RETRY_NO},
      {CURLE_SSL_ENGINE_NOTFOUND, EIO, AWS_RETRY_NO},
      {CURLE_WEIRD_SERVER_REPLY, EIO, AWS_RETRY_NO},
      {CURLE_UNSUPPORTED_PROTOCOL, EIO, AWS_RETRY_NO},
      {CURLE_BAD_CONTENT_ENCODING, EIO, AWS_RETRY_NO},
      {CURLE_URL_MALFORMAT, EINVAL, AWS_RETRY_NO},
      {CURLE_OUT_OF_MEMORY, ENOMEM, AWS_RETRY_NO},
};

#define LENGTH(array) (sizeof array / sizeof array[0])

static void check_verdict(const char *what, struct aws_verdict got, int errno_, enum aws_retry retry)
{
    if (got.code != -errno_ || got.retry != retry)
        fprintf(stderr, "row %s: %s, %d\n", what, err_name(got.code), (int)got.retry);
    CHECK_INT(got.code, -errno_);
    CHECK_INT(got.retry, retry);
}

/* Every code has its meaning whatever the status is. */
static void test_codes(void)
{
    static const int statuses[] = {200, 400, 403, 404, 500, 503};
    for (size_t i = 0; i < LENGTH(by_code); i++) {
        for (size_t k = 0; by_code[i].codes[k]; k++) {
            const char *code = by_code[i].codes[k];
            char text[80];
            snprintf(text, sizeof text, "%s%s", *code == '*' ? "Cluster" : "", *code == '*' ? code + 1 : code);
            for (size_t s = 0; s < LENGTH(statuses); s++)
                check_verdict(text, aws_errors_of_answer(text, statuses[s], s % 2), by_code[i].errno_,
                              by_code[i].retry);
        }
    }
}

static void test_statuses(void)
{
    for (size_t i = 0; i < LENGTH(by_status); i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", by_status[i].number);
        check_verdict(text, aws_errors_of_answer("", by_status[i].number, false), by_status[i].errno_,
                      by_status[i].retry);
        check_verdict(text, aws_errors_of_answer("NeverHeardOf", by_status[i].number, false), by_status[i].errno_,
                      by_status[i].retry);
    }
    check_verdict("400", aws_errors_of_answer("", 400, false), EIO, AWS_RETRY_NO);
    check_verdict("418", aws_errors_of_answer("Teapot", 418, false), EIO, AWS_RETRY_NO);
    check_verdict("S3's 404", aws_errors_of_answer("", 404, true), ENOENT, AWS_RETRY_NO);
    check_verdict("S3's 403", aws_errors_of_answer("", 403, true), EACCES, AWS_RETRY_NO);
    check_verdict("501", aws_errors_of_answer("", 501, false), EIO, AWS_RETRY_NO);
}

static void test_curl(void)
{
    for (size_t i = 0; i < LENGTH(by_curl); i++)
        check_verdict(curl_easy_strerror((CURLcode)by_curl[i].number), aws_errors_of_curl(by_curl[i].number, 0),
                      by_curl[i].errno_, by_curl[i].retry);
    check_verdict("unknown", aws_errors_of_curl(99, 0), EIO, AWS_RETRY_NO);
    check_verdict("no network", aws_errors_of_curl(CURLE_COULDNT_CONNECT, ENETUNREACH), ENETUNREACH,
                  AWS_RETRY_TRANSIENT);
    check_verdict("refused", aws_errors_of_curl(CURLE_COULDNT_CONNECT, ECONNREFUSED), EHOSTUNREACH,
                  AWS_RETRY_TRANSIENT);
    check_verdict("reset", aws_errors_of_curl(CURLE_RECV_ERROR, ENETUNREACH), ETIMEDOUT, AWS_RETRY_TRANSIENT);
}

static bool expects(const struct aws_errors_row *row)
{
    for (size_t i = 0; i < LENGTH(by_code) && row->kind == AWS_ERRORS_CODE; i++) {
        for (size_t k = 0; by_code[i].codes[k]; k++) {
            if (strcmp(by_code[i].codes[k], row->code) == 0)
                return true;
        }
    }
    for (size_t i = 0; i < LENGTH(by_status) && row->kind == AWS_ERRORS_STATUS; i++) {
        if (by_status[i].number == row->number)
            return true;
    }
    if (row->kind == AWS_ERRORS_S3_STATUS)
        return row->number == 404;
    for (size_t i = 0; i < LENGTH(by_curl) && row->kind == AWS_ERRORS_CURL; i++) {
        if (by_curl[i].number == row->number)
            return true;
    }
    return false;
}

/* No row is untested. */
static void test_whole_table(void)
{
    size_t count, unknown = 0;
    const struct aws_errors_row *rows = aws_errors_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (!expects(&rows[i])) {
            fprintf(stderr, "untested row: %s %d\n", rows[i].code ? rows[i].code : "", rows[i].number);
            unknown++;
        }
    }
    CHECK(count > 100);
    CHECK_INT(unknown, 0);
}

static struct aws_error parse(const char *type, const char *query, const char *body)
{
    struct aws_error e = {0};
    aws_errors_parse(type, query, body, strlen(body), &e);
    return e;
}

static void test_json_shapes(void)
{
    struct aws_error e = parse(NULL, NULL,
                               "{\"__type\":\"com.amazonaws.organizations#TooManyRequestsException\","
                               "\"Message\":\"slow down\"}");
    CHECK_STR(e.code, "TooManyRequestsException");
    CHECK_STR(e.message, "slow down");
    e = parse(NULL, NULL, "{\"__type\":\"AccessDeniedException:http://x/\",\"message\":\"no\"}");
    CHECK_STR(e.code, "AccessDeniedException");
    e = parse("ResourceNotFoundException:http://internal.amazon.com/x/", NULL,
              "{\"clusterName\":null,\"message\":\"m\"}");
    CHECK_STR(e.code, "ResourceNotFoundException");
    e = parse(NULL, NULL, "{\"code\":\"Expired\"}");
    CHECK_STR(e.code, "Expired");
    e = parse("ns#Other", "Throttling;Sender", "{\"__type\":\"ns#Generic\"}");
    CHECK_STR(e.code, "Throttling");
    e = parse(NULL, NULL, "{\"__type\":5}");
    CHECK_STR(e.code, "");
}

static void test_xml_shapes(void)
{
    struct aws_error e = parse(NULL, NULL,
                               "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>gone</Message>"
                               "<RequestId>R1</RequestId><HostId>h</HostId></Error>");
    CHECK_STR(e.code, "NoSuchKey");
    CHECK_STR(e.message, "gone");
    CHECK_STR(e.request_id, "R1");
    e = parse(NULL, NULL,
              "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized. "
              "Encoded authorization failure message: AAAA</Message></Error></Errors>"
              "<RequestID>R2</RequestID></Response>");
    CHECK_STR(e.code, "UnauthorizedOperation");
    CHECK_STR(e.message, "You are not authorized.");
    CHECK_STR(e.request_id, "R2");
    e = parse(NULL, NULL,
              "\n <ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
              "<Code>ExpiredToken</Code><Message>m</Message></Error></ErrorResponse>");
    CHECK_STR(e.code, "ExpiredToken");
    e = parse(NULL, NULL, "<ErrorResponse><Errors><Error><Code>AccessDenied</Code></Error></Errors></ErrorResponse>");
    CHECK_STR(e.code, "AccessDenied");
    e = parse(NULL, NULL,
              "<a:Error xmlns:a='x'><a:Code>AuthorizationHeaderMalformed</a:Code>"
              "<a:Region>eu-west-1</a:Region></a:Error>");
    CHECK_STR(e.code, "AuthorizationHeaderMalformed");
    CHECK_STR(e.region, "eu-west-1");
}

static void test_no_shape(void)
{
    CHECK_STR(parse(NULL, NULL, "").code, "");
    CHECK_STR(parse(NULL, NULL, "<!doctype html><html><h1>Internal Server Error</h1></html>").code, "");
    CHECK_STR(parse(NULL, NULL, "<html><Code").code, "");
    CHECK_STR(parse(NULL, NULL, "{\"__type\":").code, "");
    CHECK_STR(parse(NULL, NULL, "upstream connect error").code, "");
    CHECK_STR(parse("X", NULL, "").code, "X");
}

/* What AWS says of a refused signature holds the session's token from the second line on. */
static void test_no_secret(void)
{
    struct aws_error e =
        parse(NULL, NULL,
              "{\"__type\":\"InvalidSignatureException\",\"message\":\"The request signature we calculated "
              "does not match.\\n\\nThe Canonical String should have been\\n'POST\\n/\\n\\n"
              "x-amz-security-token:SECRETTOKEN'\"}");
    CHECK_STR(e.message, "The request signature we calculated does not match.");
    e = parse(NULL, NULL, "<Error><Code>A\nB</Code><Message>x\ty</Message></Error>");
    CHECK_STR(e.code, "A");
    CHECK_STR(e.message, "x");
    e = parse(
        NULL, NULL,
        "{\"__type\":\"IncompleteSignatureException\",\"message\":\"not a key=value pair in Authorization header: "
        "'AWS4-HMAC-SHA256 Credential=AKID/x, Signature=SECRET'\"}");
    CHECK_STR(e.message, "not a key=value pair in Authorization header: '");
    e = parse(NULL, NULL,
              "<Error><Code>A</Code><Message>bad query a=b&amp;x-amz-security-token=SECRET</Message></Error>");
    CHECK_STR(e.message, "bad query a=b&");
    e = parse(NULL, NULL,
              "<Error><Code>A</Code><Message>\xc3\xbc x-amz-date\xc2\x9b"
              "31m</Message></Error>");
    CHECK_STR(e.message, "\xc3\xbc x-amz-date");
}

static void test_documents(void)
{
#define IS(text) aws_errors_is_document(text, sizeof text - 1)
    CHECK(IS("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code></Error>"));
    CHECK(IS("   \n<Error/>"));
    CHECK(IS("<!-- kept alive --><s3:Error xmlns:s3='x'>"));
    CHECK(IS("<ErrorResponse a='b'>"));
    CHECK(IS("<Response><Errors>"));
    CHECK(!IS("<ListBucketResult><Error/></ListBucketResult>"));
    CHECK(!IS("<Errors>"));
    CHECK(!IS("Error"));
    CHECK(!IS(""));
    CHECK(!IS("<"));
    CHECK(!IS("<?"));
    CHECK(IS("{\"message\":\"m\",\"__type\":\"com.amazonaws.organizations#TooManyRequestsException\"}"));
    CHECK(IS(" {\"__type\":\"ParentNotFoundException:\"}"));
    CHECK(!IS("{\"__type\":\"com.amazonaws.organizations#ListRootsResponse\",\"Roots\":[]}"));
    CHECK(!IS("{\"Tags\":[{\"Key\":\"x\",\"__type\":\"AccessDenied\"}]}"));
    CHECK(!IS("{\"__type\":\"AccessDenied\""));
    CHECK(!IS("{\"__type\":1}"));
    CHECK(!IS("{}"));
#undef IS
}

static void test_refusals(void)
{
    CHECK(aws_errors_is_refusal("AccessDenied", 403));
    CHECK(aws_errors_is_refusal("UnauthorizedOperation", 403));
    CHECK(aws_errors_is_refusal("", 403));
    CHECK(!aws_errors_is_refusal("InvalidObjectState", 403));
    CHECK(!aws_errors_is_refusal("ClusterNotFoundException", 400));
    CHECK(!aws_errors_is_refusal("PreconditionFailed", 412));
}

static const struct unit_test tests[] = {
    {"codes", test_codes},
    {"statuses", test_statuses},
    {"curl", test_curl},
    {"whole_table", test_whole_table},
    {"json_shapes", test_json_shapes},
    {"xml_shapes", test_xml_shapes},
    {"no_shape", test_no_shape},
    {"no_secret", test_no_secret},
    {"documents", test_documents},
    {"refusals", test_refusals},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
