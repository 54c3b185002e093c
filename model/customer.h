/* Inside model/model: the customers' shared parts and direct mode's row.
 *
 * Ownership: stated by each. Threads: any. Errors: -EINVAL a malformed URI, -ENOMEM. Cost: none.
 */
#ifndef CTFS_MODEL_CUSTOMER_H
#define CTFS_MODEL_CUSTOMER_H

#include "model/model.h"

/* The row that s3://BUCKET/PREFIX/REPORT stands for; *RET is the caller's (cache_connection_done). */
errint model_customer_parse_uri(const char *uri, struct cache_connection *ret);

/* A customer that takes over OLD's session (may be NULL) when nothing about it changed. */
errint model_customer_renew(struct model *m, const struct cache_connection *row, const struct model_customer *old,
                            struct model_customer **ret);

/* Frees what is registered, when every customer is gone. */
void model_customer_done_all(struct model *m);

#endif
