/* The tsv filter: one header for all files, one line a record, refusals that name the file. */
#include "model/tsv.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/* Runs TEXTS (ended by NULL; files "f1", "f2" …) through the filter; the output in OUT. */
static errint run(const char *const *texts, struct buf *out)
{
    FILE *to = tmpfile();
    struct model_tsv t;
    model_tsv_init(&t, fileno(to));
    errint e = 0;
    for (int i = 0; e == 0 && texts[i]; i++) {
        FILE *in = tmpfile();
        fputs(texts[i], in);
        fflush(in);
        rewind(in);
        char name[16];
        (void)snprintf(name, sizeof name, "f%d", i + 1);
        e = model_tsv_file(&t, fileno(in), name);
        fclose(in);
    }
    if (e == 0)
        e = model_tsv_flush(&t);
    model_tsv_done(&t);
    rewind(to);
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, to)) > 0;)
        buf_append(out, chunk, n);
    fclose(to);
    return e;
}

static void check(const char *const *texts, const char *want)
{
    struct buf out = BUF_INIT;
    CHECK_INT(run(texts, &out), 0);
    CHECK_STR(buf_text(&out), want);
    buf_done(&out);
}

static void cells_become_single_lines(void)
{
    check((const char *[]){"a,b\n\"x, y\",\"1\t2\n3\r\n4\r5\"\n", NULL}, "a\tb\nx, y\t1 2 3 4 5\n");
    check((const char *[]){"h\r\n0.1000000000000000055511151231257827\r\n", NULL},
          "h\n0.1000000000000000055511151231257827\n");
}

static void one_header_stands_for_all_files(void)
{
    check((const char *[]){"a,b\n1,2\n", "", "a,\"b\"\r\n3,4\r\n", "a,b", NULL}, "a\tb\n1\t2\n3\t4\n");
}

static void other_headers_are_refused_by_file(void)
{
    struct buf out = BUF_INIT;
    CHECK_INT(run((const char *[]){"a,b\n1,2\n", "a,c\n3,4\n", NULL}, &out), -EINVAL);
    CHECK(strstr(err_message(), "f2") != NULL);
    CHECK_INT(run((const char *[]){"a,b\n", "a\n", NULL}, &out), -EINVAL);
    buf_done(&out);
}

static void broken_records_are_refused_by_file(void)
{
    struct buf out = BUF_INIT;
    CHECK_INT(run((const char *[]){"a,b\n1,2\n3\n", NULL}, &out), -EINVAL);
    CHECK(strstr(err_message(), "f1: record 3") != NULL);
    CHECK_INT(run((const char *[]){"a,b\n1,\"2\n", NULL}, &out), -EINVAL);
    CHECK(strstr(err_message(), "f1") != NULL);
    buf_done(&out);
}

static void long_input_is_streamed(void)
{
    struct buf in = BUF_INIT, want = BUF_INIT, out = BUF_INIT;
    buf_puts(&in, "n,text\n");
    buf_puts(&want, "n\ttext\n");
    for (int i = 0; i < 100000; i++) {
        buf_printf(&in, "%d,\"row, %d\"\n", i, i);
        buf_printf(&want, "%d\trow, %d\n", i, i);
    }
    CHECK_INT(run((const char *[]){buf_text(&in), NULL}, &out), 0);
    CHECK(out.len == want.len && memcmp(out.data, want.data, want.len) == 0);
    buf_done(&in);
    buf_done(&want);
    buf_done(&out);
}

static void a_failed_write_is_an_error(void)
{
    FILE *in = tmpfile();
    fputs("a\n", in);
    rewind(in);
    struct model_tsv t;
    model_tsv_init(&t, -1);
    CHECK_INT(model_tsv_file(&t, fileno(in), "f"), 0);
    CHECK_INT(model_tsv_flush(&t), -EBADF);
    model_tsv_done(&t);
    fclose(in);
}

static const struct unit_test tests[] = {
    {"cells_become_single_lines", cells_become_single_lines},
    {"one_header_stands_for_all_files", one_header_stands_for_all_files},
    {"other_headers_are_refused_by_file", other_headers_are_refused_by_file},
    {"broken_records_are_refused_by_file", broken_records_are_refused_by_file},
    {"long_input_is_streamed", long_input_is_streamed},
    {"a_failed_write_is_an_error", a_failed_write_is_an_error},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
