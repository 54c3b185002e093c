/* Escaping goes unit by unit: a whole UTF-8 character, one byte of what is not UTF-8, or one byte's escape. A name that
 * is cut is cut between units.
 *
 * names_unique works in rounds: at first no entry has its suffix; in each round every entry without one whose result
 * equals another's gets its own; until a round changes nothing. A round looks at all entries alike, so their order
 * plays no part. Two entries with suffixes never are equal: what is behind the last dot is the escaped ID, and IDs
 * differ. So at the end all are distinct.
 */
#include "base/names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/utf8.h"

#define NAME_MAX_BYTES 255
#define CUT_BYTES 18 /* "%~" and 16 digits */
#define ID_MAX_BYTES 128

static bool must_escape(unsigned char c)
{
    return c < 0x20 || c == 0x7f || c == '/' || c == '%';
}

static void escape_byte(struct buf *b, unsigned char c)
{
    buf_printf(b, "%%%02X", c);
}

static bool is_dots(const char *name, size_t len)
{
    return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* Appends NAME's escaped form. *RET_CUT: the length of the longest run of whole units within ROOM bytes. */
static void escape_units(struct buf *b, const char *name, size_t len, bool dots, size_t room, size_t *ret_cut)
{
    *ret_cut = 0;
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)name[i];
        size_t unit = utf8_len(name + i, len - i);
        unit = unit ? unit : 1;
        if (must_escape(c) || (dots && c == '.'))
            escape_byte(b, c);
        else
            buf_append(b, name + i, unit);
        i += unit;
        if (b->len <= room)
            *ret_cut = b->len;
    }
}

/* The escaped name within MAX bytes. */
static void escape_within(struct buf *b, const char *name, size_t len, size_t max)
{
    size_t cut;
    if (len == 0)
        buf_putc(b, '%');
    escape_units(b, name, len, is_dots(name, len), max - CUT_BYTES, &cut);
    if (b->len <= max || buf_error(b))
        return;
    b->len = cut;
    buf_printf(b, "%%~%016llX", (unsigned long long)hash_bytes(name, len));
}

static errint finish(struct buf *b, char **ret)
{
    errint e = buf_error(b);
    if (e)
        return e;
    char *text = buf_steal(b);
    if (!text)
        return err_set(-ENOMEM, "no memory for a name");
    *ret = text;
    return 0;
}

errint names_escape(const char *name, size_t len, char **ret)
{
    struct buf b cleanup_buf = BUF_INIT;
    escape_within(&b, name, len, NAME_MAX_BYTES);
    return finish(&b, ret);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* False at an escape that is none. */
static bool unescape_all(struct buf *b, const char *text)
{
    if (strcmp(text, "%") == 0)
        return true;
    while (*text) {
        if (*text != '%') {
            buf_putc(b, *text++);
            continue;
        }
        int high = hex_value(text[1]), low = high < 0 ? -1 : hex_value(text[2]);
        if (low < 0)
            return false;
        buf_putc(b, (char)(high << 4 | low));
        text += 3;
    }
    return true;
}

errint names_unescape(const char *text, char **ret, size_t *ret_len)
{
    struct buf b cleanup_buf = BUF_INIT;
    bool good = unescape_all(&b, text);
    errint e = buf_error(&b);
    if (e)
        return e;
    size_t len = b.len;
    char *name cleanup_free = NULL;
    char *again cleanup_free = NULL;
    e = finish(&b, &name);
    if (e == 0)
        e = names_escape(name, len, &again);
    if (e)
        return e;
    if (!good || strcmp(again, text) != 0) /* one spelling alone is right */
        return err_set(-EINVAL, "not an escaped name: '%.255s'", text);
    *ret = steal_ptr(&name);
    *ret_len = len;
    return 0;
}

struct candidate {
    struct names_entry *entry;
    bool suffixed, clashes;
};

static errint plain_name(struct names_entry *e)
{
    return names_escape(e->name, strlen(e->name), &e->file_name);
}

static errint suffixed_name(struct names_entry *e)
{
    size_t cut;
    struct buf id cleanup_buf = BUF_INIT;
    struct buf b cleanup_buf = BUF_INIT;
    escape_units(&id, e->id, strlen(e->id), true, 0, &cut);
    if (id.len > ID_MAX_BYTES)
        return err_set(-EINVAL, "an ID of %zu bytes is too long to tell '%.64s' from others", id.len, e->name);
    escape_within(&b, e->name, strlen(e->name), NAME_MAX_BYTES - 1 - id.len);
    buf_putc(&b, '.');
    buf_puts(&b, buf_text(&id));
    errint failed = buf_error(&id);
    char *name = NULL;
    if (failed == 0)
        failed = finish(&b, &name);
    if (failed)
        return failed;
    free(e->file_name);
    e->file_name = name;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    return strcmp(left->entry->file_name, right->entry->file_name);
}

static bool same_name(const struct candidate *a, const struct candidate *b)
{
    return strcmp(a->entry->file_name, b->entry->file_name) == 0;
}

/* Gives every member of a clash its suffix. *RET_CHANGED: there was one. */
static errint round_of(struct candidate *c, size_t count, bool *ret_changed)
{
    bool changed = false;
    qsort(c, count, sizeof *c, compare);
    for (size_t i = 0; i < count; i++)
        c[i].clashes = (i > 0 && same_name(&c[i - 1], &c[i])) || (i + 1 < count && same_name(&c[i], &c[i + 1]));
    for (size_t i = 0; i < count; i++) {
        if (c[i].clashes && i > 0 && c[i].suffixed && c[i - 1].suffixed && same_name(&c[i - 1], &c[i]))
            return err_set(-EINVAL, "two entries have the ID '%s'", c[i].entry->id);
    }
    for (size_t i = 0; i < count; i++) {
        if (!c[i].clashes || c[i].suffixed)
            continue;
        errint e = suffixed_name(c[i].entry);
        if (e)
            return e;
        c[i].suffixed = changed = true;
    }
    *ret_changed = changed;
    return 0;
}

static errint make_unique(struct names_entry *entries, size_t count)
{
    struct candidate *c cleanup_free = calloc(count ? count : 1, sizeof *c);
    if (!c)
        return err_set(-ENOMEM, "no memory for %zu names", count);
    for (size_t i = 0; i < count; i++) {
        c[i].entry = &entries[i];
        errint e = plain_name(&entries[i]);
        if (e)
            return e;
    }
    for (bool changed = true; changed;) {
        errint e = round_of(c, count, &changed);
        if (e)
            return e;
    }
    return 0;
}

errint names_unique(struct names_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        entries[i].file_name = NULL;
    errint e = make_unique(entries, count);
    for (size_t i = 0; e && i < count; i++) {
        free(entries[i].file_name);
        entries[i].file_name = NULL;
    }
    return e;
}
