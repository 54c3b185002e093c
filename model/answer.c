/* One line a pair, whatever the value holds. */
#include "model/answer.h"

#include <string.h>

#include "base/cleanup.h"

static void quote(struct buf *to, const char *value)
{
    buf_putc(to, '\'');
    for (const char *p = value; *p; p++) {
        if (*p == '\'')
            buf_puts(to, "'\\''");
        else
            buf_putc(to, (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
    }
    buf_putc(to, '\'');
}

void model_answer_add(struct buf *to, const char *key, const char *value)
{
    buf_printf(to, "%s=", key);
    quote(to, value ? value : "");
    buf_putc(to, '\n');
}

void model_answer_addf(struct buf *to, const char *key, const char *format, ...)
{
    struct buf text cleanup_buf = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    model_answer_add(to, key, buf_text(&text));
}

void model_answer_some(struct buf *to, const char *key, const char *value)
{
    if (value && *value)
        model_answer_add(to, key, value);
}

void model_answer_refusal(struct buf *to, errint e)
{
    struct err kept = {0};
    err_keep(&kept, e);
    model_answer_add(to, "error", kept.message ? kept.message : err_name(e));
    model_answer_add(to, "errno", err_name(e));
    (void)err_again(&kept);
    err_done(&kept);
}

void model_answer_word(struct buf *to, const char *value)
{
    size_t plain = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-");
    if (*value && !value[plain])
        buf_puts(to, value);
    else
        quote(to, value);
}
