/* The steps of onboarding on a copy of the row that is thrown away. */
#include "model/doctor.h"

#include "base/cleanup.h"
#include "model/answer.h"
#include "model/onboard.h"

static errint find(struct model *m, const char *name, struct cache_connection *ret)
{
    struct model_customer *c = NULL;
    if (name)
        return model_row_find(m, name, ret);
    errint e = model_current(m, &c);
    if (e == 0)
        e = model_row_find(m, c->connection.handle, ret);
    model_customer_put(c);
    return e;
}

static errint examine(struct model_step *s, struct cache_connection *row)
{
    model_answer_add(s->answer, "connection", row->handle);
    model_answer_some(s->answer, "name", row->name);
    if (!row->connected)
        return err_set(-EACCES, "%s is %s: there is no role to try", row->handle, model_row_state(row));
    struct buf refused cleanup_buf = BUF_INIT;
    errint e = model_row_set(&row->granted, "[]");
    if (e == 0)
        e = model_onboard_verify(s, row, 0);
    if (e < 0) { /* of the report, it may be, whose cause is among the permissions */
        model_probe_names(row->granted, "no", &refused);
        model_answer_some(s->answer, "refused", buf_text(&refused));
        return e;
    }
    model_answer_add(s->answer, "identity", "ok");
    model_answer_add(s->answer, "trust", row->direct ? "direct" : "ok");
    model_onboard_found(row, s->answer);
    model_probe_names(row->granted, "no", &refused);
    return refused.len ? err_set(-EACCES, "refused: %s", buf_text(&refused)) : 0;
}

errint model_doctor_run(struct model *m, const char *name, struct cancel *cancel,
                        void (*progress)(void *arg, const char *line), void *arg, struct buf *answer)
{
    struct model_step s = {.m = m, .cancel = cancel, .progress = progress, .arg = arg, .answer = answer};
    struct cache_connection row = {0};
    errint e = find(m, name, &row);
    if (e == 0)
        e = examine(&s, &row);
    cache_connection_done(&row);
    return e;
}
