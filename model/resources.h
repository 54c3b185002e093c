/* EC2 instances as cached. Ask model_fetch_need(MODEL_INSTANCES, region) first.
 *
 * Ownership, threads, errors, cost: as model/organization.h.
 */
#ifndef CTFS_MODEL_RESOURCES_H
#define CTFS_MODEL_RESOURCES_H

#include "base/buf.h"
#include "model/model.h"

/* The accounts whose resources this role can see (its own): 12 digits. -EAGAIN: ask model_fetch_need(MODEL_CALLER) first. */
errint model_resources_accounts_each(struct model_customer *c, int (*each)(void *arg, const char *account), void *arg);
/* The regions: of the cost data's own columns, then the settings', then AWS's default list. */
errint model_resources_regions_each(struct model_customer *c, int (*each)(void *arg, const char *region), void *arg);

errint model_instances_each(struct model_customer *c, const char *region, int (*each)(void *arg, const char *id),
                            void *arg);
errint model_instances_changed(struct model_customer *c, const char *region, int64_t *ret_ns);
/* Is ID an instance there (-ENOENT: no), and when did what is known of it last change? For its folder. */
errint model_instance_changed(struct model_customer *c, const char *region, const char *id, int64_t *ret_ns);

enum model_instance_file { MODEL_INSTANCE_JSON, MODEL_INSTANCE_STATE, MODEL_INSTANCE_TYPE, MODEL_INSTANCE_TAGS_JSON };
errint model_instance_file(struct model_customer *c, const char *region, const char *id, enum model_instance_file which,
                           struct buf *ret, int64_t *ret_floor_ns);

#endif
