/* Programs that print credentials: their words, their output, their end, and being stopped. */
#include "tests/lib/unit.h"

#include <signal.h>

#include "provider_test.h"

#define KEYS "\"AccessKeyId\": \"AKIA\", \"SecretAccessKey\": \"canary\""

static const char *run(const char *command, int64_t timeout_ms)
{
    static char text[256];
    struct aws_provider *p = NULL;
    errint r = aws_creds_process_new("dev", command, timeout_ms, &p);
    if (!r)
        return provider_fetch(p, NULL);
    snprintf(text, sizeof text, "%s: %s", err_name(r), err_message());
    return text;
}

static const char *print(const char *json)
{
    char command[512];
    snprintf(command, sizeof command, "printf %%s '%s'", json);
    return run(command, 0);
}

#define FAILED "EINVAL: credential_process of profile 'dev'"

static void test_output(void)
{
    CHECK_STR(print("{\"Version\": 1, " KEYS "}"), "AKIA canary - 0");
    CHECK_STR(print("{\"Version\": 1, " KEYS ", \"SessionToken\": null, \"Expiration\": null}"), "AKIA canary - 0");
    CHECK_STR(print(" {\"Expiration\": \"2026-11-23T09:00:00+00:00\", \"SessionToken\": \"t\", " KEYS
                    ", \"AccountId\": \"0\", \"Version\": 1}\n"),
              "AKIA canary t 1795424400");
}

static void test_bad_output(void)
{
    CHECK_STR(print(""), FAILED " printed no JSON object");
    CHECK_STR(print("[1]"), FAILED " printed no JSON object");
    CHECK_STR(print("{" KEYS "}"), FAILED ": Version is not 1");
    CHECK_STR(print("{\"Version\": \"1\", " KEYS "}"), FAILED ": Version is not 1");
    CHECK_STR(print("{\"Version\": 2, " KEYS "}"), FAILED ": Version is not 1");
    CHECK_STR(print("{\"Version\": 1, \"SecretAccessKey\": \"canary\"}"), FAILED " printed no AccessKeyId");
    CHECK_STR(print("{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": 5}"),
              FAILED " printed no SecretAccessKey");
    CHECK(!strstr(print("{\"Version\": 1, " KEYS ", \"Expiration\": \"canary\"}"), "AKIA"));
}

/* The words, as python3 -c 'import shlex; shlex.split(...)' cuts them. */
static void check_words(const char *words, const char *want)
{
    char command[512], *text = NULL;
    size_t size = 0;
    snprintf(command, sizeof command, "%s/words %s", provider_home, words);
    CHECK(strstr(run(command, 0), "printed no JSON") != NULL);
    snprintf(command, sizeof command, "%s/out", provider_home);
    FILE *f = fopen(command, "r");
    CHECK(f && getdelim(&text, &size, '\0', f) >= 0);
    CHECK_STR(text, want);
    free(text);
    if (f)
        fclose(f);
}

static void test_words(void)
{
    char path[128];
    provider_home_init(NULL, NULL);
    snprintf(path, sizeof path, "%s/words", provider_home);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs("#!/bin/sh\nfor w; do printf '<%s>' \"$w\"; done > \"${0%words}out\"\n", f) >= 0);
    CHECK(f && fclose(f) == 0 && chmod(path, 0700) == 0);
    check_words("a  b\tc", "<a><b><c>");
    check_words("'a b' \"c d\" e'f'\"g\"", "<a b><c d><efg>");
    check_words("'' \"\"", "<><>");
    check_words("'\\x' \"\\x \\\" \\\\\" \\x\\ y", "<\\x><\\x \" \\><x y>");
    check_words("$HOME `id` $(id) ~ * > x ; y #z", "<$HOME><`id`><$(id)><~><*><>><x><;><y><#z>");
    CHECK_INT(unlink(path), 0);
    snprintf(path, sizeof path, "%s/out", provider_home);
    CHECK_INT(unlink(path), 0);
    provider_home_done();
}

static void test_bad_words(void)
{
    CHECK_STR(run("echo 'open", 0), FAILED ": a quote or a backslash is left open");
    CHECK_STR(run("echo \"open\\\"", 0), FAILED ": a quote or a backslash is left open");
    CHECK_STR(run("echo open\\", 0), FAILED ": a quote or a backslash is left open");
    CHECK_STR(run("  ", 0), FAILED " is empty");
    CHECK_STR(run("/nowhere/program --secret canary", 0),
              FAILED ": cannot run '/nowhere/program': No such file or directory");
}

static void test_exit_status(void)
{
    CHECK_STR(run("sh -c 'echo canary >&2; exit 3'", 0),
              "EACCES: credential_process of profile 'dev' failed with exit status 3");
    CHECK_STR(run("sh -c 'kill -9 $$'", 0), "EACCES: credential_process of profile 'dev' ended by signal 9");
}

static void test_output_limit(void)
{
    CHECK_STR(run("cat /dev/zero", 0), "EFBIG: credential_process of profile 'dev' printed over 65536 bytes");
}

/* Runs COMMAND, which writes a process's number into PATH before it hangs, until the time is up; the number. */
static int run_until_late(const char *command, const char *path)
{
    int child = 0;
    for (int timeout_ms = 300; child == 0 && timeout_ms < 60000; timeout_ms *= 3) { /* it may be slow to get so far */
        char want[128];
        snprintf(want, sizeof want, "ETIMEDOUT: credential_process of profile 'dev' took over %d ms", timeout_ms);
        CHECK_STR(run(command, timeout_ms), want);
        FILE *f = fopen(path, "r");
        if (f && fscanf(f, "%d", &child) != 1)
            child = 0;
        if (f)
            fclose(f);
    }
    return child;
}

/* It and what it started are killed. */
static void test_timeout(void)
{
    char path[128], command[256];
    provider_home_init(NULL, NULL);
    snprintf(path, sizeof path, "%s/.aws/other", provider_home);
    snprintf(command, sizeof command, "sh -c 'sleep 1000 & echo $! > %s; wait'", path);
    int child = run_until_late(command, path);
    CHECK(child > 0);
    for (int i = 0; i < 20000 && child > 0 && !kill(child, 0); i++) {
        char stat_path[64], state = 0;
        snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", child);
        FILE *s = fopen(stat_path, "r");
        bool dead = !s || (fscanf(s, "%*d %*s %c", &state) == 1 && state == 'Z');
        if (s)
            fclose(s);
        if (dead) {
            child = 0;
            break;
        }
        usleep(1000);
    }
    CHECK(child <= 0 || kill(child, 0) != 0);
    provider_home_done();
}

struct asked {
    struct cancel cancel;
    pthread_t thread;
};

static void *ask_soon(void *arg)
{
    usleep(50000);
    cancel_ask(&((struct asked *)arg)->cancel);
    return NULL;
}

static void test_cancel(void)
{
    struct asked a;
    struct aws_provider *p = NULL;
    cancel_init(&a.cancel);
    CHECK_INT(aws_creds_process_new("dev", "sleep 1000", 0, &p), 0);
    CHECK_INT(pthread_create(&a.thread, NULL, ask_soon, &a), 0);
    CHECK(!strncmp(provider_fetch(p, &a.cancel), "EINTR", 5));
    pthread_join(a.thread, NULL);
    cancel_done(&a.cancel);
}

/* A grandchild that keeps the pipe open is not waited for. */
static void test_grandchild(void)
{
    CHECK_STR(run("sh -c 'sleep 5 & printf \"{\\\"Version\\\": 1, \\\"AccessKeyId\\\": \\\"A\\\", "
                  "\\\"SecretAccessKey\\\": \\\"s\\\"}\"'",
                  4000),
              "A s - 0");
}

/* Whatever this process has open or blocks, the program has three descriptors and no signal blocked. */
static void test_clean_child(void)
{
    sigset_t all, old;
    CHECK_INT(dup2(2, 77), 77); /* not close-on-exec */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    CHECK_STR(run("test ! -e /proc/self/fd/77 -a -e /proc/self/fd/2", 0), FAILED " printed no JSON object");
    CHECK_STR(run("grep -q 'SigBlk:.0000000000000000' /proc/self/status", 0), FAILED " printed no JSON object");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    CHECK_INT(close(77), 0);
}

static const struct unit_test tests[] = {
    {"output", test_output},           {"bad_output", test_bad_output},   {"words", test_words},
    {"bad_words", test_bad_words},     {"exit_status", test_exit_status}, {"output_limit", test_output_limit},
    {"timeout", test_timeout},         {"cancel", test_cancel},           {"grandchild", test_grandchild},
    {"clean_child", test_clean_child},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
