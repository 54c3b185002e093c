/* The template's two ways to a customer: a file beside state.db, and an object under templates/ of the vendor's bucket,
 * which the vendor alone writes. What a URL gives is compared before anyone sees the URL. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "aws/s3.h"
#include "base/cleanup.h"
#include "model/onboard.h"
#include "model/policies.h"

#define URL_SECONDS 604800
#define TEMPLATE_BYTES_MAX (1u << 20)

static errint write_all(int fd, const struct buf *text)
{
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(fd, text->data + done, text->len - done);
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static errint replace_file(const char *path, const struct buf *text)
{
    char *temporary cleanup_free = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return err_set(-ENOMEM, "no memory for %s", path);
    int fd cleanup_fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_set(-errno, "%s cannot be written: %s", path, strerror(errno));
    errint e = write_all(fd, text);
    if (e == 0 && rename(temporary, path) < 0)
        e = -errno;
    if (e < 0)
        (void)unlink(temporary);
    return e ? err_set(e, "%s cannot be written: %s", path, strerror(-e)) : 0;
}

/* Is TEXT what the file holds already? */
static bool same_file(const char *path, const struct buf *text)
{
    int fd cleanup_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || (size_t)st.st_size != text->len)
        return false;
    char *now cleanup_free = malloc(text->len + 1);
    return now && read(fd, now, text->len) == (ssize_t)text->len && memcmp(now, text->data, text->len) == 0;
}

errint model_onboard_template_file(struct model *m, const struct cache_connection *row, char **ret_path)
{
    struct buf text cleanup_buf = BUF_INIT;
    char *folder cleanup_free = NULL, *path cleanup_free = NULL, *whole cleanup_free = NULL;
    errint e = model_policies_file(m, row, "template.json", &text);
    if (e < 0)
        return e;
    if (asprintf(&folder, "%s/templates", m->settings->state_dir) < 0)
        return err_set(-ENOMEM, "no memory for a path");
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return err_set(-errno, "%s cannot be made: %s", folder, strerror(errno));
    whole = realpath(folder, NULL);
    if (asprintf(&path, "%s/%s.json", whole ? whole : folder, row->handle) < 0)
        return err_set(-ENOMEM, "no memory for a path");
    if (!same_file(path, &text))
        e = replace_file(path, &text);
    if (e == 0)
        *ret_path = steal_ptr(&path);
    return e;
}

static errint compare(struct model *m, const char *url, const struct buf *text, struct cancel *c)
{
    struct buf got cleanup_buf = BUF_INIT;
    errint e = aws_s3_fetch_url(m->client, url, TEMPLATE_BYTES_MAX, c, &got);
    if (e < 0)
        return err_add(e, "the template's URL does not work without credentials");
    if (got.len != text->len || memcmp(got.data, text->data, text->len) != 0)
        return err_set(-EIO, "the template's URL gives something else than the template");
    return 0;
}

errint model_onboard_publish(struct model *m, const struct cache_connection *row, struct cancel *c, char **ret_url,
                             int64_t *ret_expires_unix)
{
    struct buf text cleanup_buf = BUF_INIT;
    char vendor[64], key[80];
    char *url cleanup_free = NULL;
    int64_t expires_unix = 0;
    model_row_note(row, "vendor_bucket", vendor, sizeof vendor);
    (void)snprintf(key, sizeof key, "templates/%s.json", row->handle);
    struct aws_s3_bucket bucket = {.name = vendor};
    errint e = model_policies_file(m, row, "template.json", &text);
    if (e == 0)
        e = aws_s3_put(m->caller, &bucket, key, text.data, text.len, "application/json", false, c, NULL);
    if (e == 0)
        e = aws_s3_presign_get(m->caller, vendor, key, URL_SECONDS, c, &url, &expires_unix);
    if (e == 0)
        e = compare(m, url, &text, c);
    if (e < 0)
        return e;
    *ret_url = steal_ptr(&url);
    *ret_expires_unix = expires_unix;
    return 0;
}
