/* A whole pass through the gunzip view, by reads of 1 MiB in order, against plain isal_inflate of the same buffer and
 * against zlib's view. Prints ratios from one run, interleaved. Usage: bench_gunzip FILE.gz */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cache/gunzip.h"
#include "cache/gunzip_stream.h"

static unsigned char *data;
static size_t data_len;

static void read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        exit(1);
    data_len = (size_t)ftell(f);
    rewind(f);
    data = malloc(data_len);
    if (!data || fread(data, 1, data_len, f) != data_len)
        exit(1);
    fclose(f);
}

/* The decoder alone, 1 MiB at a time into the same memory. */
static double run_plain(uint64_t *ret_bytes)
{
    static unsigned char out[1 << 20];
    struct cache_gunzip_stream s;
    if (cache_gunzip_stream_init(&s, NULL))
        exit(1);
    int64_t from_ns = clock_monotonic_ns();
    struct cache_inflate_io io = {.in = data, .in_len = data_len};
    do {
        io.out = out;
        io.out_len = sizeof out;
        if (cache_gunzip_stream_step(&s, &io))
            exit(1);
    } while (io.out_len == 0);
    double seconds = (double)(clock_monotonic_ns() - from_ns) / 1e9;
    *ret_bytes = s.out_bytes;
    cache_gunzip_stream_done(&s);
    return seconds;
}

static void deliver_nowhere(void *arg, const void *bytes, size_t len)
{
    (void)bytes;
    *(uint64_t *)arg += len;
}

static double run_view(struct executor *ex, struct cache_gunzip_budget *budget, uint64_t size,
                       const struct cache_inflate_ops *ops)
{
    unsigned char *copy = malloc(data_len);
    struct source *object, *view;
    if (!copy)
        exit(1);
    for (size_t i = 0; i < data_len; i++)
        copy[i] = data[i];
    struct cache_gunzip_setup setup = {
        .name = "bench", .executor = ex, .budget = budget, .inflate = ops, .declared_bytes = size};
    if (source_memory_new(copy, data_len, &object) || cache_gunzip_new(object, &setup, &view))
        exit(1);
    struct blocker b;
    blocker_init(&b);
    uint64_t got = 0;
    int64_t from_ns = clock_monotonic_ns();
    while (got < size) {
        errint e = source_pread(view, got, SOURCE_READ_MAX, deliver_nowhere, &got, &b.waiter);
        if (e == -EAGAIN)
            e = blocker_wait(&b, 0);
        if (e)
            exit(1);
    }
    double seconds = (double)(clock_monotonic_ns() - from_ns) / 1e9;
    blocker_done(&b);
    source_put(view);
    return seconds;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    read_file(argv[1]);
    struct executor *ex;
    struct cache_gunzip_budget *budget;
    if (executor_new("gunzip", 2, &ex) || cache_gunzip_budget_new(0, &budget))
        return 1;
    double plain = 0, view = 0, zlib_view = 0;
    uint64_t size = 0;
    for (int i = 0; i < 3; i++) {
        plain += run_plain(&size);
        view += run_view(ex, budget, size, NULL);
    }
    zlib_view = 3 * run_view(ex, budget, size, &cache_inflate_zlib);
    double mb = 3 * (double)size / 1e6;
    printf(
        "decoder %.0f MB/s, view %.0f MB/s (%.2f of the decoder), view by zlib %.0f MB/s (view is %.1f times that)\n",
        mb / plain, mb / view, plain / view, mb / zlib_view, zlib_view / view);
    cache_gunzip_budget_free(budget);
    executor_free(ex);
    free(data);
    return 0;
}
