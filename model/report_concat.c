/* A read across borders is gathered, from its last source to its first. What was gathered before it had to wait is kept for
 * its next try: a read that needed the windows of all its sources at once would hold some while it waits for others, and
 * many such readers, or one of very small parts, would wait for each other.
 *
 * When a read comes to a source for the first time, the next ones are asked for their first byte, so that they are
 * decompressed ahead of the reader by the cores that are idle.
 */
#include "model/report_concat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define AHEAD_MAX 4
#define GATHERS_MAX 16

struct slice {
    struct model_slice in;
    uint64_t start; /* in the whole */
    uint64_t len;
    atomic_bool read, poked;
};

/* A read across borders, between its tries. The last HAVE of its LEN bytes are there. */
struct gather {
    uint64_t off;
    size_t len, have;
    char bytes[];
};

struct concat {
    struct source source;
    uint64_t size_bytes;
    bool verified;
    pthread_mutex_t lock; /* a leaf */
    struct gather *gathers[GATHERS_MAX];
    unsigned replaced; /* slot of the gather that was pushed out last */
    size_t count, ahead;
    struct slice slices[];
};

static errint concat_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    (void)w;
    const struct concat *c = (const struct concat *)s;
    *ret = (struct source_stat){.size_bytes = c->size_bytes, .verified = c->verified};
    return 0;
}

/* The slice that holds OFF, which is before the end. */
static size_t find(const struct concat *c, uint64_t off)
{
    size_t low = 0, high = c->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (c->slices[middle].start <= off)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void ignore(void *arg, const void *data, size_t len)
{
    (void)arg;
    (void)data;
    (void)len;
}

/* The next slices, one for each core beside the one that makes this slice, are on their way before their turn; whatever
 * comes of it is asked for again then. */
static void poke_next(struct concat *c, size_t index)
{
    if (atomic_exchange(&c->slices[index].read, true))
        return;
    for (size_t i = index + 1; i < c->count && i <= index + c->ahead; i++) {
        struct slice *next = &c->slices[i];
        if (next->len && !atomic_exchange(&next->poked, true))
            (void)source_pread(next->in.source, next->in.skip_bytes, 1, ignore, NULL, NULL);
    }
}

struct copying {
    char *to;
    size_t len;
};

static void copy(void *arg, const void *data, size_t len)
{
    struct copying *c = arg;
    if (len)
        memcpy(c->to, data, len);
    c->len = len;
}

/* The one that the read's last try left, or a new one. NULL: no memory. */
static struct gather *take_gather(struct concat *c, uint64_t off, size_t len)
{
    struct gather *g = NULL;
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < GATHERS_MAX && !g; i++)
        if (c->gathers[i] && c->gathers[i]->off == off && c->gathers[i]->len == len)
            g = steal_ptr(&c->gathers[i]);
    pthread_mutex_unlock(&c->lock);
    if (g)
        return g;
    g = malloc(sizeof *g + len);
    if (g) {
        g->off = off;
        g->len = len;
        g->have = 0;
    }
    return g;
}

/* For the read's next try. What interrupted reads left is pushed out in turn. */
static void keep_gather(struct concat *c, struct gather *g)
{
    pthread_mutex_lock(&c->lock);
    unsigned slot = 0;
    while (slot < GATHERS_MAX && c->gathers[slot])
        slot++;
    if (slot == GATHERS_MAX)
        slot = c->replaced = (c->replaced + 1) % GATHERS_MAX;
    struct gather *old = c->gathers[slot];
    c->gathers[slot] = g;
    pthread_mutex_unlock(&c->lock);
    free(old);
}

static errint gather_rest(struct concat *c, struct gather *g, struct waiter *w)
{
    while (g->have < g->len) {
        uint64_t end = g->off + g->len - g->have;
        size_t index = find(c, end - 1);
        struct slice *s = &c->slices[index];
        uint64_t from = s->start > g->off ? s->start : g->off;
        size_t want = (size_t)(end - from);
        struct copying copying = {.to = g->bytes + (from - g->off)};
        errint e = source_pread(s->in.source, s->in.skip_bytes + (from - s->start), want, copy, &copying, w);
        if (e)
            return e;
        if (copying.len != want)
            return err_set(-EIO, "part %zu is shorter than it was", index + 1);
        poke_next(c, index);
        g->have += want;
    }
    return 0;
}

/* [OFF, OFF+LEN) lies in more than one slice. */
static errint read_across(struct concat *c, uint64_t off, size_t len, source_deliver deliver, void *arg,
                          struct waiter *w)
{
    struct gather *g = take_gather(c, off, len);
    if (!g)
        return err_set(-ENOMEM, "no memory to read %zu bytes", len);
    errint e = gather_rest(c, g, w);
    if (e == 0)
        deliver(arg, g->bytes, len);
    if (e == -EAGAIN && w)
        keep_gather(c, g);
    else
        free(g);
    return e;
}

static errint concat_pread(struct source *source, uint64_t off, size_t len, source_deliver deliver, void *arg,
                           struct waiter *w)
{
    struct concat *c = (struct concat *)source;
    if (off >= c->size_bytes || len == 0) {
        deliver(arg, "", 0);
        return 0;
    }
    if (len > c->size_bytes - off)
        len = (size_t)(c->size_bytes - off);
    size_t index = find(c, off);
    struct slice *s = &c->slices[index];
    if (off + len <= s->start + s->len) {
        poke_next(c, index);
        return source_pread(s->in.source, s->in.skip_bytes + (off - s->start), len, deliver, arg, w);
    }
    return read_across(c, off, len, deliver, arg, w);
}

static void concat_free(struct source *s)
{
    struct concat *c = (struct concat *)s;
    for (size_t i = 0; i < c->count; i++)
        source_put(c->slices[i].in.source);
    for (unsigned i = 0; i < GATHERS_MAX; i++)
        free(c->gathers[i]);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static const struct source_ops concat_ops = {.stat = concat_stat, .pread = concat_pread, .free = concat_free};

static size_t ahead_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 2 ? 1 : cores > AHEAD_MAX ? AHEAD_MAX : (size_t)cores - 1;
}

errint model_concat_new(const struct model_slice *slices, size_t count, bool verified, struct source **ret)
{
    struct concat *c = calloc(1, sizeof *c + count * sizeof c->slices[0]);
    if (!c)
        return err_set(-ENOMEM, "no memory to put %zu parts together", count);
    source_init(&c->source, &concat_ops);
    pthread_mutex_init(&c->lock, NULL);
    c->count = count;
    c->verified = verified;
    c->ahead = ahead_count();
    for (size_t i = 0; i < count; i++) {
        struct slice *s = &c->slices[i];
        s->in = slices[i];
        s->start = c->size_bytes;
        s->len = slices[i].size_bytes - slices[i].skip_bytes;
        atomic_init(&s->read, false);
        atomic_init(&s->poked, false);
        c->size_bytes += s->len;
    }
    *ret = &c->source;
    return 0;
}
