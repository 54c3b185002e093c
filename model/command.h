/* The text of `connect`: key=value pairs or one JSON object of strings; when it is whole; running it.
 *
 * Ownership: a command owns its texts.
 * Threads:   parsing anywhere; running blocks on the network: job threads.
 * Errors:    -EINVAL malformed (the message names what), -EACCES, -ENOENT, -EEXIST, -EBUSY, -ETIMEDOUT, -EHOSTUNREACH,
 *            -EINTR.
 * Cost:      parsing is linear in at most 4 KiB.
 */
#ifndef CTFS_MODEL_COMMAND_H
#define CTFS_MODEL_COMMAND_H

#include "base/buf.h"
#include "base/cancel.h"
#include "model/model.h"

#define MODEL_COMMAND_MAX 4096

struct model_command_pair {
    char *key, *value;
};
struct model_command {
    struct model_command_pair *pairs;
    size_t count;
};

enum model_command_text { MODEL_TEXT_BLANK, MODEL_TEXT_PARTIAL, MODEL_TEXT_WHOLE };

/* The commands, by their keys: those that must be there and those that may. */
struct model_command_kind {
    const char *name;                      /* for messages: "an onboarding" */
    const char *required[4], *optional[6]; /* NULL-ended */
};
extern const struct model_command_kind model_command_kinds[];
enum model_command_index {
    MODEL_COMMAND_ONBOARD,    /* bucket report prefix [name role bucket_owner] */
    MODEL_COMMAND_CONNECT,    /* role_arn [connection wait name] */
    MODEL_COMMAND_RENAME,     /* connection name */
    MODEL_COMMAND_DISCONNECT, /* disconnect [confirm] */
    MODEL_COMMAND_REFRESH,    /* refresh [connection] */
    MODEL_COMMAND_COUNT
};

/* Is TEXT a whole command? A JSON object is at its closing brace; pairs are when they end outside quotes and their keys
 * make a command. Pairs that can still become one are PARTIAL here: bash writes `printf 'bucket=B\nreport=R\n…'` line by
 * line, and a writer of small blocks may stop within a key. Text that can never become a command is WHOLE: parsing it
 * says why. A cut within the last value cannot be told from its end. */
enum model_command_text model_command_scan(const char *text, size_t len);

/* The same for all that was written to one open file, of which the first RAN_LEN bytes have been run and the last WRITE_LEN
 * came with one write: WHOLE means run TEXT from *RET_START on. Pairs that only add optional keys to the command before
 * are run joined to it (its line-wise writer had not finished). What goes on in the last word of a command that ran, and
 * is none by itself, is WHOLE: parsing it refuses the rest of a value whose beginning was taken for all of it. So are
 * several pairs in the first write (nothing waited before it): parsing says which key was forgotten. What then comes and
 * would have made a command with them gives *RET_START 0, as what joins does. */
enum model_command_text model_command_scan_open(const char *text, size_t len, size_t ran_len, size_t write_len,
                                                size_t *ret_start);

/* The kind whose keys these are: -EINVAL says which key is unknown, missing, or does not go with the others. */
errint model_command_classify(const struct model_command *c, enum model_command_index *ret);

/* KEY's value, or NULL. Valid while C is. */
const char *model_command_value(const struct model_command *c, const char *key);

errint model_command_parse(const char *text, size_t len, struct model_command *ret);
void model_command_done(struct model_command *c);

/* Runs it: the answer's lines KEY='VALUE' in ANSWER (also on failure: error='…' and what to do next). PROGRESS (NULL:
 * none) is told of each attempt. Nothing half-done is stored. */
errint model_command_run(struct model *m, const struct model_command *command, struct cancel *cancel,
                         void (*progress)(void *arg, const char *line), void *arg, struct buf *answer);

/* What a fresh open of `connect` reads: one block a connection: state, next step, last error. template_url is presigned
 * anew, which may need the network: W, or NULL to leave it out when it is not at hand. */
errint model_connect_text(struct model *m, struct buf *ret, struct waiter *w);

#endif
