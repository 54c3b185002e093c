/* A table of chains. One stamp for all names: a drop of another name only costs a reader that began before it its put. */
#include "cache/store_memo.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct cache_memo_entry {
    struct cache_memo_entry *next;
    uint64_t hash;
    size_t name_len, len;
    enum cache_memo_kind kind;
    bool absent;
    char bytes[]; /* the name, then the value */
};

void cache_memo_init(struct cache_memo *m)
{
    memset(m, 0, sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
}

static void clear(struct cache_memo *m)
{
    for (size_t i = 0; i < CACHE_MEMO_BUCKETS; i++) {
        while (m->buckets[i]) {
            struct cache_memo_entry *e = m->buckets[i];
            m->buckets[i] = e->next;
            free(e);
        }
    }
    m->bytes = 0;
}

void cache_memo_done(struct cache_memo *m)
{
    clear(m);
    pthread_mutex_destroy(&m->lock);
}

void cache_memo_clear(struct cache_memo *m)
{
    pthread_mutex_lock(&m->lock);
    m->stamp++;
    clear(m);
    pthread_mutex_unlock(&m->lock);
}

struct key {
    enum cache_memo_kind kind;
    const char *name;
    size_t len;
    uint64_t hash;
};

static struct key key_of(enum cache_memo_kind kind, const char *name)
{
    size_t len = strlen(name);
    return (struct key){.kind = kind, .name = name, .len = len, .hash = hash_bytes(name, len) + kind};
}

/* Where the entry of K is, or the end of its chain. Under the lock. */
static struct cache_memo_entry **find(struct cache_memo *m, const struct key *k)
{
    struct cache_memo_entry **at = &m->buckets[k->hash % CACHE_MEMO_BUCKETS];
    while (*at && ((*at)->hash != k->hash || (*at)->kind != k->kind || (*at)->name_len != k->len ||
                   memcmp((*at)->bytes, k->name, k->len) != 0))
        at = &(*at)->next;
    return at;
}

enum cache_memo_answer cache_memo_get(struct cache_memo *m, enum cache_memo_kind kind, const char *name,
                                      struct buf *ret, uint64_t *ret_stamp)
{
    struct key k = key_of(kind, name);
    enum cache_memo_answer answer = CACHE_MEMO_UNKNOWN;
    pthread_mutex_lock(&m->lock);
    const struct cache_memo_entry *e = *find(m, &k);
    if (e)
        answer = e->absent ? CACHE_MEMO_ABSENT : CACHE_MEMO_KNOWN;
    if (answer == CACHE_MEMO_KNOWN)
        buf_append(ret, e->bytes + e->name_len, e->len);
    *ret_stamp = m->stamp;
    pthread_mutex_unlock(&m->lock);
    return answer;
}

static size_t size_of(const struct cache_memo_entry *e)
{
    return sizeof *e + e->name_len + e->len;
}

static void remove_at(struct cache_memo *m, struct cache_memo_entry **at)
{
    struct cache_memo_entry *e = *at;
    *at = e->next;
    m->bytes -= size_of(e);
    free(e);
}

static struct cache_memo_entry *make_entry(const struct key *k, const void *value, size_t len)
{
    struct cache_memo_entry *e = malloc(sizeof *e + k->len + len);
    if (!e)
        return NULL;
    *e = (struct cache_memo_entry){.hash = k->hash, .name_len = k->len, .len = len, .kind = k->kind, .absent = !value};
    memcpy(e->bytes, k->name, k->len);
    if (len)
        memcpy(e->bytes + k->len, value, len);
    return e;
}

void cache_memo_put(struct cache_memo *m, enum cache_memo_kind kind, const char *name, uint64_t stamp,
                    const void *value, size_t len)
{
    struct key k = key_of(kind, name);
    struct cache_memo_entry *e = make_entry(&k, value, value ? len : 0);
    if (!e)
        return;
    pthread_mutex_lock(&m->lock);
    bool good = m->stamp == stamp;
    if (good && m->bytes + size_of(e) > CACHE_MEMO_BYTES)
        clear(m);
    if (good) {
        struct cache_memo_entry **at = find(m, &k);
        if (*at)
            remove_at(m, at);
        e->next = *at;
        *at = e;
        m->bytes += size_of(e);
    }
    pthread_mutex_unlock(&m->lock);
    if (!good)
        free(e);
}

void cache_memo_drop(struct cache_memo *m, enum cache_memo_kind kind, const char *name)
{
    struct key k = key_of(kind, name);
    pthread_mutex_lock(&m->lock);
    m->stamp++;
    struct cache_memo_entry **at = find(m, &k);
    if (*at)
        remove_at(m, at);
    pthread_mutex_unlock(&m->lock);
}
