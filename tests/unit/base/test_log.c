/* base/log.h: what lands in the file. */
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/lib/unit.h"

static char path[64];

static void open_fresh(enum log_level level, enum log_format format)
{
    strcpy(path, "/tmp/ctfs-test-log-XXXXXX");
    int fd cleanup_fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(log_open(path, level, format), 0);
}

/* The file's text; the log is closed and the file removed. */
static char *take_text(void)
{
    struct buf b cleanup_buf = BUF_INIT;
    char piece[4096];
    ssize_t got;
    int fd cleanup_fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    while ((got = read(fd, piece, sizeof piece)) > 0)
        buf_append(&b, piece, (size_t)got);
    CHECK_INT(log_open(NULL, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
    CHECK_INT(unlink(path), 0);
    return buf_steal(&b);
}

static int line_count(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void one_event_one_line(void)
{
    open_fresh(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    struct stat st;
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    errno = 77;
    log_error("a\nb\r\x1b[31m %s", "c\\d\x7f\xff\xc2\x9b ñ");
    CHECK_INT(errno, 77);
    char *text cleanup_free = take_text();
    CHECK_INT(line_count(text), 1);
    CHECK(strlen(text) > 20 && text[19] == 'Z');
    CHECK_STR(text + 20, " error a\\nb\\x0d\\x1b[31m c\\\\d\\x7f\\xff\\u009b ñ\n");
}

static void json_is_one_object_a_line(void)
{
    open_fresh(LOG_LEVEL_WARN, LOG_FORMAT_JSON);
    log_warn("say \"%s\"\n", "\xff\\\x01");
    char *text cleanup_free = take_text();
    CHECK(strncmp(text, "{\"time\":\"20", 11) == 0);
    CHECK_STR(strchr(text, 'Z'), "Z\",\"level\":\"warn\",\"message\":\"say \\\"\\ufffd\\\\\\u0001\\\"\\u000a\"}\n");
}

static void nothing_below_the_level(void)
{
    open_fresh(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    log_info("info");
    log_debug("debug");
    log_warn("warn");
    log_error("error");
    char *text cleanup_free = take_text();
    CHECK_INT(line_count(text), 2);
    CHECK(strstr(text, " warn warn\n") && strstr(text, " error error\n"));
}

static void long_messages_stay_one_line(void)
{
    char *big cleanup_free = malloc(100000);
    memset(big, '\n', 99999);
    big[99999] = 0;
    open_fresh(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info("%s", big);
    char *text cleanup_free = take_text();
    CHECK_INT(line_count(text), 1);
    CHECK(strlen(text) > 4000 && strlen(text) < 20000);
}

static void *log_often(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_info("<%s>", (const char *)arg);
    return NULL;
}

static void lines_never_mix(void)
{
    static const char *const words[] = {"aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccccccccc", "d"};
    pthread_t threads[4];
    open_fresh(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, log_often, (void *)words[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    char *text cleanup_free = take_text();
    CHECK_INT(line_count(text), 2000);
    int wrong = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *word = strchr(line, '<');
        wrong += !word || strspn(word + 1, (char[]){word[1], 0}) != strlen(word) - 2 || line[strlen(line) - 1] != '>';
    }
    CHECK_INT(wrong, 0);
}

static void levels_by_name(void)
{
    enum log_level level = LOG_LEVEL_ERROR;
    CHECK_INT(log_level_parse("debug", &level), 0);
    CHECK_INT(level, LOG_LEVEL_DEBUG);
    CHECK_INT(log_level_parse("error", &level), 0);
    CHECK_INT(level, LOG_LEVEL_ERROR);
    CHECK_INT(log_level_parse("loud", &level), -EINVAL);
    CHECK(strstr(err_message(), "loud") != NULL);
    CHECK_INT(log_open("/nowhere/at/all", LOG_LEVEL_INFO, LOG_FORMAT_TEXT), -ENOENT);
    CHECK(strstr(err_message(), "/nowhere/at/all") != NULL);
}

static const struct unit_test tests[] = {
    {"one_event_one_line", one_event_one_line},
    {"json_is_one_object_a_line", json_is_one_object_a_line},
    {"nothing_below_the_level", nothing_below_the_level},
    {"long_messages_stay_one_line", long_messages_stay_one_line},
    {"lines_never_mix", lines_never_mix},
    {"levels_by_name", levels_by_name},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
