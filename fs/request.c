/* The life of a request.
 *
 *   new -> first try (FUSE thread) --answered--> drained, freed there
 *                 | -EAGAIN
 *                 v
 *   parked -> try (reply thread, at each wake) --answered--> forgotten by its task, freed there
 *                 ^ | -EAGAIN without a verdict
 *                 +-+
 *
 * Answering is: leave the park (no verdict comes any more), take back the interrupt callback (which waits for one that
 * runs), then the one reply, which frees libfuse's request. Freeing is: leave the waiter's list (no wake comes any more),
 * then the memory. The interrupt callback runs under libfuse's lock of the request and only marks: a reply from inside it
 * would free what libfuse 3.14 unlocks next.
 *
 * What a try looked at is held by its ask until the next try, since the list on which its waiter is belongs to it.
 */
#include "fs/request.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BRIEF_MS 60

void (*fs_request_failed)(const struct fs_request *r, errint e);

static void run_again(struct task *t);

struct fs_request *fs_request_new(struct fs *fs, fuse_req_t req, const char *op, uint64_t ino, fs_request_try attempt)
{
    struct fs_request *r = calloc(1, sizeof *r);
    if (!r) {
        (void)fuse_reply_err(req, ENOMEM);
        return NULL;
    }
    r->req = req;
    r->op = op;
    r->ino = ino;
    r->attempt = attempt;
    r->ask.fs = fs;
    r->ask.waiter = &r->waiter;
    task_init(&r->task, fs->replies, run_again);
    waiter_init(&r->waiter, &r->task);
    fs_parked_init(&r->parked, &r->task, strcmp(op, "read") == 0 ? ino : 0);
    return r;
}

static void free_request(struct fs_request *r)
{
    assert(r->answered);
    struct fs_park *left = r->waits ? r->ask.fs->park : NULL;
    fs_ask_done(&r->ask);
    free(r->name);
    free(r->data);
    free(r);
    if (left)
        fs_park_left(left); /* the last touch: the mount may end now */
}

static errint say_verdict(const struct fs_request *r, errint verdict)
{
    switch (verdict) {
    case 0:
        return 0;
    case -ETIMEDOUT:
        return err_set(verdict, "no answer within %lld s", (long long)(r->ask.fs->settings->op_timeout_ms / 1000));
    case -EINTR:
        return err_set(verdict, "interrupted");
    default:
        return err_set(verdict, "the mount is ending");
    }
}

errint fs_request_verdict(struct fs_request *r)
{
    return say_verdict(r, atomic_load(&r->parked.verdict));
}

/* One try, after VERDICT. One that comes amid it has woken the task: the next try is the one that knows of it, and may
 * have something to answer all the same. -EAGAIN: go on waiting. */
static errint try_once(struct fs_request *r, errint verdict)
{
    r->ask.late = verdict != 0;
    errint e = r->attempt(r);
    if (e == -EAGAIN) {
        if (verdict == 0 || (verdict == -EINTR && r->patient))
            return -EAGAIN;
        e = say_verdict(r, verdict);
    }
    if (e && !r->answered) {
        if (fs_request_failed)
            fs_request_failed(r, e);
        fs_request_answer_error(r, -e);
    }
    assert(r->answered);
    return 0;
}

static int64_t deadline_of(const struct fs_request *r)
{
    if (r->ask.brief)
        return clock_monotonic_ns() + BRIEF_MS * CLOCK_NS_PER_MS;
    if (r->timeout_ms < 0)
        return 0;
    int64_t ms = r->timeout_ms ? r->timeout_ms : r->ask.fs->settings->op_timeout_ms;
    return clock_monotonic_ns() + ms * CLOCK_NS_PER_MS;
}

static void interrupted(fuse_req_t req, void *data)
{
    (void)req;
    struct fs_request *r = data;
    fs_park_interrupt(r->ask.fs->park, &r->parked);
}

void fs_request_begin(struct fs_request *r)
{
    if (try_once(r, 0) == 0) {
        waiter_cancel(&r->waiter);
        task_drain(&r->task); /* a wake during the try only noted itself */
        free_request(r);
        return;
    }
    r->waits = true;
    int64_t deadline_ns = deadline_of(r);
    fuse_req_interrupt_func(r->req, interrupted, r);
    fs_park_enter(r->ask.fs->park, &r->parked, deadline_ns);
}

static void run_again(struct task *t)
{
    struct fs_request *r = (void *)((char *)t - offsetof(struct fs_request, task));
    if (!fs_park_ready(r->ask.fs->park, &r->parked))
        return;
    waiter_cancel(&r->waiter);
    struct fs_ask before = r->ask; /* held over this try, so that what it looks at is still warm */
    r->ask.hold_count = 0;
    errint e = try_once(r, atomic_load(&r->parked.verdict));
    before.customer = NULL;
    fs_ask_release(&before);
    if (e == -EAGAIN)
        return;
    waiter_cancel(&r->waiter);
    task_forget(t);
    free_request(r);
}

static void settle(struct fs_request *r)
{
    assert(!r->answered);
    r->answered = true;
    if (r->waits) {
        fs_park_leave(r->ask.fs->park, &r->parked);
        fuse_req_interrupt_func(r->req, NULL, NULL);
    }
}

void fs_request_answer_error(struct fs_request *r, int error)
{
    settle(r);
    (void)fuse_reply_err(r->req, error);
}

void fs_request_answer_bytes(struct fs_request *r, const void *data, size_t len)
{
    settle(r);
    (void)fuse_reply_buf(r->req, data, len);
}

errint fs_request_answer_entries(struct fs_request *r, const void *data, size_t len)
{
    settle(r);
    return fuse_reply_buf(r->req, data, len);
}

errint fs_request_answer_entry(struct fs_request *r, const struct fuse_entry_param *entry)
{
    settle(r);
    return fuse_reply_entry(r->req, entry);
}

errint fs_request_answer_open(struct fs_request *r)
{
    settle(r);
    return fuse_reply_open(r->req, &r->fi);
}

void fs_request_answer_attr(struct fs_request *r, const struct stat *attr, double timeout_s)
{
    settle(r);
    (void)fuse_reply_attr(r->req, attr, timeout_s);
}

void fs_request_answer_written(struct fs_request *r, size_t count)
{
    settle(r);
    (void)fuse_reply_write(r->req, count);
}

void fs_request_answer_link(struct fs_request *r, const char *target)
{
    settle(r);
    (void)fuse_reply_readlink(r->req, target);
}

void fs_request_answer_xattr_size(struct fs_request *r, size_t size)
{
    settle(r);
    (void)fuse_reply_xattr(r->req, size);
}

void fs_request_answer_statfs(struct fs_request *r, const struct statvfs *s)
{
    settle(r);
    (void)fuse_reply_statfs(r->req, s);
}
