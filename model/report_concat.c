/* A read across a border asks the later source first: the beginning of a part stays in its window while nobody reads on, but
 * the end of a part is gone with the pass that proved it. So the waiting is done before the end is taken.
 *
 * When a read comes to a source for the first time, the next ones are asked for their first byte, so that they are
 * decompressed ahead of the reader by the cores that are idle.
 */
#include "model/report_concat.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define AHEAD_MAX 4

struct slice {
    struct model_slice in;
    uint64_t start; /* in the whole */
    uint64_t len;
    atomic_bool read, poked;
};

struct concat {
    struct source source;
    uint64_t size_bytes;
    bool verified;
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

/* [OFF, OFF+LEN) lies in more than one slice. From the last to the first. */
static errint read_across(struct concat *c, uint64_t off, char *to, size_t len, struct waiter *w)
{
    uint64_t end = off + len;
    while (end > off) {
        size_t index = find(c, end - 1);
        struct slice *s = &c->slices[index];
        uint64_t from = s->start > off ? s->start : off;
        size_t want = (size_t)(end - from);
        struct copying copying = {.to = to + (from - off)};
        errint e = source_pread(s->in.source, s->in.skip_bytes + (from - s->start), want, copy, &copying, w);
        if (e)
            return e;
        if (copying.len != want)
            return err_set(-EIO, "part %zu is shorter than it was", index + 1);
        poke_next(c, index);
        end = from;
    }
    return 0;
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
    char *bytes cleanup_free = malloc(len);
    if (!bytes)
        return err_set(-ENOMEM, "no memory to read %zu bytes", len);
    errint e = read_across(c, off, bytes, len, w);
    if (e == 0)
        deliver(arg, bytes, len);
    return e;
}

static void concat_free(struct source *s)
{
    struct concat *c = (struct concat *)s;
    for (size_t i = 0; i < c->count; i++)
        source_put(c->slices[i].in.source);
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
