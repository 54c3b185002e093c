/* What a sanitizer is there to stop, one mistake for each word; without one, all of them end with status 0. */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int shared;

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100000; i++)
        shared++;
    return NULL;
}

static void race(void)
{
    pthread_t one, two;
    if (pthread_create(&one, NULL, count, NULL) || pthread_create(&two, NULL, count, NULL))
        abort();
    (void)pthread_join(one, NULL);
    (void)pthread_join(two, NULL);
}

static void overflow(void)
{
    volatile size_t at = 8;
    volatile char *p = malloc(at);
    if (p)
        p[at] = 1;
    free((void *)p);
}

static void leak(void)
{
    void *volatile p = malloc(4711);
    p = NULL;
    (void)p;
}

static void undefined(void)
{
    volatile int n = INT_MAX;
    n = n + 1;
}

int main(int argc, char **argv)
{
    const char *mistake = argc == 2 ? argv[1] : "";
    if (strcmp(mistake, "race") == 0)
        race();
    else if (strcmp(mistake, "overflow") == 0)
        overflow();
    else if (strcmp(mistake, "leak") == 0)
        leak();
    else if (strcmp(mistake, "undefined") == 0)
        undefined();
    else
        return 2;
    return 0;
}
