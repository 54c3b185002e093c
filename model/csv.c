/* A state a byte: START of a cell, in PLAIN text, in QUOTED text, behind a QUOTE in quoted text (it was the cell's end,
 * or the first of a pair), behind a CR that may belong to a line end. A quote inside plain text is text; so is a CR
 * that no LF follows. Runs of ordinary bytes are copied at once.
 */
#include "model/csv.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void model_csv_init(struct model_csv *c)
{
    *c = (struct model_csv){.text = BUF_LIMIT(MODEL_CSV_RECORD_MAX)};
}

void model_csv_done(struct model_csv *c)
{
    buf_done(&c->text);
    free(c->ends);
    c->ends = NULL;
}

static errint end_cell(struct model_csv *c)
{
    if (c->cell_count == c->cells_cap) {
        size_t cap = c->cells_cap ? c->cells_cap * 2 : 256;
        if (c->cell_count >= MODEL_CSV_CELLS_MAX)
            return err_set(-EFBIG, "record %llu has more than %u cells", (unsigned long long)c->records + 1,
                           MODEL_CSV_CELLS_MAX);
        size_t *ends = realloc(c->ends, cap * sizeof *ends);
        if (!ends)
            return err_set(-ENOMEM, "no memory for %zu cells", cap);
        c->ends = ends;
        c->cells_cap = cap;
    }
    c->ends[c->cell_count++] = c->text.len;
    c->state = MODEL_CSV_START;
    return 0;
}

/* The record is whole, unless it is a line without a byte. */
static errint end_record(struct model_csv *c, bool *ret_record)
{
    bool blank = c->state == MODEL_CSV_START && c->cell_count == 0;
    if (blank)
        return 0;
    errint e = end_cell(c);
    if (e == 0)
        e = buf_error(&c->text);
    if (e == -EFBIG)
        return err_set(e, "record %llu is longer than %u bytes", (unsigned long long)c->records + 1,
                       MODEL_CSV_RECORD_MAX);
    if (e)
        return e;
    c->records++;
    c->record_bytes = c->pending_bytes;
    c->pending_bytes = 0;
    c->complete = true;
    *ret_record = true;
    return 0;
}

static void begin_record(struct model_csv *c)
{
    if (!c->complete)
        return;
    buf_reset(&c->text);
    c->cell_count = 0;
    c->complete = false;
    c->state = MODEL_CSV_START;
}

static const bool ends_plain[256] = {[','] = true, ['\n'] = true, ['\r'] = true};

/* How many bytes from DATA on are ordinary in this state. */
static size_t run_length(enum model_csv_state state, const char *data, size_t len)
{
    if (state == MODEL_CSV_QUOTED) {
        const char *quote = memchr(data, '"', len);
        return quote ? (size_t)(quote - data) : len;
    }
    size_t i = 0;
    while (i < len && !ends_plain[(unsigned char)data[i]])
        i++;
    return i;
}

static errint take_quote_follower(struct model_csv *c, char byte, bool *ret_record)
{
    switch (byte) {
    case '"':
        buf_putc(&c->text, '"');
        c->state = MODEL_CSV_QUOTED;
        return 0;
    case ',':
        return end_cell(c);
    case '\n':
        return end_record(c, ret_record);
    case '\r':
        c->state = MODEL_CSV_CR;
        return 0;
    default:
        return err_set(-EINVAL, "record %llu has text behind a closing quote", (unsigned long long)c->records + 1);
    }
}

/* One byte that is not part of a run. */
static errint take_byte(struct model_csv *c, char byte, bool *ret_record)
{
    if (c->state == MODEL_CSV_QUOTE)
        return take_quote_follower(c, byte, ret_record);
    if (c->state == MODEL_CSV_QUOTED) {
        c->state = MODEL_CSV_QUOTE;
        return 0;
    }
    if (byte == ',')
        return end_cell(c);
    if (byte == '\n')
        return end_record(c, ret_record);
    if (byte == '\r') {
        c->state = MODEL_CSV_CR;
        return 0;
    }
    c->state = MODEL_CSV_QUOTED; /* a quote at a cell's start */
    return 0;
}

/* Behind a CR: an LF ends the record, anything else makes the CR text. A record of nothing but CR LF is blank. */
static errint take_after_cr(struct model_csv *c, char byte, bool *ret_used, bool *ret_record)
{
    *ret_used = byte == '\n';
    if (byte != '\n') {
        buf_putc(&c->text, '\r');
        c->state = MODEL_CSV_PLAIN;
        return 0;
    }
    bool blank = c->cell_count == 0 && c->text.len == 0;
    c->state = blank ? MODEL_CSV_START : MODEL_CSV_PLAIN;
    return end_record(c, ret_record);
}

static errint take_run(struct model_csv *c, const char *data, size_t len)
{
    buf_append(&c->text, data, len);
    if (c->state == MODEL_CSV_START)
        c->state = MODEL_CSV_PLAIN;
    if (!buf_error(&c->text))
        return 0;
    return err_set(-EFBIG, "record %llu is longer than %u bytes", (unsigned long long)c->records + 1,
                   MODEL_CSV_RECORD_MAX);
}

/* UTF-8's mark at the very beginning is no text; bytes that only begin like it are. */
static errint pass_mark(struct model_csv *c, const char *data, size_t len, bool end, size_t *ret_used)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t i = 0;
    while (c->mark_bytes < 3 && i < len && data[i] == mark[c->mark_bytes]) {
        c->mark_bytes++;
        i++;
    }
    c->pending_bytes += i;
    *ret_used = i;
    size_t matched = c->mark_bytes;
    if (matched < 3 && i == len && !end)
        return 0;
    c->mark_bytes = UCHAR_MAX;
    return matched && matched < 3 ? take_run(c, mark, matched) : 0;
}

errint model_csv_feed(struct model_csv *c, const char *data, size_t len, size_t *ret_used, bool *ret_record)
{
    begin_record(c);
    *ret_record = false;
    size_t i = 0;
    errint e = c->mark_bytes <= 3 ? pass_mark(c, data, len, false, &i) : 0;
    while (e == 0 && i < len && !*ret_record) {
        size_t run = 0;
        bool used = true;
        bool special = c->state == MODEL_CSV_QUOTE || (c->state == MODEL_CSV_START && data[i] == '"');
        if (c->state == MODEL_CSV_CR) {
            e = take_after_cr(c, data[i], &used, ret_record);
            run = used;
        } else if (!special && (run = run_length(c->state, data + i, len - i)) > 0) {
            e = take_run(c, data + i, run);
        } else {
            e = take_byte(c, data[i], ret_record);
            run = 1;
        }
        i += run;
        if (*ret_record)
            c->record_bytes += run;
        else
            c->pending_bytes += run;
    }
    *ret_used = i;
    return e;
}

errint model_csv_end(struct model_csv *c, bool *ret_record)
{
    begin_record(c);
    *ret_record = false;
    size_t used = 0;
    errint e = c->mark_bytes <= 3 ? pass_mark(c, "", 0, true, &used) : 0;
    if (e)
        return e;
    if (c->state == MODEL_CSV_QUOTED)
        return err_set(-EINVAL, "record %llu ends inside quotes", (unsigned long long)c->records + 1);
    if (c->state == MODEL_CSV_CR) {
        bool blank = c->cell_count == 0 && c->text.len == 0;
        c->state = blank ? MODEL_CSV_START : MODEL_CSV_PLAIN;
    }
    return end_record(c, ret_record);
}

const char *model_csv_cell(const struct model_csv *c, size_t index, size_t *ret_len)
{
    assert(c->complete && index < c->cell_count);
    size_t start = index ? c->ends[index - 1] : 0;
    *ret_len = c->ends[index] - start;
    return buf_text(&c->text) + start;
}

size_t model_csv_text_len(const struct model_csv *c)
{
    return c->text.len;
}

long model_csv_find(const struct model_csv *c, const char *name)
{
    size_t want = strlen(name);
    for (size_t i = 0; i < c->cell_count; i++) {
        size_t len;
        const char *cell = model_csv_cell(c, i, &len);
        if (len == want && memcmp(cell, name, len) == 0)
            return (long)i;
    }
    return -1;
}
