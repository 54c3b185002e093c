/* Each record is parsed (model/csv.c) and appended to a buffer that is written whenever it is large. The first record
 * of a file is its header: compared by its written form, so that quoting and line ends do not make headers differ.
 */
#include "model/tsv.h"

#include <string.h>

#include "base/cleanup.h"
#include "model/csv.h"

#define CHUNK_BYTES ((size_t)256 * 1024)

void model_tsv_init(struct model_tsv *t, int out_fd)
{
    *t = (struct model_tsv){.out_fd = out_fd};
}

void model_tsv_done(struct model_tsv *t)
{
    buf_done(&t->header);
    buf_done(&t->out);
    free(t->line);
    t->line = NULL;
}

errint model_tsv_flush(struct model_tsv *t)
{
    errint e = buf_error(&t->out);
    size_t done = 0;
    while (e == 0 && done < t->out.len) {
        ssize_t n = write(t->out_fd, t->out.data + done, t->out.len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            e = err_set(-errno, "write failed: %s", strerror(errno));
    }
    buf_reset(&t->out);
    return e;
}

/* LEN bytes to TO with white space other than a blank made one; gives where they end. */
static char *put_cell(char *to, const char *cell, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char byte = cell[i];
        if (byte == '\r' && i + 1 < len && cell[i + 1] == '\n')
            continue;
        *to++ = byte == '\t' || byte == '\n' || byte == '\r' ? ' ' : byte;
    }
    return to;
}

/* The record as one line in T->line: never longer than its text, a separator a cell. */
static errint make_line(struct model_tsv *t, const struct model_csv *c, size_t *ret_len)
{
    size_t need = model_csv_text_len(c) + c->cell_count;
    if (need > t->line_cap) {
        char *line = realloc(t->line, need * 2);
        if (!line)
            return err_set(-ENOMEM, "no memory for a line of %zu bytes", need);
        t->line = line;
        t->line_cap = need * 2;
    }
    char *at = t->line;
    for (size_t i = 0; i < c->cell_count; i++) {
        size_t len;
        const char *cell = model_csv_cell(c, i, &len);
        at = put_cell(at, cell, len);
        *at++ = '\t';
    }
    at[-1] = '\n';
    *ret_len = (size_t)(at - t->line);
    return 0;
}

static errint take_header(struct model_tsv *t, const struct model_csv *c, const char *name)
{
    size_t len = 0;
    errint e = make_line(t, c, &len);
    if (e == 0 && t->has_header && (len != t->header.len || memcmp(t->line, t->header.data, len) != 0))
        e = err_set(-EINVAL, "%s: its header differs from the first file's (%zu columns, not %zu, or other names)",
                    name, c->cell_count, t->columns);
    if (e || t->has_header)
        return e;
    buf_append(&t->header, t->line, len);
    buf_append(&t->out, t->line, len);
    t->has_header = true;
    t->columns = c->cell_count;
    return buf_error(&t->header);
}

static errint take_record(struct model_tsv *t, const struct model_csv *c, const char *name)
{
    size_t len = 0;
    if (c->records == 1)
        return take_header(t, c, name);
    if (c->cell_count != t->columns)
        return err_set(-EINVAL, "%s: record %llu has %zu cells, its header %zu", name, (unsigned long long)c->records,
                       c->cell_count, t->columns);
    errint e = make_line(t, c, &len);
    if (e)
        return e;
    buf_append(&t->out, t->line, len);
    return t->out.len < CHUNK_BYTES ? 0 : model_tsv_flush(t);
}

static errint take_bytes(struct model_tsv *t, struct model_csv *c, const char *name, const char *data, size_t len)
{
    while (len) {
        size_t used = 0;
        bool record = false;
        errint e = model_csv_feed(c, data, len, &used, &record);
        if (e)
            return err_add(e, "%s", name);
        if (record && (e = take_record(t, c, name)))
            return e;
        data += used;
        len -= used;
    }
    return 0;
}

static errint take_end(struct model_tsv *t, struct model_csv *c, const char *name)
{
    bool record = false;
    errint e = model_csv_end(c, &record);
    if (e)
        return err_add(e, "%s", name);
    return record ? take_record(t, c, name) : 0;
}

errint model_tsv_file(struct model_tsv *t, int in_fd, const char *name)
{
    char *chunk cleanup_free = malloc(CHUNK_BYTES);
    struct model_csv csv cleanup(model_csv_done);
    model_csv_init(&csv);
    if (!chunk)
        return err_set(-ENOMEM, "no memory to read %s", name);
    for (;;) {
        ssize_t n = read(in_fd, chunk, CHUNK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(-errno, "%s: %s", name, strerror(errno));
        errint e = n ? take_bytes(t, &csv, name, chunk, (size_t)n) : take_end(t, &csv, name);
        if (e || n == 0)
            return e;
    }
}
