/* Two chained hash tables over the same nodes, by number and by (st_ino, version, path), doubled when full. Numbers count
 * up from 2 and are never used twice while the mount lives.
 *
 * Lock: one for the table and the counts. What a freed node held (its source, whose end may do work) is let go of after
 * the lock.
 */
#include "fs/node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"

#define BUCKETS_FIRST 256

struct fs_nodes {
    pthread_mutex_t lock;
    struct fs_node **by_id, **by_key; /* bucket_count each, a power of two */
    size_t bucket_count, count;
    uint64_t last_id;
};

uint64_t fs_node_ino(const char *path)
{
    uint64_t ino = hash_bytes(path, strlen(path));
    return ino < 2 || ino == UINT64_MAX ? ino ^ 0x5851f42d4c957f2dULL : ino;
}

static uint64_t mix(uint64_t x)
{
    x *= 0x9e3779b97f4a7c15ULL;
    return x ^ x >> 32;
}

static struct fs_node **id_bucket(const struct fs_nodes *t, uint64_t id)
{
    return &t->by_id[mix(id) & (t->bucket_count - 1)];
}

static struct fs_node **key_bucket(const struct fs_nodes *t, uint64_t ino, uint64_t version)
{
    return &t->by_key[mix(ino ^ mix(version)) & (t->bucket_count - 1)];
}

static void add(struct fs_nodes *t, struct fs_node *n)
{
    struct fs_node **bucket = id_bucket(t, n->id);
    n->next_by_id = *bucket;
    *bucket = n;
    if (!n->keyed)
        return;
    bucket = key_bucket(t, n->ino, n->version);
    n->next_by_key = *bucket;
    *bucket = n;
}

/* Doubles the tables; without memory they stay as they are, only slower. */
static void grow(struct fs_nodes *t)
{
    size_t old_count = t->bucket_count;
    struct fs_node **old = t->by_id;
    struct fs_node **by_id = calloc(old_count * 2, sizeof(struct fs_node *));
    struct fs_node **by_key = calloc(old_count * 2, sizeof(struct fs_node *));
    if (!by_id || !by_key) {
        free(by_id);
        free(by_key);
        return;
    }
    free(t->by_key);
    t->by_id = by_id;
    t->by_key = by_key;
    t->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        for (struct fs_node *n = old[i], *next; n; n = next) {
            next = n->next_by_id;
            add(t, n);
        }
    }
    free(old);
}

/* One allocation: the node, its path, its place's texts. */
static struct fs_node *make_node(const struct fs_node_new *found)
{
    const struct fs_place *place = found->place;
    size_t size = strlen(found->path) + 1;
    for (int i = 0; i < FS_PLACE_ARGS; i++)
        size += place->arg[i] ? strlen(place->arg[i]) + 1 : 0;
    struct fs_node *n = calloc(1, sizeof *n + size);
    if (!n)
        return NULL;
    char *at = (char *)(n + 1);
    n->path = at;
    at = stpcpy(at, found->path) + 1;
    n->place = (struct fs_place){.kind = place->kind, .which = place->which};
    for (int i = 0; i < FS_PLACE_ARGS; i++) {
        if (!place->arg[i])
            continue;
        n->place.arg[i] = at;
        at = stpcpy(at, place->arg[i]) + 1;
    }
    n->version = found->version;
    n->size_bytes = found->size_bytes;
    n->mtime_ns = found->mtime_ns;
    atomic_init(&n->verified, found->verified);
    n->keyed = true;
    return n;
}

static void free_node(struct fs_node *n)
{
    assert(n->opens == 0 && !n->source);
    err_done(&n->failed);
    free(n->content);
    free(n);
}

errint fs_nodes_new(struct fs_nodes **ret)
{
    struct fs_nodes *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(-ENOMEM, "no memory for the node table");
    pthread_mutex_init(&t->lock, NULL);
    t->by_id = calloc(BUCKETS_FIRST, sizeof(struct fs_node *));
    t->by_key = calloc(BUCKETS_FIRST, sizeof(struct fs_node *));
    t->bucket_count = BUCKETS_FIRST;
    struct fs_place place = {.kind = &fs_dir_root};
    struct fs_node *root = make_node(&(struct fs_node_new){.path = "/", .place = &place});
    if (!t->by_id || !t->by_key || !root) {
        free(root);
        fs_nodes_free(t);
        return err_set(-ENOMEM, "no memory for the node table");
    }
    root->id = t->last_id = FS_NODE_ROOT;
    root->ino = fs_node_ino("/");
    root->lookups = 1;
    t->count = 1;
    add(t, root);
    *ret = t;
    return 0;
}

void fs_nodes_free(struct fs_nodes *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->by_id && i < t->bucket_count; i++) {
        for (struct fs_node *n = t->by_id[i], *next; n; n = next) {
            next = n->next_by_id;
            source_put(steal_ptr(&n->source)); /* the kernel never released what was open at the end */
            n->opens = 0;
            free_node(n);
        }
    }
    free(t->by_id);
    free(t->by_key);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

size_t fs_nodes_count(struct fs_nodes *t)
{
    pthread_mutex_lock(&t->lock);
    size_t count = t->count;
    pthread_mutex_unlock(&t->lock);
    return count;
}

static struct fs_node *find_id(const struct fs_nodes *t, uint64_t id)
{
    struct fs_node *n = *id_bucket(t, id);
    while (n && n->id != id)
        n = n->next_by_id;
    return n;
}

static struct fs_node *find_key(const struct fs_nodes *t, uint64_t ino, uint64_t version, const char *path)
{
    struct fs_node *n = *key_bucket(t, ino, version);
    while (n && !(n->ino == ino && n->version == version && strcmp(n->path, path) == 0))
        n = n->next_by_key;
    return n;
}

static void unkey(struct fs_nodes *t, struct fs_node *n)
{
    if (!n->keyed)
        return;
    struct fs_node **at = key_bucket(t, n->ino, n->version);
    while (*at != n)
        at = &(*at)->next_by_key;
    *at = n->next_by_key;
    n->keyed = false;
}

/* Takes N out when nobody knows it any more; true: the caller frees it after the lock. */
static bool unused(struct fs_nodes *t, struct fs_node *n)
{
    if (n->lookups > 0 || n->refs > 0)
        return false;
    unkey(t, n);
    struct fs_node **at = id_bucket(t, n->id);
    while (*at != n)
        at = &(*at)->next_by_id;
    *at = n->next_by_id;
    t->count--;
    return true;
}

/* Is N still what FOUND says? A folder's place may have got other texts (a unit's ID behind the same name). */
static bool same_place(const struct fs_place *a, const struct fs_place *b)
{
    if (a->kind != b->kind || a->which != b->which)
        return false;
    for (int i = 0; i < FS_PLACE_ARGS; i++)
        if (strcmp(a->arg[i] ? a->arg[i] : "", b->arg[i] ? b->arg[i] : "") != 0)
            return false;
    return true;
}

errint fs_node_look(struct fs_nodes *t, struct fs_node_new *found, struct fs_node **ret)
{
    char *content cleanup_free = steal_ptr(&found->content);
    uint64_t ino = fs_node_ino(found->path);
    pthread_mutex_lock(&t->lock);
    struct fs_node *n = find_key(t, ino, found->version, found->path);
    if (n && (n->failed.code || !same_place(&n->place, found->place))) {
        unkey(t, n);
        n = NULL;
    }
    if (!n && (n = make_node(found))) {
        if (t->count >= t->bucket_count)
            grow(t);
        n->id = ++t->last_id;
        n->ino = ino;
        n->content = steal_ptr(&content);
        t->count++;
        add(t, n);
    }
    if (n) {
        n->lookups++;
        n->refs++;
        if (found->verified)
            atomic_store_explicit(&n->verified, true, memory_order_relaxed);
    }
    pthread_mutex_unlock(&t->lock);
    if (!n)
        return err_set(-ENOMEM, "no memory for %s", found->path);
    *ret = n;
    return 0;
}

void fs_node_forget(struct fs_nodes *t, uint64_t id, uint64_t lookups)
{
    pthread_mutex_lock(&t->lock);
    struct fs_node *n = id == FS_NODE_ROOT ? NULL : find_id(t, id);
    bool gone = false;
    if (n) {
        n->lookups -= lookups < n->lookups ? lookups : n->lookups;
        gone = unused(t, n);
    }
    pthread_mutex_unlock(&t->lock);
    if (gone)
        free_node(n);
}

struct fs_node *fs_node_get(struct fs_nodes *t, uint64_t id)
{
    pthread_mutex_lock(&t->lock);
    struct fs_node *n = find_id(t, id);
    if (n)
        n->refs++;
    pthread_mutex_unlock(&t->lock);
    return n;
}

void fs_node_put(struct fs_nodes *t, struct fs_node *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&t->lock);
    assert(n->refs > 0);
    n->refs--;
    bool gone = unused(t, n);
    pthread_mutex_unlock(&t->lock);
    if (gone)
        free_node(n);
}

void fs_node_fail(struct fs_nodes *t, struct fs_node *n, errint e)
{
    pthread_mutex_lock(&t->lock);
    if (!n->failed.code)
        err_keep(&n->failed, e);
    pthread_mutex_unlock(&t->lock);
}

errint fs_node_failed(struct fs_nodes *t, struct fs_node *n)
{
    pthread_mutex_lock(&t->lock);
    errint e = n->failed.code ? err_again(&n->failed) : 0;
    pthread_mutex_unlock(&t->lock);
    return e;
}

bool fs_node_failure_said(struct fs_nodes *t, struct fs_node *n, errint e)
{
    pthread_mutex_lock(&t->lock);
    bool it = n->failed.code == e, said = it && n->failure_said;
    n->failure_said = n->failure_said || it;
    pthread_mutex_unlock(&t->lock);
    return said;
}

struct source *fs_node_source(struct fs_nodes *t, struct fs_node *n)
{
    pthread_mutex_lock(&t->lock);
    struct source *s = n->source ? source_get(n->source) : NULL;
    pthread_mutex_unlock(&t->lock);
    return s;
}

struct source *fs_node_open(struct fs_nodes *t, struct fs_node *n, struct source *s)
{
    pthread_mutex_lock(&t->lock);
    if (!n->source)
        n->source = source_get(s);
    struct source *given = source_get(n->source);
    n->opens++;
    pthread_mutex_unlock(&t->lock);
    source_put(s);
    return given;
}

void fs_node_close(struct fs_nodes *t, struct fs_node *n)
{
    struct source *last = NULL;
    pthread_mutex_lock(&t->lock);
    assert(n->opens > 0);
    if (--n->opens == 0)
        last = steal_ptr(&n->source);
    pthread_mutex_unlock(&t->lock);
    source_put(last);
}
