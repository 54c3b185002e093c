/* A few slots, the least recently used one is given up. A slot is good for a second and for the customer, the unit and
 * the state of the accounts that it was made from. Two who miss at once both make it; the later one stays.
 */
#include "fs/units.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SLOTS 8
#define GOOD_NS CLOCK_NS_PER_S

struct slot {
    char *key; /* scope, unit; NULL: empty */
    int64_t changed_ns, made_ns, used_ns;
    struct fs_unit_names *names;
};

struct fs_units {
    pthread_mutex_t lock;
    struct slot slots[SLOTS]; /* protected by lock */
};

errint fs_units_new(struct fs_units **ret)
{
    struct fs_units *u = calloc(1, sizeof *u);
    if (!u)
        return err_set(-ENOMEM, "no memory for units' names");
    pthread_mutex_init(&u->lock, NULL);
    *ret = u;
    return 0;
}

static void empty_slot(struct slot *s)
{
    free(s->key);
    fs_unit_names_put(s->names);
    *s = (struct slot){0};
}

void fs_units_free(struct fs_units *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        empty_slot(&u->slots[i]);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

void fs_unit_names_put(struct fs_unit_names *n)
{
    if (!n || atomic_fetch_sub(&n->refs, 1) != 1)
        return;
    for (size_t i = 0; i < n->count; i++) {
        free(n->entries[i].file_name);
        free(n->entries[i].id);
    }
    free(n->entries);
    free(n);
}

struct collect {
    struct fs_unit_names *names;
    size_t room;
};

static int add_entry(void *arg, const struct model_unit_entry *e)
{
    struct collect *c = arg;
    struct fs_unit_names *n = c->names;
    if (n->count == c->room) {
        size_t room = c->room ? c->room * 2 : 16;
        struct fs_unit_name *entries = realloc(n->entries, room * sizeof *entries);
        if (!entries)
            return err_set(-ENOMEM, "no memory for a unit of %zu entries", n->count);
        n->entries = entries;
        c->room = room;
    }
    struct fs_unit_name *to = &n->entries[n->count++];
    *to = (struct fs_unit_name){.file_name = strdup(e->file_name), .id = strdup(e->id), .account = e->account};
    return to->file_name && to->id ? 0 : err_set(-ENOMEM, "no memory for a unit of %zu entries", n->count);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct fs_unit_name *)a)->file_name, ((const struct fs_unit_name *)b)->file_name);
}

static errint make_names(struct model_customer *c, const char *unit, struct fs_unit_names **ret)
{
    struct collect collect = {.names = calloc(1, sizeof *collect.names)};
    if (!collect.names)
        return err_set(-ENOMEM, "no memory for a unit's names");
    atomic_init(&collect.names->refs, 1);
    errint e = unit ? model_unit_each(c, unit, add_entry, &collect) : model_by_name_each(c, add_entry, &collect);
    if (e) {
        fs_unit_names_put(collect.names);
        return e;
    }
    if (collect.names->count)
        qsort(collect.names->entries, collect.names->count, sizeof *collect.names->entries, compare);
    *ret = collect.names;
    return 0;
}

static struct fs_unit_names *find_slot(struct fs_units *u, const char *key, int64_t changed_ns, int64_t now_ns)
{
    struct fs_unit_names *found = NULL;
    pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < SLOTS && !found; i++) {
        struct slot *s = &u->slots[i];
        if (!s->key || strcmp(s->key, key) != 0 || s->changed_ns != changed_ns || now_ns - s->made_ns > GOOD_NS)
            continue;
        s->used_ns = now_ns;
        found = s->names;
        atomic_fetch_add(&found->refs, 1);
    }
    pthread_mutex_unlock(&u->lock);
    return found;
}

/* Takes KEY. The slot of the same key, else the one not used for longest. */
static void keep(struct fs_units *u, char *key, int64_t changed_ns, int64_t now_ns, struct fs_unit_names *names)
{
    pthread_mutex_lock(&u->lock);
    struct slot *to = &u->slots[0];
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &u->slots[i];
        if (s->key && strcmp(s->key, key) == 0) {
            to = s;
            break;
        }
        if (s->used_ns < to->used_ns)
            to = s;
    }
    struct slot old = *to;
    atomic_fetch_add(&names->refs, 1);
    *to = (struct slot){.key = key, .changed_ns = changed_ns, .made_ns = now_ns, .used_ns = now_ns, .names = names};
    pthread_mutex_unlock(&u->lock);
    empty_slot(&old);
}

errint fs_unit_names_get(struct fs_units *u, struct model_customer *c, const char *unit, struct fs_unit_names **ret)
{
    struct buf key cleanup_buf = BUF_INIT;
    buf_printf(&key, "%s%c%s", c->scope, unit ? '/' : '=', unit ? unit : "");
    int64_t changed_ns = 0;
    errint e = buf_error(&key);
    if (e == 0)
        e = model_accounts_changed(c, &changed_ns);
    if (e)
        return e;
    int64_t now_ns = clock_monotonic_ns();
    struct fs_unit_names *names = find_slot(u, buf_text(&key), changed_ns, now_ns);
    if (!names) {
        e = make_names(c, unit, &names);
        if (e)
            return e;
        keep(u, buf_steal(&key), changed_ns, now_ns, names);
    }
    *ret = names;
    return 0;
}

const struct fs_unit_name *fs_unit_names_find(const struct fs_unit_names *n, const char *file_name)
{
    struct fs_unit_name key = {.file_name = (char *)(uintptr_t)file_name};
    return n->count ? bsearch(&key, n->entries, n->count, sizeof *n->entries, compare) : NULL;
}
