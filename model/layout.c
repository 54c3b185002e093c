/* All layouts known so far have the newest manifest in the period's folder; they differ in where its keys point:
 *
 *   overwrite    PREFIX/REPORT/20261101-20261201/REPORT-00001.csv.gz
 *   create-new   PREFIX/REPORT/20261101-20261201/ASSEMBLY/REPORT-00001.csv.gz
 *   elsewhere    PREFIX/REPORT/REPORT/year=2026/month=11/REPORT-00001.snappy.parquet (data integrations)
 *
 * Keys are compared without leading slashes: with an empty prefix manifests say "/REPORT/…" whatever the objects are
 * called.
 */
#include "model/layout.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/json.h"
#include "base/cleanup.h"

static const char *skip_slashes(const char *key)
{
    return key + strspn(key, "/");
}

bool model_layout_same_key(const char *a, const char *b)
{
    return strcmp(skip_slashes(a), skip_slashes(b)) == 0;
}

static errint add_root(struct model_layout_roots *r, const char *before, const char *prefix, const char *report)
{
    struct buf root cleanup_buf = BUF_INIT;
    buf_printf(&root, "%s%s%s%s%s", before, prefix, *prefix ? "/" : "", report, *report ? "/" : "");
    errint e = buf_error(&root);
    for (size_t i = 0; e == 0 && i < r->count; i++)
        if (strcmp(r->roots[i], buf_text(&root)) == 0)
            return 0;
    if (e == 0)
        r->roots[r->count++] = buf_steal(&root);
    return e;
}

/* Does PREFIX end in the folder REPORT? */
static bool ends_in_report(const char *prefix, const char *report)
{
    size_t p = strlen(prefix), n = strlen(report);
    return p >= n && strcmp(prefix + p - n, report) == 0 && (p == n || prefix[p - n - 1] == '/');
}

errint model_layout_roots(const char *prefix, const char *report, struct model_layout_roots *ret)
{
    struct buf bare cleanup_buf = BUF_INIT;
    struct model_layout_roots r = {.count = 0};
    const char *from = skip_slashes(prefix);
    size_t len = strlen(from);
    while (len && from[len - 1] == '/')
        len--;
    buf_append(&bare, from, len);
    const char *p = buf_text(&bare);
    errint e = buf_error(&bare);
    if (e == 0)
        e = add_root(&r, *p ? "" : "/", p, report);
    if (e == 0)
        e = add_root(&r, *p ? "/" : "", p, report);
    if (e == 0 && *p && ends_in_report(p, report))
        e = add_root(&r, "", p, "");
    if (e)
        model_layout_roots_done(&r);
    else
        *ret = r;
    return e;
}

void model_layout_roots_done(struct model_layout_roots *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->roots[i]);
    r->count = 0;
}

static bool is_date(const char *text)
{
    for (int i = 0; i < 8; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    int month = (text[4] - '0') * 10 + (text[5] - '0'), day = (text[6] - '0') * 10 + (text[7] - '0');
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

bool model_layout_period(const char *root, const char *folder, char ret_period[8])
{
    size_t len = strlen(root);
    if (strncmp(folder, root, len) != 0)
        return false;
    const char *name = folder + len;
    if (strlen(name) != 18 || !is_date(name) || name[8] != '-' || !is_date(name + 9) || name[17] != '/')
        return false;
    memcpy(ret_period, name, 4);
    ret_period[4] = '-';
    memcpy(ret_period + 5, name + 4, 2);
    ret_period[7] = '\0';
    return true;
}

errint model_layout_manifest_key(const char *folder, const char *report, char **ret)
{
    struct buf key cleanup_buf = BUF_INIT;
    buf_printf(&key, "%s%s-Manifest.json", folder, report);
    errint e = buf_error(&key);
    if (e == 0)
        *ret = buf_steal(&key);
    return e;
}

errint model_layout_folder_of(const char *key, char **ret)
{
    const char *slash = strrchr(key, '/');
    char *folder = strndup(key, slash ? (size_t)(slash - key) + 1 : 0);
    if (!folder)
        return err_set(-ENOMEM, "no memory for the folder of %s", key);
    *ret = folder;
    return 0;
}

static bool match_overwrite(const char *folder, const char *keys_folder, const char *assembly_id)
{
    (void)assembly_id;
    return model_layout_same_key(folder, keys_folder);
}

/* One folder below the period's: the assembly's, or whatever it is called. */
static bool match_create_new(const char *folder, const char *keys_folder, const char *assembly_id)
{
    (void)assembly_id;
    const char *period = skip_slashes(folder), *keys = skip_slashes(keys_folder);
    size_t len = strlen(period), keys_len = strlen(keys);
    return keys_len > len + 1 && strncmp(keys, period, len) == 0 && strchr(keys + len, '/') == keys + keys_len - 1;
}

static bool match_elsewhere(const char *folder, const char *keys_folder, const char *assembly_id)
{
    (void)folder;
    (void)keys_folder;
    (void)assembly_id;
    return true;
}

static const struct model_layout layouts[] = {
    {"overwrite", match_overwrite},
    {"create-new", match_create_new},
    {"elsewhere", match_elsewhere},
};

static const struct model_layout *find_layout(const struct model_manifest *m, const char *folder)
{
    char *keys_folder cleanup_free = NULL;
    if (m->key_count == 0 || model_layout_folder_of(m->keys[0], &keys_folder))
        return &layouts[0];
    const struct model_layout *layout = layouts;
    while (!layout->match(folder, keys_folder, m->assembly_id))
        layout++;
    return layout;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A segment of dots is a plain name to S3 and a way out of a folder to anything between. */
static bool has_dot_segment(const char *key)
{
    for (const char *at = key; *at;) {
        size_t len = strcspn(at, "/");
        if ((len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
            return true;
        at += len;
        at += *at == '/';
    }
    return false;
}

static errint check_key(const char *key, const char *root)
{
    const char *bare = skip_slashes(key), *under = skip_slashes(root);
    size_t len = strlen(under);
    if (strncmp(bare, under, len) != 0 || !bare[len] || ends_with(bare, "/") || has_dot_segment(bare))
        return err_set(-EIO, "the manifest names %s, which is no object below %s", key, root);
    return 0;
}

static errint copy_text(const cJSON *json, const char *name, char **ret)
{
    const char *text = aws_json_string(json, name);
    *ret = strdup(text ? text : "");
    return *ret ? 0 : err_set(-ENOMEM, "no memory for a manifest's %s", name);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A key named twice, with or without a slash before it, would count its rows twice. */
static errint check_once(const struct model_manifest *m)
{
    const char **sorted cleanup_free = calloc(m->key_count + 1, sizeof *sorted);
    if (!sorted)
        return err_set(-ENOMEM, "no memory for %zu keys", m->key_count);
    for (size_t i = 0; i < m->key_count; i++)
        sorted[i] = skip_slashes(m->keys[i]);
    qsort(sorted, m->key_count, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < m->key_count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return err_set(-EIO, "the manifest names %s twice", sorted[i]);
    return 0;
}

static errint parse_keys(const cJSON *json, const char *root, struct model_manifest *m)
{
    const cJSON *keys = cJSON_GetObjectItemCaseSensitive(json, "reportKeys"), *key = NULL;
    if (!cJSON_IsArray(keys))
        return err_set(-EIO, "the manifest has no reportKeys");
    int count = cJSON_GetArraySize(keys);
    if (count > MODEL_LAYOUT_KEYS_MAX)
        return err_set(-EFBIG, "the manifest names %d objects, more than %d", count, MODEL_LAYOUT_KEYS_MAX);
    m->keys = calloc((size_t)count + 1, sizeof *m->keys);
    if (!m->keys)
        return err_set(-ENOMEM, "no memory for %d keys", count);
    cJSON_ArrayForEach (key, keys) {
        if (!cJSON_IsString(key))
            return err_set(-EIO, "the manifest's reportKeys hold what is not a string");
        errint e = check_key(key->valuestring, root);
        if (e)
            return e;
        if (!(m->keys[m->key_count] = strdup(key->valuestring)))
            return err_set(-ENOMEM, "no memory for %d keys", count);
        m->key_count++;
    }
    return check_once(m);
}

static errint parse_columns(const cJSON *json, struct model_manifest *m)
{
    const cJSON *columns = cJSON_GetObjectItemCaseSensitive(json, "columns"), *column = NULL;
    size_t count = cJSON_IsArray(columns) ? (size_t)cJSON_GetArraySize(columns) : 0;
    m->columns = calloc(count + 1, sizeof *m->columns);
    m->types = calloc(count + 1, sizeof *m->types);
    if (!m->columns || !m->types)
        return err_set(-ENOMEM, "no memory for %zu columns", count);
    cJSON_ArrayForEach (column, columns) {
        const char *category = aws_json_string(column, "category"), *name = aws_json_string(column, "name");
        struct buf full cleanup_buf = BUF_INIT;
        buf_printf(&full, "%s%s%s", category ? category : "", category ? "/" : "", name ? name : "");
        errint e = buf_error(&full);
        if (e == 0)
            e = copy_text(column, "type", &m->types[m->column_count]);
        if (e)
            return e;
        m->columns[m->column_count++] = buf_steal(&full);
    }
    return 0;
}

/* By what the manifest says and by what the objects are called: older manifests say less. */
static bool is_gzip_csv(const struct model_manifest *m)
{
    if (*m->compression && strcasecmp(m->compression, "GZIP") != 0)
        return false;
    for (size_t i = 0; i < m->key_count; i++)
        if (!ends_with(m->keys[i], ".csv.gz") && !(*m->compression && ends_with(m->keys[i], ".gz")))
            return false;
    return true;
}

static errint fill_manifest(const cJSON *json, const char *root, const char *folder, struct model_manifest *m)
{
    errint e = 0;
    if (!cJSON_IsObject(json))
        return err_set(-EIO, "the manifest is not a JSON object");
    if ((e = copy_text(json, "assemblyId", &m->assembly_id)) || (e = copy_text(json, "account", &m->account)) ||
        (e = copy_text(json, "compression", &m->compression)) ||
        (e = copy_text(json, "contentType", &m->content_type)) || (e = parse_keys(json, root, m)) ||
        (e = parse_columns(json, m)))
        return e;
    m->gzip_csv = is_gzip_csv(m);
    m->layout = find_layout(m, folder);
    return 0;
}

errint model_manifest_parse(const char *text, size_t len, const char *root, const char *folder,
                            struct model_manifest *ret)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    struct model_manifest m = {0};
    errint e = aws_json_parse(text, len, &json);
    if (e == 0)
        e = fill_manifest(json, root, folder, &m);
    if (e)
        model_manifest_done(&m);
    else
        *ret = m;
    return e;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

void model_manifest_done(struct model_manifest *m)
{
    free(m->assembly_id);
    free(m->account);
    free(m->compression);
    free(m->content_type);
    free_texts(m->keys, m->key_count);
    free_texts(m->columns, m->column_count);
    free_texts(m->types, m->column_count + 1);
    *m = (struct model_manifest){0};
}
