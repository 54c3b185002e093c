/* Work done once for all who ask: who comes first begins it, the others wait, a failure is kept for a moment.
 *
 * A piece of work has a name. When it ends well it is forgotten: its result lies where the work put it. When it fails, the
 * failure with its message is the answer for HOLD_NS, and after that still once for each who waited: so that a late waiter
 * gets its answer instead of beginning the work again.
 *
 * Ownership: the flights own their names and failures. Threads: any; the lock inside is a leaf but for waitlists'.
 * Errors:    of join: -EAGAIN or the kept failure, -ENOMEM. Cost: a walk over what is under way or has failed of late.
 */
#ifndef CTFS_MODEL_FLIGHT_H
#define CTFS_MODEL_FLIGHT_H

#include "base/task.h"

struct model_flights;

errint model_flights_new(struct model_flights **ret);
void model_flights_free(struct model_flights *f); /* nothing under way, nobody waiting; NULL is nothing */

/* 0 and *ret_begin: the caller begins the work and calls model_flights_end for it, whatever happens. Else -EAGAIN with W
 * (NULL: nobody) waiting for its end, or the failure of the last time; HOLD_NS 0: whatever failed, begin anew. */
errint model_flights_join(struct model_flights *f, const char *name, int64_t hold_ns, struct waiter *w,
                          bool *ret_begin);

/* True: begin it, as above. False: it is under way, or failed less than HOLD_NS ago. Nobody waits. */
bool model_flights_try(struct model_flights *f, const char *name, int64_t hold_ns);

/* RESULT with the thread's message; wakes who waits. */
void model_flights_end(struct model_flights *f, const char *name, errint result);

/* Waits until nothing is under way: before what the work uses is freed. Nothing new may begin. */
void model_flights_drain(struct model_flights *f);

/* W, who began the work, waits for its end: call it before anything can end it. */
void model_flights_wait(struct model_flights *f, const char *name, struct waiter *w);

/* Under way or failed? For status. MESSAGE is cut to its size. False: neither. */
struct model_flight_state {
    bool running;
    errint error;
    int64_t failed_wall_ns;
    char message[512];
};
bool model_flights_state(struct model_flights *f, const char *name, struct model_flight_state *ret);

/* Every one, by name; the callback must not call back. */
void model_flights_each(struct model_flights *f,
                        void (*each)(void *arg, const char *name, const struct model_flight_state *s), void *arg);

#endif
