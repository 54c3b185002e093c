/* What status says until it is over: texts by key, in the order in which they were first said. At most NOTES_MAX; the oldest
 * goes. In memory alone: what still holds after a restart is found again.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/notes.h"

#define NOTES_MAX 200

struct note {
    struct note *next;
    char *key, *text;
    int64_t said_unix;
    bool fails;
};

struct model_notes {
    pthread_mutex_t lock;
    struct note *first; /* protected by lock, and so is count */
    size_t count;
};

errint model_notes_new(struct model_notes **ret)
{
    struct model_notes *n = calloc(1, sizeof *n);
    if (!n)
        return err_set(-ENOMEM, "no memory for status");
    pthread_mutex_init(&n->lock, NULL);
    *ret = n;
    return 0;
}

static void remove_at(struct model_notes *n, struct note **at)
{
    struct note *gone = *at;
    *at = gone->next;
    n->count--;
    free(gone->key);
    free(gone->text);
    free(gone);
}

void model_notes_free(struct model_notes *n)
{
    if (!n)
        return;
    while (n->first)
        remove_at(n, &n->first);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

/* Takes TEXT. A note that cannot be kept for want of memory is not said. */
static void put(struct model_notes *n, const char *key, char *text, bool fails)
{
    struct note **at = &n->first;
    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    if (!*at) {
        struct note *note = calloc(1, sizeof *note);
        char *copy = strdup(key);
        if (!note || !copy) {
            free(note);
            free(copy);
            free(text);
            return;
        }
        note->key = copy;
        *at = note;
        n->count++;
    }
    free((*at)->text);
    (*at)->text = text;
    (*at)->said_unix = clock_wall_unix();
    (*at)->fails = fails;
    if (n->count > NOTES_MAX)
        remove_at(n, &n->first);
}

__attribute__((format(printf, 4, 0))) static void say(struct model_notes *n, const char *key, bool fails,
                                                      const char *format, va_list args)
{
    struct buf text cleanup_buf = BUF_LIMIT(4096);
    buf_vprintf(&text, format, args);
    char *copy = strdup(buf_text(&text));
    pthread_mutex_lock(&n->lock);
    if (copy)
        put(n, key, copy, fails);
    pthread_mutex_unlock(&n->lock);
}

void model_status_note(struct model *m, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(m->notes, key, true, format, args);
    va_end(args);
}

void model_status_tell(struct model *m, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(m->notes, key, false, format, args);
    va_end(args);
}

void model_status_forget(struct model *m, const char *prefix)
{
    size_t len = strlen(prefix);
    pthread_mutex_lock(&m->notes->lock);
    for (struct note **at = &m->notes->first; *at;) {
        if (strncmp((*at)->key, prefix, len) == 0)
            remove_at(m->notes, at);
        else
            at = &(*at)->next;
    }
    pthread_mutex_unlock(&m->notes->lock);
}

void model_notes_each(struct model_notes *n, void (*each)(void *arg, const struct model_note *note), void *arg)
{
    pthread_mutex_lock(&n->lock);
    for (const struct note *note = n->first; note; note = note->next)
        each(arg, &(struct model_note){.text = note->text, .said_unix = note->said_unix, .fails = note->fails});
    pthread_mutex_unlock(&n->lock);
}
