/* A line is formatted and escaped into one buffer and written by one write(2) under a lock. Text escapes what a
 * terminal or a line reader would act on: control bytes (C1 ones in UTF-8 too), the backslash that the escapes use, and
 * bytes that are not UTF-8. A message over MESSAGE_SIZE is cut.
 */
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"

#define MESSAGE_SIZE 4096

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const int level_priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

/* Set before threads start. */
static enum log_level log_max = LOG_LEVEL_INFO;
static enum log_format log_form = LOG_FORMAT_TEXT;
static int log_fd = STDERR_FILENO;
static bool log_to_syslog;

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

errint log_open(const char *path, enum log_level level, enum log_format format)
{
    bool to_syslog = path && strcmp(path, "syslog") == 0;
    int fd = STDERR_FILENO;
    if (path && !to_syslog) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
            return err_set(-errno, "log file %s: %s", path, strerror(errno));
    }
    if (log_fd != STDERR_FILENO)
        (void)close(log_fd);
    if (to_syslog)
        openlog("ctfs", LOG_PID, LOG_DAEMON);
    log_fd = fd;
    log_to_syslog = to_syslog;
    log_max = level;
    log_form = format;
    return 0;
}

errint log_level_parse(const char *text, enum log_level *ret)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return 0;
        }
    }
    return err_set(-EINVAL, "log level '%s' is none of error, warn, info, debug", text);
}

/* U+0080 to U+009F, which terminals may take for commands. */
static bool is_c1(const char *p, size_t len)
{
    return len == 2 && (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0;
}

static void put_text(struct buf *line, const char *p, size_t len)
{
    unsigned char c = (unsigned char)*p;
    if (c == '\n')
        buf_puts(line, "\\n");
    else if (c == '\\')
        buf_puts(line, "\\\\");
    else if (len == 0 || c < 0x20 || c == 0x7f)
        buf_printf(line, "\\x%02x", c);
    else if (is_c1(p, len))
        buf_printf(line, "\\u00%02x", (unsigned char)p[1]);
    else
        buf_append(line, p, len);
}

static void put_json(struct buf *line, const char *p, size_t len)
{
    unsigned char c = (unsigned char)*p;
    if (len == 0)
        buf_puts(line, "\\ufffd");
    else if (c == '"' || c == '\\')
        buf_printf(line, "\\%c", c);
    else if (c < 0x20 || c == 0x7f)
        buf_printf(line, "\\u%04x", c);
    else if (is_c1(p, len))
        buf_printf(line, "\\u00%02x", (unsigned char)p[1]);
    else
        buf_append(line, p, len);
}

static void put_escaped(struct buf *line, const char *text, void (*put)(struct buf *, const char *, size_t))
{
    size_t left = strlen(text);
    while (left) {
        size_t len = utf8_len(text, left);
        put(line, text, len);
        text += len ? len : 1;
        left -= len ? len : 1;
    }
}

static void write_line(enum log_level level, const struct buf *line)
{
    pthread_mutex_lock(&write_lock);
    if (log_to_syslog)
        syslog(level_priorities[level], "%s", buf_text(line));
    else
        while (write(log_fd, line->data, line->len) < 0 && errno == EINTR)
            ;
    pthread_mutex_unlock(&write_lock);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > log_max)
        return;
    int saved = errno;
    char message[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0)
        message[0] = 0;
    va_end(args);
    char time[CLOCK_ISO_SIZE];
    clock_format_iso(clock_wall_unix(), time);
    struct buf line cleanup_buf = BUF_INIT;
    if (log_form == LOG_FORMAT_JSON) {
        buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"", time, level_names[level]);
        put_escaped(&line, message, put_json);
        buf_puts(&line, "\"}");
    } else {
        if (!log_to_syslog) /* which has both */
            buf_printf(&line, "%s %s ", time, level_names[level]);
        put_escaped(&line, message, put_text);
    }
    if (!log_to_syslog)
        buf_putc(&line, '\n');
    if (!line.error)
        write_line(level, &line);
    errno = saved;
}
