/* A part's facts lie in cache.db under bucket/key/etag, for ever: they are of one version. Two kinds of work find them, each
 * a flight: "facts NAME" (model/report_probe.c) and "proof NAME", a whole pass through the part.
 *
 * A pass that ends tells model_facts_proven, whoever wanted it:
 *
 *   found                       then
 *   whole, as declared          verified
 *   whole, another size         verified with that size; the report's mark H/contradicted; a note
 *   corrupt, first time         the object is dropped, mark suspect/NAME: the next answer waits for a proof on fresh bytes
 *   corrupt, again              corrupt, for ever; a note
 *
 * A size is published as declared only when nothing speaks against it: see must_prove.
 *
 * What was learnt beside the objects' cache has the mark beside/NAME: no checksum spoke for it. Once the part is proven and on
 * disk, whoever asks next has it learnt again from there.
 */
#include "model/report_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/flight.h"
#include "model/report_probe.h"
#include "model/status.h"

#define HOLD_NS (2 * CLOCK_NS_PER_S)

static pthread_mutex_t fact_lock = PTHREAD_MUTEX_INITIALIZER; /* one read-change-write of a fact at a time */

void model_facts_name(const struct model_customer *c, const struct model_part *part, struct buf *ret)
{
    buf_printf(ret, "%s/%s/%s", c->connection.bucket, part->key, part->etag);
}

static bool has_mark(struct model_customer *c, const char *name, const char *rest)
{
    struct buf mark cleanup_buf = BUF_INIT, value cleanup_buf = BUF_INIT;
    buf_printf(&mark, "%s%s", name, rest);
    return cache_store_mark(c->model->store, buf_text(&mark), &value) == 0;
}

static void set_mark(struct model_customer *c, const char *name, const char *rest, const char *value)
{
    struct buf mark cleanup_buf = BUF_INIT;
    buf_printf(&mark, "%s%s", name, rest);
    (void)cache_store_mark_put(c->model->store, buf_text(&mark), value); /* a full disk forgets: it is found again */
}

/* Can it be learnt from proven bytes now, and was it not? */
static bool is_doubtful(struct model_customer *c, const struct model_part *part, const char *name,
                        const struct cache_fact *fact)
{
    return part->size_bytes > MODEL_FACTS_SMALL_BYTES && fact->verified_bytes >= 0 && has_mark(c, "beside/", name) &&
           model_source_is_kept(c, part);
}

static errint forget_doubt(struct model_customer *c, const char *name)
{
    struct buf mark cleanup_buf = BUF_INIT;
    buf_printf(&mark, "beside/%s", name);
    errint e = buf_error(&mark);
    return e ? e : cache_store_mark_put(c->model->store, buf_text(&mark), NULL);
}

/* Once, whatever comes of it: the doubt goes first. -EAGAIN: under way; else what is known stands. */
static errint learn_again(struct model_customer *c, const char *period, const struct model_part *part, const char *name,
                          const struct model_asking *asking)
{
    struct buf flight cleanup_buf = BUF_INIT;
    bool begin = false;
    buf_printf(&flight, "facts %s", name);
    errint e = buf_error(&flight);
    if (e == 0)
        e = model_flights_join(c->model->flights, buf_text(&flight), HOLD_NS, asking->waiter, &begin);
    if (!begin)
        return e;
    e = forget_doubt(c, name);
    if (e == 0) {
        model_flights_wait(c->model->flights, buf_text(&flight), asking->waiter);
        e = model_probe_start(c, period, part, buf_text(&flight));
    }
    if (e)
        model_flights_end(c->model->flights, buf_text(&flight), 0);
    return e ? e : -EAGAIN;
}

void model_facts_forget(struct model_customer *c, const struct model_part *part)
{
    struct buf name cleanup_buf = BUF_INIT;
    model_facts_name(c, part, &name);
    (void)forget_doubt(c, buf_text(&name)); /* one mark too many does no harm */
}

errint model_facts_get(struct model_customer *c, const char *period, const struct model_part *part,
                       const struct model_asking *asking, struct cache_fact *ret)
{
    struct buf name cleanup_buf = BUF_INIT, flight cleanup_buf = BUF_INIT;
    bool begin = false;
    model_facts_name(c, part, &name);
    errint e = buf_error(&name);
    if (e == 0)
        e = cache_store_fact(c->model->store, buf_text(&name), ret);
    if (e == 0 && !asking->quiet && is_doubtful(c, part, buf_text(&name), ret) &&
        learn_again(c, period, part, buf_text(&name), asking) == -EAGAIN) {
        cache_fact_done(ret);
        return -EAGAIN;
    }
    if (e != -ENOENT)
        return e;
    if (asking->quiet)
        return -EAGAIN;
    if (c->model->settings->offline && !model_source_is_kept(c, part))
        return err_set(-EHOSTUNREACH, "offline, and %s was never looked into", part->key);
    buf_printf(&flight, "facts %s", buf_text(&name));
    if ((e = buf_error(&flight)))
        return e;
    e = model_flights_join(c->model->flights, buf_text(&flight), HOLD_NS, asking->waiter, &begin);
    if (!begin)
        return e;
    model_flights_wait(c->model->flights, buf_text(&flight), asking->waiter);
    e = model_probe_start(c, period, part, buf_text(&flight));
    if (e)
        model_flights_end(c->model->flights, buf_text(&flight), e);
    return e ? e : -EAGAIN;
}

/* A whole pass of its own, tried once more on fresh bytes. */
struct proving {
    struct task task;
    struct waiter waiter;
    struct model_customer *customer;
    char period[8];
    struct model_part part;
    uint64_t declared_bytes;
    char *flight;
    struct source *view;
    bool again;
};

/* The flight ends last: once none runs, nothing of the model is in use by one. */
static void end_proving(struct proving *p, errint result)
{
    struct model_flights *flights = p->customer->model->flights;
    char *flight cleanup_free = p->flight;
    struct err kept = {0};
    err_keep(&kept, result);
    task_forget(&p->task);
    source_put(p->view);
    model_customer_put(p->customer);
    free(p->part.key);
    free(p->part.etag);
    free(p);
    model_flights_end(flights, flight, err_again(&kept));
    err_done(&kept);
}

/* Who waits for a proof and finds none kept would ask for it for ever. */
static errint check_kept(struct proving *p)
{
    struct buf name cleanup_buf = BUF_INIT;
    struct cache_fact fact = {0};
    model_facts_name(p->customer, &p->part, &name);
    errint e = cache_store_fact(p->customer->model->store, buf_text(&name), &fact);
    if (e == -ENOENT || (e == 0 && fact.verified_bytes < 0 && !fact.corrupt))
        e = err_set(-EIO, "cache.db has no room for what is known of %s", p->part.key);
    cache_fact_done(&fact);
    return e;
}

/* What the pass says has reached model_facts_proven before cache_gunzip_verify gives it. */
static void run_proving(struct task *t)
{
    struct proving *p = (struct proving *)t;
    struct cache_gunzip_proof proof;
    errint e = 0;
    if (!p->view)
        e = model_source_plain(p->customer, p->period, &p->part, p->declared_bytes, false, &p->view);
    if (e == 0)
        e = cache_gunzip_verify(p->view, &proof, &p->waiter);
    if (e == -EAGAIN)
        return;
    waiter_cancel(&p->waiter);
    if ((e == -EIO || e == -EFBIG) && !p->again) {
        p->again = true;
        source_put(p->view);
        p->view = NULL;
        task_wake(&p->task);
        return;
    }
    end_proving(p, e ? e : check_kept(p));
}

static errint start_proving(struct model_customer *c, const char *period, const struct model_part *part,
                            uint64_t declared_bytes, const char *flight)
{
    struct proving *p = calloc(1, sizeof *p);
    if (!p || !(p->part.key = strdup(part->key)) || !(p->part.etag = strdup(part->etag)) ||
        !(p->flight = strdup(flight))) {
        if (p) {
            free(p->part.key);
            free(p->part.etag);
        }
        free(p);
        return err_set(-ENOMEM, "no memory to prove %s", part->key);
    }
    p->customer = model_customer_get(c);
    memcpy(p->period, period, sizeof p->period);
    p->part.size_bytes = part->size_bytes;
    p->part.last_modified_unix = part->last_modified_unix;
    p->declared_bytes = declared_bytes;
    task_init(&p->task, c->model->cpu, run_proving);
    waiter_init(&p->waiter, &p->task);
    task_wake(&p->task);
    return 0;
}

/* -EAGAIN while a pass runs; the failure of the last one. */
static errint need_proof(struct model_customer *c, const char *period, const struct model_part *part,
                         uint64_t declared_bytes, const struct model_asking *asking)
{
    struct buf flight cleanup_buf = BUF_INIT;
    bool begin = false;
    if (asking->quiet)
        return -EAGAIN;
    buf_puts(&flight, "proof ");
    model_facts_name(c, part, &flight);
    errint e = buf_error(&flight);
    if (e == 0)
        e = model_flights_join(c->model->flights, buf_text(&flight), HOLD_NS, asking->waiter, &begin);
    if (!begin)
        return e;
    model_flights_wait(c->model->flights, buf_text(&flight), asking->waiter);
    e = start_proving(c, period, part, declared_bytes, buf_text(&flight));
    if (e)
        model_flights_end(c->model->flights, buf_text(&flight), e);
    return e ? e : -EAGAIN;
}

static uint32_t typical_ratio_milli(struct model_customer *c)
{
    struct buf mark cleanup_buf = BUF_INIT, value cleanup_buf = BUF_INIT;
    buf_printf(&mark, "%sratio", c->scope);
    if (cache_store_mark(c->model->store, buf_text(&mark), &value))
        return 0;
    return (uint32_t)strtoul(buf_text(&value), NULL, 10);
}

bool model_facts_suspected(struct model_customer *c, const struct model_part *part)
{
    struct buf name cleanup_buf = BUF_INIT;
    model_facts_name(c, part, &name);
    return has_mark(c, "suspect/", buf_text(&name));
}

void model_facts_suspect(struct model_customer *c, const struct model_part *part)
{
    struct buf name cleanup_buf = BUF_INIT;
    struct cache_object_id id;
    model_facts_name(c, part, &name);
    set_mark(c, "suspect/", buf_text(&name), "1");
    model_source_id(c, part, &id);
    cache_objects_drop(c->model->objects, &id);
}

/* Must a whole pass say the size before it is published? A small part is on disk already, and a pass costs nothing. */
static bool must_prove(struct model_customer *c, const struct model_part *part, const struct cache_fact *fact)
{
    uint32_t isize = (uint32_t)fact->declared_bytes;
    uint8_t trailer[CACHE_GZIP_TRAILER_BYTES] = {0};
    uint64_t declared = 0;
    if (c->model->settings->sizes == MODEL_SIZES_VERIFIED || part->size_bytes <= MODEL_FACTS_SMALL_BYTES)
        return true;
    for (int i = 0; i < 4; i++)
        trailer[4 + i] = (uint8_t)(isize >> (8 * i));
    if (cache_gunzip_declared(trailer, part->size_bytes, typical_ratio_milli(c), &declared) != CACHE_GUNZIP_PLAUSIBLE)
        return true;
    return has_mark(c, c->scope, "contradicted") || model_facts_suspected(c, part);
}

errint model_facts_size(struct model_customer *c, const struct model_month *m, const struct model_part *part,
                        const struct model_asking *asking, struct cache_fact *ret_fact, struct model_file *ret)
{
    errint e = model_facts_get(c, m->period, part, asking, ret_fact);
    if (e)
        return e;
    if (ret_fact->corrupt)
        e = err_set(-EIO, "s3://%s/%s is corrupt: %s has the reason", c->connection.bucket, part->key, "status");
    else if (ret_fact->verified_bytes < 0 && must_prove(c, part, ret_fact))
        e = need_proof(c, m->period, part, (uint64_t)ret_fact->declared_bytes, asking);
    if (e) {
        cache_fact_done(ret_fact);
        return e;
    }
    ret->verified = ret_fact->verified_bytes >= 0;
    ret->size_bytes = (uint64_t)(ret->verified ? ret_fact->verified_bytes : ret_fact->declared_bytes);
    return 0;
}

/* Reads, changes and writes the fact NAME, whatever is known of it. */
static void change_fact(struct model_customer *c, const char *name,
                        void (*change)(struct cache_fact *f, const void *arg), const void *arg)
{
    struct cache_fact fact = {0};
    pthread_mutex_lock(&fact_lock);
    if (cache_store_fact(c->model->store, name, &fact)) {
        fact = (struct cache_fact){.declared_bytes = -1, .verified_bytes = -1, .header_bytes = -1};
    }
    change(&fact, arg);
    (void)cache_store_fact_put(c->model->store, name, &fact);
    pthread_mutex_unlock(&fact_lock);
    cache_fact_done(&fact);
}

errint model_facts_learnt(struct model_customer *c, const char *name, const struct cache_fact *fact, bool beside)
{
    struct cache_fact known = {.verified_bytes = -1}, now = *fact;
    struct cache_store *store = c->model->store;
    if (beside)
        set_mark(c, "beside/", name, "1");
    pthread_mutex_lock(&fact_lock);
    if (cache_store_fact(store, name, &known) == 0) {
        now.verified_bytes = known.verified_bytes;
        now.corrupt = known.corrupt;
        now.unended = known.unended;
        cache_fact_done(&known);
    }
    errint e = cache_store_fact_put(store, name, &now);
    if (e == 0 && (e = cache_store_fact(store, name, &known)) == -ENOENT)
        e = err_set(-EIO, "cache.db has no room for what is known of %s", name);
    pthread_mutex_unlock(&fact_lock);
    cache_fact_done(&known);
    return e;
}

static void set_proof(struct cache_fact *f, const void *arg)
{
    const struct cache_gunzip_proof *proof = arg;
    f->corrupt = proof->result != 0;
    if (f->corrupt)
        return;
    f->verified_bytes = (int64_t)proof->actual_bytes;
    f->unended = proof->actual_bytes && proof->last_byte != '\n';
}

static void set_unended(struct cache_fact *f, const void *arg)
{
    (void)arg;
    f->unended = true;
}

void model_facts_unended(struct model_customer *c, const struct model_part *part)
{
    struct buf name cleanup_buf = BUF_INIT;
    model_facts_name(c, part, &name);
    change_fact(c, buf_text(&name), set_unended, NULL);
}

static void keep_ratio(struct model_customer *c, const struct model_part *part, uint64_t actual_bytes)
{
    char value[24];
    if (part->size_bytes <= MODEL_FACTS_SMALL_BYTES)
        return;
    (void)snprintf(value, sizeof value, "%" PRIu64, actual_bytes / (part->size_bytes / 1000));
    set_mark(c, c->scope, "ratio", value);
}

static void note(struct model_customer *c, const char *period, const struct model_part *part, const char *what)
{
    struct buf key cleanup_buf = BUF_INIT;
    buf_printf(&key, "%smonth/%s/%s", c->scope, period, part->key);
    model_status_note(c->model, buf_text(&key), "%s: s3://%s/%s %s", period, c->connection.bucket, part->key, what);
}

static void proven_whole(struct model_customer *c, const char *period, const struct model_part *part, const char *name,
                         const struct cache_gunzip_proof *proof)
{
    char what[160];
    change_fact(c, name, set_proof, proof);
    set_mark(c, "suspect/", name, NULL);
    keep_ratio(c, part, proof->actual_bytes);
    if (proof->actual_bytes == proof->declared_bytes)
        return;
    (void)snprintf(what, sizeof what,
                   "declares %" PRIu64 " bytes and holds %" PRIu64 "; from now on this report's sizes are proven first",
                   proof->declared_bytes, proof->actual_bytes);
    set_mark(c, c->scope, "contradicted", name);
    note(c, period, part, what);
}

void model_facts_proven(struct model_customer *c, const char *period, const struct model_part *part,
                        const struct cache_gunzip_proof *proof, bool fresh)
{
    struct buf name cleanup_buf = BUF_INIT, what cleanup_buf = BUF_INIT;
    if (proof->result)
        buf_printf(&what, "is corrupt: %s", err_message());
    model_facts_name(c, part, &name);
    if (proof->result == 0) {
        proven_whole(c, period, part, buf_text(&name), proof);
        return;
    }
    if (fresh) {
        change_fact(c, buf_text(&name), set_proof, proof);
        set_mark(c, "suspect/", buf_text(&name), NULL);
    } else {
        model_facts_suspect(c, part);
    }
    note(c, period, part, buf_text(&what));
}
