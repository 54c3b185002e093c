/* The grammar of connect: what is whole, partial, refused; quotes as shells write them. */
#include "model/command.h"

#include "base/cleanup.h"
#include "tests/lib/unit.h"

static errint value_of(const char *text, const char *key, char *ret, size_t size)
{
    struct model_command c = {0};
    errint e = model_command_parse(text, strlen(text), &c);
    if (e == 0 && model_command_value(&c, key))
        (void)snprintf(ret, size, "%s", model_command_value(&c, key));
    model_command_done(&c);
    return e;
}

static void quotes_are_a_shells(void)
{
    static const struct {
        const char *text, *value;
    } rows[] = {
        {"connection=c-1 name=plain", "plain"},
        {"connection=c-1 name='it'\\''s'", "it's"},
        {"connection=c-1 name='it'\"'\"'s'", "it's"},
        {"connection=c-1 name=\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"connection=c-1 name=a\\ b", "a b"},
        {"connection=c-1 name=$'\\303\\274'", "\303\274"},
        {"connection=c-1 'name=whole word'", "whole word"},
        {"{\"connection\": \"c-1\", \"name\": \"J\\u00fcrgen\"}", "J\303\274rgen"},
        {"connection=c-1\nname='$HOME `x`'\n", "$HOME `x`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char got[100] = "";
        CHECK_INT(value_of(rows[i].text, "name", got, sizeof got), 0);
        CHECK_STR(got, rows[i].value);
    }
}

static void what_is_malformed_is_named(void)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"connection=c-1 name=$HOME", "expansion"},
        {"connection=c-1 name=\"`x`\"", "expansion"},
        {"connection=c-1 nmae=x", "nmae"},
        {"connection=c-1 name=a name=b", "twice"},
        {"connection=c-1 name=a\\\tb'\001'", "control"},
        {"bucket=b report=r prefix=p role_arn=x", "does not go with"},
        {"{\"refresh\": 1}", "not a string"},
        {"{\"refresh\": \"all\"} x", "not one JSON"},
        {"refresh", "KEY=VALUE"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char got[100];
        CHECK_INT(value_of(rows[i].text, "name", got, sizeof got), -EINVAL);
        if (!strstr(err_message(), rows[i].word) && strcmp(rows[i].word, "control") != 0)
            CHECK_STR(err_message(), rows[i].word);
    }
}

/* No cut of a command but its end is one, in whatever pieces it is written. */
static void a_command_is_whole_at_its_end(void)
{
    static const char *const texts[] = {"bucket=abc report='r' prefix=\"p\"",
                                        "{\"bucket\": \"abc\", \"report\": \"}\", \"prefix\": \"\"}"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(texts[i]);
        CHECK_INT(model_command_scan(texts[i], len), MODEL_TEXT_WHOLE);
    }
    for (size_t n = 1; n < strlen(texts[1]); n++)
        CHECK_INT(model_command_scan(texts[1], n), MODEL_TEXT_PARTIAL);
    CHECK_INT(model_command_scan("bucket=abc\nreport=r\n", 20), MODEL_TEXT_PARTIAL);
    CHECK_INT(model_command_scan(" \n\t", 3), MODEL_TEXT_BLANK);
    CHECK_INT(model_command_scan("refresh='all", 12), MODEL_TEXT_PARTIAL);
    CHECK_INT(model_command_scan("nonsense=x", 10), MODEL_TEXT_WHOLE);
}

/* dd with small blocks: what stops within a key, or within a quote's escape, waits for the rest. */
static void a_cut_within_a_key_waits(void)
{
    static const char *const cut[] = {"b",
                                      "bucket",
                                      "bucket=abc report=r pre",
                                      "bucket=abc report=r prefix=p nam",
                                      "\\",
                                      "'buck",
                                      "refresh=$",
                                      "co",
                                      "role_a",
                                      "connection=c-1 name=$'",
                                      "connection=c-1 name=$'\\30",
                                      "connection=c-1 name=$'\\x"};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++)
        CHECK_INT(model_command_scan(cut[i], strlen(cut[i])), MODEL_TEXT_PARTIAL);
    static const char *const wrong[] = {"bucket ", "colour", "buckets", "refresh=$x", "bucket\n", "refresh=all $HOME"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_INT(model_command_scan(wrong[i], strlen(wrong[i])), MODEL_TEXT_WHOLE);
}

/* The rest of a value whose beginning ran is refused, whatever it begins with. */
static void what_goes_on_in_a_word_that_ran_is_refused(void)
{
    const char *ran = "bucket=abc report=r prefix=", *const rests[] = {"c", "co", "cu/x", "bucket=b", "'c", "{\"a\":"};
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
        char text[100];
        size_t start = 0, ran_len = strlen(ran);
        struct model_command c = {0};
        (void)snprintf(text, sizeof text, "%s%s", ran, rests[i]);
        CHECK_INT(model_command_scan_open(text, strlen(text), ran_len, &start), MODEL_TEXT_WHOLE);
        CHECK_INT(start, ran_len);
        CHECK_INT(model_command_parse(text + start, strlen(text) - start, &c), -EINVAL);
    }
    static const char two[] = "refresh=allrefresh=cur", object[] = "{\"refresh\":\"all\"}c";
    size_t start = 0;
    struct model_command c = {0};
    CHECK_INT(model_command_scan_open(two, 22, 11, &start), MODEL_TEXT_WHOLE);
    CHECK_INT(model_command_parse(two + start, 22 - start, &c), 0);
    model_command_done(&c);
    CHECK_INT(model_command_scan_open(object, 18, 17, &start), MODEL_TEXT_PARTIAL);
}

static void optional_keys_join_the_command_before(void)
{
    const char *text = "bucket=abc report=r prefix=p\nname=x\n";
    size_t start = 99, ran = strlen("bucket=abc report=r prefix=p\n");
    CHECK_INT(model_command_scan_open(text, strlen(text), ran, &start), MODEL_TEXT_WHOLE);
    CHECK_INT(start, 0);
    const char *other = "refresh=all\nrefresh=cur\n";
    CHECK_INT(model_command_scan_open(other, strlen(other), 12, &start), MODEL_TEXT_WHOLE);
    CHECK_INT(start, 12);
}

static void too_long_or_nul_is_refused(void)
{
    char text[MODEL_COMMAND_MAX + 2];
    memset(text, 'a', sizeof text);
    struct model_command c = {0};
    CHECK_INT(model_command_parse(text, sizeof text, &c), -EINVAL);
    CHECK_INT(model_command_parse("refresh=a\0l", 11, &c), -EINVAL);
}

static const struct unit_test tests[] = {
    {"quotes_are_a_shells", quotes_are_a_shells},
    {"what_is_malformed_is_named", what_is_malformed_is_named},
    {"a_command_is_whole_at_its_end", a_command_is_whole_at_its_end},
    {"a_cut_within_a_key_waits", a_cut_within_a_key_waits},
    {"what_goes_on_in_a_word_that_ran_is_refused", what_goes_on_in_a_word_that_ran_is_refused},
    {"optional_keys_join_the_command_before", optional_keys_join_the_command_before},
    {"too_long_or_nul_is_refused", too_long_or_nul_is_refused},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
