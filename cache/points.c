/* objects/NAME.points: what is kept for each place, packed, one behind another; then the list of places; then a footer.
 *
 * The footer says whose states these are and holds the checksum of list and footer; the list holds that of each state, packed.
 * While a set is made it is NAME.N.new, N a number of this process; it gets its name once it is whole and the object proven.
 * Leftovers are removed at the start. Every byte is reserved in the objects' cache before it is written.
 *
 *   NONE -> MAKING (one pass adds; what it added is found and loaded) -> MADE
 *            |  ^ cannot be kept: GIVEN_UP until the object is closed
 *   a set that is damaged or was led astray by: NONE, its file is gone
 *
 * Lock order: the object's lock or the packing one, then a set's, then the cache's. A set is made with the object's first view, and freed with
 * the object.
 */
#include "cache/points.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/log.h"
#include "cache/object_private.h"

#define FORMAT 1
#define NAME_ROOM (NAME_SIZE + 24)

enum state { NONE, MAKING, MADE, GIVEN_UP };

/* As it is on disk. */
struct place {
    struct cache_point at;
    uint64_t file_off, packed_bytes;
    struct hash128 sum;
};

struct footer {
    char magic[8];
    uint32_t format, decoder_version;
    uint64_t place_bytes, state_bytes, plain_bytes, count, list_off;
    char decoder[16], object[NAME_SIZE + 7]; /* the object's name: whose places they are */
    struct hash128 sum;                      /* of the list, and of this with a sum of zeros */
};

struct point_set {
    struct object *object;
    pthread_mutex_t lock; /* protects all below */
    char decoder[16];
    unsigned decoder_version;
    size_t state_bytes;
    uint64_t plain_bytes;
    enum state state;
    int fd;
    char making[NAME_ROOM]; /* the file's name meanwhile */
    struct place *places;
    size_t count, room;
    uint64_t file_bytes;
};

struct cache_points {
    struct source *handle; /* holds the object */
    struct point_set *set;
};

static atomic_uint made_names;

uint64_t cache_points_interval(uint64_t plain_bytes)
{
    uint64_t interval = CACHE_POINTS_INTERVAL_MIN_BYTES;
    while (plain_bytes / interval > CACHE_POINTS_MAX)
        interval *= 2;
    return interval;
}

static void name_of(const struct point_set *s, char ret[NAME_ROOM])
{
    snprintf(ret, NAME_ROOM, "%s%s", s->object->entry->name, OBJECT_POINTS_SUFFIX);
}

/* ---- under the set's lock ---- */

/* Nothing is there any more, on disk neither. */
static void clear(struct point_set *s, enum state state)
{
    struct object *o = s->object;
    char name[NAME_ROOM];
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    if (s->state == MAKING) {
        (void)unlinkat(o->cache->dirfd, s->making, 0);
        object_keep_unreserve(o, s->file_bytes);
    } else if (o->entry) {
        name_of(s, name);
        object_keep_points(o, 0);
        (void)unlinkat(o->cache->dirfd, name, 0);
    }
    free(s->places);
    s->places = NULL;
    s->count = s->room = 0;
    s->file_bytes = 0;
    s->state = state;
}

static bool write_at(struct point_set *s, const void *data, size_t len)
{
    if (!object_keep_reserve_points(s->object, len))
        return false;
    s->file_bytes += len;
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(s->fd, (const char *)data + done, len - done, (off_t)(s->file_bytes - len + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            object_keep_disk_failed(s->object, n < 0 ? errno : ENOSPC);
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

static bool add_place(struct point_set *s, const struct place *place)
{
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 64;
        struct place *places = realloc(s->places, room * sizeof *places);
        if (!places)
            return false;
        s->places = places;
        s->room = room;
    }
    s->places[s->count++] = *place;
    return true;
}

/* The number of places at or before OFF. */
static size_t count_until(const struct point_set *s, uint64_t off)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->places[middle].at.out_bytes <= off)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- what is on disk ---- */

static struct hash128 sum_of(const struct place *places, const struct footer *footer)
{
    struct footer plain = *footer;
    plain.sum = (struct hash128){0};
    struct hash128 list = hash128_bytes(places, (size_t)footer->count * sizeof *places);
    struct hash128 own = hash128_bytes(&plain, sizeof plain);
    return (struct hash128){list.a * 0x9e3779b97f4a7c15ULL + own.a, list.b * 0xc2b2ae3d27d4eb4fULL + own.b};
}

static struct footer footer_of(const struct point_set *s, uint64_t list_off)
{
    struct footer f;
    memset(&f, 0, sizeof f);
    memcpy(f.magic, "ctfsplac", sizeof f.magic);
    f.format = FORMAT;
    f.decoder_version = s->decoder_version;
    f.place_bytes = sizeof(struct place);
    f.state_bytes = s->state_bytes;
    f.plain_bytes = s->plain_bytes;
    f.count = s->count;
    f.list_off = list_off;
    memcpy(f.decoder, s->decoder, sizeof f.decoder);
    memcpy(f.object, s->object->entry->name, NAME_SIZE);
    f.sum = sum_of(s->places, &f);
    return f;
}

static bool read_at(int fd, void *to, size_t len, uint64_t off)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(off + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool footer_fits(const struct point_set *s, const struct footer *f, uint64_t file_bytes)
{
    return memcmp(f->magic, "ctfsplac", sizeof f->magic) == 0 && f->format == FORMAT &&
           f->decoder_version == s->decoder_version && f->place_bytes == sizeof(struct place) &&
           f->state_bytes == s->state_bytes && f->plain_bytes == s->plain_bytes &&
           memcmp(f->decoder, s->decoder, sizeof f->decoder) == 0 &&
           memcmp(f->object, s->object->entry->name, NAME_SIZE) == 0 && f->count > 0 &&
           f->count <= CACHE_POINTS_MAX + 1 && f->list_off < file_bytes &&
           file_bytes - f->list_off == f->count * sizeof(struct place) + sizeof *f;
}

/* False: what is there is of no use. */
static bool read_set(struct point_set *s)
{
    struct stat st;
    struct footer f;
    if (fstat(s->fd, &st) < 0 || (size_t)st.st_size < sizeof f)
        return false;
    uint64_t bytes = (uint64_t)st.st_size;
    if (!read_at(s->fd, &f, sizeof f, bytes - sizeof f) || !footer_fits(s, &f, bytes))
        return false;
    s->places = malloc((size_t)f.count * sizeof *s->places);
    if (!s->places || !read_at(s->fd, s->places, (size_t)f.count * sizeof *s->places, f.list_off))
        return false;
    struct hash128 sum = sum_of(s->places, &f);
    if (sum.a != f.sum.a || sum.b != f.sum.b)
        return false;
    s->count = s->room = (size_t)f.count;
    s->file_bytes = bytes;
    return true;
}

static void open_set(struct point_set *s)
{
    char name[NAME_ROOM];
    name_of(s, name);
    if (s->object->cache->dirfd >= 0)
        s->fd = openat(s->object->cache->dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (s->fd < 0)
        return;
    if (read_set(s)) {
        s->state = MADE;
        return;
    }
    log_debug("%s: the places kept for it are of no use; they will be made anew", s->object->key);
    clear(s, NONE);
}

/* ---- opening ---- */

static void set_up(struct point_set *s, const struct cache_points_setup *setup)
{
    memset(s->decoder, 0, sizeof s->decoder);
    snprintf(s->decoder, sizeof s->decoder, "%s", setup->decoder);
    s->decoder_version = setup->version;
    s->state_bytes = setup->state_bytes;
    s->plain_bytes = setup->plain_bytes;
}

/* A set of nothing is anybody's: the object's true size may have turned out since. */
static void take_over(struct point_set *s, const struct cache_points_setup *setup)
{
    pthread_mutex_lock(&s->lock);
    if (s->state == NONE)
        set_up(s, setup);
    pthread_mutex_unlock(&s->lock);
}

static errint new_set(struct object *o, const struct cache_points_setup *setup, struct point_set **ret)
{
    struct point_set *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(-ENOMEM, "%s: no memory for its places", o->key);
    pthread_mutex_init(&s->lock, NULL);
    s->object = o;
    s->fd = -1;
    set_up(s, setup);
    open_set(s);
    *ret = s;
    return 0;
}

static bool is_for(const struct point_set *s, const struct cache_points_setup *setup)
{
    return strcmp(s->decoder, setup->decoder) == 0 && s->decoder_version == setup->version &&
           s->state_bytes == setup->state_bytes && s->plain_bytes == setup->plain_bytes;
}

errint cache_points_open(struct cache_objects *cache, const struct cache_object_id *id,
                         const struct cache_points_setup *setup, struct cache_points **ret)
{
    struct cache_points *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "%s: no memory for its places", id->key);
    errint e = cache_objects_open(cache, id, NULL, NULL, &p->handle);
    if (e) {
        free(p);
        return e;
    }
    struct object *o = ((struct handle *)p->handle)->object;
    pthread_mutex_lock(&o->lock);
    if (!o->points)
        e = new_set(o, setup, &o->points);
    else
        take_over(o->points, setup);
    if (e == 0 && !is_for(o->points, setup))
        e = err_set(-EBUSY, "%s: its places are in use for another size", id->key);
    p->set = o->points;
    pthread_mutex_unlock(&o->lock);
    if (e) {
        cache_points_close(p);
        return e;
    }
    *ret = p;
    return 0;
}

void cache_points_close(struct cache_points *p)
{
    if (!p)
        return;
    source_put(p->handle);
    free(p);
}

void object_points_free(struct point_set *s)
{
    if (!s)
        return;
    if (s->state == MAKING)
        clear(s, NONE);
    if (s->fd >= 0)
        (void)close(s->fd);
    free(s->places);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void object_points_forget(struct point_set *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    clear(s, s->state == MAKING ? GIVEN_UP : NONE);
    pthread_mutex_unlock(&s->lock);
}

/* ---- use ---- */

bool cache_points_find(struct cache_points *p, uint64_t off, struct cache_point *ret)
{
    struct point_set *s = p->set;
    pthread_mutex_lock(&s->lock);
    size_t count = count_until(s, off);
    if (count)
        *ret = s->places[count - 1].at;
    pthread_mutex_unlock(&s->lock);
    return count > 0;
}

/* The place and a descriptor of its own for the file. */
static errint look_up(struct point_set *s, const struct cache_point *at, struct place *ret, int *ret_fd)
{
    pthread_mutex_lock(&s->lock);
    size_t count = count_until(s, at->out_bytes);
    bool there = count && s->places[count - 1].at.out_bytes == at->out_bytes;
    if (there) {
        *ret = s->places[count - 1];
        *ret_fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
    }
    pthread_mutex_unlock(&s->lock);
    if (!there)
        return err_set(-EIO, "%s: a place is not kept any more", s->object->key);
    return *ret_fd < 0 ? err_set(-errno, "%s: its places: %s", s->object->key, strerror(errno)) : 0;
}

static errint unpack(const struct point_set *s, const struct place *place, int fd, void *to)
{
    if (place->packed_bytes > cache_pack_bound(s->state_bytes))
        return err_set(-EIO, "%s: a place is not as it was written", s->object->key);
    char *packed cleanup_free = malloc(place->packed_bytes + 1);
    if (!packed)
        return err_set(-ENOMEM, "%s: no memory for a place", s->object->key);
    if (!read_at(fd, packed, place->packed_bytes, place->file_off))
        return err_set(-EIO, "%s: a place cannot be read", s->object->key);
    struct hash128 sum = hash128_bytes(packed, place->packed_bytes);
    if (sum.a != place->sum.a || sum.b != place->sum.b)
        return err_set(-EIO, "%s: a place is not as it was written", s->object->key);
    return cache_pack_undo(packed, place->packed_bytes, to, s->state_bytes);
}

errint cache_points_load(struct cache_points *p, const struct cache_point *at, void *to)
{
    int fd cleanup_fd = -1;
    struct place place;
    errint e = look_up(p->set, at, &place, &fd);
    if (e == 0)
        e = unpack(p->set, &place, fd, to);
    if (e == -EIO)
        cache_points_drop(p);
    return e;
}

void cache_points_drop(struct cache_points *p)
{
    object_points_forget(p->set);
}

/* ---- making ---- */

static bool start_making(struct point_set *s)
{
    struct cache_objects *cache = s->object->cache;
    if (s->plain_bytes <= cache_points_interval(s->plain_bytes) || s->state_bytes == 0 || cache->dirfd < 0 ||
        s->object->size_bytes > cache->limit_bytes)
        return false;
    snprintf(s->making, sizeof s->making, "%s.%u.new", s->object->entry->name, atomic_fetch_add(&made_names, 1));
    s->fd = openat(cache->dirfd, s->making, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return s->fd >= 0;
}

bool cache_points_begin(struct cache_points *p)
{
    struct point_set *s = p->set;
    pthread_mutex_lock(&s->lock);
    bool begins = s->state == NONE && start_making(s);
    if (begins)
        s->state = MAKING;
    pthread_mutex_unlock(&s->lock);
    return begins;
}

/* Under the packing lock: STATE packed, in the cache's buffer. */
static bool pack(struct cache_objects *cache, const void *state, size_t state_bytes, size_t *ret_len)
{
    size_t room = cache_pack_bound(state_bytes);
    if (!cache->packer && cache_pack_new(&cache->packer))
        return false;
    if (cache->packed_room < room) {
        free(cache->packed);
        cache->packed = malloc(room);
        cache->packed_room = cache->packed ? room : 0;
    }
    return cache->packed && cache_pack_make(cache->packer, state, state_bytes, cache->packed, ret_len) == 0;
}

/* One packer for all: it is large, and quick. */
void cache_points_add(struct cache_points *p, const struct cache_point *at, const void *state)
{
    struct point_set *s = p->set;
    struct cache_objects *cache = s->object->cache;
    struct place place = {.at = *at};
    size_t len = 0;
    pthread_mutex_lock(&cache->pack_lock);
    bool packed = pack(cache, state, s->state_bytes, &len);
    if (packed)
        place.sum = hash128_bytes(cache->packed, len);
    place.packed_bytes = len;
    pthread_mutex_lock(&s->lock);
    place.file_off = s->file_bytes;
    if (s->state == MAKING && !(packed && write_at(s, cache->packed, len) && add_place(s, &place)))
        clear(s, GIVEN_UP);
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_unlock(&cache->pack_lock);
}

/* List and footer, then its name. */
static bool complete(struct point_set *s)
{
    char name[NAME_ROOM];
    struct footer f = footer_of(s, s->file_bytes);
    name_of(s, name);
    if (s->count == 0 || !write_at(s, s->places, s->count * sizeof *s->places) || !write_at(s, &f, sizeof f))
        return false;
    if (renameat(s->object->cache->dirfd, s->making, s->object->cache->dirfd, name) < 0)
        return false;
    s->state = MADE;
    object_keep_points(s->object, s->file_bytes);
    return true;
}

void cache_points_end(struct cache_points *p, bool proven)
{
    struct point_set *s = p->set;
    pthread_mutex_lock(&s->lock);
    if (s->state == MAKING && !(proven && complete(s)))
        clear(s, NONE);
    pthread_mutex_unlock(&s->lock);
}
