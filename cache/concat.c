/* Part i shows its bytes [skip, size) at [begin, end) of the whole. A read touches the parts whose bytes it takes, and
 * also every part that ends within it or where it begins, so that parts of no bytes are asked for their proof too.
 */
#include "cache/concat.h"

#include <stdlib.h>
#include <string.h>

struct part {
    struct source *source;
    uint64_t begin, end, skip;
    atomic_bool begun; /* told to begin */
};

struct concat {
    struct source source;
    size_t count;
    uint64_t size;
    bool verified;
    struct part parts[];
};

/* One read as it gathers. */
struct gather {
    char *to;
    size_t len; /* so far */
};

static void deliver_gather(void *arg, const void *data, size_t len)
{
    struct gather *g = arg;
    if (len)
        memcpy(g->to + g->len, data, len);
    g->len += len;
}

static void deliver_nothing(void *arg, const void *data, size_t len)
{
    (void)arg;
    (void)data;
    (void)len;
}

/* The first part that ends at or behind OFF. */
static size_t find_part(const struct concat *c, uint64_t off)
{
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->parts[middle].end < off)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void begin_next(struct concat *c, size_t i, uint64_t off)
{
    if (i + 1 >= c->count || c->parts[i].end - off > CACHE_CONCAT_AHEAD_BYTES)
        return;
    struct part *next = &c->parts[i + 1];
    if (next->end == next->begin || atomic_exchange(&next->begun, true))
        return;
    uint64_t left = next->end - next->begin;
    (void)source_pread(next->source, next->skip, left < 65536 ? (size_t)left : 65536, deliver_nothing, NULL, NULL);
}

static errint read_part(struct part *p, uint64_t off, size_t len, source_deliver deliver, void *arg, struct waiter *w)
{
    return source_pread(p->source, p->skip + (off - p->begin), len, deliver, arg, w);
}

/* Bytes of part I that a read of [off, end) takes. */
static size_t overlap(const struct part *p, uint64_t off, uint64_t end)
{
    uint64_t from = off > p->begin ? off : p->begin, to = end < p->end ? end : p->end;
    return from < to ? (size_t)(to - from) : 0;
}

/* Part I ends at the end of the read or before it, or holds bytes of it. */
static bool touches(const struct part *p, uint64_t off, uint64_t end)
{
    return p->begin <= end && p->end >= off && (p->end <= end || overlap(p, off, end));
}

static errint gather(struct concat *c, size_t first, uint64_t off, uint64_t end, struct gather *g, struct waiter *w)
{
    errint e = 0;
    for (size_t i = first; e == 0 && i < c->count && c->parts[i].begin <= end; i++) {
        struct part *p = &c->parts[i];
        if (!touches(p, off, end))
            continue;
        uint64_t from = off > p->begin ? off : p->begin;
        size_t len = overlap(p, off, end), before = g->len;
        e = read_part(p, from, len, deliver_gather, g, w);
        if (e == 0 && g->len - before != len)
            e = err_set(-EIO, "part %zu of %zu gave %zu bytes, not %zu", i + 1, c->count, g->len - before, len);
    }
    return e;
}

static errint concat_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                           struct waiter *w)
{
    struct concat *c = (struct concat *)s;
    off = off < c->size ? off : c->size;
    uint64_t end = len < c->size - off ? off + len : c->size;
    size_t first = find_part(c, off);
    while (first + 1 < c->count && c->parts[first].end == off && c->parts[first].end > c->parts[first].begin)
        first++; /* it ended before, and its last bytes were read then */
    if (first == c->count) {
        deliver(arg, "", 0);
        return 0;
    }
    struct part *p = &c->parts[first];
    begin_next(c, first, off);
    bool alone =
        p->begin <= off && end <= p->end && (first + 1 == c->count || !touches(&c->parts[first + 1], off, end));
    if (alone)
        return read_part(p, off, (size_t)(end - off), deliver, arg, w);
    struct gather g = {.to = malloc((size_t)(end - off) + 1)};
    errint e = g.to ? gather(c, first, off, end, &g, w) : err_set(-ENOMEM, "no memory for a read of %zu bytes", len);
    if (e == 0)
        deliver(arg, g.to, g.len);
    free(g.to);
    return e;
}

static errint concat_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    (void)w;
    struct concat *c = (struct concat *)s;
    *ret = (struct source_stat){.size_bytes = c->size, .verified = c->verified};
    return 0;
}

static void concat_free(struct source *s)
{
    struct concat *c = (struct concat *)s;
    for (size_t i = 0; i < c->count; i++)
        source_put(c->parts[i].source);
    free(c);
}

static const struct source_ops concat_ops = {.stat = concat_stat, .pread = concat_pread, .free = concat_free};

errint cache_concat_new(const struct cache_concat_part *parts, size_t count, struct source **ret)
{
    struct concat *c = calloc(1, sizeof *c + count * sizeof c->parts[0]);
    if (!c)
        return err_set(-ENOMEM, "no memory for %zu parts", count);
    source_init(&c->source, &concat_ops);
    c->count = count;
    c->verified = true;
    for (size_t i = 0; i < count; i++) {
        uint64_t size = parts[i].size_bytes;
        uint64_t skip = parts[i].skip_bytes < size ? parts[i].skip_bytes : size;
        struct part *p = &c->parts[i];
        p->begin = c->size;
        p->skip = skip;
        p->source = parts[i].source;
        c->verified = c->verified && parts[i].verified;
        if (__builtin_add_overflow(c->size, size - skip, &c->size)) {
            free(c);
            return err_set(-EOVERFLOW, "the sizes of %zu parts are past 2^64", count);
        }
        p->end = c->size;
    }
    *ret = &c->source;
    return 0;
}
