/* One JSON object is built from what everything else tells of itself; status.json is that object, status its text. The digest
 * is of the parts that are states: health, connections, what fails, what was noted; not of counters, sizes and ages.
 *
 * Health: unconnected without a connected customer to show; degraded while something fails that is not a delivery under
 * way, something was noted (not only told), or cache.db had to be made anew; else ok.
 */
#include "model/status.h"

#include <stdlib.h>
#include <string.h>

#include "aws/client.h"
#include "aws/json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "model/fetch.h"
#include "model/notes.h"
#include "model/onboard.h"
#include "model/policies.h"

#define STATES_MAX 1024
#define FAILURES_MAX 20
#define WAITING_MAX 32
#define TRANSFERS_MAX 64
#define SERVICES_MAX 32

static const char *const health_names[] = {
    [MODEL_OK] = "ok", [MODEL_DEGRADED] = "degraded", [MODEL_UNCONNECTED] = "unconnected"};

struct building {
    struct model *model;
    struct model_customer *customer; /* NULL: none to show */
    char *why;                       /* there is none */
    cJSON *json;                     /* the whole */
    cJSON *states;                   /* the digest's part: borrowed items are copies */
    bool failing;
};

static void add_text(cJSON *to, const char *name, const char *text)
{
    if (text && *text)
        cJSON_AddStringToObject(to, name, text);
}

static void add_number(cJSON *to, const char *name, uint64_t n)
{
    cJSON_AddNumberToObject(to, name, (double)n);
}

static void add_time(cJSON *to, const char *name, int64_t unix_s)
{
    char text[CLOCK_ISO_SIZE];
    if (unix_s <= 0)
        return;
    clock_format_iso(unix_s, text);
    cJSON_AddStringToObject(to, name, text);
}

static cJSON *build_connection(const struct building *b, const struct cache_connection *row)
{
    cJSON *one = cJSON_CreateObject();
    add_text(one, "connection", row->handle);
    add_text(one, "name", row->name);
    add_text(one, "state", row->direct && row->connected ? "direct" : model_row_state(row));
    cJSON_AddBoolToObject(one, "shown", b->customer && strcmp(b->customer->connection.handle, row->handle) == 0);
    add_text(one, "bucket", row->bucket);
    add_text(one, "report", row->report);
    add_text(one, "prefix", *row->definition_prefix ? row->definition_prefix : row->prefix);
    add_text(one, "role_arn", row->role_arn);
    add_time(one, "connected_since", row->connected ? row->connected_unix : 0);
    add_text(one, "last_error", row->last_error);
    return one;
}

static void build_connections(struct building *b)
{
    cJSON *list = cJSON_AddArrayToObject(b->json, "connections");
    struct cache_connection *rows = NULL;
    size_t count = 0;
    if (b->model->direct && b->customer)
        cJSON_AddItemToArray(list, build_connection(b, &b->customer->connection));
    if (cache_state_look(b->model->state, &rows, &count)) {
        cJSON_AddStringToObject(b->json, "state_error", err_message());
        b->failing = true;
    }
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(list, build_connection(b, &rows[i]));
        cache_connection_done(&rows[i]);
    }
    free(rows);
    cJSON_AddItemToArray(b->states, cJSON_Duplicate(list, true));
}

struct summary {
    size_t count, running, failing;
    int64_t oldest_ns, newest_ns;
};

static void sum_state(struct summary *s, const struct model_fetch_state *state)
{
    s->running += state->running;
    s->failing += state->error != 0;
    if (!state->fetched_ns)
        return;
    s->count++;
    if (!s->oldest_ns || state->fetched_ns < s->oldest_ns)
        s->oldest_ns = state->fetched_ns;
    if (state->fetched_ns > s->newest_ns)
        s->newest_ns = state->fetched_ns;
}

static cJSON *build_summary(enum model_topic topic, const struct summary *s)
{
    cJSON *one = cJSON_CreateObject();
    int64_t now_ns = clock_wall_ns();
    cJSON_AddStringToObject(one, "topic", model_fetch_topic_name(topic));
    add_number(one, "kept", s->count);
    add_time(one, "newest", s->newest_ns / CLOCK_NS_PER_S);
    if (s->oldest_ns)
        add_number(one, "oldest_age_seconds",
                   now_ns > s->oldest_ns ? (uint64_t)((now_ns - s->oldest_ns) / CLOCK_NS_PER_S) : 0);
    add_number(one, "running", s->running);
    add_number(one, "failing", s->failing);
    return one;
}

/* A failure; and among the states without its message's numbers: the code is enough. */
static void build_failure(struct building *b, cJSON *failures, const struct model_fetch_state *state)
{
    bool under_way = state->error == -EINPROGRESS;
    cJSON *one = cJSON_CreateObject(), *mark = cJSON_CreateObject();
    cJSON_AddStringToObject(one, "topic", model_fetch_topic_name(state->topic));
    add_text(one, "of", state->arg);
    cJSON_AddStringToObject(one, "error", under_way ? "delivery" : err_name(state->error));
    add_text(one, "message", state->message);
    cJSON_AddBoolToObject(one, "served_from_cache", state->fetched_ns != 0);
    cJSON_AddStringToObject(mark, "topic", model_fetch_topic_name(state->topic));
    add_text(mark, "of", state->arg);
    cJSON_AddStringToObject(mark, "error", err_name(state->error));
    cJSON_AddItemToArray(b->states, mark);
    cJSON_AddItemToArray(failures, one);
    b->failing |= !under_way;
}

static void build_topics(struct building *b)
{
    struct model_fetch_state *states cleanup_free = calloc(STATES_MAX, sizeof *states);
    struct summary sums[MODEL_TOPIC_COUNT] = {{0}};
    if (!b->customer || !b->model->store || !states)
        return;
    cJSON *topics = cJSON_AddArrayToObject(b->json, "topics");
    cJSON *failures = cJSON_AddArrayToObject(b->json, "failures");
    size_t count = model_fetch_states(b->customer, states, STATES_MAX), failed = 0;
    for (size_t i = 0; i < count; i++) {
        sum_state(&sums[states[i].topic], &states[i]);
        if (states[i].error && failed++ < FAILURES_MAX)
            build_failure(b, failures, &states[i]);
    }
    for (int t = 0; t < MODEL_TOPIC_COUNT; t++)
        if (sums[t].count || sums[t].running || sums[t].failing)
            cJSON_AddItemToArray(topics, build_summary((enum model_topic)t, &sums[t]));
}

static void build_transfers(struct building *b)
{
    struct cache_object_progress progress[TRANSFERS_MAX];
    if (!b->model->objects)
        return;
    cJSON *list = cJSON_AddArrayToObject(b->json, "transfers");
    size_t count = cache_objects_progress(b->model->objects, progress, TRANSFERS_MAX);
    for (size_t i = 0; i < count; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "key", progress[i].key);
        add_number(one, "bytes_done", progress[i].present_bytes);
        add_number(one, "bytes_total", progress[i].size_bytes);
        add_number(one, "bytes_per_second", progress[i].bytes_per_s);
        add_number(one, "transfers", progress[i].transfers);
        add_number(one, "waiters", progress[i].waiters);
        cJSON_AddItemToArray(list, one);
    }
}

static void build_waiting(struct building *b)
{
    struct model_waiting *waiting cleanup_free = calloc(WAITING_MAX, sizeof *waiting);
    if (!b->model->waiting || !waiting)
        return;
    cJSON *list = cJSON_AddArrayToObject(b->json, "waiting");
    size_t count = b->model->waiting(b->model->waiting_arg, waiting, WAITING_MAX);
    for (size_t i = 0; i < count; i++) {
        cJSON *one = cJSON_CreateObject();
        add_text(one, "path", waiting[i].path);
        add_text(one, "operation", waiting[i].operation);
        add_text(one, "program", waiting[i].program);
        add_number(one, "pid", (uint64_t)waiting[i].pid);
        add_number(one, "milliseconds", (uint64_t)(clock_monotonic_ns() - waiting[i].since_ns) / CLOCK_NS_PER_MS);
        cJSON_AddItemToArray(list, one);
    }
}

void model_status_space(struct model *m, uint64_t *ret_used_bytes, uint64_t *ret_limit_bytes)
{
    struct cache_objects_status s = {0};
    if (m->objects)
        cache_objects_status(m->objects, &s);
    *ret_used_bytes = s.kept_bytes;
    *ret_limit_bytes = s.limit_bytes;
}

static void build_cache(struct building *b)
{
    struct cache_objects_status s = {0};
    if (!b->model->store || !b->model->objects)
        return;
    cJSON *cache = cJSON_AddObjectToObject(b->json, "cache");
    cache_objects_status(b->model->objects, &s);
    add_text(cache, "folder", cache_store_dir(b->model->store));
    bool private = cache_store_private(b->model->store);
    cJSON_AddBoolToObject(cache, "private", private);
    add_text(cache, "shared_folder", private ? b->model->settings->cache_dir : "");
    cJSON_AddItemToArray(b->states, cJSON_CreateBool(private));
    add_number(cache, "kept_bytes", s.kept_bytes);
    add_number(cache, "limit_bytes", s.limit_bytes);
    add_number(cache, "objects", s.objects);
    add_number(cache, "open_objects", s.open_objects);
    add_number(cache, "evicted", s.evicted);
    add_number(cache, "bypassed", s.bypassed);
    add_number(cache, "hit_bytes", s.hit_bytes);
    add_number(cache, "miss_bytes", s.miss_bytes);
    add_number(cache, "dropped_writes", cache_store_dropped(b->model->store));
    if (!s.disk_error)
        return;
    add_text(cache, "disk_error", strerror(s.disk_error));
    add_time(cache, "disk_failed", s.disk_failed_unix);
}

static void build_requests(struct building *b)
{
    struct aws_counter rows[SERVICES_MAX];
    struct buf account cleanup_buf = BUF_INIT;
    cJSON *list = cJSON_AddArrayToObject(b->json, "requests");
    size_t count = aws_client_counters(b->model->client, rows, SERVICES_MAX);
    for (size_t i = 0; i < count && rows[i].name; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "service", rows[i].name);
        add_number(one, "requests", rows[i].requests);
        add_number(one, "retries", rows[i].retries);
        add_number(one, "failures", rows[i].failures);
        add_number(one, "throttles", rows[i].throttles);
        add_number(one, "bytes_received", rows[i].bytes_received);
        add_number(one, "bytes_sent", rows[i].bytes_sent);
        add_text(one, "endpoint", aws_client_endpoint_override(b->model->client, rows[i].name));
        cJSON_AddItemToArray(list, one);
    }
    if (b->customer)
        (void)model_customer_account(b->customer, &account);
    add_text(b->json, "charged_account", buf_text(&account));
}

/* Whose keys ctfs itself acts with; nothing of the keys. */
static void build_credentials(struct building *b)
{
    struct aws_creds *creds = b->model->caller ? aws_session_creds(b->model->caller) : NULL;
    const char *provider = creds ? aws_creds_provider_name(creds) : NULL;
    if (!provider)
        return;
    cJSON *one = cJSON_AddObjectToObject(b->json, "credentials");
    add_text(one, "provider", provider);
    add_time(one, "expires", aws_creds_expires_unix(creds));
}

static void add_notice(void *arg, const struct model_note *note)
{
    struct building *b = arg;
    cJSON *one = cJSON_CreateObject();
    add_time(one, "said", note->said_unix);
    cJSON_AddStringToObject(one, "text", note->text);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(b->json, "notices"), one);
    cJSON_AddItemToArray(b->states, cJSON_CreateString(note->text));
    b->failing = b->failing || note->fails;
}

static void build_notices(struct building *b)
{
    const char *notice = b->model->store ? cache_store_notice(b->model->store) : "";
    cJSON_AddArrayToObject(b->json, "notices");
    if (*notice)
        add_notice(b, &(struct model_note){.text = notice, .said_unix = b->model->started_unix, .fails = true});
    model_notes_each(b->model->notes, add_notice, b);
}

static void add_policy(void *arg, const char *bucket, const char *text)
{
    struct building *b = arg;
    (void)bucket;
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(b->json, "policies"), cJSON_CreateString(text));
    cJSON_AddItemToArray(b->states, cJSON_CreateString(text));
}

/* What is mounted works all the same: no matter of health. */
static void build_policies(struct building *b)
{
    cJSON_AddArrayToObject(b->json, "policies");
    (void)model_policies_too_large(b->model, add_policy, b); /* state.db's failure was said with the connections */
}

static enum model_health health_of(const struct building *b)
{
    if (!b->customer || !b->customer->reading)
        return MODEL_UNCONNECTED;
    return b->failing ? MODEL_DEGRADED : MODEL_OK;
}

static void build_head(struct building *b)
{
    cJSON_AddStringToObject(b->json, "health", "ok");
    cJSON_AddStringToObject(b->json, "version", CTFS_VERSION);
    add_time(b->json, "started", b->model->started_unix);
    cJSON_AddBoolToObject(b->json, "offline", b->model->settings->offline);
    add_text(b->json, "unconnected_because", b->why);
}

static bool is_plain(const char *p, size_t len)
{
    unsigned char c = (unsigned char)*p;
    bool c1 = len == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0; /* commands to some terminals, too */
    return len > 0 && c >= 0x20 && c != 0x7f && !c1;
}

/* Paths, names of programs and AWS's words are anybody's: what would end a line, act on a terminal or not be UTF-8 is
 * shown as ?. */
static void make_plain(cJSON *json)
{
    char *p = json->valuestring;
    for (size_t left = p ? strlen(p) : 0; left;) {
        size_t len = utf8_len(p, left), step = len ? len : 1;
        if (!is_plain(p, len))
            memset(p, '?', step);
        p += step;
        left -= step;
    }
    cJSON *one = NULL;
    cJSON_ArrayForEach (one, json)
        make_plain(one);
}

static errint build(struct model *m, struct building *b)
{
    *b = (struct building){.model = m, .json = cJSON_CreateObject(), .states = cJSON_CreateArray()};
    if (!b->json || !b->states)
        return err_set(-ENOMEM, "no memory for status");
    if (model_current(m, &b->customer))
        b->why = strdup(err_message());
    build_head(b);
    build_connections(b);
    build_topics(b);
    build_transfers(b);
    build_waiting(b);
    build_cache(b);
    build_requests(b);
    build_credentials(b);
    build_notices(b);
    build_policies(b);
    cJSON_ReplaceItemInObjectCaseSensitive(b->json, "health", cJSON_CreateString(health_names[health_of(b)]));
    cJSON_AddItemToArray(b->states, cJSON_CreateString(health_names[health_of(b)]));
    make_plain(b->json);
    return 0;
}

static void done_building(struct building *b)
{
    model_customer_put(b->customer);
    cJSON_Delete(b->json);
    cJSON_Delete(b->states);
    free(b->why);
}

errint model_status_json(struct model *m, struct buf *ret)
{
    struct building b cleanup(done_building);
    errint e = build(m, &b);
    if (e)
        return e;
    aws_json_print(ret, b.json);
    return buf_error(ret);
}

errint model_status_digest(struct model *m, struct hash128 *ret)
{
    struct building b cleanup(done_building);
    struct buf text cleanup_buf = BUF_INIT;
    errint e = build(m, &b);
    if (e)
        return e;
    aws_json_print_compact(&text, b.states);
    if ((e = buf_error(&text)) == 0)
        *ret = hash128_bytes(buf_text(&text), text.len);
    return e;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = aws_json_string(object, name);
    return text ? text : "";
}

static long long number_of(const cJSON *object, const char *name)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(number) ? (long long)number->valuedouble : 0;
}

static bool is_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void put_connection(struct buf *to, const cJSON *one)
{
    const char *name = text_of(one, "name");
    buf_printf(to, "connection %s%s%s%s: %s s3://%s/%s report %s%s%s%s\n", text_of(one, "connection"),
               *name ? " \"" : "", name, *name ? "\"" : "", text_of(one, "state"), text_of(one, "bucket"),
               text_of(one, "prefix"), text_of(one, "report"), *text_of(one, "role_arn") ? " as " : "",
               text_of(one, "role_arn"), is_true(one, "shown") ? " (shown)" : "");
    if (*text_of(one, "last_error"))
        buf_printf(to, "  last error: %s\n", text_of(one, "last_error"));
}

static void put_topic(struct buf *to, const cJSON *one)
{
    buf_printf(to, "%s: %lld kept, newest of %s, oldest %lld s old, %lld under way, %lld failing\n",
               text_of(one, "topic"), number_of(one, "kept"),
               *text_of(one, "newest") ? text_of(one, "newest") : "never", number_of(one, "oldest_age_seconds"),
               number_of(one, "running"), number_of(one, "failing"));
}

static void put_failure(struct buf *to, const cJSON *one)
{
    buf_printf(to, "failing: %s %s%s%s: %s%s\n", text_of(one, "topic"), text_of(one, "of"),
               *text_of(one, "of") ? " " : "", text_of(one, "error"), text_of(one, "message"),
               is_true(one, "served_from_cache") ? " (stale: what was fetched before is shown)" : "");
}

static void put_transfer(struct buf *to, const cJSON *one)
{
    buf_printf(to, "transfer: %s, %lld of %lld bytes, %lld bytes a second, %lld requests, %lld waiting\n",
               text_of(one, "key"), number_of(one, "bytes_done"), number_of(one, "bytes_total"),
               number_of(one, "bytes_per_second"), number_of(one, "transfers"), number_of(one, "waiters"));
}

static void put_waiting(struct buf *to, const cJSON *one)
{
    buf_printf(to, "waiting: %s (%lld) for %s of %s, %lld ms\n",
               *text_of(one, "program") ? text_of(one, "program") : "a process", number_of(one, "pid"),
               text_of(one, "operation"), text_of(one, "path"), number_of(one, "milliseconds"));
}

static void put_cache(struct buf *to, const cJSON *cache)
{
    if (!cache)
        return;
    if (is_true(cache, "private"))
        buf_printf(to, "cache: another ctfs owns %s; what this one fetches is its own, and kept until it ends\n",
                   text_of(cache, "shared_folder"));
    buf_printf(to, "cache %s: %lld of %lld bytes in %lld objects (%lld open), %lld evicted, %lld past the cache\n",
               text_of(cache, "folder"), number_of(cache, "kept_bytes"), number_of(cache, "limit_bytes"),
               number_of(cache, "objects"), number_of(cache, "open_objects"), number_of(cache, "evicted"),
               number_of(cache, "bypassed"));
    buf_printf(to, "cache bytes: %lld from disk, %lld fetched; %lld writes dropped for want of room\n",
               number_of(cache, "hit_bytes"), number_of(cache, "miss_bytes"), number_of(cache, "dropped_writes"));
    if (*text_of(cache, "disk_error"))
        buf_printf(to, "cache disk: %s, since %s; what is fetched is served and not kept until a write succeeds\n",
                   text_of(cache, "disk_error"), text_of(cache, "disk_failed"));
}

static void put_service(struct buf *to, const cJSON *one)
{
    buf_printf(to,
               "requests to %s: %lld (%lld retries, %lld failed, %lld throttled), %lld bytes received, %lld sent%s%s\n",
               text_of(one, "service"), number_of(one, "requests"), number_of(one, "retries"),
               number_of(one, "failures"), number_of(one, "throttles"), number_of(one, "bytes_received"),
               number_of(one, "bytes_sent"), *text_of(one, "endpoint") ? ", at " : "", text_of(one, "endpoint"));
}

static void put_notice(struct buf *to, const cJSON *one)
{
    buf_printf(to, "notice of %s: %s\n", text_of(one, "said"), text_of(one, "text"));
}

static void put_policy(struct buf *to, const cJSON *one)
{
    buf_printf(to, "policy: %s\n", one->valuestring);
}

static void put_list(struct buf *to, const cJSON *json, const char *name, void (*put)(struct buf *to, const cJSON *one))
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, name), *one = NULL;
    cJSON_ArrayForEach (one, list)
        put(to, one);
}

static void put_charged(struct buf *to, const cJSON *json)
{
    const char *account = text_of(json, "charged_account");
    buf_printf(to, "charged: AWS charges these requests and bytes to the customer's account%s%s, not to the vendor's\n",
               *account ? " " : "", account);
}

static void put_credentials(struct buf *to, const cJSON *one)
{
    if (one)
        buf_printf(to, "credentials: of the %s%s%s\n", text_of(one, "provider"),
                   *text_of(one, "expires") ? ", until " : "", text_of(one, "expires"));
}

static void put_all(struct buf *to, const cJSON *json)
{
    buf_printf(to, "%s\nctfs %s, started %s%s\n", text_of(json, "health"), text_of(json, "version"),
               text_of(json, "started"), is_true(json, "offline") ? ", offline: what is cached is served" : "");
    if (*text_of(json, "unconnected_because"))
        buf_printf(to, "%s\n", text_of(json, "unconnected_because"));
    if (*text_of(json, "state_error"))
        buf_printf(to, "state: %s\n", text_of(json, "state_error"));
    put_list(to, json, "connections", put_connection);
    put_list(to, json, "policies", put_policy);
    put_list(to, json, "notices", put_notice);
    put_list(to, json, "failures", put_failure);
    put_list(to, json, "topics", put_topic);
    put_list(to, json, "transfers", put_transfer);
    put_list(to, json, "waiting", put_waiting);
    put_cache(to, cJSON_GetObjectItemCaseSensitive(json, "cache"));
    put_list(to, json, "requests", put_service);
    put_charged(to, json);
    put_credentials(to, cJSON_GetObjectItemCaseSensitive(json, "credentials"));
    buf_puts(to, "views: /views answers to its name and is in no listing (-o views=listed lists it): "
                 "views/MONTH/parts/ holds each part of a month decompressed\n");
}

void model_status_set_waiting(struct model *m, model_waiting_list list, void *arg)
{
    m->waiting = list;
    m->waiting_arg = arg;
}

errint model_status_text(struct model *m, struct buf *ret, enum model_health *ret_health)
{
    struct building b cleanup(done_building);
    errint e = build(m, &b);
    if (e)
        return e;
    put_all(ret, b.json);
    *ret_health = health_of(&b);
    return buf_error(ret);
}
