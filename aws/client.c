/* What calls share: settings, counters, learnt clocks and regions, and the end of everything. Lists are short (hosts,
 * buckets of one customer) and walked.
 */
#include "aws/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/client_parts.h"
#include "aws/providers.h"
#include "aws/sts.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define BUCKETS_MAX 1024

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static void free_lists(struct aws_client *c)
{
    while (c->offsets) {
        struct aws_clock_offset *next = c->offsets->next;
        free(c->offsets);
        c->offsets = next;
    }
    while (c->buckets) {
        struct aws_bucket_region *next = c->buckets->next;
        free(c->buckets);
        c->buckets = next;
    }
}

void aws_client_free(struct aws_client *c)
{
    if (!c)
        return;
    if (c->http)
        aws_client_stop(c);
    aws_http_free(c->http);
    aws_endpoints_free(c->endpoints);
    free_lists(c);
    pthread_mutex_destroy(&c->lock);
    free(c->region);
    free(c);
}
DEFINE_CLEANUP(client_freep, struct aws_client *, aws_client_free)

static void stop_calls(struct aws_http_post *p)
{
    struct aws_client *c = (void *)((char *)p - offsetof(struct aws_client, post_stop));
    for (struct aws_call *call = c->calls; call; call = call->next)
        aws_call_cancel(call, -ESHUTDOWN);
}

static void init_tables(struct aws_client *c)
{
    for (size_t i = 0; i < AWS_SERVICE_COUNT; i++) {
        aws_retry_quota_init(&c->quotas[i]);
        c->counters[i].name = aws_service_info((enum aws_service)i)->name;
    }
}

errint aws_client_new(const struct aws_settings *settings, struct jobs *jobs, struct aws_client **ret)
{
    const char *region = settings->region && *settings->region ? settings->region : "us-east-1";
    if (!aws_endpoint_region_valid(region))
        return err_set(-EINVAL, "region \"%s\" is not a region's name", region);
    struct aws_client *c cleanup(client_freep) = calloc(1, sizeof *c);
    if (!c)
        return err_set(-ENOMEM, "client of AWS");
    pthread_mutex_init(&c->lock, NULL);
    init_tables(c);
    c->jobs = jobs;
    c->post_stop.run = stop_calls;
    c->attempts_max = settings->attempts_max ? settings->attempts_max : AWS_RETRY_ATTEMPTS;
    c->operation_timeout_ms = or_default(settings->operation_timeout_ms, 60000);
    atomic_init(&c->offline, settings->offline);
    c->region = strdup(region);
    if (!c->region)
        return err_set(-ENOMEM, "client of AWS");
    errint result = aws_endpoints_new(&c->endpoints);
    if (result < 0)
        return result;
    struct aws_http_settings http = {
        .ca_bundle = settings->ca_bundle,
        .proxy = settings->proxy,
        .connect_timeout_ms = or_default(settings->connect_timeout_ms, 5000),
        .first_byte_timeout_ms = or_default(settings->first_byte_timeout_ms, 15000),
        .stall_timeout_ms = or_default(settings->stall_timeout_ms, 15000),
    };
    result = aws_http_new(&http, &c->http);
    if (result == 0)
        *ret = steal_ptr(&c);
    return result;
}

void aws_client_stop(struct aws_client *c)
{
    if (!atomic_exchange(&c->stopped, true))
        (void)aws_http_post(c->http, &c->post_stop);
}

void aws_client_set_offline(struct aws_client *c, bool offline)
{
    atomic_store(&c->offline, offline);
}

size_t aws_client_counters(struct aws_client *c, struct aws_counter *ret, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&c->lock);
    for (; count < AWS_SERVICE_COUNT && count < max; count++)
        ret[count] = c->counters[count];
    pthread_mutex_unlock(&c->lock);
    if (count < max)
        ret[count] = (struct aws_counter){.name = NULL};
    return count;
}

struct jobs *aws_client_jobs(struct aws_client *c)
{
    return c->jobs;
}

const char *aws_client_endpoint_override(struct aws_client *c, const char *service)
{
    for (size_t i = 0; i < AWS_SERVICE_COUNT; i++) {
        if (strcmp(aws_service_info((enum aws_service)i)->name, service) == 0)
            return aws_endpoints_override(c->endpoints, (enum aws_service)i);
    }
    return NULL;
}

bool aws_client_bucket_region(struct aws_client *c, const char *bucket, char ret[33])
{
    pthread_mutex_lock(&c->lock);
    struct aws_bucket_region *b = c->buckets;
    while (b && strcmp(b->bucket, bucket) != 0)
        b = b->next;
    if (b)
        memcpy(ret, b->region, sizeof b->region);
    pthread_mutex_unlock(&c->lock);
    return b != NULL;
}

/* Under the lock. A new one goes first; past the limit nothing more is learnt. */
static struct aws_bucket_region *find_or_add_bucket(struct aws_client *c, const char *bucket)
{
    for (struct aws_bucket_region *b = c->buckets; b; b = b->next) {
        if (strcmp(b->bucket, bucket) == 0)
            return b;
    }
    struct aws_bucket_region *b = c->bucket_count < BUCKETS_MAX ? calloc(1, sizeof *b + strlen(bucket) + 1) : NULL;
    if (!b)
        return NULL;
    memcpy(b->bucket, bucket, strlen(bucket) + 1);
    b->next = c->buckets;
    c->buckets = b;
    c->bucket_count++;
    return b;
}

void aws_client_learn_bucket(struct aws_client *c, const char *bucket, const char *region)
{
    pthread_mutex_lock(&c->lock);
    struct aws_bucket_region *b = find_or_add_bucket(c, bucket);
    if (b)
        snprintf(b->region, sizeof b->region, "%s", region);
    pthread_mutex_unlock(&c->lock);
}

int64_t aws_client_clock_offset_s(struct aws_client *c, const char *host)
{
    pthread_mutex_lock(&c->lock);
    struct aws_clock_offset *o = c->offsets;
    while (o && strcmp(o->host, host) != 0)
        o = o->next;
    int64_t offset_s = o ? o->offset_s : 0;
    pthread_mutex_unlock(&c->lock);
    return offset_s;
}

void aws_client_learn_clock(struct aws_client *c, const char *host, int64_t offset_s)
{
    pthread_mutex_lock(&c->lock);
    struct aws_clock_offset *o = c->offsets;
    while (o && strcmp(o->host, host) != 0)
        o = o->next;
    if (!o && (o = calloc(1, sizeof *o))) {
        snprintf(o->host, sizeof o->host, "%s", host);
        o->next = c->offsets;
        c->offsets = o;
    }
    if (o)
        o->offset_s = offset_s;
    pthread_mutex_unlock(&c->lock);
}

errint aws_session_new(struct aws_client *c, struct aws_creds *creds, const char *region, struct aws_session **ret)
{
    const char *home = region && *region ? region : c->region;
    struct aws_session *s = aws_endpoint_region_valid(home) ? calloc(1, sizeof *s) : NULL;
    char *copy = s ? strdup(home) : NULL;
    if (!copy) {
        aws_creds_put(creds);
        free(s);
        return aws_endpoint_region_valid(home) ? err_set(-ENOMEM, "session of AWS")
                                               : err_set(-EINVAL, "region \"%s\" is not a region's name", home);
    }
    atomic_init(&s->refs, 1);
    s->client = c;
    s->creds = creds;
    s->region = copy;
    *ret = s;
    return 0;
}

struct aws_session *aws_session_get(struct aws_session *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void aws_session_put(struct aws_session *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    aws_creds_put(s->creds);
    free(s->region);
    free(s);
}

struct aws_client *aws_session_client(struct aws_session *s)
{
    return s->client;
}

struct aws_creds *aws_session_creds(struct aws_session *s)
{
    return s->creds;
}

const char *aws_session_region(struct aws_session *s)
{
    return s->region;
}

errint aws_session_default(struct aws_client *c, struct aws_session **ret)
{
    struct aws_provider *chain = NULL;
    struct aws_creds *creds = NULL;
    errint result = aws_creds_chain_new(NULL, c->jobs, aws_sts_assume_with, c, &chain);
    if (result == 0)
        result = aws_creds_new(chain, c->jobs, &creds);
    return result < 0 ? result : aws_session_new(c, creds, NULL, ret);
}

errint aws_session_credentials(struct aws_session *s, struct cancel *c, struct aws_credentials **ret)
{
    if (!s->creds) {
        *ret = NULL;
        return 0;
    }
    int64_t deadline_ns = clock_monotonic_ns() + s->client->operation_timeout_ms * CLOCK_NS_PER_MS;
    return aws_creds_wait(s->creds, c, deadline_ns, ret);
}
