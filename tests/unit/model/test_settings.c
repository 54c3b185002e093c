/* Settings: defaults, CTFS_ variables, each name's values and what is refused. */
#include "model/settings.h"

#include <unistd.h>

#include "tests/lib/unit.h"

static void clear_environment(void)
{
    clearenv();
    setenv("HOME", "/home/someone", 1);
}

static void defaults_are_those_of_the_table(void)
{
    clear_environment();
    struct model_settings s;
    CHECK_INT(model_settings_init(&s), 0);
    CHECK_STR(s.state_dir, "/home/someone/.local/state/ctfs");
    CHECK_STR(s.cache_dir, "/home/someone/.cache/ctfs");
    CHECK_INT(s.cache_size_bytes, 10LL << 30);
    CHECK_INT(s.metadata_ttl_s, 3600);
    CHECK_INT(s.op_timeout_ms, 60000);
    CHECK_INT(s.uid, getuid());
    CHECK_INT(s.umask, 0077);
    CHECK(!s.offline && !s.allow_other && !s.connection && !s.vendor_bucket);
    CHECK_INT(s.sizes, MODEL_SIZES_DECLARED);
    CHECK_INT(s.views, MODEL_VIEWS_HIDDEN);
    model_settings_done(&s);
}

static void folders_follow_xdg(void)
{
    clear_environment();
    setenv("XDG_STATE_HOME", "/xdg/state", 1);
    setenv("XDG_CACHE_HOME", "relative", 1);
    struct model_settings s;
    CHECK_INT(model_settings_init(&s), 0);
    CHECK_STR(s.state_dir, "/xdg/state/ctfs");
    CHECK_STR(s.cache_dir, "/home/someone/.cache/ctfs");
    model_settings_done(&s);
    clearenv();
    CHECK_INT(model_settings_init(&s), 0);
    CHECK_STR(s.state_dir, "/var/lib/ctfs");
    CHECK_STR(s.cache_dir, "/var/cache/ctfs");
    model_settings_done(&s);
}

static void environment_sets_every_name(void)
{
    clear_environment();
    setenv("CTFS_CACHE_SIZE", "512M", 1);
    setenv("CTFS_OP_TIMEOUT", "7", 1);
    setenv("CTFS_OFFLINE", "1", 1);
    setenv("CTFS_VIEWS", "listed", 1);
    setenv("CTFS_NOBODY_KNOWS", "x", 1);
    struct model_settings s;
    CHECK_INT(model_settings_init(&s), 0);
    CHECK_INT(s.cache_size_bytes, 512LL << 20);
    CHECK_INT(s.op_timeout_ms, 7000);
    CHECK(s.offline);
    CHECK_INT(s.views, MODEL_VIEWS_LISTED);
    model_settings_done(&s);
    setenv("CTFS_SIZES", "perhaps", 1);
    CHECK_INT(model_settings_init(&s), -EINVAL);
    CHECK(strstr(err_message(), "CTFS_SIZES") != NULL);
}

static void good_values_are_taken(void)
{
    clear_environment();
    struct model_settings s;
    CHECK_INT(model_settings_init(&s), 0);
    CHECK_INT(model_settings_set(&s, "cache_size", "0"), 0);
    CHECK_INT(s.cache_size_bytes, 0);
    CHECK_INT(model_settings_set(&s, "cache_size", "2t"), 0);
    CHECK_INT(s.cache_size_bytes, 2LL << 40);
    CHECK_INT(model_settings_set(&s, "umask", "0022"), 0);
    CHECK_INT(s.umask, 022);
    CHECK_INT(model_settings_set(&s, "uid", "1000"), 0);
    CHECK_INT(s.uid, 1000);
    CHECK_INT(model_settings_set(&s, "allow_other", NULL), 0);
    CHECK(s.allow_other);
    CHECK_INT(model_settings_set(&s, "allow_other", "no"), 0);
    CHECK(!s.allow_other);
    CHECK_INT(model_settings_set(&s, "regions", "us-east-1,eu-west-1"), 0);
    CHECK_STR(s.regions, "us-east-1,eu-west-1");
    CHECK_INT(model_settings_set(&s, "principal", "012345678901"), 0);
    CHECK_STR(s.principal, "012345678901");
    CHECK_INT(model_settings_set(&s, "sizes", "verified"), 0);
    CHECK_INT(s.sizes, MODEL_SIZES_VERIFIED);
    CHECK_INT(model_settings_set(&s, "log_level", "debug"), 0);
    CHECK_INT(s.log_level, LOG_LEVEL_DEBUG);
    CHECK_INT(model_settings_set(&s, "log_format", "json"), 0);
    CHECK_INT(s.log_format, LOG_FORMAT_JSON);
    CHECK_INT(model_settings_set(&s, "connection", "Ünïcode name"), 0);
    CHECK_STR(s.connection, "Ünïcode name");
    CHECK_INT(model_settings_set(&s, "state_dir", "here"), 0);
    CHECK(s.state_dir[0] == '/' && strcmp(strrchr(s.state_dir, '/'), "/here") == 0);
    model_settings_done(&s);
}

static void bad_values_are_refused_by_name(void)
{
    static const struct {
        const char *name, *value;
    } bad[] = {
        {"no_such", "1"},
        {"cache_size", "10X"},
        {"cache_size", "K"},
        {"cache_size", "1KK"},
        {"cache_size", "-1"},
        {"cache_size", "20000000T"},
        {"op_timeout", "0"},
        {"op_timeout", "1.5"},
        {"op_timeout", ""},
        {"metadata_ttl", "1h"},
        {"umask", "8"},
        {"umask", "01777"},
        {"uid", "root"},
        {"uid", "4294967295"},
        {"sizes", NULL},
        {"views", "all"},
        {"offline", "maybe"},
        {"principal", "1234"},
        {"regions", "us-east-1,,"},
        {"regions", "Ohio"},
        {"vendor_bucket", "a"},
        {"vendor_bucket", "a/b"},
        {"state_dir", ""},
        {"log_level", "loud"},
        {"connection", ""},
        {"log_format", "xml"},
    };
    clear_environment();
    struct model_settings s;
    CHECK_INT(model_settings_init(&s), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(model_settings_set(&s, bad[i].name, bad[i].value), -EINVAL);
        CHECK(strstr(err_message(), bad[i].name) != NULL);
    }
    CHECK_INT(s.op_timeout_ms, 60000);
    model_settings_done(&s);
}

static const struct unit_test tests[] = {
    {"defaults_are_those_of_the_table", defaults_are_those_of_the_table},
    {"folders_follow_xdg", folders_follow_xdg},
    {"environment_sets_every_name", environment_sets_every_name},
    {"good_values_are_taken", good_values_are_taken},
    {"bad_values_are_refused_by_name", bad_values_are_refused_by_name},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
