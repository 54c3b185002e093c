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

static void append_cell(struct buf *to, const char *cell, size_t len)
{
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        if (cell[i] != '\t' && cell[i] != '\n' && cell[i] != '\r')
            continue;
        buf_append(to, cell + from, i - from);
        if (cell[i] != '\r' || i + 1 == len || cell[i + 1] != '\n')
            buf_putc(to, ' ');
        from = i + 1;
    }
    buf_append(to, cell + from, len - from);
}

static void append_record(struct buf *to, const struct model_csv *c)
{
    for (size_t i = 0; i < c->cell_count; i++) {
        size_t len;
        const char *cell = model_csv_cell(c, i, &len);
        if (i)
            buf_putc(to, '\t');
        append_cell(to, cell, len);
    }
    buf_putc(to, '\n');
}

static errint take_header(struct model_tsv *t, const struct model_csv *c, const char *name)
{
    if (!t->has_header) {
        append_record(&t->header, c);
        buf_append(&t->out, buf_text(&t->header), t->header.len);
        t->has_header = true;
        t->columns = c->cell_count;
        return buf_error(&t->header);
    }
    struct buf header cleanup_buf = BUF_INIT;
    append_record(&header, c);
    errint e = buf_error(&header);
    if (e == 0 && (header.len != t->header.len || memcmp(header.data, t->header.data, header.len) != 0))
        e = err_set(-EINVAL, "%s: its header differs from the first file's (%zu columns, not %zu, or other names)",
                    name, c->cell_count, t->columns);
    return e;
}

static errint take_record(struct model_tsv *t, const struct model_csv *c, const char *name)
{
    if (c->records == 1)
        return take_header(t, c, name);
    if (c->cell_count != t->columns)
        return err_set(-EINVAL, "%s: record %llu has %zu cells, its header %zu", name, (unsigned long long)c->records,
                       c->cell_count, t->columns);
    append_record(&t->out, c);
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
