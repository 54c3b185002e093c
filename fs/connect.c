/* States of an open file's command:
 *
 *   IDLE      text is collected; a write that makes it whole begins a run      -> RUNNING
 *   RUNNING   a job has it; its writer waits, other writers and readers wait    -> DONE by the job
 *   DONE      the result waits for its writer                                   -> IDLE by the writer
 *
 * All text stays (its first ran_len bytes have been run), since a later line may add to the command before; what was run
 * is forgotten when there is no room. To a command that failed nothing is added: its writer was told that nothing came of
 * it, and bash's printf, which goes on with the next line, ends with that status.
 *
 * Lock: connect->lock for everything below it; a list's and a job's cancel are taken under it.
 */
#include "fs/connect.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/job.h"
#include "base/log.h"
#include "model/answer.h"
#include "model/status.h"

#define TEXT_MAX ((size_t)2 * MODEL_COMMAND_MAX)
#define ANSWER_MAX (1u << 20)
/* What status is told, until a command does something. */
#define DROPPED "connect dropped" /* text that never became whole */
#define REFUSED "connect refused" /* who writes by a redirection reads no answer */
#define TOLD "connect "

enum run_state { IDLE, RUNNING, DONE };

struct fs_connect {
    atomic_uint refs;
    struct model *model; /* outlives a running command, which the fs need not */
    pthread_mutex_t lock;
    struct waitlist waiters; /* woken when state changes */
    enum run_state state;    /* protected by lock, as all below */
    struct buf text;
    size_t ran_len;
    bool wrote;
    struct model_command command; /* of the run; the job's while RUNNING */
    struct cancel *cancel;        /* the job's, while it runs */
    bool cancel_asked;
    struct err result;
    struct buf answer;
    size_t answer_read;
};

errint fs_connect_new(struct fs *fs, struct fs_connect **ret)
{
    struct fs_connect *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(-ENOMEM, "no memory to open connect");
    atomic_init(&c->refs, 1);
    c->model = fs->model;
    pthread_mutex_init(&c->lock, NULL);
    waitlist_init(&c->waiters);
    c->text.limit = TEXT_MAX;
    c->answer.limit = ANSWER_MAX;
    *ret = c;
    return 0;
}

static void put_connect(struct fs_connect *c)
{
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    waitlist_done(&c->waiters);
    pthread_mutex_destroy(&c->lock);
    buf_done(&c->text);
    buf_done(&c->answer);
    err_done(&c->result);
    free(c);
}

void fs_connect_close(struct fs_connect *c)
{
    pthread_mutex_lock(&c->lock);
    size_t start = 0;
    enum model_command_text rest = model_command_scan_open(buf_text(&c->text), c->text.len, c->ran_len, 0, &start);
    size_t dropped = rest == MODEL_TEXT_BLANK ? 0 : c->text.len - c->ran_len;
    pthread_mutex_unlock(&c->lock);
    if (dropped) {
        log_warn("connect: %zu bytes never became a whole command and were dropped", dropped);
        model_status_tell(c->model, DROPPED, "connect: %zu bytes never became a whole command and were dropped",
                          dropped);
    }
    put_connect(c);
}

/* Under the lock: E and its message are the answer, where there is none yet. */
static void refuse(struct fs_connect *c, errint e)
{
    model_status_tell(c->model, REFUSED, "connect: %s: %s", err_name(e), err_message());
    if (c->answer.len == 0)
        model_answer_refusal(&c->answer, e);
}

/* Under the lock. */
static void end_run(struct fs_connect *c, errint e)
{
    if (e)
        refuse(c, e);
    err_keep(&c->result, e);
    c->state = DONE;
    waitlist_wake(&c->waiters);
}

static void run_command(void *arg, struct cancel *cancel)
{
    struct fs_connect *c = arg;
    pthread_mutex_lock(&c->lock);
    c->cancel = cancel;
    if (c->cancel_asked)
        cancel_ask(cancel);
    pthread_mutex_unlock(&c->lock);

    struct buf answer cleanup_buf = BUF_LIMIT(ANSWER_MAX);
    errint e = model_command_run(c->model, &c->command, cancel, NULL, NULL, &answer);
    if (e == 0) /* what came to nothing before was written again, or is past */
        model_status_forget(c->model, TOLD);

    pthread_mutex_lock(&c->lock);
    c->cancel = NULL; /* the job's end frees it */
    model_command_done(&c->command);
    buf_append(&c->answer, buf_text(&answer), answer.len);
    end_run(c, e);
    pthread_mutex_unlock(&c->lock);
    put_connect(c);
}

/* Under the lock: text from START on is a whole command. */
static void begin_run(struct fs_connect *c, size_t start)
{
    buf_reset(&c->answer);
    c->answer_read = 0;
    c->cancel_asked = false;
    c->state = RUNNING;
    errint e = model_command_parse(c->text.data + start, c->text.len - start, &c->command);
    c->ran_len = c->text.len;
    if (e) {
        end_run(c, e);
        return;
    }
    atomic_fetch_add(&c->refs, 1);
    e = jobs_start(c->model->jobs, "connect", run_command, c);
    if (e) {
        model_command_done(&c->command);
        end_run(c, e);
        atomic_fetch_sub(&c->refs, 1); /* never the last: the file is open */
    }
}

/* Under the lock. */
static errint add_text(struct fs_connect *c, const char *data, size_t len)
{
    size_t waiting = c->text.len - c->ran_len;
    c->wrote = true;
    if (len > MODEL_COMMAND_MAX - waiting) {
        c->ran_len = c->text.len;
        return err_set(-EINVAL, "a command is at most %d bytes", MODEL_COMMAND_MAX);
    }
    if (c->text.len + len > TEXT_MAX) {
        memmove(c->text.data, c->text.data + c->ran_len, waiting);
        c->text.len = waiting;
        c->ran_len = 0;
    }
    buf_append(&c->text, data, len);
    return buf_error(&c->text);
}

/* Under the lock: 0 when the write is done, -EAGAIN when it began a run. */
static errint take_text(struct fs_connect *c, const char *data, size_t len)
{
    size_t start = 0;
    errint e = add_text(c, data, len);
    bool whole =
        e == 0 && model_command_scan_open(c->text.data, c->text.len, c->ran_len, len, &start) == MODEL_TEXT_WHOLE;
    if (whole && start < c->ran_len && c->result.code) {
        c->ran_len = c->text.len;
        e = err_set(-EINVAL, "the command that this would add to failed: write all of it again");
    }
    if (e) {
        buf_reset(&c->answer);
        c->answer_read = 0;
        refuse(c, e);
    }
    if (e || !whole)
        return e;
    begin_run(c, start);
    return -EAGAIN;
}

errint fs_connect_write(struct fs_connect *c, const char *data, size_t len, unsigned *stage, struct waiter *w)
{
    errint e = -EAGAIN;
    pthread_mutex_lock(&c->lock);
    if (*stage == 0 && c->state == IDLE) {
        e = len ? take_text(c, data, len) : 0;
        *stage = e == -EAGAIN;
    }
    if (*stage == 1 && c->state == DONE) {
        e = c->result.code ? err_again(&c->result) : 0;
        c->state = IDLE;
        waitlist_wake(&c->waiters);
    }
    if (e == -EAGAIN)
        waitlist_add(&c->waiters, w);
    pthread_mutex_unlock(&c->lock);
    return e;
}

void fs_connect_cancel(struct fs_connect *c)
{
    pthread_mutex_lock(&c->lock);
    c->cancel_asked = true;
    if (c->cancel)
        cancel_ask(c->cancel);
    pthread_mutex_unlock(&c->lock);
}

bool fs_connect_wrote(struct fs_connect *c)
{
    pthread_mutex_lock(&c->lock);
    bool wrote = c->wrote;
    pthread_mutex_unlock(&c->lock);
    return wrote;
}

errint fs_connect_read(struct fs_connect *c, size_t len, struct buf *ret, struct waiter *w)
{
    errint e = 0;
    pthread_mutex_lock(&c->lock);
    if (c->state == RUNNING) {
        waitlist_add(&c->waiters, w);
        e = -EAGAIN;
    } else {
        size_t left = c->answer.len - c->answer_read;
        size_t n = left < len ? left : len;
        buf_append(ret, buf_text(&c->answer) + c->answer_read, n);
        e = buf_error(ret);
        if (e == 0)
            c->answer_read += n;
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}
