/* The report: its months, each one manifest's snapshot, and its files as sources.
 *
 * Layouts are a table (model/layout.c): where the manifest is, which keys, which dialect. A snapshot is taken only when
 * no part is newer than the manifest and the manifest is unchanged afterwards; every GET is pinned by ETag. Sizes are
 * declared by the gzip trailer until a whole pass proves them; facts are kept by ETag for ever.
 *
 * Ownership: months are counted and immutable; sources are counted.
 * Threads:   any; what needs the network gives -EAGAIN with W waiting.
 * Errors:    -ENOENT no such month (complete listing), -EIO, -ESTALE a part was replaced and is not on disk, -ETIMEDOUT
 *            no whole snapshot within op_timeout.
 * Cost:      stated at each.
 */
#ifndef CTFS_MODEL_REPORT_H
#define CTFS_MODEL_REPORT_H

#include "base/buf.h"
#include "base/source.h"
#include "model/fetch.h"

struct model_part {
    char *key;
    char *name; /* the file's name: last part of the key, unique in the month */
    char *etag;
    uint64_t size_bytes;
    int64_t last_modified_unix;
};
struct model_month {
    atomic_uint refs;
    char period[8];      /* "2026-11" */
    char *root, *folder; /* "cur/daily/", "cur/daily/20261101-20261201/" */
    char *layout;        /* model/layout.h's name of it */
    char *manifest_key, *manifest_etag;
    char *manifest_name; /* its file's name in raw/, unique among the parts' */
    char *manifest;      /* its bytes, as delivered */
    size_t manifest_len;
    int64_t manifest_unix;    /* its LastModified */
    struct model_part *parts; /* in manifest order */
    size_t part_count;
    bool readable; /* gzip CSV: report.csv and columns.tsv exist; else raw/ alone (ZIP, Parquet) */
    int64_t fetched_ns;
};

/* The months known, newest last. Needs MODEL_MONTHS. changed: for the directory's mtime. */
errint model_months_each(struct model_customer *c, int (*each)(void *arg, const char *period), void *arg);
errint model_months_changed(struct model_customer *c, int64_t *ret_ns);
/* "latest": the newest month delivered; "previous": the calendar month before it, when delivered. -ENOENT. */
errint model_months_link(struct model_customer *c, const char *which, char ret_period[8]);

/* Of which fetch the month's snapshot is; another one has another stamp. -ENOENT: not fetched yet. */
struct model_month_stamp {
    int64_t fetched_ns, changed_ns;
};
errint model_month_stamp(struct model_customer *c, const char *period, struct model_month_stamp *ret);

/* The month's snapshot. Needs MODEL_MONTHS and MODEL_MONTH. */
errint model_month_get(struct model_customer *c, const char *period, struct model_month **ret);
void model_month_put(struct model_month *m);

/* What a file of a month is: which version, how large, how old. */
struct model_file {
    uint64_t size_bytes;
    bool verified;
    int64_t mtime_ns;
    uint64_t version; /* another number whenever the bytes, or the size that is published for them, are others */
};

#define MODEL_REPORT_CSV SIZE_MAX /* in place of a part's index: all parts, one header line */

/* The decompressed part INDEX, or the whole report. -EAGAIN while sizes are being asked for (two small GETs a part, in
 * parallel, for ever) or proven. -EIO: known to be corrupt, or headers that differ (report.csv). */
errint model_report_stat(struct model_customer *c, struct model_month *m, size_t index, struct model_file *ret,
                         struct waiter *w);
/* The same file as a source; VERSION must be the one that stat gave, else -ESTALE. The source's size is the one
 * published with that version; it fails for ever once proven otherwise, and stat then gives another version. */
errint model_report_open(struct model_customer *c, struct model_month *m, size_t index, uint64_t version,
                         struct source **ret, struct waiter *w);
/* Is the attribute known without asking anyone? For readdirplus. */
bool model_report_known(struct model_customer *c, struct model_month *m, size_t index);

#define MODEL_RAW_MANIFEST (SIZE_MAX - 1)

/* raw/: the objects as delivered; INDEX MODEL_RAW_MANIFEST for the manifest (its bytes are in the month). */
errint model_raw_stat(struct model_customer *c, struct model_month *m, size_t index, struct model_file *ret);
errint model_raw_open(struct model_customer *c, struct model_month *m, size_t index, struct source **ret);

enum model_month_file { MODEL_MONTH_COLUMNS_TSV, MODEL_MONTH_JSON };
/* columns.tsv needs the first part's header (one small GET, kept): -EAGAIN. */
errint model_month_file(struct model_customer *c, struct model_month *m, enum model_month_file which, struct buf *ret,
                        int64_t *ret_floor_ns, struct waiter *w);

/* cur/reports.json: describe-report-definitions' output. Needs MODEL_REPORTS. */
errint model_reports_json(struct model_customer *c, struct buf *ret);

/* s3://bucket/key of a part (INDEX) or "" for report.csv of several; for getxattr. */
errint model_report_uri(struct model_customer *c, struct model_month *m, size_t index, struct buf *ret);

#endif
