/* The environment is read at each fetch; nothing of it is kept here. An empty variable counts as unset. */
#include <stdlib.h>

#include "aws/providers.h"
#include "base/clock.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static errint read_expiration(int64_t *ret_unix)
{
    const char *text = variable("AWS_CREDENTIAL_EXPIRATION");
    *ret_unix = 0;
    if (!text)
        return 0;
    errint r = clock_parse_iso(text, ret_unix);
    return r ? err_add(r, "AWS_CREDENTIAL_EXPIRATION") : 0;
}

static errint fetch(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    (void)p;
    (void)c;
    const char *id = variable("AWS_ACCESS_KEY_ID"), *secret = variable("AWS_SECRET_ACCESS_KEY");
    const char *token = variable("AWS_SESSION_TOKEN");
    if (!id && !secret)
        return err_set(-ENOENT, "AWS_ACCESS_KEY_ID is not set");
    if (!id || !secret)
        return err_set(-EINVAL, "%s is set and %s is not", id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    int64_t expires_unix;
    errint r = read_expiration(&expires_unix);
    if (r)
        return r;
    r = aws_credentials_new(id, secret, token ? token : variable("AWS_SECURITY_TOKEN"), expires_unix, ret);
    return r ? err_add(r, "AWS_ACCESS_KEY_ID and its companions") : 0;
}

static void free_environment(struct aws_provider *p)
{
    free(p);
}

static const struct aws_provider_ops ops = {"environment", fetch, free_environment, NULL};

errint aws_creds_environment_new(struct aws_provider **ret)
{
    struct aws_provider *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "credentials");
    p->ops = &ops;
    *ret = p;
    return 0;
}
