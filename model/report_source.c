/* The stack of a part: aws_s3_feed (pinned by ETag) -> cache_objects -> a watch for replaced objects -> cache_gunzip.
 *
 * The watch hands everything through. When the object below says -ESTALE, it leaves the mark that makes the month's next
 * snapshot be taken anew, and has one taken now: the part was overwritten, a delivery is on its way.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3.h"
#include "base/cleanup.h"
#include "model/fetch.h"
#include "model/month.h"
#include "model/report_facts.h"

void model_source_id(const struct model_customer *c, const struct model_part *part, struct cache_object_id *ret)
{
    *ret = (struct cache_object_id){
        .account = c->account,
        .bucket = c->connection.bucket,
        .key = part->key,
        .etag = part->etag,
        .size_bytes = part->size_bytes,
    };
}

bool model_source_is_kept(struct model_customer *c, const struct model_part *part)
{
    struct cache_object_id id;
    model_source_id(c, part, &id);
    return cache_objects_have(c->model->objects, &id);
}

struct watch {
    struct source source;
    struct source *object;
    struct model_customer *customer;
    char period[8];
    atomic_bool told;
};

static void tell(struct watch *w)
{
    struct buf mark cleanup_buf = BUF_INIT;
    if (atomic_exchange(&w->told, true))
        return;
    char *message cleanup_free = strdup(err_message());
    model_month_replaced_mark(w->customer, w->period, &mark);
    (void)cache_store_mark_put(w->customer->model->store, buf_text(&mark), "1"); /* the poll finds out later too */
    (void)model_fetch_refresh_one(w->customer, MODEL_MONTH, w->period);
    (void)err_set(-ESTALE, "%s", message ? message : "replaced");
}

static errint watch_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    return source_stat(((struct watch *)s)->object, ret, w);
}

static errint watch_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                          struct waiter *w)
{
    struct watch *watch = (struct watch *)s;
    errint e = source_pread(watch->object, off, len, deliver, arg, w);
    if (e == -ESTALE)
        tell(watch);
    return e;
}

static void watch_free(struct source *s)
{
    struct watch *w = (struct watch *)s;
    source_put(w->object);
    model_customer_put(w->customer);
    free(w);
}

static const struct source_ops watch_ops = {.stat = watch_stat, .pread = watch_pread, .free = watch_free};

struct opening {
    struct model_customer *customer;
    const struct model_part *part;
};

static errint make_feed(void *arg, struct feed **ret)
{
    const struct opening *o = arg;
    struct aws_s3_bucket bucket;
    if (!o->customer->reading)
        return err_set(-EACCES, "connection %s has no role yet", o->customer->connection.handle);
    model_customer_bucket(o->customer, &bucket);
    return aws_s3_feed_new(o->customer->reading, &bucket, o->part->key, o->part->etag, o->part->size_bytes, ret);
}

errint model_source_object(struct model_customer *c, const char *period, const struct model_part *part,
                           struct source **ret)
{
    struct opening opening = {.customer = c, .part = part};
    struct cache_object_id id;
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(-ENOMEM, "no memory to open %s", part->key);
    model_source_id(c, part, &id);
    errint e = cache_objects_open(c->model->objects, &id, make_feed, &opening, &w->object);
    if (e) {
        free(w);
        return e;
    }
    source_init(&w->source, &watch_ops);
    w->customer = model_customer_get(c);
    memcpy(w->period, period, sizeof w->period);
    *ret = &w->source;
    return 0;
}

/* Whom a pass tells: copies, because it may outlive the month that the part came from. */
struct told {
    struct model_customer *customer;
    char period[8];
    struct model_part part;
    bool fresh;
};

static void free_told(void *arg)
{
    struct told *t = arg;
    model_customer_put(t->customer);
    free(t->part.key);
    free(t->part.etag);
    free(t);
}

static void on_proof(void *arg, const struct cache_gunzip_proof *proof)
{
    struct told *t = arg;
    model_facts_proven(t->customer, t->period, &t->part, proof, t->fresh);
}

static errint new_told(struct model_customer *c, const char *period, const struct model_part *part, struct told **ret)
{
    struct told *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(-ENOMEM, "no memory to open %s", part->key);
    t->customer = model_customer_get(c);
    t->fresh = model_facts_suspected(c, part);
    memcpy(t->period, period, sizeof t->period);
    t->part = (struct model_part){.key = strdup(part->key),
                                  .etag = strdup(part->etag),
                                  .size_bytes = part->size_bytes,
                                  .last_modified_unix = part->last_modified_unix};
    if (!t->part.key || !t->part.etag) {
        free_told(t);
        return err_set(-ENOMEM, "no memory to open %s", part->key);
    }
    *ret = t;
    return 0;
}

/* Places make it quicker; without them every pass begins at the start. */
static struct cache_points *points_of(struct model_customer *c, const struct model_part *part, uint64_t size_bytes)
{
    struct cache_object_id id;
    struct cache_points *points = NULL;
    model_source_id(c, part, &id);
    return cache_gunzip_points(c->model->objects, &id, size_bytes, NULL, &points) == 0 ? points : NULL;
}

errint model_source_plain(struct model_customer *c, const char *period, const struct model_part *part,
                          uint64_t size_bytes, bool verified, struct source **ret)
{
    struct source *object = NULL;
    struct told *told = NULL;
    errint e = model_source_object(c, period, part, &object);
    if (e == 0)
        e = new_told(c, period, part, &told);
    struct cache_gunzip_setup setup = {
        .name = part->key,
        .executor = c->model->cpu,
        .budget = c->model->budget,
        .declared_bytes = size_bytes,
        .verified = verified,
        .proof = on_proof,
        .release = free_told,
        .arg = told,
    };
    if (e == 0)
        setup.points = points_of(c, part, size_bytes);
    if (e == 0 && (e = cache_gunzip_new(object, &setup, ret)))
        free_told(told);
    if (e) {
        cache_points_close(setup.points);
        source_put(object);
    }
    return e;
}
