/* model/csv: cutting the input anywhere changes no record, and the bytes that records say they took are the input's. The
 * first byte says how long the pieces are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void put_record(const struct model_csv *c, struct buf *to)
{
    for (size_t i = 0; i < c->cell_count; i++) {
        size_t len;
        const char *cell = model_csv_cell(c, i, &len);
        buf_printf(to, "%zu:", len);
        buf_append(to, cell, len);
    }
    buf_printf(to, ";%llu\n", (unsigned long long)c->record_bytes);
}

/* Every record's cells and length; the failure's number at the end. */
static void parse(const char *text, size_t len, size_t step, struct buf *to)
{
    struct model_csv c cleanup(model_csv_done);
    uint64_t taken = 0;
    bool record = false;
    errint e = 0;
    model_csv_init(&c);
    for (size_t at = 0; e == 0 && at < len;) {
        size_t used = 0;
        e = model_csv_feed(&c, text + at, step < len - at ? step : len - at, &used, &record);
        require(e != 0 || (used > 0 && used <= step));
        at += used;
        if (e == 0 && record) {
            put_record(&c, to);
            taken += c.record_bytes;
            require(taken == at);
        }
    }
    if (e == 0 && (e = model_csv_end(&c, &record)) == 0 && record)
        put_record(&c, to);
    buf_printf(to, "%d", e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole cleanup_buf = BUF_INIT, cut cleanup_buf = BUF_INIT;
    if (size == 0)
        return 0;
    size_t step = (size_t)data[0] % 16 + 1;
    parse((const char *)data + 1, size - 1, size, &whole);
    parse((const char *)data + 1, size - 1, step, &cut);
    require(whole.len == cut.len && memcmp(buf_text(&whole), buf_text(&cut), whole.len) == 0);
    return 0;
}
