/* A connection's row: its texts, its notes (one JSON object of strings), its state. */
#include <stdio.h>
#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "model/onboard.h"

errint model_row_set(char **text, const char *value)
{
    char *copy = strdup(value ? value : "");
    if (!copy)
        return err_set(-ENOMEM, "no memory for a connection");
    free(*text);
    *text = copy;
    return 0;
}

static cJSON *notes_of(const struct cache_connection *row)
{
    cJSON *notes = NULL;
    if (row->notes && *row->notes && aws_json_parse(row->notes, strlen(row->notes), &notes) < 0)
        notes = NULL;
    return notes ? notes : cJSON_CreateObject();
}

void model_row_note(const struct cache_connection *row, const char *key, char *ret, size_t size)
{
    cJSON *notes cleanup(aws_json_deletep) = notes_of(row);
    const char *value = aws_json_string(notes, key);
    value = value ? value : "";
    (void)snprintf(ret, size, "%.*s", (int)utf8_fit(value, size - 1), value);
}

errint model_row_note_put(struct cache_connection *row, const char *key, const char *value)
{
    cJSON *notes cleanup(aws_json_deletep) = notes_of(row);
    cJSON_DeleteItemFromObjectCaseSensitive(notes, key);
    if (value)
        cJSON_AddStringToObject(notes, key, value);
    struct buf text cleanup_buf = BUF_INIT;
    aws_json_print_compact(&text, notes);
    errint e = buf_error(&text);
    return e ? e : model_row_set(&row->notes, buf_text(&text));
}

const char *model_row_state(const struct cache_connection *row)
{
    if (row->connected)
        return "connected";
    return *row->principal ? "pending" : "disconnected";
}

static bool is_row(const struct cache_connection *row, const char *name, int by_name)
{
    return strcmp(by_name ? row->name : row->handle, name) == 0;
}

errint model_row_find(struct model *m, const char *name, struct cache_connection *ret)
{
    struct cache_connection *rows = NULL;
    size_t count = 0, found = SIZE_MAX;
    errint e = cache_state_list(m->state, &rows, &count);
    if (e < 0)
        return e;
    for (int by_name = 0; by_name < 2; by_name++)
        for (size_t i = 0; i < count && found == SIZE_MAX; i++)
            if (is_row(&rows[i], name, by_name))
                found = i;
    for (size_t i = 0; i < count; i++) {
        if (i == found)
            *ret = rows[i];
        else
            cache_connection_done(&rows[i]);
    }
    free(rows);
    return found < SIZE_MAX ? 0 : err_set(-ENOENT, "there is no connection '%.80s'", name);
}

errint model_row_find_pending(struct model *m, struct cache_connection *ret)
{
    struct cache_connection *rows = NULL;
    size_t count = 0, pending = 0, found = SIZE_MAX;
    struct buf names cleanup_buf = BUF_INIT;
    errint e = cache_state_list(m->state, &rows, &count);
    if (e < 0)
        return e;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(model_row_state(&rows[i]), "pending") != 0)
            continue;
        buf_printf(&names, "%s%s", pending++ ? ", " : "", rows[i].handle);
        found = i;
    }
    for (size_t i = 0; i < count; i++) {
        if (i == found && pending == 1)
            *ret = rows[i];
        else
            cache_connection_done(&rows[i]);
    }
    free(rows);
    if (pending > 1)
        return err_set(-EINVAL, "several connections are pending: say which: connection=HANDLE: %s", buf_text(&names));
    return pending ? 0 : err_set(-ENOENT, "no connection is pending");
}

void model_row_failed(struct model *m, const char *handle, errint e)
{
    struct err kept = {0};
    struct cache_connection row = {0};
    err_keep(&kept, e);
    if (cache_state_get(m->state, handle, &row) == 0) {
        (void)model_row_set(&row.last_error, kept.message ? kept.message : err_name(e));
        row.last_error_unix = clock_wall_unix();
        (void)cache_state_put(m->state, &row);
        cache_connection_done(&row);
    }
    (void)err_again(&kept);
    err_done(&kept);
}

void model_row_partition(const struct cache_connection *row, char *ret, size_t size)
{
    const char *arn = *row->role_arn ? row->role_arn : row->principal;
    const char *end = strncmp(arn, "arn:", 4) == 0 ? strchr(arn + 4, ':') : NULL;
    if (end) {
        (void)snprintf(ret, size, "%.*s", (int)(end - arn - 4), arn + 4);
        return;
    }
    model_row_note(row, "partition", ret, size);
    if (!*ret)
        (void)snprintf(ret, size, "aws");
}
