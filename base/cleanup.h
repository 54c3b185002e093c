/* Scoped cleanup: locals free themselves; steal_ptr hands one on.
 *
 * Ownership: a local marked with one of these owns its value until steal_ptr takes it.
 * Threads:   no state.
 * Errors:    none; a failing close is ignored (nothing is written through these).
 * Cost:      none.
 */
#ifndef CTFS_BASE_CLEANUP_H
#define CTFS_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

#define cleanup(fn) __attribute__((cleanup(fn)))

/* Defines NAME(TYPE *p), which calls FREE(*p) unless it is NULL: one per foreign type, beside its use. */
#define DEFINE_CLEANUP(name, type, free_fn)                                                                            \
    static inline void name(type *p)                                                                                   \
    {                                                                                                                  \
        if (*p)                                                                                                        \
            free_fn(*p);                                                                                               \
    }

static inline void cleanup_freep(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

DEFINE_CLEANUP(cleanup_fclosep, FILE *, (void)fclose)

#define cleanup_free cleanup(cleanup_freep)   /* char *x cleanup_free = NULL; */
#define cleanup_fd cleanup(cleanup_closep)    /* int fd cleanup_fd = -1; */
#define cleanup_file cleanup(cleanup_fclosep) /* FILE *f cleanup_file = NULL; */
#define cleanup_buf cleanup(buf_done)         /* struct buf b cleanup_buf = BUF_INIT; */

/* Gives the pointer away: return steal_ptr(&x); */
#define steal_ptr(p)                                                                                                   \
    __extension__({                                                                                                    \
        __typeof__(*(p)) stolen_ = *(p);                                                                               \
        *(p) = NULL;                                                                                                   \
        stolen_;                                                                                                       \
    })

static inline int steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#endif
