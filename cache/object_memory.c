/* What is not on disk: a few chunks in memory, for all objects together.
 *
 * A transfer to memory is planned when there is leave for some of its chunks; who gets none waits in the line. Each chunk
 * takes a slot when its first byte comes. When all are taken, one is given up, by whichever object has it:
 *
 *   first    what was read to its end, or was not looked at for STALE_NS (its reader stopped); the oldest first
 *   then     the newest: so that those who wait longest come to read theirs, however many there are
 *   never    what is being filled
 *
 * Leave is given for slots that are free or can be given up, and for half of all at most, so that there is always one.
 *
 * Lock order: an object's lock, then the cache's. Another object's lock is only tried for; its chunk stays when that is held.
 */
#include <string.h>

#include "base/clock.h"
#include "cache/object_private.h"

#define STALE_NS (2 * CLOCK_NS_PER_S)

/* ---- under the cache's lock ---- */

static unsigned room(const struct cache_objects *cache)
{
    return cache->open_count > MEMORY_FEW ? MEMORY_CHUNKS_MANY : MEMORY_CHUNKS;
}

static void clear(struct memory_chunk *m)
{
    free(m->data);
    *m = (struct memory_chunk){0};
}

static bool is_over(const struct memory_chunk *m, int64_t now_ns)
{
    return m->read || now_ns - m->used_ns > STALE_NS;
}

static bool goes_before(const struct memory_chunk *a, const struct memory_chunk *b, int64_t now_ns)
{
    bool over = is_over(a, now_ns);
    if (over != is_over(b, now_ns))
        return over;
    return over ? a->used_ns < b->used_ns : a->filled_ns > b->filled_ns;
}

/* M's owner is locked. */
static void lose(struct memory_chunk *m)
{
    struct object *o = m->owner;
    o->chunks[m->chunk].state = CHUNK_MISSING;
    atomic_fetch_sub(&o->present_bytes, chunk_len(o, m->chunk));
    m->owner = NULL;
}

static bool give_up(struct object *o, struct memory_chunk *m)
{
    struct object *owner = m->owner;
    if (owner != o && pthread_mutex_trylock(&owner->lock))
        return false;
    lose(m);
    if (owner != o)
        pthread_mutex_unlock(&owner->lock);
    return true;
}

/* The one to give up, but for those of TRIED. */
static struct memory_chunk *find_victim(struct cache_objects *cache, const bool tried[MEMORY_CHUNKS])
{
    int64_t now_ns = clock_monotonic_ns();
    struct memory_chunk *victim = NULL;
    for (size_t i = 0; i < MEMORY_CHUNKS; i++) {
        struct memory_chunk *m = &cache->memory[i];
        if (m->owner && !m->filling && !tried[i] && (!victim || goes_before(m, victim, now_ns)))
            victim = m;
    }
    return victim;
}

static struct memory_chunk *find_free(struct cache_objects *cache)
{
    struct memory_chunk *free_one = NULL;
    unsigned used = 0;
    for (size_t i = 0; i < MEMORY_CHUNKS; i++) {
        struct memory_chunk *m = &cache->memory[i];
        used += m->owner != NULL;
        if (!m->owner)
            free_one = m;
    }
    return used < room(cache) ? free_one : NULL;
}

/* More objects were opened since. */
static void shrink(struct object *o)
{
    struct cache_objects *cache = o->cache;
    bool tried[MEMORY_CHUNKS] = {false};
    unsigned used = 0;
    for (size_t i = 0; i < MEMORY_CHUNKS; i++)
        used += cache->memory[i].owner != NULL;
    for (struct memory_chunk *m; used > room(cache) && (m = find_victim(cache, tried));) {
        tried[m - cache->memory] = true;
        if (!give_up(o, m))
            continue;
        clear(m);
        used--;
    }
}

static struct memory_chunk *find_slot(struct object *o)
{
    struct cache_objects *cache = o->cache;
    bool tried[MEMORY_CHUNKS] = {false};
    shrink(o);
    struct memory_chunk *m = find_free(cache);
    while (!m && (m = find_victim(cache, tried))) {
        tried[m - cache->memory] = true;
        if (!give_up(o, m))
            m = NULL;
    }
    return m;
}

static struct memory_chunk *find(struct object *o, uint64_t chunk)
{
    for (size_t i = 0; i < MEMORY_CHUNKS; i++)
        if (o->cache->memory[i].owner == o && o->cache->memory[i].chunk == chunk)
            return &o->cache->memory[i];
    return NULL;
}

/* Slots that are free, or whose chunk is over. */
static unsigned count_ready(const struct cache_objects *cache)
{
    int64_t now_ns = clock_monotonic_ns();
    unsigned busy = 0;
    for (size_t i = 0; i < MEMORY_CHUNKS; i++)
        busy += cache->memory[i].owner && !cache->memory[i].filling && !is_over(&cache->memory[i], now_ns);
    return busy < room(cache) ? room(cache) - busy : 0;
}

/* For how many chunks leave can be given: one at least when none is under way, since nothing else might wake the line. */
static unsigned count_leave(const struct cache_objects *cache)
{
    unsigned ready = count_ready(cache), half = room(cache) / 2;
    unsigned leave = ready < half ? ready : half;
    leave = leave ? leave : 1;
    return leave > cache->memory_planned ? leave - cache->memory_planned : 0;
}

/* ---- under the object's ---- */

struct memory_chunk *object_memory_take(struct object *o, uint64_t chunk)
{
    struct cache_objects *cache = o->cache;
    pthread_mutex_lock(&cache->lock);
    struct memory_chunk *m = find_slot(o);
    if (m && !m->data)
        m->data = malloc(CHUNK_BYTES);
    if (m && m->data)
        *m = (struct memory_chunk){
            .owner = o, .data = m->data, .chunk = chunk, .used_ns = clock_monotonic_ns(), .filling = true};
    else
        m = NULL;
    pthread_mutex_unlock(&cache->lock);
    return m;
}

void object_memory_filled(struct object *o, struct memory_chunk *m)
{
    pthread_mutex_lock(&o->cache->lock);
    m->filling = false;
    m->filled_ns = m->used_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&o->cache->lock);
}

void object_memory_give(struct object *o, struct memory_chunk *m)
{
    pthread_mutex_lock(&o->cache->lock);
    clear(m);
    pthread_mutex_unlock(&o->cache->lock);
}

void object_memory_read(struct object *o, uint64_t chunk, uint64_t off, void *to, size_t len)
{
    pthread_mutex_lock(&o->cache->lock);
    struct memory_chunk *m = find(o, chunk);
    m->read |= off + len == chunk_len(o, chunk);
    if (m->read)
        waitlist_wake(&o->cache->memory_line);
    m->used_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&o->cache->lock);
    memcpy(to, (const char *)m->data + off, len);
}

void object_memory_forget(struct object *o)
{
    pthread_mutex_lock(&o->cache->lock);
    for (size_t i = 0; i < MEMORY_CHUNKS; i++) {
        struct memory_chunk *m = &o->cache->memory[i];
        if (m->owner != o || m->filling)
            continue;
        lose(m);
        clear(m);
    }
    pthread_mutex_unlock(&o->cache->lock);
}

void object_memory_done(struct object *o)
{
    if (!o->cache)
        return;
    pthread_mutex_lock(&o->cache->lock);
    for (size_t i = 0; i < MEMORY_CHUNKS; i++)
        if (o->cache->memory[i].owner == o)
            clear(&o->cache->memory[i]);
    pthread_mutex_unlock(&o->cache->lock);
}

unsigned object_memory_plan(struct object *o, uint64_t count, struct waiter *w)
{
    struct cache_objects *cache = o->cache;
    pthread_mutex_lock(&cache->lock);
    unsigned left = count_leave(cache);
    unsigned most = left < 2 ? left : left / 2;
    most = most < MEMORY_RANGE_CHUNKS ? most : MEMORY_RANGE_CHUNKS;
    unsigned n = count < most ? (unsigned)count : most;
    cache->memory_planned += n;
    if (n == 0)
        waitlist_add(&cache->memory_line, w);
    pthread_mutex_unlock(&cache->lock);
    return n;
}

void object_memory_planned(struct object *o, unsigned count)
{
    if (!count)
        return;
    pthread_mutex_lock(&o->cache->lock);
    o->cache->memory_planned -= count;
    waitlist_wake(&o->cache->memory_line);
    pthread_mutex_unlock(&o->cache->lock);
}

bool object_memory_is_short(struct object *o)
{
    return waitlist_count(&o->cache->memory_line) > 0;
}
