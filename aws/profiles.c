/* Two parsed files. In the config file a profile is [profile NAME], the default one [profile default] or [default]; in
 * the credentials file it is [NAME]. */
#include "aws/profiles.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct aws_profiles {
    char *name;
    struct aws_config *config;      /* NULL: no such file */
    struct aws_config *credentials; /* NULL: no such file */
};

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* HOME may be missing where a service manager starts ctfs. NULL: no home. */
static char *home_path(const char *below)
{
    char *path = NULL, room[4096];
    struct passwd entry, *found = NULL;
    const char *home = variable("HOME");
    if (!home && !getpwuid_r(getuid(), &entry, room, sizeof room, &found) && found)
        home = found->pw_dir;
    return home && asprintf(&path, "%s/%s", home, below) >= 0 ? path : NULL;
}

/* "~/x" as in every SDK; other paths as they are. */
static char *file_path(const char *name, const char *standard)
{
    const char *value = variable(name);
    if (!value)
        return home_path(standard);
    return !strncmp(value, "~/", 2) ? home_path(value + 2) : strdup(value);
}

/* A file that is not there leaves *RET NULL. */
static errint load_file(const char *name, const char *standard, struct aws_config **ret)
{
    char *path cleanup_free = file_path(name, standard);
    if (!path)
        return 0;
    errint r = aws_config_read(path, ret);
    return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

static errint check_profile(const struct aws_profiles *p, bool asked_for)
{
    if (!asked_for || aws_profiles_has(p, p->name))
        return 0;
    return err_set(-EINVAL, "no profile '%s' in the shared config and credentials files", p->name);
}

errint aws_profiles_load(const char *profile, struct aws_profiles **ret)
{
    if (!profile)
        profile = variable("AWS_PROFILE");
    if (!profile)
        profile = variable("AWS_DEFAULT_PROFILE");
    struct aws_profiles *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "the shared config files");
    errint r = 0;
    p->name = strdup(profile ? profile : "default");
    if (!p->name)
        r = err_set(-ENOMEM, "the shared config files");
    if (!r)
        r = load_file("AWS_CONFIG_FILE", ".aws/config", &p->config);
    if (!r)
        r = load_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &p->credentials);
    if (!r)
        r = check_profile(p, profile != NULL);
    if (r)
        aws_profiles_free(p);
    else
        *ret = p;
    return r;
}

void aws_profiles_free(struct aws_profiles *p)
{
    if (!p)
        return;
    aws_config_free(p->config);
    aws_config_free(p->credentials);
    free(p->name);
    free(p);
}

const char *aws_profiles_name(const struct aws_profiles *p)
{
    return p->name;
}

/* [profile default] hides [default]: the reference guide, "Format of the config file". */
static const char *config_kind(const struct aws_profiles *p, const char *profile)
{
    bool bare = !strcmp(profile, "default") && !aws_config_has(p->config, "profile", profile);
    return bare ? NULL : "profile";
}

bool aws_profiles_has(const struct aws_profiles *p, const char *profile)
{
    return (p->credentials && aws_config_has(p->credentials, NULL, profile)) ||
           (p->config && aws_config_has(p->config, config_kind(p, profile), profile));
}

const char *aws_profiles_get_credentials(const struct aws_profiles *p, const char *profile, const char *key)
{
    return p->credentials ? aws_config_get(p->credentials, NULL, profile ? profile : p->name, key) : NULL;
}

const char *aws_profiles_get_config(const struct aws_profiles *p, const char *profile, const char *key)
{
    if (!profile)
        profile = p->name;
    return p->config ? aws_config_get(p->config, config_kind(p, profile), profile, key) : NULL;
}

const char *aws_profiles_get(const struct aws_profiles *p, const char *profile, const char *key)
{
    const char *value = aws_profiles_get_credentials(p, profile, key);
    return value ? value : aws_profiles_get_config(p, profile, key);
}

const char *aws_profiles_endpoint_url(const struct aws_profiles *p, const char *service)
{
    const char *services = aws_profiles_get_config(p, NULL, "services");
    const char *url = services ? aws_config_get_inner(p->config, "services", services, service, "endpoint_url") : NULL;
    return url ? url : aws_profiles_get_config(p, NULL, "endpoint_url");
}

const char *aws_profiles_region(const struct aws_profiles *p)
{
    return aws_profiles_get(p, NULL, "region");
}
