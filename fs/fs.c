/* Making and ending a mount's parts; what an asking holds. */
#include "fs/fs.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/task.h"
#include "fs/handle.h"
#include "fs/node.h"
#include "fs/park.h"
#include "fs/snapshots.h"
#include "fs/units.h"
#include "fs/waiting.h"

#define REPLY_THREADS 3

errint fs_new(struct model *m, struct fs **ret)
{
    struct fs *fs = calloc(1, sizeof *fs);
    if (!fs)
        return err_set(-ENOMEM, "no memory for the mount");
    fs->model = m;
    fs->settings = m->settings;
    fs->started_ns = clock_wall_ns();
    pthread_mutex_init(&fs->handles_lock, NULL);
    errint e = fs_nodes_new(&fs->nodes);
    if (e == 0)
        e = fs_units_new(&fs->units);
    if (e == 0)
        e = fs_snapshots_new(&fs->snapshots);
    if (e == 0)
        e = executor_new("ctfs-reply", REPLY_THREADS, &fs->replies);
    if (e == 0)
        e = fs_park_new(&fs->park);
    if (e) {
        fs_free(fs);
        return e;
    }
    model_status_set_waiting(m, fs_waiting_list, fs);
    *ret = fs;
    return 0;
}

void fs_free(struct fs *fs)
{
    if (!fs)
        return;
    model_status_set_waiting(fs->model, NULL, NULL);
    fs_park_free(fs->park);
    executor_free(fs->replies);
    while (fs->handles)
        fs_handle_put(fs->handles); /* what the kernel never released */
    fs_units_free(fs->units);
    fs_snapshots_free(fs->snapshots);
    fs_nodes_free(fs->nodes);
    pthread_mutex_destroy(&fs->handles_lock);
    free(fs);
}

errint fs_ask_customer(struct fs_ask *a, struct model_customer **ret)
{
    if (!a->customer) {
        errint e = model_current(a->fs->model, &a->customer);
        if (e == -ENOENT || e == -ENOTUNIQ)
            return err_add(-EACCES, "no customer to show");
        if (e)
            return e;
    }
    *ret = a->customer;
    return 0;
}

void fs_ask_hold(struct fs_ask *a, void *what, void (*put)(void *what))
{
    assert(a->hold_count < FS_HOLD_MAX);
    a->hold[a->hold_count].what = what;
    a->hold[a->hold_count++].put = put;
}

void fs_ask_release(struct fs_ask *a)
{
    while (a->hold_count > 0) {
        a->hold_count--;
        a->hold[a->hold_count].put(a->hold[a->hold_count].what);
    }
}

void fs_ask_done(struct fs_ask *a)
{
    fs_ask_release(a);
    if (a->customer)
        model_customer_put(a->customer);
    a->customer = NULL;
}
