/* Each topic is a row: its scope's name, how long it is fresh, the function that fetches it. A need is answered from
 * cache.db's listing of the scope: there is one, or there is none. Work under way and its failures are flights
 * (model/flight.h) named by the scope; a fetch publishes its listing before its flight ends, so that whoever wakes finds
 * it.
 *
 *   listing  age           answer
 *   whole    fresh         0
 *   whole    stale         0, and a fetch begins behind, unless one runs or failed within BEHIND_HOLD_NS
 *   none     -             offline: -EHOSTUNREACH; else -EAGAIN with a fetch, or its failure for HOLD_NS
 */
#include "model/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/fetch_topics.h"
#include "model/flight.h"
#include "model/month.h"
#include "model/organization.h"

#define HOLD_NS (2 * CLOCK_NS_PER_S)
#define BEHIND_HOLD_NS (5 * CLOCK_NS_PER_S)
#define REFUSED_TTL_S 60
#define CLOSED_MONTH_FACTOR 24
#define TAGS_FACTOR 24

struct model_fetches {
    struct model_flights *flights;
    _Atomic int64_t stale_before_ns[MODEL_TOPIC_COUNT]; /* what was fetched before that is stale, whatever its age */
};

static int64_t ttl_plain(struct model_customer *c, const char *arg);
static int64_t ttl_tags(struct model_customer *c, const char *arg);
static int64_t ttl_organization(struct model_customer *c, const char *arg);
static int64_t ttl_month(struct model_customer *c, const char *arg);

static const struct topic {
    const char *name;
    bool has_arg;
    int64_t (*ttl_s)(struct model_customer *c, const char *arg);
    errint (*fetch)(const struct model_fetch *f);
} topics[MODEL_TOPIC_COUNT] = {
    [MODEL_ORGANIZATION] = {"organization", false, ttl_organization, model_organization_walk},
    [MODEL_ACCOUNT_TAGS] = {"tags", true, ttl_tags, model_organization_fetch_tags},
    [MODEL_REPORTS] = {"reports", false, ttl_plain, model_months_fetch_reports},
    [MODEL_MONTHS] = {"months", false, ttl_plain, model_months_fetch},
    [MODEL_MONTH] = {"month", true, ttl_month, model_month_fetch},
    [MODEL_CALLER] = {"caller", false, ttl_plain, model_resources_fetch_caller},
    [MODEL_INSTANCES] = {"ec2", true, ttl_plain, model_resources_fetch_instances},
};

static int64_t ttl_plain(struct model_customer *c, const char *arg)
{
    (void)arg;
    return c->model->settings->metadata_ttl_s;
}

/* One request an account: a sweep over them all must not make thousands every hour. */
static int64_t ttl_tags(struct model_customer *c, const char *arg)
{
    return ttl_plain(c, arg) * TAGS_FACTOR;
}

/* A refusal is asked about again soon: permissions are often given late. */
static int64_t ttl_organization(struct model_customer *c, const char *arg)
{
    int64_t ttl = ttl_plain(c, arg);
    return model_organization_refused(c) && ttl > REFUSED_TTL_S ? REFUSED_TTL_S : ttl;
}

/* Was a part of the month refused as replaced? Then its next delivery is on its way. */
static bool was_replaced(struct model_customer *c, const char *period)
{
    struct buf mark cleanup_buf = BUF_INIT, value cleanup_buf = BUF_INIT;
    model_month_replaced_mark(c, period, &mark);
    return cache_store_mark(c->model->store, buf_text(&mark), &value) == 0;
}

/* Months that have been over for a month change seldom, but they do: refunds, credits. */
static int64_t ttl_month(struct model_customer *c, const char *arg)
{
    if (was_replaced(c, arg))
        return 0;
    time_t now = (time_t)clock_wall_unix();
    struct tm tm;
    gmtime_r(&now, &tm);
    int year = 0, month = 0;
    if (sscanf(arg, "%4d-%2d", &year, &month) != 2)
        return ttl_plain(c, arg);
    int age_months = (tm.tm_year + 1900 - year) * 12 + (tm.tm_mon + 1 - month);
    return ttl_plain(c, arg) * (age_months > 1 ? CLOSED_MONTH_FACTOR : 1);
}

errint model_fetches_new(struct model_fetches **ret)
{
    struct model_fetches *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(-ENOMEM, "no memory for a connection's fetches");
    errint e = model_flights_new(&f->flights);
    if (e) {
        free(f);
        return e;
    }
    *ret = f;
    return 0;
}

void model_fetches_free(struct model_fetches *f)
{
    if (!f)
        return;
    model_flights_free(f->flights);
    free(f);
}

void model_fetch_scope(const struct model_customer *c, enum model_topic topic, const char *arg, struct buf *ret)
{
    const struct topic *t = &topics[topic];
    buf_printf(ret, "%s%s%s%s", c->scope, t->name, t->has_arg ? "/" : "", t->has_arg ? arg : "");
}

errint model_fetch_publish(const struct model_fetch *f, const struct cache_item *items, size_t count)
{
    return cache_store_replace(f->customer->model->store, f->scope, items, count, clock_wall_ns());
}

struct fetch_job {
    struct model_customer *customer;
    enum model_topic topic;
    char *arg, *scope;
};

static void free_job(struct fetch_job *j)
{
    model_customer_put(j->customer);
    free(j->arg);
    free(j->scope);
    free(j);
}

static errint make_job(struct model_customer *c, enum model_topic topic, const char *arg, const char *scope,
                       struct fetch_job **ret)
{
    struct fetch_job *j = calloc(1, sizeof *j);
    if (!j || !(j->arg = strdup(arg)) || !(j->scope = strdup(scope))) {
        if (j)
            free(j->arg);
        free(j);
        return err_set(-ENOMEM, "no memory to fetch %s", scope);
    }
    j->customer = model_customer_get(c);
    j->topic = topic;
    *ret = j;
    return 0;
}

/* The fetch itself; a listing that could not be kept is a failure, else who waits would ask for ever. */
static errint run_fetch(struct model_customer *c, enum model_topic topic, const char *arg, const char *scope,
                        struct cancel *cancel)
{
    struct cache_store *store = c->model->store;
    struct cache_listing listing;
    struct model_fetch fetch = {.customer = c, .arg = arg, .scope = scope, .cancel = cancel};
    fetch.cached = cache_store_listing(store, scope, &listing) == 0;
    errint e = topics[topic].fetch(&fetch);
    if (e == 0 && cache_store_listing(store, scope, &listing) == -ENOENT)
        e = err_set(-EIO, "%s was fetched, but cache.db had no room for it", scope);
    model_flights_end(c->fetches->flights, scope, e);
    return e;
}

static void run_job(void *arg, struct cancel *cancel)
{
    struct fetch_job *j = arg;
    (void)run_fetch(j->customer, j->topic, j->arg, j->scope, cancel); /* the flight keeps the failure */
    free_job(j);
}

/* The flight has begun: from here on it ends, by the job or here. */
static errint start_job(struct model_customer *c, enum model_topic topic, const char *arg, const char *scope)
{
    struct fetch_job *j = NULL;
    errint e = make_job(c, topic, arg, scope, &j);
    if (e == 0 && (e = jobs_start(c->model->jobs, topics[topic].name, run_job, j)))
        free_job(j);
    if (e)
        model_flights_end(c->fetches->flights, scope, e);
    return e;
}

static bool is_stale(struct model_customer *c, enum model_topic topic, const char *arg, int64_t fetched_ns)
{
    int64_t now = clock_wall_ns(), ttl_s = topics[topic].ttl_s(c, arg);
    if (fetched_ns < atomic_load(&c->fetches->stale_before_ns[topic]))
        return true;
    if (ttl_s < 1)
        ttl_s = 1;
    return fetched_ns > now || now - fetched_ns >= ttl_s * CLOCK_NS_PER_S;
}

static void refresh_behind(struct model_customer *c, enum model_topic topic, const char *arg, const char *scope,
                           int64_t hold_ns)
{
    if (c->model->settings->offline || !c->reading)
        return;
    if (model_flights_try(c->fetches->flights, scope, hold_ns))
        (void)start_job(c, topic, arg, scope); /* the flight keeps the failure */
}

static errint need_first(struct model_customer *c, enum model_topic topic, const char *arg, const char *scope,
                         struct waiter *w)
{
    bool begin = false;
    if (c->model->settings->offline)
        return err_set(-EHOSTUNREACH, "offline, and %s was never fetched", scope);
    errint e = model_flights_join(c->fetches->flights, scope, HOLD_NS, w, &begin);
    if (!begin)
        return e;
    model_flights_wait(c->fetches->flights, scope, w);
    e = start_job(c, topic, arg, scope);
    return e ? e : -EAGAIN;
}

errint model_fetch_need(struct model_customer *c, enum model_topic topic, const char *arg, struct waiter *w)
{
    struct buf scope cleanup_buf = BUF_INIT;
    struct cache_listing listing;
    if (!c->reading)
        return err_set(-EACCES, "connection %s has no role yet", c->connection.handle);
    model_fetch_scope(c, topic, arg, &scope);
    errint e = buf_error(&scope);
    if (e == 0)
        e = cache_store_listing(c->model->store, buf_text(&scope), &listing);
    if (e == -ENOENT)
        return need_first(c, topic, arg, buf_text(&scope), w);
    if (e == 0 && is_stale(c, topic, arg, listing.fetched_ns))
        refresh_behind(c, topic, arg, buf_text(&scope), BEHIND_HOLD_NS);
    return e;
}

errint model_fetch_listing(const struct model_customer *c, enum model_topic topic, const char *arg,
                           struct cache_listing *ret)
{
    struct buf scope cleanup_buf = BUF_INIT;
    model_fetch_scope(c, topic, arg, &scope);
    errint e = buf_error(&scope);
    return e ? e : cache_store_listing(c->model->store, buf_text(&scope), ret);
}

errint model_fetch_time(const struct model_customer *c, enum model_topic topic, const char *arg, int64_t *ret_ns)
{
    struct cache_listing listing;
    errint e = model_fetch_listing(c, topic, arg, &listing);
    if (e == 0)
        *ret_ns = listing.fetched_ns;
    return e;
}

errint model_fetch_changed(const struct model_customer *c, enum model_topic topic, const char *arg, int64_t *ret_ns)
{
    struct cache_listing listing;
    errint e = model_fetch_listing(c, topic, arg, &listing);
    if (e == 0)
        *ret_ns = listing.changed_ns;
    return e;
}

/* One scope to refresh, told to EACH with its argument. */
struct scopes {
    struct model_customer *customer;
    enum model_topic topic;
    size_t prefix_len;
    errint (*each)(struct scopes *s, const char *arg, const char *scope);
    struct cancel *cancel;
    char **found;
    size_t count;
};

static int collect_scope(void *arg, const char *scope)
{
    struct scopes *s = arg;
    char **found = realloc(s->found, (s->count + 1) * sizeof *found);
    if (!found)
        return err_set(-ENOMEM, "no memory for the scopes of a refresh");
    s->found = found;
    if (!(s->found[s->count] = strdup(scope)))
        return err_set(-ENOMEM, "no memory for the scopes of a refresh");
    s->count++;
    return 0;
}

/* The topic's only scope, or those that cache.db has: accounts and regions that nobody looked at are not fetched. */
static errint each_scope(struct scopes *s)
{
    struct buf prefix cleanup_buf = BUF_INIT;
    model_fetch_scope(s->customer, s->topic, "", &prefix);
    errint e = buf_error(&prefix);
    if (e)
        return e;
    if (!topics[s->topic].has_arg)
        return s->each(s, "", buf_text(&prefix));
    e = cache_store_scopes(s->customer->model->store, buf_text(&prefix), collect_scope, s);
    for (size_t i = 0; i < s->count; i++) {
        errint one = e == 0 ? s->each(s, s->found[i] + prefix.len, s->found[i]) : 0;
        if (e == 0)
            e = one;
        free(s->found[i]);
    }
    free(s->found);
    return e;
}

static errint begin_one(struct scopes *s, const char *arg, const char *scope)
{
    refresh_behind(s->customer, s->topic, arg, scope, 0);
    return 0;
}

/* One that is under way may have begun before what the caller knows of: it is waited for, then another is done here. */
static errint wait_one(struct scopes *s, const char *arg, const char *scope)
{
    struct model_flights *flights = s->customer->fetches->flights;
    struct blocker b;
    struct waiter stop;
    blocker_init(&b);
    waiter_init(&stop, &b.task);
    if (s->cancel)
        waitlist_add(&s->cancel->waiters, &stop);
    errint e = 0;
    for (;;) {
        bool begin = false;
        if ((e = cancel_check(s->cancel)))
            break;
        e = model_flights_join(flights, scope, 0, &b.waiter, &begin);
        if (begin)
            e = run_fetch(s->customer, s->topic, arg, scope, s->cancel);
        if (e != -EAGAIN)
            break;
        (void)blocker_wait(&b, 0);
    }
    waiter_cancel(&stop);
    blocker_done(&b);
    return e;
}

static errint refresh_topics(struct model_customer *c, enum model_topic topic, struct cancel *cancel,
                             errint (*each)(struct scopes *s, const char *arg, const char *scope))
{
    if (!c->reading)
        return err_set(-EACCES, "connection %s has no role yet", c->connection.handle);
    if (c->model->settings->offline)
        return err_set(-EHOSTUNREACH, "offline: nothing is refreshed");
    errint first = 0;
    for (int t = 0; t < MODEL_TOPIC_COUNT; t++) {
        if (topic != MODEL_TOPIC_COUNT && topic != (enum model_topic)t)
            continue;
        atomic_store(&c->fetches->stale_before_ns[t], clock_wall_ns());
        if (topic == MODEL_TOPIC_COUNT && t == MODEL_ACCOUNT_TAGS)
            continue; /* as many as there are accounts: each when it is looked at next */
        struct scopes s = {.customer = c, .topic = (enum model_topic)t, .each = each, .cancel = cancel};
        errint e = each_scope(&s);
        if (first == 0)
            first = e;
    }
    return first;
}

errint model_fetch_refresh(struct model_customer *c, enum model_topic topic)
{
    return refresh_topics(c, topic, NULL, begin_one);
}

errint model_fetch_refresh_one(struct model_customer *c, enum model_topic topic, const char *arg)
{
    struct buf scope cleanup_buf = BUF_INIT;
    model_fetch_scope(c, topic, arg, &scope);
    errint e = buf_error(&scope);
    if (e == 0)
        refresh_behind(c, topic, arg, buf_text(&scope), CLOCK_NS_PER_S);
    return e;
}

errint model_fetch_refresh_wait(struct model_customer *c, enum model_topic topic, struct cancel *cancel)
{
    return refresh_topics(c, topic, cancel, wait_one);
}

struct states {
    struct model_customer *customer;
    struct model_fetch_state *to;
    size_t max, count;
};

/* The topic and argument of a scope of this customer; false for one of another. */
static bool parse_scope(const struct model_customer *c, const char *scope, struct model_fetch_state *ret)
{
    size_t len = strlen(c->scope);
    if (strncmp(scope, c->scope, len) != 0)
        return false;
    const char *name = scope + len, *slash = strchr(name, '/');
    size_t name_len = slash ? (size_t)(slash - name) : strlen(name);
    for (int t = 0; t < MODEL_TOPIC_COUNT; t++) {
        if (strlen(topics[t].name) != name_len || strncmp(topics[t].name, name, name_len) != 0)
            continue;
        *ret = (struct model_fetch_state){.topic = (enum model_topic)t};
        (void)snprintf(ret->arg, sizeof ret->arg, "%s", slash ? slash + 1 : "");
        return true;
    }
    return false;
}

static bool is_there(const struct states *s, const struct model_fetch_state *state)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->to[i].topic == state->topic && strcmp(s->to[i].arg, state->arg) == 0)
            return true;
    return false;
}

static int add_cached(void *arg, const char *scope)
{
    struct states *s = arg;
    struct cache_listing listing;
    struct model_flight_state flight = {0};
    struct model_fetch_state *state = &s->to[s->count];
    if (s->count == s->max)
        return 1;
    if (!parse_scope(s->customer, scope, state) || is_there(s, state))
        return 0;
    if (cache_store_listing(s->customer->model->store, scope, &listing) == 0)
        state->fetched_ns = listing.fetched_ns;
    (void)model_flights_state(s->customer->fetches->flights, scope, &flight);
    state->running = flight.running;
    state->error = flight.error;
    memcpy(state->message, flight.message, sizeof state->message);
    s->count++;
    return 0;
}

/* Under way or failed, and never fetched. */
static void add_flight(void *arg, const char *name, const struct model_flight_state *flight)
{
    struct states *s = arg;
    struct model_fetch_state state;
    if (s->count == s->max || !parse_scope(s->customer, name, &state) || is_there(s, &state))
        return;
    state.running = flight->running;
    state.error = flight->error;
    memcpy(state.message, flight->message, sizeof state.message);
    s->to[s->count++] = state;
}

size_t model_fetch_states(struct model_customer *c, struct model_fetch_state *ret, size_t max)
{
    struct states s = {.customer = c, .to = ret, .max = max};
    for (int t = 0; t < MODEL_TOPIC_COUNT; t++) {
        struct buf prefix cleanup_buf = BUF_INIT;
        if (t == MODEL_ACCOUNT_TAGS)
            continue; /* one for each account: too many to look at for each status */
        model_fetch_scope(c, (enum model_topic)t, "", &prefix);
        (void)cache_store_scopes(c->model->store, buf_text(&prefix), add_cached, &s);
    }
    model_flights_each(c->fetches->flights, add_flight, &s);
    return s.count;
}

const char *model_fetch_topic_name(enum model_topic topic)
{
    return topics[topic].name;
}
