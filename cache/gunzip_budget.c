/* One lock, a list of shares, a line of those that wait for a first window, a thread that watches.
 *
 * Rings are anonymous maps: given back, their pages leave the process at once, but for one ring that is spared for the next
 * pass as long as there are any, because touching new pages costs more than decompressing into them. The spare counts as
 * used, and goes as soon as its room is wanted. While somebody waits, fit() tells every
 * pass above its share to shrink, and the watch, every CACHE_GUNZIP_WATCH_NS, wakes the idle ones above their share and
 * asks those that were idle for CACHE_GUNZIP_IDLE_NS to give up. While nobody waits, fit() lets a pass below its share
 * grow by factors of two as far as there is room.
 *
 * A pass whose window changes holds both while it copies; room is asked for the larger alone.
 */
#include "cache/gunzip_budget.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"

struct cache_gunzip_budget {
    pthread_mutex_t lock;
    size_t total, used, used_max;
    unsigned shares_count, holders_count, waiting_count, watched_count;
    struct cache_gunzip_share *first;
    uint8_t *spare;
    size_t spare_bytes;
    struct waitlist line;
    pthread_cond_t left;  /* shares_count became 0 */
    pthread_cond_t alarm; /* there is something to watch, or stopping */
    pthread_t watch;
    bool watching, stopping;
};

errint cache_gunzip_budget_new(size_t total_bytes, struct cache_gunzip_budget **ret)
{
    struct cache_gunzip_budget *b = calloc(1, sizeof *b);
    if (!b)
        return err_set(-ENOMEM, "no memory for the budget of windows");
    b->total = total_bytes ? total_bytes : CACHE_GUNZIP_BUDGET_BYTES;
    assert(b->total >= CACHE_GUNZIP_WINDOW_MIN_BYTES);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->left, NULL);
    clock_cond_init(&b->alarm);
    waitlist_init(&b->line);
    *ret = b;
    return 0;
}

void cache_gunzip_budget_free(struct cache_gunzip_budget *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    while (b->shares_count)
        pthread_cond_wait(&b->left, &b->lock);
    b->stopping = true;
    pthread_cond_signal(&b->alarm);
    pthread_mutex_unlock(&b->lock);
    if (b->watching)
        pthread_join(b->watch, NULL);
    waitlist_done(&b->line);
    pthread_cond_destroy(&b->alarm);
    pthread_cond_destroy(&b->left);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void cache_gunzip_budget_status(struct cache_gunzip_budget *b, struct cache_gunzip_budget_status *ret)
{
    pthread_mutex_lock(&b->lock);
    *ret = (struct cache_gunzip_budget_status){.total_bytes = b->total,
                                               .used_bytes = b->used,
                                               .used_max_bytes = b->used_max,
                                               .passes_count = b->shares_count,
                                               .waiting_count = b->waiting_count};
    pthread_mutex_unlock(&b->lock);
}

void cache_gunzip_budget_join(struct cache_gunzip_budget *b, struct cache_gunzip_share *s)
{
    pthread_mutex_lock(&b->lock);
    s->prev = NULL;
    s->next = b->first;
    if (b->first)
        b->first->prev = s;
    b->first = s;
    b->shares_count++;
    pthread_mutex_unlock(&b->lock);
}

/* Of BYTES, what S has a use for. */
static size_t useful(const struct cache_gunzip_share *s, size_t bytes)
{
    while (bytes > CACHE_GUNZIP_WINDOW_TINY_BYTES && bytes / 2 >= s->use_bytes)
        bytes /= 2;
    return bytes;
}

/* Could every holder have a window of BYTES, or as much of it as it has a use for? */
static bool fits_all(const struct cache_gunzip_budget *b, size_t bytes)
{
    size_t sum = 0;
    for (const struct cache_gunzip_share *s = b->first; s && sum <= b->total; s = s->next)
        if (s->holds)
            sum += s->rests ? s->ring_bytes : useful(s, bytes);
    return sum <= b->total;
}

/* The largest window that every holder could have, and no more than S has a use for. */
static size_t fair_bytes(const struct cache_gunzip_budget *b, const struct cache_gunzip_share *s)
{
    size_t bytes = useful(s, CACHE_GUNZIP_WINDOW_MAX_BYTES);
    if (s->rests)
        return s->ring_bytes;
    while (bytes > CACHE_GUNZIP_WINDOW_MIN_BYTES && !fits_all(b, bytes))
        bytes /= 2;
    return bytes;
}

static void count_flag(bool *flag, bool value, unsigned *count)
{
    if (*flag != value)
        *count += value ? 1u : -1u;
    *flag = value;
}

/* Under pressure: wakes the idle that could shrink, asks the long idle to give up. */
static void press(struct cache_gunzip_budget *b)
{
    int64_t now_ns = clock_monotonic_ns();
    for (struct cache_gunzip_share *s = b->first; s; s = s->next) {
        int64_t since_ns = s->idle_since_ns;
        if (!s->ring || since_ns == 0)
            continue;
        if (now_ns - since_ns >= (s->done ? CACHE_GUNZIP_DONE_NS : CACHE_GUNZIP_IDLE_NS))
            s->give_up = true;
        if (s->give_up || s->ring_bytes > fair_bytes(b, s))
            task_wake(s->task);
    }
}

static void wake_watched(struct cache_gunzip_budget *b)
{
    for (struct cache_gunzip_share *s = b->first; s; s = s->next) {
        if (!s->watched)
            continue;
        count_flag(&s->watched, false, &b->watched_count);
        task_wake(s->task);
    }
}

static void *watch_thread(void *arg)
{
    struct cache_gunzip_budget *b = arg;
    (void)pthread_setname_np(pthread_self(), "gunzip-watch");
    pthread_mutex_lock(&b->lock);
    while (!b->stopping) {
        if (!b->waiting_count && !b->watched_count) {
            pthread_cond_wait(&b->alarm, &b->lock);
            continue;
        }
        int64_t until_ns = clock_monotonic_ns() + CACHE_GUNZIP_WATCH_NS;
        while (!b->stopping && clock_cond_wait(&b->alarm, &b->lock, until_ns))
            ;
        wake_watched(b);
        if (b->waiting_count)
            press(b);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Under the lock. Without the thread (none could be made) the waiting depend on others that end. */
static void start_watch(struct cache_gunzip_budget *b)
{
    if (b->watching) {
        pthread_cond_signal(&b->alarm);
        return;
    }
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    b->watching = pthread_create(&b->watch, NULL, watch_thread, b) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void cache_gunzip_budget_watch(struct cache_gunzip_budget *b, struct cache_gunzip_share *s)
{
    pthread_mutex_lock(&b->lock);
    count_flag(&s->watched, true, &b->watched_count);
    start_watch(b);
    pthread_mutex_unlock(&b->lock);
}

static uint8_t *map_ring(size_t bytes)
{
    void *ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED)
        return NULL;
    (void)madvise(ring, bytes, MADV_HUGEPAGE); /* fewer faults; where there are none, small pages do */
    return ring;
}

static void drop_spare(struct cache_gunzip_budget *b)
{
    if (b->spare)
        munmap(b->spare, b->spare_bytes);
    b->used -= b->spare_bytes;
    b->spare = NULL;
    b->spare_bytes = 0;
}

/* Room for BYTES more, at the spare's cost if need be. */
static bool make_room(struct cache_gunzip_budget *b, size_t bytes)
{
    if (b->used + bytes > b->total)
        drop_spare(b);
    return b->used + bytes <= b->total;
}

/* The old ring of a share becomes the spare one, or goes. */
static void put_ring(struct cache_gunzip_budget *b, uint8_t *ring, size_t bytes)
{
    if (!b->spare && !b->waiting_count && b->shares_count > 1 && bytes > CACHE_GUNZIP_WINDOW_MIN_BYTES) {
        b->spare = ring;
        b->spare_bytes = bytes;
        return;
    }
    munmap(ring, bytes);
    b->used -= bytes;
}

/* Takes a new ring, which counts as used already (NULL: none), in the place of the old one. */
static void set_ring(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, uint8_t *ring, size_t bytes)
{
    bool less = bytes < s->ring_bytes;
    if (s->ring)
        put_ring(b, s->ring, s->ring_bytes);
    if (b->used > b->total)
        drop_spare(b);
    if (b->used > b->used_max)
        b->used_max = b->used;
    s->ring = ring;
    s->ring_bytes = bytes;
    if (less)
        waitlist_wake(&b->line);
}

/* A ring that counts as used: the spare one, or a new one. There is room for it. NULL: no memory. */
static uint8_t *get_ring(struct cache_gunzip_budget *b, size_t bytes)
{
    uint8_t *ring = b->spare_bytes == bytes ? b->spare : NULL;
    if (ring) {
        b->spare = NULL;
        b->spare_bytes = 0;
        return ring;
    }
    ring = map_ring(bytes);
    if (ring)
        b->used += bytes;
    return ring;
}

void cache_gunzip_budget_leave(struct cache_gunzip_budget *b, struct cache_gunzip_share *s)
{
    pthread_mutex_lock(&b->lock);
    if (s->prev)
        s->prev->next = s->next;
    else
        b->first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    count_flag(&s->waiting, false, &b->waiting_count);
    count_flag(&s->watched, false, &b->watched_count);
    count_flag(&s->holds, false, &b->holders_count);
    set_ring(b, s, NULL, 0);
    if (--b->shares_count == 0) {
        drop_spare(b);
        pthread_cond_broadcast(&b->left);
    }
    pthread_mutex_unlock(&b->lock);
}

void cache_gunzip_budget_release(struct cache_gunzip_budget *b, struct cache_gunzip_share *s)
{
    pthread_mutex_lock(&b->lock);
    count_flag(&s->holds, false, &b->holders_count);
    s->rests = false;
    set_ring(b, s, NULL, 0);
    pthread_mutex_unlock(&b->lock);
}

errint cache_gunzip_budget_take(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, struct waiter *w)
{
    errint e = 0;
    pthread_mutex_lock(&b->lock);
    count_flag(&s->holds, true, &b->holders_count);
    size_t bytes = fair_bytes(b, s), spare = b->spare_bytes;
    while (bytes > CACHE_GUNZIP_WINDOW_MIN_BYTES && b->used - spare + bytes > b->total)
        bytes /= 2;
    if (spare == bytes || make_room(b, bytes)) {
        uint8_t *ring = get_ring(b, bytes);
        if (ring)
            set_ring(b, s, ring, bytes);
        else
            e = err_set(-ENOMEM, "no memory for a window of %zu bytes", bytes);
    } else {
        e = -EAGAIN;
        waitlist_add(&b->line, w);
    }
    count_flag(&s->waiting, e == -EAGAIN, &b->waiting_count);
    if (e == -EAGAIN)
        start_watch(b);
    pthread_mutex_unlock(&b->lock);
    return e;
}

size_t cache_gunzip_budget_fit(struct cache_gunzip_budget *b, const struct cache_gunzip_share *s)
{
    pthread_mutex_lock(&b->lock);
    size_t bytes = s->ring_bytes, fair = fair_bytes(b, s);
    if (b->waiting_count && bytes > fair)
        bytes = fair;
    else if (!b->waiting_count)
        while (bytes * 2 <= fair && b->used - b->spare_bytes - s->ring_bytes + bytes * 2 <= b->total)
            bytes *= 2;
    pthread_mutex_unlock(&b->lock);
    return bytes;
}

static void copy_ring(uint8_t *to, size_t to_bytes, const uint8_t *from, size_t from_bytes, uint64_t at, uint64_t end)
{
    while (at < end) {
        size_t to_left = to_bytes - at % to_bytes, from_left = from_bytes - at % from_bytes;
        size_t len = to_left < from_left ? to_left : from_left;
        if (len > end - at)
            len = (size_t)(end - at);
        memcpy(to + at % to_bytes, from + at % from_bytes, len);
        at += len;
    }
}

/* While the bytes are copied both rings are counted, so that what is used may pass the total by the smaller one: a window
 * in a full budget could not shrink otherwise. */
static bool replace(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, size_t bytes, uint64_t from,
                    uint64_t to)
{
    pthread_mutex_lock(&b->lock);
    bool fits = bytes < s->ring_bytes || make_room(b, bytes - s->ring_bytes);
    uint8_t *ring = fits ? get_ring(b, bytes) : NULL;
    pthread_mutex_unlock(&b->lock);
    if (!ring)
        return false;
    copy_ring(ring, bytes, s->ring, s->ring_bytes, from, to);
    pthread_mutex_lock(&b->lock);
    set_ring(b, s, ring, bytes);
    pthread_mutex_unlock(&b->lock);
    return true;
}

bool cache_gunzip_budget_resize(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, size_t bytes,
                                uint64_t from, uint64_t to)
{
    return replace(b, s, bytes, from, to);
}

bool cache_gunzip_budget_rest(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, uint64_t from, uint64_t to)
{
    assert(to - from <= CACHE_GUNZIP_REST_BYTES);
    if (!replace(b, s, CACHE_GUNZIP_REST_BYTES, from, to))
        return false;
    pthread_mutex_lock(&b->lock);
    s->rests = true;
    waitlist_wake(&b->line);
    pthread_mutex_unlock(&b->lock);
    return true;
}
