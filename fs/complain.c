/* At most LINES_MAX lines a WINDOW; how many were left out is said with the next one. */
#include "fs/complain.h"

#include "base/clock.h"
#include "base/log.h"
#include "fs/node.h"

#define LINES_MAX 20
#define WINDOW_NS (10 * CLOCK_NS_PER_S)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t window_began_ns; /* protected by lock */
static unsigned lines, left_out;

static bool may_say(unsigned *ret_left_out)
{
    int64_t now_ns = clock_monotonic_ns();
    pthread_mutex_lock(&lock);
    if (window_began_ns == 0 || now_ns - window_began_ns > WINDOW_NS) {
        window_began_ns = now_ns;
        lines = 0;
    }
    bool may = lines < LINES_MAX;
    if (may) {
        lines++;
        *ret_left_out = left_out;
        left_out = 0;
    } else {
        left_out++;
    }
    pthread_mutex_unlock(&lock);
    return may;
}

static enum log_level level_of(errint e)
{
    switch (e) {
    case -ENOENT:
    case -EINTR:
    case -EROFS:
    case -ENODATA:
    case -ERANGE:
    case -ENOTDIR:
    case -EISDIR:
    case -ENAMETOOLONG:
    case -ENOTCONN:
        return LOG_LEVEL_DEBUG;
    case -EIO:
    case -ENOMEM:
        return LOG_LEVEL_ERROR;
    default:
        return LOG_LEVEL_WARN;
    }
}

static void say(const struct fs_request *r, errint e, enum log_level level, const struct fs_node *n)
{
    const char *path = n ? n->path : "(no node)";
    const char *slash = r->name && path[1] ? "/" : "";
    log_line(level, "%s %s%s%s: %s: %s", r->op, path, slash, r->name ? r->name : "", err_name(e), err_message());
}

void fs_complain(const struct fs_request *r, errint e)
{
    struct fs_nodes *nodes = r->ask.fs->nodes;
    struct fs_node *n = fs_node_get(nodes, r->ino);
    bool again = n && fs_node_failure_said(nodes, n, e);
    enum log_level level = again ? LOG_LEVEL_DEBUG : level_of(e);
    unsigned missed = 0;
    if (level == LOG_LEVEL_DEBUG || may_say(&missed))
        say(r, e, level, n);
    if (missed)
        log_line(level, "%u more failures were not logged", missed);
    fs_node_put(nodes, n);
}
