/* The task that decompresses.
 *
 * A turn (run), SLICES_A_TURN times: end if nobody needs the pass; plan how much to make; get a window, or let it shrink or
 * grow; make at most SLICE_BYTES without the lock; publish, and wake the reads that can be answered. If there is more to do
 * then, the task wakes itself, so it goes to the end of the executor's queue: all passes share the threads in turn.
 *
 * The window is a ring: the plain byte at OFF lies at OFF modulo its size while start <= OFF < end. Before a slice is made,
 * start moves up to what the slice leaves; it never passes
 *     - a pinned byte (a delivery in progress),
 *     - a byte of a parked read,
 *     - a byte of a ready read, for READY_NS: one that was interrupted never comes to claim, so then it is dropped,
 *     - half a window behind the furthest read: the kernel sends its read-ahead out of order.
 * END runs at most half a window, and no more than LEAD_MAX_BYTES, ahead of the furthest delivery if no read waits for more; a pass that was hinted at, and
 * not read from yet, fills its window. Behind the declared size, and for a verifying pass, output goes into a scratch buffer.
 *
 * A pass that is at its end and was read to the end rests: it keeps the last bytes in a small ring, and gives the large one
 * to the pass that comes next.
 *
 * Lock order: view->lock, then the budget's, then lists' and executors'. The object is called with no lock held.
 */
#include "cache/gunzip_pass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SLICE_BYTES ((size_t)512 * 1024)
#define INPUT_BYTES ((size_t)256 * 1024)
#define INPUT_LARGE_BYTES ((size_t)SOURCE_READ_MAX) /* of a pass with a large window: an object's chunk at once */
#define SCRATCH_BYTES ((size_t)256 * 1024)
#define SLICES_A_TURN                                                                                                  \
    8 /* a task that goes on is best left on its thread: the decoder's state is in that core's cache */
#define LEAD_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define NUDGE_BYTES ((size_t)256 * 1024)
#define READY_NS CLOCK_NS_PER_S
#define PLACE_GONE (-EBADMSG) /* of a slice: begin at the object's start */

struct plan {
    size_t len;
    bool waited;   /* a read waits for it */
    bool scratch;  /* not into the window */
    bool by_ready; /* nothing is in the way but reads that were woken and have not come yet */
};

static struct cache_gunzip_pass *pass_of(struct task *t)
{
    return (void *)((char *)t - offsetof(struct cache_gunzip_pass, task));
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- what to do ---- */

bool cache_gunzip_pass_is_wanted(const struct cache_gunzip_pass *p)
{
    for (const struct cache_gunzip_want *w = p->view->wants; w; w = w->next)
        if (w->pass == p)
            return true;
    return false;
}

bool cache_gunzip_pass_is_free(const struct cache_gunzip_pass *p)
{
    return !p->busy && !p->pins && !cache_gunzip_pass_is_wanted(p);
}

static bool has_parked(const struct cache_gunzip_pass *p)
{
    for (const struct cache_gunzip_want *w = p->view->wants; w; w = w->next)
        if (w->pass == p && !w->ready)
            return true;
    return false;
}

/* A read that was woken and does not come makes no pass busy: it waits for another window, or was interrupted. */
void cache_gunzip_pass_mark(struct cache_gunzip_pass *p)
{
    p->share.done = p->ended && p->front >= p->view->setup.declared_bytes;
    if (p->pins || has_parked(p))
        p->share.idle_since_ns = 0;
    else if (p->share.idle_since_ns == 0)
        p->share.idle_since_ns = clock_monotonic_ns();
}

/* The end of the furthest read, delivered or not yet. */
static uint64_t furthest(const struct cache_gunzip_pass *p)
{
    uint64_t far = p->front;
    for (const struct cache_gunzip_want *w = p->view->wants; w; w = w->next)
        if (w->pass == p && w->off + w->len > far)
            far = w->off + w->len;
    return far;
}

/* The first byte that must stay in a window of ROOM bytes, ready reads apart. */
static uint64_t kept_from(const struct cache_gunzip_pass *p, size_t room)
{
    uint64_t far = furthest(p);
    uint64_t low = far > room / 2 ? far - room / 2 : 0;
    low = least(low, p->end);
    for (const struct cache_gunzip_pin *pin = p->pins; pin; pin = pin->next)
        low = least(low, pin->off);
    for (const struct cache_gunzip_want *w = p->view->wants; w; w = w->next)
        if (w->pass == p && !w->ready)
            low = least(low, w->off);
    return low > p->start ? low : p->start;
}

static uint64_t ready_from(const struct cache_gunzip_pass *p)
{
    uint64_t low = UINT64_MAX;
    for (const struct cache_gunzip_want *w = p->view->wants; w; w = w->next)
        if (w->pass == p && w->ready)
            low = least(low, w->off);
    return low;
}

/* How far it goes while nobody waits. A pass that began at a place may be there for one read alone. */
static uint64_t run_ahead_to(const struct cache_gunzip_pass *p)
{
    uint64_t goal = 0;
    if (p->ahead)
        goal = p->start + p->room;
    else if (p->front && (p->from.out_bytes == 0 || p->in_order >= CACHE_GUNZIP_IN_ORDER_MIN))
        goal = p->front + least(p->room / 2, LEAD_MAX_BYTES);
    return p->limit ? least(goal, p->limit) : goal;
}

/* How far reads want it. */
static uint64_t find_goal(const struct cache_gunzip_pass *p, struct plan *plan, bool *ret_end)
{
    uint64_t goal = run_ahead_to(p);
    *ret_end = false;
    for (const struct cache_gunzip_want *w = p->view->wants; w; w = w->next) {
        if (w->pass != p || w->ready)
            continue;
        plan->waited = true;
        goal = w->off + w->len > goal ? w->off + w->len : goal;
        *ret_end |= w->last;
    }
    if (!plan->waited && (p->stalled || waitlist_count(&p->view->line)))
        return 0; /* nobody waits for it, and the object fails, or a reader behind it waits for a free pass */
    return *ret_end ? p->view->setup.declared_bytes : least(goal, p->view->setup.declared_bytes);
}

static struct plan plan_window(const struct cache_gunzip_pass *p)
{
    struct plan plan = {0};
    bool to_end;
    uint64_t goal = find_goal(p, &plan, &to_end);
    if (p->end >= p->view->setup.declared_bytes) {
        plan.scratch = true;
        plan.len = to_end ? SCRATCH_BYTES : 0;
        return plan;
    }
    uint64_t hard = least(goal, kept_from(p, p->room) + p->room);
    uint64_t ready = ready_from(p);
    uint64_t soft = ready < p->end ? least(hard, ready + p->room) : hard;
    if (soft > p->end)
        plan.len = (size_t)least(soft - p->end, SLICE_BYTES);
    plan.by_ready = plan.waited && plan.len == 0 && hard > p->end;
    return plan;
}

static struct plan make_plan(const struct cache_gunzip_pass *p)
{
    if (p->ended)
        return (struct plan){0};
    if (!p->verify)
        return plan_window(p);
    struct plan plan = {.scratch = true, .waited = waitlist_count(&p->view->verify_line) > 0};
    plan.len = plan.waited ? SCRATCH_BYTES : 0;
    return plan;
}

static bool should_end(const struct cache_gunzip_pass *p)
{
    if (p->pins)
        return false;
    if (p->view->closed || p->view->failed.code || (p->verify && p->view->concluded))
        return true;
    return p->share.give_up && p->share.idle_since_ns;
}

static bool should_rest(const struct cache_gunzip_pass *p)
{
    return p->ended && !p->rests && !p->pins && p->share.ring_bytes > CACHE_GUNZIP_WINDOW_MIN_BYTES &&
           p->front >= p->view->setup.declared_bytes && !cache_gunzip_pass_is_wanted(p);
}

void cache_gunzip_pass_nudge(struct cache_gunzip_pass *p)
{
    if (p->busy)
        return; /* it looks again when it publishes */
    struct plan plan = make_plan(p);
    if (plan.waited || plan.len > least(p->room / 8, NUDGE_BYTES) || should_end(p) || p->rewind || should_rest(p))
        task_wake(&p->task);
}

/* ---- a pass's life ---- */

void cache_gunzip_want_drop(struct cache_gunzip *v, struct cache_gunzip_want *w)
{
    struct cache_gunzip_want **at = &v->wants;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    waitlist_wake(&w->line);
    waitlist_done(&w->line);
    err_done(&w->failed);
    free(w);
}

static void drop_wants(struct cache_gunzip *v, const struct cache_gunzip_pass *p)
{
    struct cache_gunzip_want *next;
    for (struct cache_gunzip_want *w = v->wants; w; w = next) {
        next = w->next;
        if (!p || w->pass == p)
            cache_gunzip_want_drop(v, w);
    }
}

static void free_pass(struct cache_gunzip_pass *p)
{
    cache_gunzip_stream_done(&p->stream);
    free(p->in);
    free(p->scratch);
    free(p);
}

static void remove_pass(struct cache_gunzip *v, const struct cache_gunzip_pass *p)
{
    if (p->verify) {
        v->verifier = NULL;
        return;
    }
    unsigned i = 0;
    while (v->passes[i] != p)
        i++;
    v->passes[i] = v->passes[--v->passes_count];
}

/* The last turn. Once P is out of the view, off its lists and out of the budget, nothing can wake it. */
static void end_pass(struct cache_gunzip_pass *p)
{
    struct cache_gunzip *v = p->view;
    struct cache_gunzip_budget *budget = v->setup.budget;
    remove_pass(v, p);
    drop_wants(v, p);
    waiter_cancel(&p->waiter);
    if (p->makes)
        cache_points_end(v->setup.points, false);
    waitlist_wake(&v->line);
    waitlist_wake(&v->verify_line);
    cache_gunzip_unref(v);
    task_forget(&p->task);
    cache_gunzip_budget_leave(budget, &p->share);
    free_pass(p);
}

static void run(struct task *t);

errint cache_gunzip_pass_new(struct cache_gunzip *v, bool verify, struct cache_gunzip_pass **ret)
{
    struct cache_gunzip_pass *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "%s: no memory for a pass", v->setup.name);
    errint e = cache_gunzip_stream_init(&p->stream, v->setup.inflate);
    if (e) {
        free(p);
        return err_add(e, "%s", v->setup.name);
    }
    p->view = v;
    p->verify = verify;
    p->room = CACHE_GUNZIP_WINDOW_MIN_BYTES;
    p->share.task = &p->task;
    p->share.use_bytes = v->setup.declared_bytes;
    p->used_ns = clock_monotonic_ns();
    task_init(&p->task, v->setup.executor, run);
    waiter_init(&p->waiter, &p->task);
    cache_gunzip_budget_join(v->setup.budget, &p->share);
    v->holders_count++;
    if (verify)
        v->verifier = p;
    else
        v->passes[v->passes_count++] = p;
    *ret = p;
    return 0;
}

/* ---- input and output, without the lock ---- */

static void take_input(void *arg, const void *data, size_t len)
{
    struct cache_gunzip_pass *p = arg;
    assert(len <= p->in_room);
    memcpy(p->in, data, len);
    p->in_len = len;
}

/* Up to where the object's next chunk begins, so that each is read at once; the first read from a place may be the only one.
 */
static size_t input_len(const struct cache_gunzip_pass *p)
{
    if (p->from.out_bytes && p->in_off == p->from.in_bytes)
        return INPUT_BYTES;
    return p->in_room - (size_t)(p->in_off % p->in_room);
}

static errint read_object(struct cache_gunzip_pass *p)
{
    struct source_stat st;
    errint e = p->object_known ? 0 : source_stat(p->view->object, &st, &p->waiter);
    if (e)
        return e;
    if (!p->object_known) {
        p->object_bytes = st.size_bytes;
        p->object_known = true;
    }
    p->in_at = p->in_len = 0;
    if (p->in_off == p->object_bytes)
        return 0;
    e = source_pread(p->view->object, p->in_off, input_len(p), take_input, p, &p->waiter);
    if (e)
        return e;
    p->in_off += p->in_len;
    return p->in_len ? 0
                     : err_set(-EIO, "the object ends at %llu of %llu bytes", (unsigned long long)p->in_off,
                               (unsigned long long)p->object_bytes);
}

/* One step with what input there is. *ret_over: the object is over, and its end proven. */
static errint step(struct cache_gunzip_pass *p, struct cache_inflate_io *io, bool *ret_over)
{
    io->in = p->in + p->in_at;
    io->in_len = p->in_len - p->in_at;
    errint e = cache_gunzip_stream_step(&p->stream, io);
    p->in_at = p->in_len - io->in_len;
    if (e || io->out_len == 0 || p->in_off < p->object_bytes || p->stream.at_place)
        return e;
    *ret_over = true;
    return cache_gunzip_stream_finish(&p->stream);
}

static void keep_place(struct cache_gunzip_pass *p)
{
    struct cache_point at = {.out_bytes = p->stream.out_bytes, .in_bytes = p->stream.in_bytes, .crc = p->stream.crc};
    p->stream.seeks_place = p->stream.at_place = false;
    char *kept cleanup_free = malloc(cache_gunzip_stream_kept_bytes(&p->stream));
    if (!kept)
        return; /* a place less */
    cache_gunzip_stream_save(&p->stream, kept);
    cache_points_add(p->view->setup.points, &at, kept);
}

/* Fills io->out: 0, -EAGAIN (what was made until then counts), or a failure. */
static errint produce(struct cache_gunzip_pass *p, struct cache_inflate_io *io, bool *ret_over)
{
    errint e = 0;
    *ret_over = p->object_failed = false;
    while (e == 0 && io->out_len && !*ret_over) {
        if (p->in_at == p->in_len) {
            e = read_object(p);
            p->object_failed = e && e != -EAGAIN;
        }
        if (e == 0)
            e = step(p, io, ret_over);
        if (e == 0 && p->stream.at_place)
            keep_place(p);
    }
    return e;
}

/* ---- a turn ---- */

void cache_gunzip_pass_seek(struct cache_gunzip_pass *p, const struct cache_point *place)
{
    p->from = place ? *place : (struct cache_point){0};
    p->start = p->end = p->from.out_bytes;
    p->front = p->limit = p->striped = 0;
    p->in_order = 0;
    p->used_ns = clock_monotonic_ns();
    p->ended = p->stalled = p->ahead = false;
    p->rewind = true;
}

static void begin_anew(struct cache_gunzip_pass *p)
{
    if (p->makes)
        cache_points_end(p->view->setup.points, false);
    p->asked = p->makes = p->maker = false;
    if (p->rests)
        cache_gunzip_budget_release(p->view->setup.budget, &p->share);
    p->rests = p->rewind = false;
    p->restore = p->from.out_bytes > 0;
    p->view->begun_count += !p->restore;
    p->in_at = p->in_len = 0;
    p->in_off = 0;
    cache_gunzip_stream_reset(&p->stream);
}

/* Interrupted reads: parked with nobody in line, or not claimed in time. */
static void prune_wants(struct cache_gunzip_pass *p)
{
    struct cache_gunzip_want *next;
    int64_t now_ns = clock_monotonic_ns();
    for (struct cache_gunzip_want *w = p->view->wants; w; w = next) {
        next = w->next;
        if (w->pass != p)
            continue;
        if (w->ready ? now_ns - w->ready_ns > READY_NS : waitlist_count(&w->line) == 0)
            cache_gunzip_want_drop(p->view, w);
    }
}

static void wake_answered(struct cache_gunzip_pass *p)
{
    for (struct cache_gunzip_want *w = p->view->wants; w; w = w->next) {
        if (w->pass != p || w->ready || w->off + w->len > p->end || (w->last && !p->ended))
            continue;
        w->ready = true;
        w->ready_ns = clock_monotonic_ns();
        waitlist_wake(&w->line);
    }
}

/* Lets the window shrink or grow. */
static void fit_window(struct cache_gunzip_pass *p)
{
    struct cache_gunzip_budget *budget = p->view->setup.budget;
    size_t bytes = cache_gunzip_budget_fit(budget, &p->share);
    p->room = bytes < p->share.ring_bytes ? bytes : p->share.ring_bytes;
    if (bytes == p->share.ring_bytes || p->pins)
        return;
    uint64_t from = least(kept_from(p, bytes), ready_from(p));
    if (p->end - from > bytes)
        return; /* once its readers went on */
    if (p->end - p->start <= bytes)
        from = p->start;
    if (!cache_gunzip_budget_resize(budget, &p->share, bytes, from, p->end))
        return;
    p->start = from;
    p->room = bytes;
}

static void rest(struct cache_gunzip_pass *p)
{
    uint64_t from = p->end - least(p->end - p->start, CACHE_GUNZIP_REST_BYTES);
    if (!cache_gunzip_budget_rest(p->view->setup.budget, &p->share, from, p->end))
        return;
    p->start = from;
    p->room = p->share.ring_bytes;
    p->rests = true;
}

static errint get_buffer(uint8_t **buffer, size_t bytes)
{
    if (!*buffer)
        *buffer = malloc(bytes);
    return *buffer ? 0 : err_set(-ENOMEM, "no memory for a pass");
}

static errint get_input(struct cache_gunzip_pass *p)
{
    if (!p->in)
        p->in_room = p->room >= 2 * LEAD_MAX_BYTES ? INPUT_LARGE_BYTES : INPUT_BYTES;
    return get_buffer(&p->in, p->in_room);
}

static errint get_memory(struct cache_gunzip_pass *p, const struct plan *plan)
{
    errint e = 0;
    if (!plan->scratch && !p->share.ring) {
        e = cache_gunzip_budget_take(p->view->setup.budget, &p->share, &p->waiter);
        if (e == 0)
            p->room = p->share.ring_bytes;
    }
    if (e == 0 && plan->scratch)
        e = get_buffer(&p->scratch, SCRATCH_BYTES);
    return e ? e : get_input(p);
}

/* Of LEN bytes from AT, those that come before the next place. */
static size_t until_place(const struct cache_gunzip_pass *p, uint64_t at, size_t len)
{
    uint64_t interval = p->view->interval;
    return interval ? (size_t)least(len, interval - at % interval) : len;
}

/* Where the slice goes; the window gives up what it will overwrite. */
static struct cache_inflate_io aim(struct cache_gunzip_pass *p, const struct plan *plan)
{
    if (plan->scratch)
        return (struct cache_inflate_io){.out = p->scratch, .out_len = until_place(p, p->stream.out_bytes, plan->len)};
    size_t at = (size_t)(p->end % p->share.ring_bytes);
    size_t len = until_place(p, p->end, (size_t)least(plan->len, p->share.ring_bytes - at));
    uint64_t end = p->end + len;
    if (end > p->share.ring_bytes && end - p->share.ring_bytes > p->start)
        p->start = end - p->share.ring_bytes;
    return (struct cache_inflate_io){.out = p->share.ring + at, .out_len = len};
}

/* The object failed, or memory: whoever waits is answered, the next who waits makes the pass go on. */
static void fail_wants(struct cache_gunzip_pass *p, errint e)
{
    struct cache_gunzip *v = p->view;
    p->stalled = true;
    if (p->verify) {
        err_keep(&v->verify_failed, e);
        v->verify_failed_ns = clock_monotonic_ns();
        waitlist_wake(&v->verify_line);
    }
    for (struct cache_gunzip_want *w = v->wants; w; w = w->next) {
        if (w->pass != p || w->ready)
            continue;
        w->pass = NULL;
        w->ready = true;
        w->ready_ns = clock_monotonic_ns();
        err_keep(&w->failed, e);
        waitlist_wake(&w->line);
    }
}

/* Sticky: E with the thread's message is the answer to every read from now on. */
static void fail_view(struct cache_gunzip *v, errint e)
{
    if (v->failed.code == 0)
        err_keep(&v->failed, e);
    drop_wants(v, NULL);
    waitlist_wake(&v->line);
    waitlist_wake(&v->verify_line);
    for (unsigned i = 0; i < v->passes_count; i++)
        task_wake(&v->passes[i]->task);
    if (v->verifier)
        task_wake(&v->verifier->task);
}

/* All that P holds is proven: what it needs from now on is its window alone. */
static void settle(struct cache_gunzip_pass *p)
{
    p->ended = true;
    free(p->in);
    free(p->scratch);
    p->in = p->scratch = NULL;
}

/* The object's end was seen, or its corruption. */
static void conclude(struct cache_gunzip_pass *p, const struct cache_gunzip_proof *proof)
{
    struct cache_gunzip *v = p->view;
    if (!v->concluded)
        v->found = *proof;
    v->concluded = true;
    waitlist_wake(&v->verify_line);
    if (proof->result)
        fail_view(v, proof->result);
    else if (proof->actual_bytes != proof->declared_bytes)
        fail_view(v, err_set(-EIO, "%s: declared as %llu bytes, it holds %llu", v->setup.name,
                             (unsigned long long)proof->declared_bytes, (unsigned long long)proof->actual_bytes));
    else
        settle(p);
    if (v->verifier)
        task_wake(&v->verifier->task);
}

/* Plans and gets memory: false when the turn is over. */
static bool prepare(struct cache_gunzip_pass *p, struct plan *ret_plan)
{
    if (!p->begun && !p->rewind)
        p->view->begun_count++;
    p->begun = true;
    if (p->rewind)
        begin_anew(p);
    p->share.give_up = false;
    prune_wants(p);
    cache_gunzip_pass_mark(p);
    if (should_rest(p))
        rest(p);
    else if (p->share.ring && !p->rests)
        fit_window(p);
    *ret_plan = make_plan(p);
    errint e = ret_plan->len ? get_memory(p, ret_plan) : 0;
    if (e == 0)
        *ret_plan = make_plan(p); /* by the window that it got */
    if (e && e != -EAGAIN)
        fail_wants(p, err_add(e, "%s", p->view->setup.name));
    if (e == 0 && ret_plan->len)
        return true;
    if (ret_plan->by_ready)
        cache_gunzip_budget_watch(p->view->setup.budget, &p->share);
    return false;
}

/* To where the pass begins: what was kept for that place. */
static errint restore(struct cache_gunzip_pass *p)
{
    char *kept cleanup_free = malloc(cache_gunzip_stream_kept_bytes(&p->stream));
    errint e = kept ? cache_points_load(p->view->setup.points, &p->from, kept) : -ENOMEM;
    if (e == 0)
        e = cache_gunzip_stream_restore(&p->stream, kept);
    bool right = e == 0 && p->stream.out_bytes == p->from.out_bytes && p->stream.crc == p->from.crc;
    if (e == 0 && !right)
        cache_points_drop(p->view->setup.points);
    p->in_off = p->stream.in_bytes;
    p->restore = false;
    return right ? 0 : PLACE_GONE;
}

/* The pass that kept this place had made the same bytes. */
static errint compare_place(struct cache_gunzip_pass *p)
{
    struct cache_point at;
    if (!cache_points_find(p->view->setup.points, p->stream.out_bytes, &at) || at.out_bytes != p->stream.out_bytes ||
        at.crc == p->stream.crc)
        return 0;
    return err_set(-EIO, "what was decompressed from a kept place is not what the first pass made");
}

static errint at_place(struct cache_gunzip_pass *p)
{
    uint64_t out = p->stream.out_bytes;
    if (!p->view->interval || out == 0 || out % p->view->interval || out >= p->view->setup.declared_bytes)
        return 0;
    p->stream.seeks_place = p->makes; /* the next step comes to one */
    return p->makes ? 0 : compare_place(p);
}

/* One slice of a pass that may begin at a place, keep places, or come to some. */
static errint produce_between_places(struct cache_gunzip_pass *p, struct cache_inflate_io *io, bool *ret_over)
{
    struct cache_points *points = p->view->setup.points;
    *ret_over = false;
    errint e = p->restore ? restore(p) : 0;
    if (e)
        return e;
    if (!p->asked && p->in_off == 0)
        p->makes = p->view->interval && cache_points_begin(points);
    p->asked = true;
    e = produce(p, io, ret_over);
    if (e == 0 && !*ret_over)
        e = at_place(p);
    if (p->from.out_bytes && e && e != -EAGAIN && e != -ENOMEM && !p->object_failed) {
        cache_points_drop(
            points); /* the data's fault or the place's: this view fails, and a pass from the start will tell */
        p->object_failed = true;
    }
    return e;
}

/* The whole object was seen, or its corruption. */
static void end_places(struct cache_gunzip_pass *p, const struct cache_gunzip_proof *proof)
{
    bool right = proof->result == 0 && proof->actual_bytes == proof->declared_bytes;
    if (p->makes)
        cache_points_end(p->view->setup.points, right);
    else if (!right && p->view->interval)
        cache_points_drop(p->view->setup.points); /* they were made of other bytes */
    p->makes = false;
}

/* A slice, without the lock. *ret_proof is filled, and proof() was told, when the object's end or corruption was seen. */
static errint make_slice(struct cache_gunzip_pass *p, struct cache_inflate_io *io, struct cache_gunzip_proof *ret_proof,
                         bool *ret_concluded)
{
    const struct cache_gunzip_setup *setup = &p->view->setup;
    bool over;
    errint e = produce_between_places(p, io, &over);
    if (e && e != -EAGAIN && e != PLACE_GONE)
        (void)err_add(e, "%s", setup->name);
    *ret_concluded = over || (e && e != -EAGAIN && e != -ENOMEM && e != PLACE_GONE && !p->object_failed);
    if (!*ret_concluded)
        return e;
    *ret_proof = (struct cache_gunzip_proof){.result = e,
                                             .actual_bytes = p->stream.out_bytes,
                                             .declared_bytes = setup->declared_bytes,
                                             .last_byte = p->stream.last_byte};
    struct err kept = {0};
    err_keep(&kept, e);
    end_places(p, ret_proof);
    if (setup->proof)
        setup->proof(setup->arg, ret_proof);
    (void)err_again(&kept);
    err_done(&kept);
    return e;
}

static void publish(struct cache_gunzip_pass *p, const struct plan *plan, size_t made, errint e)
{
    p->view->made_bytes += made;
    if (!plan->scratch)
        p->end += made;
    p->stalled = false;
    p->maker = p->makes;
    if (e == -ESTALE || e == -EIO)
        fail_view(p->view, e);
    else if (e && e != -EAGAIN && e != PLACE_GONE)
        fail_wants(p, e);
    if ((e == -ENOMEM && !p->object_failed) || e == PLACE_GONE)
        cache_gunzip_pass_seek(p, NULL);
    wake_answered(p);
    if (cache_gunzip_pass_is_free(p))
        waitlist_wake(&p->view->line);
}

/* One slice; the lock is let go meanwhile. False when the turn is over. */
static bool take_slice(struct cache_gunzip_pass *p)
{
    struct cache_gunzip *v = p->view;
    struct plan plan;
    if (!prepare(p, &plan))
        return false;
    struct cache_inflate_io io = aim(p, &plan);
    uint8_t *out = io.out;
    p->busy = true;
    pthread_mutex_unlock(&v->lock);

    struct cache_gunzip_proof proof;
    bool concluded;
    errint e = make_slice(p, &io, &proof, &concluded);

    pthread_mutex_lock(&v->lock);
    p->busy = false;
    if (concluded)
        conclude(p, &proof);
    publish(p, &plan, (size_t)(io.out - out), concluded ? 0 : e);
    return concluded || e != -EAGAIN;
}

static void run(struct task *t)
{
    struct cache_gunzip_pass *p = pass_of(t);
    struct cache_gunzip *v = p->view;
    bool more = true;
    pthread_mutex_lock(&v->lock);
    for (unsigned i = 0; more && i < SLICES_A_TURN; i++) {
        if (should_end(p)) {
            end_pass(p);
            return;
        }
        more = take_slice(p);
    }
    if (more)
        task_wake(&p->task);
    pthread_mutex_unlock(&v->lock);
}
