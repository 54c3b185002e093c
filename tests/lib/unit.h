/* The unit tests' runner: a table of functions, checks that print and fail the test, one line a test.
 *
 * int main(int argc, char **argv) { return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]); }
 *
 * Ownership: nothing. Threads: checks may be made from any thread of the test. Errors: exit status 1 if a test failed,
 * or if there was none, or if a test made no check. Cost: none. A program's argument picks tests by substring.
 */
#ifndef CTFS_TESTS_UNIT_H
#define CTFS_TESTS_UNIT_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

static atomic_int unit_failures;
static atomic_int unit_checks;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        unit_checks++;                                                                                                 \
        if (!(condition)) {                                                                                            \
            unit_failures++;                                                                                           \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                                    \
        }                                                                                                              \
    } while (0)

#define CHECK_INT(got, want)                                                                                           \
    do {                                                                                                               \
        long long got_ = (long long)(got), want_ = (long long)(want);                                                  \
        unit_checks++;                                                                                                 \
        if (got_ != want_) {                                                                                           \
            unit_failures++;                                                                                           \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, got_, want_);                   \
        }                                                                                                              \
    } while (0)

#define CHECK_STR(got, want)                                                                                           \
    do {                                                                                                               \
        const char *got_ = (got), *want_ = (want);                                                                     \
        unit_checks++;                                                                                                 \
        if (!got_ || strcmp(got_, want_) != 0) {                                                                       \
            unit_failures++;                                                                                           \
            fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, got_ ? got_ : "(null)",     \
                    want_);                                                                                            \
        }                                                                                                              \
    } while (0)

static inline int unit_run_one(const struct unit_test *test)
{
    int failures = unit_failures, checks = unit_checks;
    test->run();
    if (unit_checks == checks) {
        fprintf(stderr, "%s: checks nothing\n", test->name);
        unit_failures++;
    }
    int ok = unit_failures == failures;
    printf("%s %s\n", ok ? "ok" : "FAILED", test->name);
    fflush(stdout);
    return ok;
}

static inline int unit_main(int argc, char **argv, const struct unit_test *tests, size_t count)
{
    size_t passed = 0, failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && !strstr(tests[i].name, argv[1]))
            continue;
        if (unit_run_one(&tests[i]))
            passed++;
        else
            failed++;
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed || !passed;
}

#endif
