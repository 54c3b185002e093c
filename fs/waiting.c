/* What waits is copied under the park's lock; nodes' paths and programs' names are looked up behind it. */
#include "fs/waiting.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fs/node.h"
#include "fs/request.h"

struct seen {
    struct model_waiting *ret;
    uint64_t *nodes; /* of each */
    size_t max, count;
};

/* Keeps the MAX that wait longest, in order. */
static void see(void *arg, const struct fs_parked *p)
{
    struct seen *s = arg;
    const struct fs_request *r =
        (const struct fs_request *)(const void *)((const char *)p - offsetof(struct fs_request, parked));
    size_t at = s->count;
    while (at > 0 && s->ret[at - 1].since_ns > p->since_ns)
        at--;
    if (at == s->max)
        return;
    if (s->count < s->max)
        s->count++;
    memmove(&s->ret[at + 1], &s->ret[at], (s->count - at - 1) * sizeof s->ret[0]);
    memmove(&s->nodes[at + 1], &s->nodes[at], (s->count - at - 1) * sizeof s->nodes[0]);
    s->ret[at] = (struct model_waiting){.pid = fuse_req_ctx(r->req)->pid, .since_ns = p->since_ns, .operation = r->op};
    (void)snprintf(s->ret[at].name, sizeof s->ret[at].name, "%s", r->name ? r->name : "");
    s->nodes[at] = r->ino;
}

static void name_path(struct fs *fs, uint64_t id, struct model_waiting *w)
{
    struct fs_node *n = fs_node_get(fs->nodes, id);
    const char *path = n ? n->path : "";
    (void)snprintf(w->path, sizeof w->path, "%s%s%s", strcmp(path, "/") == 0 && *w->name ? "" : path,
                   *w->name ? "/" : "", w->name);
    if (n)
        fs_node_put(fs->nodes, n);
}

/* "" for a process that is gone, or of another PID namespace. */
static void name_program(struct model_waiting *w)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/comm", w->pid);
    FILE *f cleanup_file = fopen(path, "re");
    if (f && fgets(w->program, sizeof w->program, f))
        w->program[strcspn(w->program, "\n")] = '\0';
}

size_t fs_waiting_list(void *fs, struct model_waiting *ret, size_t max)
{
    struct fs *f = fs;
    uint64_t *nodes cleanup_free = calloc(max, sizeof *nodes);
    struct seen s = {.ret = ret, .nodes = nodes, .max = nodes ? max : 0};
    if (!s.max)
        return 0;
    fs_park_look(f->park, see, &s);
    for (size_t i = 0; i < s.count; i++) {
        name_path(f, nodes[i], &ret[i]);
        name_program(&ret[i]);
    }
    return s.count;
}
