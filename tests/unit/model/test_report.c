/* A month's files through the whole stack, over a small S3: what zcat gives, or a failure; never other bytes.
 *
 * Large parts (over MODEL_FACTS_SMALL_BYTES) are published as declared, small ones are proven first.
 */
#include "model/report.h"

#include "model/report_facts.h"
#include "model/resources.h"
#include "model/status.h"
#include "tests/unit/model/fake_aws.h"

#define FOLDER "cur/r/20261001-20261101/"
#define PERIOD "2026-10"
#define T0 1793000000LL /* 2026-10-26 */

static void put_gzip(struct fake *f, const char *name, const char *text, int64_t modified)
{
    struct buf gz = BUF_INIT;
    char key[128];
    fake_gzip(&gz, text, strlen(text), 6);
    (void)snprintf(key, sizeof key, FOLDER "%s", name);
    fake_put(f, key, gz.data, gz.len, modified);
    buf_done(&gz);
}

/* The manifest that names r-1.csv.gz to r-COUNT.csv.gz. */
static void put_manifest(struct fake *f, int count, const char *assembly, int64_t modified)
{
    struct buf text = BUF_INIT;
    buf_printf(&text,
               "{\"assemblyId\":\"%s\",\"compression\":\"GZIP\",\"columns\":[{\"category\":\"a\",\"name\":\"b\","
               "\"type\":\"String\"}],\"reportKeys\":[",
               assembly);
    for (int i = 1; i <= count; i++)
        buf_printf(&text, "%s\"" FOLDER "r-%d.csv.gz\"", i > 1 ? "," : "", i);
    buf_puts(&text, "]}");
    fake_put(f, FOLDER "r-Manifest.json", text.data, text.len, modified);
    buf_done(&text);
}

static struct model_month *get_month(struct fake *f)
{
    struct model_month *m = NULL;
    fake_must(fake_need(f, MODEL_MONTHS, ""));
    fake_must(fake_need(f, MODEL_MONTH, PERIOD));
    fake_must(model_month_get(f->customer, PERIOD, &m));
    return m;
}

static void wait_for(struct blocker *b)
{
    if (blocker_wait(b, clock_monotonic_ns() + FAKE_PATIENCE_NS)) {
        fprintf(stderr, "nobody woke the waiter\n");
        abort();
    }
}

static errint stat_wait(struct fake *f, struct model_month *m, size_t index, struct model_file *ret)
{
    struct blocker b;
    errint e;
    blocker_init(&b);
    while ((e = model_report_stat(f->customer, m, index, ret, &b.waiter)) == -EAGAIN)
        wait_for(&b);
    blocker_done(&b);
    return e;
}

static errint open_wait(struct fake *f, struct model_month *m, size_t index, uint64_t version, struct source **ret)
{
    struct blocker b;
    errint e;
    blocker_init(&b);
    while ((e = model_report_open(f->customer, m, index, version, ret, &b.waiter)) == -EAGAIN)
        wait_for(&b);
    blocker_done(&b);
    return e;
}

/* The whole file as a reader sees it that believes stat's size: 0 and TEXT, or the failure. */
static errint read_file(struct fake *f, struct model_month *m, size_t index, struct buf *text)
{
    struct model_file file;
    struct source *s = NULL;
    errint e = stat_wait(f, m, index, &file);
    if (e == 0)
        e = open_wait(f, m, index, file.version, &s);
    if (e)
        return e;
    char *data = malloc(file.size_bytes + 1);
    size_t len = 0;
    e = source_read_wait(s, 0, data, file.size_bytes, NULL, clock_monotonic_ns() + FAKE_PATIENCE_NS, &len);
    if (e == 0 && len != file.size_bytes)
        e = -ENODATA;
    if (e == 0)
        buf_append(text, data, len);
    free(data);
    source_put(s);
    return e;
}

static void check_file(struct fake *f, struct model_month *m, size_t index, const char *want)
{
    struct buf text = BUF_INIT;
    CHECK_INT(read_file(f, m, index, &text), 0);
    CHECK(text.len == strlen(want) && memcmp(buf_text(&text), want, text.len) == 0);
    buf_done(&text);
}

/* ROWS lines behind a header, that gzip to a third. */
static char *make_rows(int rows)
{
    struct buf text = BUF_INIT;
    uint64_t n = 1;
    buf_puts(&text, "a/b,c/d\n");
    for (int i = 0; i < rows; i++) {
        n = n * 6364136223846793005ULL + 1442695040888963407ULL;
        buf_printf(&text, "%llu,\"row, %d\"\n", (unsigned long long)(n >> 20), i);
    }
    return buf_steal(&text);
}

static void parts_become_one_report(void)
{
    struct fake f;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a/b,c\n1,2\n", T0);
    put_gzip(&f, "r-2.csv.gz", "a/b,c\n3,4\n5,6\n", T0);
    put_gzip(&f, "r-3.csv.gz", "a/b,\"c\"\r\n7,8\n", T0);
    put_manifest(&f, 3, "a1", T0 + 5);
    struct model_month *m = get_month(&f);
    check_file(&f, m, MODEL_REPORT_CSV, "a/b,c\n1,2\n3,4\n5,6\n7,8\n");
    check_file(&f, m, 1, "a/b,c\n3,4\n5,6\n");
    struct model_file file;
    CHECK_INT(stat_wait(&f, m, MODEL_REPORT_CSV, &file), 0);
    CHECK(file.verified);
    CHECK_INT(file.mtime_ns, (T0 + 5) * CLOCK_NS_PER_S);
    CHECK_INT(stat_wait(&f, m, 0, &file), 0);
    CHECK_INT(file.mtime_ns, T0 * CLOCK_NS_PER_S);
    CHECK(model_report_known(f.customer, m, MODEL_REPORT_CSV));
    for (size_t i = 0; i < f.object_count; i++)
        CHECK(strstr(f.objects[i].key, "Manifest") || f.objects[i].gets == 1); /* a small part is fetched once */
    model_month_put(m);
    fake_stop(&f);
}

static void a_part_without_a_last_line_end_joins_no_records(void)
{
    struct fake f;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a/b,c\n1,2", T0);
    put_gzip(&f, "r-2.csv.gz", "a/b,c\n3,4\r\n5,6", T0);
    put_gzip(&f, "r-3.csv.gz", "a/b,c", T0);
    put_gzip(&f, "r-4.csv.gz", "a/b,c\n7,8", T0);
    put_manifest(&f, 4, "a1", T0);
    struct model_month *m = get_month(&f);
    check_file(&f, m, MODEL_REPORT_CSV, "a/b,c\n1,2\n3,4\r\n5,6\n7,8");
    check_file(&f, m, 1, "a/b,c\n3,4\r\n5,6");
    model_month_put(m);
    fake_stop(&f);
}

/* A part too large to be proven before its size is published: whoever reads to its end fails, the next one is right. */
static void a_large_part_without_a_last_line_end_fails_once(void)
{
    struct fake f;
    char *rows = make_rows(60000);
    struct buf gz = BUF_INIT, text = BUF_INIT;
    struct model_file before, after;
    fake_start(&f);
    size_t len = strlen(rows) - 1; /* without the newline */
    fake_gzip(&gz, rows, len, 6);
    fake_put(&f, FOLDER "r-1.csv.gz", gz.data, gz.len, T0);
    put_gzip(&f, "r-2.csv.gz", "a/b,c/d\n1,2\n", T0);
    put_manifest(&f, 2, "a1", T0);
    struct model_month *m = get_month(&f);
    CHECK_INT(stat_wait(&f, m, MODEL_REPORT_CSV, &before), 0);
    CHECK_INT(before.size_bytes, len + 4);
    CHECK_INT(read_file(&f, m, MODEL_REPORT_CSV, &text), -EIO);
    CHECK_INT(stat_wait(&f, m, MODEL_REPORT_CSV, &after), 0);
    CHECK_INT(after.size_bytes, len + 5);
    CHECK(after.version != before.version);
    buf_printf(&text, "%s1,2\n", rows);
    check_file(&f, m, MODEL_REPORT_CSV, buf_text(&text));
    buf_done(&gz);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
    free(rows);
}

static void empty_and_header_only_parts_add_nothing(void)
{
    struct fake f;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "", T0);
    put_gzip(&f, "r-2.csv.gz", "\"x\ny\",c\r\n", T0);
    put_gzip(&f, "r-3.csv.gz", "\"x\ny\",c\r\n\"1\n2\",3\r\n", T0);
    put_manifest(&f, 3, "a1", T0);
    struct model_month *m = get_month(&f);
    check_file(&f, m, MODEL_REPORT_CSV, "\"x\ny\",c\r\n\"1\n2\",3\r\n");
    check_file(&f, m, 0, "");
    model_month_put(m);
    put_manifest(&f, 0, "a2", T0 + 10);
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_MONTH, NULL), 0);
    m = get_month(&f);
    CHECK_INT(m->part_count, 0);
    check_file(&f, m, MODEL_REPORT_CSV, "");
    model_month_put(m);
    fake_stop(&f);
}

static void other_columns_are_refused(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    enum model_health health;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a/b,c\n1,2\n", T0);
    put_gzip(&f, "r-2.csv.gz", "a/b,d\n3,4\n", T0);
    put_manifest(&f, 2, "a1", T0);
    struct model_month *m = get_month(&f);
    CHECK_INT(read_file(&f, m, MODEL_REPORT_CSV, &text), -EIO);
    CHECK(strstr(err_message(), "r-2.csv.gz") != NULL);
    check_file(&f, m, 1, "a/b,d\n3,4\n");
    CHECK_INT(model_status_text(f.model, &text, &health), 0);
    CHECK(strstr(buf_text(&text), "has other columns") != NULL);
    CHECK_INT(health, MODEL_DEGRADED);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
}

static errint columns_wait(struct fake *f, struct model_month *m, struct buf *text)
{
    struct blocker b;
    int64_t floor_ns = 0;
    errint e;
    blocker_init(&b);
    while ((e = model_month_file(f->customer, m, MODEL_MONTH_COLUMNS_TSV, text, &floor_ns, &b.waiter)) == -EAGAIN)
        wait_for(&b);
    blocker_done(&b);
    return e;
}

/* Alone, a part needs no header to be read; with others it does. */
static void a_header_that_cannot_be_read_hides_no_bytes(void)
{
    static const char odd[] = "\"a\"b,c\n1,2\n";
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", odd, T0);
    put_manifest(&f, 1, "a1", T0);
    struct model_month *m = get_month(&f);
    check_file(&f, m, MODEL_REPORT_CSV, odd);
    check_file(&f, m, 0, odd);
    CHECK_INT(columns_wait(&f, m, &text), -EIO);
    CHECK_INT(text.len, 0);
    model_month_put(m);
    put_gzip(&f, "r-2.csv.gz", "a/b,c\n3,4\n", T0 + 10);
    put_manifest(&f, 2, "a2", T0 + 10);
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_MONTH, NULL), 0);
    m = get_month(&f);
    CHECK_INT(read_file(&f, m, MODEL_REPORT_CSV, &text), -EIO);
    check_file(&f, m, 0, odd);
    CHECK_INT(columns_wait(&f, m, &text), 0);
    CHECK(strstr(buf_text(&text), "2\tc\t") != NULL);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
}

/* Columns are compared behind it too. */
static void a_header_with_a_nul_is_none(void)
{
    struct fake f;
    struct buf gz = BUF_INIT, text = BUF_INIT;
    fake_start(&f);
    for (int i = 1; i <= 2; i++) {
        char key[64], plain[] = "a,b\0x,c\n1,2,3\n";
        plain[4] = (char)('x' + i);
        (void)snprintf(key, sizeof key, FOLDER "r-%d.csv.gz", i);
        buf_reset(&gz);
        fake_gzip(&gz, plain, sizeof plain - 1, 6);
        fake_put(&f, key, gz.data, gz.len, T0);
    }
    put_manifest(&f, 2, "a1", T0);
    struct model_month *m = get_month(&f);
    CHECK_INT(read_file(&f, m, MODEL_REPORT_CSV, &text), -EIO);
    CHECK_INT(columns_wait(&f, m, &text), -EIO);
    buf_done(&gz);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
}

static void a_byte_order_mark_is_no_column(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "\xef\xbb\xbf\"a\nb\",c\n1,2\n", T0);
    put_gzip(&f, "r-2.csv.gz", "\xef\xbb\xbf\"a\nb\",c\n3,4\n", T0);
    put_gzip(&f, "r-3.csv.gz", "\"a\nb\",c\n5,6\n", T0);
    put_manifest(&f, 3, "a1", T0);
    struct model_month *m = get_month(&f);
    check_file(&f, m, MODEL_REPORT_CSV, "\xef\xbb\xbf\"a\nb\",c\n1,2\n3,4\n5,6\n");
    CHECK_INT(columns_wait(&f, m, &text), 0);
    CHECK_STR(buf_text(&text), "position\tname\ttype\n1\ta b\t\n2\tc\t\n");
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
}

/* The same bytes delivered once more: a file whose time is another is another version, with nothing fetched for it. */
static void a_delivery_of_the_same_bytes_has_its_own_time(void)
{
    struct fake f;
    struct model_file before[3], after[3];
    static const size_t files[] = {MODEL_REPORT_CSV, 0, MODEL_RAW_MANIFEST};
    fake_start(&f);
    for (int delivery = 0; delivery < 2; delivery++) {
        if (delivery)
            f.objects[0].modified += 100; /* its ETag stays */
        else
            put_gzip(&f, "r-1.csv.gz", "a/b,c\n1,2\n", T0);
        put_manifest(&f, 1, delivery ? "a2" : "a1", T0 + delivery * 100);
        if (delivery)
            CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_MONTH, NULL), 0);
        struct model_month *m = get_month(&f);
        for (size_t i = 0; i < 3; i++) {
            struct model_file *to = delivery ? &after[i] : &before[i];
            CHECK_INT(i < 2 ? stat_wait(&f, m, files[i], to) : model_raw_stat(f.customer, m, files[i], to), 0);
        }
        check_file(&f, m, MODEL_REPORT_CSV, "a/b,c\n1,2\n");
        model_month_put(m);
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(after[i].mtime_ns - before[i].mtime_ns, 100 * CLOCK_NS_PER_S);
        CHECK(after[i].version != before[i].version);
    }
    CHECK_INT(f.objects[0].gets, 1);
    fake_stop(&f);
}

static void a_small_corrupt_part_is_known_at_stat(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a/b,c\n1,2\n", T0);
    put_manifest(&f, 1, "a1", T0);
    f.objects[0].bytes[f.objects[0].len - 6] ^= 1; /* in the CRC */
    struct model_month *m = get_month(&f);
    CHECK_INT(read_file(&f, m, MODEL_REPORT_CSV, &text), -EIO);
    CHECK_INT(f.objects[0].gets, 2); /* once more on fresh bytes before the verdict */
    CHECK_INT(read_file(&f, m, 0, &text), -EIO);
    CHECK_INT(f.objects[0].gets, 2);
    CHECK_INT(text.len, 0);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
}

/* A large part whose trailer is true: stat costs two small requests, reading it gives zcat's bytes. */
static void a_large_part_is_published_as_declared(void)
{
    struct fake f;
    char *rows = make_rows(60000);
    struct model_file file;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", rows, T0);
    put_manifest(&f, 1, "a1", T0);
    CHECK(f.objects[0].len > MODEL_FACTS_SMALL_BYTES);
    struct model_month *m = get_month(&f);
    uint64_t before = f.bytes_sent;
    CHECK(!model_report_known(f.customer, m, 0));
    CHECK_INT(stat_wait(&f, m, 0, &file), 0);
    CHECK(!file.verified);
    CHECK_INT(file.size_bytes, strlen(rows));
    CHECK(f.bytes_sent - before <= 65536 + 8);
    check_file(&f, m, 0, rows);
    struct model_file proven;
    CHECK_INT(stat_wait(&f, m, 0, &proven), 0);
    CHECK(proven.verified);
    CHECK(proven.version == file.version); /* the same bytes and size: the same version */
    check_file(&f, m, MODEL_REPORT_CSV, rows);
    model_month_put(m);
    fake_stop(&f);
    free(rows);
}

/* Two members: the trailer tells the second one's length alone. One failure, then right. */
static void a_contradicted_size_fails_once_and_is_right_then(void)
{
    struct fake f;
    char *rows = make_rows(60000);
    struct buf gz = BUF_INIT, text = BUF_INIT;
    struct model_file before, after;
    fake_start(&f);
    size_t half = strlen(rows) / 8;
    fake_gzip(&gz, rows, half, 6);
    fake_gzip(&gz, rows + half, strlen(rows) - half, 6);
    fake_put(&f, FOLDER "r-1.csv.gz", gz.data, gz.len, T0);
    put_manifest(&f, 1, "a1", T0);
    struct model_month *m = get_month(&f);
    CHECK_INT(stat_wait(&f, m, 0, &before), 0);
    CHECK(before.size_bytes < strlen(rows));
    CHECK_INT(read_file(&f, m, 0, &text), -EIO);
    CHECK_INT(text.len, 0);
    CHECK_INT(stat_wait(&f, m, 0, &after), 0);
    CHECK(after.verified);
    CHECK_INT(after.size_bytes, strlen(rows));
    CHECK(after.version != before.version);
    struct source *s = NULL;
    CHECK_INT(open_wait(&f, m, 0, before.version, &s), -ESTALE);
    check_file(&f, m, 0, rows);
    check_file(&f, m, MODEL_REPORT_CSV, rows);
    buf_done(&gz);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
    free(rows);
}

/* Once a trailer lied, the report's other sizes are proven before they are published. */
static void a_contradicted_report_is_verified_at_stat(void)
{
    struct fake f;
    char *rows = make_rows(60000);
    struct buf gz = BUF_INIT, text = BUF_INIT;
    struct model_file file;
    fake_start(&f);
    size_t half = strlen(rows) / 8;
    fake_gzip(&gz, rows, half, 6);
    fake_gzip(&gz, rows + half, strlen(rows) - half, 6);
    fake_put(&f, FOLDER "r-1.csv.gz", gz.data, gz.len, T0);
    put_gzip(&f, "r-2.csv.gz", rows, T0);
    put_manifest(&f, 2, "a1", T0);
    struct model_month *m = get_month(&f);
    CHECK_INT(read_file(&f, m, 0, &text), -EIO);
    CHECK_INT(stat_wait(&f, m, 1, &file), 0);
    CHECK(file.verified);
    buf_done(&gz);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
    free(rows);
}

static void sizes_verified_makes_stat_wait(void)
{
    struct fake f;
    char *rows = make_rows(60000);
    struct model_file file;
    fake_start(&f);
    f.settings.sizes = MODEL_SIZES_VERIFIED;
    put_gzip(&f, "r-1.csv.gz", rows, T0);
    put_manifest(&f, 1, "a1", T0);
    struct model_month *m = get_month(&f);
    CHECK_INT(stat_wait(&f, m, 0, &file), 0);
    CHECK(file.verified);
    CHECK_INT(file.size_bytes, strlen(rows));
    model_month_put(m);
    fake_stop(&f);
    free(rows);
}

static void a_truncated_large_part_fails_and_stays_failed(void)
{
    struct fake f;
    char *rows = make_rows(60000);
    struct buf gz = BUF_INIT, text = BUF_INIT;
    fake_start(&f);
    fake_gzip(&gz, rows, strlen(rows), 6);
    fake_put(&f, FOLDER "r-1.csv.gz", gz.data, gz.len - 1000, T0);
    put_manifest(&f, 1, "a1", T0);
    struct model_month *m = get_month(&f);
    for (int i = 0; i < 3; i++)
        CHECK_INT(read_file(&f, m, 0, &text), -EIO);
    CHECK_INT(read_file(&f, m, MODEL_REPORT_CSV, &text), -EIO);
    CHECK_INT(text.len, 0);
    unsigned gets = f.gets;
    CHECK_INT(read_file(&f, m, 0, &text), -EIO);
    CHECK_INT(f.gets, gets);
    buf_done(&gz);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
    free(rows);
}

/* Part 1 of the next delivery lies under the old manifest. */
static void a_torn_month_without_a_snapshot_times_out(void)
{
    struct fake f;
    fake_start(&f);
    f.settings.op_timeout_ms = 1000;
    put_gzip(&f, "r-1.csv.gz", "a,b\nNEW,2\n", T0 + 60);
    put_gzip(&f, "r-2.csv.gz", "a,b\nold,4\n", T0);
    put_manifest(&f, 2, "a1", T0 + 5);
    CHECK_INT(fake_need(&f, MODEL_MONTHS, ""), 0);
    CHECK_INT(fake_need(&f, MODEL_MONTH, PERIOD), -ETIMEDOUT);
    CHECK(strstr(err_message(), "r-1.csv.gz") != NULL);
    fake_stop(&f);
}

static void a_delivery_that_ends_in_time_is_waited_for(void)
{
    struct fake f;
    struct blocker b;
    errint e;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a,b\nNEW,2\n", T0 + 60);
    put_manifest(&f, 1, "a1", T0 + 5);
    CHECK_INT(fake_need(&f, MODEL_MONTHS, ""), 0);
    blocker_init(&b);
    CHECK_INT(model_fetch_need(f.customer, MODEL_MONTH, PERIOD, &b.waiter), -EAGAIN);
    CHECK_INT(blocker_wait(&b, clock_monotonic_ns() + 200 * CLOCK_NS_PER_MS), -ETIMEDOUT);
    put_manifest(&f, 1, "a2", T0 + 70);
    while ((e = model_fetch_need(f.customer, MODEL_MONTH, PERIOD, &b.waiter)) == -EAGAIN)
        wait_for(&b);
    CHECK_INT(e, 0);
    blocker_done(&b);
    struct model_month *m = get_month(&f);
    check_file(&f, m, MODEL_REPORT_CSV, "a,b\nNEW,2\n");
    model_month_put(m);
    fake_stop(&f);
}

/* While the next delivery is under way the last snapshot is served: what is on disk from there, the rest is ESTALE; when it
 * is whole it appears whole. */
static void a_refresh_appears_whole(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    char *rows = make_rows(60000);
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a/b,c/d\n1,2\n", T0);
    put_gzip(&f, "r-2.csv.gz", rows, T0);
    put_manifest(&f, 2, "a1", T0 + 5);
    struct model_month *m = get_month(&f);
    check_file(&f, m, 0, "a/b,c/d\n1,2\n");
    put_gzip(&f, "r-1.csv.gz", "a/b,c/d\nNEW,2\n", T0 + 60);
    put_gzip(&f, "r-2.csv.gz", "a/b,c/d\nNEW,4\n", T0 + 60);
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_MONTH, NULL),
              -EINPROGRESS); /* the manifest is the same still */
    check_file(&f, m, 0, "a/b,c/d\n1,2\n");
    CHECK_INT(read_file(&f, m, 1, &text), -ESTALE);
    model_month_put(m);
    put_manifest(&f, 2, "a2", T0 + 65);
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_MONTH, NULL), 0);
    m = get_month(&f);
    check_file(&f, m, MODEL_REPORT_CSV, "a/b,c/d\nNEW,2\nNEW,4\n");
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
    free(rows);
}

/* A part replaced under a manifest that was written again with the same bytes, so with the same ETag in AWS: the refusal
 * makes ctfs look again. */
static void a_refused_part_makes_the_month_be_taken_anew(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a,b\nold,2\n", T0);
    put_manifest(&f, 1, "a1", T0 + 5);
    struct model_month *m = get_month(&f);
    put_gzip(&f, "r-1.csv.gz", "a,b\nNEW,2\n", T0 + 60);
    f.objects[1].modified = T0 + 65; /* its ETag stays */
    CHECK_INT(read_file(&f, m, 0, &text), -ESTALE);
    model_month_put(m);
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_MONTH, NULL), 0);
    m = get_month(&f);
    check_file(&f, m, 0, "a,b\nNEW,2\n");
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
}

static void raw_objects_are_the_delivered_bytes(void)
{
    struct fake f;
    struct model_file file;
    struct source *s = NULL;
    char bytes[4096];
    size_t len = 0;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a,b\n1,2\n", T0);
    put_manifest(&f, 1, "a1", T0 + 5);
    struct model_month *m = get_month(&f);
    CHECK_INT(model_raw_stat(f.customer, m, 0, &file), 0);
    CHECK_INT(file.size_bytes, f.objects[0].len);
    CHECK_INT(model_raw_open(f.customer, m, 0, &s), 0);
    CHECK_INT(source_read_wait(s, 0, bytes, sizeof bytes, NULL, 0, &len), 0);
    CHECK(len == f.objects[0].len && memcmp(bytes, f.objects[0].bytes, len) == 0);
    source_put(s);
    CHECK_INT(model_raw_stat(f.customer, m, MODEL_RAW_MANIFEST, &file), 0);
    CHECK_INT(file.size_bytes, f.objects[1].len);
    CHECK_INT(model_raw_open(f.customer, m, MODEL_RAW_MANIFEST, &s), 0);
    CHECK_INT(source_read_wait(s, 0, bytes, sizeof bytes, NULL, 0, &len), 0);
    CHECK(len == f.objects[1].len && memcmp(bytes, f.objects[1].bytes, len) == 0);
    source_put(s);
    CHECK_INT(model_raw_stat(f.customer, m, 7, &file), -ENOENT);
    model_month_put(m);
    fake_stop(&f);
}

static void small_files_tell_of_the_month(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    int64_t floor_ns = 0;
    struct blocker b;
    errint e;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a/b,\"c\td\",bill/InvoiceId\n1,2,77\n", T0);
    put_manifest(&f, 1, "a1", T0 + 5);
    struct model_month *m = get_month(&f);
    blocker_init(&b);
    while ((e = model_month_file(f.customer, m, MODEL_MONTH_COLUMNS_TSV, &text, &floor_ns, &b.waiter)) == -EAGAIN)
        wait_for(&b);
    CHECK_INT(e, 0);
    CHECK_STR(buf_text(&text), "position\tname\ttype\n1\ta/b\tString\n2\tc d\t\n3\tbill/InvoiceId\t\n");
    CHECK_INT(floor_ns, (T0 + 5) * CLOCK_NS_PER_S);
    buf_reset(&text);
    while ((e = model_month_file(f.customer, m, MODEL_MONTH_JSON, &text, &floor_ns, &b.waiter)) == -EAGAIN)
        wait_for(&b);
    CHECK_INT(e, 0);
    CHECK(strstr(buf_text(&text), "    \"period\": \"2026-10\",\n    \"delivered\": \"2026-10-2") != NULL);
    CHECK(strstr(buf_text(&text), "\"invoice\": \"") != NULL);
    CHECK(strstr(buf_text(&text), "\"rows\": 1,\n") != NULL);
    CHECK(!strstr(buf_text(&text), "currencies"));
    blocker_done(&b);
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
}

/* Of all parts, or not said. */
static void currencies_and_rows_are_said_when_known(void)
{
    struct fake f;
    struct buf text = BUF_INIT, gz = BUF_INIT;
    int64_t floor_ns = 0;
    struct blocker b;
    errint e;
    char *large = make_rows(60000);
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "lineItem/CurrencyCode,x\nUSD,1\nUSD,2\n", T0);
    put_gzip(&f, "r-2.csv.gz", "lineItem/CurrencyCode,x\nEUR,\"a\nb\"\n", T0);
    put_manifest(&f, 2, "a1", T0 + 5);
    for (int large_too = 0; large_too < 2; large_too++) {
        struct model_month *m = get_month(&f);
        blocker_init(&b);
        while ((e = model_month_file(f.customer, m, MODEL_MONTH_JSON, &text, &floor_ns, &b.waiter)) == -EAGAIN)
            wait_for(&b);
        CHECK_INT(e, 0);
        CHECK(!large_too == (strstr(buf_text(&text), "\"EUR\",\n        \"USD\"\n    ],\n    \"rows\": 3,\n") != NULL));
        CHECK(!large_too == (strstr(buf_text(&text), "\"rows\"") != NULL));
        blocker_done(&b);
        buf_reset(&text);
        model_month_put(m);
        fake_gzip(&gz, large, strlen(large), 6);
        fake_put(&f, FOLDER "r-2.csv.gz", gz.data, gz.len, T0 + 6);
        put_manifest(&f, 2, "a2", T0 + 10);
        CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_MONTH, NULL), 0);
    }
    buf_done(&text);
    buf_done(&gz);
    fake_stop(&f);
    free(large);
}

static int put_period(void *arg, const char *period)
{
    buf_printf(arg, "%s ", period);
    return 0;
}

static void months_are_those_with_a_manifest(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    char period[8];
    fake_start(&f);
    fake_put_text(&f, "cur/r/20260801-20260901/r-Manifest.json", "{}", T0);
    fake_put_text(&f, "cur/r/20261001-20261101/r-Manifest.json", "{}", T0);
    fake_put_text(&f, "cur/r/20261101-20261201/r-1.csv.gz", "x", T0);
    fake_put_text(&f, "cur/r/other/x", "x", T0);
    fake_put_text(&f, "cur/r/20261001-20261115/x", "x", T0); /* hides no month that was delivered */
    CHECK_INT(model_months_link(f.customer, "latest", period), -ENOENT);
    CHECK_INT(fake_need(&f, MODEL_MONTHS, ""), 0);
    CHECK_INT(model_months_each(f.customer, put_period, &text), 0);
    CHECK_STR(buf_text(&text), "2026-08 2026-10 ");
    CHECK_INT(model_months_link(f.customer, "latest", period), 0);
    CHECK_STR(period, "2026-10");
    CHECK_INT(model_months_link(f.customer, "previous", period), -ENOENT);
    fake_put_text(&f, "cur/r/20260901-20261001/r-Manifest.json", "{}", T0);
    unsigned lists = f.lists;
    CHECK_INT(model_fetch_refresh_wait(f.customer, MODEL_MONTHS, NULL), 0);
    CHECK_INT(f.lists - lists, 4); /* the folder, and the manifests of the three that were not known */
    CHECK_INT(model_months_link(f.customer, "previous", period), 0);
    CHECK_STR(period, "2026-09");
    buf_done(&text);
    fake_stop(&f);
}

static void a_server_in_trouble_is_not_absence(void)
{
    struct fake f;
    fake_start(&f);
    f.s3_status = 503;
    f.s3_code = "SlowDown";
    int64_t began_ns = clock_monotonic_ns();
    errint e = fake_need(&f, MODEL_MONTHS, "");
    CHECK(e < 0 && e != -ENOENT);
    f.s3_status = 403;
    f.s3_code = "AccessDenied";
    /* kept for two seconds: nobody asks again at once */
    CHECK(fake_need(&f, MODEL_MONTHS, "") == e || clock_monotonic_ns() - began_ns > 2 * CLOCK_NS_PER_S);
    fake_stop(&f);
}

static void a_second_start_without_a_network_reads_what_is_cached(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    char *rows = make_rows(60000);
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "a/b,c/d\n1,2\n", T0);
    put_gzip(&f, "r-2.csv.gz", rows, T0);
    put_manifest(&f, 2, "a1", T0 + 5);
    struct model_month *m = get_month(&f);
    check_file(&f, m, 0, "a/b,c/d\n1,2\n");
    model_month_put(m);
    fake_close(&f);
    f.settings.offline = true;
    fake_open(&f);
    unsigned requests = f.gets + f.lists;
    m = get_month(&f);
    check_file(&f, m, 0, "a/b,c/d\n1,2\n");
    CHECK_INT(read_file(&f, m, 1, &text), -EHOSTUNREACH);
    CHECK_INT(f.gets + f.lists, requests);
    model_month_put(m);
    buf_done(&text);
    fake_stop(&f);
    free(rows);
}

static int put_region(void *arg, const char *region)
{
    buf_printf(arg, "%s ", region);
    return 0;
}

static void regions_are_learnt_from_the_rows(void)
{
    struct fake f;
    struct buf text = BUF_INIT;
    struct model_file file;
    fake_start(&f);
    put_gzip(&f, "r-1.csv.gz", "product/region\nme-south-1\nus-east-1\n", T0);
    put_manifest(&f, 1, "a1", T0);
    CHECK_INT(model_resources_regions_each(f.customer, put_region, &text), 0);
    CHECK(strstr(buf_text(&text), "us-west-2 ") != NULL);
    struct model_month *m = get_month(&f);
    CHECK_INT(stat_wait(&f, m, 0, &file), 0);
    buf_reset(&text);
    CHECK_INT(model_resources_regions_each(f.customer, put_region, &text), 0);
    CHECK_STR(buf_text(&text), "me-south-1 us-east-1 ");
    CHECK_INT(model_settings_set(&f.settings, "regions", "eu-west-1"), 0);
    buf_reset(&text);
    CHECK_INT(model_resources_regions_each(f.customer, put_region, &text), 0);
    CHECK_STR(buf_text(&text), "eu-west-1 me-south-1 us-east-1 ");
    buf_done(&text);
    model_month_put(m);
    fake_stop(&f);
}

static const struct unit_test tests[] = {
    {"parts_become_one_report", parts_become_one_report},
    {"empty_and_header_only_parts_add_nothing", empty_and_header_only_parts_add_nothing},
    {"other_columns_are_refused", other_columns_are_refused},
    {"a_header_that_cannot_be_read_hides_no_bytes", a_header_that_cannot_be_read_hides_no_bytes},
    {"a_header_with_a_nul_is_none", a_header_with_a_nul_is_none},
    {"a_byte_order_mark_is_no_column", a_byte_order_mark_is_no_column},
    {"a_delivery_of_the_same_bytes_has_its_own_time", a_delivery_of_the_same_bytes_has_its_own_time},
    {"a_small_corrupt_part_is_known_at_stat", a_small_corrupt_part_is_known_at_stat},
    {"a_large_part_is_published_as_declared", a_large_part_is_published_as_declared},
    {"a_part_without_a_last_line_end_joins_no_records", a_part_without_a_last_line_end_joins_no_records},
    {"a_large_part_without_a_last_line_end_fails_once", a_large_part_without_a_last_line_end_fails_once},
    {"a_contradicted_size_fails_once_and_is_right_then", a_contradicted_size_fails_once_and_is_right_then},
    {"a_contradicted_report_is_verified_at_stat", a_contradicted_report_is_verified_at_stat},
    {"sizes_verified_makes_stat_wait", sizes_verified_makes_stat_wait},
    {"a_truncated_large_part_fails_and_stays_failed", a_truncated_large_part_fails_and_stays_failed},
    {"a_torn_month_without_a_snapshot_times_out", a_torn_month_without_a_snapshot_times_out},
    {"a_delivery_that_ends_in_time_is_waited_for", a_delivery_that_ends_in_time_is_waited_for},
    {"a_refresh_appears_whole", a_refresh_appears_whole},
    {"a_refused_part_makes_the_month_be_taken_anew", a_refused_part_makes_the_month_be_taken_anew},
    {"raw_objects_are_the_delivered_bytes", raw_objects_are_the_delivered_bytes},
    {"small_files_tell_of_the_month", small_files_tell_of_the_month},
    {"currencies_and_rows_are_said_when_known", currencies_and_rows_are_said_when_known},
    {"months_are_those_with_a_manifest", months_are_those_with_a_manifest},
    {"a_server_in_trouble_is_not_absence", a_server_in_trouble_is_not_absence},
    {"a_second_start_without_a_network_reads_what_is_cached", a_second_start_without_a_network_reads_what_is_cached},
    {"regions_are_learnt_from_the_rows", regions_are_learnt_from_the_rows},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
