/* The steps that run in this process, in one list. Lock: the list's own, a leaf. */
#include "model/onboard.h"

#include <stdio.h>
#include <string.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct model_step *steps; /* protected by list_lock */

void model_progress_begin(struct model_step *s, const char *handle)
{
    (void)snprintf(s->handle, sizeof s->handle, "%s", handle);
    s->line[0] = '\0';
    pthread_mutex_lock(&list_lock);
    s->next = steps;
    steps = s;
    pthread_mutex_unlock(&list_lock);
}

void model_progress_end(struct model_step *s)
{
    pthread_mutex_lock(&list_lock);
    for (struct model_step **p = &steps; *p; p = &(*p)->next) {
        if (*p == s) {
            *p = s->next;
            break;
        }
    }
    pthread_mutex_unlock(&list_lock);
}

void model_progress_say(struct model_step *s, const char *format, ...)
{
    char line[sizeof s->line];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock(&list_lock);
    memcpy(s->line, line, sizeof line);
    pthread_mutex_unlock(&list_lock);
    if (s->progress)
        s->progress(s->arg, line);
}

bool model_progress_line(const struct model *m, const char *handle, struct buf *ret)
{
    bool found = false;
    pthread_mutex_lock(&list_lock);
    for (struct model_step *s = steps; s && !found; s = s->next) {
        found = s->m == m && strcmp(s->handle, handle) == 0;
        if (found)
            buf_puts(ret, s->line);
    }
    pthread_mutex_unlock(&list_lock);
    return found;
}
