/* The folders and files of months, for cur/, raw/ and views/.
 *
 * Ownership: a month is held by the ask. Threads: any. Errors: as fs/kind.h. Cost: of a snapshot that is cached, none.
 */
#ifndef CTFS_FS_MONTH_H
#define CTFS_FS_MONTH_H

#include "fs/kind.h"

/* What a folder of months is made of (fs/kind.h): the periods, as folders of the place's kind's .month. */
errint fs_months_list(struct fs_ask *a, const struct fs_place *p, struct fs_listing *into);
errint fs_months_find(struct fs_ask *a, const struct fs_place *p, const char *period, struct fs_place *ret);
errint fs_months_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns);

/* PERIOD's snapshot. */
errint fs_month_get(struct fs_ask *a, const char *period, struct model_month **ret);
/* When the month P (arg[0]) was delivered, as far as is known; never waits. */
errint fs_month_changed(struct fs_ask *a, const struct fs_place *p, int64_t *ret_ns);

/* The index of the part whose file's name is NAME: as delivered, or as its decompressed view is named. -ENOENT. */
errint fs_month_part(const struct model_month *m, const char *name, bool view, size_t *ret);
/* The view's name: without ".gz", unless another part is named so. */
errint fs_month_view_name(const struct model_month *m, size_t index, struct buf *ret);

/* Files of a month: arg[0] is the period, arg[1] the file's name where there are several. */
extern const struct fs_kind fs_file_report, fs_file_part, fs_file_raw, fs_file_manifest, fs_file_month_text;

#endif
