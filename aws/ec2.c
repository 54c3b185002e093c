/* The Query protocol. An instance's XML is turned by the table of ec2_shapes.h into what AWS CLI v2 prints: members in
 * the model's order, absent ones absent, present empty lists empty.
 */
#include "aws/ec2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aws/client_parts.h"
#include "aws/ec2_shapes.h"
#include "aws/json.h"
#include "aws/operation.h"
#include "base/cleanup.h"

#define VERSION "2016-11-15"
#define OPERATION "DescribeInstances"
#define PAGE_SIZE "1000"

#define cleanup_json cleanup(aws_json_deletep)

static cJSON *make_structure(const struct aws_xml *node, const struct aws_ec2_member *shape);

static cJSON *make_integer(const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool exact = *text && *end == '\0' && errno == 0 && number < (1LL << 53) && number > -(1LL << 53);
    return exact ? cJSON_CreateNumber((double)number) : cJSON_CreateString(text);
}

/* ITEMS: what <item> elements are made of; NULL: of text. */
static cJSON *make_list(const struct aws_xml *node, const struct aws_ec2_member *items)
{
    cJSON *list = cJSON_CreateArray();
    for (const struct aws_xml *item = node->first; item && list; item = item->next) {
        if (strcmp(item->name, "item") == 0)
            cJSON_AddItemToArray(list, items ? make_structure(item, items) : cJSON_CreateString(item->text));
    }
    return list;
}

static cJSON *make_value(const struct aws_xml *node, const struct aws_ec2_member *member)
{
    switch (member->kind) {
    case AWS_EC2_INTEGER:
        return make_integer(node->text);
    case AWS_EC2_BOOLEAN:
        return cJSON_CreateBool(strcmp(node->text, "true") == 0);
    case AWS_EC2_STRINGS:
        return make_list(node, NULL);
    case AWS_EC2_STRUCTURES:
        return make_list(node, member->below);
    case AWS_EC2_STRUCTURE:
        return make_structure(node, member->below);
    case AWS_EC2_STRING:
    case AWS_EC2_TIME:
        break;
    }
    return cJSON_CreateString(node->text);
}

/* A time that cannot be read stays the text it is. */
static cJSON *make_structure(const struct aws_xml *node, const struct aws_ec2_member *shape)
{
    cJSON *object = cJSON_CreateObject();
    for (const struct aws_ec2_member *m = shape; m->xml && object; m++) {
        const struct aws_xml *child = aws_xml_child(node, m->xml);
        if (child)
            cJSON_AddItemToObjectCS(object, m->name, make_value(child, m));
        if (child && m->kind == AWS_EC2_TIME)
            (void)aws_json_time_member(object, m->name);
    }
    return object;
}

static errint add_reservation(cJSON *all, const struct aws_xml *reservation)
{
    const char *owner = aws_xml_text(reservation, "ownerId");
    const struct aws_xml *set = aws_xml_child(reservation, "instancesSet");
    for (const struct aws_xml *item = set ? set->first : NULL; item; item = item->next) {
        if (strcmp(item->name, "item") != 0)
            continue;
        cJSON *instance = make_structure(item, aws_ec2_instance);
        if (!instance)
            return err_set(-ENOMEM, "ec2 " OPERATION);
        cJSON_AddItemToArray(all, instance);
        if (!aws_json_string(instance, "InstanceId"))
            return err_set(-EIO, "ec2 " OPERATION ": an instance without an id");
        cJSON_AddStringToObject(instance, "OwnerId", owner ? owner : "");
    }
    return 0;
}

static errint take_page(cJSON *all, const struct aws_response *response, struct aws_pages *pages, bool *ret_more)
{
    struct aws_xml_document *doc cleanup_xml = NULL;
    errint result = aws_operation_xml(response, AWS_EC2, OPERATION, &doc);
    if (result < 0)
        return result;
    const struct aws_xml *root = aws_xml_root(doc), *set = aws_xml_child(root, "reservationSet");
    if (!set)
        return err_set(-EIO, "ec2 " OPERATION ": an answer without reservations, <%.40s>", root->name);
    for (const struct aws_xml *item = set->first; item && result == 0; item = item->next)
        result = add_reservation(all, item);
    return result < 0 ? result : aws_pages_next(pages, "ec2 " OPERATION, aws_xml_text(root, "nextToken"), ret_more);
}

/* A region that is not enabled refuses keys that are good elsewhere. */
static errint judge(struct aws_session *s, const char *region, const struct aws_response *response, errint result)
{
    const char *code = response->error.code;
    bool disabled = strcmp(code, "OptInRequired") == 0 || (strcmp(code, "AuthFailure") == 0 && atomic_load(&s->proven));
    return result == -EACCES && disabled ? err_add(-ENXIO, "region %s is not enabled", region) : result;
}

static errint read_page(struct aws_session *s, const char *region, struct aws_pages *pages, cJSON *all,
                        struct cancel *c, bool *ret_more)
{
    const struct aws_query query[] = {{"MaxResults", PAGE_SIZE}, {"NextToken", pages->token}};
    struct aws_response response cleanup_response = {0};
    errint result =
        aws_operation_query_raw(s, AWS_EC2, region, VERSION, OPERATION, query, pages->token ? 2 : 1, c, &response);
    return result < 0 ? judge(s, region, &response, result) : take_page(all, &response, pages, ret_more);
}

errint aws_ec2_describe_instances(struct aws_session *s, const char *region, struct cancel *c, cJSON **ret)
{
    struct aws_pages pages cleanup(aws_pages_done) = {0};
    cJSON *all cleanup_json = cJSON_CreateArray();
    if (!all)
        return err_set(-ENOMEM, "ec2 " OPERATION);
    errint result = 0;
    for (bool more = true; more && result == 0;)
        result = read_page(s, region, &pages, all, c, &more);
    if (result == 0)
        *ret = steal_ptr(&all);
    return result;
}

errint aws_ec2_probe(struct aws_session *s, const char *region, struct cancel *c, struct aws_probe *ret)
{
    const struct aws_query query[] = {{"DryRun", "true"}, {"MaxResults", "5"}};
    struct aws_response response;
    errint result = aws_operation_query_raw(s, AWS_EC2, region, VERSION, OPERATION, query, 2, c, &response);
    return aws_operation_probed(result, &response, ret);
}
