/* The names in organization/'s folders, kept for a moment: making them unique looks at all of a folder's entries, and a
 * tool that stats each of ten thousand asks ten thousand times.
 *
 * Ownership: a folder's names are counted; fs_unit_names_put. Threads: any. Errors: of the model; -ENOMEM.
 * Cost:      a few folders' names are kept; one is made anew when it is older than a second.
 */
#ifndef CTFS_FS_UNITS_H
#define CTFS_FS_UNITS_H

#include "fs/fs.h"
#include "model/organization.h"

struct fs_units;
errint fs_units_new(struct fs_units **ret);
void fs_units_free(struct fs_units *u);

struct fs_unit_name {
    char *file_name;
    char *id;
    bool account; /* else a unit or root */
};
struct fs_unit_names {
    atomic_uint refs;
    struct fs_unit_name *entries; /* in order of file_name's bytes */
    size_t count;
};

/* UNIT: an ID, "" for the roots, NULL for by-name. */
errint fs_unit_names_get(struct fs_units *u, struct model_customer *c, const char *unit, struct fs_unit_names **ret);
void fs_unit_names_put(struct fs_unit_names *n);
/* NULL: no such name. */
const struct fs_unit_name *fs_unit_names_find(const struct fs_unit_names *n, const char *file_name);

#endif
