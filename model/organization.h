/* The organization as cached: accounts, units, roots. Ask model_fetch_need(MODEL_ORGANIZATION) first.
 *
 * Ownership: texts are valid during a callback, buffers are the caller's.
 * Threads:   any; nothing here waits on a network.
 * Errors:    -ENOENT not in a complete listing.
 * Cost:      one indexed read an account; each: one query.
 */
#ifndef CTFS_MODEL_ORGANIZATION_H
#define CTFS_MODEL_ORGANIZATION_H

#include "base/buf.h"
#include "model/model.h"

struct model_account {
    const char *id, *name, *email, *state, *joined; /* joined: ISO 8601 as the CLI prints it, or "" */
    const char *parent_id;                          /* root or unit */
    const char *parent_path;                        /* "Root/Prod/Web" with each name escaped */
    int64_t joined_unix;                            /* 0 unknown */
    int64_t changed_ns;
};
errint model_accounts_each(struct model_customer *c, int (*each)(void *arg, const struct model_account *a), void *arg);
/* Did AWS refuse the lists when it was asked last (the role is not in the management account)? Then organization.json is
 * what there is, and all else here is -EACCES. */
bool model_organization_refused(struct model_customer *c);
/* Did AWS say that the account is in no organization? Then there is nothing here. */
bool model_organization_absent(struct model_customer *c);
/* Is ID an account of the organization (-ENOENT: no), and when did what is known of it last change? For its folder. */
errint model_account_changed(struct model_customer *c, const char *id, int64_t *ret_ns);
/* When the set of accounts last changed, for directories' mtime. */
errint model_accounts_changed(struct model_customer *c, int64_t *ret_ns);

enum model_account_file {
    MODEL_ACCOUNT_JSON, /* describe-account's output */
    MODEL_ACCOUNT_NAME,
    MODEL_ACCOUNT_EMAIL,
    MODEL_ACCOUNT_STATE,
    MODEL_ACCOUNT_JOINED,
    MODEL_ACCOUNT_PARENT,
    MODEL_ACCOUNT_TAGS_JSON /* needs MODEL_ACCOUNT_TAGS too */
};
errint model_account_file(struct model_customer *c, const char *id, enum model_account_file which, struct buf *ret,
                          int64_t *ret_floor_ns);
errint model_accounts_tsv(struct model_customer *c, struct buf *ret);
errint model_organization_json(struct model_customer *c, struct buf *ret); /* describe-organization's output */

/* organization/'s folders: the units of PARENT_ID ("" for the roots) and its accounts, with their file names (escaped,
 * clashes suffixed by ID). */
struct model_unit_entry {
    const char *file_name;
    const char *id;
    bool account; /* a link into accounts/; else a unit or root */
};
errint model_unit_each(struct model_customer *c, const char *parent_id,
                       int (*each)(void *arg, const struct model_unit_entry *e), void *arg);
/* by-name/: every account. */
errint model_by_name_each(struct model_customer *c, int (*each)(void *arg, const struct model_unit_entry *e),
                          void *arg);

#endif
