/* One lock, a list of shares, a line of those that wait for a first window, a thread that watches.
 *
 * Rings are anonymous maps: given back, their pages leave the process at once. While somebody waits, fit() tells every
 * pass above its share to shrink, and the watch, every CACHE_GUNZIP_WATCH_NS, wakes the idle ones above their share and
 * asks those that were idle for CACHE_GUNZIP_IDLE_NS to give up. While nobody waits, fit() lets a pass below its share
 * grow by a factor of two as long as there is room.
 *
 * A pass that shrinks holds both windows while it copies; only the larger is counted.
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
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->alarm, &monotonic);
    pthread_condattr_destroy(&monotonic);
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

/* The largest window that every holder could have, and no more than S has a use for. */
static size_t fair_bytes(const struct cache_gunzip_budget *b, const struct cache_gunzip_share *s)
{
    size_t bytes = CACHE_GUNZIP_WINDOW_MAX_BYTES;
    while (bytes > CACHE_GUNZIP_WINDOW_MIN_BYTES && bytes / 2 >= s->use_bytes)
        bytes /= 2;
    while (bytes > CACHE_GUNZIP_WINDOW_MIN_BYTES && bytes * b->holders_count > b->total)
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
        if (now_ns - since_ns >= CACHE_GUNZIP_IDLE_NS)
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
        struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_S, .tv_nsec = until_ns % CLOCK_NS_PER_S};
        while (!b->stopping && clock_monotonic_ns() < until_ns)
            (void)pthread_cond_timedwait(&b->alarm, &b->lock, &until);
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
    return ring == MAP_FAILED ? NULL : ring;
}

/* Takes a new ring (NULL: none) in the place of the old one. */
static void set_ring(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, uint8_t *ring, size_t bytes)
{
    if (s->ring)
        munmap(s->ring, s->ring_bytes);
    b->used = b->used - s->ring_bytes + bytes;
    if (b->used > b->used_max)
        b->used_max = b->used;
    if (bytes < s->ring_bytes)
        waitlist_wake(&b->line);
    s->ring = ring;
    s->ring_bytes = bytes;
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
    if (--b->shares_count == 0)
        pthread_cond_broadcast(&b->left);
    pthread_mutex_unlock(&b->lock);
}

errint cache_gunzip_budget_take(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, struct waiter *w)
{
    errint e = 0;
    pthread_mutex_lock(&b->lock);
    count_flag(&s->holds, true, &b->holders_count);
    size_t bytes = fair_bytes(b, s);
    while (bytes > CACHE_GUNZIP_WINDOW_MIN_BYTES && b->used + bytes > b->total)
        bytes /= 2;
    if (b->used + bytes <= b->total) {
        uint8_t *ring = map_ring(bytes);
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
    else if (!b->waiting_count && bytes * 2 <= fair && b->used + bytes * 2 <= b->total)
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

bool cache_gunzip_budget_resize(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, size_t bytes,
                                uint64_t from, uint64_t to)
{
    uint8_t *ring = map_ring(bytes);
    if (!ring)
        return false;
    copy_ring(ring, bytes, s->ring, s->ring_bytes, from, to);
    pthread_mutex_lock(&b->lock);
    bool fits = b->used - s->ring_bytes + bytes <= b->total;
    if (fits)
        set_ring(b, s, ring, bytes);
    pthread_mutex_unlock(&b->lock);
    if (!fits)
        munmap(ring, bytes);
    return fits;
}
