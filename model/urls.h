/* Templates' URLs for a fresh open of `connect`: presigned and checked by a job, given to all who wait for it.
 *
 * Ownership: the model's. Threads: any. Errors: -EAGAIN with W waiting; else the publication's own. Cost: one job, at most
 * every 30 s a connection.
 */
#ifndef CTFS_MODEL_URLS_H
#define CTFS_MODEL_URLS_H

#include "model/model.h"

struct model_urls;

errint model_urls_new(struct model_urls **ret);
void model_urls_free(struct model_urls *u); /* when no job runs any more; NULL is nothing */

/* *RET_URL is the caller's. W NULL: what is at hand, -EAGAIN when nothing is. */
errint model_urls_get(struct model *m, const struct cache_connection *row, struct waiter *w, char **ret_url,
                      int64_t *ret_expires_unix);

#endif
