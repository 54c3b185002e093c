/* What the tests of providers share: one fetch as a text, a clean environment with files of its own, a fake AssumeRole.
 *
 * Ownership: provider_home_done removes the folder. Threads: one. Errors: checks fail. Cost: none.
 */
#ifndef CTFS_TESTS_PROVIDER_TEST_H
#define CTFS_TESTS_PROVIDER_TEST_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/providers.h"
#include "aws/sts.h"
#include "base/clock.h"
#include "tests/lib/unit.h"

/* "ID SECRET TOKEN EXPIRY" of one fetch, or the failure's name and message; valid until the next. Frees P. */
static inline const char *provider_fetch(struct aws_provider *p, struct cancel *c)
{
    static char text[2048];
    struct aws_credentials *keys = NULL;
    errint r = p->ops->fetch(p, c, &keys);
    if (r)
        snprintf(text, sizeof text, "%s: %s", err_name(r), err_message());
    else
        snprintf(text, sizeof text, "%s %s %s %lld", keys->access_key_id, keys->secret_access_key,
                 keys->session_token ? keys->session_token : "-", (long long)keys->expires_unix);
    aws_credentials_put(keys);
    p->ops->free(p);
    return text;
}

static char provider_home[64];

static inline void provider_write(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/.aws/%s", provider_home, name);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    if (f) {
        CHECK(fputs(text, f) >= 0);
        CHECK(fclose(f) == 0);
    }
}

/* No AWS_ variable, a HOME with these two files. */
static inline void provider_home_init(const char *config, const char *credentials)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_SECURITY_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_DEFAULT_PROFILE",
                                        "AWS_CONFIG_FILE",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CREDENTIAL_EXPIRATION"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    strcpy(provider_home, "/tmp/ctfs-test-home-XXXXXX");
    CHECK(mkdtemp(provider_home) != NULL);
    setenv("HOME", provider_home, 1);
    snprintf(path, sizeof path, "%s/.aws", provider_home);
    CHECK_INT(mkdir(path, 0700), 0);
    if (config)
        provider_write("config", config);
    if (credentials)
        provider_write("credentials", credentials);
}

static inline void provider_home_done(void)
{
    static const char *const names[] = {"/.aws/config", "/.aws/credentials", "/.aws/other", "/.aws"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s%s", provider_home, names[i]);
        (void)remove(path);
    }
    CHECK_INT(rmdir(provider_home), 0);
}

/* Notes each call as "KEY>ROLE/EXTERNAL_ID/DURATION/SESSION " and gives the role's name as its key. */
struct fake_assume {
    char calls[1024];
    char session_name[80];
    errint failure;
};

static inline errint fake_assume(void *arg, struct aws_creds *source, const struct aws_assume_role *in,
                                 struct cancel *c, struct aws_credentials **ret)
{
    struct fake_assume *f = arg;
    struct aws_credentials *keys = NULL;
    errint r = aws_creds_wait(source, c, 0, &keys);
    if (r)
        return r;
    size_t len = strlen(f->calls);
    snprintf(f->calls + len, sizeof f->calls - len, "%s>%s/%s/%d/%s ", keys->access_key_id, in->role_arn,
             in->external_id ? in->external_id : "-", in->duration_seconds,
             in->session_policy ? in->session_policy : "-");
    snprintf(f->session_name, sizeof f->session_name, "%s", in->role_session_name);
    aws_credentials_put(keys);
    if (f->failure)
        return err_set(f->failure, "AssumeRole was refused");
    return aws_credentials_new(in->role_arn, "role-secret", "role-token", 4102444800, ret);
}

#endif
