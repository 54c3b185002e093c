/* The table, and the reading of AWS's shapes of errors. Rows are tried in order; a code with a row of its own is never
 * judged by its status, an unknown code is. A server's text goes into messages: only its first line is kept, since a
 * refused signature is explained with the whole canonical request, session token included.
 */
#include "aws/errors.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "aws/xml.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(xml_freep, struct aws_xml_document *, aws_xml_free)

#define CODE(text, errno_, retry_)                                                                                     \
    {                                                                                                                  \
        AWS_ERRORS_CODE, 0, text,                                                                                      \
        {                                                                                                              \
            -(errno_), AWS_RETRY_##retry_                                                                              \
        }                                                                                                              \
    }
#define STATUS(number, errno_, retry_)                                                                                 \
    {                                                                                                                  \
        AWS_ERRORS_STATUS, number, NULL,                                                                               \
        {                                                                                                              \
            -(errno_), AWS_RETRY_##retry_                                                                              \
        }                                                                                                              \
    }
#define S3_STATUS(number, errno_, retry_)                                                                              \
    {                                                                                                                  \
        AWS_ERRORS_S3_STATUS, number, NULL,                                                                            \
        {                                                                                                              \
            -(errno_), AWS_RETRY_##retry_                                                                              \
        }                                                                                                              \
    }
#define CURL(number, errno_, retry_)                                                                                   \
    {                                                                                                                  \
        AWS_ERRORS_CURL, number, NULL,                                                                                 \
        {                                                                                                              \
            -(errno_), AWS_RETRY_##retry_                                                                              \
        }                                                                                                              \
    }

static const struct aws_errors_row rows[] = {
    CODE("Throttling", ETIMEDOUT, THROTTLE),
    CODE("ThrottlingException", ETIMEDOUT, THROTTLE),
    CODE("ThrottledException", ETIMEDOUT, THROTTLE),
    CODE("RequestThrottledException", ETIMEDOUT, THROTTLE),
    CODE("RequestThrottled", ETIMEDOUT, THROTTLE),
    CODE("TooManyRequestsException", ETIMEDOUT, THROTTLE),
    CODE("ProvisionedThroughputExceededException", ETIMEDOUT, THROTTLE),
    CODE("TransactionInProgressException", ETIMEDOUT, THROTTLE),
    CODE("RequestLimitExceeded", ETIMEDOUT, THROTTLE),
    CODE("BandwidthLimitExceeded", ETIMEDOUT, THROTTLE),
    CODE("LimitExceededException", ETIMEDOUT, THROTTLE),
    CODE("SlowDown", ETIMEDOUT, THROTTLE),
    CODE("PriorRequestNotComplete", ETIMEDOUT, THROTTLE),
    CODE("EC2ThrottledException", ETIMEDOUT, THROTTLE),

    CODE("RequestTimeout", ETIMEDOUT, TRANSIENT),
    CODE("RequestTimeoutException", ETIMEDOUT, TRANSIENT),
    CODE("IDPCommunicationError", ETIMEDOUT, TRANSIENT),
    CODE("InternalError", ETIMEDOUT, TRANSIENT),
    CODE("InternalFailure", ETIMEDOUT, TRANSIENT),
    CODE("ServiceUnavailable", ETIMEDOUT, TRANSIENT),
    CODE("OperationAborted", ETIMEDOUT, TRANSIENT),
    CODE("ConditionalRequestConflict", ETIMEDOUT, TRANSIENT),

    CODE("ExpiredToken", EKEYEXPIRED, EXPIRED),
    CODE("ExpiredTokenException", EKEYEXPIRED, EXPIRED),
    CODE("RequestExpired", EKEYEXPIRED, EXPIRED),
    CODE("TokenRefreshRequired", EKEYEXPIRED, EXPIRED),

    CODE("RequestTimeTooSkewed", EACCES, SKEW),
    CODE("RequestInTheFuture", EACCES, SKEW),
    CODE("SignatureDoesNotMatch", EACCES, SKEW),
    CODE("InvalidSignatureException", EACCES, SKEW),
    CODE("AuthFailure", EACCES, SKEW),

    CODE("PermanentRedirect", EIO, REGION),
    CODE("TemporaryRedirect", EIO, REGION),
    CODE("Redirect", EIO, REGION),
    CODE("AuthorizationHeaderMalformed", EIO, REGION),
    CODE("IllegalLocationConstraintException", EIO, REGION),

    CODE("AccessDenied", EACCES, NO),
    CODE("AccessDeniedException", EACCES, NO),
    CODE("AccessDeniedForDependencyException", EACCES, NO),
    CODE("UnauthorizedOperation", EACCES, NO),
    CODE("UnauthorizedAccess", EACCES, NO),
    CODE("NotAuthorizedException", EACCES, NO),
    CODE("AllAccessDisabled", EACCES, NO),
    CODE("AccountProblem", EACCES, NO),
    CODE("NotSignedUp", EACCES, NO),
    CODE("OptInRequired", EACCES, NO),
    CODE("RegionDisabledException", EACCES, NO),
    CODE("InvalidObjectState", EACCES, NO),
    CODE("InvalidClientTokenId", EACCES, NO),
    CODE("UnrecognizedClientException", EACCES, NO),
    CODE("InvalidAccessKeyId", EACCES, NO),
    CODE("InvalidToken", EACCES, NO),
    CODE("InvalidSecurity", EACCES, NO),
    CODE("IncompleteSignature", EACCES, NO),
    CODE("IncompleteSignatureException", EACCES, NO),
    CODE("MissingAuthenticationToken", EACCES, NO),
    CODE("MissingAuthenticationTokenException", EACCES, NO),
    CODE("MissingSecurityHeader", EACCES, NO),
    CODE("KMS.DisabledException", EACCES, NO),
    CODE("KMS.NotFoundException", EACCES, NO),
    CODE("KMS.KMSInvalidStateException", EACCES, NO),

    CODE("NoSuchKey", ENOENT, NO),
    CODE("NoSuchBucket", ENOENT, NO),
    CODE("NoSuchVersion", ENOENT, NO),
    CODE("AWSOrganizationsNotInUseException", ENOENT, NO),
    CODE("*NotFoundException", ENOENT, NO),
    CODE("*.NotFound", ENOENT, NO),

    CODE("PreconditionFailed", ESTALE, NO),
    CODE("NotModified", EALREADY, NO),
    CODE("InvalidRange", EIO, NO),
    CODE("EntityTooLarge", EFBIG, NO),
    CODE("PackedPolicyTooLarge", EFBIG, NO),
    CODE("DryRunOperation", ECANCELED, NO),

    CODE("ValidationError", EINVAL, NO),
    CODE("ValidationException", EINVAL, NO),
    CODE("MalformedPolicyDocument", EINVAL, NO),
    CODE("InvalidParameterException", EINVAL, NO),
    CODE("InvalidParameterValue", EINVAL, NO),
    CODE("InvalidInputException", EINVAL, NO),
    CODE("InvalidBucketName", EINVAL, NO),
    CODE("KeyTooLongError", EINVAL, NO),

    STATUS(200, ETIMEDOUT, TRANSIENT), /* an error document without a code */
    STATUS(301, EIO, REGION),
    STATUS(304, EALREADY, NO),
    STATUS(307, EIO, REGION),
    STATUS(401, EACCES, NO),
    STATUS(403, EACCES, NO),
    S3_STATUS(404, ENOENT, NO),
    STATUS(404, EIO, NO),
    STATUS(408, ETIMEDOUT, TRANSIENT),
    STATUS(412, ESTALE, NO),
    STATUS(416, EIO, NO),
    STATUS(429, ETIMEDOUT, THROTTLE),
    STATUS(500, ETIMEDOUT, TRANSIENT),
    STATUS(502, ETIMEDOUT, TRANSIENT),
    STATUS(503, ETIMEDOUT, TRANSIENT),
    STATUS(504, ETIMEDOUT, TRANSIENT),

    CURL(CURLE_COULDNT_RESOLVE_PROXY, EHOSTUNREACH, TRANSIENT),
    CURL(CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH, TRANSIENT),
    CURL(CURLE_COULDNT_CONNECT, EHOSTUNREACH, TRANSIENT),
    CURL(CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, TRANSIENT),
    CURL(CURLE_GOT_NOTHING, ETIMEDOUT, TRANSIENT),
    CURL(CURLE_SEND_ERROR, ETIMEDOUT, TRANSIENT),
    CURL(CURLE_RECV_ERROR, ETIMEDOUT, TRANSIENT),
    CURL(CURLE_PARTIAL_FILE, ETIMEDOUT, TRANSIENT),
    CURL(CURLE_PROXY, EHOSTUNREACH, TRANSIENT),
    CURL(CURLE_SSL_CONNECT_ERROR, EIO, TRANSIENT),
    CURL(CURLE_PEER_FAILED_VERIFICATION, EIO, NO),
    CURL(CURLE_SSL_CACERT_BADFILE, EIO, NO),
    CURL(CURLE_SSL_CERTPROBLEM, EIO, NO),
    CURL(CURLE_SSL_CIPHER, EIO, NO),
    CURL(CURLE_SSL_ISSUER_ERROR, EIO, NO),
    CURL(CURLE_SSL_ENGINE_NOTFOUND, EIO, NO),
    CURL(CURLE_WEIRD_SERVER_REPLY, EIO, NO),
    CURL(CURLE_UNSUPPORTED_PROTOCOL, EIO, NO),
    CURL(CURLE_BAD_CONTENT_ENCODING, EIO, NO),
    CURL(CURLE_URL_MALFORMAT, EINVAL, NO),
    CURL(CURLE_OUT_OF_MEMORY, ENOMEM, NO),
};

const struct aws_errors_row *aws_errors_rows(size_t *ret_count)
{
    *ret_count = sizeof rows / sizeof rows[0];
    return rows;
}

static bool code_matches(const char *pattern, const char *code)
{
    if (*pattern != '*')
        return strcmp(pattern, code) == 0;
    size_t tail = strlen(pattern + 1), len = strlen(code);
    return len > tail && strcmp(code + len - tail, pattern + 1) == 0;
}

static const struct aws_errors_row *find(enum aws_errors_kind kind, int number, const char *code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].kind == kind &&
            (kind == AWS_ERRORS_CODE ? code_matches(rows[i].code, code) : rows[i].number == number))
            return &rows[i];
    }
    return NULL;
}

struct aws_verdict aws_errors_of_answer(const char *code, int status, bool is_s3)
{
    const struct aws_errors_row *row = find(AWS_ERRORS_CODE, 0, code);
    if (!row && is_s3)
        row = find(AWS_ERRORS_S3_STATUS, status, NULL);
    if (!row)
        row = find(AWS_ERRORS_STATUS, status, NULL);
    return row ? row->verdict : (struct aws_verdict){-EIO, AWS_RETRY_NO};
}

struct aws_verdict aws_errors_of_curl(int curl_code, int os_errno)
{
    const struct aws_errors_row *row = find(AWS_ERRORS_CURL, curl_code, NULL);
    struct aws_verdict verdict = row ? row->verdict : (struct aws_verdict){-EIO, AWS_RETRY_NO};
    if (verdict.code == -EHOSTUNREACH && os_errno == ENETUNREACH)
        verdict.code = -ENETUNREACH;
    return verdict;
}

bool aws_errors_is_refusal(const char *code, int status)
{
    bool archived = strcmp(code, "InvalidObjectState") == 0; /* allowed, but not to be had */
    return !archived && aws_errors_of_answer(code, status, false).code == -EACCES;
}

/* Control bytes, C1's in UTF-8 among them: what ends a line, or acts on a terminal. */
static bool is_control(const char *at)
{
    unsigned char c = (unsigned char)at[0], next = c ? (unsigned char)at[1] : 0;
    return c < ' ' || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

/* How much of TEXT may be told: not the blob that AWS appends, nor what it quotes of how the request was signed. */
static size_t told_len(const char *text)
{
    static const char *const ends[] = {" Encoded authorization failure message", "AWS4-HMAC-SHA256", "X-Amz-Signature",
                                       "X-Amz-Security-Token", "X-Amz-Credential"};
    size_t len = 0;
    while (!is_control(text + len))
        len++;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const char *end = strcasestr(text, ends[i]);
        if (end && (size_t)(end - text) < len)
            len = (size_t)(end - text);
    }
    return len;
}

void aws_errors_copy_line(char *to, size_t size, const char *from)
{
    size_t len = told_len(from);
    snprintf(to, size, "%.*s", (int)(len < size ? len : size - 1), from);
}

/* "ns#Code:http://…" is Code. Only letters, digits, '.', '_' and '-' make a code. */
static void copy_code(char *to, size_t size, const char *from)
{
    const char *hash = strchr(from, '#');
    const char *code = hash ? hash + 1 : from;
    size_t len = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    snprintf(to, size, "%.*s", (int)(len < size ? len : size - 1), code);
}

static void parse_xml(const char *body, size_t len, struct aws_error *ret)
{
    struct aws_xml_document *doc cleanup(xml_freep) = NULL;
    if (aws_xml_parse(body, len, &doc) < 0)
        return;
    const struct aws_xml *root = aws_xml_root(doc);
    const struct aws_xml *code = aws_xml_find(root, "Code"), *message = aws_xml_find(root, "Message");
    const struct aws_xml *region = aws_xml_find(root, "Region"), *id = aws_xml_find(root, "RequestId");
    if (!id)
        id = aws_xml_find(root, "RequestID");
    if (code)
        copy_code(ret->code, sizeof ret->code, code->text);
    if (message)
        aws_errors_copy_line(ret->message, sizeof ret->message, message->text);
    if (region)
        aws_errors_copy_line(ret->region, sizeof ret->region, region->text);
    if (id && !ret->request_id[0])
        aws_errors_copy_line(ret->request_id, sizeof ret->request_id, id->text);
}

static void parse_json(const char *body, size_t len, struct aws_error *ret)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    if (aws_json_parse(body, len, &json) < 0)
        return;
    const char *code = aws_json_string(json, "__type"), *message = aws_json_string(json, "message");
    if (!code)
        code = aws_json_string(json, "code");
    if (!code)
        code = aws_json_string(json, "Code");
    if (!message)
        message = aws_json_string(json, "Message");
    if (code)
        copy_code(ret->code, sizeof ret->code, code);
    if (message)
        aws_errors_copy_line(ret->message, sizeof ret->message, message);
}

void aws_errors_parse(const char *error_type, const char *query_error, const char *body, size_t len,
                      struct aws_error *ret)
{
    while (len > 0 && strchr(" \t\r\n", *body)) {
        body++;
        len--;
    }
    if (len > 0 && *body == '<')
        parse_xml(body, len, ret);
    else if (len > 0 && *body == '{')
        parse_json(body, len, ret);
    if (query_error)
        copy_code(ret->code, sizeof ret->code, query_error);
    else if (error_type && !ret->code[0])
        copy_code(ret->code, sizeof ret->code, error_type);
}

/* The root's name, without its prefix: *RET points into BODY. */
static size_t root_name(const char *body, size_t len, const char **ret)
{
    const char *at = body, *end = body + len;
    while ((at = memchr(at, '<', (size_t)(end - at))) && end - at > 1 && (at[1] == '?' || at[1] == '!'))
        at++;
    if (!at || end - at < 2)
        return 0;
    const char *name = ++at;
    for (; at < end && !strchr(" \t\r\n/>", *at); at++) {
        if (*at == ':')
            name = at + 1;
    }
    *ret = name;
    return (size_t)(at - name);
}

/* Services name the type of what they return well, too: only a code that is known makes it an error. */
static bool is_json_error(const char *body, size_t len)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    char code[80] = "";
    if (len > AWS_ERRORS_BODY_MAX || !memmem(body, len, "\"__type\"", 8) || aws_json_parse(body, len, &json) < 0)
        return false;
    const char *type = aws_json_string(json, "__type");
    if (type)
        copy_code(code, sizeof code, type);
    return code[0] && find(AWS_ERRORS_CODE, 0, code);
}

bool aws_errors_is_document(const char *body, size_t len)
{
    if (is_json_error(body, len))
        return true;
    static const char *const names[] = {"Error", "ErrorResponse", "Response"};
    const char *name = NULL;
    size_t name_len = root_name(body, len, &name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (name_len == strlen(names[i]) && memcmp(name, names[i], name_len) == 0)
            return true;
    }
    return false;
}
