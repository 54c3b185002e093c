/* One block a connection, parted by an empty line. URLs of all pending ones are begun before the first is waited for. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cache/store.h"
#include "model/answer.h"
#include "model/fetch.h"
#include "model/onboard.h"
#include "model/urls.h"

static errint add_pending(struct model *m, const struct cache_connection *row, struct buf *to, struct waiter *w)
{
    char vendor[64];
    char *url cleanup_free = NULL;
    int64_t expires_unix = 0;
    struct buf error cleanup_buf = BUF_INIT;
    model_row_note(row, "vendor_bucket", vendor, sizeof vendor);
    errint e = *vendor ? model_urls_get(m, row, w, &url, &expires_unix) : 0;
    if (e == -EAGAIN && w)
        return e;
    if (e < 0)
        buf_puts(&error, e == -EAGAIN ? "not checked yet" : err_message());
    model_onboard_lines(m, row, url, expires_unix, buf_text(&error), to);
    return 0;
}

static int stop_at_first(void *arg, const struct cache_item *item)
{
    (void)item;
    *(bool *)arg = true;
    return 1;
}

/* A report that was waited for at onboarding has come since, when its months are cached: said here, not stored. */
static errint take_delivery(struct model *m, struct cache_connection *row)
{
    char value[32], handle[48];
    struct buf scope cleanup_buf = BUF_INIT;
    bool delivered = false;
    model_row_note(row, "report", value, sizeof value);
    if (!m->store || strcmp(value, "waiting") != 0)
        return 0;
    (void)snprintf(handle, sizeof handle, "%s/", row->handle);
    model_fetch_scope(&(struct model_customer){.scope = handle}, MODEL_MONTHS, "", &scope);
    (void)cache_store_each(m->store, buf_text(&scope), stop_at_first, &delivered);
    return delivered ? model_row_note_put(row, "report", "delivered") : 0;
}

static errint add_block(struct model *m, struct cache_connection *row, struct buf *to, struct waiter *w)
{
    struct buf line cleanup_buf = BUF_INIT;
    char when[CLOCK_ISO_SIZE];
    bool running = model_progress_line(m, row->handle, &line);
    model_answer_add(to, "connection", row->handle);
    model_answer_some(to, "name", row->name);
    model_answer_add(to, "state", running ? "connecting" : model_row_state(row));
    model_answer_add(to, "bucket", row->bucket);
    model_answer_add(to, "report_name", row->report);
    model_answer_add(to, "prefix", row->prefix);
    model_answer_some(to, "progress", buf_text(&line));
    if (row->last_error && *row->last_error) {
        clock_format_iso(row->last_error_unix, when);
        model_answer_add(to, "last_error", row->last_error);
        model_answer_add(to, "last_error_time", when);
    }
    if (row->connected) {
        model_answer_add(to, "role_arn", row->role_arn);
        errint e = take_delivery(m, row);
        model_onboard_found(row, to);
        return e;
    }
    if (*row->principal)
        return add_pending(m, row, to, w);
    model_answer_addf(to, "next", "begin again: bucket=%s report=%s prefix=%s", row->bucket, row->report, row->prefix);
    return 0;
}

errint model_connect_text(struct model *m, struct buf *ret, struct waiter *w)
{
    struct cache_connection *rows = NULL;
    size_t count = 0;
    errint e = cache_state_look(m->state, &rows, &count);
    if (e < 0)
        return e;
    bool waiting = false;
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_putc(ret, '\n');
        if (e == 0 || e == -EAGAIN)
            e = add_block(m, &rows[i], ret, w);
        waiting |= e == -EAGAIN;
        cache_connection_done(&rows[i]);
    }
    free(rows);
    if (waiting)
        return -EAGAIN;
    return e ? e : buf_error(ret);
}
