/* The steps of onboarding, behind model/command.h.
 *
 * A step changes a copy of the connection's row and puts it once, at its end: a crash leaves it as it was.
 *
 * Ownership: rows are the caller's; texts in them are malloc'd. Threads: job threads; all of it may block.
 * Errors: as model/command.h. Cost: stated by each.
 */
#ifndef CTFS_MODEL_ONBOARD_H
#define CTFS_MODEL_ONBOARD_H

#include "model/command.h"

/* What a step runs with. */
struct model_step {
    struct model *m;
    const struct model_command *command;
    struct cancel *cancel;
    void (*progress)(void *arg, const char *line); /* may be NULL */
    void *arg;
    struct buf *answer;
    char handle[40];         /* the connection whose step runs; "" not known yet */
    char line[512];          /* the newest progress; protected by model/progress.c */
    struct model_step *next; /* private: steps under way in this process */
};

/* Steps under way, for other opens of `connect`. */
void model_progress_begin(struct model_step *s, const char *handle);
void model_progress_end(struct model_step *s);
void model_progress_say(struct model_step *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The newest line of HANDLE's step in this process; false: none runs. */
bool model_progress_line(const struct model *m, const char *handle, struct buf *ret);

/* A row's texts. VALUE NULL is "". */
errint model_row_set(char **text, const char *value);
/* Notes: small texts kept with a connection ("vendor_bucket", "partition", "bucket_region", "report", …). */
void model_row_note(const struct cache_connection *row, const char *key, char *ret, size_t size);
errint model_row_note_put(struct cache_connection *row, const char *key, const char *value /* NULL: forget */);
/* "pending", "connected", "disconnected" */
const char *model_row_state(const struct cache_connection *row);
/* By handle, else by name: -ENOENT. */
errint model_row_find(struct model *m, const char *name, struct cache_connection *ret);
/* The one that is pending: -ENOENT if none is, -EINVAL, with their handles, if several are. */
errint model_row_find_pending(struct model *m, struct cache_connection *ret);
/* Keeps the failure of a step with the row, if there is one. */
void model_row_failed(struct model *m, const char *handle, errint e);

/* "aws", "aws-cn", … that this connection's ARNs begin with. */
void model_row_partition(const struct cache_connection *row, char *ret, size_t size);

/* Fixes what is fixed at step 1 and not yet there: external ID, principal, vendor's bucket, partition. */
errint model_onboard_fix(struct model *m, struct cache_connection *row, struct cancel *c);
/* The row of a triple as people type it, new or from state.db. */
errint model_onboard_row_of(struct model_step *s, const char *bucket, const char *report, const char *prefix,
                            struct cache_connection *ret);
errint model_onboard_begin(struct model_step *s);
/* What a customer needs, as lines; URL: presigned anew (NULL: without, ERROR says why or is ""). */
void model_onboard_lines(struct model *m, const struct cache_connection *row, const char *url, int64_t expires_unix,
                         const char *error, struct buf *to);
/* NAME is free and can be one. */
errint model_onboard_check_name(struct model *m, const char *name, const char *handle);

/* state_dir/templates/HANDLE.json, written whole. */
errint model_onboard_template_file(struct model *m, const struct cache_connection *row, char **ret_path);
/* Uploads the template, presigns it, fetches it without credentials and compares. */
errint model_onboard_publish(struct model *m, const struct cache_connection *row, struct cancel *c, char **ret_url,
                             int64_t *ret_expires_unix);

errint model_onboard_role(struct model_step *s);
/* Identity, trust (of a role), permissions, report, into a copy of the row whose role_arn is tried. */
errint model_onboard_verify(struct model_step *s, struct cache_connection *row, int64_t wait_ms);
/* Is the caller's identity within PRINCIPAL? */
bool model_onboard_in_principal(const char *principal, const char *account, const char *arn);
errint model_onboard_check_role_arn(const char *arn, const char *partition);

/* The table of permissions, each tried once, and again until WAIT_MS is over while refused: rows as JSON text. */
errint model_probe_all(struct model_step *s, struct aws_session *session, const struct cache_connection *row,
                       int64_t wait_ms, char **ret_rows);
/* Names of the actions of ROWS whose column granted is WHICH. */
void model_probe_names(const char *rows, const char *which, struct buf *ret);

/* Looks for definition and manifest: notes and definition_prefix of ROW. */
errint model_onboard_report(struct model_step *s, struct aws_session *session, struct cache_connection *row);
/* What was found, as lines. */
void model_onboard_found(const struct cache_connection *row, struct buf *to);

errint model_onboard_direct(struct model_step *s, struct cache_connection *row);

#endif
