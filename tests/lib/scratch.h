/* A folder of a test's own, removed at the end. Ownership: the caller's. Threads: one. Errors: abort. Cost: a few calls. */
#ifndef CTFS_TESTS_SCRATCH_H
#define CTFS_TESTS_SCRATCH_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scratch {
    char path[64];
    char file[PATH_MAX]; /* of the last scratch_file */
};

static inline void scratch_init(struct scratch *s)
{
    strcpy(s->path, "/tmp/ctfs-test-XXXXXX");
    if (!mkdtemp(s->path))
        abort();
}

static inline const char *scratch_file(struct scratch *s, const char *name)
{
    snprintf(s->file, sizeof s->file, "%s/%s", s->path, name);
    return s->file;
}

static inline int scratch_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void scratch_done(struct scratch *s)
{
    (void)nftw(s->path, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
