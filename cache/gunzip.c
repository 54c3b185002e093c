/* The readers' side of a gunzip view.
 *
 * pread: the view's failure is the answer to everything. Else a pass that holds the bytes (and has proven them, where they
 * touch the last block) delivers: pinned, without the lock. Else the read parks on a pass that can reach it:
 *
 *   the pass whose stripe holds it; else the one furthest on among those whose window does not begin behind the read:
 *                                       it goes there, skipping if it must
 *   a new pass                          nobody can; or a place is nearer to the read than the best; or the best is in the
 *                                       middle of reading in order, and this is far off
 *   a free pass, least recently used    there are CACHE_GUNZIP_PASSES_MAX already: it begins anew, from the last place
 *                                       before the read, as a new one does
 *   the view's line                     none is free
 *
 * Stripes: when a reader in order comes to a stripe of CACHE_GUNZIP_STRIPE_BYTES, other passes are sent to the places where
 * the next ones begin, one for each further core, and each pass stops where the next one began. So the stripes are made at
 * once, and the passes leapfrog. Only where windows are large enough for it, that is, among few readers, and where places
 * are at the stripes' borders (zlib's are not: they are between blocks).
 *
 * A woken read calls again from the top and finds its want by offset and length: ready (claimed and freed), failed (the
 * answer; for FAILED_NS, since a read that was interrupted never comes), or still parked (kept).
 */
#include "cache/gunzip.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cache/gunzip_pass.h"

#define FAILED_NS CLOCK_NS_PER_S
#define NEARER_BYTES (1u << 20)
#define STRIPES_MAX (CACHE_GUNZIP_PASSES_MAX - 1)
#define FAR_BYTES (8u << 20)

struct read {
    uint64_t off;
    size_t len;
    bool last;
};

static bool holds(const struct cache_gunzip_pass *p, const struct read *r)
{
    return p->start <= r->off && r->off + r->len <= p->end && (!r->last || p->ended);
}

/* Finds the want of a read that called before; takes it out when it is answered. NULL when there is none to go on with. */
static struct cache_gunzip_want *claim(struct cache_gunzip *v, const struct read *r, errint *ret_failed)
{
    struct cache_gunzip_want *next, *parked = NULL;
    int64_t now_ns = clock_monotonic_ns();
    for (struct cache_gunzip_want *w = v->wants; w; w = next) {
        next = w->next;
        bool stale = w->failed.code && now_ns - w->ready_ns > FAILED_NS;
        bool mine = !stale && !parked && !*ret_failed && w->off == r->off && w->len == r->len;
        if (mine && !w->ready)
            parked = w;
        if (mine && w->failed.code)
            *ret_failed = err_again(&w->failed);
        if (stale || (mine && w->ready))
            cache_gunzip_want_drop(v, w);
    }
    return parked;
}

/* Further ahead than read-ahead goes, however small the window is at the moment. */
static bool is_far(const struct cache_gunzip_pass *p, const struct read *r)
{
    uint64_t reach = p->end > p->front ? p->end : p->front;
    return r->off > reach + FAR_BYTES;
}

static bool reads_in_order(const struct cache_gunzip_pass *p)
{
    return p->in_order >= CACHE_GUNZIP_IN_ORDER_MIN && clock_monotonic_ns() - p->used_ns < CLOCK_NS_PER_S;
}

static struct cache_gunzip_pass *find_best(struct cache_gunzip *v, const struct read *r)
{
    struct cache_gunzip_pass *best = NULL;
    for (unsigned i = 0; i < v->passes_count; i++) {
        struct cache_gunzip_pass *p = v->passes[i];
        if (holds(p, r) || (p->start <= r->off && r->off < p->limit))
            return p;
        if (p->start <= r->off && (!best || p->end > best->end))
            best = p;
    }
    return best;
}

static struct cache_gunzip_pass *find_free(struct cache_gunzip *v)
{
    struct cache_gunzip_pass *oldest = NULL;
    for (unsigned i = 0; i < v->passes_count; i++) {
        struct cache_gunzip_pass *p = v->passes[i];
        if (!p->maker && cache_gunzip_pass_is_free(p) && (!oldest || p->used_ns < oldest->used_ns))
            oldest = p;
    }
    return oldest;
}

/* A new pass or a free one, on its way from PLACE; *RET is NULL when there is none. */
static errint send_pass(struct cache_gunzip *v, const struct cache_point *place, struct cache_gunzip_pass **ret)
{
    errint e = 0;
    if (v->passes_count < CACHE_GUNZIP_PASSES_MAX)
        e = cache_gunzip_pass_new(v, false, ret);
    else
        *ret = find_free(v);
    bool seek = e == 0 && *ret && (place->out_bytes || (*ret)->stream.in_bytes || (*ret)->end);
    if (seek)
        cache_gunzip_pass_seek(*ret, place);
    return e;
}

/* *RET is NULL when the read has to stand in line. */
static errint choose(struct cache_gunzip *v, const struct read *r, struct cache_gunzip_pass **ret)
{
    struct cache_point place = {0};
    struct cache_gunzip_pass *best = find_best(v, r);
    if (best && holds(best, r)) {
        *ret = best;
        return 0;
    }
    if (v->interval)
        (void)cache_points_find(v->setup.points, r->off, &place);
    bool nearer = best && place.out_bytes > best->end + NEARER_BYTES;
    bool apart = best && is_far(best, r) && reads_in_order(best);
    *ret = best;
    if (best && !nearer && !apart)
        return 0;
    errint e = send_pass(v, &place, ret);
    if (e == 0 && !*ret)
        *ret = best;
    return e;
}

static struct cache_gunzip_pass *find_at(struct cache_gunzip *v, uint64_t start)
{
    for (unsigned i = 0; i < v->passes_count; i++)
        if (v->passes[i]->start == start && v->passes[i]->limit)
            return v->passes[i];
    return NULL;
}

/* A pass makes the stripe at START, for the reader that P serves; false: none can be had. */
static bool send_to_stripe(struct cache_gunzip *v, const struct cache_gunzip_pass *p, uint64_t start)
{
    struct cache_gunzip_pass *q = NULL;
    struct cache_point place;
    if (find_at(v, start))
        return true;
    if (!cache_points_find(v->setup.points, start, &place) || place.out_bytes != start || send_pass(v, &place, &q) ||
        !q)
        return false;
    q->in_order = p->in_order;
    q->ahead = true;
    q->limit = start + CACHE_GUNZIP_STRIPE_BYTES;
    cache_gunzip_pass_mark(q);
    cache_gunzip_pass_nudge(q);
    return true;
}

/* P serves a reader in order, who is at R now. */
static void stripe_ahead(struct cache_gunzip *v, struct cache_gunzip_pass *p, const struct read *r)
{
    uint64_t next = (r->off / CACHE_GUNZIP_STRIPE_BYTES + 1) * CACHE_GUNZIP_STRIPE_BYTES;
    if (!v->interval || p->maker || p->in_order < CACHE_GUNZIP_IN_ORDER_MIN || p->striped == next || p->end > next)
        return;
    p->striped = next;
    p->limit = 0;
    bool large = p->room >= 2 * CACHE_GUNZIP_STRIPE_BYTES;
    for (unsigned i = 1; large && i < v->cores && i <= STRIPES_MAX && next < v->setup.declared_bytes; i++) {
        if (!send_to_stripe(v, p, next))
            return;
        if (i == 1)
            p->limit = next;
        next += CACHE_GUNZIP_STRIPE_BYTES;
    }
}

static errint park(struct cache_gunzip *v, struct cache_gunzip_pass *p, const struct read *r, struct waiter *w)
{
    struct cache_gunzip_want *want = calloc(1, sizeof *want);
    if (!want)
        return err_set(-ENOMEM, "%s: no memory for a read", v->setup.name);
    want->pass = p;
    want->off = r->off;
    want->len = r->len;
    want->last = r->last;
    want->next = v->wants;
    v->wants = want;
    waitlist_init(&want->line);
    waitlist_add(&want->line, w);
    return -EAGAIN;
}

static void note_read(struct cache_gunzip_pass *p, const struct read *r)
{
    p->ahead = false;
    p->in_order = is_far(p, r) ? 0 : p->in_order + 1;
    p->used_ns = clock_monotonic_ns();
}

/* Without a waiter a read is a hint: a pass that nobody reads from fills its window, another runs up to the place and half
 * a window on. */
static errint wait_for(struct cache_gunzip *v, struct cache_gunzip_pass *p, const struct read *r, struct waiter *w)
{
    errint e = -EAGAIN;
    bool ahead = !w && p->front == 0 && !cache_gunzip_pass_is_wanted(p);
    note_read(p, r);
    p->ahead = ahead;
    if (w)
        e = park(v, p, r, w);
    else if (!ahead && r->off + r->len > p->front)
        p->front = r->off + r->len;
    if (w)
        stripe_ahead(v, p, r);
    cache_gunzip_pass_mark(p);
    cache_gunzip_pass_nudge(p);
    return e;
}

/* 0: *RET holds the bytes (NULL: there are none at that place, and that is proven). */
static errint find(struct cache_gunzip *v, const struct read *r, struct waiter *w, struct cache_gunzip_pass **ret)
{
    if (v->failed.code)
        return err_again(&v->failed);
    errint failed = 0;
    struct cache_gunzip_want *want = claim(v, r, &failed);
    if (failed)
        return failed;
    *ret = NULL;
    if (r->len == 0 && v->concluded)
        return 0;
    if (want && !holds(want->pass, r)) {
        waitlist_add(&want->line, w);
        cache_gunzip_pass_nudge(want->pass);
        return -EAGAIN;
    }
    struct cache_gunzip_pass *p = want ? want->pass : NULL;
    if (want)
        cache_gunzip_want_drop(v, want);
    errint e = p ? 0 : choose(v, r, &p);
    if (e)
        return e;
    if (!p) {
        waitlist_add(&v->line, w);
        return -EAGAIN;
    }
    if (!holds(p, r))
        return wait_for(v, p, r, w);
    *ret = p;
    return 0;
}

static void unpin(struct cache_gunzip_pass *p, const struct cache_gunzip_pin *pin)
{
    struct cache_gunzip_pin **at = &p->pins;
    while (*at != pin)
        at = &(*at)->next;
    *at = pin->next;
    cache_gunzip_pass_mark(p);
    cache_gunzip_pass_nudge(p);
    if (cache_gunzip_pass_is_free(p))
        waitlist_wake(&p->view->line);
}

/* From the ring itself; a read that lies across its end is gathered. */
static errint deliver_ring(const uint8_t *ring, size_t ring_bytes, const struct read *r, source_deliver deliver,
                           void *arg)
{
    size_t at = ring_bytes ? (size_t)(r->off % ring_bytes) : 0;
    if (at + r->len <= ring_bytes || r->len == 0) {
        deliver(arg, r->len ? (const void *)(ring + at) : "", r->len);
        return 0;
    }
    char *gathered = malloc(r->len);
    if (!gathered)
        return err_set(-ENOMEM, "no memory for a read of %zu bytes", r->len);
    memcpy(gathered, ring + at, ring_bytes - at);
    memcpy(gathered + (ring_bytes - at), ring, r->len - (ring_bytes - at));
    deliver(arg, gathered, r->len);
    free(gathered);
    return 0;
}

static errint deliver_pinned(struct cache_gunzip *v, struct cache_gunzip_pass *p, const struct read *r,
                             source_deliver deliver, void *arg)
{
    struct cache_gunzip_pin pin = {.next = p->pins, .off = r->off};
    p->pins = &pin;
    note_read(p, r);
    if (r->off + r->len > p->front)
        p->front = r->off + r->len;
    stripe_ahead(v, p, r);
    cache_gunzip_pass_mark(p);
    cache_gunzip_pass_nudge(p);
    const uint8_t *ring = p->share.ring;
    size_t ring_bytes = p->share.ring_bytes;
    pthread_mutex_unlock(&v->lock);
    errint e = deliver_ring(ring, ring_bytes, r, deliver, arg);
    pthread_mutex_lock(&v->lock);
    unpin(p, &pin);
    pthread_mutex_unlock(&v->lock);
    return e;
}

static errint view_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                         struct waiter *w)
{
    struct cache_gunzip *v = (struct cache_gunzip *)s;
    uint64_t size = v->setup.declared_bytes;
    struct read r = {.off = off < size ? off : size, .len = len};
    if (len > size - r.off)
        r.len = (size_t)(size - r.off);
    r.last = r.off + r.len > v->last_off || r.off == size;
    struct cache_gunzip_pass *p = NULL;
    pthread_mutex_lock(&v->lock);
    errint e = find(v, &r, w, &p);
    if (e == 0 && p)
        return deliver_pinned(v, p, &r, deliver, arg);
    pthread_mutex_unlock(&v->lock);
    if (e == 0)
        deliver(arg, "", 0);
    return e;
}

static errint view_stat(struct source *s, struct source_stat *ret, struct waiter *w)
{
    (void)w;
    struct cache_gunzip *v = (struct cache_gunzip *)s;
    pthread_mutex_lock(&v->lock);
    bool proven = v->concluded && v->failed.code == 0;
    pthread_mutex_unlock(&v->lock);
    *ret = (struct source_stat){.size_bytes = v->setup.declared_bytes, .verified = v->setup.verified || proven};
    return 0;
}

static void free_view(struct cache_gunzip *v)
{
    while (v->wants)
        cache_gunzip_want_drop(v, v->wants);
    cache_points_close(v->setup.points);
    source_put(v->object);
    if (v->setup.release)
        v->setup.release(v->setup.arg);
    err_done(&v->failed);
    err_done(&v->verify_failed);
    waitlist_done(&v->line);
    waitlist_done(&v->verify_line);
    pthread_mutex_destroy(&v->lock);
    free((char *)(uintptr_t)v->setup.name);
    free(v);
}

void cache_gunzip_unref(struct cache_gunzip *v)
{
    bool last = --v->holders_count == 0;
    pthread_mutex_unlock(&v->lock);
    if (last)
        free_view(v);
}

static void view_free(struct source *s)
{
    struct cache_gunzip *v = (struct cache_gunzip *)s;
    pthread_mutex_lock(&v->lock);
    v->closed = true;
    for (unsigned i = 0; i < v->passes_count; i++)
        task_wake(&v->passes[i]->task);
    if (v->verifier)
        task_wake(&v->verifier->task);
    cache_gunzip_unref(v);
}

static const struct source_ops view_ops = {.stat = view_stat, .pread = view_pread, .free = view_free};

errint cache_gunzip_points(struct cache_objects *o, const struct cache_object_id *id, uint64_t declared_bytes,
                           const struct cache_inflate_ops *inflate, struct cache_points **ret)
{
    const struct cache_inflate_ops *ops = inflate ? inflate : CACHE_INFLATE_DEFAULT;
    struct cache_gunzip_stream stream = {.ops = ops};
    struct cache_points_setup setup = {.decoder = ops->name,
                                       .version = ops->version,
                                       .state_bytes = cache_gunzip_stream_kept_bytes(&stream),
                                       .plain_bytes = declared_bytes};
    return cache_points_open(o, id, &setup, ret);
}

errint cache_gunzip_new(struct source *object, const struct cache_gunzip_setup *setup, struct source **ret)
{
    struct cache_gunzip *v = calloc(1, sizeof *v);
    char *name = strdup(setup->name);
    if (!v || !name) {
        free(v);
        free(name);
        return err_set(-ENOMEM, "%s: no memory for its view", setup->name);
    }
    source_init(&v->source, &view_ops);
    v->object = object;
    v->setup = *setup;
    v->setup.name = name;
    uint64_t size = setup->declared_bytes;
    v->interval = setup->points ? cache_points_interval(size) : 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    v->cores = cores > 0 ? (unsigned)cores : 1;
    v->last_off = size ? (size - 1) / CACHE_GUNZIP_LAST_BLOCK_BYTES * CACHE_GUNZIP_LAST_BLOCK_BYTES : 0;
    pthread_mutex_init(&v->lock, NULL);
    waitlist_init(&v->line);
    waitlist_init(&v->verify_line);
    v->holders_count = 1;
    *ret = &v->source;
    return 0;
}

/* Under the lock. */
static errint verify(struct cache_gunzip *v, struct cache_gunzip_proof *ret, struct waiter *w)
{
    if (v->concluded && v->found.result == 0) {
        *ret = v->found;
        return 0;
    }
    if (v->failed.code)
        return err_again(&v->failed);
    if (v->verify_failed.code) {
        bool fresh = clock_monotonic_ns() - v->verify_failed_ns < FAILED_NS;
        errint e = err_again(&v->verify_failed);
        err_done(&v->verify_failed);
        if (fresh)
            return e;
    }
    struct cache_gunzip_pass *p = v->verifier;
    errint e = p ? 0 : cache_gunzip_pass_new(v, true, &p);
    if (e)
        return e;
    waitlist_add(&v->verify_line, w);
    task_wake(&p->task);
    return -EAGAIN;
}

errint cache_gunzip_verify(struct source *view, struct cache_gunzip_proof *ret, struct waiter *w)
{
    struct cache_gunzip *v = (struct cache_gunzip *)view;
    pthread_mutex_lock(&v->lock);
    errint e = verify(v, ret, w);
    pthread_mutex_unlock(&v->lock);
    return e;
}

void cache_gunzip_status(struct source *view, struct cache_gunzip_status *ret)
{
    struct cache_gunzip *v = (struct cache_gunzip *)view;
    pthread_mutex_lock(&v->lock);
    *ret = (struct cache_gunzip_status){
        .passes_count = v->passes_count, .passes_begun_count = v->begun_count, .made_bytes = v->made_bytes};
    for (const struct cache_gunzip_want *w = v->wants; w; w = w->next)
        ret->waiting_count += !w->ready;
    pthread_mutex_unlock(&v->lock);
}
