/* Credentials that somebody else got: the source of a role in a chain of profiles. */
#include <stdlib.h>

#include "aws/providers.h"

struct fixed {
    struct aws_provider provider;
    struct aws_credentials *credentials;
};

static errint fetch(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    (void)c;
    *ret = aws_credentials_get(((struct fixed *)p)->credentials);
    return 0;
}

static void free_fixed(struct aws_provider *p)
{
    struct fixed *f = (struct fixed *)p;
    aws_credentials_put(f->credentials);
    free(f);
}

static const struct aws_provider_ops ops = {"fixed", fetch, free_fixed, NULL};

errint aws_creds_fixed_new(struct aws_credentials *credentials, struct aws_provider **ret)
{
    struct fixed *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(-ENOMEM, "credentials");
    f->provider.ops = &ops;
    f->credentials = aws_credentials_get(credentials);
    *ret = &f->provider;
    return 0;
}
