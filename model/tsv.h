/* CSV in, tab-separated out: one header line for all files, and every cell on one line, so that awk -F'\t' is right.
 *
 * Tabs and newlines in cells become spaces (CR LF one space); all else is copied byte for byte, amounts of money too.
 *
 * Ownership: model_tsv_done ends it; the descriptors are the caller's.
 * Threads:   one user at a time.
 * Errors:    -EINVAL a header that differs from the first file's, a record with another number of cells, malformed CSV
 *            (the message names file and record); -EFBIG; reading's and writing's own. What was written before stays
 *            written.
 * Cost:      streaming; two buffers of 256 KiB.
 */
#ifndef CTFS_MODEL_TSV_H
#define CTFS_MODEL_TSV_H

#include <stdbool.h>

#include "base/buf.h"

struct model_tsv {
    int out_fd;
    struct buf header; /* private: the first file's, as it was written */
    bool has_header;   /* private */
    size_t columns;    /* private */
    struct buf out;    /* private: not yet written */
    char *line;        /* private: the record at hand */
    size_t line_cap;   /* private */
};

void model_tsv_init(struct model_tsv *t, int out_fd);
void model_tsv_done(struct model_tsv *t);

/* All records of one file, from IN_FD; NAME stands in messages. A file without a byte has no header and adds nothing.
 */
errint model_tsv_file(struct model_tsv *t, int in_fd, const char *name);

/* Writes what is left. */
errint model_tsv_flush(struct model_tsv *t);

#endif
