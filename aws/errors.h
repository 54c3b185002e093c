/* What a failure means: the one table from AWS's codes, HTTP statuses and curl's results to errno and what to do next.
 *
 * By AWS's code first, by the status only where the code says nothing: Organizations throttles with HTTP 400, and a 200
 * may carry an error. AWS SDKs and Tools reference guide, "Retry behavior"; S3 API reference, "Error responses".
 *
 * Ownership: struct aws_error is the caller's, no heap; rows are static. Threads: any. Errors: none.
 * Cost:      a walk over about 120 rows; parsing, an answer of at most 64 KiB.
 */
#ifndef CTFS_AWS_ERRORS_H
#define CTFS_AWS_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/errors.h"

#define AWS_ERRORS_BODY_MAX ((size_t)64 * 1024)

enum aws_retry {
    AWS_RETRY_NO,
    AWS_RETRY_TRANSIENT, /* again after 50 ms * 2^i */
    AWS_RETRY_THROTTLE,  /* again after 1 s * 2^i */
    AWS_RETRY_EXPIRED,   /* once more with new credentials */
    AWS_RETRY_SKEW,      /* once more by the server's clock, where it differs */
    AWS_RETRY_REGION,    /* S3: once more, signed for the bucket's region */
};

struct aws_verdict {
    errint code; /* of the call, when it is not tried again */
    enum aws_retry retry;
};

enum aws_errors_kind { AWS_ERRORS_CODE, AWS_ERRORS_S3_STATUS, AWS_ERRORS_STATUS, AWS_ERRORS_CURL };

struct aws_errors_row {
    enum aws_errors_kind kind;
    int number;       /* HTTP status, CURLcode */
    const char *code; /* AWS's; "*Tail" stands for every code that ends so */
    struct aws_verdict verdict;
};

/* The table, for its test. */
const struct aws_errors_row *aws_errors_rows(size_t *ret_count);

/* What AWS said. */
struct aws_error {
    int status;           /* HTTP; 0: no answer came */
    char code[80];        /* "" when none was said */
    char message[400];    /* its first line; "" */
    char region[33];      /* S3: where the bucket is; "" */
    char request_id[128]; /* "" */
};

/* Fills CODE, MESSAGE and REGION of RET from an answer's body and headers (X-Amzn-ErrorType, x-amzn-query-error; NULL
 * when absent), whatever the service: XML with <Code> at any depth, JSON with __type or code, HTML, nothing. Other
 * members are left. */
void aws_errors_parse(const char *error_type, const char *query_error, const char *body, size_t len,
                      struct aws_error *ret);

/* Copies what a server said, as far as it may stand in a message: one line, nothing of the request's signature or token. */
void aws_errors_copy_line(char *to, size_t size, const char *from);

/* Is BODY, of an answer with status 200, an error document: XML of <Error>, <ErrorResponse> or <Response>, JSON whose
 * __type is a code of the table? */
bool aws_errors_is_document(const char *body, size_t len);

/* By code, else by status. A bare 404 means that something is not there from S3 alone (IS_S3), whose every path is an
 * object's or a bucket's: of other services it is an answer that is not theirs. */
struct aws_verdict aws_errors_of_answer(const char *code, int status, bool is_s3);

/* By CURLcode, and the errno of the socket (0: unknown). */
struct aws_verdict aws_errors_of_curl(int curl_code, int os_errno);

/* Did AWS refuse for want of a permission? What a probe asks. */
bool aws_errors_is_refusal(const char *code, int status);

#endif
