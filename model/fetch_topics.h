/* Inside model/fetch: what one fetch is given, and the functions that do the fetching, a file each.
 *
 * Ownership: a struct model_fetch is valid during the call. Threads: job threads; a scope's fetch never runs twice at once.
 * Errors: the fetch's own; with -EINPROGRESS a delivery is under way and the last whole listing still serves.
 * Cost: stated at each.
 */
#ifndef CTFS_MODEL_FETCH_TOPICS_H
#define CTFS_MODEL_FETCH_TOPICS_H

#include "model/fetch.h"

struct model_fetch {
    struct model_customer *customer;
    const char *arg;
    const char *scope;
    bool cached; /* a whole listing is there already */
    struct cancel *cancel;
};

/* Publishes ITEMS as the whole of the scope, now. */
errint model_fetch_publish(const struct model_fetch *f, const struct cache_item *items, size_t count);

/* One describe, then every root and unit top-down, one call at a time: two requests a unit. */
errint model_organization_walk(const struct model_fetch *f);
/* One request. */
errint model_organization_fetch_tags(const struct model_fetch *f);
/* One request a page of five. */
errint model_months_fetch_reports(const struct model_fetch *f);
/* One request, and one for each period that was not known before. */
errint model_months_fetch(const struct model_fetch *f);
/* One request when the manifest is unchanged, else three. Waits up to op_timeout for a delivery when nothing is cached. */
errint model_month_fetch(const struct model_fetch *f);
/* One request a page of 1000. */
errint model_resources_fetch_instances(const struct model_fetch *f);
/* One request where no role names the account. */
errint model_resources_fetch_caller(const struct model_fetch *f);

#endif
