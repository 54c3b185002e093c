/* One event, one line, control bytes escaped, to stderr, a file or syslog.
 *
 * Ownership: nothing.
 * Threads:   any; lines never mix. log_open before threads start.
 * Errors:    a line that cannot be written is dropped.
 * Cost:      one write(2) a line; nothing below the level.
 *
 * Secrets are never passed to the log, at any level. Errors are logged once, by fs/ops or cli/, with the operation.
 */
#ifndef CTFS_BASE_LOG_H
#define CTFS_BASE_LOG_H

#include "base/errors.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* PATH: NULL for stderr, "syslog" for syslog(3), else a file (created 0600, appended). */
errint log_open(const char *path, enum log_level level, enum log_format format);

/* "error", "warn", "info", "debug"; -EINVAL otherwise. */
errint log_level_parse(const char *text, enum log_level *ret);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
