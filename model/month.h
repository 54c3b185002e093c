/* A month's snapshot: one manifest with the versions of the objects that it names, taken so that it cannot be torn.
 *
 * Ownership: months are counted (model/report.h); the bucket is the caller's. Threads: any; taking blocks on the bucket.
 * Errors: -EALREADY the last snapshot is still what is there, -EINPROGRESS a delivery is under way, -EIO the
 * manifest is none or points outside the report. Cost: unchanged one LIST; else two GETs and a LIST for each folder.
 */
#ifndef CTFS_MODEL_MONTH_H
#define CTFS_MODEL_MONTH_H

#include "aws/s3.h"
#include "model/report.h"

/* Where the objects are: S3, or a test's own. */
struct model_bucket {
    /* A whole object; -EALREADY when IF_NONE_MATCH (NULL: none) is its ETag still. */
    errint (*get)(void *arg, const char *key, const char *if_none_match, struct aws_s3_body *ret);
    /* The objects and folders directly in the folder PREFIX. */
    errint (*list)(void *arg, const char *prefix, struct aws_s3_listing *ret);
    void *arg;
};

struct model_month_request {
    const char *period, *root, *folder, *report;
    const struct model_month *known; /* the last snapshot; NULL: take it anew whatever is there */
};

/* Takes a snapshot: reads the manifest, lists its parts, and reads the manifest again. -EINPROGRESS, with what is amiss in
 * the message, when a part is missing or newer than the manifest, or the manifest changed meanwhile. */
errint model_month_take(const struct model_bucket *bucket, const struct model_month_request *in,
                        struct model_month **ret);

/* What is kept of a snapshot in cache.db: two texts, the manifest's bytes and all else. */
errint model_month_encode(const struct model_month *m, struct buf *ret);
errint model_month_decode(const char *period, const char *text, size_t len, const void *manifest, size_t manifest_len,
                          struct model_month **ret);

/* The mark that says: a part of this month was refused as replaced, so take it anew whatever the manifest's ETag is. */
void model_month_replaced_mark(const struct model_customer *c, const char *period, struct buf *ret);

/* The customer's bucket for a job that C may end. */
struct model_month_s3 {
    struct model_customer *customer;
    struct cancel *cancel;
    struct aws_s3_bucket bucket;
};
void model_month_s3_bucket(struct model_customer *customer, struct cancel *cancel, struct model_month_s3 *s3,
                           struct model_bucket *ret);

#endif
