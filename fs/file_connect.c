/* connect, as a fresh open reads it: one block a connection, fixed when it is looked up. What of it needs the network (a
 * template's URL that must be checked first) is waited for a moment and else left out: a listing never hangs on it. How
 * it is written: fs/connect.h.
 */
#include "fs/kind.h"
#include "model/command.h"

static errint render(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    (void)p;
    *ret_floor_ns = 0;
    errint e = model_connect_text(a->fs->model, ret, a->late ? NULL : a->waiter);
    if (e != -EAGAIN)
        return e;
    a->brief = a->waiter != NULL;
    buf_reset(ret);
    return e;
}

const struct fs_kind fs_file_connect = {.type = FS_CONTROL, .render = render};
