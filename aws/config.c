/* One copy of the text, cut into strings where it lies, so that a key in it stands in memory once and is wiped once.
 * What was parsed is a list of sections and a list of entries in the order of the file; of entries with one key the
 * last counts, so look-ups go backwards, and sections of one name are one without being joined.
 *
 * A line that is indented deeper than the key above it goes on with that key's value. Where that value was empty the
 * lines are a block of "inner = value" entries. A key's own indentation is free: people indent what follows a
 * [section].
 */
#include "aws/config.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define WHITE " \t\r\f\v"

struct section {
    const char *kind; /* NULL: [NAME] */
    const char *name;
};

struct entry {
    size_t section;    /* index */
    const char *key;   /* of an entry in a block: the key that opens it */
    const char *inner; /* NULL outside blocks */
    char *value;
};

struct aws_config {
    char *text;
    size_t text_size; /* to be wiped */
    struct section *sections;
    size_t section_count, section_cap;
    struct entry *entries;
    size_t entry_count, entry_cap;
};

struct parser {
    struct aws_config *c;
    const char *file;
    unsigned line;
    size_t key_indent;
    const char *key;     /* the last one outside a block; NULL before the first of a section */
    char *value_end;     /* its value's NUL, or NULL when the value is empty: a block opens */
    size_t empty_indent; /* of the block's last entry, if its value is empty; else SIZE_MAX */
};

static errint malformed(const struct parser *p, const char *what)
{
    return err_set(-EINVAL, "%s line %u: %s", p->file, p->line, what);
}

/* Room for one more of SIZE bytes in *ARRAY. */
static errint grow(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return 0;
    size_t more = *cap ? *cap * 2 : 16;
    void *grown = reallocarray(*(void **)array, more, size);
    if (!grown)
        return err_set(-ENOMEM, "a configuration file");
    *(void **)array = grown;
    *cap = more;
    return 0;
}

/* Cuts white space off both ends of what lies in [TEXT, END). */
static char *trim(char *text, char *end)
{
    while (text < end && strchr(WHITE, *text))
        text++;
    while (end > text && strchr(WHITE, end[-1]))
        end--;
    *end = '\0';
    return text;
}

static char *unquote(char *text)
{
    size_t len = strlen(text);
    if (len < 2 || (text[0] != '"' && text[0] != '\'') || text[len - 1] != text[0])
        return text;
    text[len - 1] = '\0';
    return text + 1;
}

static errint parse_section(struct parser *p, char *line)
{
    char *end = strchr(line, ']');
    if (!end)
        return malformed(p, "a section without ']'");
    char *name = trim(line + 1, end), *kind = NULL;
    size_t word = strcspn(name, WHITE);
    if (name[word]) {
        kind = name;
        name[word] = '\0';
        name = unquote(trim(name + word + 1, end));
    }
    struct aws_config *c = p->c;
    errint r = grow(&c->sections, c->section_count, &c->section_cap, sizeof *c->sections);
    if (r)
        return r;
    c->sections[c->section_count++] = (struct section){kind, name};
    p->key = NULL;
    return 0;
}

static errint add_entry(struct parser *p, const char *key, const char *inner, char *value)
{
    struct aws_config *c = p->c;
    errint r = grow(&c->entries, c->entry_count, &c->entry_cap, sizeof *c->entries);
    if (r)
        return r;
    c->entries[c->entry_count++] = (struct entry){c->section_count - 1, key, inner, value};
    return 0;
}

/* Cuts "key = value" in two. NULL when there is no delimiter or no key. botocore takes ':' as well. */
static char *cut_value(char *line, char **ret_key)
{
    char *delimiter = strpbrk(line, "=:");
    if (!delimiter)
        return NULL;
    char *value = delimiter + 1;
    *ret_key = trim(line, delimiter);
    return **ret_key ? trim(value, value + strlen(value)) : NULL;
}

static errint parse_key(struct parser *p, char *line, size_t indent)
{
    char *key, *value;
    if (!p->c->section_count)
        return malformed(p, "before the first [section]");
    value = cut_value(line, &key);
    if (!value)
        return malformed(p, "neither a [section] nor key = value");
    errint r = add_entry(p, key, NULL, value);
    if (r)
        return r;
    p->key = key;
    p->key_indent = indent;
    p->value_end = *value ? value + strlen(value) : NULL;
    p->empty_indent = SIZE_MAX;
    return 0;
}

/* LINE lies behind the open value's end in the same text, with at least the newline between. */
static void append_line(struct parser *p, const char *line)
{
    size_t len = strlen(line);
    *p->value_end = '\n';
    memmove(p->value_end + 1, line, len + 1);
    p->value_end += len + 1;
}

static errint parse_deeper(struct parser *p, char *line, size_t indent)
{
    if (p->value_end) {
        append_line(p, line);
        return 0;
    }
    char *inner, *value = cut_value(line, &inner);
    if (!value)
        return malformed(p, "no key = value in an indented block");
    if (indent > p->empty_indent)
        return malformed(p, "a block in a block");
    p->empty_indent = *value ? SIZE_MAX : indent;
    return add_entry(p, p->key, inner, value);
}

static errint parse_line(struct parser *p, char *line, char *end)
{
    size_t indent = strspn(line, " \t");
    char *text = trim(line, end);
    if (!*text || *text == '#' || *text == ';')
        return 0;
    if (p->key && indent > p->key_indent)
        return parse_deeper(p, text, indent);
    return *text == '[' ? parse_section(p, text) : parse_key(p, text, indent);
}

static errint parse_text(struct parser *p, char *text, char *end)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (end - text >= 3 && !memcmp(text, mark, 3))
        text += 3;
    if (memchr(text, '\0', (size_t)(end - text)))
        return err_set(-EINVAL, "%s holds a NUL byte", p->file);
    while (text < end) {
        char *newline = memchr(text, '\n', (size_t)(end - text));
        char *line_end = newline ? newline : end;
        p->line++;
        errint r = parse_line(p, text, line_end);
        if (r)
            return r;
        text = line_end + 1;
    }
    return 0;
}

/* Takes TEXT (SIZE bytes, LEN in use and room for a NUL behind them). */
static errint parse_owned(const char *name, char *text, size_t size, size_t len, struct aws_config **ret)
{
    struct aws_config *c = calloc(1, sizeof *c);
    if (!c) {
        OPENSSL_cleanse(text, size);
        free(text);
        return err_set(-ENOMEM, "%s", name);
    }
    c->text = text;
    c->text_size = size;
    struct parser p = {.c = c, .file = name};
    errint r = parse_text(&p, text, text + len);
    if (r)
        aws_config_free(c);
    else
        *ret = c;
    return r;
}

errint aws_config_parse(const char *name, const char *text, size_t len, struct aws_config **ret)
{
    if (len > AWS_CONFIG_BYTES_MAX)
        return err_set(-EFBIG, "%s is over %zu bytes", name, AWS_CONFIG_BYTES_MAX);
    char *copy = malloc(len + 1);
    if (!copy)
        return err_set(-ENOMEM, "%s", name);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return parse_owned(name, copy, len + 1, len, ret);
}

/* Reads to the end or until FD gave more than a file may have: it may be a pipe, whose size nobody knows. */
static errint read_all(int fd, const char *path, char *text, size_t *ret_len)
{
    size_t len = 0;
    while (len <= AWS_CONFIG_BYTES_MAX) {
        ssize_t n = read(fd, text + len, AWS_CONFIG_BYTES_MAX + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(-errno, "reading %s: %s", path, strerror(errno));
        if (!n)
            break;
        len += (size_t)n;
    }
    if (len > AWS_CONFIG_BYTES_MAX)
        return err_set(-EFBIG, "%s is over %zu bytes", path, AWS_CONFIG_BYTES_MAX);
    *ret_len = len;
    return 0;
}

errint aws_config_read(const char *path, struct aws_config **ret)
{
    int fd cleanup_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(-errno, "opening %s: %s", path, strerror(errno));
    size_t size = AWS_CONFIG_BYTES_MAX + 2, len = 0;
    char *text = malloc(size);
    if (!text)
        return err_set(-ENOMEM, "%s", path);
    errint r = read_all(fd, path, text, &len);
    if (!r) {
        text[len] = '\0';
        return parse_owned(path, text, len + 1, len, ret);
    }
    OPENSSL_cleanse(text, size);
    free(text);
    return r;
}

void aws_config_free(struct aws_config *c)
{
    if (!c)
        return;
    OPENSSL_cleanse(c->text, c->text_size);
    free(c->text);
    free(c->sections);
    free(c->entries);
    free(c);
}

/* A name with a blank in it stands bare in the credentials file: [KIND NAME] is the section "KIND NAME" too. */
static bool is_section(const struct section *s, const char *kind, const char *name)
{
    if (kind || !s->kind)
        return !s->kind == !kind && (!kind || !strcmp(s->kind, kind)) && !strcmp(s->name, name);
    size_t first = strlen(s->kind);
    return !strncmp(name, s->kind, first) && name[first] == ' ' && !strcmp(name + first + 1, s->name);
}

bool aws_config_has(const struct aws_config *c, const char *kind, const char *name)
{
    for (size_t i = 0; i < c->section_count; i++)
        if (is_section(&c->sections[i], kind, name))
            return true;
    return false;
}

const char *aws_config_get_inner(const struct aws_config *c, const char *kind, const char *name, const char *key,
                                 const char *inner)
{
    for (size_t i = c->entry_count; i--;) {
        const struct entry *e = &c->entries[i];
        if (!e->inner == !inner && !strcasecmp(e->key, key) && (!inner || !strcasecmp(e->inner, inner)) &&
            is_section(&c->sections[e->section], kind, name))
            return e->value;
    }
    return NULL;
}

const char *aws_config_get(const struct aws_config *c, const char *kind, const char *name, const char *key)
{
    return aws_config_get_inner(c, kind, name, key, NULL);
}
