/* What is parsed, what is refused, and that printing is AWS CLI v2's. */
#include "aws/json.h"

#include "base/cleanup.h"
#include "tests/lib/unit.h"

#define cleanup_json cleanup(aws_json_deletep)

static errint parse(const char *text, cJSON **ret)
{
    return aws_json_parse(text, strlen(text), ret);
}

static void check_print(const char *text, const char *want)
{
    cJSON *json cleanup_json = NULL;
    struct buf b cleanup_buf = BUF_INIT;
    CHECK_INT(parse(text, &json), 0);
    aws_json_print(&b, json);
    CHECK_STR(buf_text(&b), want);
}

static void check_compact(const char *text, const char *want)
{
    cJSON *json cleanup_json = NULL;
    struct buf b cleanup_buf = BUF_INIT;
    CHECK_INT(parse(text, &json), 0);
    aws_json_print_compact(&b, json);
    CHECK_STR(buf_text(&b), want);
}

static void test_print(void)
{
    check_print("{\"a\":[1,{\"b\":null}],\"c\":{},\"d\":[],\"e\":true,\"f\":false}",
                "{\n    \"a\": [\n        1,\n        {\n            \"b\": null\n        }\n    ],\n"
                "    \"c\": {},\n    \"d\": [],\n    \"e\": true,\n    \"f\": false\n}\n");
    check_print("\"\\u00fc \\\"\\\\ \\n\\t\\b\\f\\r \\u0001 \x7f /\"",
                "\"\u00fc \\\"\\\\ \\n\\t\\b\\f\\r \\u0001 \x7f /\"\n");
    check_print("[]", "[]\n");
}

static void test_numbers(void)
{
    check_compact("[0,-1,9007199254740991,-9007199254740991,1234567890123]",
                  "[0,-1,9007199254740991,-9007199254740991,1234567890123]");
    check_compact("[0.1,1.5,1606048888.123456,-2.5e-7]", "[0.1,1.5,1606048888.123456,-2.5e-07]");
}

static void test_refused(void)
{
    static const char *const bad[] = {"",    " ",   "{",   "{\"a\":}", "[1,]",           "{} {}",
                                      "{}x", "nul", "'a'", "<html>",   "[\"a\\u0000b\"]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cJSON *json cleanup_json = NULL;
        CHECK_INT(parse(bad[i], &json), -EIO);
        CHECK(json == NULL);
    }
    cJSON *json cleanup_json = NULL;
    CHECK_INT(parse(" {} \r\n\t", &json), 0);
    cJSON *escaped cleanup_json = NULL;
    CHECK_INT(parse("[\"a\\\\u0000b\"]", &escaped), 0);
}

static errint parse_nested(unsigned depth)
{
    cJSON *json cleanup_json = NULL;
    struct buf b cleanup_buf = BUF_INIT;
    for (unsigned i = 0; i < depth; i++)
        buf_puts(&b, "[");
    buf_puts(&b, "\"]]]]\\\"[[[[\"");
    for (unsigned i = 0; i < depth; i++)
        buf_puts(&b, "]");
    return aws_json_parse(buf_text(&b), b.len, &json);
}

static void test_limits(void)
{
    cJSON *json cleanup_json = NULL;
    CHECK_INT(parse_nested(64), 0);
    CHECK_INT(parse_nested(65), -EIO);
    CHECK_INT(parse_nested(1000000), -EIO);
    CHECK_INT(aws_json_parse("{}", 64u * 1024 * 1024 + 1, &json), -EIO);
}

/* The last of two members with one name counts, as in every AWS client. */
static void test_twins(void)
{
    check_compact("{\"a\":1,\"b\":2,\"a\":3,\"c\":{\"x\":1,\"x\":2}}", "{\"b\":2,\"a\":3,\"c\":{\"x\":2}}");
}

static void test_string(void)
{
    cJSON *json cleanup_json = NULL;
    CHECK_INT(parse("{\"a\":\"x\",\"n\":null,\"i\":5,\"A\":\"y\"}", &json), 0);
    CHECK_STR(aws_json_string(json, "a"), "x");
    CHECK(aws_json_string(json, "n") == NULL);
    CHECK(aws_json_string(json, "i") == NULL);
    CHECK(aws_json_string(json, "z") == NULL);
}

static void check_time(const char *value, const char *want)
{
    cJSON *json cleanup_json = NULL;
    struct buf b cleanup_buf = BUF_INIT;
    buf_printf(&b, "{\"a\":1,\"t\":%s,\"z\":2}", value);
    CHECK_INT(parse(buf_text(&b), &json), 0);
    CHECK_INT(aws_json_time_member(json, "t"), 0);
    CHECK_STR(aws_json_string(json, "t"), want);
    CHECK_STR(json->child->next->string, "t"); /* where it was */
}

static void test_times(void)
{
    check_time("1769853600", "2026-01-31T10:00:00+00:00");
    check_time("1769853600.0", "2026-01-31T10:00:00+00:00");
    check_time("1769853600.25", "2026-01-31T10:00:00.250000+00:00");
    check_time("1769853600.123456", "2026-01-31T10:00:00.123456+00:00");
    check_time("1769853600.9999999", "2026-01-31T10:00:01+00:00");
    check_time("\"2026-01-31T10:00:00.000Z\"", "2026-01-31T10:00:00+00:00");
    check_time("\"2026-01-31T10:00:00.5Z\"", "2026-01-31T10:00:00.500000+00:00");
    cJSON *json cleanup_json = NULL;
    CHECK_INT(parse("{\"t\":null,\"u\":\"yesterday\",\"v\":-5,\"w\":true,\"x\":1e300}", &json), 0);
    CHECK_INT(aws_json_time_member(json, "absent"), 0);
    CHECK_INT(aws_json_time_member(json, "t"), 0);
    CHECK_INT(aws_json_time_member(json, "u"), -EIO);
    CHECK_INT(aws_json_time_member(json, "v"), -EIO);
    CHECK_INT(aws_json_time_member(json, "w"), -EIO);
    CHECK_INT(aws_json_time_member(json, "x"), -EIO);
}

static const struct unit_test tests[] = {
    {"print", test_print}, {"numbers", test_numbers}, {"refused", test_refused}, {"limits", test_limits},
    {"twins", test_twins}, {"string", test_string},   {"times", test_times},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
