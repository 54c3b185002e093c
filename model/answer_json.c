/* An answer's lines read back, as a shell would, into objects. */
#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/answer.h"

/* 'it'\''s' at *AT, up to the line's end. */
static void unquote(const char **at, struct buf *to)
{
    const char *p = *at;
    for (bool inside = false; *p && *p != '\n'; p++) {
        if (*p == '\'')
            inside = !inside;
        else if (!inside && *p == '\\' && p[1])
            buf_putc(to, *++p);
        else
            buf_putc(to, *p);
    }
    *at = p;
}

/* JSON holds nothing but UTF-8: another byte, of a path or of what was typed, is '?'. */
static void make_utf8(struct buf *text)
{
    for (size_t at = 0, n; at < text->len; at += n) {
        n = utf8_len(text->data + at, text->len - at);
        if (n == 0) {
            text->data[at] = '?';
            n = 1;
        }
    }
}

static void take_line(const char **at, cJSON *object)
{
    struct buf value cleanup_buf = BUF_INIT;
    const char *equals = strchr(*at, '=');
    char *key cleanup_free = equals ? strndup(*at, (size_t)(equals - *at)) : NULL;
    *at = equals ? equals + 1 : *at + strlen(*at);
    unquote(at, &value);
    make_utf8(&value);
    if (key)
        cJSON_AddStringToObject(object, key, buf_text(&value));
    *at += **at == '\n';
}

static cJSON *blocks(const char *lines)
{
    cJSON *list = cJSON_CreateArray(), *object = NULL;
    for (const char *at = lines; *at;) {
        if (*at == '\n') {
            object = NULL;
            at++;
            continue;
        }
        if (!object) {
            object = cJSON_CreateObject();
            cJSON_AddItemToArray(list, object);
        }
        take_line(&at, object);
    }
    return list;
}

errint model_answer_json(struct buf *to, const char *lines, bool one)
{
    cJSON *list cleanup(aws_json_deletep) = blocks(lines);
    const cJSON *first = cJSON_GetArrayItem(list, 0);
    if (!list)
        return err_set(-ENOMEM, "no memory for an answer");
    aws_json_print(to, one && first ? first : list);
    return buf_error(to);
}
