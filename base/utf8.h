/* UTF-8, as far as names and the log need it.
 *
 * Ownership: nothing.
 * Threads:   any.
 * Errors:    none.
 * Cost:      a few comparisons a character.
 */
#ifndef CTFS_BASE_UTF8_H
#define CTFS_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The length (1 to 4) of the well-formed character that begins at TEXT, of which LEN > 0 bytes may be read; 0 if there
 * is none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static inline size_t utf8_len(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80)
        return 1;
    size_t need = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (need == 0 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return need;
}

/* How many bytes of TEXT, a string, fit into MAX without a character being cut. */
static inline size_t utf8_fit(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    if (len <= max)
        return len;
    for (len = max; len > 0 && max - len < 4 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    return len;
}

#endif
