/* The table of objects: opening, closing, dropping, what status shows.
 *
 * A struct source is a handle of its own on the shared object. The last handle cancels the transfers; the last reference
 * (a handle's or a transfer's) takes the object out of the table, and it is freed: at once, or by the executor when that
 * was a transfer's end, since a feed is not freed from its own sink. Opened again before that, it goes on as it is.
 */
#include "cache/object.h"

#include <string.h>

#include "base/clock.h"
#include "cache/object_private.h"

/* The fields, each with its length before it, so that no two identities give one text. */
static errint identity_of(const struct cache_object_id *id, struct buf *ret)
{
    const char *fields[] = {id->account, id->bucket, id->key, id->etag};
    for (size_t i = 0; i < 4; i++)
        buf_printf(ret, "%zu:%s,", strlen(fields[i] ? fields[i] : ""), fields[i] ? fields[i] : "");
    buf_printf(ret, "%llu", (unsigned long long)id->size_bytes);
    return buf_error(ret);
}

static errint name_of(const char *identity, char ret[NAME_SIZE])
{
    struct hash128 h[2];
    for (int i = 0; i < 2; i++) {
        struct buf all cleanup_buf = BUF_INIT;
        buf_printf(&all, "object %d\n%s", i, identity);
        h[i] = hash128_bytes(buf_text(&all), all.len);
        if (buf_error(&all) < 0)
            return buf_error(&all);
    }
    snprintf(ret, NAME_SIZE, "%016llx%016llx%016llx%016llx", (unsigned long long)h[0].a, (unsigned long long)h[0].b,
             (unsigned long long)h[1].a, (unsigned long long)h[1].b);
    return 0;
}

void *object_buffer_take(struct cache_objects *cache)
{
    pthread_mutex_lock(&cache->lock);
    void *buffer = cache->buffer_count ? cache->buffers[--cache->buffer_count] : NULL;
    pthread_mutex_unlock(&cache->lock);
    return buffer ? buffer : malloc(CHUNK_BYTES);
}

void object_buffer_give(struct cache_objects *cache, void *buffer)
{
    pthread_mutex_lock(&cache->lock);
    bool keep = buffer && cache->buffer_count < BUFFERS_IDLE;
    if (keep)
        cache->buffers[cache->buffer_count++] = buffer;
    pthread_mutex_unlock(&cache->lock);
    if (!keep)
        free(buffer);
}

static void destroy(struct object *o)
{
    object_points_free(o->points);
    feed_free(o->feed);
    if (o->fd >= 0)
        close(o->fd);
    object_memory_done(o);
    for (size_t i = 0; i < LISTS; i++)
        waitlist_done(&o->lists[i]);
    pthread_mutex_destroy(&o->lock);
    err_done(&o->no_feed);
    err_done(&o->failure);
    free(o->chunks);
    free(o->key);
    free(o);
}

static void reap(struct cache_objects *cache)
{
    pthread_mutex_lock(&cache->lock);
    struct object *dead = steal_ptr(&cache->dead);
    pthread_mutex_unlock(&cache->lock);
    while (dead) {
        struct object *next = dead->next;
        destroy(dead);
        dead = next;
    }
}

static void run_reap(struct task *t)
{
    reap((void *)((char *)t - offsetof(struct cache_objects, reap)));
}

/* Under the cache's lock: nobody has O any more. */
static void detach(struct object *o)
{
    struct cache_objects *cache = o->cache;
    struct entry *e = o->entry;
    e->object = NULL;
    e->complete = atomic_load(&o->present_bytes) == o->size_bytes && !atomic_load(&o->bypassed);
    if (e->doomed || !e->kept_bytes) {
        if (o->fd >= 0 && cache->dirfd >= 0)
            (void)unlinkat(cache->dirfd, e->name, 0);
        object_keep_remove(cache, e);
    } else {
        object_keep_save(o);
        object_keep_touch(cache, e);
    }
    o->entry = NULL;
    cache->open_count--;
}

void object_release(struct object *o, bool from_sink)
{
    struct cache_objects *cache = o->cache;
    pthread_mutex_lock(&cache->lock);
    bool last = --o->refs == 0;
    if (last)
        detach(o);
    if (last && from_sink) {
        o->next = cache->dead;
        cache->dead = o;
        if (cache->executor)
            task_wake(&cache->reap);
    }
    if (last)
        pthread_cond_broadcast(&cache->gone);
    pthread_mutex_unlock(&cache->lock);
    if (last && !from_sink)
        destroy(o);
}

static struct object *new_object(struct cache_objects *cache, const struct cache_object_id *id)
{
    struct object *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->cache = cache;
    o->fd = -1;
    o->size_bytes = id->size_bytes;
    o->chunk_count = id->size_bytes / CHUNK_BYTES + (id->size_bytes % CHUNK_BYTES != 0);
    pthread_mutex_init(&o->lock, NULL);
    for (size_t i = 0; i < LISTS; i++)
        waitlist_init(&o->lists[i]);
    o->key = strdup(id->key ? id->key : "");
    o->chunks = calloc(o->chunk_count + 1, sizeof *o->chunks);
    if (o->key && o->chunks)
        return o;
    o->cache = NULL; /* its lock is held, and nothing of it is O's */
    destroy(o);
    return NULL;
}

/* The object, with one more reference. Under the cache's lock. */
static struct object *find_or_add(struct cache_objects *cache, const struct cache_object_id *id, const char *name,
                                  const char *identity)
{
    struct entry *e = object_keep_find(cache, name);
    if (e && strcmp(e->identity, identity) != 0) {
        if (e->object)
            return NULL; /* two identities with one hash of 256 bits, both open */
        object_keep_remove(cache, e);
        e = NULL;
    }
    if (!e)
        e = object_keep_add(cache, name, identity);
    struct object *o = e ? e->object : NULL;
    if (e && !o) {
        o = new_object(cache, id);
        if (o) {
            o->entry = e;
            e->object = o;
            cache->open_count++;
            object_keep_open(o);
        }
    }
    if (!o && e && !e->kept_bytes)
        object_keep_remove(cache, e);
    if (o) {
        o->refs++;
        o->handles++;
    }
    return o;
}

/* Whoever opens brings a feed along if there is none; why it could not be made is told when bytes are missing. */
static void take_feed(struct object *o, errint made, struct feed *feed, const struct err *why)
{
    pthread_mutex_lock(&o->lock);
    if (!o->feed && made == 0) {
        o->feed = steal_ptr(&feed);
    } else if (!o->feed) {
        (void)err_again(why);
        err_keep(&o->no_feed, made);
    }
    pthread_mutex_unlock(&o->lock);
    feed_free(feed);
}

/* Of an object that the caller holds: one that was only looked up may go, and be made anew without a feed. */
static bool has_feed(struct object *o)
{
    pthread_mutex_lock(&o->lock);
    bool has = o->feed != NULL;
    pthread_mutex_unlock(&o->lock);
    return has;
}

static void bring_feed(struct object *o, errint (*make_feed)(void *arg, struct feed **ret), void *arg)
{
    struct feed *feed = NULL;
    struct err why = {0};
    errint made = make_feed(arg, &feed);
    err_keep(&why, made);
    take_feed(o, made, feed, &why);
    err_done(&why);
}

static errint open_named(struct cache_objects *cache, const struct cache_object_id *id, const char *name,
                         const char *identity, struct object **ret)
{
    pthread_mutex_lock(&cache->lock);
    struct object *o = find_or_add(cache, id, name, identity);
    pthread_mutex_unlock(&cache->lock);
    if (!o)
        return err_set(-ENOMEM, "no memory to open %s", id->key);
    *ret = o;
    return 0;
}

errint cache_objects_open(struct cache_objects *cache, const struct cache_object_id *id,
                          errint (*make_feed)(void *arg, struct feed **ret), void *arg, struct source **ret)
{
    char name[NAME_SIZE];
    struct buf identity cleanup_buf = BUF_INIT;
    errint r = identity_of(id, &identity);
    if (r == 0)
        r = name_of(buf_text(&identity), name);
    if (r < 0)
        return r;
    reap(cache);
    struct handle *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(-ENOMEM, "no memory to open %s", id->key);
    r = open_named(cache, id, name, buf_text(&identity), &h->object);
    if (r < 0) {
        free(h);
        return r;
    }
    if (id->size_bytes > 0 && make_feed && !has_feed(h->object))
        bring_feed(h->object, make_feed, arg);
    source_init(&h->source, &object_handle_ops);
    *ret = &h->source;
    return 0;
}

bool cache_objects_have(struct cache_objects *cache, const struct cache_object_id *id)
{
    char name[NAME_SIZE];
    struct buf identity cleanup_buf = BUF_INIT;
    if (id->size_bytes == 0)
        return true;
    if (identity_of(id, &identity) < 0 || name_of(buf_text(&identity), name) < 0)
        return false;
    pthread_mutex_lock(&cache->lock);
    struct entry *e = object_keep_find(cache, name);
    bool have = e && strcmp(e->identity, buf_text(&identity)) == 0;
    if (have && e->object)
        have = atomic_load(&e->object->present_bytes) == e->object->size_bytes && !atomic_load(&e->object->bypassed);
    else if (have)
        have = e->complete;
    pthread_mutex_unlock(&cache->lock);
    return have;
}

/* Memory that is being filled stays: its bytes are new. */
static void forget_bytes(struct object *o)
{
    pthread_mutex_lock(&o->lock);
    for (uint64_t c = 0; c < o->chunk_count; c++)
        object_keep_lose(o, c);
    object_memory_forget(o);
    if (o->tail_state == CHUNK_MEMORY) {
        o->tail_state = CHUNK_MISSING;
        object_keep_count(o, -(int64_t)tail_len(o), false);
    }
    object_keep_save(o);
    object_points_forget(o->points);
    pthread_mutex_unlock(&o->lock);
}

void cache_objects_drop(struct cache_objects *cache, const struct cache_object_id *id)
{
    char name[NAME_SIZE];
    struct buf identity cleanup_buf = BUF_INIT;
    if (identity_of(id, &identity) < 0 || name_of(buf_text(&identity), name) < 0)
        return;
    pthread_mutex_lock(&cache->lock);
    struct entry *e = object_keep_find(cache, name);
    struct object *o = e ? e->object : NULL;
    if (o)
        o->refs++;
    else if (e)
        object_keep_remove(cache, e);
    pthread_mutex_unlock(&cache->lock);
    if (!o)
        return;
    forget_bytes(o);
    object_release(o, false);
}

/* Is an identity's second field BUCKET? */
static bool is_of_bucket(const char *identity, const char *bucket)
{
    char *at = NULL;
    unsigned long account_len = strtoul(identity, &at, 10);
    size_t left = strlen(at), len = strlen(bucket);
    if (left < account_len + 2)
        return false;
    const char *field = at + 1 + account_len + 1; /* ":ACCOUNT," */
    return strtoul(field, &at, 10) == len && *at == ':' && strncmp(at + 1, bucket, len) == 0 && at[1 + len] == ',';
}

void cache_objects_forget(struct cache_objects *cache, const char *bucket)
{
    pthread_mutex_lock(&cache->lock);
    for (struct entry *e = cache->oldest, *next; e; e = next) {
        next = e->next;
        if (!is_of_bucket(e->identity, bucket))
            continue;
        if (e->object)
            e->doomed = true; /* goes when it is closed */
        else
            object_keep_remove(cache, e);
    }
    pthread_mutex_unlock(&cache->lock);
}

void cache_objects_set_lead(struct cache_objects *cache, uint64_t lead_bytes, unsigned parallel, uint64_t range_bytes)
{
    atomic_store(&cache->lead_bytes, lead_bytes);
    atomic_store(&cache->parallel, parallel);
    atomic_store(&cache->range_bytes, range_bytes);
}

void cache_objects_status(struct cache_objects *cache, struct cache_objects_status *ret)
{
    pthread_mutex_lock(&cache->lock);
    *ret = (struct cache_objects_status){.kept_bytes = cache->kept_bytes,
                                         .limit_bytes = cache->limit_bytes,
                                         .objects = cache->entry_count,
                                         .disk_error = cache->disk_error,
                                         .disk_failed_unix = cache->disk_failed_unix,
                                         .open_objects = cache->open_count};
    for (size_t i = 0; i < MEMORY_CHUNKS; i++)
        ret->memory_bytes += cache->memory[i].owner ? CHUNK_BYTES : 0;
    pthread_mutex_unlock(&cache->lock);
    ret->evicted = atomic_load(&cache->evicted);
    ret->bypassed = atomic_load(&cache->bypassed);
    ret->hit_bytes = atomic_load(&cache->hit_bytes);
    ret->miss_bytes = atomic_load(&cache->miss_bytes);
}

static bool progress_of(struct object *o, struct cache_object_progress *ret)
{
    *ret = (struct cache_object_progress){.size_bytes = o->size_bytes,
                                          .present_bytes = atomic_load(&o->present_bytes),
                                          .transfers = atomic_load(&o->transfer_count)};
    for (size_t i = 0; i < LISTS; i++)
        ret->waiters += waitlist_count(&o->lists[i]);
    int64_t spell_ms = (clock_monotonic_ns() - atomic_load(&o->spell_ns)) / CLOCK_NS_PER_MS;
    if (ret->transfers && spell_ms > 0)
        ret->bytes_per_s = atomic_load(&o->spell_bytes) * 1000 / (uint64_t)spell_ms;
    snprintf(ret->key, sizeof ret->key, "%s", o->key);
    return ret->transfers || ret->waiters;
}

size_t cache_objects_progress(struct cache_objects *cache, struct cache_object_progress *ret, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&cache->lock);
    for (struct entry *e = cache->newest; e && count < max; e = e->prev)
        if (e->object && progress_of(e->object, &ret[count]))
            count++;
    pthread_mutex_unlock(&cache->lock);
    return count;
}

errint cache_objects_new(const struct cache_objects_setup *setup, struct cache_objects **ret)
{
    struct cache_objects *cache = calloc(1, sizeof *cache);
    if (!cache)
        return err_set(-ENOMEM, "no memory for the cache of objects");
    cache->store = setup->store;
    cache->limit_bytes = setup->size_max_bytes;
    cache->executor = setup->executor;
    cache->dirfd = -1;
    pthread_mutex_init(&cache->lock, NULL);
    clock_cond_init(&cache->gone);
    waitlist_init(&cache->memory_line);
    task_init(&cache->reap, cache->executor, run_reap);
    cache_objects_set_lead(cache, 32ull * CHUNK_BYTES, 4, 8ull * CHUNK_BYTES);
    errint r = object_keep_load(cache);
    if (r < 0) {
        cache_objects_free(cache);
        return r;
    }
    *ret = cache;
    return 0;
}

static void free_entries(struct cache_objects *cache)
{
    for (struct entry *e = cache->oldest, *next; e; e = next) {
        next = e->next;
        free(e->identity);
        free(e);
    }
}

errint cache_objects_wait_closed(struct cache_objects *cache, int64_t deadline_ns)
{
    bool early = true;
    pthread_mutex_lock(&cache->lock);
    while (cache->open_count && early)
        early = clock_cond_wait(&cache->gone, &cache->lock, deadline_ns);
    size_t left = cache->open_count;
    pthread_mutex_unlock(&cache->lock);
    return left ? err_set(-ETIMEDOUT, "%zu objects are still open", left) : 0;
}

void cache_objects_free(struct cache_objects *cache)
{
    if (!cache)
        return;
    pthread_mutex_lock(&cache->lock);
    while (cache->open_count)
        pthread_cond_wait(&cache->gone, &cache->lock);
    pthread_mutex_unlock(&cache->lock);
    if (cache->executor)
        task_drain(&cache->reap);
    reap(cache);
    free_entries(cache);
    waitlist_done(&cache->memory_line);
    while (cache->buffer_count)
        free(cache->buffers[--cache->buffer_count]);
    if (cache->dirfd >= 0)
        close(cache->dirfd);
    cache_pack_free(cache->packer);
    free(cache->packed);
    pthread_mutex_destroy(&cache->pack_lock);
    pthread_cond_destroy(&cache->gone);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}
