/* Each room says its own libraries' versions: no room's headers are read outside it. */
#include "cli/version.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "fs/version.h"
#include "model/version.h"

void cli_version_print(void)
{
    struct buf text cleanup_buf = BUF_INIT;
    buf_puts(&text, "ctfs " CTFS_VERSION "\n");
    fs_version_text(&text);
    model_version_text(&text);
    (void)fputs(buf_text(&text), stdout);
}
