/* A folder's names in one buffer, with an array of where each begins. */
#include <stdlib.h>

#include "fs/kind.h"

#define NAMES_MAX (64u << 20)

static errint make_room(struct fs_listing *l)
{
    if (l->count < l->room)
        return 0;
    size_t room = l->room ? l->room * 2 : 16;
    struct fs_listed *entries = realloc(l->entries, room * sizeof *entries);
    if (!entries)
        return err_set(-ENOMEM, "no memory for a folder of %zu names", l->count);
    l->entries = entries;
    l->room = room;
    return 0;
}

void fs_listing_add(struct fs_listing *l, const char *name, uint32_t mode)
{
    if (l->error)
        return;
    l->error = make_room(l);
    if (l->error)
        return;
    l->names.limit = NAMES_MAX;
    l->entries[l->count++] = (struct fs_listed){.name = (uint32_t)l->names.len, .mode = mode};
    buf_puts(&l->names, name);
    buf_putc(&l->names, '\0');
}

const char *fs_listing_name(const struct fs_listing *l, size_t index)
{
    return l->names.data + l->entries[index].name;
}

errint fs_listing_error(const struct fs_listing *l)
{
    return l->error ? l->error : buf_error(&l->names);
}

void fs_listing_done(struct fs_listing *l)
{
    free(l->entries);
    buf_done(&l->names);
    *l = (struct fs_listing){0};
}
