/* The grammar of `connect`.
 *
 * Pairs: words parted by white space; a word is KEY=VALUE, its pieces read as a POSIX shell reads them without ever
 * expanding: '…' is literal, in "…" only \" and \\ are escapes, $'…' as printf %q writes it, a backslash outside quotes
 * takes the next character. What a shell would expand ($, `) is refused, so that nobody believes it was expanded.
 * Objects: one JSON object of strings, read by cJSON; its end is found by counting braces outside strings.
 */
#include "model/command.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "base/cleanup.h"

const struct model_command_kind model_command_kinds[] = {
    [MODEL_COMMAND_ONBOARD] = {"bucket=, report= and prefix= (prefix= alone for none)",
                               {"bucket", "report", "prefix"},
                               {"name", "role", "bucket_owner"}},
    [MODEL_COMMAND_CONNECT] = {"role_arn=", {"role_arn"}, {"connection", "wait", "name"}},
    [MODEL_COMMAND_RENAME] = {"connection= and name=", {"connection", "name"}, {NULL}},
    [MODEL_COMMAND_DISCONNECT] = {"disconnect=", {"disconnect"}, {"confirm"}},
    [MODEL_COMMAND_REFRESH] = {"refresh=", {"refresh"}, {"connection"}},
};

struct reader {
    const char *at, *end;
    bool open; /* the text ended inside quotes, after a backslash, or within a key: more of it may come */
};

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* The end of the text inside quotes. */
static errint unfinished(struct reader *r, char quote)
{
    r->open = true;
    return err_set(-EINVAL, "a %c is never closed", quote);
}

static errint take_char(struct buf *to, char c)
{
    if (control(c))
        return err_set(-EINVAL, "control byte 0x%02x in a value", (unsigned char)c);
    buf_putc(to, c);
    return 0;
}

static errint read_single(struct reader *r, struct buf *to)
{
    while (r->at < r->end && *r->at != '\'') {
        errint e = take_char(to, *r->at++);
        if (e < 0)
            return e;
    }
    if (r->at == r->end)
        return unfinished(r, '\'');
    r->at++;
    return 0;
}

static errint refuse_expansion(char c)
{
    return err_set(-EINVAL, "%c would be an expansion; quote it with '…' (nothing is expanded here)", c);
}

static errint read_double(struct reader *r, struct buf *to)
{
    while (r->at < r->end && *r->at != '"') {
        char c = *r->at++;
        if (c == '$' || c == '`')
            return refuse_expansion(c);
        if (c == '\\' && r->at < r->end && (*r->at == '"' || *r->at == '\\'))
            c = *r->at++;
        errint e = take_char(to, c);
        if (e < 0)
            return e;
    }
    if (r->at == r->end)
        return unfinished(r, '"');
    r->at++;
    return 0;
}

/* Up to MAX digits of BASE (8 or 16). */
static unsigned read_digits(struct reader *r, unsigned base, unsigned max)
{
    unsigned value = 0;
    for (unsigned i = 0; i < max && r->at < r->end; i++, r->at++) {
        const char *digits = "0123456789abcdef", *d = memchr(digits, *r->at | 0x20, base);
        if (!d || (base == 8 && !(*r->at >= '0' && *r->at <= '7')))
            break;
        value = value * base + (unsigned)(d - digits);
    }
    return value;
}

/* The character after a backslash in $'…'. */
static errint read_ansi_escape(struct reader *r, struct buf *to)
{
    char c = *r->at;
    bool hex = c == 'x';
    r->at += hex;
    if (hex || (c >= '0' && c <= '7')) {
        char byte = (char)read_digits(r, hex ? 16 : 8, hex ? 2 : 3);
        return r->at == r->end ? unfinished(r, '\'') : take_char(to, byte);
    }
    r->at++;
    if (c == '\\' || c == '\'' || c == '"' || c == '?')
        return take_char(to, c);
    static const char letters[] = "abeEfnrtv", bytes[] = "\a\b\033\033\f\n\r\t\v";
    const char *letter = strchr(letters, c);
    if (letter && *letter)
        return take_char(to, bytes[letter - letters]);
    return err_set(-EINVAL, "\\%c in $'…' is no character of a value", c);
}

static errint read_ansi(struct reader *r, struct buf *to)
{
    while (r->at < r->end && *r->at != '\'') {
        char c = *r->at++;
        if (c == '\\' && r->at == r->end)
            break;
        errint e = c == '\\' ? read_ansi_escape(r, to) : take_char(to, c);
        if (e < 0)
            return e;
    }
    if (r->at == r->end)
        return unfinished(r, '\'');
    r->at++;
    return 0;
}

static errint read_piece(struct reader *r, struct buf *to)
{
    char c = *r->at++;
    switch (c) {
    case '\'':
        return read_single(r, to);
    case '"':
        return read_double(r, to);
    case '$':
        if (r->at < r->end && *r->at == '\'') {
            r->at++;
            return read_ansi(r, to);
        }
        r->open = r->at == r->end; /* of $'…' */
        return refuse_expansion(c);
    case '`':
        return refuse_expansion(c);
    case '\\':
        if (r->at == r->end) {
            r->open = true;
            return err_set(-EINVAL, "a backslash with nothing behind it");
        }
        return take_char(to, *r->at++);
    default:
        return take_char(to, c);
    }
}

static errint read_word(struct reader *r, struct buf *to)
{
    while (r->at < r->end && !blank(*r->at)) {
        errint e = read_piece(r, to);
        if (e < 0)
            return e;
    }
    return buf_error(to);
}

static bool known_key(const char *key)
{
    for (int k = 0; k < MODEL_COMMAND_COUNT; k++) {
        for (const char *const *n = model_command_kinds[k].required; *n; n++)
            if (strcmp(*n, key) == 0)
                return true;
        for (const char *const *n = model_command_kinds[k].optional; *n; n++)
            if (strcmp(*n, key) == 0)
                return true;
    }
    return false;
}

static errint add_pair(struct model_command *c, const char *key, const char *value)
{
    if (!known_key(key))
        return err_set(-EINVAL, "unknown key '%.64s'", key);
    if (model_command_value(c, key))
        return err_set(-EINVAL, "'%s' is given twice", key);
    struct model_command_pair *grown = reallocarray(c->pairs, c->count + 1, sizeof *grown);
    if (!grown)
        return err_set(-ENOMEM, "no memory for a command");
    c->pairs = grown;
    struct model_command_pair *p = &c->pairs[c->count];
    p->key = strdup(key);
    p->value = strdup(value);
    c->count++;
    return p->key && p->value ? 0 : err_set(-ENOMEM, "no memory for a command");
}

static errint add_word(struct model_command *c, char *word)
{
    char *equals = strchr(word, '=');
    if (!equals || equals == word)
        return err_set(-EINVAL, "'%.64s' is not KEY=VALUE", word);
    *equals = '\0';
    return add_pair(c, word, equals + 1);
}

/* Does a key begin with WORD? */
static bool begins_key(const char *word)
{
    size_t len = strlen(word);
    for (int k = 0; k < MODEL_COMMAND_COUNT; k++) {
        for (const char *const *n = model_command_kinds[k].required; *n; n++)
            if (strncmp(*n, word, len) == 0)
                return true;
        for (const char *const *n = model_command_kinds[k].optional; *n; n++)
            if (strncmp(*n, word, len) == 0)
                return true;
    }
    return false;
}

static errint parse_pairs(struct reader *r, struct model_command *c)
{
    for (;;) {
        while (r->at < r->end && blank(*r->at))
            r->at++;
        if (r->at == r->end)
            return 0;
        struct buf word cleanup_buf = BUF_LIMIT(MODEL_COMMAND_MAX);
        errint e = read_word(r, &word);
        char *text = word.data ? word.data : (char[]){""};
        if (e == 0 && r->at == r->end && !strchr(text, '='))
            r->open = begins_key(text);
        if (e == 0)
            e = add_word(c, text);
        if (e < 0)
            return e;
    }
}

static errint value_text(const cJSON *v)
{
    if (!cJSON_IsString(v))
        return err_set(-EINVAL, "the value of '%.64s' is not a string", v->string ? v->string : "");
    for (const char *p = v->valuestring; *p; p++)
        if (control(*p))
            return err_set(-EINVAL, "control byte 0x%02x in a value", (unsigned char)*p);
    return 0;
}

static errint add_members(const cJSON *object, struct model_command *c)
{
    const cJSON *v;
    cJSON_ArrayForEach (v, object) {
        errint e = value_text(v);
        if (e == 0)
            e = add_pair(c, v->string, v->valuestring);
        if (e < 0)
            return e;
    }
    return 0;
}

/* cJSON ends strings at an escaped NUL without a word. */
static bool escaped_nul(const char *text, size_t len)
{
    for (size_t i = 0; i + 6 <= len; i++) {
        if (text[i] != '\\')
            continue;
        if (memcmp(text + i + 1, "u0000", 5) == 0)
            return true;
        i++;
    }
    return false;
}

static errint parse_object(const char *text, size_t len, struct model_command *c)
{
    if (escaped_nul(text, len))
        return err_set(-EINVAL, "control byte 0x00 in a value");
    const char *end = NULL;
    cJSON *object = cJSON_ParseWithLengthOpts(text, len, &end, false);
    while (object && end < text + len && blank(*end))
        end++;
    errint e = 0;
    if (!cJSON_IsObject(object) || end != text + len)
        e = err_set(-EINVAL, "not one JSON object of strings");
    if (e == 0)
        e = add_members(object, c);
    cJSON_Delete(object);
    return e;
}

static const char *first_text(const char *text, size_t len)
{
    const char *p = text;
    while (p < text + len && blank(*p))
        p++;
    return p;
}

/* Parses without the table of kinds; *RET_OPEN when the text stopped inside quotes. */
static errint parse(const char *text, size_t len, struct model_command *ret, bool *ret_open)
{
    struct reader r = {.at = first_text(text, len), .end = text + len};
    *ret_open = false;
    if (len > MODEL_COMMAND_MAX)
        return err_set(-EINVAL, "a command is at most %d bytes", MODEL_COMMAND_MAX);
    if (memchr(text, 0, len))
        return err_set(-EINVAL, "a NUL byte");
    errint e = r.at < r.end && *r.at == '{' ? parse_object(r.at, (size_t)(r.end - r.at), ret) : parse_pairs(&r, ret);
    *ret_open = r.open;
    return e;
}

errint model_command_parse(const char *text, size_t len, struct model_command *ret)
{
    struct model_command c = {0};
    bool open;
    errint e = parse(text, len, &c, &open);
    enum model_command_index kind;
    if (e == 0)
        e = model_command_classify(&c, &kind);
    if (e < 0) {
        model_command_done(&c);
        return e;
    }
    *ret = c;
    return 0;
}

void model_command_done(struct model_command *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->pairs[i].key);
        free(c->pairs[i].value);
    }
    free(c->pairs);
    *c = (struct model_command){0};
}

const char *model_command_value(const struct model_command *c, const char *key)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->pairs[i].key, key) == 0)
            return c->pairs[i].value;
    return NULL;
}

static bool listed(const char *const *names, const char *key)
{
    for (; *names; names++)
        if (strcmp(*names, key) == 0)
            return true;
    return false;
}

/* Every key of C belongs to KIND. */
static bool fits(const struct model_command *c, const struct model_command_kind *kind)
{
    for (size_t i = 0; i < c->count; i++)
        if (!listed(kind->required, c->pairs[i].key) && !listed(kind->optional, c->pairs[i].key))
            return false;
    return true;
}

static const char *missing(const struct model_command *c, const struct model_command_kind *kind)
{
    for (const char *const *n = kind->required; *n; n++)
        if (!model_command_value(c, *n))
            return *n;
    return NULL;
}

errint model_command_classify(const struct model_command *c, enum model_command_index *ret)
{
    const struct model_command_kind *nearest = NULL;
    if (c->count == 0)
        return err_set(-EINVAL, "no key=value at all");
    for (int k = 0; k < MODEL_COMMAND_COUNT; k++) {
        const struct model_command_kind *kind = &model_command_kinds[k];
        if (!fits(c, kind))
            continue;
        if (!missing(c, kind)) {
            *ret = (enum model_command_index)k;
            return 0;
        }
        nearest = nearest ? nearest : kind;
    }
    if (nearest)
        return err_set(-EINVAL, "%s= is missing: needed are %s", missing(c, nearest), nearest->name);
    return err_set(-EINVAL, "'%s' does not go with '%s'", c->pairs[c->count - 1].key, c->pairs[0].key);
}

/* Does the object that TEXT begins with close in it? */
static bool object_closes(const char *text, const char *end)
{
    int depth = 0;
    bool quoted = false;
    for (const char *p = text; p < end; p++) {
        if (quoted && *p == '\\')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && *p == '{')
            depth++;
        else if (!quoted && *p == '}' && --depth == 0)
            return true;
    }
    return false;
}

/* Could more pairs make a command of C? */
static bool may_grow(const struct model_command *c)
{
    for (int k = 0; k < MODEL_COMMAND_COUNT; k++)
        if (fits(c, &model_command_kinds[k]))
            return true;
    return false;
}

/* WHOLE: a command, or what can never be one. *RET_COUNT: the pairs of what is not whole and ends with a whole word. */
static enum model_command_text scan_pairs(const char *text, size_t len, size_t *ret_count)
{
    struct model_command c = {0};
    bool open;
    enum model_command_index kind;
    errint e = parse(text, len, &c, &open);
    enum model_command_text found = MODEL_TEXT_WHOLE;
    if (open || (e == 0 && model_command_classify(&c, &kind) < 0 && may_grow(&c)))
        found = MODEL_TEXT_PARTIAL;
    *ret_count = open ? 0 : c.count;
    model_command_done(&c);
    return found;
}

static enum model_command_text scan(const char *text, size_t len, size_t *ret_count)
{
    const char *first = first_text(text, len);
    *ret_count = 0;
    if (first == text + len)
        return MODEL_TEXT_BLANK;
    if (len > MODEL_COMMAND_MAX)
        return MODEL_TEXT_WHOLE;
    if (*first == '{')
        return object_closes(first, text + len) ? MODEL_TEXT_WHOLE : MODEL_TEXT_PARTIAL;
    return scan_pairs(text, len, ret_count);
}

enum model_command_text model_command_scan(const char *text, size_t len)
{
    size_t count;
    return scan(text, len, &count);
}

/* What the first RAN_LEN bytes of TEXT are: a command of *RET_KIND, or pairs that lack a key (MODEL_COMMAND_COUNT). */
static bool kind_before(const char *text, size_t ran_len, enum model_command_index *ret_kind)
{
    struct model_command c = {0};
    bool open, good = parse(text, ran_len, &c, &open) == 0 && c.count;
    if (good && model_command_classify(&c, ret_kind) < 0) {
        *ret_kind = MODEL_COMMAND_COUNT;
        good = may_grow(&c);
    }
    model_command_done(&c);
    return good;
}

/* TEXT from 0 is pairs that make one command, of which the first RAN_LEN bytes were one already, or were refused for want
 * of a key. */
static bool joins(const char *text, size_t len, size_t ran_len)
{
    struct model_command joined = {0};
    enum model_command_index before, kind;
    bool one = *first_text(text, len) != '{' && kind_before(text, ran_len, &before) &&
               model_command_parse(text, len, &joined) == 0 && model_command_classify(&joined, &kind) == 0 &&
               (before == kind || before == MODEL_COMMAND_COUNT);
    model_command_done(&joined);
    return one;
}

/* Does what comes behind the first RAN_LEN bytes go on in their last word? */
static bool goes_on(const char *text, size_t len, size_t ran_len)
{
    return ran_len && ran_len < len && *first_text(text, len) != '{' && !blank(text[ran_len - 1]) &&
           !blank(text[ran_len]);
}

/* Who puts several pairs into the first write has no more of them, unless a blank says so (a line's end does not). */
static bool said_all(const char *text, size_t len, size_t count)
{
    char last = text[len - 1];
    return count > 1 && (last == '\n' || !blank(last));
}

enum model_command_text model_command_scan_open(const char *text, size_t len, size_t ran_len, size_t write_len,
                                                size_t *ret_start)
{
    size_t count;
    enum model_command_text rest = scan(text + ran_len, len - ran_len, &count);
    *ret_start = ran_len;
    if (rest != MODEL_TEXT_PARTIAL)
        return rest;
    if (goes_on(text, len, ran_len))
        return MODEL_TEXT_WHOLE;
    if (ran_len && joins(text, len, ran_len)) {
        *ret_start = 0;
        return MODEL_TEXT_WHOLE;
    }
    return write_len == len - ran_len && said_all(text, len, count) ? MODEL_TEXT_WHOLE : rest;
}
