/* base/names.h: fixed examples, and random names and sets of names from a seeded generator. */
#include "base/names.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "tests/lib/unit.h"

static uint64_t seed = 88172645463325252ULL;

static unsigned below(unsigned limit)
{
    seed ^= seed << 13; /* xorshift64 */
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 11) % limit);
}

static void escapes_to(const char *name, size_t len, const char *want)
{
    char *got cleanup_free = NULL;
    char *back cleanup_free = NULL;
    size_t back_len = 0;
    CHECK_INT(names_escape(name, len, &got), 0);
    CHECK_STR(got, want);
    CHECK_INT(names_unescape(got, &back, &back_len), 0);
    CHECK_INT(back_len, len);
    CHECK(back && memcmp(back, name, len) == 0 && back[len] == 0);
}

static void escapes_what_cannot_be_a_file_name(void)
{
    escapes_to("", 0, "%");
    escapes_to(".", 1, "%2E");
    escapes_to("..", 2, "%2E%2E");
    escapes_to("...", 3, "...");
    escapes_to(".a", 2, ".a");
    escapes_to("a/b", 3, "a%2Fb");
    escapes_to("100%", 4, "100%25");
    escapes_to("a\0b", 3, "a%00b");
    escapes_to("\n\t\x1f\x7f ", 5, "%0A%09%1F%7F ");
    escapes_to("Gruñón Ω 日本 😀", strlen("Gruñón Ω 日本 😀"), "Gruñón Ω 日本 😀");
    escapes_to("\xff\xc0\x80", 3, "\xff\xc0\x80");
}

static void refuses_what_it_does_not_write(void)
{
    static const char *const bad[] = {
        "", ".", "..", "a/b", "a\nb", "a%", "%2", "%2f", "%41", "%G0", "a%2E", "%2E.", "%%", "x%~0123456789ABCDEF",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *name = NULL;
        size_t len = 42;
        CHECK_INT(names_unescape(bad[i], &name, &len), -EINVAL);
        CHECK(name == NULL && len == 42);
    }
}

/* A name of LEN bytes and more out of pieces that have each their trouble. */
static size_t random_name(char *name, size_t len)
{
    static const char *const pieces[] = {"a", "b",    ".",        "/",    "%", "ñ",  "日",
                                         "😀", "\xff", "\xe6\x97", "\x01", " ", "%2F"};
    size_t used = 0;
    while (used < len) {
        const char *piece = pieces[below(sizeof pieces / sizeof pieces[0])];
        memcpy(name + used, piece, strlen(piece));
        used += strlen(piece);
    }
    name[used] = 0;
    return used;
}

static bool is_file_name(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > 255 || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f || text[i] == '/')
            return false;
    }
    return true;
}

static void random_names_come_back(void)
{
    int wrong = 0;
    for (int i = 0; i < 100000; i++) {
        char name[128];
        char *text cleanup_free = NULL;
        char *back cleanup_free = NULL;
        size_t back_len = 0, len = random_name(name, below(60));
        wrong += names_escape(name, len, &text) != 0 || !is_file_name(text);
        wrong += names_unescape(text, &back, &back_len) != 0 || back_len != len || memcmp(back, name, len) != 0;
    }
    CHECK_INT(wrong, 0);
}

static bool ends_cut(const char *text)
{
    size_t len = strlen(text);
    return len >= 18 && text[len - 18] == '%' && text[len - 17] == '~' &&
           strspn(text + len - 16, "0123456789ABCDEF") == 16;
}

/* Whether TEXT, without its last 18 bytes, is what names_escape writes for whole units of NAME. */
static bool cut_between_units(const char *name, size_t len, const char *text)
{
    size_t kept = strlen(text) - 18;
    for (size_t i = 0; i <= len;) {
        char *prefix cleanup_free = NULL;
        if (i > 2 && names_escape(name, i, &prefix) == 0 && strlen(prefix) == kept && memcmp(prefix, text, kept) == 0)
            return true;
        size_t unit = i < len ? utf8_len(name + i, len - i) : 1;
        i += unit ? unit : 1;
    }
    return false;
}

static void long_names_are_cut_between_characters(void)
{
    int wrong = 0, cut = 0;
    for (int i = 0; i < 2000; i++) {
        char name[512];
        char *text cleanup_free = NULL;
        char *back cleanup_free = NULL;
        size_t back_len, len = random_name(name, 200 + below(200));
        wrong += names_escape(name, len, &text) != 0 || !is_file_name(text);
        if (!ends_cut(text))
            continue;
        cut++;
        wrong += strlen(text) < 255 - 4 || !cut_between_units(name, len, text);
        wrong += names_unescape(text, &back, &back_len) != -EINVAL;
    }
    CHECK_INT(wrong, 0);
    CHECK(cut > 1000);
}

static void cuts_at_255_and_not_before(void)
{
    char name[300];
    memset(name, 'x', sizeof name);
    char *whole cleanup_free = NULL;
    char *cut cleanup_free = NULL;
    char *other cleanup_free = NULL;
    CHECK_INT(names_escape(name, 255, &whole), 0);
    CHECK_INT(strlen(whole), 255);
    CHECK(!ends_cut(whole));
    CHECK_INT(names_escape(name, 256, &cut), 0);
    CHECK_INT(strlen(cut), 255);
    CHECK(ends_cut(cut));
    CHECK_INT(names_escape(name, 257, &other), 0);
    CHECK(strcmp(cut, other) != 0); /* the hash is the whole name's */
}

static void every_member_of_a_clash_gets_its_id(void)
{
    struct names_entry e[] = {{"prod", "111111111111", NULL},
                              {"dev", "222222222222", NULL},
                              {"prod", "0123", NULL},
                              {"", "5", NULL},
                              {"", "6", NULL},
                              {"%", "7", NULL}};
    static const char *const want[] = {"prod.111111111111", "dev", "prod.0123", "%.5", "%.6", "%25"};
    CHECK_INT(names_unique(e, 6), 0);
    for (int i = 0; i < 6; i++) {
        CHECK_STR(e[i].file_name, want[i]);
        free(e[i].file_name);
    }
    CHECK_INT(names_unique(NULL, 0), 0);
}

static void a_suffix_may_clash_itself(void)
{
    struct names_entry e[] = {{"a", "1", NULL}, {"a", "2", NULL}, {"a.1", "3", NULL}, {"a.1.3", "4", NULL}};
    static const char *const want[] = {"a.1", "a.2", "a.1.3", "a.1.3.4"};
    CHECK_INT(names_unique(e, 4), 0);
    /* "a.1" of entry 3 meets that of entry 1 and gets its suffix, and so does then entry 4. */
    for (int i = 0; i < 4; i++) {
        CHECK_STR(e[i].file_name, want[i]);
        free(e[i].file_name);
    }
}

static void ids_with_dots_stay_apart(void)
{
    struct names_entry e[] = {{"a", "b.c", NULL}, {"a", "x", NULL}, {"a.b", "c", NULL}, {"a.b", "y", NULL}};
    CHECK_INT(names_unique(e, 4), 0);
    CHECK_STR(e[0].file_name, "a.b%2Ec");
    CHECK_STR(e[2].file_name, "a.b.c");
    for (int i = 0; i < 4; i++)
        free(e[i].file_name);
}

static void bad_ids_are_refused(void)
{
    char long_id[200];
    memset(long_id, '1', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = 0;
    struct names_entry twice[] = {{"a", "1", NULL}, {"a", "1", NULL}, {"a", "2", NULL}};
    struct names_entry big[] = {{"a", long_id, NULL}, {"a", "1", NULL}};
    CHECK_INT(names_unique(twice, 3), -EINVAL);
    CHECK(!twice[0].file_name && !twice[1].file_name && !twice[2].file_name);
    CHECK_INT(names_unique(big, 2), -EINVAL);
    CHECK(!big[0].file_name && !big[1].file_name);
}

#define SET_MAX 8

struct set {
    struct names_entry entries[SET_MAX];
    char names[SET_MAX][400], ids[SET_MAX][24];
    size_t count;
};

/* Few letters and small IDs, so that names, and names with suffixes, meet. */
static void random_set(struct set *s)
{
    static const char *const stems[] = {"a", "a.1", "a.2", "a.1.2", "", ".", "%", "%2E", "a/b", "A.3", "a.3.1"};
    s->count = 1 + below(SET_MAX);
    for (size_t i = 0; i < s->count; i++) {
        strcpy(s->names[i], stems[below(sizeof stems / sizeof stems[0])]);
        if (below(8) == 0) {
            memset(s->names[i], 'x', 300);
            strcpy(s->names[i] + 300, below(2) ? "1" : "2");
        }
        (void)snprintf(s->ids[i], sizeof s->ids[i], "%zu", i + 1);
        s->entries[i] = (struct names_entry){s->names[i], s->ids[i], NULL};
    }
}

static bool has_suffix(const struct names_entry *e)
{
    size_t len = strlen(e->file_name), id_len = strlen(e->id);
    return len > id_len && e->file_name[len - id_len - 1] == '.' && strcmp(e->file_name + len - id_len, e->id) == 0;
}

static int check_set(const struct set *s)
{
    int wrong = 0;
    for (size_t i = 0; i < s->count; i++) {
        wrong += !is_file_name(s->entries[i].file_name);
        for (size_t k = 0; k < s->count; k++) {
            if (k == i)
                continue;
            wrong += strcmp(s->entries[i].file_name, s->entries[k].file_name) == 0;
            wrong += strcmp(s->entries[i].name, s->entries[k].name) == 0 && !has_suffix(&s->entries[i]);
        }
    }
    return wrong;
}

static int check_shuffled(const struct set *s)
{
    struct names_entry shuffled[SET_MAX];
    size_t at[SET_MAX];
    int wrong = 0;
    for (size_t i = 0; i < s->count; i++)
        at[i] = i;
    for (size_t i = s->count; i-- > 1;) {
        size_t k = below((unsigned)i + 1), moved = at[i];
        at[i] = at[k];
        at[k] = moved;
    }
    for (size_t i = 0; i < s->count; i++)
        shuffled[i] = (struct names_entry){s->entries[at[i]].name, s->entries[at[i]].id, NULL};
    if (names_unique(shuffled, s->count) != 0)
        return 1;
    for (size_t i = 0; i < s->count; i++) {
        wrong += strcmp(shuffled[i].file_name, s->entries[at[i]].file_name) != 0;
        free(shuffled[i].file_name);
    }
    return wrong;
}

static void random_sets_are_distinct_in_any_order(void)
{
    int wrong = 0;
    for (int i = 0; i < 100000; i++) {
        struct set s;
        random_set(&s);
        wrong += names_unique(s.entries, s.count) != 0 || check_set(&s) || check_shuffled(&s);
        for (size_t k = 0; k < s.count; k++)
            free(s.entries[k].file_name);
    }
    CHECK_INT(wrong, 0);
}

static void utf8_follows_the_rfc(void)
{
    CHECK_INT(utf8_len("a", 1), 1);
    CHECK_INT(utf8_len("\xc2\x80", 2), 2);
    CHECK_INT(utf8_len("\xc1\xbf", 2), 0);
    CHECK_INT(utf8_len("\xe0\xa0\x80", 3), 3);
    CHECK_INT(utf8_len("\xe0\x9f\xbf", 3), 0);
    CHECK_INT(utf8_len("\xed\x9f\xbf", 3), 3);
    CHECK_INT(utf8_len("\xed\xa0\x80", 3), 0);
    CHECK_INT(utf8_len("\xf0\x90\x80\x80", 4), 4);
    CHECK_INT(utf8_len("\xf0\x8f\xbf\xbf", 4), 0);
    CHECK_INT(utf8_len("\xf4\x8f\xbf\xbf", 4), 4);
    CHECK_INT(utf8_len("\xf4\x90\x80\x80", 4), 0);
    CHECK_INT(utf8_len("\xf5\x80\x80\x80", 4), 0);
    CHECK_INT(utf8_len("\xe6\x97\xa5", 2), 0);
    CHECK_INT(utf8_len("\x80", 1), 0);
}

static void no_character_is_cut(void)
{
    CHECK_INT(utf8_fit("abc", 3), 3);
    CHECK_INT(utf8_fit("abcd", 3), 3);
    CHECK_INT(utf8_fit("", 0), 0);
    CHECK_INT(utf8_fit("a\303\274b", 2), 1);
    CHECK_INT(utf8_fit("a\303\274b", 3), 3);
    CHECK_INT(utf8_fit("\360\237\230\200x", 3), 0);
    CHECK_INT(utf8_fit("\360\237\230\200x", 4), 4);
    CHECK_INT(utf8_fit("\200\200\200\200\200\200\200", 6), 2); /* no UTF-8: some of it */
}

static const struct unit_test tests[] = {
    {"escapes_what_cannot_be_a_file_name", escapes_what_cannot_be_a_file_name},
    {"refuses_what_it_does_not_write", refuses_what_it_does_not_write},
    {"random_names_come_back", random_names_come_back},
    {"long_names_are_cut_between_characters", long_names_are_cut_between_characters},
    {"cuts_at_255_and_not_before", cuts_at_255_and_not_before},
    {"every_member_of_a_clash_gets_its_id", every_member_of_a_clash_gets_its_id},
    {"a_suffix_may_clash_itself", a_suffix_may_clash_itself},
    {"ids_with_dots_stay_apart", ids_with_dots_stay_apart},
    {"bad_ids_are_refused", bad_ids_are_refused},
    {"random_sets_are_distinct_in_any_order", random_sets_are_distinct_in_any_order},
    {"utf8_follows_the_rfc", utf8_follows_the_rfc},
    {"no_character_is_cut", no_character_is_cut},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
