/* One table: a row's name, its help and the function that reads its value. The environment's name is the row's in upper
 * case behind CTFS_. Defaults are set first, so that the environment and then options overrule them.
 */
#include "model/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CACHE_SIZE_DEFAULT (10ULL << 30)
#define METADATA_TTL_DEFAULT_S 3600
#define OP_TIMEOUT_DEFAULT_MS 60000

const struct model_setting model_setting_table[] = {
    {"state_dir", "DIR", "where connections and their external IDs are kept", "XDG_STATE_HOME/ctfs"},
    {"cache_dir", "DIR", "where what AWS said is kept; may be deleted at any time", "XDG_CACHE_HOME/ctfs"},
    {"cache_size", "SIZE", "bytes of report objects kept on disk, with K, M, G or T; 0 keeps none", "10G"},
    {"connection", "NAME", "the connection to show, by its name or handle", "the only one"},
    {"vendor_bucket", "BUCKET", "the vendor's bucket, for templates and collected copies", "none"},
    {"principal", "ACCOUNT", "the account ID or ARN that customers' roles trust", "the caller's account"},
    {"regions", "LIST", "regions to look for resources in, parted by commas",
     "from the report, else AWS's default list"},
    {"metadata_ttl", "SECONDS", "the age at which metadata is refreshed behind the scenes", "3600"},
    {"op_timeout", "SECONDS", "how long one operation may take with all its retries", "60"},
    {"sizes", "declared|verified", "verified: stat of a report waits until a whole pass proved its size", "declared"},
    {"views", "hidden|listed", "listed: the root's listing shows views/ too", "hidden"},
    {"offline", NULL, "ask AWS nothing; serve what is cached", "off"},
    {"uid", "UID", "the owner of the files", "the mounter"},
    {"gid", "GID", "the group of the files", "the mounter's"},
    {"umask", "OCTAL", "permissions taken from the files", "0077"},
    {"allow_other", NULL, "let other users see the mount", "off"},
    {"log_level", "error|warn|info|debug", "how much is logged", "info"},
    {"log_format", "text|json", "how a log line looks", "text"},
    {NULL, NULL, NULL, NULL},
};

static errint set_text(char **to, const char *name, const char *value)
{
    if (!*value)
        return err_set(-EINVAL, "%s is empty", name);
    char *copy = strdup(value);
    if (!copy)
        return err_set(-ENOMEM, "no memory for %s", name);
    free(*to);
    *to = copy;
    return 0;
}

/* A folder by its absolute path, so that it stays the same after the daemon's chdir. */
static errint set_dir(char **to, const char *name, const char *value)
{
    if (value[0] == '/')
        return set_text(to, name, value);
    if (!*value)
        return err_set(-EINVAL, "%s is empty", name);
    char *here cleanup_free = getcwd(NULL, 0);
    if (!here)
        return err_set(-errno, "%s=%s: the current folder is gone: %s", name, value, strerror(errno));
    struct buf path cleanup_buf = BUF_INIT;
    buf_printf(&path, "%s/%s", strcmp(here, "/") == 0 ? "" : here, value);
    errint e = buf_error(&path);
    return e ? e : set_text(to, name, buf_text(&path));
}

/* Decimal digits alone, at most MAX. */
static errint parse_count(const char *name, const char *value, uint64_t max, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; isdigit((unsigned char)value[i]); i++) {
        uint64_t digit = (uint64_t)(value[i] - '0');
        if (n > (max - digit) / 10)
            return err_set(-EINVAL, "%s=%s is more than %llu", name, value, (unsigned long long)max);
        n = n * 10 + digit;
    }
    if (i == 0 || value[i])
        return err_set(-EINVAL, "%s=%s is not a whole number", name, value);
    *ret = n;
    return 0;
}

static errint parse_size(const char *name, const char *value, uint64_t *ret)
{
    static const char units[] = "KMGT";
    size_t digits = strspn(value, "0123456789");
    const char *unit = value[digits] ? strchr(units, toupper((unsigned char)value[digits])) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (digits == 0 || digits > 20 || (value[digits] && (!unit || value[digits + 1])))
        return err_set(-EINVAL, "%s=%s is not a size: digits, then K, M, G or T, or nothing", name, value);
    char text[24] = "";
    memcpy(text, value, digits);
    uint64_t n = 0;
    errint e = parse_count(name, text, UINT64_MAX >> shift, &n);
    if (e == 0)
        *ret = n << shift;
    return e;
}

static errint parse_umask(const char *name, const char *value, mode_t *ret)
{
    char *end = NULL;
    unsigned long mode = strtoul(value, &end, 8);
    if (!*value || strspn(value, "01234567") != strlen(value) || *end || mode > 0777)
        return err_set(-EINVAL, "%s=%s is not an octal number from 0 to 0777", name, value);
    *ret = (mode_t)mode;
    return 0;
}

/* The index of VALUE in CHOICES (ended by NULL). */
static errint parse_choice(const char *name, const char *value, const char *const *choices, unsigned *ret)
{
    struct buf list cleanup_buf = BUF_INIT;
    for (unsigned i = 0; choices[i]; i++) {
        if (strcmp(value, choices[i]) == 0) {
            *ret = i;
            return 0;
        }
        buf_printf(&list, "%s%s", i ? ", " : "", choices[i]);
    }
    return err_set(-EINVAL, "%s=%s is none of %s", name, value, buf_text(&list));
}

static errint parse_flag(const char *name, const char *value, bool *ret)
{
    static const char *const choices[] = {"0", "1", "no", "yes", "off", "on", "false", "true", NULL};
    unsigned which = 1;
    errint e = value ? parse_choice(name, value, choices, &which) : 0;
    if (e == 0)
        *ret = which % 2;
    return e;
}

static errint check_regions(const char *value)
{
    size_t len = strlen(value);
    if (len == 0 || strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-,") != len || value[0] == ',' ||
        value[len - 1] == ',' || strstr(value, ",,"))
        return err_set(-EINVAL, "regions=%s is not a list of regions parted by commas", value);
    return 0;
}

static errint check_principal(const char *value)
{
    if (strncmp(value, "arn:", 4) == 0 && !strpbrk(value, " \t\n'\""))
        return 0;
    if (strlen(value) == 12 && strspn(value, "0123456789") == 12)
        return 0;
    return err_set(-EINVAL, "principal=%s is neither a 12-digit account ID nor an ARN", value);
}

/* S3 user guide, "Bucket naming rules"; the old us-east-1 names (255 bytes, upper case, _) are taken too. */
static errint check_bucket(const char *value)
{
    size_t len = strlen(value);
    if (len < 3 || len > 255 ||
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != len)
        return err_set(-EINVAL, "vendor_bucket=%s is not a bucket's name", value);
    return 0;
}

static errint set_texts(struct model_settings *s, const char *name, const char *value, bool *ret_found)
{
    errint e = 0;
    *ret_found = true;
    if (strcmp(name, "state_dir") == 0)
        return set_dir(&s->state_dir, name, value);
    if (strcmp(name, "cache_dir") == 0)
        return set_dir(&s->cache_dir, name, value);
    if (strcmp(name, "connection") == 0)
        return set_text(&s->connection, name, value);
    if (strcmp(name, "vendor_bucket") == 0)
        return (e = check_bucket(value)) ? e : set_text(&s->vendor_bucket, name, value);
    if (strcmp(name, "principal") == 0)
        return (e = check_principal(value)) ? e : set_text(&s->principal, name, value);
    if (strcmp(name, "regions") == 0)
        return (e = check_regions(value)) ? e : set_text(&s->regions, name, value);
    *ret_found = false;
    return 0;
}

static errint set_number(struct model_settings *s, const char *name, const char *value, bool *ret_found)
{
    uint64_t n = 0;
    errint e = 0;
    *ret_found = true;
    if (strcmp(name, "cache_size") == 0)
        return parse_size(name, value, &s->cache_size_bytes);
    if (strcmp(name, "umask") == 0)
        return parse_umask(name, value, &s->umask);
    if (strcmp(name, "metadata_ttl") == 0) {
        if ((e = parse_count(name, value, INT32_MAX, &n)) == 0)
            s->metadata_ttl_s = (int64_t)n;
    } else if (strcmp(name, "op_timeout") == 0) {
        e = parse_count(name, value, INT32_MAX, &n);
        if (e == 0 && n == 0)
            e = err_set(-EINVAL, "op_timeout=0 leaves no time to ask AWS anything");
        if (e == 0)
            s->op_timeout_ms = (int64_t)n * 1000;
    } else if (strcmp(name, "uid") == 0) {
        if ((e = parse_count(name, value, UINT32_MAX - 1, &n)) == 0)
            s->uid = (uid_t)n;
    } else if (strcmp(name, "gid") == 0) {
        if ((e = parse_count(name, value, UINT32_MAX - 1, &n)) == 0)
            s->gid = (gid_t)n;
    } else {
        *ret_found = false;
    }
    return e;
}

static errint set_choice(struct model_settings *s, const char *name, const char *value)
{
    static const char *const sizes[] = {"declared", "verified", NULL};
    static const char *const views[] = {"hidden", "listed", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    unsigned which = 0;
    errint e = 0;
    if (strcmp(name, "sizes") == 0) {
        if ((e = parse_choice(name, value, sizes, &which)) == 0)
            s->sizes = (enum model_sizes)which;
    } else if (strcmp(name, "views") == 0) {
        if ((e = parse_choice(name, value, views, &which)) == 0)
            s->views = (enum model_views)which;
    } else if (strcmp(name, "log_format") == 0) {
        if ((e = parse_choice(name, value, formats, &which)) == 0)
            s->log_format = (enum log_format)which;
    } else {
        e = log_level_parse(value, &s->log_level);
        if (e)
            e = err_set(-EINVAL, "log_level=%s is none of error, warn, info, debug", value);
    }
    return e;
}

errint model_settings_set(struct model_settings *s, const char *name, const char *value)
{
    const struct model_setting *row = model_setting_table;
    while (row->name && strcmp(row->name, name) != 0)
        row++;
    if (!row->name)
        return err_set(-EINVAL, "there is no setting %s", name);
    if (!row->value)
        return parse_flag(name, value, strcmp(name, "offline") == 0 ? &s->offline : &s->allow_other);
    if (!value)
        return err_set(-EINVAL, "%s needs a value: %s=%s", name, name, row->value);
    bool found = false;
    errint e = set_texts(s, name, value, &found);
    if (!found)
        e = set_number(s, name, value, &found);
    return found ? e : set_choice(s, name, value);
}

/* XDG base directory specification 0.8: a relative path in the variable is ignored. */
static errint default_dir(const char *variable, const char *under_home, const char *without_home, char **ret)
{
    const char *base = getenv(variable), *home = getenv("HOME");
    struct buf path cleanup_buf = BUF_INIT;
    if (base && base[0] == '/')
        buf_printf(&path, "%s/ctfs", base);
    else if (home && home[0] == '/' && home[1])
        buf_printf(&path, "%s/%s/ctfs", home, under_home);
    else
        buf_puts(&path, without_home);
    errint e = buf_error(&path);
    if (e == 0)
        *ret = buf_steal(&path);
    return e;
}

static errint set_from_environment(struct model_settings *s)
{
    for (const struct model_setting *row = model_setting_table; row->name; row++) {
        char variable[64] = "CTFS_";
        for (size_t i = 0; row->name[i] && i < sizeof variable - 6; i++)
            variable[5 + i] = (char)toupper((unsigned char)row->name[i]);
        const char *value = getenv(variable);
        errint e = value && *value ? model_settings_set(s, row->name, value) : 0;
        if (e)
            return err_add(e, "%s", variable);
    }
    return 0;
}

errint model_settings_init(struct model_settings *s)
{
    *s = (struct model_settings){
        .cache_size_bytes = CACHE_SIZE_DEFAULT,
        .metadata_ttl_s = METADATA_TTL_DEFAULT_S,
        .op_timeout_ms = OP_TIMEOUT_DEFAULT_MS,
        .uid = getuid(),
        .gid = getgid(),
        .umask = 0077,
        .log_level = LOG_LEVEL_INFO,
    };
    errint e = default_dir("XDG_STATE_HOME", ".local/state", "/var/lib/ctfs", &s->state_dir);
    if (e == 0)
        e = default_dir("XDG_CACHE_HOME", ".cache", "/var/cache/ctfs", &s->cache_dir);
    if (e == 0)
        e = set_from_environment(s);
    if (e)
        model_settings_done(s);
    return e;
}

void model_settings_done(struct model_settings *s)
{
    free(s->state_dir);
    free(s->cache_dir);
    free(s->connection);
    free(s->vendor_bucket);
    free(s->principal);
    free(s->regions);
    *s = (struct model_settings){0};
}
