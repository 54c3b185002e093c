/* What status says until it is over (model_status_note, model_status_tell).
 *
 * Ownership: the model's. Threads: any. Errors: -ENOMEM. Cost: a walk over at most 200.
 */
#ifndef CTFS_MODEL_NOTES_H
#define CTFS_MODEL_NOTES_H

#include "model/status.h"

errint model_notes_new(struct model_notes **ret);
void model_notes_free(struct model_notes *n); /* NULL is nothing */

struct model_note {
    const char *text;
    int64_t said_unix;
    bool fails; /* what is mounted is not what it should be */
};

/* In the order in which they were first said; EACH must not note. */
void model_notes_each(struct model_notes *n, void (*each)(void *arg, const struct model_note *note), void *arg);

#endif
