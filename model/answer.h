/* The lines that `connect` answers with: KEY='VALUE', fit for a shell's eval.
 *
 * Ownership: appends to the caller's buffer. Threads: any. Errors: the buffer's. Cost: one pass.
 */
#ifndef CTFS_MODEL_ANSWER_H
#define CTFS_MODEL_ANSWER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/errors.h"

/* KEY is [a-z_]+. In VALUE a ' is written '\'' and a control byte ?. */
void model_answer_add(struct buf *to, const char *key, const char *value);
void model_answer_addf(struct buf *to, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, but nothing for "" and NULL. */
void model_answer_some(struct buf *to, const char *key, const char *value);
/* error= and errno= of E, whose message stays the thread's. */
void model_answer_refusal(struct buf *to, errint e);

/* LINES, blocks parted by empty ones, as the AWS command line prints JSON: an array of objects, or (ONE) the first block's
 * object. */
errint model_answer_json(struct buf *to, const char *lines, bool one);

/* VALUE as one word of a shell's command, as it is when nothing in it needs quotes. */
void model_answer_word(struct buf *to, const char *value);

#endif
