/* What must be fetched before a directory can answer, fetched once for all who ask, kept in cache.db, refreshed behind.
 *
 * Ownership: the customer's.
 * Threads:   any; fetches run on job threads.
 * Errors:    of a topic with nothing cached: the fetch's own failure (kept for 2 s, then tried again), -EACCES for a
 *            customer that is not connected, -EHOSTUNREACH offline.
 * Cost:      fresh: one indexed read.
 */
#ifndef CTFS_MODEL_FETCH_H
#define CTFS_MODEL_FETCH_H

#include "base/cancel.h"
#include "base/task.h"
#include "model/model.h"

enum model_topic {
    MODEL_ORGANIZATION, /* organization, roots, units, accounts: one serial walk; ARG "" */
    MODEL_ACCOUNT_TAGS, /* ARG: account */
    MODEL_REPORTS,      /* the report definitions; ARG "" */
    MODEL_MONTHS,       /* the periods under the report's prefix; ARG "" */
    MODEL_MONTH,        /* a whole snapshot of ARG "2026-11" */
    MODEL_INSTANCES,    /* ARG: region */
    MODEL_CALLER,       /* the account that the credentials act in, where no role names it; ARG "" */
    MODEL_TOPIC_COUNT
};

/* 0: something whole is in cache.db (a refresh has begun when it is older than its time to live); -EAGAIN: W waits for
 * the fetch under way; else the failure. W NULL never waits. */
errint model_fetch_need(struct model_customer *c, enum model_topic topic, const char *arg, struct waiter *w);

/* What cache.db has of it: when it was fetched, when it last changed, how much it is. -ENOENT: it has nothing. */
errint model_fetch_listing(const struct model_customer *c, enum model_topic topic, const char *arg,
                           struct cache_listing *ret);
/* Of that, when it was fetched, and when it last changed. */
errint model_fetch_time(const struct model_customer *c, enum model_topic topic, const char *arg, int64_t *ret_ns);
errint model_fetch_changed(const struct model_customer *c, enum model_topic topic, const char *arg, int64_t *ret_ns);

/* Begins a fetch now, whatever the age: refresh=all (TOPIC MODEL_TOPIC_COUNT) or one topic. */
errint model_fetch_refresh(struct model_customer *c, enum model_topic topic);

/* Begins one fetch now, unless it is under way or failed within the last second. */
errint model_fetch_refresh_one(struct model_customer *c, enum model_topic topic, const char *arg);

/* The same for a job's thread, and waits until what was begun has ended: 0, or the first failure. */
errint model_fetch_refresh_wait(struct model_customer *c, enum model_topic topic, struct cancel *cancel);

/* The scope of a topic in cache.db: "c-4f1d09ab/month/2026-11". */
void model_fetch_scope(const struct model_customer *c, enum model_topic topic, const char *arg, struct buf *ret);

const char *model_fetch_topic_name(enum model_topic topic); /* "organization", "month" … */

/* What is under way for the customers of one connection; model/customer.c keeps it. */
errint model_fetches_new(struct model_fetches **ret);
void model_fetches_free(struct model_fetches *f);

/* One topic's state, for status: fetched when, failing with what. Of account tags those under way or failing alone. */
struct model_fetch_state {
    enum model_topic topic;
    char arg[64];
    int64_t fetched_ns; /* 0: never */
    bool running;
    errint error;
    char message[512];
};
size_t model_fetch_states(struct model_customer *c, struct model_fetch_state *ret, size_t max);

#endif
