/* The settings: one table of names, each -o NAME=VALUE and CTFS_NAME, with its help and its default.
 *
 * Ownership: the struct owns its texts; model_settings_done frees.
 * Threads:   filled before any start, read-only after.
 * Errors:    -EINVAL, the message naming the setting and what it takes.
 * Cost:      none.
 */
#ifndef CTFS_MODEL_SETTINGS_H
#define CTFS_MODEL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/log.h"

enum model_sizes { MODEL_SIZES_DECLARED, MODEL_SIZES_VERIFIED };
enum model_views { MODEL_VIEWS_HIDDEN, MODEL_VIEWS_LISTED };

struct model_settings {
    char *state_dir;           /* XDG_STATE_HOME/ctfs, ~/.local/state/ctfs, or /var/lib/ctfs without a home */
    char *cache_dir;           /* XDG_CACHE_HOME/ctfs, ~/.cache/ctfs, or /var/cache/ctfs */
    uint64_t cache_size_bytes; /* K, M, G, T suffixes (1024); 0: nothing kept on disk */
    char *connection;          /* a NAME or a handle; NULL: the only one */
    char *vendor_bucket;       /* NULL: none */
    char *principal;           /* 12 digits or an ARN; NULL: the caller's account */
    char *regions;             /* comma-separated; NULL: from the report, then AWS's default list */
    int64_t metadata_ttl_s;
    int64_t op_timeout_ms; /* given in seconds */
    enum model_sizes sizes;
    enum model_views views;
    bool offline;
    bool allow_other;
    uid_t uid; /* of the files; default: the mounter's */
    gid_t gid;
    mode_t umask;
    enum log_level log_level;
    enum log_format log_format;
};

struct model_setting {
    const char *name;  /* "cache_size"; the environment's is CTFS_CACHE_SIZE */
    const char *value; /* how its value is shown in help: "SIZE"; NULL for a flag */
    const char *help;
    const char *default_text; /* as shown in help */
};
/* The table, ended by a NULL name. */
extern const struct model_setting model_setting_table[];

/* The defaults, then the environment's CTFS_ variables (an unknown CTFS_ variable is not an error). */
errint model_settings_init(struct model_settings *s);
/* One setting by NAME; VALUE NULL for a flag given bare. -EINVAL for an unknown name or a bad value. */
errint model_settings_set(struct model_settings *s, const char *name, const char *value);
void model_settings_done(struct model_settings *s);

#endif
