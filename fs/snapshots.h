/* Months' snapshots, decoded: each name in a month's folder asks for its month, and a manifest may have thousands of keys.
 *
 * Ownership: months are counted; model_month_put. Threads: any. Errors: of model_month_get. Cost: an indexed read; a few
 *            months are kept.
 */
#ifndef CTFS_FS_SNAPSHOTS_H
#define CTFS_FS_SNAPSHOTS_H

#include "model/report.h"

struct fs_snapshots;
errint fs_snapshots_new(struct fs_snapshots **ret);
void fs_snapshots_free(struct fs_snapshots *s);

/* PERIOD as cache.db has it now. -ENOENT: not fetched yet. Never waits. */
errint fs_snapshots_get(struct fs_snapshots *s, struct model_customer *c, const char *period, struct model_month **ret);

#endif
