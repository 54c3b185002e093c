/* One message a thread, in thread-local storage. A new message is formatted aside first, because its arguments may
 * point into the old one (err_set(code, "%s", err_message())).
 */
#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_SIZE 1024

static _Thread_local char message[MESSAGE_SIZE];
static _Thread_local char number[32];

__attribute__((format(printf, 2, 0))) static void format_text(char text[MESSAGE_SIZE], const char *format, va_list args)
{
    if (vsnprintf(text, MESSAGE_SIZE, format, args) < 0)
        text[0] = 0;
}

void err_message_set(const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    format_text(text, format, args);
    va_end(args);
    memcpy(message, text, sizeof message);
}

/* Puts MORE behind TEXT, as much as there is room for. */
static void append(char text[MESSAGE_SIZE], const char *more)
{
    size_t len = strlen(text), more_len = strlen(more), room = MESSAGE_SIZE - 1 - len;
    if (more_len > room)
        more_len = room;
    memcpy(text + len, more, more_len);
    text[len + more_len] = 0;
}

void err_message_add(const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    format_text(text, format, args);
    va_end(args);
    append(text, ": ");
    append(text, message);
    memcpy(message, text, sizeof message);
}

const char *err_message(void)
{
    return message;
}

const char *err_name(errint code)
{
    const char *name = code == 0 ? NULL : strerrorname_np(code < 0 ? -code : code);
    if (name)
        return name;
    (void)snprintf(number, sizeof number, "errno %d", code < 0 ? -code : code);
    return number;
}

void err_keep(struct err *e, errint code)
{
    char *kept = code ? strdup(message) : NULL;
    free(e->message);
    e->message = kept;
    e->code = code;
}

errint err_again(const struct err *e)
{
    if (e->code == 0)
        return 0;
    /* A copy that found no memory leaves the code's name. */
    return err_set(e->code, "%s", e->message ? e->message : err_name(e->code));
}

void err_done(struct err *e)
{
    free(e->message);
    *e = (struct err){0};
}
