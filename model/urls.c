/* One entry a connection: EMPTY -> RUNNING (a job has it) -> DONE for 30 s, or until the row changes -> RUNNING …
 * Lock: urls->lock for the list and its entries; a waitlist is woken under it. */
#include "model/urls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/job.h"
#include "model/onboard.h"

#define GOOD_NS (30 * CLOCK_NS_PER_S)

struct url {
    struct url *next;
    char handle[40];
    bool running;
    int64_t done_ns, revision; /* of the row that was published */
    struct err result;
    char *text;
    int64_t expires_unix;
};
struct model_urls {
    pthread_mutex_t lock;
    struct waitlist waiters;
    struct url *first; /* protected by lock */
};

errint model_urls_new(struct model_urls **ret)
{
    struct model_urls *u = calloc(1, sizeof *u);
    if (!u)
        return err_set(-ENOMEM, "no memory for templates' URLs");
    pthread_mutex_init(&u->lock, NULL);
    waitlist_init(&u->waiters);
    *ret = u;
    return 0;
}

void model_urls_free(struct model_urls *u)
{
    if (!u)
        return;
    while (u->first) {
        struct url *one = u->first;
        u->first = one->next;
        err_done(&one->result);
        free(one->text);
        free(one);
    }
    waitlist_done(&u->waiters);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

struct publication {
    struct model *m;
    struct url *url;
};

static void publish(void *arg, struct cancel *c)
{
    struct publication *p = arg;
    struct model_urls *u = p->m->urls;
    struct cache_connection row = {0};
    char *text = NULL;
    int64_t expires_unix = 0;
    errint e = cache_state_get(p->m->state, p->url->handle, &row);
    if (e == 0)
        e = model_onboard_publish(p->m, &row, c, &text, &expires_unix);
    pthread_mutex_lock(&u->lock);
    err_keep(&p->url->result, e);
    free(p->url->text);
    p->url->text = text;
    p->url->expires_unix = expires_unix;
    p->url->running = false;
    p->url->done_ns = clock_monotonic_ns();
    waitlist_wake(&u->waiters);
    pthread_mutex_unlock(&u->lock);
    cache_connection_done(&row);
    free(p);
}

static errint begin(struct model *m, struct url *url, int64_t revision)
{
    struct publication *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "no memory for a template's URL");
    *p = (struct publication){.m = m, .url = url};
    errint e = jobs_start(m->jobs, "template", publish, p);
    if (e < 0)
        free(p);
    else
        url->running = true;
    url->revision = revision;
    return e;
}

static struct url *find(struct model_urls *u, const char *handle)
{
    struct url *one = u->first;
    while (one && strcmp(one->handle, handle) != 0)
        one = one->next;
    if (!one && (one = calloc(1, sizeof *one))) {
        (void)snprintf(one->handle, sizeof one->handle, "%s", handle);
        one->next = u->first;
        u->first = one;
    }
    return one;
}

static errint get_locked(struct model *m, struct url *one, int64_t revision, struct waiter *w, char **ret_url,
                         int64_t *ret_expires_unix)
{
    if (!one)
        return err_set(-ENOMEM, "no memory for a template's URL");
    bool fresh =
        one->done_ns && !one->running && one->revision == revision && clock_monotonic_ns() - one->done_ns < GOOD_NS;
    errint e = 0;
    if (!fresh && !one->running)
        e = begin(m, one, revision);
    if (e < 0)
        return e;
    if (!fresh) {
        waitlist_add(&m->urls->waiters, w);
        return -EAGAIN;
    }
    if (one->result.code)
        return err_again(&one->result);
    *ret_url = strdup(one->text);
    *ret_expires_unix = one->expires_unix;
    return *ret_url ? 0 : err_set(-ENOMEM, "no memory for a template's URL");
}

errint model_urls_get(struct model *m, const struct cache_connection *row, struct waiter *w, char **ret_url,
                      int64_t *ret_expires_unix)
{
    pthread_mutex_lock(&m->urls->lock);
    errint e = get_locked(m, find(m->urls, row->handle), row->revision, w, ret_url, ret_expires_unix);
    pthread_mutex_unlock(&m->urls->lock);
    return e;
}
