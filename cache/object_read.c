/* Reading: what is there is copied, what is not is asked for, and reading in order runs ahead.
 *
 * A handle remembers the ends of its last reads (streams). A read that begins near one goes on with it: its window doubles
 * from one chunk to the cache's lead. A transfer ahead begins when a whole range (or half the window) is missing, so that
 * ranges stay long; a read that fits no stream fetches its own chunks alone. A reader that stops asks for nothing more.
 *
 * A caller is known by its waiter: after -EAGAIN and a wake it calls again with the same one, and is given the failure of
 * the transfer it waited for, once. Waits are forgotten after FAILURE_NS, so that a waiter's address used anew by another
 * starts afresh.
 */
#include <string.h>

#include "base/clock.h"
#include "cache/object_private.h"

#define FAILURE_NS (5 * CLOCK_NS_PER_S)
#define TRIES 4

struct reading {
    struct handle *handle;
    uint64_t off;
    size_t len;
    char *buffer;
    struct waiter *waiter;
    struct transfer *starts; /* to be started without the lock */
};

static errint handle_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    (void)w;
    *ret = (struct source_stat){.size_bytes = ((struct handle *)s)->object->size_bytes, .verified = true};
    return 0;
}

static struct wait *find_wait(struct object *o, const struct waiter *w)
{
    for (size_t i = 0; w && i < WAITS; i++)
        if (o->waits[i].w == w)
            return &o->waits[i];
    return NULL;
}

static void note_wait(struct object *o, struct waiter *w, uint64_t first, uint64_t last)
{
    struct wait *place = find_wait(o, w);
    for (size_t i = 0; !place && i < WAITS; i++)
        if (!o->waits[i].w)
            place = &o->waits[i];
    for (size_t i = 1; !place && i < WAITS; i++)
        if (i == 1 || o->waits[i].at_ns < place->at_ns)
            place = &o->waits[i];
    *place = (struct wait){.w = w, .first = first, .last = last, .at_ns = clock_monotonic_ns()};
}

/* The failure that W is owed, or 0. Its place is free afterwards. */
static errint take_failure(struct object *o, const struct waiter *w, uint64_t first, uint64_t last)
{
    struct wait *wait = find_wait(o, w);
    if (!wait)
        return 0;
    bool due =
        wait->owed && wait->first <= last && wait->last >= first && clock_monotonic_ns() - wait->at_ns < FAILURE_NS;
    wait->w = NULL;
    return due ? err_again(&o->failure) : 0;
}

static struct stream *find_stream(struct handle *h, uint64_t off)
{
    for (size_t i = 0; i < STREAMS; i++) {
        struct stream *s = &h->streams[i];
        if (s->used && off + CHUNK_BYTES >= s->next && off <= s->next + CHUNK_BYTES)
            return s;
    }
    return NULL;
}

static void note_read(struct handle *h, uint64_t off, size_t len)
{
    struct stream *s = find_stream(h, off);
    uint64_t lead = atomic_load(&h->object->cache->lead_bytes);
    if (!s) {
        s = &h->streams[0];
        for (size_t i = 1; i < STREAMS; i++)
            if (h->streams[i].used < s->used)
                s = &h->streams[i];
        *s = (struct stream){.next = off + len};
    } else if (off + len > s->next) {
        s->next = off + len;
        s->window = s->window ? s->window * 2 : CHUNK_BYTES;
        s->window = s->window < lead ? s->window : lead;
    }
    s->used = ++h->clock;
}

static uint64_t missing_run(const struct object *o, uint64_t first, uint64_t end, uint64_t max)
{
    uint64_t n = 0;
    while (first + n < end && n < max && o->chunks[first + n].state == CHUNK_MISSING)
        n++;
    return n;
}

static uint64_t range_chunks(const struct object *o)
{
    uint64_t n = atomic_load(&o->cache->range_bytes) / CHUNK_BYTES;
    return n ? n : 1;
}

/* The end, in chunks, of what reading at OFF looks forward to. */
static uint64_t ahead_end(struct handle *h, uint64_t off, size_t len, uint64_t *ret_window)
{
    struct object *o = h->object;
    struct stream *s = find_stream(h, off);
    uint64_t window = s ? s->window : 0;
    if (o->in_memory && window > MEMORY_CHUNKS / 2 * CHUNK_BYTES)
        window = MEMORY_CHUNKS / 2 * CHUNK_BYTES;
    if (clock_monotonic_ns() < o->ahead_after_ns)
        window = 0;
    *ret_window = window / CHUNK_BYTES;
    uint64_t end = (off + len + window + CHUNK_BYTES - 1) / CHUNK_BYTES;
    return end < o->chunk_count ? end : o->chunk_count;
}

static void run_ahead(struct reading *r, uint64_t from)
{
    struct object *o = r->handle->object;
    uint64_t window, end = ahead_end(r->handle, r->off, r->len, &window), range = range_chunks(o);
    uint64_t least = window / 2 < range ? window / 2 : range;
    if (o->in_memory && object_memory_is_short(o))
        return; /* whoever lacks bytes goes first */
    while (from < end && atomic_load(&o->transfer_count) < atomic_load(&o->cache->parallel)) {
        uint64_t n = missing_run(o, from, end, range);
        bool bounded = from + n < end || from + n == o->chunk_count;
        if (n && (n >= least || bounded) && !object_fetch_plan(o, from, n, &r->starts, NULL))
            return;
        from += n ? n : 1;
    }
}

/* What this read lacks; a stream's goes on to a whole range. */
static void fetch_wanted(struct reading *r, uint64_t first, uint64_t last)
{
    struct object *o = r->handle->object;
    uint64_t window, end = ahead_end(r->handle, r->off, r->len, &window);
    for (uint64_t c = first; c <= last; c++) {
        uint64_t n = missing_run(o, c, end > last ? end : last + 1, range_chunks(o));
        if (n)
            (void)object_fetch_plan(o, c, n, &r->starts, r->waiter);
    }
}

static bool in_tail(const struct reading *r)
{
    const struct object *o = r->handle->object;
    return r->off >= o->size_bytes - tail_len(o) && o->chunks[r->off / CHUNK_BYTES].state == CHUNK_MISSING &&
           !find_stream(r->handle, r->off);
}

static bool have(const struct object *o, uint64_t first, uint64_t last)
{
    for (uint64_t c = first; c <= last; c++)
        if (!chunk_present(&o->chunks[c]))
            return false;
    return true;
}

static errint wait_for(struct reading *r, uint64_t first, uint64_t last)
{
    struct object *o = r->handle->object;
    uint64_t c = first;
    while (c < last && chunk_present(&o->chunks[c]))
        c++;
    if (r->waiter) {
        note_wait(o, r->waiter, first, last);
        waitlist_add(&o->lists[c % LISTS], r->waiter);
    }
    return -EAGAIN;
}

/* 0: every chunk of it is there; 1: the tail is, and was copied. */
static int ensure(struct reading *r, uint64_t first, uint64_t last)
{
    struct object *o = r->handle->object;
    if (have(o, first, last)) {
        (void)take_failure(o, r->waiter, 1, 0);
        return 0;
    }
    if (o->tail_state == CHUNK_MEMORY && r->off >= o->size_bytes - tail_len(o)) {
        memcpy(r->buffer, o->tail + (r->off - (o->size_bytes - tail_len(o))), r->len);
        return 1;
    }
    errint failed = take_failure(o, r->waiter, first, last);
    o->refused = false;
    if (failed < 0)
        return failed;
    if (!o->feed)
        return o->no_feed.code ? err_again(&o->no_feed)
                               : err_set(-EIO, "%s: there is nothing to fetch it from", o->key);
    if (!in_tail(r)) {
        fetch_wanted(r, first, last);
        run_ahead(r, last + 1);
    } else if (o->tail_state == CHUNK_MISSING) {
        object_fetch_plan_tail(o, &r->starts);
    }
    if (atomic_load(&o->transfer_count) == 0 && o->refused)
        return -EAGAIN;
    if (atomic_load(&o->transfer_count) == 0)
        return err_set(-ENOMEM, "no memory to fetch %s", o->key);
    return wait_for(r, first, last);
}

/* The part of the read in chunk C. */
struct part {
    uint64_t chunk, off; /* in the chunk */
    size_t len;
    char *to;
    bool disk, checked;
    uint32_t crc;
};

static struct part part_of(const struct reading *r, uint64_t c)
{
    uint64_t begin = c * CHUNK_BYTES, from = r->off > begin ? r->off : begin, end = r->off + r->len;
    if (end > begin + CHUNK_BYTES)
        end = begin + CHUNK_BYTES;
    return (struct part){
        .chunk = c, .off = from - begin, .len = (size_t)(end - from), .to = r->buffer + (from - r->off)};
}

/* Copies what is in memory, notes what is to be read from disk without the lock. */
static void take_part(struct object *o, struct part *p)
{
    struct chunk *c = &o->chunks[p->chunk];
    p->disk = c->state == CHUNK_DISK;
    p->checked = c->checked;
    p->crc = c->crc;
    if (!c->fresh)
        atomic_fetch_add(&o->cache->hit_bytes, p->len);
    if (p->disk)
        return;
    object_memory_read(o, p->chunk, p->off, p->to, p->len);
}

static bool read_exactly(int fd, char *to, size_t len, uint64_t off)
{
    while (len) {
        ssize_t n = pread(fd, to, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        to += n;
        len -= (size_t)n;
        off += (uint64_t)n;
    }
    return true;
}

/* Of a whole chunk without a copy. */
static bool read_checked(struct object *o, const struct part *p)
{
    size_t len = (size_t)chunk_len(o, p->chunk);
    bool whole = p->len == len;
    char *all = whole ? p->to : object_buffer_take(o->cache);
    bool right = all && read_exactly(o->fd, all, len, p->chunk * CHUNK_BYTES) && object_crc(0, all, len) == p->crc;
    if (right && !whole)
        memcpy(p->to, all + p->off, p->len);
    if (!whole)
        object_buffer_give(o->cache, all);
    pthread_mutex_lock(&o->lock);
    if (right && o->chunks[p->chunk].crc == p->crc)
        o->chunks[p->chunk].checked = true;
    pthread_mutex_unlock(&o->lock);
    return right;
}

static bool read_part(struct object *o, const struct part *p)
{
    if (!p->disk)
        return true;
    if (!p->checked)
        return read_checked(o, p);
    return read_exactly(o->fd, p->to, p->len, p->chunk * CHUNK_BYTES + p->off);
}

/* -EBADMSG: a chunk turned out bad and is missing now. */
static errint read_parts(struct object *o, struct part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (read_part(o, &parts[i]))
            continue;
        pthread_mutex_lock(&o->lock);
        object_keep_lose(o, parts[i].chunk);
        pthread_mutex_unlock(&o->lock);
        return -EBADMSG;
    }
    return 0;
}

static errint read_once(struct reading *r)
{
    struct object *o = r->handle->object;
    uint64_t first = r->off / CHUNK_BYTES, last = (r->off + r->len - 1) / CHUNK_BYTES;
    struct part parts[2];
    size_t count = 0;
    pthread_mutex_lock(&o->lock);
    int result = ensure(r, first, last);
    if (result == 0) {
        for (uint64_t c = first; c <= last; c++) {
            parts[count] = part_of(r, c);
            take_part(o, &parts[count++]);
        }
        note_read(r->handle, r->off, r->len);
        if (o->feed)
            run_ahead(r, last + 1);
    }
    struct transfer *starts = steal_ptr(&r->starts);
    pthread_mutex_unlock(&o->lock);
    object_fetch_start(starts);
    return result != 0 ? result : read_parts(o, parts, count);
}

static errint handle_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                           struct waiter *w)
{
    struct handle *h = (struct handle *)s;
    struct object *o = h->object;
    if (len > SOURCE_READ_MAX)
        return err_set(-EINVAL, "%s: a read of %zu bytes", o->key, len);
    if (off >= o->size_bytes || len == 0) {
        deliver(arg, "", 0);
        return 0;
    }
    if (len > o->size_bytes - off)
        len = (size_t)(o->size_bytes - off);
    struct reading r = {.handle = h, .off = off, .len = len, .waiter = w, .buffer = object_buffer_take(o->cache)};
    if (!r.buffer)
        return err_set(-ENOMEM, "no memory to read %s", o->key);
    errint result = -EBADMSG;
    for (int i = 0; result == -EBADMSG && i < TRIES; i++)
        result = read_once(&r);
    if (result >= 0)
        deliver(arg, r.buffer, len);
    object_buffer_give(o->cache, r.buffer);
    return result == -EBADMSG ? err_set(-EIO, "%s: the cached bytes cannot be read", o->key) : result < 0 ? result : 0;
}

static void handle_free(struct source *s)
{
    struct handle *h = (struct handle *)s;
    struct object *o = h->object;
    pthread_mutex_lock(&o->lock);
    pthread_mutex_lock(&o->cache->lock);
    bool last = --o->handles == 0;
    pthread_mutex_unlock(&o->cache->lock);
    if (last)
        object_fetch_cancel(o);
    pthread_mutex_unlock(&o->lock);
    free(h);
    object_release(o, false);
}

const struct source_ops object_handle_ops = {.stat = handle_stat, .pread = handle_pread, .free = handle_free};
