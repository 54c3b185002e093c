/* The wire protocols of AWS over aws/call.h: JSON 1.1, Query (STS, EC2, CloudWatch), and pages.
 * https://smithy.io/2.0/aws/protocols/
 *
 * Ownership: results are the caller's. Threads: job threads (blocking). Errors: those of aws/call.h; -EIO for an answer
 *            that is not what the protocol promises. Cost: one request.
 */
#ifndef CTFS_AWS_OPERATION_H
#define CTFS_AWS_OPERATION_H

#include <cjson/cJSON.h>

#include "aws/call.h"
#include "aws/probes.h"
#include "aws/xml.h"
#include "base/cleanup.h"

/* POST of INPUT (NULL: {}) with X-Amz-Target TARGET_PREFIX.OPERATION. RET: the answer as text. */
errint aws_operation_json_raw(struct aws_session *s, enum aws_service service, const char *region,
                              const char *target_prefix, const char *operation, const cJSON *input, struct cancel *c,
                              struct aws_response *ret);
/* The same, parsed. */
errint aws_operation_json(struct aws_session *s, enum aws_service service, const char *region,
                          const char *target_prefix, const char *operation, const cJSON *input, struct cancel *c,
                          cJSON **ret);

/* POST of Action, Version and PARAMETERS as a form. */
errint aws_operation_query_raw(struct aws_session *s, enum aws_service service, const char *region, const char *version,
                               const char *operation, const struct aws_query *parameters, size_t parameter_count,
                               struct cancel *c, struct aws_response *ret);

/* The answer of a query that succeeded, parsed. */
errint aws_operation_xml(const struct aws_response *r, enum aws_service service, const char *operation,
                         struct aws_xml_document **ret);

/* Pages: the token of the answer before, and a guard against lists that do not end. */
#define AWS_PAGES_MAX 100000u
struct aws_pages {
    char *token; /* for the next request; NULL: none */
    char *mark;  /* one of those before it */
    unsigned count;
};
/* After each page, with what it gave as next token (NULL or "": it was the last): true in *RET_MORE when another follows.
 * -EIO when a token repeats the one that was sent, or comes round again; -EFBIG past AWS_PAGES_MAX. */
errint aws_pages_next(struct aws_pages *p, const char *what, const char *token, bool *ret_more);
void aws_pages_done(struct aws_pages *p);

/* What RESULT and the answer say of a permission: see aws/probes.h. Ends the response. */
errint aws_operation_probed(errint result, struct aws_response *r, struct aws_probe *ret);

void aws_operation_response_done(struct aws_response *r); /* for cleanup() */
#define cleanup_response cleanup(aws_operation_response_done)
void aws_operation_xml_freep(struct aws_xml_document **d);
#define cleanup_xml cleanup(aws_operation_xml_freep)

#endif
