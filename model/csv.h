/* CSV records (RFC 4180) as they come: quotes, commas and newlines inside cells, LF and CRLF, a byte order mark passed
 * over, any cut of the input.
 *
 * Ownership: model_csv_init's caller owns the struct and ends it with model_csv_done; cells are valid until the next
 *            call.
 * Threads:   one user at a time.
 * Errors:    -EINVAL text behind a closing quote, an end inside quotes; -EFBIG over a limit; -ENOMEM; sticky.
 * Cost:      each byte is looked at once and copied once.
 */
#ifndef CTFS_MODEL_CSV_H
#define CTFS_MODEL_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define MODEL_CSV_RECORD_MAX (4u << 20) /* bytes of one record */
#define MODEL_CSV_CELLS_MAX 10000u      /* cells of one record */

enum model_csv_state { MODEL_CSV_START, MODEL_CSV_PLAIN, MODEL_CSV_QUOTED, MODEL_CSV_QUOTE, MODEL_CSV_CR };

struct model_csv {
    struct buf text;   /* private: the record's cells, decoded, one behind another */
    size_t *ends;      /* private: where each cell ends in TEXT */
    size_t cells_cap;  /* private */
    size_t cell_count; /* of the record that model_csv_feed or model_csv_end gave */
    uint64_t records;  /* given so far */
    uint64_t
        record_bytes; /* bytes of the input that the last record took, its line end and blank lines before it too */
    uint64_t pending_bytes;     /* private */
    enum model_csv_state state; /* private */
    bool complete;              /* private: the record in TEXT was given */
    unsigned char mark_bytes;   /* private: of the byte order mark, that came; over 3: it is behind us */
};

void model_csv_init(struct model_csv *c);
void model_csv_done(struct model_csv *c);

/* Takes bytes of DATA until a record is whole or all are taken: *ret_used of them, *ret_record says which. A line
 * without a byte is not a record. */
errint model_csv_feed(struct model_csv *c, const char *data, size_t len, size_t *ret_used, bool *ret_record);

/* The input has ended: a last record without a line end is whole now. */
errint model_csv_end(struct model_csv *c, bool *ret_record);

/* Cell INDEX of the record: its bytes (not NUL-terminated) and their number. */
const char *model_csv_cell(const struct model_csv *c, size_t index, size_t *ret_len);

/* The bytes of all its cells together. */
size_t model_csv_text_len(const struct model_csv *c);

/* The index of the cell whose text is NAME, or -1. */
long model_csv_find(const struct model_csv *c, const char *name);

#endif
