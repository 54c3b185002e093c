/* Amazon S3: https://docs.aws.amazon.com/AmazonS3/latest/API/
 *
 * The bucket's region is learnt once (x-amz-bucket-region of HEAD bucket, or of the first refusal) and kept per client.
 * Keys are exact bytes: encoded once, leading and double slashes kept. x-amz-expected-bucket-owner is sent when the
 * bucket names its owner.
 *
 * Ownership: results are the caller's.
 * Threads:   job threads, but the feed (its own contract).
 * Errors:    aws/errors.h: -ENOENT NoSuchKey and NoSuchBucket (a missing key without s3:ListBucket is -EACCES), -ESTALE
 *            412 and a changed ETag, -EIO a body that is not what its headers promise.
 * Cost:      one request each, a list one a page of 1000.
 */
#ifndef CTFS_AWS_S3_H
#define CTFS_AWS_S3_H

#include "aws/client.h"
#include "base/buf.h"
#include "base/feed.h"

struct aws_s3_bucket {
    const char *name;
    const char *owner; /* 12 digits for x-amz-expected-bucket-owner, or NULL */
};

struct aws_s3_object {
    char *key;
    char *etag; /* with its quotes, as If-Match wants it */
    uint64_t size_bytes;
    int64_t last_modified_unix;
    char *storage_class; /* "" when not said */
};
struct aws_s3_listing {
    struct aws_s3_object *objects; /* in S3's order: UTF-8 bytes */
    size_t object_count;
    char **prefixes; /* CommonPrefixes */
    size_t prefix_count;
};

/* Every page of ListObjectsV2. DELIMITER "/" or NULL. At most 100,000 pages and OBJECTS_MAX objects (0: 10^6), else -EFBIG. */
errint aws_s3_list(struct aws_session *s, const struct aws_s3_bucket *bucket, const char *prefix, const char *delimiter,
                   size_t objects_max, struct cancel *c, struct aws_s3_listing *ret);
void aws_s3_listing_done(struct aws_s3_listing *l);

/* The bucket's region, by HEAD: -ENOENT no such bucket; a refused HEAD still tells the region. */
errint aws_s3_bucket_region(struct aws_session *s, const char *bucket, struct cancel *c, char **ret);

struct aws_s3_get {
    const char *key;
    const char *if_match;      /* an ETag, or NULL */
    const char *if_none_match; /* an ETag, or NULL: -EALREADY when it still is that one */
    uint64_t off;              /* with LEN: a range; OFF UINT64_MAX: the last LEN bytes */
    uint64_t len;              /* 0: all */
    size_t size_max;           /* -EFBIG past it */
};
struct aws_s3_body {
    struct buf data;
    char *etag;
    uint64_t object_size_bytes; /* the whole object's */
    int64_t last_modified_unix;
};
errint aws_s3_get(struct aws_session *s, const struct aws_s3_bucket *bucket, const struct aws_s3_get *in,
                  struct cancel *c, struct aws_s3_body *ret);
void aws_s3_body_done(struct aws_s3_body *b);

/* PUT of a small body. IF_NONE_MATCH_ANY: -EEXIST when the key is there. ETag in *ret_etag (NULL: not wanted). */
errint aws_s3_put(struct aws_session *s, const struct aws_s3_bucket *bucket, const char *key, const void *data,
                  size_t len, const char *content_type, bool if_none_match_any, struct cancel *c, char **ret_etag);

/* A GET of KEY that needs no credentials until EXPIRES_S seconds from now (at most 604,800): virtual-host form in the
 * bucket's region (path form where an endpoint is set or the name has a dot). May ask for the region. *RET_EXPIRES_UNIX
 * is the earlier of that and the session's end. */
errint aws_s3_presign_get(struct aws_session *s, const char *bucket, const char *key, int64_t expires_s,
                          struct cancel *c, char **ret_url, int64_t *ret_expires_unix);

/* Fetches a URL with no credentials at all: is the presigned one good? */
errint aws_s3_fetch_url(struct aws_client *c, const char *url, size_t size_max, struct cancel *cancel, struct buf *ret);

/* The ranges of one version of one object: every GET is pinned with If-Match ETAG, its Content-Range checked against
 * SIZE_BYTES. Retries resume at the byte where the body stopped. -ESTALE replaced; -EIO when the answer is not that
 * range of that object. The texts are copied. */
errint aws_s3_feed_new(struct aws_session *s, const struct aws_s3_bucket *bucket, const char *key, const char *etag,
                       uint64_t size_bytes, struct feed **ret);

#endif
