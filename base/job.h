/* Jobs: blocking work (calls to AWS one after another) on threads of its own, never on FUSE's.
 *
 * Ownership: the pool owns its threads and each job's cancel; ARG belongs to the job.
 * Threads:   any may start a job. At most THREADS_MAX run at once, the rest wait in line; idle threads end after 10 s.
 * Errors:    -ENOMEM; -ESHUTDOWN after jobs_stop (run is not called then). A thread that cannot be made leaves the job
 *            in line for one that exists; -EAGAIN if there is none.
 * Cost:      a thread (1 MiB of stack, touched as used) a running job.
 */
#ifndef CTFS_BASE_JOB_H
#define CTFS_BASE_JOB_H

#include "base/cancel.h"

struct jobs;

errint jobs_new(unsigned threads_max, struct jobs **ret);

/* Calls RUN(ARG, C) on a job's thread; C is asked when the pool stops. RUN is called even if the pool stops meanwhile
 * (with C asked), so that it can free ARG and answer whoever waits. */
errint jobs_start(struct jobs *j, const char *name, void (*run)(void *arg, struct cancel *c), void *arg);

/* Asks every job to stop; no new one starts. Returns at once. */
void jobs_stop(struct jobs *j);

/* Stops and waits for every job; jobs_start goes on to fail until jobs_free. */
void jobs_drain(struct jobs *j);

/* Stops, waits for every job, frees. NULL is nothing. */
void jobs_free(struct jobs *j);

#endif
