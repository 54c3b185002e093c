/* The root: everything ctfs has is named here. */
#include <string.h>
#include <unistd.h>

#include "fs/kind.h"

static const struct fs_name names[] = {
    {"README", &fs_file_readme, 0, FS_ALWAYS},
    {"connect", &fs_file_connect, 0, FS_ALWAYS},
    {"status", &fs_file_status, 0, FS_ALWAYS},
    {"status.json", &fs_file_status, 1, FS_ALWAYS},
    {"accounts.tsv", &fs_file_accounts_tsv, 0, FS_WITH_ACCOUNTS},
    {"accounts", &fs_dir_accounts, 0, FS_WITH_ACCOUNTS},
    {"organization", &fs_dir_organization, 0, FS_WITH_ORGANIZATION},
    {"cur", &fs_dir_cur, 0, FS_WITH_CUSTOMER},
    {"raw", &fs_dir_raw, 0, FS_WITH_CUSTOMER},
    {"resources", &fs_dir_resources, 0, FS_WITH_CUSTOMER},
    {"policies", &fs_dir_policies, 0, FS_ALWAYS},
    {"views", &fs_dir_views, 0, FS_AS_VIEW},
    {NULL, NULL, 0, FS_ALWAYS},
};

static errint xattr(struct fs_ask *a, const struct fs_place *p, const char *name, struct buf *ret)
{
    (void)p;
    if (strcmp(name, FS_XATTR_PID) == 0)
        buf_printf(ret, "%ld", (long)getpid());
    else if (strcmp(name, FS_XATTR_STATE_DIR) == 0)
        buf_puts(ret, a->fs->model->settings->state_dir);
    else
        return err_set(-ENODATA, "no attribute %s", name);
    return buf_error(ret);
}

const struct fs_kind fs_dir_root = {.type = FS_FOLDER, .names = names, .xattr = xattr};
