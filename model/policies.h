/* policies/: what the template grants, what was tried, what the vendor and the customer have to attach.
 *
 * Files: CloudTrakr-Custom-ResourceMonitoring-Policy.json, CloudTrakr-Custom-S3-Policy.json (as the template grants
 * them, with this connection's buckets), trust-policy.json, template.json, granted.tsv, vendor-bucket-policy.json (with
 * a vendor bucket), vendor-identity-policy.json, report-definition.json, report-bucket-policy.json.
 *
 * Ownership: buffers are the caller's.
 * Threads:   any; no network.
 * Errors:    -ENOENT a name that is not there for this connection.
 * Cost:      renders in memory.
 */
#ifndef CTFS_MODEL_POLICIES_H
#define CTFS_MODEL_POLICIES_H

#include "base/buf.h"
#include "model/model.h"

/* C: NULL while there is no connection; then vendor-identity-policy.json alone is there. EACH ends the walk with what it
 * returns unless 0. */
errint model_policies_each(struct model *m, const struct cache_connection *c, int (*each)(void *arg, const char *name),
                           void *arg);
errint model_policies_file(struct model *m, const struct cache_connection *c, const char *name, struct buf *ret);

/* EACH is told of every vendor's bucket whose policy S3 does not take, with the policy's size and what to do. */
errint model_policies_too_large(struct model *m, void (*each)(void *arg, const char *bucket, const char *text),
                                void *arg);
/* vendor_bucket_policy_error= when C's bucket is one of those, else nothing. */
void model_policies_answer(struct model *m, const struct cache_connection *c, struct buf *to);

#endif
