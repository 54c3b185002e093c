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
        CHECK_INT(model_command_scan_open(text, strlen(text), ran_len, strlen(rests[i]), &start), MODEL_TEXT_WHOLE);
        CHECK_INT(start, ran_len);
        CHECK_INT(model_command_parse(text + start, strlen(text) - start, &c), -EINVAL);
    }
    static const char two[] = "refresh=allrefresh=cur", object[] = "{\"refresh\":\"all\"}c";
    size_t start = 0;
    struct model_command c = {0};
    CHECK_INT(model_command_scan_open(two, 22, 11, 11, &start), MODEL_TEXT_WHOLE);
    CHECK_INT(model_command_parse(two + start, 22 - start, &c), 0);
    model_command_done(&c);
    CHECK_INT(model_command_scan_open(object, 18, 17, 1, &start), MODEL_TEXT_PARTIAL);
}

static void optional_keys_join_the_command_before(void)
{
    const char *text = "bucket=abc report=r prefix=p\nname=x\n";
    size_t start = 99, ran = strlen("bucket=abc report=r prefix=p\n");
    CHECK_INT(model_command_scan_open(text, strlen(text), ran, strlen(text) - ran, &start), MODEL_TEXT_WHOLE);
    CHECK_INT(start, 0);
    const char *other = "refresh=all\nrefresh=cur\n";
    CHECK_INT(model_command_scan_open(other, strlen(other), 12, 12, &start), MODEL_TEXT_WHOLE);
    CHECK_INT(start, 12);
}

/* Who writes several pairs at once and forgets one is told; who writes them one by one is waited for. */
static void several_pairs_in_the_first_write_are_all_there_are(void)
{
    static const struct {
        const char *before, *last;
        enum model_command_text want;
    } rows[] = {
        {"", "bucket=abc report=r", MODEL_TEXT_WHOLE},
        {"", "bucket=abc report=r\n", MODEL_TEXT_WHOLE},
        {"", "bucket=abc\nreport=r\nname=x\n", MODEL_TEXT_WHOLE},
        {" \n", "connection=c-1 wait=5\n", MODEL_TEXT_PARTIAL}, /* not the first write */
        {"", "bucket=abc", MODEL_TEXT_PARTIAL},
        {"", "bucket=abc\n", MODEL_TEXT_PARTIAL},
        {"", "bucket=abc report=r ", MODEL_TEXT_PARTIAL},
        {"", "bucket=abc report='r", MODEL_TEXT_PARTIAL},
        {"", "bucket=abc report=r pre", MODEL_TEXT_PARTIAL},
        {"bucket=abc\n", "report=r name=x\n", MODEL_TEXT_PARTIAL},
        {"bucket=abc report=", "r", MODEL_TEXT_PARTIAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[100];
        size_t start = 99, last_len = strlen(rows[i].last);
        (void)snprintf(text, sizeof text, "%s%s", rows[i].before, rows[i].last);
        CHECK_INT(model_command_scan_open(text, strlen(text), 0, last_len, &start), rows[i].want);
        CHECK_INT(start, 0);
    }
    struct model_command c = {0};
    CHECK_INT(model_command_parse("bucket=abc report=r\n", 20, &c), -EINVAL);
    CHECK(strstr(err_message(), "prefix= is missing") != NULL);
}

/* Its writer was told of a failure and goes on: what would have made the command must not be lost without a word. */
static void what_was_refused_for_want_of_a_key_is_joined(void)
{
    const char *text = "bucket=abc report=r\nprefix=p\n";
    size_t start = 99;
    CHECK_INT(model_command_scan_open(text, strlen(text), 20, 9, &start), MODEL_TEXT_WHOLE);
    CHECK_INT(start, 0);
    text = "bucket=abc report=r\nbucket=abc\n"; /* written anew, line by line */
    CHECK_INT(model_command_scan_open(text, strlen(text), 20, 11, &start), MODEL_TEXT_PARTIAL);
    text = "bucket=abc report=r colour=x\nprefix=p\n";
    CHECK_INT(model_command_scan_open(text, strlen(text), 29, 9, &start), MODEL_TEXT_PARTIAL);
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
    {"several_pairs_in_the_first_write_are_all_there_are", several_pairs_in_the_first_write_are_all_there_are},
    {"what_was_refused_for_want_of_a_key_is_joined", what_was_refused_for_want_of_a_key_is_joined},
    {"too_long_or_nul_is_refused", too_long_or_nul_is_refused},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
