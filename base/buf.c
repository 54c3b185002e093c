/* data[0..len) are the bytes, data[len] is NUL, cap counts both. Growth doubles, up to what the limit needs. */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 128 /* a key's name is printed at once */

static void give_back(const struct buf *b)
{
    if (b->secret && b->data)
        explicit_bzero(b->data, b->cap);
    free(b->data);
}

/* realloc may leave a copy behind. */
static char *grow(const struct buf *b, size_t cap)
{
    if (!b->secret)
        return realloc(b->data, cap);
    char *data = malloc(cap);
    if (!data)
        return NULL;
    if (b->data)
        memcpy(data, b->data, b->len + 1);
    give_back(b);
    return data;
}

/* Makes room for LEN more bytes and the NUL. */
static bool reserve(struct buf *b, size_t len)
{
    if (b->error)
        return false;
    if (len > SIZE_MAX / 4 - b->len || (b->limit && b->len + len > b->limit)) {
        b->error = -EFBIG;
        return false;
    }
    size_t need = b->len + len + 1;
    if (b->data && need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : CAP_FIRST;
    while (cap < need)
        cap *= 2;
    if (b->limit && cap > b->limit + 1)
        cap = b->limit + 1;
    char *data = grow(b, cap);
    if (!data) {
        b->error = -ENOMEM;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
}

void buf_puts(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

/* Into the room that there is; false when it is not enough, and nothing was added. */
static bool print_within(struct buf *b, const char *format, va_list args, int *ret_len)
    __attribute__((format(printf, 2, 0)));

static bool print_within(struct buf *b, const char *format, va_list args, int *ret_len)
{
    size_t room = b->data && !b->error ? b->cap - b->len : 0;
    *ret_len = vsnprintf(room ? b->data + b->len : NULL, room, format, args);
    bool fits = *ret_len >= 0 && (size_t)*ret_len < room && (!b->limit || b->len + (size_t)*ret_len <= b->limit);
    if (fits)
        b->len += (size_t)*ret_len;
    else if (room)
        b->data[b->len] = 0;
    return fits;
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    int len;
    va_copy(again, args);
    if (!b->data)
        (void)reserve(b, 0);
    if (!print_within(b, format, args, &len)) {
        if (len < 0 && !b->error)
            b->error = -EINVAL;
        if (len >= 0 && reserve(b, (size_t)len)) {
            (void)vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
            b->len += (size_t)len;
        }
    }
    va_end(again);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->error = 0;
    if (b->data)
        b->data[0] = 0;
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

errint buf_error(const struct buf *b)
{
    if (b->error == -EFBIG)
        return err_set(-EFBIG, "text longer than its limit of %zu bytes", b->limit);
    if (b->error == -ENOMEM)
        return err_set(-ENOMEM, "no memory for a text of more than %zu bytes", b->len);
    if (b->error)
        return err_set(b->error, "text that cannot be formatted");
    return 0;
}

char *buf_steal(struct buf *b)
{
    if (!b->data)
        buf_append(b, "", 0);
    char *data = b->error ? NULL : b->data;
    if (!data)
        give_back(b);
    *b = (struct buf){.limit = b->limit, .secret = b->secret};
    return data;
}

void buf_done(struct buf *b)
{
    give_back(b);
    *b = (struct buf){.limit = b->limit, .secret = b->secret};
}
