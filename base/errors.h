/* Errors as negative errno values with the thread's last message.
 *
 * Ownership: messages belong to the thread (err_message) or to a struct err that keeps a copy.
 * Threads:   every function may be called from any thread; a struct err needs its owner's lock.
 * Errors:    none of these fail; a message that does not fit in 1,023 bytes is cut.
 * Cost:      no allocation but in err_keep.
 */
#ifndef CTFS_BASE_ERRORS_H
#define CTFS_BASE_ERRORS_H

#include <errno.h>
#include <stdarg.h>

/* 0, or a negative errno value. Results leave through ret_ parameters, written on success alone. */
typedef int errint;

/* Sets the thread's message and gives CODE back: return err_set(-ESTALE, "s3://%s/%s changed", b, k); A macro, so that
 * a reader of one file alone, an analyzer say, knows which code comes back. */
#define err_set(code, ...)                                                                                             \
    __extension__({                                                                                                    \
        errint code_ = (code);                                                                                         \
        err_message_set(__VA_ARGS__);                                                                                  \
        code_;                                                                                                         \
    })

/* Puts "CONTEXT: " before the thread's message, for a caller that knows more. Gives CODE back. */
#define err_add(code, ...)                                                                                             \
    __extension__({                                                                                                    \
        errint code_ = (code);                                                                                         \
        err_message_add(__VA_ARGS__);                                                                                  \
        code_;                                                                                                         \
    })

/* What err_set and err_add do with the message. */
void err_message_set(const char *format, ...) __attribute__((format(printf, 1, 2)));
void err_message_add(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The thread's message of its last err_set; "" at first. Never NULL, valid until the next err_ call of the thread. */
const char *err_message(void);

/* "ENOENT" for -ENOENT or ENOENT; "errno 999" for one without a name. The text is static or the thread's. */
const char *err_name(errint code);

/* A failure that outlives its call: a shared failed state keeps one, so that whoever only waited reports the cause. */
struct err {
    errint code;   /* 0: no failure */
    char *message; /* NULL or owned */
};

/* Keeps CODE with the thread's message, in place of what E held. CODE 0 clears E. */
void err_keep(struct err *e, errint code);

/* Makes E's message the thread's and gives E's code back. */
errint err_again(const struct err *e);

/* Frees what E holds and clears it. */
void err_done(struct err *e);

#endif
