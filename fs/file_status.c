/* status and status.json: a snapshot at each lookup. */
#include "fs/kind.h"
#include "model/status.h"

enum { STATUS_TEXT, STATUS_JSON };

static errint render(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    enum model_health health;
    *ret_floor_ns = 0;
    return p->which == STATUS_JSON ? model_status_json(a->fs->model, ret)
                                   : model_status_text(a->fs->model, ret, &health);
}

const struct fs_kind fs_file_status = {.type = FS_SNAPSHOT, .render = render};
