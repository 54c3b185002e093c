/* ctfs template: the CloudFormation template of a connection, or a URL of it. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/run.h"
#include "model/onboard.h"
#include "model/policies.h"

static const struct cli_option options[] = {
    {"--url", NULL, "print a URL of it that works for up to 7 days without credentials"},
    {NULL, NULL, NULL},
};

static errint print_url(struct cli_run *r, const struct cache_connection *row)
{
    char *url cleanup_free = NULL;
    char vendor[64];
    int64_t expires_unix;
    model_row_note(row, "vendor_bucket", vendor, sizeof vendor);
    if (!*vendor)
        return err_set(-ENOENT, "%s was begun without vendor_bucket: its template has no URL", row->handle);
    errint e = model_onboard_publish(r->m, row, &r->cancel, &url, &expires_unix);
    if (e == 0)
        (void)puts(url);
    return e;
}

static errint print_template(struct cli_run *r, const struct cache_connection *row)
{
    struct buf text cleanup_buf = BUF_INIT;
    errint e = model_policies_file(r->m, row, "template.json", &text);
    if (e == 0)
        (void)fwrite(text.data, 1, text.len, stdout);
    return e;
}

/* NAME, or the settings' connection, or the one that is pending, or, if none is, the only one. A template is what a customer
 * that is yet to be connected needs: another's has another's external ID. */
static errint find(struct cli_run *r, const char *name, struct cache_connection *ret)
{
    struct model_customer *c = NULL;
    if (!name)
        name = r->settings.connection;
    errint e = name ? model_row_find(r->m, name, ret) : model_row_find_pending(r->m, ret);
    if (e != -ENOENT || name)
        return e;
    e = model_current(r->m, &c);
    if (e == 0)
        e = model_row_find(r->m, c->connection.handle, ret);
    model_customer_put(c);
    return e;
}

static errint print(struct cli_run *r, const char *name, bool url)
{
    struct cache_connection row = {0};
    errint e = cli_run_open(r, MODEL_STATE_ONLY);
    if (e == 0)
        e = find(r, name, &row);
    if (e == 0)
        e = url ? print_url(r, &row) : print_template(r, &row);
    cache_connection_done(&row);
    return e;
}

static int run(int argc, char **argv)
{
    return cli_run_one(&cli_template_command, argc, argv, print);
}

const struct cli_command cli_template_command = {
    .name = "template",
    .arguments = "[--url] [-o OPTIONS] [CONNECTION]",
    .summary = "Prints the CloudFormation template that a customer runs; unless told, of the pending connection",
    .options = options,
    .settings = true,
    .run = run,
};
