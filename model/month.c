/* The LastModified rule. AWS writes a delivery's parts first and its manifest last, so a snapshot is whole when
 *
 *   1. the manifest was read (ETag M, LastModified T),
 *   2. then the parts' folder was listed: every part is there, none is newer than T (but see below),
 *   3. then the manifest is M still.
 *
 * A part replaced under an unchanged manifest is newer than T (2); a delivery that began and ended between 1 and 2 changed
 * M (3). Anything else is a delivery under way: -EINPROGRESS. Each part is read under the ETag that the list gave.
 *
 * Copies of a report have the times of their copying, in any order. Where each delivery has a folder of its own (create-new),
 * named by the manifest's assemblyId, no part is ever overwritten by another delivery's: parts there are whole when they are
 * there, whatever their times. Where parts are overwritten, nothing but the times tells a copy from a delivery that broke off
 * amid, which can stay torn for a day and would be served wrong: such a copy is refused, however old, and told what to do.
 *
 * Whether the last snapshot is what is there still is told by one list of the period's folder, the manifest's: its ETag and time,
 * and the ETags of the parts that lie beside it. Its ETag alone does not tell: a manifest can come again with the same
 * bytes, and parts of a replica come after it.
 */
#include "model/month.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/names.h"
#include "model/layout.h"

#define FOLDERS_MAX 16
#define FOLDER_OBJECTS_MAX 200000
#define MANIFEST_BYTES_MAX (16u << 20)
#define SETTLED_H 24 /* no delivery takes that long */

void model_month_put(struct model_month *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; m->parts && i < m->part_count; i++) {
        free(m->parts[i].key);
        free(m->parts[i].name);
        free(m->parts[i].etag);
    }
    free(m->parts);
    free(m->root);
    free(m->folder);
    free(m->layout);
    free(m->manifest_key);
    free(m->manifest_etag);
    free(m->manifest_name);
    free(m->manifest);
    free(m);
}

static void putp(struct model_month **m)
{
    model_month_put(*m);
}

static errint new_month(const char *period, size_t part_count, struct model_month **ret)
{
    struct model_month *m = calloc(1, sizeof *m);
    if (!m || !(m->parts = calloc(part_count + 1, sizeof *m->parts))) {
        free(m);
        return err_set(-ENOMEM, "no memory for %s with %zu parts", period, part_count);
    }
    atomic_init(&m->refs, 1);
    (void)snprintf(m->period, sizeof m->period, "%s", period);
    m->part_count = part_count;
    *ret = m;
    return 0;
}

static const char *base_name(const char *key)
{
    const char *slash = strrchr(key, '/');
    return slash ? slash + 1 : key;
}

/* The files' names in raw/: the last parts of the keys, made unique together with the manifest's. */
static errint name_files(struct model_month *m)
{
    struct names_entry *entries cleanup_free = calloc(m->part_count + 1, sizeof *entries);
    char(*ids)[24] cleanup_free = calloc(m->part_count + 1, sizeof *ids);
    if (!entries || !ids)
        return err_set(-ENOMEM, "no memory for the names of %s", m->period);
    for (size_t i = 0; i <= m->part_count; i++) {
        bool manifest = i == m->part_count;
        (void)snprintf(ids[i], sizeof ids[i], manifest ? "manifest" : "%zu", i + 1);
        entries[i].name = base_name(manifest ? m->manifest_key : m->parts[i].key);
        entries[i].id = ids[i];
    }
    errint e = names_unique(entries, m->part_count + 1);
    for (size_t i = 0; e == 0 && i < m->part_count; i++)
        m->parts[i].name = entries[i].file_name;
    if (e == 0)
        m->manifest_name = entries[m->part_count].file_name;
    return e;
}

struct folders {
    char *names[FOLDERS_MAX];
    struct aws_s3_listing listings[FOLDERS_MAX];
    size_t count;
    size_t cursor;
};

static void done_folders(struct folders *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->names[i]);
        aws_s3_listing_done(&f->listings[i]);
    }
}

/* The folder of KEY with as many leading slashes as the period's folder has: the objects' own. */
static errint real_folder(const char *folder, const char *key, char **ret)
{
    char *written cleanup_free = NULL;
    struct buf real cleanup_buf = BUF_INIT;
    errint e = model_layout_folder_of(key, &written);
    if (e)
        return e;
    buf_append(&real, folder, strspn(folder, "/"));
    buf_puts(&real, written + strspn(written, "/"));
    if ((e = buf_error(&real)) == 0)
        *ret = buf_steal(&real);
    return e;
}

static errint list_folder_of(const struct model_bucket *bucket, const char *folder, const char *key, struct folders *f)
{
    char *name cleanup_free = NULL;
    errint e = real_folder(folder, key, &name);
    for (size_t i = 0; e == 0 && i < f->count; i++)
        if (strcmp(f->names[i], name) == 0)
            return 0;
    if (e == 0 && f->count == FOLDERS_MAX)
        e = err_set(-EFBIG, "the manifest's objects lie in more than %d folders", FOLDERS_MAX);
    if (e == 0)
        e = bucket->list(bucket->arg, name, &f->listings[f->count]);
    if (e == 0)
        f->names[f->count++] = steal_ptr(&name);
    return e;
}

/* Manifests name objects in the order in which folders list them: the search goes on where the last one ended. */
static const struct aws_s3_object *find_object(struct folders *f, const char *key)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct aws_s3_listing *l = &f->listings[i];
        for (size_t k = 0; k < l->object_count; k++) {
            size_t at = (f->cursor + k) % l->object_count;
            if (!model_layout_same_key(l->objects[at].key, key))
                continue;
            f->cursor = at + 1;
            return &l->objects[at];
        }
    }
    return NULL;
}

static errint fill_part(struct model_part *part, const struct aws_s3_object *object)
{
    part->key = strdup(object->key);
    part->etag = strdup(object->etag);
    part->size_bytes = object->size_bytes;
    part->last_modified_unix = object->last_modified_unix;
    return part->key && part->etag ? 0 : err_set(-ENOMEM, "no memory for %s", object->key);
}

/* Does KEY lie in a folder of the manifest's own assembly? No other delivery writes there. */
static bool is_of_assembly(const struct model_manifest *manifest, const char *key)
{
    const char *name = strrchr(key, '/');
    size_t len = strlen(manifest->assembly_id);
    return len && name && (size_t)(name - key) > len && name[-(ptrdiff_t)len - 1] == '/' &&
           strncmp(name - len, manifest->assembly_id, len) == 0;
}

static errint refuse_newer(const struct model_month *m, const struct aws_s3_object *object)
{
    int64_t newer_s = object->last_modified_unix - m->manifest_unix;
    int64_t quiet_h = (clock_wall_unix() - object->last_modified_unix) / 3600;
    if (quiet_h < SETTLED_H)
        return err_set(-EINPROGRESS, "%s: %s is %lld s newer than the manifest", m->period, object->key,
                       (long long)newer_s);
    return err_set(-EINPROGRESS,
                   "%s: %s is %lld s newer than the manifest, and came %lld h ago: a delivery that broke off (the next "
                   "one mends it), or a copy whose manifest did not come last (copy the manifest once more)",
                   m->period, object->key, (long long)newer_s, (long long)quiet_h);
}

/* Rule 2. */
static errint fill_parts(struct model_month *m, const struct model_manifest *manifest, struct folders *folders)
{
    for (size_t i = 0; i < manifest->key_count; i++) {
        const char *key = manifest->keys[i];
        const struct aws_s3_object *object = find_object(folders, key);
        if (!object)
            return err_set(-EINPROGRESS, "%s: the manifest names %s, which is not there", m->period, key);
        if (object->last_modified_unix > m->manifest_unix && !is_of_assembly(manifest, object->key))
            return refuse_newer(m, object);
        errint e = fill_part(&m->parts[i], object);
        if (e)
            return e;
    }
    return 0;
}

static errint copy(char **to, const char *from)
{
    *to = strdup(from);
    return *to ? 0 : err_set(-ENOMEM, "no memory for a month");
}

/* Everything but the parts. */
static errint fill_month(struct model_month *m, const struct model_month_request *in, const char *key,
                         const struct model_manifest *manifest, struct aws_s3_body *body)
{
    errint e = 0;
    if ((e = copy(&m->root, in->root)) || (e = copy(&m->folder, in->folder)) || (e = copy(&m->manifest_key, key)) ||
        (e = copy(&m->layout, manifest->layout->name)) || (e = copy(&m->manifest_etag, body->etag)))
        return e;
    m->manifest_unix = body->last_modified_unix;
    m->readable = manifest->gzip_csv;
    m->fetched_ns = clock_wall_ns();
    m->manifest_len = body->data.len;
    m->manifest = buf_steal(&body->data);
    return m->manifest ? 0 : err_set(-EIO, "%s is empty", key);
}

/* Rule 3. */
static errint check_unchanged(const struct model_bucket *bucket, const struct model_month *m)
{
    struct aws_s3_body again = {0};
    errint e = bucket->get(bucket->arg, m->manifest_key, m->manifest_etag, &again);
    if (e == -EALREADY)
        return 0;
    bool same = e == 0 && strcmp(again.etag, m->manifest_etag) == 0; /* a server that ignores If-None-Match */
    aws_s3_body_done(&again);
    if (e && e != -ENOENT)
        return e;
    return same ? 0 : err_set(-EINPROGRESS, "%s: the manifest changed while it was read", m->period);
}

static errint take_parts(const struct model_bucket *bucket, const struct model_month_request *in,
                         const struct model_manifest *manifest, struct model_month *m)
{
    struct folders folders = {.count = 0};
    errint e = 0;
    for (size_t i = 0; e == 0 && i < manifest->key_count; i++)
        e = list_folder_of(bucket, in->folder, manifest->keys[i], &folders);
    if (e == 0)
        e = fill_parts(m, manifest, &folders);
    done_folders(&folders);
    if (e == 0)
        e = name_files(m);
    return e ? e : check_unchanged(bucket, m);
}

static errint take_parsed(const struct model_bucket *bucket, const struct model_month_request *in, const char *key,
                          const struct model_manifest *manifest, struct aws_s3_body *body, struct model_month **ret)
{
    struct model_month *m cleanup(putp) = NULL;
    errint e = new_month(in->period, manifest->key_count, &m);
    if (e == 0)
        e = fill_month(m, in, key, manifest, body);
    if (e == 0)
        e = take_parts(bucket, in, manifest, m);
    if (e == 0)
        *ret = steal_ptr(&m);
    return e;
}

/* A manifest that is not there is one that is not there yet. */
static errint get_manifest(const struct model_bucket *bucket, const struct model_month_request *in, const char *key,
                           struct aws_s3_body *ret)
{
    errint e = bucket->get(bucket->arg, key, NULL, ret);
    return e == -ENOENT ? err_set(-EINPROGRESS, "%s: there is no manifest %s yet", in->period, key) : e;
}

static bool lies_in(const char *folder, const char *key)
{
    size_t len = strlen(folder);
    return strncmp(key, folder, len) == 0 && !strchr(key + len, '/');
}

/* FOLDER's list has what KNOWN was made of, as far as it lies there. */
static bool is_what_was(struct folders *f, const char *folder, const char *key, const struct model_month *known)
{
    const struct aws_s3_object *manifest = find_object(f, key);
    if (!manifest || strcmp(known->manifest_key, key) != 0 || strcmp(manifest->etag, known->manifest_etag) != 0 ||
        manifest->last_modified_unix != known->manifest_unix)
        return false;
    for (size_t i = 0; i < known->part_count; i++) {
        const struct model_part *part = &known->parts[i];
        const struct aws_s3_object *now = lies_in(folder, part->key) ? find_object(f, part->key) : NULL;
        if (lies_in(folder, part->key) && (!now || strcmp(now->etag, part->etag) != 0))
            return false;
    }
    return true;
}

static errint check_known(const struct model_bucket *bucket, const struct model_month_request *in, const char *key)
{
    struct folders folders = {.count = 0};
    errint e = in->known ? list_folder_of(bucket, in->folder, key, &folders) : 0;
    bool same = e == 0 && in->known && is_what_was(&folders, in->folder, key, in->known);
    done_folders(&folders);
    return same ? err_set(-EALREADY, "%s: nothing was delivered since", in->period) : e;
}

errint model_month_take(const struct model_bucket *bucket, const struct model_month_request *in,
                        struct model_month **ret)
{
    char *key cleanup_free = NULL;
    struct aws_s3_body body = {0};
    struct model_manifest manifest = {0};
    errint e = model_layout_manifest_key(in->folder, in->report, &key);
    if (e == 0)
        e = check_known(bucket, in, key);
    if (e == 0)
        e = get_manifest(bucket, in, key, &body);
    if (e)
        return e;
    e = model_manifest_parse(buf_text(&body.data), body.data.len, in->root, in->folder, &manifest);
    if (e)
        e = err_add(e, "%s", key);
    else
        e = take_parsed(bucket, in, key, &manifest, &body, ret);
    model_manifest_done(&manifest);
    aws_s3_body_done(&body);
    return e;
}

static errint get_from_s3(void *arg, const char *key, const char *if_none_match, struct aws_s3_body *ret)
{
    struct model_month_s3 *s3 = arg;
    struct aws_s3_get get = {.key = key, .if_none_match = if_none_match, .size_max = MANIFEST_BYTES_MAX};
    return aws_s3_get(s3->customer->reading, &s3->bucket, &get, s3->cancel, ret);
}

static errint list_in_s3(void *arg, const char *prefix, struct aws_s3_listing *ret)
{
    struct model_month_s3 *s3 = arg;
    return aws_s3_list(s3->customer->reading, &s3->bucket, prefix, "/", FOLDER_OBJECTS_MAX, s3->cancel, ret);
}

void model_month_s3_bucket(struct model_customer *customer, struct cancel *cancel, struct model_month_s3 *s3,
                           struct model_bucket *ret)
{
    *s3 = (struct model_month_s3){.customer = customer, .cancel = cancel};
    model_customer_bucket(customer, &s3->bucket);
    *ret = (struct model_bucket){.get = get_from_s3, .list = list_in_s3, .arg = s3};
}

static cJSON *encode_parts(const struct model_month *m)
{
    cJSON *parts = cJSON_CreateArray();
    for (size_t i = 0; parts && i < m->part_count; i++) {
        cJSON *part = cJSON_CreateObject();
        cJSON_AddStringToObject(part, "key", m->parts[i].key);
        cJSON_AddStringToObject(part, "etag", m->parts[i].etag);
        cJSON_AddNumberToObject(part, "size", (double)m->parts[i].size_bytes);
        cJSON_AddNumberToObject(part, "modified", (double)m->parts[i].last_modified_unix);
        cJSON_AddItemToArray(parts, part);
    }
    return parts;
}

errint model_month_encode(const struct model_month *m, struct buf *ret)
{
    cJSON *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "root", m->root);
    cJSON_AddStringToObject(json, "folder", m->folder);
    cJSON_AddStringToObject(json, "layout", m->layout);
    cJSON_AddStringToObject(json, "manifest_key", m->manifest_key);
    cJSON_AddStringToObject(json, "manifest_etag", m->manifest_etag);
    cJSON_AddNumberToObject(json, "manifest_modified", (double)m->manifest_unix);
    cJSON_AddBoolToObject(json, "readable", m->readable);
    if (!cJSON_AddItemToObject(json, "parts", encode_parts(m)))
        return err_set(-ENOMEM, "no memory to keep %s", m->period);
    aws_json_print_compact(ret, json);
    return buf_error(ret);
}

static errint decode_text(const cJSON *json, const char *name, char **ret)
{
    const char *text = aws_json_string(json, name);
    if (!text)
        return err_set(-EIO, "a kept month has no %s", name);
    return copy(ret, text);
}

static int64_t decode_number(const cJSON *json, const char *name)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : 0;
}

static errint decode_month(const cJSON *json, const cJSON *parts, struct model_month *m)
{
    errint e = 0;
    if ((e = decode_text(json, "root", &m->root)) || (e = decode_text(json, "folder", &m->folder)) ||
        (e = decode_text(json, "layout", &m->layout)) || (e = decode_text(json, "manifest_key", &m->manifest_key)) ||
        (e = decode_text(json, "manifest_etag", &m->manifest_etag)))
        return e;
    m->manifest_unix = decode_number(json, "manifest_modified");
    m->readable = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "readable"));
    const cJSON *part = NULL;
    size_t i = 0;
    cJSON_ArrayForEach (part, parts) {
        struct model_part *p = &m->parts[i++];
        if ((e = decode_text(part, "key", &p->key)) || (e = decode_text(part, "etag", &p->etag)))
            return e;
        p->size_bytes = (uint64_t)decode_number(part, "size");
        p->last_modified_unix = decode_number(part, "modified");
    }
    return name_files(m);
}

errint model_month_decode(const char *period, const char *text, size_t len, const void *manifest, size_t manifest_len,
                          struct model_month **ret)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    struct model_month *m cleanup(putp) = NULL;
    errint e = aws_json_parse(text, len, &json);
    if (e)
        return e;
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(json, "parts");
    e = new_month(period, cJSON_IsArray(parts) ? (size_t)cJSON_GetArraySize(parts) : 0, &m);
    if (e == 0)
        e = decode_month(json, parts, m);
    if (e)
        return e;
    if (!(m->manifest = malloc(manifest_len + 1)))
        return err_set(-ENOMEM, "no memory for the manifest of %s", period);
    memcpy(m->manifest, manifest, manifest_len);
    m->manifest[manifest_len] = '\0';
    m->manifest_len = manifest_len;
    *ret = steal_ptr(&m);
    return 0;
}
