/* A read across borders is gathered, from its last source to its first. What was gathered before it had to wait is kept for
 * its next try: a read that needed the windows of all its sources at once would hold some while it waits for others, and
 * many such readers, or one of very small parts, would wait for each other.
 *
 * When a reader comes to a source, the next ones are asked for their first byte, so that they are decompressed ahead of it
 * by the cores that are idle. Readers are told apart by their places: a read near where one's last one ended is its next.
 * One that begins gets its hint at a source's beginning, or with its second read in order (a read's further tries are none): a
 * single read amid a source is followed by nothing. Among many readers no core is idle, and nobody gets hints.
 */
#include "model/report_concat.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define AHEAD_MAX 4
#define GATHERS_MAX 16
#define READERS_MAX 16
#define READERS_FEW 4
#define ACTIVE_NS CLOCK_NS_PER_S

struct slice {
    struct model_slice in;
    uint64_t start; /* in the whole */
    uint64_t len;
};

/* Somebody who reads in order, or has just begun to. */
struct reader {
    uint64_t next;   /* where its furthest read ended */
    size_t hinted;   /* the slices before this one need no hint for it */
    int64_t used_ns; /* 0: the place is free */
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
    struct reader readers[READERS_MAX];
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

/* ---- under the lock ---- */

static struct reader *find_reader(struct concat *c, uint64_t off)
{
    for (size_t i = 0; i < READERS_MAX; i++) {
        struct reader *r = &c->readers[i];
        if (r->used_ns && off + SOURCE_READ_MAX >= r->next && off <= r->next + SOURCE_READ_MAX)
            return r;
    }
    return NULL;
}

static struct reader *begin_reader(struct concat *c)
{
    struct reader *oldest = &c->readers[0];
    for (size_t i = 1; i < READERS_MAX; i++)
        if (c->readers[i].used_ns < oldest->used_ns)
            oldest = &c->readers[i];
    *oldest = (struct reader){.used_ns = 0};
    return oldest;
}

static bool are_few(const struct concat *c, int64_t now_ns)
{
    size_t active = 0;
    for (size_t i = 0; i < READERS_MAX; i++)
        active += c->readers[i].used_ns && now_ns - c->readers[i].used_ns < ACTIVE_NS;
    return active <= READERS_FEW;
}

/* Notes the read [OFF, END), which ends in the slice LAST: the slices [*RET_FROM, return value) are to be hinted at. */
static size_t follow(struct concat *c, uint64_t off, uint64_t end, size_t last, size_t *ret_from)
{
    int64_t now_ns = clock_monotonic_ns();
    struct reader *r = find_reader(c, off);
    bool follows = r ? end > r->next : off - c->slices[find(c, off)].start < SOURCE_READ_MAX;
    if (!r)
        r = begin_reader(c);
    r->next = r->next > end ? r->next : end;
    r->used_ns = now_ns;
    *ret_from = r->hinted > last + 1 ? r->hinted : last + 1;
    size_t to = last + 1 + c->ahead < c->count ? last + 1 + c->ahead : c->count;
    if (!follows || *ret_from >= to || !are_few(c, now_ns))
        return 0;
    r->hinted = to;
    return to;
}

/* ---- without it ---- */

/* The slices behind [OFF, END), one for each core beside the one that makes what is read, are on their way before their turn;
 * whatever comes of it is asked for again then. */
static void hint(struct concat *c, uint64_t off, uint64_t end)
{
    size_t from = 0, last = find(c, end - 1);
    pthread_mutex_lock(&c->lock);
    size_t to = follow(c, off, end, last, &from);
    pthread_mutex_unlock(&c->lock);
    for (; from < to; from++) {
        const struct slice *next = &c->slices[from];
        if (next->len)
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
    if (e == 0) {
        hint(c, off, off + len);
        deliver(arg, g->bytes, len);
    }
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
    if (off + len > s->start + s->len)
        return read_across(c, off, len, deliver, arg, w);
    hint(c, off, off + len);
    return source_pread(s->in.source, s->in.skip_bytes + (off - s->start), len, deliver, arg, w);
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
        c->size_bytes += s->len;
    }
    *ret = &c->source;
    return 0;
}
