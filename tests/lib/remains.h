/* How often bytes stand in this process's heap, freed memory included: for what has to be wiped. */
#ifndef CTFS_TESTS_REMAINS_H
#define CTFS_TESTS_REMAINS_H

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A sanitizer's heap is laid out otherwise. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REMAINS_CAN_LOOK 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REMAINS_CAN_LOOK 0
#else
#define REMAINS_CAN_LOOK 1
#endif
#else
#define REMAINS_CAN_LOOK 1
#endif

/* Before what is looked for is freed: glibc does not overwrite it (MALLOC_PERTURB_, which meson sets, asks for that). */
static inline void remains_begin(void)
{
    (void)mallopt(M_PERTURB, 0);
}

static inline int remains_of(const char *needle)
{
    char line[512];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (REMAINS_CAN_LOOK && maps && fgets(line, sizeof line, maps)) {
        uintptr_t from, to;
        if (!strstr(line, "[heap]") || sscanf(line, "%lx-%lx", &from, &to) != 2)
            continue;
        const char *at = (const char *)from;
        while ((at = memmem(at, to - (uintptr_t)at, needle, strlen(needle)))) {
            found++;
            at++;
        }
    }
    if (maps)
        (void)fclose(maps);
    return found;
}

#endif
