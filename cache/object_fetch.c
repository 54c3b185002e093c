/* Transfers: a run of whole chunks (or the tail alone) from the feed to disk or memory.
 *
 * A transfer owns its chunks while they are FETCHING, so its bytes are written and summed without a lock; each whole chunk
 * is published under the object's lock and wakes whoever waits for it. A transfer is planned under that lock and started
 * without it; `starting` keeps it alive until start() returned, `ended` says that done() was called.
 *
 * When it fails, what it did not bring is MISSING again and every waiter that asked for one of these chunks is owed the
 * failure: its next call takes it, and the one after that begins a new transfer, as the call of anybody else does at once.
 *
 * A write that fails sends the chunk to memory, with what was written of it read back.
 */
#include <string.h>

#include "base/clock.h"
#include "cache/object_private.h"

#ifdef CTFS_WITH_ISAL
#include <isa-l/crc.h>
#endif
#include <zlib.h>

uint32_t object_crc(uint32_t crc, const void *data, size_t len)
{
#ifdef CTFS_WITH_ISAL
    return crc32_gzip_refl(crc, data, len);
#else
    return (uint32_t)crc32_z(crc, data, len);
#endif
}

/* Under the object's lock: what is there of O is not all on disk. */
static void mark_bypassed(struct object *o)
{
    if (!atomic_exchange(&o->bypassed, true))
        atomic_fetch_add(&o->cache->bypassed, 1);
}

/* The rest of this chunk goes to memory; what is on disk of it already comes along. */
static void to_memory(struct transfer *t)
{
    struct object *o = t->object;
    uint64_t chunk = t->pos / CHUNK_BYTES, begin = chunk * CHUNK_BYTES;
    pthread_mutex_lock(&o->lock);
    mark_bypassed(o);
    t->slot = object_memory_take(o, chunk);
    pthread_mutex_unlock(&o->lock);
    size_t have = (size_t)(t->pos - begin);
    t->lost = !t->slot || (have && pread(o->fd, t->slot->data, have, (off_t)begin) != (ssize_t)have);
}

static bool write_disk(struct transfer *t, const char *data, size_t len)
{
    uint64_t off = t->pos;
    while (len) {
        ssize_t n = pwrite(t->object->fd, data, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            object_keep_disk_failed(t->object, n < 0 ? errno : ENOSPC);
            return false;
        }
        data += n;
        off += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

static void take_bytes(struct transfer *t, const char *data, size_t len)
{
    struct object *o = t->object;
    atomic_fetch_add(&o->spell_bytes, len);
    if (t->tail) {
        memcpy(o->tail + (t->pos - t->off), data, len);
        return;
    }
    bool first = t->pos % CHUNK_BYTES == 0;
    if (first && !t->disk)
        to_memory(t);
    if (t->disk && !t->slot && !t->lost && !write_disk(t, data, len)) {
        to_memory(t);
        t->disk = false;
    }
    if (t->slot && !t->lost)
        memcpy((char *)t->slot->data + t->pos % CHUNK_BYTES, data, len);
    t->crc = object_crc(t->crc, data, len);
}

static void free_slot(struct transfer *t)
{
    if (!t->slot)
        return;
    object_memory_give(t->object, t->slot);
    t->slot = NULL;
}

static void wake_chunk(struct object *o, uint64_t chunk)
{
    waitlist_wake(&o->lists[chunk % LISTS]);
}

static void publish_disk(struct transfer *t, uint64_t chunk)
{
    struct object *o = t->object;
    uint64_t len = chunk_len(o, chunk), reserved = t->reserved_bytes < len ? t->reserved_bytes : len;
    t->reserved_bytes -= reserved;
    o->chunks[chunk].state = CHUNK_DISK;
    object_keep_count(o, (int64_t)len, true);
    o->dirty = true;
    o->unsaved_bytes += len;
}

static bool save_due(const struct object *o)
{
    return o->dirty && (o->unsaved_bytes >= 64 * CHUNK_BYTES || atomic_load(&o->present_bytes) == o->size_bytes ||
                        clock_monotonic_ns() - o->saved_ns > 3 * CLOCK_NS_PER_S);
}

static void chunk_done(struct transfer *t, uint64_t chunk)
{
    struct object *o = t->object;
    pthread_mutex_lock(&o->lock);
    struct chunk *c = &o->chunks[chunk];
    if (t->lost) {
        c->state = CHUNK_MISSING;
        free_slot(t);
    } else {
        *c = (struct chunk){.state = CHUNK_MEMORY, .checked = true, .fresh = true, .crc = t->crc};
        if (t->slot)
            object_memory_filled(o, t->slot);
        else
            publish_disk(t, chunk);
        atomic_fetch_add(&o->present_bytes, chunk_len(o, chunk));
    }
    t->slot = NULL;
    t->lost = false;
    t->crc = 0;
    wake_chunk(o, chunk);
    if (save_due(o))
        object_keep_save(o);
    pthread_mutex_unlock(&o->lock);
}

static void sink_data(struct feed_sink *sink, const void *data, size_t len)
{
    struct transfer *t = (struct transfer *)sink;
    const char *p = data;
    if (len > t->end - t->pos)
        len = (size_t)(t->end - t->pos);
    atomic_fetch_add(&t->object->cache->miss_bytes, len);
    while (len) {
        uint64_t chunk = t->pos / CHUNK_BYTES;
        uint64_t end = t->tail ? t->end : chunk * CHUNK_BYTES + chunk_len(t->object, chunk);
        size_t n = len < end - t->pos ? len : (size_t)(end - t->pos);
        take_bytes(t, p, n);
        t->pos += n;
        p += n;
        len -= n;
        if (t->pos == end && !t->tail)
            chunk_done(t, chunk);
    }
}

/* Whoever waits for one of [FIRST, LAST] is given the failure at its next call. */
static void owe(struct object *o, uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < WAITS; i++) {
        struct wait *w = &o->waits[i];
        if (w->w && w->first <= last && w->last >= first) {
            w->owed = true;
            w->at_ns = clock_monotonic_ns();
        }
    }
}

static void give_up_chunks(struct transfer *t)
{
    struct object *o = t->object;
    for (uint64_t c = t->pos / CHUNK_BYTES; c * CHUNK_BYTES < t->end; c++)
        if (o->chunks[c].state == CHUNK_FETCHING)
            o->chunks[c].state = CHUNK_MISSING;
    free_slot(t);
}

static void settle(struct transfer *t, errint result)
{
    struct object *o = t->object;
    if (result == 0 && t->pos != t->end)
        result = err_set(-EIO, "%s: a transfer brought too few bytes", o->key);
    if (result < 0 && result != -ECANCELED) {
        err_keep(&o->failure, result);
        owe(o, (t->tail ? t->off : t->pos) / CHUNK_BYTES, (t->end - 1) / CHUNK_BYTES);
        o->ahead_after_ns = clock_monotonic_ns() + CLOCK_NS_PER_S;
    }
    if (t->tail) {
        o->tail_state = result == 0 ? CHUNK_MEMORY : CHUNK_MISSING;
        o->dirty = o->dirty || result == 0;
        if (result == 0)
            object_keep_count(o, (int64_t)tail_len(o), false);
    } else {
        give_up_chunks(t);
    }
    object_keep_unreserve(o, t->reserved_bytes);
    t->reserved_bytes = 0;
    object_memory_planned(o, t->planned);
    for (size_t i = 0; i < LISTS; i++)
        waitlist_wake(&o->lists[i]);
}

static void unlink_transfer(struct transfer *t)
{
    struct transfer **p = &t->object->transfers;
    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    atomic_fetch_sub(&t->object->transfer_count, 1);
}

static void end(struct transfer *t, errint result)
{
    struct object *o = t->object;
    pthread_mutex_lock(&o->lock);
    settle(t, result);
    unlink_transfer(t);
    t->ended = true;
    bool starting = t->starting;
    pthread_mutex_unlock(&o->lock);
    if (starting)
        return; /* who starts it lets go of it */
    free(t);
    object_release(o, true);
}

static void sink_done(struct feed_sink *sink, errint result)
{
    end((struct transfer *)sink, result);
}

static struct transfer *plan(struct object *o, uint64_t off, uint64_t len, struct transfer **starts)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    *t = (struct transfer){.sink = {sink_data, sink_done}, .object = o, .starting = true, .off = off, .pos = off};
    t->end = off + len;
    t->next = o->transfers;
    o->transfers = t;
    while (*starts)
        starts = &(*starts)->start;
    *starts = t;
    if (atomic_fetch_add(&o->transfer_count, 1) == 0) {
        atomic_store(&o->spell_ns, clock_monotonic_ns());
        atomic_store(&o->spell_bytes, 0);
    }
    pthread_mutex_lock(&o->cache->lock);
    o->refs++;
    pthread_mutex_unlock(&o->cache->lock);
    return t;
}

static uint64_t span(const struct object *o, uint64_t first, uint64_t count)
{
    uint64_t last = first + count - 1;
    return last * CHUNK_BYTES + chunk_len(o, last) - first * CHUNK_BYTES;
}

/* COUNT missing chunks. False when there is no memory, or, in memory mode, none for the time being: W is in the line for it. */
bool object_fetch_plan(struct object *o, uint64_t first, uint64_t count, struct transfer **starts, struct waiter *w)
{
    uint64_t bytes = span(o, first, count);
    bool disk = object_keep_reserve(o, bytes);
    o->in_memory = !disk;
    if (!disk) {
        count = object_memory_plan(o, count, w);
        o->refused = count == 0;
        if (o->refused)
            return false;
        bytes = span(o, first, count);
        mark_bypassed(o);
    }
    struct transfer *t = plan(o, first * CHUNK_BYTES, bytes, starts);
    if (!t) {
        if (disk)
            object_keep_unreserve(o, bytes);
        else
            object_memory_planned(o, (unsigned)count);
        return false;
    }
    t->disk = disk;
    t->reserved_bytes = disk ? bytes : 0;
    t->planned = disk ? 0 : (unsigned)count;
    for (uint64_t c = first; c < first + count; c++)
        o->chunks[c].state = CHUNK_FETCHING;
    return true;
}

void object_fetch_plan_tail(struct object *o, struct transfer **starts)
{
    struct transfer *t = plan(o, o->size_bytes - tail_len(o), tail_len(o), starts);
    if (!t)
        return;
    t->tail = true;
    o->tail_state = CHUNK_FETCHING;
}

static void start_one(struct transfer *t)
{
    struct object *o = t->object;
    struct feed_transfer *transfer = NULL;
    errint r = o->feed ? feed_start(o->feed, t->off, t->end - t->off, &t->sink, &transfer) : err_again(&o->no_feed);
    if (r < 0)
        end(t, r);
    pthread_mutex_lock(&o->lock);
    bool ended = t->ended;
    t->starting = false;
    t->transfer = transfer;
    if (!ended && t->cancel)
        feed_cancel(o->feed, transfer);
    pthread_mutex_unlock(&o->lock);
    if (!ended)
        return;
    free(t);
    object_release(o, false);
}

void object_fetch_start(struct transfer *starts)
{
    while (starts) {
        struct transfer *next = starts->start;
        start_one(starts);
        starts = next;
    }
}

void object_fetch_cancel(struct object *o)
{
    for (struct transfer *t = o->transfers; t; t = t->next) {
        if (!t->cancel && !t->starting)
            feed_cancel(o->feed, t->transfer);
        t->cancel = true;
    }
}
