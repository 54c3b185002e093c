/* Layouts: where periods and manifests are, which keys a manifest may name, which layout and dialect it is. */
#include "model/layout.h"

#include "tests/lib/unit.h"

static void check_roots(const char *prefix, const char *report, const char *want)
{
    struct model_layout_roots r;
    char got[512] = "";
    CHECK_INT(model_layout_roots(prefix, report, &r), 0);
    for (size_t i = 0; i < r.count; i++) {
        strcat(got, i ? "," : "");
        strcat(got, r.roots[i]);
    }
    CHECK_STR(got, want);
    model_layout_roots_done(&r);
}

static void roots_are_tolerant(void)
{
    check_roots("cur", "daily", "cur/daily/,/cur/daily/");
    check_roots("a/b", "r", "a/b/r/,/a/b/r/");
    check_roots("", "daily", "/daily/,daily/");
    check_roots("/cur/", "daily", "cur/daily/,/cur/daily/");
    check_roots("cur/daily", "daily", "cur/daily/daily/,/cur/daily/daily/,cur/daily/");
    check_roots("daily", "daily", "daily/daily/,/daily/daily/,daily/");
    check_roots("mydaily", "daily", "mydaily/daily/,/mydaily/daily/");
}

static void periods_are_folders_of_two_dates(void)
{
    char month[8];
    CHECK(model_layout_period("cur/r/", "cur/r/20261101-20261201/", month));
    CHECK_STR(month, "2026-11");
    CHECK(model_layout_period("/r/", "/r/20160101-20160131/", month));
    CHECK_STR(month, "2016-01");
    CHECK(!model_layout_period("cur/r/", "cur/x/20261101-20261201/", month));
    CHECK(!model_layout_period("cur/r/", "cur/r/20261101-2026120/", month));
    CHECK(!model_layout_period("cur/r/", "cur/r/20261301-20261401/", month));
    CHECK(!model_layout_period("cur/r/", "cur/r/20261101-20261201x/", month));
    CHECK(!model_layout_period("cur/r/", "cur/r/year=2026/", month));
    CHECK(!model_layout_period("cur/r/", "cur/r/cost_and_usage_data_status/", month));
}

static errint parse(const char *text, const char *root, const char *folder, struct model_manifest *m)
{
    return model_manifest_parse(text, strlen(text), root, folder, m);
}

static void overwrite_manifests_are_read(void)
{
    struct model_manifest m;
    CHECK_INT(
        parse("{\"assemblyId\":\"20261105T165709Z\",\"account\":\"012345678901\",\"compression\":\"GZIP\","
              "\"contentType\":\"text/csv\",\"bucket\":\"another\",\"unknown\":{},"
              "\"columns\":[{\"category\":\"identity\",\"name\":\"LineItemId\",\"type\":\"String\"},"
              "{\"category\":\"bill\",\"name\":\"InvoiceId\"}],"
              "\"reportKeys\":[\"cur/r/20261101-20261201/r-00001.csv.gz\",\"cur/r/20261101-20261201/r-00002.csv.gz\"]}",
              "cur/r/", "cur/r/20261101-20261201/", &m),
        0);
    CHECK_INT(m.key_count, 2);
    CHECK_STR(m.keys[1], "cur/r/20261101-20261201/r-00002.csv.gz");
    CHECK_STR(m.layout->name, "overwrite");
    CHECK(m.gzip_csv);
    CHECK_STR(m.account, "012345678901");
    CHECK_INT(m.column_count, 2);
    CHECK_STR(m.columns[0], "identity/LineItemId");
    CHECK_STR(m.types[0], "String");
    CHECK_STR(m.types[1], "");
    model_manifest_done(&m);
}

static void layouts_are_known_by_their_keys(void)
{
    static const struct {
        const char *key, *layout;
        bool gzip_csv;
    } rows[] = {
        {"cur/r/20261101-20261201/r-1.csv.gz", "overwrite", true},
        {"cur/r/20261101-20261201/0f0e-uuid/r-1.csv.gz", "create-new", true},
        {"cur/r/20261101-20261201/20261105T165709Z/r-00001.csv.gz", "create-new", true},
        {"cur/r/r/year=2026/month=11/r-00001.snappy.parquet", "elsewhere", false},
        {"cur/r/20261101-20261201/r-00001.csv.zip", "overwrite", false},
        {"/cur/r/20261101-20261201/r-1.csv.gz", "overwrite", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        struct model_manifest m;
        (void)snprintf(text, sizeof text, "{\"reportKeys\":[\"%s\"]}", rows[i].key);
        CHECK_INT(parse(text, "cur/r/", "cur/r/20261101-20261201/", &m), 0);
        CHECK_STR(m.layout->name, rows[i].layout);
        CHECK_INT(m.gzip_csv, rows[i].gzip_csv);
        model_manifest_done(&m);
    }
}

static void empty_reports_are_read(void)
{
    struct model_manifest m;
    CHECK_INT(parse("{\"reportKeys\":[]}", "cur/r/", "cur/r/20261101-20261201/", &m), 0);
    CHECK_INT(m.key_count, 0);
    CHECK(m.gzip_csv);
    model_manifest_done(&m);
}

static void an_empty_prefix_gives_leading_slashes(void)
{
    struct model_manifest m;
    CHECK_INT(parse("{\"reportKeys\":[\"/r/20261101-20261201/r-1.csv.gz\"]}", "/r/", "/r/20261101-20261201/", &m), 0);
    CHECK_STR(m.layout->name, "overwrite");
    model_manifest_done(&m);
    CHECK_INT(parse("{\"reportKeys\":[\"/r/20261101-20261201/r-1.csv.gz\"]}", "r/", "r/20261101-20261201/", &m), 0);
    CHECK_STR(m.layout->name, "overwrite");
    model_manifest_done(&m);
    CHECK(model_layout_same_key("//r/x", "r/x"));
    CHECK(!model_layout_same_key("r/x", "r//x"));
}

static void keys_outside_the_report_or_named_twice_are_refused(void)
{
    static const char *const bad[] = {
        "{\"reportKeys\":[\"../../etc/passwd\"]}",
        "{\"reportKeys\":[\"cur/other/20261101-20261201/x.csv.gz\"]}",
        "{\"reportKeys\":[\"cur/r/../../x.csv.gz\"]}",
        "{\"reportKeys\":[\"cur/r/./x.csv.gz\"]}",
        "{\"reportKeys\":[\"cur/r/..\"]}",
        "{\"reportKeys\":[\"cur/r/\"]}",
        "{\"reportKeys\":[\"cur/r/folder/\"]}",
        "{\"reportKeys\":[\"\"]}",
        "{\"reportKeys\":[\"cur/rx/y.csv.gz\"]}",
        "{\"reportKeys\":[\"cur/r/p/1.csv.gz\",\"cur/r/p/2.csv.gz\",\"cur/r/p/1.csv.gz\"]}", /* rows would count twice */
        "{\"reportKeys\":[\"cur/r/p/1.csv.gz\",\"cur/r/p/2.csv.gz\",\"/cur/r/p/1.csv.gz\"]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct model_manifest m;
        CHECK_INT(parse(bad[i], "cur/r/", "cur/r/20261101-20261201/", &m), -EIO);
    }
}

static void what_is_no_manifest_is_refused(void)
{
    static const char *const bad[] = {
        "", "{", "[]", "null", "<html>", "{}", "{\"reportKeys\":{}}", "{\"reportKeys\":[1]}", "{\"reportKeys\":[]} x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct model_manifest m;
        CHECK_INT(parse(bad[i], "cur/r/", "cur/r/20261101-20261201/", &m), -EIO);
        CHECK(*err_message() != '\0');
    }
}

static void manifest_keys_and_folders(void)
{
    char *text = NULL;
    CHECK_INT(model_layout_manifest_key("cur/r/20261101-20261201/", "r", &text), 0);
    CHECK_STR(text, "cur/r/20261101-20261201/r-Manifest.json");
    free(text);
    CHECK_INT(model_layout_folder_of("a/b/c", &text), 0);
    CHECK_STR(text, "a/b/");
    free(text);
    CHECK_INT(model_layout_folder_of("c", &text), 0);
    CHECK_STR(text, "");
    free(text);
}

static const struct unit_test tests[] = {
    {"roots_are_tolerant", roots_are_tolerant},
    {"periods_are_folders_of_two_dates", periods_are_folders_of_two_dates},
    {"overwrite_manifests_are_read", overwrite_manifests_are_read},
    {"layouts_are_known_by_their_keys", layouts_are_known_by_their_keys},
    {"empty_reports_are_read", empty_reports_are_read},
    {"an_empty_prefix_gives_leading_slashes", an_empty_prefix_gives_leading_slashes},
    {"keys_outside_the_report_are_refused", keys_outside_the_report_or_named_twice_are_refused},
    {"what_is_no_manifest_is_refused", what_is_no_manifest_is_refused},
    {"manifest_keys_and_folders", manifest_keys_and_folders},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
