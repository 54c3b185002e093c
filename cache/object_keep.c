/* The disk: objects/NAME, sparse files of whole chunks; a row in cache.db says which chunks are there and their checksums.
 * NAME.points beside it are its places (points.c): counted with it, and removed with it.
 *
 * Room is reserved before a transfer and counted as kept, beside what cache.db takes, so that the limit is never passed;
 * that nobody has open go first. A twentieth of the disk, 1 GiB at most, is left free. When there is no room, or a write
 * failed lately, the transfer goes to memory; the next one asks again.
 *
 * A row is saved when all is there, after 64 MiB or 3 s, and when the object is closed. What came later is not known after a
 * crash and is fetched again; a file without a row is removed at the start.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "cache/db.h"
#include "cache/object_private.h"

#define DISK_RETRY_NS (5 * CLOCK_NS_PER_S)
#define FREE_MAX_BYTES (1024ull * 1024 * 1024)
#define ENTRIES_MAX 100000
#define ROW_CHUNK_BYTES 5

static size_t bucket_of(const char *name)
{
    return hash_bytes(name, strlen(name)) % ENTRY_BUCKETS;
}

struct entry *object_keep_find(struct cache_objects *cache, const char *name)
{
    struct entry *e = cache->buckets[bucket_of(name)];
    while (e && strcmp(e->name, name) != 0)
        e = e->same;
    return e;
}

static void unlink_entry(struct cache_objects *cache, struct entry *e)
{
    *(e->prev ? &e->prev->next : &cache->oldest) = e->next;
    *(e->next ? &e->next->prev : &cache->newest) = e->prev;
}

static void append_entry(struct cache_objects *cache, struct entry *e)
{
    e->next = NULL;
    e->prev = cache->newest;
    *(e->prev ? &e->prev->next : &cache->oldest) = e;
    cache->newest = e;
}

void object_keep_touch(struct cache_objects *cache, struct entry *e)
{
    unlink_entry(cache, e);
    append_entry(cache, e);
}

struct entry *object_keep_add(struct cache_objects *cache, const char *name, const char *identity)
{
    struct entry *e = calloc(1, sizeof *e);
    char *copy = strdup(identity);
    if (!e || !copy) {
        free(e);
        free(copy);
        return NULL;
    }
    snprintf(e->name, sizeof e->name, "%s", name);
    e->identity = copy;
    e->identity_len = strlen(copy);
    size_t bucket = bucket_of(name);
    e->same = cache->buckets[bucket];
    cache->buckets[bucket] = e;
    append_entry(cache, e);
    cache->entry_count++;
    return e;
}

static void unlink_points(struct cache_objects *cache, struct entry *e)
{
    char name[NAME_SIZE + sizeof OBJECT_POINTS_SUFFIX];
    snprintf(name, sizeof name, "%s%s", e->name, OBJECT_POINTS_SUFFIX);
    if (cache->dirfd >= 0)
        (void)unlinkat(cache->dirfd, name, 0);
    cache->kept_bytes -= e->points_bytes;
    e->points_bytes = 0;
}

void object_keep_remove(struct cache_objects *cache, struct entry *e)
{
    if (e->kept_bytes) {
        if (cache->dirfd >= 0)
            (void)unlinkat(cache->dirfd, e->name, 0);
        (void)cache_store_object_delete(cache->store, e->name);
    }
    if (e->points_bytes)
        unlink_points(cache, e);
    cache->kept_bytes -= e->kept_bytes;
    cache->entry_count--;
    unlink_entry(cache, e);
    struct entry **p = &cache->buckets[bucket_of(e->name)];
    while (*p != e)
        p = &(*p)->same;
    *p = e->same;
    free(e->identity);
    free(e);
}

static uint64_t row_kept(const struct cache_object_row *row, bool *ret_complete)
{
    const uint8_t *chunks = row->chunks;
    uint64_t count = row->chunks_len / ROW_CHUNK_BYTES, kept = 0;
    for (uint64_t c = 0; c < count; c++) {
        uint64_t left = row->size_bytes - c * CHUNK_BYTES;
        if (chunks[c])
            kept += left < CHUNK_BYTES ? left : CHUNK_BYTES;
    }
    *ret_complete = kept == row->size_bytes;
    return kept + row->tail_len;
}

static bool row_sound(const struct cache_object_row *row)
{
    uint64_t count = row->size_bytes / CHUNK_BYTES + (row->size_bytes % CHUNK_BYTES != 0);
    return strlen(row->name) == NAME_SIZE - 1 && row->chunks_len == count * ROW_CHUNK_BYTES &&
           row->tail_len <= TAIL_BYTES && row->identity_len > 0 && row->identity_len < 16384;
}

static int load_row(void *arg, const struct cache_object_row *row)
{
    struct cache_objects *cache = arg;
    if (!row_sound(row))
        return 0;
    char *identity cleanup_free = strndup(row->identity, row->identity_len);
    struct entry *e = identity ? object_keep_add(cache, row->name, identity) : NULL;
    if (!e)
        return err_set(-ENOMEM, "no memory for the table of cached objects");
    e->kept_bytes = row_kept(row, &e->complete);
    cache->kept_bytes += e->kept_bytes;
    return 0;
}

/* The entry to which the file NAME belongs; places are counted on the way. NULL: to none. */
static struct entry *owner_of(struct cache_objects *cache, const char *name)
{
    size_t len = strlen(name);
    char object[NAME_SIZE];
    struct stat st;
    if (len != NAME_SIZE - 1 + strlen(OBJECT_POINTS_SUFFIX) || strcmp(name + NAME_SIZE - 1, OBJECT_POINTS_SUFFIX) != 0)
        return object_keep_find(cache, name);
    snprintf(object, sizeof object, "%.*s", NAME_SIZE - 1, name);
    struct entry *e = object_keep_find(cache, object);
    if (!e || fstatat(cache->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    e->points_bytes = (uint64_t)st.st_size;
    cache->kept_bytes += e->points_bytes;
    return e;
}

static void remove_orphans(struct cache_objects *cache)
{
    int fd = openat(cache->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *f; (f = readdir(d));)
        if (f->d_name[0] != '.' && !owner_of(cache, f->d_name))
            (void)unlinkat(cache->dirfd, f->d_name, 0);
    closedir(d);
}

static void fill_chunks(struct object *o, const struct cache_object_row *row)
{
    const uint8_t *p = row->chunks;
    for (uint64_t c = 0; c < o->chunk_count; c++, p += ROW_CHUNK_BYTES) {
        if (!p[0])
            continue;
        o->chunks[c].state = CHUNK_DISK;
        memcpy(&o->chunks[c].crc, p + 1, sizeof o->chunks[c].crc);
        atomic_fetch_add(&o->present_bytes, chunk_len(o, c));
    }
}

static bool same_identity(const struct entry *e, const struct cache_object_row *row)
{
    return row->identity_len == e->identity_len && memcmp(row->identity, e->identity, e->identity_len) == 0;
}

/* Called under the cache's lock; nobody else knows O yet. What cannot be opened is as good as missing. */
void object_keep_open(struct object *o)
{
    struct cache_objects *cache = o->cache;
    struct cache_object_row row = {0};
    o->saved_ns = clock_monotonic_ns();
    if (!o->entry->kept_bytes)
        return;
    bool found = cache_store_object_get(cache->store, o->entry->name, &row) == 0;
    bool sound = found && row_sound(&row) && row.size_bytes == o->size_bytes && same_identity(o->entry, &row);
    if (sound && row.tail_len == tail_len(o)) {
        memcpy(o->tail, row.tail, row.tail_len);
        o->tail_state = CHUNK_MEMORY;
    }
    if (sound && cache->dirfd >= 0)
        o->fd = openat(cache->dirfd, o->entry->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (o->fd >= 0)
        fill_chunks(o, &row);
    uint64_t kept = atomic_load(&o->present_bytes) + (o->tail_state == CHUNK_MEMORY ? tail_len(o) : 0);
    cache->kept_bytes -= o->entry->kept_bytes - kept;
    o->entry->kept_bytes = kept;
    cache_object_row_done(&row);
}

void object_keep_save(struct object *o)
{
    size_t len = (size_t)o->chunk_count * ROW_CHUNK_BYTES;
    uint8_t *chunks cleanup_free = calloc(1, len + 1);
    if (!chunks)
        return;
    for (uint64_t c = 0; c < o->chunk_count; c++) {
        chunks[c * ROW_CHUNK_BYTES] = o->chunks[c].state == CHUNK_DISK;
        memcpy(chunks + c * ROW_CHUNK_BYTES + 1, &o->chunks[c].crc, sizeof o->chunks[c].crc);
    }
    struct cache_object_row row = {.name = o->entry->name,
                                   .size_bytes = o->size_bytes,
                                   .last_used_ns = clock_wall_ns(),
                                   .identity = o->entry->identity,
                                   .identity_len = o->entry->identity_len,
                                   .tail = o->tail,
                                   .tail_len = o->tail_state == CHUNK_MEMORY ? (size_t)tail_len(o) : 0,
                                   .chunks = chunks,
                                   .chunks_len = len};
    (void)cache_store_object_put(o->cache->store, &row);
    o->dirty = false;
    o->unsaved_bytes = 0;
    o->saved_ns = clock_monotonic_ns();
}

static bool disk_has_room(struct cache_objects *cache, uint64_t bytes)
{
    struct statvfs st;
    if (fstatvfs(cache->dirfd, &st) < 0)
        return false;
    uint64_t leave = (uint64_t)st.f_blocks * st.f_frsize / 20;
    leave = leave < FREE_MAX_BYTES ? leave : FREE_MAX_BYTES;
    return (uint64_t)st.f_bavail * st.f_frsize >= bytes + leave;
}

static bool evict_one(struct cache_objects *cache)
{
    struct entry *e = cache->oldest;
    while (e && (e->object || !e->kept_bytes))
        e = e->next;
    if (!e)
        return false;
    object_keep_remove(cache, e);
    atomic_fetch_add(&cache->evicted, 1);
    return true;
}

errint object_keep_load(struct cache_objects *cache)
{
    int folder = cache_store_folder_fd(cache->store);
    if (folder < 0 || cache_db_subfolder(folder, "objects", &cache->dirfd) < 0) {
        cache->dirfd = -1;
        return 0;
    }
    errint r = cache_store_object_each(cache->store, load_row, cache);
    if (r == -ENOMEM)
        return r;
    remove_orphans(cache);
    while (cache->kept_bytes > cache->limit_bytes && evict_one(cache))
        ; /* the limit is lower than it was */
    return 0;
}

/* Under the cache's lock: for status. */
static void note_disk(struct cache_objects *cache, int error)
{
    if (cache->disk_error != error)
        cache->disk_failed_unix = clock_wall_unix();
    cache->disk_error = error;
    cache->disk_failed_ns = clock_monotonic_ns();
}

static bool make_room(struct cache_objects *cache, uint64_t bytes)
{
    uint64_t others = cache_store_disk_bytes(cache->store);
    bool disk = true;
    while (cache->kept_bytes + others + bytes > cache->limit_bytes || cache->entry_count > ENTRIES_MAX ||
           !(disk = disk_has_room(cache, bytes)))
        if (!evict_one(cache)) {
            if (!disk)
                note_disk(cache, ENOSPC);
            return false;
        }
    return true;
}

/* BYTES, and room for LATER more. */
static bool reserve(struct object *o, uint64_t bytes, uint64_t later)
{
    struct cache_objects *cache = o->cache;
    if (cache->dirfd < 0 || o->size_bytes > cache->limit_bytes || clock_monotonic_ns() < cache->disk_after_ns)
        return false;
    if (!make_room(cache, bytes + later))
        return false;
    cache->kept_bytes += bytes;
    return true;
}

bool object_keep_reserve(struct object *o, uint64_t bytes)
{
    pthread_mutex_lock(&o->cache->lock);
    bool room = reserve(o, bytes, 0);
    pthread_mutex_unlock(&o->cache->lock);
    if (!room || o->fd >= 0)
        return room;
    o->fd = openat(o->cache->dirfd, o->entry->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (o->fd >= 0)
        return true;
    object_keep_unreserve(o, bytes);
    object_keep_disk_failed(o, errno);
    return false;
}

/* What is still to come of the object itself goes first. */
bool object_keep_reserve_points(struct object *o, uint64_t bytes)
{
    uint64_t present = atomic_load(&o->present_bytes);
    pthread_mutex_lock(&o->cache->lock);
    bool room = reserve(o, bytes, present < o->size_bytes ? o->size_bytes - present : 0);
    pthread_mutex_unlock(&o->cache->lock);
    return room;
}

/* What they take is counted as kept already, by their reservations. */
void object_keep_points(struct object *o, uint64_t bytes)
{
    pthread_mutex_lock(&o->cache->lock);
    o->cache->kept_bytes -= o->entry->points_bytes;
    o->entry->points_bytes = bytes;
    pthread_mutex_unlock(&o->cache->lock);
}

void object_keep_unreserve(struct object *o, uint64_t bytes)
{
    pthread_mutex_lock(&o->cache->lock);
    o->cache->kept_bytes -= bytes;
    pthread_mutex_unlock(&o->cache->lock);
}

void object_keep_count(struct object *o, int64_t bytes, bool reserved)
{
    pthread_mutex_lock(&o->cache->lock);
    o->entry->kept_bytes += (uint64_t)bytes;
    if (!reserved)
        o->cache->kept_bytes += (uint64_t)bytes;
    else if (clock_monotonic_ns() - o->cache->disk_failed_ns >= DISK_RETRY_NS) /* small ones fit where others do not */
        o->cache->disk_error = 0;
    pthread_mutex_unlock(&o->cache->lock);
}

/* One line for as long as it lasts, at most one in DISK_RETRY_NS. */
void object_keep_disk_failed(struct object *o, int error)
{
    struct cache_objects *cache = o->cache;
    pthread_mutex_lock(&cache->lock);
    bool first = clock_monotonic_ns() >= cache->disk_after_ns;
    cache->disk_after_ns = clock_monotonic_ns() + DISK_RETRY_NS;
    note_disk(cache, error);
    pthread_mutex_unlock(&cache->lock);
    if (first)
        log_warn("the cache's disk: %s; what is fetched meanwhile is not kept", strerror(error));
}

void object_keep_lose(struct object *o, uint64_t chunk)
{
    if (o->chunks[chunk].state != CHUNK_DISK)
        return;
    o->chunks[chunk] = (struct chunk){.state = CHUNK_MISSING};
    atomic_fetch_sub(&o->present_bytes, chunk_len(o, chunk));
    object_keep_count(o, -(int64_t)chunk_len(o, chunk), false);
    o->dirty = true;
}
