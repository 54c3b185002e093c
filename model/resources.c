/* Regions and instances.
 *
 * Regions without ec2:DescribeRegions: what is learnt from the cost data costs no request of its own: whenever the first
 * bytes of a part are fetched (for its header), the regions that stand in those rows are added to the mark H/regions
 * (model/report_sample.c), and it is kept whether those bytes were the whole part. The folders shown are
 *
 *   the settings' regions                                with those learnt, when the setting is given;
 *   those learnt                                         when every part of the newest month was seen whole;
 *   those learnt and AWS's default list                  otherwise: a part's beginning does not say what its end holds.
 *
 * The account is the role's; in direct mode the caller's, which is asked for when it is first wanted.
 * A region that is not enabled for the account holds nothing. H/ec2/REGION holds one item an instance: its ID, and the bare
 * element of Instances with OwnerId.
 */
#include "model/resources.h"

#include <stdlib.h>
#include <string.h>

#include "aws/ec2.h"
#include "aws/json.h"
#include "aws/sts.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "model/fetch_topics.h"
#include "model/report_sample.h"

/* Enabled in every account from the start (Account management user guide, "Specify which AWS Regions your account can
 * use"). */
static const char default_regions[] =
    "ap-northeast-1,ap-northeast-2,ap-northeast-3,ap-south-1,ap-southeast-1,ap-southeast-2,ca-central-1,eu-central-1,"
    "eu-north-1,eu-west-1,eu-west-2,eu-west-3,sa-east-1,us-east-1,us-east-2,us-west-1,us-west-2";

errint model_resources_fetch_caller(const struct model_fetch *f)
{
    struct aws_identity identity = {0};
    const char *account = f->customer->account;
    errint e = *account ? 0 : aws_sts_get_caller_identity(f->customer->reading, f->cancel, &identity);
    if (e)
        return e;
    if (!*account)
        account = identity.account;
    struct cache_item item = {.id = "account", .body = account, .body_len = strlen(account)};
    e = model_fetch_publish(f, &item, 1);
    aws_identity_done(&identity);
    return e;
}

struct instances {
    struct cache_item *items;
    size_t count;
};

static void done_instances(struct instances *i)
{
    for (size_t k = 0; k < i->count; k++)
        free((void *)(uintptr_t)i->items[k].body);
    free(i->items);
}

/* IDs are names of folders. */
static bool is_instance_id(const char *id)
{
    size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return len > 0 && len <= 64 && !id[len];
}

static errint fill_instances(struct instances *to, const cJSON *array)
{
    to->items = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof *to->items);
    if (!to->items)
        return err_set(-ENOMEM, "no memory for instances");
    const cJSON *one = NULL;
    cJSON_ArrayForEach (one, array) {
        const char *id = aws_json_string(one, "InstanceId");
        struct buf body cleanup_buf = BUF_INIT;
        if (!id || !is_instance_id(id))
            return err_set(-EIO, "ec2 gave an instance the ID \"%s\"", id ? id : "");
        aws_json_print_compact(&body, one);
        errint e = buf_error(&body);
        if (e)
            return e;
        size_t len = body.len;
        to->items[to->count++] = (struct cache_item){.id = id, .body = buf_steal(&body), .body_len = len};
    }
    return 0;
}

errint model_resources_fetch_instances(const struct model_fetch *f)
{
    cJSON *array cleanup(aws_json_deletep) = NULL;
    struct instances instances cleanup(done_instances) = {.items = NULL};
    errint e = aws_ec2_describe_instances(f->customer->reading, f->arg, f->cancel, &array);
    if (e == -ENXIO)
        return model_fetch_publish(f, NULL, 0); /* the region is not enabled: a whole answer */
    if (e == 0)
        e = fill_instances(&instances, array);
    return e ? e : model_fetch_publish(f, instances.items, instances.count);
}

errint model_resources_accounts_each(struct model_customer *c, int (*each)(void *arg, const char *account), void *arg)
{
    struct buf account cleanup_buf = BUF_INIT;
    errint e = model_customer_account(c, &account);
    if (e == 0 && account.len == 0 && (e = model_fetch_need(c, MODEL_CALLER, "", NULL)) == 0)
        e = model_customer_account(c, &account);
    return e ? e : each(arg, buf_text(&account));
}

/* LIST's regions into TO, sorted, each once. */
static void add_regions(struct buf *to, const char *list)
{
    while (*list) {
        size_t len = strcspn(list, ",");
        char *region cleanup_free = strndup(list, len);
        if (region && len && model_sample_is_region(region))
            model_sample_add(to, region);
        list += len;
        list += *list == ',';
    }
}

errint model_resources_regions_each(struct model_customer *c, int (*each)(void *arg, const char *region), void *arg)
{
    struct buf all cleanup_buf = BUF_INIT, learnt cleanup_buf = BUF_INIT;
    bool whole = false;
    errint e = model_sample_regions(c, &learnt, &whole);
    if (e)
        return e;
    add_regions(&all, buf_text(&learnt));
    if (c->model->settings->regions)
        add_regions(&all, c->model->settings->regions);
    else if (!whole || all.len == 0)
        add_regions(&all, default_regions);
    if ((e = buf_error(&all)))
        return e;
    char *save = NULL;
    for (char *region = strtok_r(all.data, ",", &save); region; region = strtok_r(NULL, ",", &save)) {
        int stop = each(arg, region);
        if (stop)
            return stop;
    }
    return 0;
}

struct ids {
    int (*each)(void *arg, const char *id);
    void *arg;
};

static int give_id(void *arg, const struct cache_item *item)
{
    struct ids *i = arg;
    return i->each(i->arg, item->id);
}

errint model_instances_each(struct model_customer *c, const char *region, int (*each)(void *arg, const char *id),
                            void *arg)
{
    struct buf scope cleanup_buf = BUF_INIT;
    struct ids ids = {.each = each, .arg = arg};
    model_fetch_scope(c, MODEL_INSTANCES, region, &scope);
    return cache_store_each(c->model->store, buf_text(&scope), give_id, &ids);
}

errint model_instances_changed(struct model_customer *c, const char *region, int64_t *ret_ns)
{
    return model_fetch_changed(c, MODEL_INSTANCES, region, ret_ns);
}

static errint get_instance(struct model_customer *c, const char *region, const char *id, cJSON **ret,
                           int64_t *ret_changed_ns)
{
    struct buf scope cleanup_buf = BUF_INIT, body cleanup_buf = BUF_INIT;
    model_fetch_scope(c, MODEL_INSTANCES, region, &scope);
    errint e = cache_store_get(c->model->store, buf_text(&scope), id, &body, ret_changed_ns);
    return e ? e : aws_json_parse(buf_text(&body), body.len, ret);
}

errint model_instance_changed(struct model_customer *c, const char *region, const char *id, int64_t *ret_ns)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    return get_instance(c, region, id, &json, ret_ns);
}

static errint put_line(struct buf *ret, const char *text)
{
    buf_puts(ret, text ? text : "");
    buf_putc(ret, '\n');
    return buf_error(ret);
}

static errint put_tags(struct buf *ret, cJSON *instance)
{
    cJSON *json cleanup(aws_json_deletep) = cJSON_CreateObject();
    cJSON *tags = cJSON_DetachItemFromObjectCaseSensitive(instance, "Tags");
    cJSON_AddItemToObject(json, "Tags", tags ? tags : cJSON_CreateArray());
    aws_json_print(ret, json);
    return buf_error(ret);
}

errint model_instance_file(struct model_customer *c, const char *region, const char *id, enum model_instance_file which,
                           struct buf *ret, int64_t *ret_floor_ns)
{
    cJSON *json cleanup(aws_json_deletep) = NULL;
    errint e = get_instance(c, region, id, &json, NULL);
    if (e)
        return e;
    *ret_floor_ns = 0;
    switch (which) {
    case MODEL_INSTANCE_JSON:
        aws_json_print(ret, json);
        return buf_error(ret);
    case MODEL_INSTANCE_STATE:
        return put_line(ret, aws_json_string(cJSON_GetObjectItemCaseSensitive(json, "State"), "Name"));
    case MODEL_INSTANCE_TYPE:
        return put_line(ret, aws_json_string(json, "InstanceType"));
    case MODEL_INSTANCE_TAGS_JSON:
        return put_tags(ret, json);
    }
    return err_set(-ENOENT, "an instance has no such file");
}
