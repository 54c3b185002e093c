/* A row a command; those without a file of their own are here: rename, disconnect, refresh. */
#include "model/command.h"

#include <stdio.h>
#include <string.h>

#include "model/answer.h"
#include "model/fetch.h"
#include "model/onboard.h"

/* Runs CHANGE on the row under its lock and puts it. */
static errint change_row(struct model_step *s, const char *named,
                         errint (*change)(struct model_step *s, struct cache_connection *row))
{
    struct cache_connection found = {0}, row = {0};
    struct cache_state_lock *lock = NULL;
    errint e = model_row_find(s->m, named, &found);
    if (e == 0)
        e = cache_state_lock(s->m->state, found.handle, &lock);
    if (e == 0)
        e = cache_state_get(s->m->state, found.handle, &row);
    if (e == 0)
        e = change(s, &row);
    if (e == 0)
        e = cache_state_put(s->m->state, &row);
    if (e == 0) {
        model_answer_add(s->answer, "connection", row.handle);
        model_answer_some(s->answer, "name", row.name);
        model_answer_add(s->answer, "state", model_row_state(&row));
    }
    if (lock)
        cache_state_unlock(lock);
    cache_connection_done(&row);
    cache_connection_done(&found);
    return e;
}

static errint set_name(struct model_step *s, struct cache_connection *row)
{
    const char *name = model_command_value(s->command, "name");
    errint e = model_onboard_check_name(s->m, name, row->handle);
    return e ? e : model_row_set(&row->name, name);
}

static errint rename_connection(struct model_step *s)
{
    return change_row(s, model_command_value(s->command, "connection"), set_name);
}

static errint forget(struct model_step *s, struct cache_connection *row)
{
    const char *confirm = model_command_value(s->command, "confirm");
    const char *name = *row->name ? row->name : row->handle;
    if (row->connected && (!confirm || strcmp(confirm, name) != 0))
        return err_set(-EINVAL, "%s is connected: confirm=NAME with its name, '%s'", row->handle, name);
    errint e = 0;
    char **const texts[] = {&row->role_arn, &row->principal, &row->definition_prefix, &row->last_error};
    for (size_t i = 0; e == 0 && i < sizeof texts / sizeof texts[0]; i++)
        e = model_row_set(texts[i], "");
    if (e == 0)
        e = model_row_set(&row->notes, "{}");
    if (e == 0)
        e = model_row_set(&row->granted, "[]");
    row->connected = row->direct = false;
    row->connected_unix = row->last_error_unix = 0;
    return e;
}

/* The cache goes when the row says so: by the look that every process takes at rows that changed. */
static errint disconnect(struct model_step *s)
{
    struct model_customer *c = NULL;
    errint e = change_row(s, model_command_value(s->command, "disconnect"), forget);
    if (e < 0)
        return e;
    (void)model_current(s->m, &c); /* here, that is now; none to show is as it should be */
    model_customer_put(c);
    return 0;
}

static errint refresh_customer(struct model_step *s, struct model_customer *c, bool all)
{
    (void)s;
    if (!c->connection.connected)
        return err_set(-EACCES, "%s is not connected", c->connection.handle);
    if (all)
        return model_fetch_refresh(c, MODEL_TOPIC_COUNT);
    errint e = model_fetch_refresh(c, MODEL_REPORTS);
    if (e == 0)
        e = model_fetch_refresh(c, MODEL_MONTHS);
    return e ? e : model_fetch_refresh(c, MODEL_MONTH);
}

static errint refresh(struct model_step *s)
{
    const char *what = model_command_value(s->command, "refresh");
    const char *named = model_command_value(s->command, "connection");
    if (strcmp(what, "all") != 0 && strcmp(what, "cur") != 0)
        return err_set(-EINVAL, "refresh= takes all or cur, not '%.40s'", what);
    if (!s->m->store)
        return err_set(-EINVAL, "refresh= is for a mount: write it to connect there");
    struct model_customer *c = NULL;
    struct cache_connection row = {0};
    errint e = named ? model_row_find(s->m, named, &row) : 0;
    if (e == 0)
        e = named ? model_customer_new(s->m, &row, &c) : model_current(s->m, &c);
    cache_connection_done(&row);
    if (e == -ENOTUNIQ)
        e = err_set(-EINVAL, "there are several connections: say which: refresh=%s connection=NAME", what);
    if (e == 0)
        e = refresh_customer(s, c, strcmp(what, "all") == 0);
    if (e == 0) {
        model_answer_add(s->answer, "connection", c->connection.handle);
        model_answer_add(s->answer, "refresh", what);
    }
    model_customer_put(c);
    return e;
}

static errint (*const runners[MODEL_COMMAND_COUNT])(struct model_step *s) = {
    [MODEL_COMMAND_ONBOARD] = model_onboard_begin,
    [MODEL_COMMAND_CONNECT] = model_onboard_role,
    [MODEL_COMMAND_RENAME] = rename_connection,
    [MODEL_COMMAND_DISCONNECT] = disconnect,
    [MODEL_COMMAND_REFRESH] = refresh,
};

static void answer_failure(struct model_step *s, errint e)
{
    buf_reset(s->answer);
    model_answer_some(s->answer, "connection", s->handle);
    model_answer_refusal(s->answer, e);
}

errint model_command_run(struct model *m, const struct model_command *command, struct cancel *cancel,
                         void (*progress)(void *arg, const char *line), void *arg, struct buf *answer)
{
    enum model_command_index kind;
    struct model_step s = {
        .m = m, .command = command, .cancel = cancel, .progress = progress, .arg = arg, .answer = answer};
    errint e = model_command_classify(command, &kind);
    if (e == 0)
        e = runners[kind](&s);
    if (e == 0)
        e = buf_error(answer);
    if (e < 0)
        answer_failure(&s, e);
    return e;
}
