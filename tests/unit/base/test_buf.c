/* base/buf.h and base/cleanup.h */
#include "base/buf.h"

#include <stdint.h>

#include "base/cleanup.h"
#include "tests/lib/remains.h"
#include "tests/lib/unit.h"

static void it_grows_and_stays_terminated(void)
{
    struct buf b cleanup_buf = BUF_INIT;
    CHECK_STR(buf_text(&b), "");
    for (int i = 0; i < 10000; i++) {
        buf_printf(&b, "%d,", i % 10);
        if (b.data[b.len] != 0)
            CHECK_INT(b.data[b.len], 0);
    }
    CHECK_INT(b.len, 20000);
    CHECK(strncmp(buf_text(&b), "0,1,2,3,4,5,6,7,8,9,0,", 22) == 0);
    buf_append(&b, "\0x", 2);
    CHECK_INT(b.len, 20002);
    CHECK_INT(b.data[20001], 'x');
    CHECK_INT(buf_error(&b), 0);
}

/* Printing into the room that is there, and into more, gives the same. */
static void any_length_is_printed(void)
{
    int wrong = 0;
    for (int before = 0; before < 300; before += 7)
        for (int len = 0; len < 300; len++) {
            struct buf b cleanup_buf = BUF_INIT;
            for (int i = 0; i < before; i++)
                buf_putc(&b, 'x');
            buf_printf(&b, "%*s", len, "");
            wrong += b.len != (size_t)(before + len) || strspn(buf_text(&b) + before, " ") != (size_t)len;
        }
    CHECK_INT(wrong, 0);
}

static void the_limit_is_exact(void)
{
    struct buf b cleanup_buf = BUF_LIMIT(5);
    buf_puts(&b, "12345");
    CHECK_INT(buf_error(&b), 0);
    buf_putc(&b, '6');
    CHECK_INT(buf_error(&b), -EFBIG);
    CHECK(strstr(err_message(), "5") != NULL);
    CHECK_STR(buf_text(&b), "12345");
}

static void the_first_failure_sticks(void)
{
    struct buf b cleanup_buf = BUF_LIMIT(5);
    buf_printf(&b, "%s", "123456");
    CHECK_INT(buf_error(&b), -EFBIG);
    buf_putc(&b, 'x'); /* would fit, but would leave a hole */
    buf_append(&b, "", 0);
    CHECK_INT(b.len, 0);
    CHECK_INT(buf_error(&b), -EFBIG);
    CHECK(buf_steal(&b) == NULL);
    buf_reset(&b);
    CHECK_INT(buf_error(&b), 0);
    buf_puts(&b, "12345");
    CHECK_STR(buf_text(&b), "12345");
    buf_putc(&b, '6'); /* the limit outlives the reset */
    CHECK_INT(buf_error(&b), -EFBIG);
}

static void a_length_that_overflows_is_too_big(void)
{
    struct buf b cleanup_buf = BUF_INIT;
    buf_putc(&b, 'x');
    buf_append(&b, "y", SIZE_MAX);
    CHECK_INT(buf_error(&b), -EFBIG);
}

static void steal_hands_over(void)
{
    struct buf b cleanup_buf = BUF_INIT;
    char *empty cleanup_free = buf_steal(&b);
    CHECK_STR(empty, "");
    buf_puts(&b, "text");
    char *text cleanup_free = buf_steal(&b);
    CHECK_STR(text, "text");
    CHECK_INT(b.len, 0);
    CHECK(b.data == NULL);
    char *taken cleanup_free = steal_ptr(&text);
    CHECK(text == NULL);
    CHECK_STR(taken, "text");
}

static void fill_and_end(struct buf *b, const char *needle)
{
    for (int i = 0; i < 100; i++)
        buf_puts(b, "0123456789");
    buf_puts(b, needle);
    for (int i = 0; i < 4000; i++) /* it moves */
        buf_puts(b, "0123456789");
    CHECK_INT(buf_error(b), 0);
    CHECK(strstr(buf_text(b), needle) != NULL);
    buf_done(b);
}

static void a_secret_is_wiped_where_it_was(void)
{
    struct buf open = BUF_INIT, secret = {.secret = true};
    remains_begin();
    fill_and_end(&secret, "wiped behind every growth");
    CHECK_INT(remains_of("wiped behind every growth"), 0);
    CHECK(secret.secret);
    fill_and_end(&open, "left as it was freed");
    CHECK(remains_of("left as it was freed") > 0 || !REMAINS_CAN_LOOK); /* the test sees what it looks for */
}

static const struct unit_test tests[] = {
    {"it_grows_and_stays_terminated", it_grows_and_stays_terminated},
    {"any_length_is_printed", any_length_is_printed},
    {"the_limit_is_exact", the_limit_is_exact},
    {"the_first_failure_sticks", the_first_failure_sticks},
    {"a_length_that_overflows_is_too_big", a_length_that_overflows_is_too_big},
    {"steal_hands_over", steal_hands_over},
    {"a_secret_is_wiped_where_it_was", a_secret_is_wiped_where_it_was},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
