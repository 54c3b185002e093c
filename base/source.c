/* Reference counting, the blocking read, and the source over memory. */
#include "base/source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"

void source_init(struct source *s, const struct source_ops *ops)
{
    s->ops = ops;
    atomic_init(&s->refs, 1);
}

struct source *source_get(struct source *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void source_put(struct source *s)
{
    if (!s)
        return;
    unsigned refs = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel);
    assert(refs > 0);
    if (refs == 1)
        s->ops->free(s);
}

errint source_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    return s->ops->stat(s, ret, w);
}

errint source_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg, struct waiter *w)
{
    assert(len <= SOURCE_READ_MAX);
    return s->ops->pread(s, off, len, deliver, arg, w);
}

struct copy {
    char *to;
    size_t room, len;
};

static void deliver_copy(void *arg, const void *data, size_t len)
{
    struct copy *c = arg;
    assert(len <= c->room);
    c->len = len;
    if (len)
        memcpy(c->to, data, len);
}

/* One pread of at most SOURCE_READ_MAX bytes, tried again at each wake. */
static errint read_once(struct source *s, uint64_t off, struct copy *copy, struct cancel *c, struct blocker *b,
                        int64_t deadline_ns)
{
    for (;;) {
        errint e = cancel_check(c);
        if (e == 0)
            e = source_pread(s, off, copy->room, deliver_copy, copy, &b->waiter);
        if (e != -EAGAIN)
            return e;
        e = blocker_wait(b, deadline_ns);
        if (e)
            return err_set(e, "read of %zu bytes at %llu did not end in time", copy->room, (unsigned long long)off);
    }
}

errint source_read_wait(struct source *s, uint64_t off, void *buf, size_t len, struct cancel *c, int64_t deadline_ns,
                        size_t *ret_len)
{
    struct blocker b;
    struct waiter stop; /* the second thing that wakes the same blocker */
    blocker_init(&b);
    waiter_init(&stop, &b.task);
    if (c)
        waitlist_add(&c->waiters, &stop);
    size_t got = 0;
    errint e = 0;
    while (e == 0 && got < len) {
        size_t room = len - got < SOURCE_READ_MAX ? len - got : SOURCE_READ_MAX;
        struct copy copy = {.to = (char *)buf + got, .room = room};
        e = read_once(s, off + got, &copy, c, &b, deadline_ns);
        got += copy.len;
        if (copy.len < room)
            break;
    }
    waiter_cancel(&stop);
    blocker_done(&b);
    if (e == 0)
        *ret_len = got;
    return e;
}

struct memory {
    struct source source;
    char *data;
    size_t len;
};

static errint memory_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    (void)w;
    *ret = (struct source_stat){.size_bytes = ((struct memory *)s)->len, .verified = true};
    return 0;
}

static errint memory_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                           struct waiter *w)
{
    (void)w;
    struct memory *m = (struct memory *)s;
    uint64_t left = off < m->len ? m->len - off : 0;
    if (left)
        deliver(arg, m->data + off, len < left ? len : (size_t)left);
    else
        deliver(arg, "", 0);
    return 0;
}

static void memory_free(struct source *s)
{
    struct memory *m = (struct memory *)s;
    free(m->data);
    free(m);
}

static const struct source_ops memory_ops = {.stat = memory_stat, .pread = memory_pread, .free = memory_free};

errint source_memory_new(void *data, size_t len, struct source **ret)
{
    struct memory *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(-ENOMEM, "no memory for a source of %zu bytes", len);
    source_init(&m->source, &memory_ops);
    m->data = data;
    m->len = len;
    *ret = &m->source;
    return 0;
}
