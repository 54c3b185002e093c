/* Each fetch reads the files and follows the profile down to keys: so a changed file counts at the next renewal, and no
 * state is kept between two. A role's source is resolved first, on the same thread, and handed on as credentials that
 * are fixed for this one AssumeRole.
 *
 * The profiles on the way are kept in a list: one that comes again is a loop, but for a profile that names itself as
 * its source and has keys of its own (botocore's rule). */
#include <stdlib.h>
#include <string.h>

#include "aws/profiles.h"
#include "aws/providers.h"
#include "aws/sts.h"
#include "base/cleanup.h"

#define CHAIN_MAX 8
#define CHAINED_DURATION_MAX_S 3600
#define DURATION_MAX_S 43200

struct profile {
    struct aws_provider provider;
    char *name; /* NULL: as the environment says */
    struct jobs *jobs;
    aws_assume_fn assume;
    void *arg;
};

/* One fetch. */
struct walk {
    const struct profile *profile;
    const struct aws_profiles *files;
    struct cancel *cancel;
    const char *visited[CHAIN_MAX];
    size_t visited_count;
};

DEFINE_CLEANUP(profiles_freep, struct aws_profiles *, aws_profiles_free)
DEFINE_CLEANUP(credentials_putp, struct aws_credentials *, aws_credentials_put)
DEFINE_CLEANUP(creds_putp, struct aws_creds *, aws_creds_put)

static errint follow(struct walk *w, const char *name, bool as_source, bool *ret_is_role, struct aws_credentials **ret);

/* Fetches once and frees. */
static errint fetch_once(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    errint r = p->ops->fetch(p, c, ret);
    p->ops->free(p);
    return r;
}

typedef const char *(*get_fn)(const struct aws_profiles *p, const char *profile, const char *key);

/* Keys of one file; -ENOENT if it has neither. */
static errint static_keys(const struct walk *w, const char *name, get_fn get, struct aws_credentials **ret)
{
    const char *id = get(w->files, name, "aws_access_key_id");
    const char *secret = get(w->files, name, "aws_secret_access_key");
    if (!id && !secret)
        return -ENOENT;
    if (!id || !secret)
        return err_set(-EINVAL, "profile '%s' has no %s", name, id ? "aws_secret_access_key" : "aws_access_key_id");
    errint r = aws_credentials_new(id, secret, get(w->files, name, "aws_session_token"), 0, ret);
    return r ? err_add(r, "profile '%s'", name) : 0;
}

static errint process_keys(const struct walk *w, const char *name, struct aws_credentials **ret)
{
    const char *command = aws_profiles_get(w->files, name, "credential_process");
    struct aws_provider *p;
    if (!command)
        return -ENOENT;
    errint r = aws_creds_process_new(name, command, 0, &p);
    return r ? r : fetch_once(p, w->cancel, ret);
}

/* What a profile has without a role. */
static errint own_keys(const struct walk *w, const char *name, struct aws_credentials **ret)
{
    errint r = static_keys(w, name, aws_profiles_get_credentials, ret);
    if (r == -ENOENT)
        r = process_keys(w, name, ret);
    if (r == -ENOENT)
        r = static_keys(w, name, aws_profiles_get_config, ret);
    return r;
}

static bool has_static_keys(const struct walk *w, const char *name)
{
    return aws_profiles_get(w->files, name, "aws_access_key_id") ||
           aws_profiles_get(w->files, name, "aws_secret_access_key");
}

/* Settings that name a kind which is not there: said, not passed over. */
static errint refuse_others(const struct walk *w, const char *name)
{
    static const char *const keys[] = {"web_identity_token_file", "mfa_serial", "sso_session", "sso_start_url"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (aws_profiles_get(w->files, name, keys[i]))
            return err_set(-EINVAL,
                           "profile '%s' uses %s: let a profile with credential_process = aws configure "
                           "export-credentials --profile %s --format process get its credentials",
                           name, keys[i], name);
    return 0;
}

static errint check_loop(const struct walk *w, const char *parent, const char *source)
{
    if (!aws_profiles_has(w->files, source))
        return err_set(-EINVAL, "source_profile '%s' of profile '%s' does not exist", source, parent);
    if (w->visited_count == CHAIN_MAX)
        return err_set(-EINVAL, "profile '%s' is at the end of over %d source profiles", source, CHAIN_MAX);
    if (!strcmp(source, parent) && has_static_keys(w, source))
        return 0;
    for (size_t i = 0; i < w->visited_count; i++)
        if (!strcmp(w->visited[i], source))
            return err_set(-EINVAL, "source_profile '%s' of profile '%s' is a loop", source, parent);
    return 0;
}

static errint named_source(const struct walk *w, const char *name, const char *kind, struct aws_credentials **ret)
{
    struct aws_provider *p;
    if (strcmp(kind, "Environment") != 0)
        return err_set(-EINVAL, "credential_source '%s' of profile '%s' is not known here", kind, name);
    errint r = aws_creds_environment_new(&p);
    if (r)
        return r;
    r = fetch_once(p, w->cancel, ret);
    return r == -ENOENT ? err_set(-EINVAL, "credential_source of profile '%s': the environment has no keys", name) : r;
}

static errint role_source(struct walk *w, const char *name, bool *ret_is_role, struct aws_credentials **ret)
{
    const char *source = aws_profiles_get(w->files, name, "source_profile");
    const char *kind = aws_profiles_get(w->files, name, "credential_source");
    if (!source == !kind)
        return err_set(-EINVAL, "profile '%s' has role_arn and %s source_profile and credential_source", name,
                       source ? "both" : "neither");
    *ret_is_role = false;
    if (kind)
        return named_source(w, name, kind, ret);
    errint r = check_loop(w, name, source);
    if (r)
        return r;
    r = follow(w, source, true, ret_is_role, ret);
    return r == -ENOENT ? err_set(-EINVAL, "source_profile '%s' of profile '%s' has no credentials", source, name) : r;
}

/* 0 when the profile does not say. AWS itself refuses less than 900. */
static errint read_duration(const struct walk *w, const char *name, bool chained, int *ret)
{
    const char *text = aws_profiles_get(w->files, name, "duration_seconds");
    char *end;
    *ret = 0;
    if (!text)
        return 0;
    errno = 0;
    long seconds = strtol(text, &end, 10);
    if (errno || *end || end == text || seconds < 1 || seconds > DURATION_MAX_S)
        return err_set(-EINVAL, "duration_seconds of profile '%s' is not a number from 1 to %d", name, DURATION_MAX_S);
    *ret = chained && seconds > CHAINED_DURATION_MAX_S ? CHAINED_DURATION_MAX_S : (int)seconds;
    return 0;
}

static errint assume_role(const struct walk *w, const struct aws_assume_role *in, struct aws_credentials *source_keys,
                          struct aws_credentials **ret)
{
    struct aws_provider *fixed, *role;
    struct aws_creds *source cleanup(creds_putp) = NULL;
    errint r = aws_creds_fixed_new(source_keys, &fixed);
    if (!r)
        r = aws_creds_new(fixed, w->profile->jobs, &source);
    if (!r)
        r = aws_creds_role_new(source, in, w->profile->assume, w->profile->arg, &role);
    return r ? r : fetch_once(role, w->cancel, ret);
}

static errint role_keys(struct walk *w, const char *name, struct aws_credentials **ret)
{
    struct aws_credentials *source cleanup(credentials_putp) = NULL;
    bool chained = false;
    errint r = refuse_others(w, name);
    if (!r)
        r = role_source(w, name, &chained, &source);
    if (r)
        return r;
    struct aws_assume_role in = {.role_arn = aws_profiles_get(w->files, name, "role_arn"),
                                 .external_id = aws_profiles_get(w->files, name, "external_id"),
                                 .role_session_name = aws_profiles_get(w->files, name, "role_session_name")};
    r = read_duration(w, name, chained, &in.duration_seconds);
    if (r)
        return r;
    r = assume_role(w, &in, source, ret);
    return r ? err_add(r, "profile '%s'", name) : 0;
}

/* -ENOENT when profile NAME has no credentials. */
static errint follow(struct walk *w, const char *name, bool as_source, bool *ret_is_role, struct aws_credentials **ret)
{
    w->visited[w->visited_count++] = name;
    bool is_role = aws_profiles_get(w->files, name, "role_arn") && !(as_source && has_static_keys(w, name));
    *ret_is_role = is_role;
    if (is_role)
        return role_keys(w, name, ret);
    errint r = own_keys(w, name, ret);
    if (r != -ENOENT)
        return r;
    r = refuse_others(w, name);
    return r ? r : err_set(-ENOENT, "profile '%s' has no credentials", name);
}

static errint fetch(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    const struct profile *profile = (struct profile *)p;
    struct aws_profiles *files cleanup(profiles_freep) = NULL;
    bool is_role;
    errint r = aws_profiles_load(profile->name, &files);
    if (r)
        return r;
    struct walk w = {.profile = profile, .files = files, .cancel = c};
    return follow(&w, aws_profiles_name(files), false, &is_role, ret);
}

static void free_profile(struct aws_provider *p)
{
    free(((struct profile *)p)->name);
    free(p);
}

static const struct aws_provider_ops ops = {"profile", fetch, free_profile, NULL};

errint aws_creds_profile_new(const char *name, struct jobs *jobs, aws_assume_fn assume, void *arg,
                             struct aws_provider **ret)
{
    struct profile *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "a profile's credentials");
    p->provider.ops = &ops;
    p->jobs = jobs;
    p->assume = assume;
    p->arg = arg;
    if (name && !(p->name = strdup(name))) {
        free(p);
        return err_set(-ENOMEM, "profile %s", name);
    }
    *ret = &p->provider;
    return 0;
}
