/* A folder is asked in two steps: its table of names, then its find(). What is found becomes a node by its type:
 *
 *   folder     version 0; its mtime is asked for at each stat
 *   text       rendered; version and mtime are its content's (the moment when ctfs first saw it)
 *   snapshot   rendered and kept; mtime is that of the states it tells of, not of its counters
 *   source     size, mtime and version as the model publishes them
 *   link       its target kept
 */
#include "fs/tree.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/organization.h"
#include "model/seen.h"
#include "model/status.h"

#define TEXT_MAX (256u << 20) /* accounts.tsv of any organization is far below */
#define LONG_S 86400.0        /* what never changes */
#define FOLDER_S 1.0

errint fs_place_set(struct fs_place *p, const struct fs_kind *kind, int which, const char *a, const char *b,
                    const char *c)
{
    const char *const arg[FS_PLACE_ARGS] = {a, b, c};
    *p = (struct fs_place){.kind = kind, .which = which};
    for (int i = 0; i < FS_PLACE_ARGS; i++) {
        if (!arg[i])
            continue;
        p->arg[i] = strdup(arg[i]);
        if (!p->arg[i]) {
            fs_place_done(p);
            return err_set(-ENOMEM, "no memory for a name");
        }
    }
    return 0;
}

void fs_place_done(struct fs_place *p)
{
    for (int i = 0; i < FS_PLACE_ARGS; i++) {
        free(p->arg[i]);
        p->arg[i] = NULL;
    }
}

static errint make_path(const struct fs_node *parent, const char *name, struct buf *ret)
{
    buf_printf(ret, "%s/%s", strcmp(parent->path, "/") == 0 ? "" : parent->path, name);
    return buf_error(ret);
}

static const struct fs_name *find_name(const struct fs_kind *kind, const char *name)
{
    for (const struct fs_name *n = kind->names; n && n->name; n++)
        if (strcmp(n->name, name) == 0)
            return n;
    return NULL;
}

static errint find_place(struct fs_ask *a, const struct fs_node *parent, const char *name, struct fs_place *ret)
{
    const struct fs_place *p = &parent->place;
    if (p->kind->type != FS_FOLDER)
        return err_set(-ENOTDIR, "%s is not a folder", parent->path);
    if (strlen(name) > FS_NAME_MAX)
        return err_set(-ENAMETOOLONG, "a name of %zu bytes", strlen(name));
    const struct fs_name *row = find_name(p->kind, name);
    if (row)
        return fs_place_set(ret, row->kind, row->which, p->arg[0], p->arg[1], p->arg[2]);
    if (!p->kind->find)
        return err_set(-ENOENT, "no %s in %s", name, parent->path);
    return p->kind->find(a, p, name, ret);
}

/* When this content was first seen at PATH, not before FLOOR_NS. */
static int64_t first_seen(struct fs_ask *a, const char *path, struct hash128 hash, int64_t floor_ns)
{
    int64_t ns = 0;
    errint e = model_seen_first(a->fs->model, fs_node_ino(path), hash, floor_ns, &ns);
    return e ? (floor_ns ? floor_ns : a->fs->started_ns) : ns;
}

static errint describe_text(struct fs_ask *a, struct fs_node_new *found)
{
    struct buf text cleanup_buf = BUF_LIMIT(TEXT_MAX);
    int64_t floor_ns = 0;
    errint e = found->place->kind->render(a, found->place, &text, &floor_ns);
    if (e == 0)
        e = buf_error(&text);
    if (e)
        return e;
    struct hash128 hash = hash128_bytes(buf_text(&text), text.len);
    found->size_bytes = text.len;
    found->version = hash.a;
    found->verified = true;
    found->mtime_ns = first_seen(a, found->path, hash, floor_ns);
    if (found->place->kind->type == FS_LINK)
        found->content = buf_steal(&text);
    return 0;
}

static errint describe_snapshot(struct fs_ask *a, struct fs_node_new *found)
{
    struct buf text cleanup_buf = BUF_LIMIT(TEXT_MAX);
    int64_t floor_ns = 0;
    struct hash128 states;
    errint e = found->place->kind->render(a, found->place, &text, &floor_ns);
    if (e == 0)
        e = buf_error(&text);
    if (e == 0)
        e = model_status_digest(a->fs->model, &states);
    if (e)
        return e;
    found->size_bytes = text.len;
    found->verified = true;
    found->mtime_ns = first_seen(a, found->path, states, floor_ns);
    /* The same bytes at another time are another node: what a node says of itself never changes. */
    struct hash128 hash = hash128_bytes(buf_text(&text), text.len);
    found->version = hash.a ^ (uint64_t)found->mtime_ns * 0x9e3779b97f4a7c15ULL;
    /* The kernel lets one write at a time into a node, and a command may run for minutes: each lookup has its own. */
    if (found->place->kind->type == FS_CONTROL)
        found->version += atomic_fetch_add(&a->fs->control_looks, 1);
    found->content = buf_steal(&text);
    return 0;
}

static errint describe_source(struct fs_ask *a, struct fs_node_new *found)
{
    struct model_file file;
    errint e = found->place->kind->stat(a, found->place, &file);
    if (e)
        return e;
    found->size_bytes = file.size_bytes;
    found->version = file.version;
    found->mtime_ns = file.mtime_ns;
    found->verified = file.verified;
    return 0;
}

static errint describe(struct fs_ask *a, struct fs_node_new *found)
{
    switch (found->place->kind->type) {
    case FS_FOLDER:
        return 0;
    case FS_TEXT:
    case FS_LINK:
        return describe_text(a, found);
    case FS_SNAPSHOT:
    case FS_CONTROL:
        return describe_snapshot(a, found);
    case FS_SOURCE:
        return describe_source(a, found);
    }
    return -EIO;
}

static errint look(struct fs_ask *a, const struct fs_node *parent, const char *name, const struct fs_place *place,
                   struct fs_node **ret)
{
    struct buf path cleanup_buf = BUF_INIT;
    errint e = make_path(parent, name, &path);
    if (e)
        return e;
    struct fs_node_new found = {.path = buf_text(&path), .place = place};
    e = describe(a, &found);
    return e ? e : fs_node_look(a->fs->nodes, &found, ret);
}

errint fs_tree_lookup(struct fs_ask *a, const struct fs_node *parent, const char *name, struct fs_node **ret)
{
    struct fs_place place = {.kind = &fs_dir_root};
    errint e = find_place(a, parent, name, &place);
    if (e == 0)
        e = look(a, parent, name, &place, ret);
    fs_place_done(&place);
    return e;
}

errint fs_tree_lookup_known(struct fs_ask *a, const struct fs_node *parent, const char *name, struct fs_node **ret)
{
    struct fs_ask now = {.fs = a->fs, .customer = a->customer};
    struct fs_place place = {.kind = &fs_dir_root};
    errint e = find_place(&now, parent, name, &place);
    if (e == 0 && place.kind->type != FS_FOLDER && place.kind->type != FS_SOURCE)
        e = -EAGAIN;
    if (e == 0)
        e = look(&now, parent, name, &place, ret);
    fs_place_done(&place);
    fs_ask_release(&now);
    a->customer = now.customer;
    return e;
}

static struct hash128 hash_names(const struct fs_kind *kind)
{
    struct buf all cleanup_buf = BUF_INIT;
    for (const struct fs_name *n = kind->names; n && n->name; n++)
        buf_printf(&all, "%s/", n->name);
    return hash128_bytes(buf_text(&all), all.len);
}

/* A folder is shown before its names are fetched: it keeps that time when they come. */
static int64_t dated(struct fs_ask *a, const char *path, int64_t changed_ns)
{
    int64_t ns = 0;
    errint e = model_seen_dated(a->fs->model, fs_node_ino(path), changed_ns, &ns);
    return e ? (changed_ns ? changed_ns : a->fs->started_ns) : ns;
}

static int64_t folder_mtime(struct fs_ask *a, const struct fs_node *n)
{
    struct fs_ask now = {.fs = a->fs, .customer = a->customer};
    const struct fs_kind *kind = n->place.kind;
    int64_t ns = 0;
    errint e = kind->changed ? kind->changed(&now, &n->place, &ns) : -ENOENT;
    fs_ask_release(&now);
    a->customer = now.customer;
    if (!kind->changed)
        return first_seen(a, n->path, hash_names(kind), 0);
    return dated(a, n->path, e == 0 ? ns : 0);
}

static bool has_folders(const struct fs_kind *kind)
{
    for (const struct fs_name *n = kind->names; n && n->name; n++)
        if (n->kind->type == FS_FOLDER)
            return true;
    return kind->find != NULL;
}

static mode_t mode_of(const struct fs_kind *kind, mode_t mask)
{
    switch (kind->type) {
    case FS_FOLDER:
        return S_IFDIR | (0555 & ~mask);
    case FS_LINK:
        return S_IFLNK | 0777;
    case FS_CONTROL:
        return S_IFREG | 0600;
    default:
        return S_IFREG | (0444 & ~mask);
    }
}

void fs_tree_attr(struct fs_ask *a, const struct fs_node *n, struct stat *ret)
{
    const struct model_settings *settings = a->fs->settings;
    const struct fs_kind *kind = n->place.kind;
    int64_t mtime_ns = kind->type == FS_FOLDER ? folder_mtime(a, n) : n->mtime_ns;
    *ret = (struct stat){
        .st_ino = n->ino,
        .st_mode = mode_of(kind, settings->umask),
        .st_nlink = kind->type == FS_FOLDER && !has_folders(kind) ? 2 : 1, /* 1: not counted, as btrfs has it */
        .st_uid = settings->uid,
        .st_gid = settings->gid,
        .st_size = (off_t)n->size_bytes,
        .st_blocks = (blkcnt_t)((n->size_bytes + 511) / 512),
        .st_blksize = 4096,
    };
    ret->st_mtim.tv_sec = mtime_ns / FS_NS_PER_S;
    ret->st_mtim.tv_nsec = mtime_ns % FS_NS_PER_S;
    ret->st_atim = ret->st_ctim = ret->st_mtim;
}

/* A file whose size is proven keeps its name for as long as its folder shows its names: opening one that was replaced
 * meanwhile is ESTALE, at which the kernel looks again. One whose size may turn out to be another is looked up each time. */
double fs_tree_entry_timeout(const struct fs_node *n)
{
    bool lasting = n->place.kind->type == FS_FOLDER || (n->place.kind->type == FS_SOURCE && n->verified);
    return lasting ? FOLDER_S : 0;
}

double fs_tree_attr_timeout(const struct fs_node *n)
{
    return n->place.kind->type == FS_FOLDER ? FOLDER_S : LONG_S;
}

static uint32_t format_of(enum fs_type type)
{
    return type == FS_FOLDER ? S_IFDIR : type == FS_LINK ? S_IFLNK : S_IFREG;
}

/* A customer that cannot be looked at for a moment is as connected as it was. */
static bool has_customer(struct fs_ask *a, enum fs_listed_when what)
{
    struct model_customer *c;
    errint e = fs_ask_customer(a, &c);
    if (e)
        return e != -EACCES;
    if (!c->connection.connected)
        return false;
    return what == FS_WITH_CUSTOMER ||
           (!model_organization_absent(c) && (what == FS_WITH_ORGANIZATION || !model_organization_refused(c)));
}

static bool is_listed(struct fs_ask *a, const struct fs_name *row)
{
    switch (row->listed) {
    case FS_AS_VIEW:
        return a->fs->settings->views == MODEL_VIEWS_LISTED;
    case FS_WITH_CUSTOMER:
    case FS_WITH_ORGANIZATION:
    case FS_WITH_ACCOUNTS:
        return has_customer(a, row->listed);
    default:
        return true;
    }
}

errint fs_tree_fetched(struct fs_ask *a, const struct fs_node *n, struct buf *ret)
{
    struct model_customer *c;
    enum model_topic topic;
    const char *arg;
    int64_t fetched_ns;
    char iso[CLOCK_ISO_SIZE];
    n->place.kind->topic(&n->place, &topic, &arg);
    errint e = fs_ask_customer(a, &c);
    if (e)
        return e;
    e = model_fetch_time(c, topic, arg, &fetched_ns);
    if (e)
        return e == -ENOENT ? err_set(-ENODATA, "%s was not fetched yet", n->path) : e;
    clock_format_iso(fetched_ns / FS_NS_PER_S, iso);
    buf_puts(ret, iso);
    return buf_error(ret);
}

errint fs_tree_list(struct fs_ask *a, const struct fs_node *n, struct fs_listing *into)
{
    const struct fs_kind *kind = n->place.kind;
    if (kind->type != FS_FOLDER)
        return err_set(-ENOTDIR, "%s is not a folder", n->path);
    for (const struct fs_name *row = kind->names; row && row->name; row++)
        if (is_listed(a, row))
            fs_listing_add(into, row->name, format_of(row->kind->type));
    errint e = kind->list ? kind->list(a, &n->place, into) : 0;
    return e ? e : fs_listing_error(into);
}

errint fs_tree_render(struct fs_ask *a, const struct fs_node *n, struct buf *ret)
{
    int64_t floor_ns = 0;
    errint e = n->place.kind->render(a, &n->place, ret, &floor_ns);
    if (e == 0)
        e = buf_error(ret);
    if (e == 0 && hash128_bytes(buf_text(ret), ret->len).a != n->version)
        e = err_set(-ESTALE, "%s changed since it was looked up", n->path);
    return e;
}
