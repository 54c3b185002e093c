/* One AssumeRole a fetch. The source's credentials are waited for here, on the job's own thread, before the request
 * asks for them: so a pool full of role jobs never waits for the source's job behind them in line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "aws/encode.h"
#include "aws/providers.h"
#include "aws/sts.h"
#include "base/cleanup.h"

#define DURATION_DEFAULT_S 3600
#define DURATION_MAX_S 43200

struct role {
    struct aws_provider provider;
    struct aws_creds *source;
    struct aws_assume_role in; /* its texts are owned */
    aws_assume_fn assume;
    void *arg;
};

errint aws_creds_role_session_name(char ret_name[AWS_CREDS_SESSION_NAME_SIZE])
{
    unsigned char random[8];
    char digits[2 * sizeof random + 1];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_set(-EIO, "getrandom gave no bytes for a session name");
    aws_encode_hex(random, sizeof random, digits);
    (void)snprintf(ret_name, AWS_CREDS_SESSION_NAME_SIZE, "ctfs-%s", digits);
    return 0;
}

static errint fetch(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    struct role *role = (struct role *)p;
    struct aws_assume_role in = role->in;
    char name[AWS_CREDS_SESSION_NAME_SIZE];
    struct aws_credentials *source = NULL;
    errint r = aws_creds_wait(role->source, c, 0, &source);
    if (r)
        return r;
    aws_credentials_put(source);
    if (!in.role_session_name) {
        r = aws_creds_role_session_name(name);
        if (r)
            return r;
        in.role_session_name = name;
    }
    return role->assume(role->arg, role->source, &in, c, ret);
}

static void free_role(struct aws_provider *p)
{
    struct role *role = (struct role *)p;
    aws_creds_put(role->source);
    free((char *)role->in.role_arn);
    free((char *)role->in.external_id);
    free((char *)role->in.role_session_name);
    free((char *)role->in.session_policy);
    free(role);
}

static const struct aws_provider_ops ops = {"role", fetch, free_role, NULL};

/* False when memory is short. */
static bool copy_text(const char *text, const char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return !text || *ret;
}

static bool copy_texts(const struct aws_assume_role *in, struct aws_assume_role *ret)
{
    return copy_text(in->role_arn, &ret->role_arn) && copy_text(in->external_id, &ret->external_id) &&
           copy_text(in->role_session_name, &ret->role_session_name) &&
           copy_text(in->session_policy, &ret->session_policy);
}

errint aws_creds_role_new(struct aws_creds *source, const struct aws_assume_role *in, aws_assume_fn assume, void *arg,
                          struct aws_provider **ret)
{
    if (in->duration_seconds < 0 || in->duration_seconds > DURATION_MAX_S)
        return err_set(-EINVAL, "a session of %d seconds for %s", in->duration_seconds, in->role_arn);
    struct role *role = calloc(1, sizeof *role);
    if (!role)
        return err_set(-ENOMEM, "role %s", in->role_arn);
    role->provider.ops = &ops;
    role->source = aws_creds_get(source);
    role->assume = assume;
    role->arg = arg;
    role->in.duration_seconds = in->duration_seconds ? in->duration_seconds : DURATION_DEFAULT_S;
    if (!copy_texts(in, &role->in)) {
        free_role(&role->provider);
        return err_set(-ENOMEM, "role %s", in->role_arn);
    }
    *ret = &role->provider;
    return 0;
}
