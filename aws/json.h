/* JSON as AWS CLI v2 prints it, and safe access to what a server sent.
 *
 * Ownership: stated by each. Threads: any. Errors: -EIO for text that is not JSON or past a limit (64 MiB, depth 64).
 * Cost: linear.
 */
#ifndef CTFS_AWS_JSON_H
#define CTFS_AWS_JSON_H

#include <cjson/cJSON.h>

#include "base/buf.h"

/* Parses LEN bytes; the whole text must be one value. Numbers keep their text (exact) when printed again as long as they
 * are integers below 2^53. */
errint aws_json_parse(const char *text, size_t len, cJSON **ret);

/* Four spaces an indent, "key": value, non-ASCII as it is, [] and {} for empty ones, a newline at the end: what
 * `aws … --output json` prints. */
void aws_json_print(struct buf *to, const cJSON *value);
/* On one line without spaces, for keeping. */
void aws_json_print_compact(struct buf *to, const cJSON *value);

/* The string member NAME, or NULL when absent, null or not a string. Valid while OBJECT is. */
const char *aws_json_string(const cJSON *object, const char *name);

/* Replaces the member NAME, seconds since 1970 (int or float) or text, by ISO 8601 as the CLI prints it
 * ("2026-01-31T10:00:00+00:00", microseconds when there are any). Absent or null: nothing. */
errint aws_json_time_member(cJSON *object, const char *name);

void aws_json_deletep(cJSON **p); /* for __attribute__((cleanup)) */

#endif
