/* base/errors.h */
#include "base/errors.h"

#include <pthread.h>

#include "tests/lib/unit.h"

static void set_gives_the_code_back(void)
{
    CHECK_INT(err_set(-ENOENT, "no %s in %d", "report", 7), -ENOENT);
    CHECK_STR(err_message(), "no report in 7");
}

static void add_puts_context_before(void)
{
    (void)err_set(-EIO, "bad crc");
    CHECK_INT(err_add(-ESTALE, "part %d", 3), -ESTALE);
    CHECK_STR(err_message(), "part 3: bad crc");
    (void)err_set(-EIO, "again: %s", err_message()); /* its own message may be an argument */
    CHECK_STR(err_message(), "again: part 3: bad crc");
}

static void long_messages_are_cut(void)
{
    char text[3000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = 0;
    (void)err_set(-EIO, "%s", text);
    CHECK_INT(strlen(err_message()), 1023);
    (void)err_add(-EIO, "context");
    CHECK_INT(strlen(err_message()), 1023);
    CHECK(strncmp(err_message(), "context: yyy", 12) == 0);
    (void)err_add(-EIO, "%s", text);
    CHECK_INT(strlen(err_message()), 1023);
}

static void names_of_codes(void)
{
    CHECK_STR(err_name(-ENOENT), "ENOENT");
    CHECK_STR(err_name(EKEYEXPIRED), "EKEYEXPIRED");
    CHECK_STR(err_name(-999), "errno 999");
}

static void *other_thread(void *arg)
{
    CHECK_STR(err_message(), "");
    CHECK_INT(err_again(arg), -EACCES);
    CHECK_STR(err_message(), "refused by Gruñón");
    (void)err_set(-EIO, "other");
    return NULL;
}

static void kept_messages_cross_threads(void)
{
    struct err e = {0};
    CHECK_INT(err_again(&e), 0);
    (void)err_set(-EACCES, "refused by %s", "Gruñón");
    err_keep(&e, -EACCES);
    (void)err_set(-EIO, "mine");
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, other_thread, &e), 0);
    pthread_join(thread, NULL);
    CHECK_STR(err_message(), "mine");
    err_keep(&e, -EIO);
    (void)err_set(-EINVAL, "x");
    CHECK_INT(err_again(&e), -EIO);
    CHECK_STR(err_message(), "mine");
    err_keep(&e, 0);
    CHECK(e.code == 0 && e.message == NULL);
    err_keep(&e, -EIO);
    err_done(&e);
    CHECK(e.code == 0 && e.message == NULL);
    e.code = -ENOMEM; /* a copy that found no memory */
    CHECK_INT(err_again(&e), -ENOMEM);
    CHECK_STR(err_message(), "ENOMEM");
}

static const struct unit_test tests[] = {
    {"set_gives_the_code_back", set_gives_the_code_back},
    {"add_puts_context_before", add_puts_context_before},
    {"long_messages_are_cut", long_messages_are_cut},
    {"names_of_codes", names_of_codes},
    {"kept_messages_cross_threads", kept_messages_cross_threads},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
