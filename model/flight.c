/* An entry is RUNNING, or FAILED with its message; one that ended well and has nobody to tell is removed.
 *
 *   none     join -> RUNNING (the caller begins)
 *   RUNNING  join waits; end(0) -> none; end(failure) -> FAILED, owed = those who waited
 *   FAILED   join within the hold: the failure; behind it, while owed > 0: the failure, owed - 1; else -> RUNNING
 *            with no hold at all -> RUNNING
 *
 * A FAILED entry stays for status until it runs again or FORGET_NS passed.
 */
#include "model/flight.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

#define FORGET_NS (600 * CLOCK_NS_PER_S)

struct flight {
    struct flight *next;
    uint64_t hash; /* of the name */
    char *name;
    bool running;
    unsigned waited; /* joined while running with a waiter */
    unsigned owed;
    struct err error;
    int64_t failed_ns, failed_wall_ns;
    struct waitlist waiters; /* of a running one */
};

struct model_flights {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct flight *first; /* protected by lock, and so is all in it */
};

errint model_flights_new(struct model_flights **ret)
{
    struct model_flights *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(-ENOMEM, "no memory for the work under way");
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->ended, NULL);
    *ret = f;
    return 0;
}

static void remove_at(struct flight **at)
{
    struct flight *t = *at;
    *at = t->next;
    waitlist_done(&t->waiters);
    err_done(&t->error);
    free(t->name);
    free(t);
}

void model_flights_free(struct model_flights *f)
{
    if (!f)
        return;
    while (f->first)
        remove_at(&f->first);
    pthread_cond_destroy(&f->ended);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* The place of NAME's entry, or the end; drops forgotten failures on its way. */
static struct flight **find(struct model_flights *f, const char *name)
{
    uint64_t hash = hash_bytes(name, strlen(name));
    int64_t now = clock_monotonic_ns();
    struct flight **at = &f->first;
    while (*at && ((*at)->hash != hash || strcmp((*at)->name, name) != 0)) {
        if (!(*at)->running && now - (*at)->failed_ns > FORGET_NS)
            remove_at(at);
        else
            at = &(*at)->next;
    }
    return at;
}

static struct flight *add(struct model_flights *f, const char *name)
{
    struct flight *t = calloc(1, sizeof *t);
    char *copy = strdup(name);
    if (!t || !copy) {
        free(t);
        free(copy);
        return NULL;
    }
    t->name = copy;
    t->hash = hash_bytes(name, strlen(name));
    waitlist_init(&t->waiters);
    t->next = f->first;
    f->first = t;
    return t;
}

static void begin(struct flight *t)
{
    t->running = true;
    t->waited = t->owed = 0;
}

/* Is T's failure the answer now? */
static bool holds(struct flight *t, int64_t hold_ns, bool may_be_owed)
{
    if (clock_monotonic_ns() - t->failed_ns < hold_ns)
        return true;
    if (!may_be_owed || t->owed == 0)
        return false;
    t->owed--;
    return true;
}

errint model_flights_join(struct model_flights *f, const char *name, int64_t hold_ns, struct waiter *w, bool *ret_begin)
{
    *ret_begin = false;
    pthread_mutex_lock(&f->lock);
    struct flight *t = *find(f, name);
    errint e = 0;
    if (t && t->running) {
        t->waited += w != NULL;
        waitlist_add(&t->waiters, w);
        e = -EAGAIN;
    } else if (t && holds(t, hold_ns, w && hold_ns > 0)) {
        e = err_again(&t->error);
    } else if (!t && !(t = add(f, name))) {
        e = err_set(-ENOMEM, "no memory to begin %s", name);
    } else {
        begin(t);
        *ret_begin = true;
    }
    pthread_mutex_unlock(&f->lock);
    return e;
}

bool model_flights_try(struct model_flights *f, const char *name, int64_t hold_ns)
{
    pthread_mutex_lock(&f->lock);
    struct flight *t = *find(f, name);
    bool free_now = !t || (!t->running && clock_monotonic_ns() - t->failed_ns >= hold_ns);
    if (free_now && !t)
        t = add(f, name);
    if (free_now && t)
        begin(t);
    pthread_mutex_unlock(&f->lock);
    return free_now && t;
}

void model_flights_wait(struct model_flights *f, const char *name, struct waiter *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&f->lock);
    struct flight *t = *find(f, name);
    assert(t && t->running);
    t->waited++;
    waitlist_add(&t->waiters, w);
    pthread_mutex_unlock(&f->lock);
}

void model_flights_end(struct model_flights *f, const char *name, errint result)
{
    pthread_mutex_lock(&f->lock);
    struct flight **at = find(f, name);
    struct flight *t = *at;
    assert(t && t->running);
    t->running = false;
    err_keep(&t->error, result);
    t->failed_ns = clock_monotonic_ns();
    t->failed_wall_ns = clock_wall_ns();
    t->owed = t->waited;
    waitlist_wake(&t->waiters);
    if (result == 0)
        remove_at(at);
    pthread_cond_broadcast(&f->ended);
    pthread_mutex_unlock(&f->lock);
}

static bool any_running(const struct model_flights *f)
{
    for (const struct flight *t = f->first; t; t = t->next)
        if (t->running)
            return true;
    return false;
}

void model_flights_drain(struct model_flights *f)
{
    pthread_mutex_lock(&f->lock);
    while (any_running(f))
        pthread_cond_wait(&f->ended, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static void describe(const struct flight *t, struct model_flight_state *ret)
{
    *ret = (struct model_flight_state){.running = t->running, .error = t->error.code};
    if (t->error.code)
        ret->failed_wall_ns = t->failed_wall_ns;
    (void)snprintf(ret->message, sizeof ret->message, "%s", t->error.message ? t->error.message : "");
}

bool model_flights_state(struct model_flights *f, const char *name, struct model_flight_state *ret)
{
    pthread_mutex_lock(&f->lock);
    struct flight *t = *find(f, name);
    if (t)
        describe(t, ret);
    pthread_mutex_unlock(&f->lock);
    return t != NULL;
}

void model_flights_each(struct model_flights *f,
                        void (*each)(void *arg, const char *name, const struct model_flight_state *s), void *arg)
{
    pthread_mutex_lock(&f->lock);
    for (const struct flight *t = f->first; t; t = t->next) {
        struct model_flight_state state;
        describe(t, &state);
        each(arg, t->name, &state);
    }
    pthread_mutex_unlock(&f->lock);
}
