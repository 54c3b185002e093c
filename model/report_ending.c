/* A part that others follow in report.csv has to end a line, or its last record and the next part's first would be one. Whether
 * it does is known when its last byte is, and that is handed out only when the part is proven. So the reader that first
 * comes there is the one that fails.
 *
 * The failure needs no state: the last byte is the same at each read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/report_facts.h"

struct ending {
    struct source source;
    struct source *plain;
    uint64_t size_bytes;
    struct model_customer *customer;
    struct model_part part;
};

struct passing {
    source_deliver deliver;
    void *arg;
    size_t want;
    bool unended;
};

/* Nothing is handed on when the last byte ends no line. */
static void pass_on(void *arg, const void *data, size_t len)
{
    struct passing *p = arg;
    p->unended = len == p->want && ((const char *)data)[len - 1] != '\n';
    if (!p->unended)
        p->deliver(p->arg, data, len);
}

static errint ending_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    return source_stat(((struct ending *)s)->plain, ret, w);
}

static errint ending_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                           struct waiter *w)
{
    struct ending *g = (struct ending *)s;
    if (off >= g->size_bytes || len < g->size_bytes - off)
        return source_pread(g->plain, off, len, deliver, arg, w);
    struct passing p = {.deliver = deliver, .arg = arg, .want = (size_t)(g->size_bytes - off)};
    errint e = source_pread(g->plain, off, len, pass_on, &p, w);
    if (e || !p.unended)
        return e;
    model_facts_unended(g->customer, &g->part);
    return err_set(-EIO, "%s does not end with a line's end: report.csv has one there when it is opened again",
                   g->part.key);
}

static void ending_free(struct source *s)
{
    struct ending *g = (struct ending *)s;
    source_put(g->plain);
    model_customer_put(g->customer);
    free(g->part.key);
    free(g->part.etag);
    free(g);
}

static const struct source_ops ending_ops = {.stat = ending_stat, .pread = ending_pread, .free = ending_free};

errint model_ending_new(struct model_customer *c, const struct model_part *part, uint64_t size_bytes,
                        struct source *plain, struct source **ret)
{
    struct ending *g = calloc(1, sizeof *g);
    if (!g || !(g->part.key = strdup(part->key)) || !(g->part.etag = strdup(part->etag))) {
        if (g)
            free(g->part.key);
        free(g);
        return err_set(-ENOMEM, "no memory to open %s", part->key);
    }
    source_init(&g->source, &ending_ops);
    g->plain = plain;
    g->size_bytes = size_bytes;
    g->customer = model_customer_get(c);
    *ret = &g->source;
    return 0;
}
