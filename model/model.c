/* Opening: settings, threads, state.db, AWS's configuration, then the cache. Closing in the order in which things still use
 * each other: requests end first, then the jobs that made them, then customers, views, objects, the client, and the threads
 * that woke tasks last.
 *
 * The current customer is chosen anew when state.db's version changed. Lock: model->lock; state.db's is taken under it.
 */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/profiles.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/job.h"
#include "base/log.h"
#include "cache/gunzip_budget.h"
#include "model/customer.h"
#include "model/flight.h"
#include "model/notes.h"
#include "model/onboard.h"
#include "model/urls.h"

#define JOBS_MAX 64
#define CLOSE_NS CLOCK_NS_PER_S

struct model_direct {
    struct cache_connection row;
};

static const char *first_of(const char *a, const char *b)
{
    const char *value = getenv(a);
    if (!value || !*value)
        value = getenv(b);
    return value && *value ? value : NULL;
}

DEFINE_CLEANUP(cleanup_profilesp, struct aws_profiles *, aws_profiles_free)

/* AWS_MAX_ATTEMPTS, else the profile's max_attempts; 0 when neither says. */
static errint read_attempts(const struct aws_profiles *profiles, unsigned *ret)
{
    const char *text = first_of("AWS_MAX_ATTEMPTS", "AWS_MAX_ATTEMPTS");
    if (!text)
        text = aws_profiles_get(profiles, NULL, "max_attempts");
    *ret = 0;
    if (!text)
        return 0;
    size_t digits = strspn(text, "0123456789");
    *ret = (unsigned)strtoul(text, NULL, 10);
    if (text[digits] || digits == 0 || digits > 3 || *ret == 0)
        return err_set(-EINVAL, "AWS_MAX_ATTEMPTS (max_attempts in a profile) is \"%s\", not a number from 1 to 999",
                       text);
    return 0;
}

static errint open_client(struct model *m)
{
    struct aws_profiles *profiles cleanup(cleanup_profilesp) = NULL;
    const struct model_settings *s = m->settings;
    errint e = aws_profiles_load(NULL, &profiles);
    if (e)
        return e;
    const char *region = first_of("AWS_REGION", "AWS_DEFAULT_REGION");
    const char *bundle = first_of("AWS_CA_BUNDLE", "AWS_CA_BUNDLE");
    struct aws_settings in = {
        .region = region ? region : aws_profiles_region(profiles),
        .ca_bundle = bundle ? bundle : aws_profiles_get(profiles, NULL, "ca_bundle"),
        .proxy = first_of("HTTPS_PROXY", "https_proxy"),
        .operation_timeout_ms = s->op_timeout_ms,
        .offline = s->offline,
    };
    if ((e = read_attempts(profiles, &in.attempts_max)))
        return e;
    e = aws_client_new(&in, m->jobs, &m->client);
    return e ? e : aws_session_default(m->client, &m->caller);
}

static errint open_cache(struct model *m)
{
    errint e = cache_store_open(m->settings->cache_dir, &m->store);
    if (e == 0)
        e = cache_gunzip_budget_new(0, &m->budget);
    struct cache_objects_setup setup = {
        .store = m->store, .size_max_bytes = m->settings->cache_size_bytes, .executor = m->cpu};
    return e ? e : cache_objects_new(&setup, &m->objects);
}

static errint open_parts(struct model *m, enum model_parts parts)
{
    errint e = jobs_new(JOBS_MAX, &m->jobs);
    if (e == 0)
        e = model_flights_new(&m->flights);
    if (e == 0)
        e = model_notes_new(&m->notes);
    if (e == 0)
        e = model_urls_new(&m->urls);
    if (e == 0)
        e = cache_state_open(m->settings->state_dir, &m->state);
    if (e == 0)
        e = open_client(m);
    if (e || parts == MODEL_STATE_ONLY)
        return e;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    e = executor_new("ctfs-cpu", cores > 0 ? (unsigned)cores : 1, &m->cpu);
    return e ? e : open_cache(m);
}

errint model_open(const struct model_settings *settings, enum model_parts parts, struct model **ret)
{
    struct model *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(-ENOMEM, "no memory for the model");
    pthread_mutex_init(&m->lock, NULL);
    m->settings = settings;
    m->started_unix = clock_wall_unix();
    errint e = open_parts(m, parts);
    if (e)
        model_free(m);
    else
        *ret = m;
    return e;
}

errint model_open_direct(struct model *m, const char *uri)
{
    struct model_direct *direct = calloc(1, sizeof *direct);
    if (!direct)
        return err_set(-ENOMEM, "no memory for %s", uri);
    errint e = model_customer_parse_uri(uri, &direct->row);
    if (e)
        free(direct);
    else
        m->direct = direct;
    return e;
}

void model_stop(struct model *m)
{
    jobs_stop(m->jobs);
    if (m->client)
        aws_client_stop(m->client);
}

static void free_direct(struct model_direct *direct)
{
    if (!direct)
        return;
    cache_connection_done(&direct->row);
    free(direct);
}

void model_free(struct model *m)
{
    if (!m)
        return;
    if (m->jobs) {
        model_stop(m);
        jobs_drain(m->jobs);
    }
    if (m->flights)
        model_flights_drain(m->flights);
    model_customer_put(m->current);
    cache_gunzip_budget_free(m->budget);
    if (m->objects && cache_objects_wait_closed(m->objects, clock_monotonic_ns() + CLOSE_NS)) {
        log_warn("%s; ctfs ends without closing them", err_message());
        return; /* what they use is left to the end of the process */
    }
    if (m->objects)
        cache_objects_free(m->objects);
    if (m->caller)
        aws_session_put(m->caller);
    if (m->client)
        aws_client_free(m->client);
    executor_free(m->cpu);
    jobs_free(m->jobs);
    model_customer_done_all(m);
    model_flights_free(m->flights);
    model_notes_free(m->notes);
    model_urls_free(m->urls);
    if (m->store)
        cache_store_close(m->store);
    if (m->state)
        cache_state_close(m->state);
    free_direct(m->direct);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

struct rows {
    struct cache_connection *rows;
    size_t count;
};

static void done_rows(struct rows *r)
{
    for (size_t i = 0; i < r->count; i++)
        cache_connection_done(&r->rows[i]);
    free(r->rows);
}

static const struct cache_connection *find_named(const struct rows *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->rows[i].handle, name) == 0)
            return &r->rows[i];
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->rows[i].name, name) == 0)
            return &r->rows[i];
    return NULL;
}

/* Onboarding another customer must not take the tree from the one that is connected: those count first; and those that
 * were disconnected last. */
static errint find_only(const struct rows *r, const struct cache_connection **ret)
{
    static const char *const states[] = {"connected", "pending", "disconnected"};
    for (size_t state = 0; state < sizeof states / sizeof states[0]; state++) {
        struct buf names cleanup_buf = BUF_INIT;
        size_t found = 0;
        for (size_t i = 0; i < r->count; i++) {
            if (strcmp(model_row_state(&r->rows[i]), states[state]) != 0)
                continue;
            *ret = &r->rows[i];
            buf_printf(&names, "%s%s", found++ ? ", " : "", *r->rows[i].name ? r->rows[i].name : r->rows[i].handle);
        }
        if (found > 1)
            return err_set(-ENOTUNIQ, "there are several connections; choose one with -o connection=: %s",
                           buf_text(&names));
        if (found)
            return 0;
    }
    return err_set(-ENOENT, "there is no connection yet; write one to connect");
}

static errint choose(struct model *m, const struct rows *r, const struct cache_connection **ret)
{
    const char *name = m->settings->connection;
    if (!name)
        return find_only(r, ret);
    *ret = find_named(r, name);
    return *ret ? 0 : err_set(-ENOENT, "there is no connection %s", name);
}

errint model_check_chosen(struct model *m)
{
    const char *name = m->settings->connection;
    struct rows rows cleanup(done_rows) = {.rows = NULL};
    struct buf there cleanup_buf = BUF_INIT;
    if (!name || m->direct || cache_state_list(m->state, &rows.rows, &rows.count) < 0 || find_named(&rows, name))
        return 0;
    for (size_t i = 0; i < rows.count; i++)
        buf_printf(&there, "%s%s", i ? ", " : "", *rows.rows[i].name ? rows.rows[i].name : rows.rows[i].handle);
    return err_set(-ENOENT, "there is no connection %s in %s, which has %s", name, m->settings->state_dir,
                   there.len ? buf_text(&there) : "none yet: mount without connection= to make one");
}

static bool is_read(const struct rows *r, const char *bucket)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->rows[i].connected && strcmp(r->rows[i].bucket, bucket) == 0)
            return true;
    return false;
}

/* A connection that is not connected has no cache: this process or another disconnected it. */
static void forget_unconnected(struct model *m, const struct rows *r)
{
    for (size_t i = 0; m->store && i < r->count; i++)
        if (!r->rows[i].connected)
            model_customer_forget(m, &r->rows[i], !is_read(r, r->rows[i].bucket));
}

/* Makes the current customer anew from state.db; what the old one was is put when nobody uses it. */
static errint renew(struct model *m, const struct model_customer *old, struct model_customer **ret)
{
    if (m->direct)
        return model_customer_renew(m, &m->direct->row, old, ret);
    struct rows rows cleanup(done_rows) = {.rows = NULL};
    const struct cache_connection *row = NULL;
    errint e = cache_state_list(m->state, &rows.rows, &rows.count);
    if (e == 0)
        forget_unconnected(m, &rows);
    if (e == 0)
        e = choose(m, &rows, &row);
    return e ? e : model_customer_renew(m, row, old, ret);
}

/* The current customer if it was made from the state's VERSION, counted. */
static struct model_customer *current_of(struct model *m, int64_t version)
{
    pthread_mutex_lock(&m->lock);
    bool good = m->current && (m->direct || m->current_version == version);
    struct model_customer *c = good ? model_customer_get(m->current) : NULL;
    pthread_mutex_unlock(&m->lock);
    return c;
}

static void set_current(struct model *m, struct model_customer *c, int64_t version)
{
    pthread_mutex_lock(&m->lock);
    struct model_customer *old = m->current;
    m->current = c ? model_customer_get(c) : NULL;
    m->current_version = version;
    pthread_mutex_unlock(&m->lock);
    model_customer_put(old);
}

static struct model_customer *any_current(struct model *m)
{
    pthread_mutex_lock(&m->lock);
    struct model_customer *c = m->current ? model_customer_get(m->current) : NULL;
    pthread_mutex_unlock(&m->lock);
    return c;
}

errint model_current(struct model *m, struct model_customer **ret)
{
    int64_t version = 0;
    errint e = m->direct ? 0 : cache_state_version(m->state, &version);
    struct model_customer *c = e ? NULL : current_of(m, version);
    if (c) {
        *ret = c;
        return 0;
    }
    struct model_customer *old = any_current(m);
    if (e == 0)
        e = renew(m, old, &c);
    if (e == 0 || e == -ENOENT || e == -ENOTUNIQ)
        set_current(m, c, version);
    else if (old)
        c = model_customer_get(old); /* state.db is busy for a moment */
    model_customer_put(old);
    if (!c)
        return e;
    *ret = c;
    return 0;
}
