/* struct model: everything a ctfs process holds below its file tree or command line.
 *
 * Ownership: model_open's caller frees; customers are counted.
 * Threads:   any.
 * Errors:    of state.db's and cache.db's opening, and of malformed AWS configuration; no network is needed.
 * Cost:      two SQLite files, the client's thread, task threads.
 */
#ifndef CTFS_MODEL_MODEL_H
#define CTFS_MODEL_MODEL_H

#include "aws/client.h"
#include "cache/object.h"
#include "cache/state.h"
#include "cache/store.h"
#include "model/settings.h"

struct model_customer;
struct model_waiting;

struct model {
    const struct model_settings *settings;
    struct jobs *jobs;    /* metadata fetches, onboarding, credentials */
    struct executor *cpu; /* decompression: one thread a core */
    struct aws_client *client;
    struct aws_session *caller; /* the vendor's own credentials */
    struct cache_state *state;
    struct cache_store *store;     /* NULL in a process without a cache (command line) */
    struct cache_objects *objects; /* NULL likewise */
    struct cache_gunzip_budget *budget;
    pthread_mutex_t lock;
    struct model_customer *current;      /* protected by lock */
    int64_t current_version;             /* state's version that CURRENT was made from */
    struct model_direct *direct;         /* s3://B/P/R given at mount, or NULL */
    struct model_registered *registered; /* protected by lock: what is under way for each connection */
    struct model_flights *flights;       /* small requests for facts of parts, and proofs (model/report_facts.h) */
    struct model_notes *notes;           /* model/notes.h */
    struct model_urls *urls;             /* model/urls.h */
    size_t (*waiting)(void *arg, struct model_waiting *ret, size_t max); /* model_status_set_waiting */
    void *waiting_arg;
    int64_t started_unix;
};

enum model_parts { MODEL_STATE_ONLY, MODEL_WITH_CACHE };

/* SETTINGS outlives the model. */
errint model_open(const struct model_settings *settings, enum model_parts parts, struct model **ret);
/* Direct mode at mount: s3://BUCKET/PREFIX/REPORT read with the caller's own credentials; stored nowhere. */
errint model_open_direct(struct model *m, const char *uri);
/* -ENOENT when settings name a connection that state.db has none of; the message names it and those there are. Asks no
 * network; what cannot be told (state.db is locked for long) is 0. After model_open_direct: a source stands before it. */
errint model_check_chosen(struct model *m);
/* Every call to AWS and every job ends soon; what waits is answered. Then free when nothing uses it. */
void model_stop(struct model *m);
void model_free(struct model *m);

/* One customer as this process acts for it: a connection's row with its sessions. Immutable; a changed row makes a new
 * one. */
struct model_customer {
    atomic_uint refs;
    struct model *model;
    struct cache_connection connection;
    struct aws_session *reading; /* the role under a session policy without s3:Put*, or the caller in direct mode; NULL
                                    until connected */
    char *account;               /* the role's account; "" unknown */
    char *scope;                 /* prefix of its scopes in cache.db: "c-4f1d09ab/" */
    struct model_fetches *fetches; /* what is being fetched (model/fetch.h); shared by the customers of one handle */
};

/* The customer that this process shows: settings' connection, or the only one. -ENOENT: none there or none of that
 * name; -ENOTUNIQ: several and none chosen (the message lists them). A change by any process shows within a second.
 * Does not block on the network. The caller puts *RET. A pending connection is given too (connected false, reading
 * NULL). */
errint model_current(struct model *m, struct model_customer **ret);
struct model_customer *model_customer_get(struct model_customer *c);
void model_customer_put(struct model_customer *c);

/* The report's bucket as requests name it; the texts are the customer's. */
struct aws_s3_bucket;
void model_customer_bucket(const struct model_customer *c, struct aws_s3_bucket *ret);

/* The prefix under which the report lies: the definition's when it won over the typed one. */
const char *model_customer_prefix(const struct model_customer *c);

/* The account that the customer's credentials act in: the role's, or in direct mode what was learnt; "" unknown. */
errint model_customer_account(struct model_customer *c, struct buf *ret);

/* Forgets what cache.db and the objects' folder have of a connection (disconnect=); BUCKET: of its bucket too, which no
 * other connection reads. */
void model_customer_forget(struct model *m, const struct cache_connection *row, bool bucket);

/* A customer for any connection row (command line, onboarding). */
errint model_customer_new(struct model *m, const struct cache_connection *row, struct model_customer **ret);

#endif
