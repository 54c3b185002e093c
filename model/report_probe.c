/* A small part is read whole through the objects' cache, where it stays; a large one that is on disk already, from there. Of
 * any other the first HEAD_FIRST_BYTES and the trailer are asked for at once, beside the cache. When both came, a task on
 * the processors' executor inflates the beginning, cuts the header record out, takes the sample and keeps the facts. A
 * header that goes on behind the beginning makes it ask again for four times as much.
 *
 *   ASKING (pending > 0) -> task -> ASKING again, or the end of the flight
 *
 * What was asked for beside the cache has no checksum, and what it gives is kept until a whole pass proved the part, which may
 * be never: a beginning that cannot be read is asked for once more, and that of a part in the cache on fresh bytes. If that
 * fails too, the part has no header.
 *
 * The task runs only when pending fell to 0 (large) or when woken by the object, so it needs no lock.
 */
#include "model/report_probe.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3.h"
#include "base/cleanup.h"
#include "base/feed.h"
#include "cache/gzip_member.h"
#include "model/csv.h"
#include "model/flight.h"

#define HEAD_FIRST_BYTES ((size_t)16 * 1024)
#define HEAD_MAX_BYTES (4u << 20)
#define PLAIN_MAX_BYTES (1u << 20)
#define PLAIN_FIRST_BYTES (32u << 10) /* a header of hundreds of columns, and rows for the sample */

struct probe;
struct piece {
    struct feed_sink sink;
    struct probe *probe;
    struct buf bytes;
    struct err result;
    struct feed_transfer *transfer;
};

struct probe {
    struct task task;
    struct waiter waiter;
    struct model_customer *customer;
    char period[8];
    char *flight, *fact_name;
    struct model_part part;
    struct source *object; /* one of the two */
    struct feed *feed;
    struct piece head, tail;
    size_t head_bytes;
    bool damaged; /* its gzip data cannot be read so far */
    bool again;   /* asked for once more */
    atomic_uint pending;
};

static void free_probe(struct probe *p)
{
    source_put(p->object);
    feed_free(p->feed);
    buf_done(&p->head.bytes);
    buf_done(&p->tail.bytes);
    err_done(&p->head.result);
    err_done(&p->tail.result);
    model_customer_put(p->customer);
    free(p->flight);
    free(p->fact_name);
    free(p->part.key);
    free(p->part.etag);
    free(p);
}

static void take_data(struct feed_sink *sink, const void *data, size_t len)
{
    buf_append(&((struct piece *)sink)->bytes, data, len);
}

static void take_end(struct feed_sink *sink, errint result)
{
    struct piece *piece = (struct piece *)sink;
    struct probe *p = piece->probe;
    if (result == 0)
        result = buf_error(&piece->bytes);
    err_keep(&piece->result, result);
    if (atomic_fetch_sub(&p->pending, 1) == 1)
        task_wake(&p->task);
}

static void ask(struct probe *p, struct piece *piece, uint64_t off, uint64_t len)
{
    buf_reset(&piece->bytes);
    piece->sink = (struct feed_sink){.data = take_data, .done = take_end};
    piece->probe = p;
    errint e = feed_start(p->feed, off, len, &piece->sink, &piece->transfer);
    if (e)
        take_end(&piece->sink, e);
}

/* The one pending more keeps the task away until both are asked. */
static void ask_large(struct probe *p, bool tail_too)
{
    atomic_store(&p->pending, tail_too ? 3 : 2);
    uint64_t size = p->part.size_bytes;
    ask(p, &p->head, 0, p->head_bytes < size ? p->head_bytes : size);
    if (tail_too)
        ask(p, &p->tail, size - CACHE_GZIP_TRAILER_BYTES, CACHE_GZIP_TRAILER_BYTES);
    if (atomic_fetch_sub(&p->pending, 1) == 1)
        task_wake(&p->task);
}

/* The first record of PLAIN, in FACT. WHOLE: PLAIN is all there is. -EAGAIN: it goes on. */
static errint cut_header(const char *plain, size_t len, bool whole, struct cache_fact *fact)
{
    struct model_csv csv cleanup(model_csv_done);
    size_t used = 0;
    bool record = false;
    model_csv_init(&csv);
    errint e = len ? model_csv_feed(&csv, plain, len, &used, &record) : 0;
    if (e == 0 && !record && whole)
        e = model_csv_end(&csv, &record);
    if (e)
        return err_add(e == -EFBIG ? -EFBIG : -EIO, "the header record");
    if (!record && !whole)
        return -EAGAIN;
    size_t header = record ? (size_t)csv.record_bytes : len;
    if (memchr(plain, '\0', header))
        return err_set(-EIO, "the header record holds a NUL");
    fact->header = strndup(plain, header);
    fact->header_bytes = (int64_t)header;
    return fact->header ? 0 : err_set(-ENOMEM, "no memory for a header");
}

struct beginning {
    char *plain;
    size_t len;
    bool whole; /* of the part: nothing comes behind it */
};

/* At most MAX bytes. */
static errint inflate_beginning(struct probe *p, size_t max, struct beginning *ret)
{
    bool more = false;
    free(ret->plain);
    ret->plain = malloc(max);
    if (!ret->plain)
        return err_set(-ENOMEM, "no memory to look into %s", p->part.key);
    errint e = cache_gunzip_head(buf_text(&p->head.bytes), p->head.bytes.len, p->part.size_bytes, ret->plain, max,
                                 &ret->len, &more);
    p->damaged = e != 0;
    ret->whole = e == 0 && p->head.bytes.len == p->part.size_bytes && ret->len < max && !more;
    return e ? err_add(e, "%s", p->part.key) : 0;
}

/* A large part's beginning is enough when the header is in it; a small part is taken whole. */
static errint read_beginning(struct probe *p, struct beginning *ret, struct cache_fact *fact)
{
    errint e = -EAGAIN;
    if (p->part.size_bytes > MODEL_FACTS_SMALL_BYTES) {
        e = inflate_beginning(p, PLAIN_FIRST_BYTES, ret);
        if (e == 0)
            e = cut_header(ret->plain, ret->len, ret->whole, fact);
    }
    if (e != -EAGAIN)
        return e;
    e = inflate_beginning(p, PLAIN_MAX_BYTES, ret);
    return e ? e : cut_header(ret->plain, ret->len, ret->whole, fact);
}

/* -EAGAIN: more of the beginning is needed. */
static errint learn_head(struct probe *p, struct cache_fact *fact)
{
    struct beginning begun = {0};
    struct model_sample sample = {.rows = 0};
    errint e = read_beginning(p, &begun, fact);
    char *plain cleanup_free = begun.plain;
    if (e == -EAGAIN && (p->head_bytes >= HEAD_MAX_BYTES || p->head.bytes.len == p->part.size_bytes))
        return err_set(-EFBIG, "%s: its header record is longer than %u bytes", p->part.key, PLAIN_MAX_BYTES);
    if (e)
        return e;
    if (model_sample_take(plain, begun.len, begun.whole, &sample) == 0)
        (void)model_sample_keep(p->customer, p->fact_name, &sample); /* worth keeping, never worth failing for */
    model_sample_done(&sample);
    return 0;
}

static void learn_declared(struct probe *p, const uint8_t trailer[CACHE_GZIP_TRAILER_BYTES], struct cache_fact *fact)
{
    uint64_t declared = 0;
    (void)cache_gunzip_declared(trailer, p->part.size_bytes, 0, &declared); /* the verdict is asked for at each stat */
    fact->declared_bytes = (int64_t)declared;
}

static errint learn(struct probe *p)
{
    struct cache_fact fact cleanup(cache_fact_done) = {.declared_bytes = -1, .verified_bytes = -1, .header_bytes = -1};
    const struct buf *trailer = &p->tail.bytes;
    errint e = err_again(&p->head.result);
    if (e == 0)
        e = err_again(&p->tail.result);
    if (e)
        return err_add(e, "%s", p->part.key);
    if (trailer->len >= CACHE_GZIP_TRAILER_BYTES)
        learn_declared(p, (const uint8_t *)trailer->data + trailer->len - CACHE_GZIP_TRAILER_BYTES, &fact);
    e = learn_head(p, &fact);
    if ((e == -EIO && p->again) || e == -EFBIG) {
        /* No gzip, or no CSV: the proof says so with the whole part before it; here it is only a part without a header. */
        fact.header = strdup("");
        e = fact.header ? 0 : err_set(-ENOMEM, "no memory for a header");
    }
    if (fact.declared_bytes < 0)
        fact.declared_bytes = 0;
    return e ? e : model_facts_learnt(p->customer, p->fact_name, &fact, p->feed != NULL);
}

/* The flight ends last: once none runs, nothing of the model is in use by one. */
static void end(struct probe *p, errint result)
{
    struct model_flights *flights = p->customer->model->flights;
    char *flight cleanup_free = steal_ptr(&p->flight);
    struct err kept = {0};
    err_keep(&kept, result);
    task_forget(&p->task);
    free_probe(p);
    model_flights_end(flights, flight, err_again(&kept));
    err_done(&kept);
}

static void run_feed(struct task *t)
{
    struct probe *p = (struct probe *)t;
    errint e = learn(p);
    if (e == -EIO && !p->again) {
        p->again = true;
        ask_large(p, true);
        return;
    }
    if (e == -EAGAIN) {
        p->head_bytes *= 4;
        ask_large(p, false);
        return;
    }
    end(p, e);
}

static void take_piece(void *arg, const void *data, size_t len)
{
    buf_append(arg, data, len);
}

/* Goes on where PIECE's bytes end, up to LEN of them from OFF. */
static errint read_piece(struct probe *p, struct piece *piece, uint64_t off, size_t len)
{
    errint e = 0;
    while (e == 0 && piece->bytes.len < len) {
        size_t left = len - piece->bytes.len;
        e = source_pread(p->object, off + piece->bytes.len, left < SOURCE_READ_MAX ? left : SOURCE_READ_MAX, take_piece,
                         &piece->bytes, &p->waiter);
        if (e == 0)
            e = buf_error(&piece->bytes);
    }
    return e;
}

static errint read_object(struct probe *p)
{
    uint64_t size = p->part.size_bytes;
    size_t tail = size < CACHE_GZIP_TRAILER_BYTES ? (size_t)size : CACHE_GZIP_TRAILER_BYTES;
    errint e = read_piece(p, &p->head, 0, p->head_bytes < size ? p->head_bytes : (size_t)size);
    return e ? e : read_piece(p, &p->tail, size - tail, tail);
}

/* From the beginning; on fresh bytes if these are damaged: then the part is suspect, as after a pass that failed. */
static errint begin_again(struct probe *p)
{
    p->again = true;
    buf_reset(&p->head.bytes);
    buf_reset(&p->tail.bytes);
    if (!p->damaged || p->customer->model->settings->offline)
        return 0;
    source_put(steal_ptr(&p->object));
    model_facts_suspect(p->customer, &p->part);
    return model_source_object(p->customer, p->period, &p->part, &p->object);
}

/* A wait and a longer beginning both make it begin again where the bytes end. */
static void run_object(struct task *t)
{
    struct probe *p = (struct probe *)t;
    errint e = read_object(p);
    if (e == -EAGAIN)
        return;
    if (e == 0)
        e = learn(p);
    if (e == -EIO && !p->again && (e = begin_again(p)) == 0) {
        task_wake(&p->task);
        return;
    }
    if (e == -EAGAIN) {
        p->head_bytes *= 4;
        task_wake(&p->task);
        return;
    }
    waiter_cancel(&p->waiter);
    end(p, e);
}

static errint open_probe(struct probe *p, const char *period)
{
    struct aws_s3_bucket bucket;
    if (p->part.size_bytes <= MODEL_FACTS_SMALL_BYTES || model_source_is_kept(p->customer, &p->part))
        return model_source_object(p->customer, period, &p->part, &p->object);
    if (!p->customer->reading)
        return err_set(-EACCES, "connection %s has no role yet", p->customer->connection.handle);
    model_customer_bucket(p->customer, &bucket);
    return aws_s3_feed_new(p->customer->reading, &bucket, p->part.key, p->part.etag, p->part.size_bytes, &p->feed);
}

errint model_probe_start(struct model_customer *c, const char *period, const struct model_part *part,
                         const char *flight)
{
    struct buf name cleanup_buf = BUF_INIT;
    struct probe *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "no memory to look into %s", part->key);
    model_facts_name(c, part, &name);
    p->customer = model_customer_get(c);
    memcpy(p->period, period, sizeof p->period);
    p->flight = strdup(flight);
    p->part.key = strdup(part->key);
    p->part.etag = strdup(part->etag);
    p->part.size_bytes = part->size_bytes;
    p->head_bytes = part->size_bytes <= MODEL_FACTS_SMALL_BYTES ? MODEL_FACTS_SMALL_BYTES : HEAD_FIRST_BYTES;
    errint e = buf_error(&name);
    p->fact_name = buf_steal(&name);
    if (e == 0 && (!p->flight || !p->part.key || !p->part.etag || !p->fact_name))
        e = err_set(-ENOMEM, "no memory to look into %s", part->key);
    if (e == 0)
        e = open_probe(p, period);
    if (e) {
        free_probe(p);
        return e;
    }
    task_init(&p->task, c->model->cpu, p->object ? run_object : run_feed);
    waiter_init(&p->waiter, &p->task);
    if (p->object)
        task_wake(&p->task);
    else
        ask_large(p, true);
    return 0;
}
