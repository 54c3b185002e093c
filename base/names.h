/* Names from AWS as file names: escaped reversibly, made unique.
 *
 * Ownership: results are malloc'd, the caller frees; on failure there are none.
 * Threads:   any.
 * Errors:    -ENOMEM, and those named below.
 * Cost:      linear; unique: n log n.
 */
#ifndef CTFS_BASE_NAMES_H
#define CTFS_BASE_NAMES_H

#include "base/errors.h"

#include <stddef.h>

/* Percent-encodes what cannot be a file name: '/', '%', NUL (by LEN), control bytes (0x00-0x1f, 0x7f), and the whole of
 * "." and "..". An empty name is "%". A result over 255 bytes is cut at a whole character or escape to leave room and
 * ends in "%~" and 16 hex digits of the whole name's hash: reversible for all but these. */
errint names_escape(const char *name, size_t len, char **ret);

/* The inverse; -EINVAL for text that names_escape does not write (a cut one too). *RET is NUL-terminated. */
errint names_unescape(const char *text, char **ret, size_t *ret_len);

struct names_entry {
    const char *name; /* as AWS has it */
    const char *id;   /* unique among the entries, ASCII */
    char *file_name;  /* out: owned by the caller afterwards */
};

/* Fills file_name for each: the escaped name; every member of a clash gets ".ID" behind it (within 255 bytes),
 * whatever the order; and no result equals another. In the suffix the ID's own dots are escaped too. -EINVAL for an ID
 * that two entries have or that is longer than 128 bytes when escaped. */
errint names_unique(struct names_entry *entries, size_t count);

#endif
