/* How a report lies in its bucket: where its periods are, where a period's manifest is, which objects it names, and in
 * which dialect they are written.
 *
 * Layouts are rows of one table (model/layout.c). A layout is known by what the manifest's keys look like.
 *
 * Ownership: results are the caller's. Threads: any. Errors: -EIO a manifest that is not one, or whose keys lie outside the
 * report's own folder; -EFBIG too many keys. Cost: one parse.
 *
 * AWS: "Cost and Usage Reports user guide", "Report file organization" and "Manifest files".
 */
#ifndef CTFS_MODEL_LAYOUT_H
#define CTFS_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/errors.h"

#define MODEL_LAYOUT_ROOTS_MAX 4
#define MODEL_LAYOUT_KEYS_MAX 20000

/* The folders below which the report's periods may lie ("cur/daily/"), the likeliest first: an empty prefix gives keys with
 * a leading slash, and people type the console's prefix/report as prefix. */
struct model_layout_roots {
    char *roots[MODEL_LAYOUT_ROOTS_MAX];
    size_t count;
};
errint model_layout_roots(const char *prefix, const char *report, struct model_layout_roots *ret);
void model_layout_roots_done(struct model_layout_roots *r);

/* Is FOLDER (ending in /), a direct child of ROOT, a billing period ("20261101-20261201")? Then its month, "2026-11". */
bool model_layout_period(const char *root, const char *folder, char ret_period[8]);

/* The key of the manifest of the newest delivery in FOLDER. */
errint model_layout_manifest_key(const char *folder, const char *report, char **ret);

struct model_layout {
    const char *name; /* "overwrite", "create-new", "elsewhere" */
    /* Do keys in KEYS_FOLDER (ending in /) belong to this layout, when the period's folder is FOLDER? */
    bool (*match)(const char *folder, const char *keys_folder, const char *assembly_id);
};

struct model_manifest {
    char *assembly_id, *account, *compression, *content_type;
    char **keys; /* reportKeys, as written */
    size_t key_count;
    bool gzip_csv; /* the dialect that report.csv can be made of */
    const struct model_layout *layout;
    char **columns; /* "lineItem/UsageAccountId" */
    char **types;   /* "" where the manifest has none */
    size_t column_count;
};

/* Parses a manifest that lies in FOLDER below ROOT. Keys are compared without their leading slashes. */
errint model_manifest_parse(const char *text, size_t len, const char *root, const char *folder,
                            struct model_manifest *ret);
void model_manifest_done(struct model_manifest *m);

/* KEY up to its last slash, that included; "" without one. */
errint model_layout_folder_of(const char *key, char **ret);

/* Are A and B the same key but for leading slashes? */
bool model_layout_same_key(const char *a, const char *b);

#endif
