/* cache.db's own rules (cache/store.h), with now as the time. */
#include "model/seen.h"

#include "base/clock.h"

errint model_seen_first(struct model *m, uint64_t ino, struct hash128 hash, int64_t floor_ns, int64_t *ret_ns)
{
    return cache_store_seen(m->store, ino, hash, floor_ns, clock_wall_ns(), ret_ns);
}

errint model_seen_dated(struct model *m, uint64_t ino, int64_t changed_ns, int64_t *ret_ns)
{
    return cache_store_dated(m->store, ino, changed_ns, clock_wall_ns(), ret_ns);
}
