/* AWS Signature Version 4: what authorizes a request, in three stages that can each be tested.
 * IAM user guide, "AWS Signature Version 4 for API requests"; S3 API reference, "Authenticating Requests".
 *
 * Ownership: inputs are read during the call alone; results are the caller's.
 * Threads:   any; no state.
 * Errors:    -EINVAL what cannot be signed (a path without its '/', a control byte in a header, a header of the
 *            signer's own among the caller's); -ENOMEM; -EIO when OpenSSL fails.
 * Cost:      about 10 us and the SHA-256 of the body.
 */
#ifndef CTFS_AWS_SIGV4_H
#define CTFS_AWS_SIGV4_H

#include <stdint.h>

#include "aws/credentials.h"
#include "aws/encode.h"

#define AWS_SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define AWS_SIGV4_EXPIRES_MAX_S (7 * 24 * 3600)

struct aws_sigv4_header {
    const char *name; /* any case */
    const char *value;
};

/* What is sent. The host and each x-amz-* header must reach the wire exactly as they stand here. */
struct aws_sigv4_request {
    const char *method; /* upper case */
    const char *host;   /* the Host header: lower case, a port only where it is not the scheme's own */
    const char *path;   /* as it is sent: begins with '/', encoded once, nothing normalized. For services other than S3
                         * the signer normalizes and encodes it again, as AWS does before it compares. */
    const struct aws_query *query; /* decoded, any order; a name may occur twice */
    size_t query_count;
    const struct aws_sigv4_header *headers; /* every header that is sent but host, authorization and those that the
                                             * signer adds. What a proxy may change (user-agent, expect, te, …) is
                                             * not signed; everything else is. */
    size_t headers_count;
    const char *payload_sha256; /* 64 hex digits or AWS_SIGV4_UNSIGNED_PAYLOAD; NULL: of BODY */
    const void *body;           /* NULL: empty */
    size_t body_len;
};

/* Who signs, for what, when. */
struct aws_sigv4_signer {
    const char *service; /* its signing name: "s3", "sts", "monitoring", … */
    const char *region;
    const struct aws_credentials *credentials;
    int64_t time_unix;
};

/* What to send besides: authorization, x-amz-date, x-amz-content-sha256, and x-amz-security-token with the
 * credentials' session_token where there is one. */
#define AWS_SIGV4_DATE_SIZE 17
struct aws_sigv4_signed {
    char date[AWS_SIGV4_DATE_SIZE]; /* "20261123T091248Z" */
    char payload_sha256[AWS_SHA256_HEX_SIZE];
    char *authorization;
};

errint aws_sigv4_sign(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r,
                      struct aws_sigv4_signed *ret);
void aws_sigv4_signed_done(struct aws_sigv4_signed *s);

/* The query of a URL that needs no header: the request's own parameters, then X-Amz-Algorithm … X-Amz-Signature
 * (S3 API reference, "Authenticating Requests: Using Query Parameters"). The URL is https://HOST PATH ? *RET.
 * EXPIRES_S: 1 to AWS_SIGV4_EXPIRES_MAX_S; the session's end ends it too. For S3 the payload is unsigned unless
 * payload_sha256 says otherwise. Headers given are signed, and who follows the URL must send them. */
errint aws_sigv4_presign(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r, int expires_s,
                         char **ret_query);

/* Stage 1: the canonical request of header signing, and its SignedHeaders ("host;x-amz-date"). */
errint aws_sigv4_canonical_request(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r,
                                   struct buf *canonical, struct buf *signed_headers);
/* Stage 1 of presigning: QUERY_ALL is the whole query but X-Amz-Signature. */
errint aws_sigv4_canonical_presign(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r, int expires_s,
                                   struct buf *canonical, struct buf *query_all);
/* Stage 2: from stage 1's text. */
errint aws_sigv4_string_to_sign(const struct aws_sigv4_signer *s, const char *canonical, size_t len,
                                struct buf *string_to_sign);
/* Stage 3: the signature of stage 2's text, as hex. The keys that it derives are wiped. */
errint aws_sigv4_signature(const struct aws_sigv4_signer *s, const char *string_to_sign, size_t len,
                           char ret_hex[AWS_SHA256_HEX_SIZE]);

#endif
