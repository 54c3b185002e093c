/* What the S3 files share: how a request for a bucket or an object is put together.
 *
 * Ownership: struct s3_request is embedded; its texts are its own until s3_request_done. Threads: its user's.
 * Errors:    -EINVAL a key over 1,024 bytes or without any; -ENOMEM. Cost: no network.
 */
#ifndef CTFS_AWS_S3_PARTS_H
#define CTFS_AWS_S3_PARTS_H

#include "aws/call.h"
#include "aws/s3.h"

#define AWS_S3_KEY_MAX 1024u

struct aws_s3_request {
    struct aws_request request; /* service, bucket, path, target, headers set; method and operation by the caller */
    struct aws_sigv4_header headers[6];
    char *path, *target;
};

/* KEY NULL: the bucket itself. */
errint aws_s3_request_init(struct aws_s3_request *r, const struct aws_s3_bucket *bucket, const char *key);
void aws_s3_request_done(struct aws_s3_request *r);
/* VALUE NULL is left out. Both texts stay valid as long as R. */
void aws_s3_request_header(struct aws_s3_request *r, const char *name, const char *value);

/* "bytes 0-9/100" of RFC 9110 section 14.4; the total must be known. -EIO otherwise. */
errint aws_s3_content_range(const char *text, uint64_t *ret_first, uint64_t *ret_last, uint64_t *ret_total);

/* TEXT (NULL: "") as an ETag with its quotes, which some servers leave out of a listing: the caller's, NULL when out of
 * memory. "" stays "". */
char *aws_s3_etag(const char *text);
/* Are two ETags one, with their quotes or without? */
bool aws_s3_etag_same(const char *a, const char *b);

/* Decimal digits alone, without overflow. -EIO otherwise, or for NULL. */
errint aws_s3_number(const char *text, uint64_t *ret);

#endif
