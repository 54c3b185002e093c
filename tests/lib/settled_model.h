/* A model that has its state alone, in a folder of its own. Ownership: the caller's. Threads: one. Errors: checks fail.
 * Cost: a database. */
#ifndef CTFS_TESTS_SETTLED_MODEL_H
#define CTFS_TESTS_SETTLED_MODEL_H

#include "model/model.h"
#include "tests/lib/scratch.h"
#include "tests/lib/unit.h"

struct settled_model {
    struct scratch scratch;
    struct model_settings settings;
    struct model *m;
};

static inline void settled_model_start(struct settled_model *w)
{
    scratch_init(&w->scratch);
    model_settings_init(&w->settings);
    CHECK_INT(model_settings_set(&w->settings, "state_dir", w->scratch.path), 0);
    CHECK_INT(model_open(&w->settings, MODEL_STATE_ONLY, &w->m), 0);
}

static inline void settled_model_stop(struct settled_model *w)
{
    model_stop(w->m);
    model_free(w->m);
    model_settings_done(&w->settings);
    scratch_done(&w->scratch);
}

#endif
