/* The memory of all windows, shared by the passes of all gunzip views.
 *
 * Windows are powers of two between CACHE_GUNZIP_WINDOW_MIN_BYTES and _MAX_BYTES, and smaller ones for views that fit whole:
 * a report of a thousand tiny parts has a window for each. The share of a pass is the total divided
 * by the passes that hold or want one, less what those need that rest. When one waits, those above their share shrink as soon as what they must keep fits,
 * and one whose readers were away for CACHE_GUNZIP_IDLE_NS gives its window up (its next reader begins anew). A pass that
 * is at its end and read to the end rests: it keeps CACHE_GUNZIP_REST_BYTES.
 *
 * Ownership: outlives every view that was made with it; cache_gunzip_budget_free waits until the last of their passes
 *            ended, so call it when all views are put, and before the executor is freed.
 * Threads:   any; its lock is a leaf but for executors' locks and lists'.
 * Errors:    budget_new: -ENOMEM.
 * Cost:      a turn of a pass asks it once. One thread, made when a pass first has to wait, asleep while none does.
 */
#ifndef CTFS_CACHE_GUNZIP_BUDGET_H
#define CTFS_CACHE_GUNZIP_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/task.h"

#define CACHE_GUNZIP_WINDOW_MIN_BYTES (1u << 20)   /* SOURCE_READ_MAX: one read must fit */
#define CACHE_GUNZIP_WINDOW_TINY_BYTES (64u << 10) /* where the whole of a smaller view fits */
#define CACHE_GUNZIP_WINDOW_MAX_BYTES (32u << 20)
#define CACHE_GUNZIP_REST_BYTES (128u << 10)
#define CACHE_GUNZIP_BUDGET_BYTES (72u << 20)
#define CACHE_GUNZIP_IDLE_NS 1000000000LL
#define CACHE_GUNZIP_DONE_NS 20000000LL /* of a pass that was read to its end: reads in flight come out of order */
#define CACHE_GUNZIP_WATCH_NS 10000000LL

struct cache_gunzip_budget;

/* TOTAL_BYTES at least CACHE_GUNZIP_WINDOW_MIN_BYTES; 0 is CACHE_GUNZIP_BUDGET_BYTES. */
errint cache_gunzip_budget_new(size_t total_bytes, struct cache_gunzip_budget **ret);
void cache_gunzip_budget_free(struct cache_gunzip_budget *b); /* NULL is nothing */

struct cache_gunzip_budget_status {
    size_t total_bytes, used_bytes, used_max_bytes;
    unsigned passes_count, waiting_count;
};
void cache_gunzip_budget_status(struct cache_gunzip_budget *b, struct cache_gunzip_budget_status *ret);

/* --- for passes (cache/gunzip_pass.c) --- */

/* A pass's place in the budget, embedded in it. */
struct cache_gunzip_share {
    struct cache_gunzip_share *next, *prev; /* private */
    uint64_t use_bytes;                     /* no window need be larger than this */
    struct task *task;                      /* woken when it should shrink or give up */
    uint8_t *ring;                          /* NULL until taken; changed by the pass's own run() alone */
    size_t ring_bytes;
    bool holds;                    /* private: has a ring or waits for its first */
    bool waiting, watched;         /* private */
    bool rests;                    /* private: its ring is small and stays so */
    _Atomic int64_t idle_since_ns; /* monotonic; 0 while the pass has anything to do, or a read takes from it */
    _Atomic bool done;             /* proven and read to the end: nothing is likely to be read again soon */
    _Atomic bool give_up;          /* asked of an idle pass: end */
};

void cache_gunzip_budget_join(struct cache_gunzip_budget *b, struct cache_gunzip_share *s);
void cache_gunzip_budget_leave(struct cache_gunzip_budget *b, struct cache_gunzip_share *s); /* gives the ring back */

/* The ring for a share that has none: 0, or -EAGAIN with W in line. */
errint cache_gunzip_budget_take(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, struct waiter *w);

/* The size that the ring should have now; its present one when nothing is to be changed. */
size_t cache_gunzip_budget_fit(struct cache_gunzip_budget *b, const struct cache_gunzip_share *s);

/* Changes the ring's size; what lies at OFF modulo the size for [from, to) is kept. To-from fits the new size. False when
 * there is no room (nothing was changed). */
bool cache_gunzip_budget_resize(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, size_t bytes,
                                uint64_t from, uint64_t to);

/* The bytes [FROM, TO), at most CACHE_GUNZIP_REST_BYTES, are all that is kept from now on. False when there is no memory. */
bool cache_gunzip_budget_rest(struct cache_gunzip_budget *b, struct cache_gunzip_share *s, uint64_t from, uint64_t to);

/* Gives the ring back; the next thing is take. */
void cache_gunzip_budget_release(struct cache_gunzip_budget *b, struct cache_gunzip_share *s);

/* Wakes the share's task once, about CACHE_GUNZIP_WATCH_NS from now. */
void cache_gunzip_budget_watch(struct cache_gunzip_budget *b, struct cache_gunzip_share *s);

#endif
