/* CSV records: quotes, newlines in cells, line ends, limits, and that cutting the input changes nothing. */
#include "model/csv.h"

#include "tests/lib/unit.h"

/* All records as "cell|cell;" fed in pieces of STEP bytes; "!ERRNO" at the end when it failed. */
static void parse(const char *text, size_t len, size_t step, struct buf *to)
{
    struct model_csv c;
    model_csv_init(&c);
    errint e = 0;
    for (size_t at = 0; e == 0 && at <= len;) {
        bool record = false;
        size_t used = 0;
        if (at == len) {
            e = model_csv_end(&c, &record);
            at++;
        } else {
            e = model_csv_feed(&c, text + at, step < len - at ? step : len - at, &used, &record);
            at += used;
        }
        for (size_t i = 0; e == 0 && record && i < c.cell_count; i++) {
            size_t cell_len;
            const char *cell = model_csv_cell(&c, i, &cell_len);
            buf_append(to, cell, cell_len);
            buf_putc(to, i + 1 < c.cell_count ? '|' : ';');
        }
    }
    if (e)
        buf_printf(to, "!%s", err_name(e));
    model_csv_done(&c);
}

static void check(const char *text, const char *want)
{
    for (size_t step = 1; step < 12; step++) {
        struct buf got = BUF_INIT;
        parse(text, strlen(text), step, &got);
        CHECK_STR(buf_text(&got), want);
        buf_done(&got);
    }
}

static void records_are_cut_at_line_ends(void)
{
    check("", "");
    check("a", "a;");
    check("a,b\nc,d\n", "a|b;c|d;");
    check("a,b\r\nc,d\r\n", "a|b;c|d;");
    check("a,b\nc,d", "a|b;c|d;");
    check("a,b\r", "a|b;");
    check(",\n,,\n", "|;||;");
    check("a,\n", "a|;");
}

static void a_byte_order_mark_is_passed_over(void)
{
    check("\xef\xbb\xbf\"a,b\n\",c\n1,2\n", "a,b\n|c;1|2;");
    check("\xef\xbb\xbf", "");
    check("\xef\xbb\xbf\n\na\n", "a;");
    check("\xef\xbb", "\xef\xbb;");
    check("\xef\xbb\"a\n", "\xef\xbb\"a;");
    check("a\n\xef\xbb\xbf"
          "b\n",
          "a;\xef\xbb\xbf"
          "b;");
    check("\xef\xbb\xbf\xef\xbb\xbf"
          "b\n",
          "\xef\xbb\xbf"
          "b;");
}

static void blank_lines_are_no_records(void)
{
    check("\n\na\n\r\nb\n\n", "a;b;");
    check("\r\n", "");
}

static void quotes_hold_commas_newlines_and_quotes(void)
{
    check("\"Amazon Web Services, Inc.\",1\n", "Amazon Web Services, Inc.|1;");
    check("\"two\nlines\",\"crlf\r\nhere\"\r\nx,y\n", "two\nlines|crlf\r\nhere;x|y;");
    check("\"say \"\"hi\"\"\",\"\"\n", "say \"hi\"|;");
    check("\"a\"", "a;");
}

static void stray_quotes_and_returns_are_text(void)
{
    check("5\" disk,x\n", "5\" disk|x;");
    check("a\rb,c\n", "a\rb|c;");
    check("a\r\r\n", "a\r;");
}

static void malformed_text_is_refused(void)
{
    check("\"a\"b\n", "!EINVAL");
    check("x\n\"a", "x;!EINVAL");
}

static void record_bytes_count_the_input(void)
{
    static const char text[] = "a,\"b\nc\"\r\nd,e\n";
    struct model_csv c;
    model_csv_init(&c);
    size_t used = 0;
    bool record = false;
    CHECK_INT(model_csv_feed(&c, text, 4, &used, &record), 0);
    CHECK(!record && used == 4);
    CHECK_INT(model_csv_feed(&c, text + 4, sizeof text - 5, &used, &record), 0);
    CHECK(record);
    CHECK_INT(c.record_bytes, 9);
    CHECK_INT(model_csv_find(&c, "b\nc"), 1);
    CHECK_INT(model_csv_find(&c, "b"), -1);
    CHECK_INT(model_csv_feed(&c, text + 9, sizeof text - 10, &used, &record), 0);
    CHECK(record);
    CHECK_INT(c.record_bytes, 4);
    model_csv_done(&c);
}

static void limits_end_a_record(void)
{
    size_t len = MODEL_CSV_RECORD_MAX + 2;
    char *text = malloc(len);
    memset(text, 'x', len);
    struct buf got = BUF_INIT;
    parse(text, len, 65536, &got);
    CHECK(got.len == 6 && strcmp(got.data, "!EFBIG") == 0);
    memset(text, ',', len);
    buf_reset(&got);
    parse(text, len, 65536, &got);
    CHECK_STR(buf_text(&got), "!EFBIG");
    buf_done(&got);
    free(text);
}

static const struct unit_test tests[] = {
    {"records_are_cut_at_line_ends", records_are_cut_at_line_ends},
    {"a_byte_order_mark_is_passed_over", a_byte_order_mark_is_passed_over},
    {"blank_lines_are_no_records", blank_lines_are_no_records},
    {"quotes_hold_commas_newlines_and_quotes", quotes_hold_commas_newlines_and_quotes},
    {"stray_quotes_and_returns_are_text", stray_quotes_and_returns_are_text},
    {"malformed_text_is_refused", malformed_text_is_refused},
    {"record_bytes_count_the_input", record_bytes_count_the_input},
    {"limits_end_a_record", limits_end_a_record},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
