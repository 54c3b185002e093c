/* A small AWS in the test's process (S3, Organizations, CUR, EC2, STS over tiny_http) and a model that talks to it in direct
 * mode, with folders of its own.
 *
 * Ownership: fake_start and fake_stop by the test; objects are copied. Threads: the test changes objects under lock through
 * fake_put; answers run on the server's threads. Errors: abort. Cost: a few threads and a temporary folder.
 */
#ifndef CTFS_TESTS_FAKE_AWS_H
#define CTFS_TESTS_FAKE_AWS_H

#include <ftw.h>
#include <time.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "model/fetch.h"
#include "model/model.h"
#include "model/settings.h"
#include "tests/lib/tiny_http.h"
#include "tests/lib/unit.h"

#define FAKE_OBJECTS_MAX 64
#define FAKE_ANSWERS_MAX 32
#define FAKE_PATIENCE_NS (30 * CLOCK_NS_PER_S)

struct fake_object {
    char key[256], etag[40];
    char *bytes;
    size_t len;
    int64_t modified;
    atomic_uint gets;
};

/* What a JSON or Query operation answers; WHEN is a text that its body must hold. */
struct fake_answer {
    const char *operation, *when, *body;
    int status;
};

struct fake {
    struct tiny server;
    pthread_mutex_t lock;
    struct fake_object objects[FAKE_OBJECTS_MAX]; /* protected by lock, and so is all below */
    size_t object_count;
    struct fake_answer answers[FAKE_ANSWERS_MAX]; /* the last that fits counts */
    size_t answer_count;
    int s3_status; /* not 0: S3 answers nothing else */
    const char *s3_code;
    atomic_uint lists, gets, calls;
    _Atomic uint64_t bytes_sent;
    char assumed[8192]; /* the body of the last AssumeRole */
    char folder[64];
    struct model_settings settings;
    struct model *model;
    struct model_customer *customer;
};

static inline void fake_decode(const char *from, size_t len, char *to, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < room; i++) {
        unsigned byte;
        if (from[i] == '%' && i + 2 < len && sscanf(from + i + 1, "%2x", &byte) == 1) {
            to[n++] = (char)byte;
            i += 2;
        } else {
            to[n++] = from[i];
        }
    }
    to[n] = '\0';
}

static inline void fake_http_time(int64_t unix_s, char *to, size_t room)
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(to, room, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static inline struct fake_object *fake_find(struct fake *f, const char *key)
{
    for (size_t i = 0; i < f->object_count; i++)
        if (strcmp(f->objects[i].key, key) == 0)
            return &f->objects[i];
    return NULL;
}

static inline void fake_error(struct tiny_request *r, int status, const char *code)
{
    char body[256];
    snprintf(body, sizeof body, "<Error><Code>%s</Code><Message>said the test</Message></Error>", code);
    tiny_reply(r, status, "x-amz-bucket-region: us-east-1\r\n", body);
}

static inline void fake_get(struct fake *f, struct tiny_request *r, const char *key)
{
    char text[4096], when[64];
    unsigned long long from = 0, to = 0;
    struct fake_object *o = fake_find(f, key);
    if (!o) {
        fake_error(r, 404, "NoSuchKey");
        return;
    }
    f->gets++;
    o->gets++;
    if (*tiny_header(r, "if-match", text) && strcmp(text, o->etag) != 0) {
        fake_error(r, 412, "PreconditionFailed");
        return;
    }
    fake_http_time(o->modified, when, sizeof when);
    if (*tiny_header(r, "if-none-match", text) && strcmp(text, o->etag) == 0) {
        tiny_printf(r, "HTTP/1.1 304 X\r\nETag: %s\r\n\r\n", o->etag);
        return;
    }
    int ranged = sscanf(tiny_header(r, "range", text), "bytes=%llu-%llu", &from, &to) == 2;
    if (!ranged || to >= o->len)
        to = o->len ? o->len - 1 : 0;
    size_t len = o->len ? (size_t)(to - from + 1) : 0;
    tiny_printf(r, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nETag: %s\r\nLast-Modified: %s\r\n", ranged ? 206 : 200, len,
                o->etag, when);
    if (ranged)
        tiny_printf(r, "Content-Range: bytes %llu-%llu/%zu\r\n", from, to, o->len);
    f->bytes_sent += len;
    tiny_send(r, "\r\n", 2);
    tiny_send(r, o->bytes + from, len);
}

static inline int fake_by_key(const void *a, const void *b)
{
    return strcmp((*(struct fake_object *const *)a)->key, (*(struct fake_object *const *)b)->key);
}

static inline void fake_query(const char *target, const char *name, char *to, size_t room)
{
    const char *at = strchr(target, '?');
    size_t len = strlen(name);
    *to = '\0';
    for (; at && *at && *at != ' '; at = strpbrk(at + 1, "& "))
        if (strncmp(at + 1, name, len) == 0 && at[1 + len] == '=')
            fake_decode(at + 2 + len, strcspn(at + 2 + len, "& "), to, room);
}

/* Everything on one page; names are not encoded but for what XML wants, and no test uses that. */
static inline void fake_list(struct fake *f, struct tiny_request *r)
{
    char prefix[256], delimiter[8], last[256] = "";
    struct buf body = BUF_INIT;
    struct fake_object *sorted[FAKE_OBJECTS_MAX];
    fake_query(r->head, "prefix", prefix, sizeof prefix);
    fake_query(r->head, "delimiter", delimiter, sizeof delimiter);
    f->lists++;
    for (size_t i = 0; i < f->object_count; i++)
        sorted[i] = &f->objects[i];
    qsort(sorted, f->object_count, sizeof sorted[0], fake_by_key);
    buf_puts(&body, "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>");
    for (size_t i = 0; i < f->object_count; i++) {
        const struct fake_object *o = sorted[i];
        size_t len = strlen(prefix);
        if (strncmp(o->key, prefix, len) != 0)
            continue;
        const char *slash = *delimiter ? strchr(o->key + len, '/') : NULL;
        if (slash) {
            char folder[256];
            snprintf(folder, sizeof folder, "%.*s", (int)(slash - o->key + 1), o->key);
            if (strcmp(folder, last) != 0)
                buf_printf(&body, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", folder);
            snprintf(last, sizeof last, "%s", folder);
            continue;
        }
        char when[CLOCK_ISO_SIZE];
        clock_format_iso(o->modified, when);
        buf_printf(&body,
                   "<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>&quot;%.*s&quot;</ETag><Size>%zu</Size>"
                   "<StorageClass>STANDARD</StorageClass></Contents>",
                   o->key, when, (int)strlen(o->etag) - 2, o->etag + 1, o->len);
    }
    buf_puts(&body, "</ListBucketResult>");
    tiny_reply(r, 200, "", buf_text(&body));
    buf_done(&body);
}

static inline void fake_operation(struct fake *f, struct tiny_request *r)
{
    char target[4096];
    const char *name = tiny_header(r, "x-amz-target", target);
    name = strchr(name, '.') ? strchr(name, '.') + 1 : "";
    if (strstr(r->body, "Action=AssumeRole"))
        snprintf(f->assumed, sizeof f->assumed, "%.8000s", r->body);
    for (size_t i = f->answer_count; i-- > 0;) {
        const struct fake_answer *a = &f->answers[i];
        char query[64];
        snprintf(query, sizeof query, "Action=%s", a->operation);
        if (strcmp(a->operation, name) != 0 && !strstr(r->body, query))
            continue;
        if (a->when && !strstr(r->body, a->when))
            continue;
        f->calls++;
        tiny_reply(r, a->status, "", a->body);
        return;
    }
    tiny_reply(r, 400, "", "{\"__type\":\"AccessDeniedException\",\"Message\":\"the test grants nothing of this\"}");
}

static inline void fake_serve(struct tiny_request *r)
{
    struct fake *f = r->arg;
    char path[512];
    pthread_mutex_lock(&f->lock);
    const char *target = strchr(r->head, ' ') + 1;
    fake_decode(target, strcspn(target, " ?"), path, sizeof path);
    if (tiny_is(r, "POST "))
        fake_operation(f, r);
    else if (f->s3_status)
        fake_error(r, f->s3_status, f->s3_code);
    else if (tiny_is(r, "HEAD "))
        tiny_reply(r, 200, "x-amz-bucket-region: us-east-1\r\n", "");
    else if (strstr(r->head, "list-type=2"))
        fake_list(f, r);
    else
        fake_get(f, r, path + strlen("/bkt/"));
    pthread_mutex_unlock(&f->lock);
}

/* Takes BYTES' copy; the ETag is made of them and of MODIFIED. */
static inline void fake_put(struct fake *f, const char *key, const void *bytes, size_t len, int64_t modified)
{
    pthread_mutex_lock(&f->lock);
    struct fake_object *o = fake_find(f, key);
    if (!o) {
        if (f->object_count == FAKE_OBJECTS_MAX)
            abort();
        o = &f->objects[f->object_count++];
    }
    free(o->bytes);
    snprintf(o->key, sizeof o->key, "%s", key);
    snprintf(o->etag, sizeof o->etag, "\"%08lx%08llx\"", crc32(0, bytes, (uInt)len), (unsigned long long)modified);
    o->bytes = malloc(len + 1);
    memcpy(o->bytes, bytes, len);
    o->len = len;
    o->modified = modified;
    pthread_mutex_unlock(&f->lock);
}

static inline void fake_put_text(struct fake *f, const char *key, const char *text, int64_t modified)
{
    fake_put(f, key, text, strlen(text), modified);
}

static inline void fake_say(struct fake *f, const char *operation, const char *when, int status, const char *body)
{
    pthread_mutex_lock(&f->lock);
    if (f->answer_count == FAKE_ANSWERS_MAX)
        abort();
    f->answers[f->answer_count++] = (struct fake_answer){operation, when, body, status};
    pthread_mutex_unlock(&f->lock);
}

/* One gzip member of TEXT behind what TO has. LEVEL as zlib's. */
static inline void fake_gzip(struct buf *to, const char *text, size_t len, int level)
{
    z_stream z = {0};
    if (deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    uLong bound = deflateBound(&z, (uLong)len) + 64;
    char *out = malloc(bound);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)bound;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    buf_append(to, out, bound - z.avail_out);
    deflateEnd(&z);
    free(out);
}

static inline int fake_unlink(const char *path, const struct stat *s, int flag, struct FTW *at)
{
    (void)s;
    (void)flag;
    (void)at;
    return remove(path);
}

static inline void fake_must(errint e)
{
    if (e) {
        fprintf(stderr, "%s: %s\n", err_name(e), err_message());
        abort();
    }
}

/* Opens the model again over the same folders: a second start. */
static inline void fake_open(struct fake *f)
{
    fake_must(model_open(&f->settings, MODEL_WITH_CACHE, &f->model));
    fake_must(model_open_direct(f->model, "s3://bkt/cur/r"));
    fake_must(model_current(f->model, &f->customer));
}

static inline void fake_close(struct fake *f)
{
    model_customer_put(f->customer);
    model_free(f->model);
    f->model = NULL;
}

static inline void fake_start(struct fake *f)
{
    char path[96];
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    tiny_start(&f->server, fake_serve, f);
    snprintf(f->folder, sizeof f->folder, "/tmp/ctfs-model-XXXXXX");
    if (!mkdtemp(f->folder))
        abort();
    setenv("AWS_ENDPOINT_URL", f->server.url, 1);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_REGION", "us-east-1", 1);
    setenv("AWS_MAX_ATTEMPTS", "1", 1);
    fake_must(model_settings_init(&f->settings));
    snprintf(path, sizeof path, "%s/state", f->folder);
    fake_must(model_settings_set(&f->settings, "state_dir", path));
    snprintf(path, sizeof path, "%s/cache", f->folder);
    fake_must(model_settings_set(&f->settings, "cache_dir", path));
    f->settings.op_timeout_ms = 10000;
    fake_say(
        f, "GetCallerIdentity", NULL, 200,
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::012345678901:user/t</Arn>"
        "<UserId>AIDA</UserId><Account>012345678901</Account></GetCallerIdentityResult></GetCallerIdentityResponse>");
    fake_open(f);
}

static inline void fake_stop(struct fake *f)
{
    if (f->model)
        fake_close(f);
    tiny_stop(&f->server);
    for (size_t i = 0; i < f->object_count; i++)
        free(f->objects[i].bytes);
    model_settings_done(&f->settings);
    pthread_mutex_destroy(&f->lock);
    nftw(f->folder, fake_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Asks until the answer is not -EAGAIN. */
static inline errint fake_need(struct fake *f, enum model_topic topic, const char *arg)
{
    struct blocker b;
    errint e;
    blocker_init(&b);
    while ((e = model_fetch_need(f->customer, topic, arg, &b.waiter)) == -EAGAIN)
        if (blocker_wait(&b, clock_monotonic_ns() + FAKE_PATIENCE_NS)) {
            fprintf(stderr, "nobody woke the waiter for topic %d %s\n", (int)topic, arg);
            abort();
        }
    blocker_done(&b);
    return e;
}

#endif
