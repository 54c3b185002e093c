/* A few slots, the least recently used one is given up. A slot is good as long as its month's stamp is the one that
 * it was decoded at.
 */
#include "fs/snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define SLOTS 64 /* five years: a walk over all months decodes each once */

struct slot {
    char *scope; /* NULL: empty */
    struct model_month_stamp stamp;
    uint64_t used;
    struct model_month *month;
};

struct fs_snapshots {
    pthread_mutex_t lock;
    uint64_t uses; /* protected by lock, as the slots */
    struct slot slots[SLOTS];
};

errint fs_snapshots_new(struct fs_snapshots **ret)
{
    struct fs_snapshots *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(-ENOMEM, "no memory for months");
    pthread_mutex_init(&s->lock, NULL);
    *ret = s;
    return 0;
}

static void empty_slot(struct slot *slot)
{
    free(slot->scope);
    if (slot->month)
        model_month_put(slot->month);
    *slot = (struct slot){0};
}

void fs_snapshots_free(struct fs_snapshots *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        empty_slot(&s->slots[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct model_month *hold(struct model_month *m)
{
    atomic_fetch_add(&m->refs, 1);
    return m;
}

/* The slot of SCOPE, or the one to give up. Under the lock. */
static struct slot *pick(struct fs_snapshots *s, const char *scope)
{
    struct slot *oldest = &s->slots[0];
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->scope && strcmp(slot->scope, scope) == 0)
            return slot;
        if (slot->used < oldest->used)
            oldest = slot;
    }
    return oldest;
}

static struct model_month *find(struct fs_snapshots *s, const char *scope, const struct model_month_stamp *stamp)
{
    struct model_month *found = NULL;
    pthread_mutex_lock(&s->lock);
    struct slot *slot = pick(s, scope);
    if (slot->scope && strcmp(slot->scope, scope) == 0 && slot->stamp.fetched_ns == stamp->fetched_ns &&
        slot->stamp.changed_ns == stamp->changed_ns) {
        slot->used = ++s->uses;
        found = hold(slot->month);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* Takes SCOPE. */
static void keep(struct fs_snapshots *s, char *scope, const struct model_month_stamp *stamp, struct model_month *month)
{
    pthread_mutex_lock(&s->lock);
    struct slot *slot = pick(s, scope), old = *slot;
    *slot = (struct slot){.scope = scope, .stamp = *stamp, .used = ++s->uses, .month = hold(month)};
    pthread_mutex_unlock(&s->lock);
    empty_slot(&old);
}

/* The stamp is read first: if another comes in between, the slot is only too old, and decoded again next time. */
errint fs_snapshots_get(struct fs_snapshots *s, struct model_customer *c, const char *period, struct model_month **ret)
{
    struct buf scope cleanup_buf = BUF_INIT;
    struct model_month_stamp stamp;
    model_fetch_scope(c, MODEL_MONTH, period, &scope);
    errint e = buf_error(&scope);
    if (e == 0)
        e = model_month_stamp(c, period, &stamp);
    if (e)
        return e;
    struct model_month *m = find(s, buf_text(&scope), &stamp);
    if (!m) {
        e = model_month_get(c, period, &m);
        if (e)
            return e;
        keep(s, buf_steal(&scope), &stamp, m);
    }
    *ret = m;
    return 0;
}
