/* Runs one fuzz target over every file of a folder: how a plain build replays its corpus, without libFuzzer.
 *
 * usage: fuzz_x FOLDER. Exit status 1 when the folder cannot be read or holds no file; a finding aborts.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX_BYTES ((size_t)16 * 1024 * 1024)

DEFINE_CLEANUP(cleanup_closedirp, DIR *, (void)closedir)

static int replay_file(const char *folder, const char *name)
{
    struct buf path cleanup_buf = BUF_INIT;
    struct buf bytes cleanup_buf = BUF_LIMIT(FILE_MAX_BYTES);
    buf_printf(&path, "%s/%s", folder, name);
    FILE *f cleanup_file = fopen(buf_text(&path), "rbe");
    if (!f) {
        perror(buf_text(&path));
        return 1;
    }
    char piece[65536];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, f)) > 0)
        buf_append(&bytes, piece, got);
    if (ferror(f) || buf_error(&bytes)) {
        fprintf(stderr, "%s: cannot be read whole\n", buf_text(&path));
        return 1;
    }
    /* A block of exactly that size, so that a sanitizer sees the first byte read behind it. */
    uint8_t *exact cleanup_free = malloc(bytes.len ? bytes.len : 1);
    if (!exact)
        return 1;
    if (bytes.len)
        memcpy(exact, bytes.data, bytes.len);
    fprintf(stderr, "%s\n", name);
    (void)LLVMFuzzerTestOneInput(exact, bytes.len);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *d cleanup(cleanup_closedirp) = argc == 2 ? opendir(argv[1]) : NULL;
    if (!d) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 1;
    }
    unsigned count = 0;
    int failed = 0;
    for (const struct dirent *entry; (entry = readdir(d));) {
        if (entry->d_name[0] == '.')
            continue;
        failed |= replay_file(argv[1], entry->d_name);
        count++;
    }
    printf("%u files\n", count);
    return failed || count == 0;
}
