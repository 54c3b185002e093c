/* A growing byte buffer with a limit and a sticky failure, always NUL-terminated behind its bytes.
 *
 * Ownership: buf_done frees; buf_steal hands the bytes to the caller, who frees them with free().
 * Threads:   one user at a time.
 * Errors:    appending never returns one: the first failure (-ENOMEM, -EFBIG past the limit) is kept and every later
 *            append is ignored; the writer asks buf_error once, at the end.
 * Cost:      amortized one copy.
 */
#ifndef CTFS_BASE_BUF_H
#define CTFS_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/errors.h"

struct buf {
    char *data;   /* NULL only while nothing was appended */
    size_t len;   /* bytes in use, without the NUL */
    size_t cap;   /* private */
    size_t limit; /* bytes at most; 0: none */
    errint error; /* private: the first failure */
    bool secret;  /* set before the first append: memory is wiped before it is given back; buf_steal's is the taker's */
};

#define BUF_INIT                                                                                                       \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define BUF_LIMIT(bytes)                                                                                               \
    {                                                                                                                  \
        .limit = (bytes)                                                                                               \
    }

void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Forgets the bytes and the failure, keeps the memory. */
void buf_reset(struct buf *b);

/* The text, "" when empty. Never NULL. */
const char *buf_text(const struct buf *b);

/* 0, or the first failure with its message set. */
errint buf_error(const struct buf *b);

/* The bytes, NUL-terminated, to be freed by the caller; B is empty afterwards. NULL on failure (ask buf_error before).
 */
char *buf_steal(struct buf *b);

/* Frees; fit for __attribute__((cleanup)): see buf_cleanup in base/cleanup.h. */
void buf_done(struct buf *b);

#endif
