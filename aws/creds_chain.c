/* The default chain: a table of kinds in AWS's order. The first that has credentials gives them; one that is configured
 * but fails ends the search with its failure, as in every SDK, so that a mistake is never covered by a later kind.
 *
 * Order in the SDKs: environment, profile, web identity, container, IMDS. A new kind is one row of the table below, at
 * its place in that order, and a file of its own; it says -ENOENT where it is not configured. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "aws/providers.h"
#include "base/cleanup.h"

enum kind { KIND_ENVIRONMENT, KIND_PROFILE, KIND_COUNT };

struct chain {
    struct aws_provider provider;
    struct aws_provider *kinds[KIND_COUNT]; /* NULL: left out */
    char *profile;                          /* NULL: as the environment says */
    _Atomic(const char *) served;           /* the kind that gave credentials last */
};

static errint fetch(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    struct chain *chain = (struct chain *)p;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!chain->kinds[i])
            continue;
        errint r = chain->kinds[i]->ops->fetch(chain->kinds[i], c, ret);
        if (r == 0)
            atomic_store(&chain->served, chain->kinds[i]->ops->name);
        if (r != -ENOENT)
            return r;
    }
    if (chain->profile)
        return err_set(-EACCES, "no AWS credentials in profile '%s'", chain->profile);
    return err_set(-EACCES, "no AWS credentials: neither AWS_ACCESS_KEY_ID nor a profile in ~/.aws has any");
}

static void free_chain(struct aws_provider *p)
{
    struct chain *chain = (struct chain *)p;
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (chain->kinds[i])
            chain->kinds[i]->ops->free(chain->kinds[i]);
    free(chain->profile);
    free(chain);
}

static const char *served(struct aws_provider *p)
{
    return atomic_load(&((struct chain *)p)->served);
}

static const struct aws_provider_ops ops = {"default chain", fetch, free_chain, served};

errint aws_creds_chain_new(const char *profile, struct jobs *jobs, aws_assume_fn assume, void *arg,
                           struct aws_provider **ret)
{
    struct chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return err_set(-ENOMEM, "credentials");
    chain->provider.ops = &ops;
    errint r = 0;
    if (profile && !(chain->profile = strdup(profile)))
        r = err_set(-ENOMEM, "profile %s", profile);
    if (!r && !profile)
        r = aws_creds_environment_new(&chain->kinds[KIND_ENVIRONMENT]);
    if (!r)
        r = aws_creds_profile_new(profile, jobs, assume, arg, &chain->kinds[KIND_PROFILE]);
    if (r)
        free_chain(&chain->provider);
    else
        *ret = &chain->provider;
    return r;
}
