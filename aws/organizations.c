/* JSON 1.1; every list is read page by page into one array. aws/call.c asks one at a time. */
#include "aws/organizations.h"

#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "aws/operation.h"
#include "aws/shape.h"
#include "base/cleanup.h"

#define TARGET "AWSOrganizationsV20161128"
#define PAGE_SIZE 20

#define cleanup_json cleanup(aws_json_deletep)

static errint ask(struct aws_session *s, const char *operation, const cJSON *input, struct cancel *c, cJSON **ret)
{
    return aws_operation_json(s, AWS_ORGANIZATIONS, NULL, TARGET, operation, input, c, ret);
}

errint aws_organizations_describe_organization(struct aws_session *s, struct cancel *c, cJSON **ret)
{
    cJSON *answer cleanup_json = NULL;
    errint result = ask(s, "DescribeOrganization", NULL, c, &answer);
    if (result == 0 && !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(answer, "Organization")))
        result = err_set(-EIO, "organizations DescribeOrganization: an answer without Organization");
    if (result == 0)
        result = aws_shape_apply(answer, aws_shape_organization);
    if (result == 0)
        *ret = steal_ptr(&answer);
    return result;
}

static cJSON *make_input(const char *key, const char *value, bool sized, const char *token)
{
    cJSON *input = cJSON_CreateObject();
    bool good = input && (!key || cJSON_AddStringToObject(input, key, value)) &&
                (!sized || cJSON_AddNumberToObject(input, "MaxResults", PAGE_SIZE)) &&
                (!token || cJSON_AddStringToObject(input, "NextToken", token));
    if (good)
        return input;
    cJSON_Delete(input);
    return NULL;
}

/* Moves the elements of PAGE's member LIST to ALL. */
static errint append(cJSON *all, cJSON *page, const char *operation, const char *list)
{
    cJSON *elements = cJSON_GetObjectItemCaseSensitive(page, list);
    if (elements && !cJSON_IsArray(elements) && !cJSON_IsNull(elements))
        return err_set(-EIO, "organizations %s: %s is no list", operation, list);
    while (elements && elements->child) {
        cJSON *element = cJSON_DetachItemViaPointer(elements, elements->child);
        errint result = aws_json_time_member(element, "JoinedTimestamp");
        cJSON_AddItemToArray(all, element);
        if (result < 0)
            return err_add(result, "organizations %s", operation);
    }
    return 0;
}

struct listing {
    const char *operation, *list;
    const char *key, *value;              /* its one parameter; NULL: none */
    bool sized;                           /* takes MaxResults */
    const struct aws_shape_member *shape; /* of an element; NULL: as it comes */
};

static errint read_page(struct aws_session *s, const struct listing *l, struct aws_pages *pages, cJSON *all,
                        struct cancel *c, bool *ret_more)
{
    cJSON *input cleanup_json = make_input(l->key, l->value, l->sized, pages->token);
    cJSON *page cleanup_json = NULL;
    if (!input)
        return err_set(-ENOMEM, "organizations %s", l->operation);
    errint result = ask(s, l->operation, input, c, &page);
    if (result == 0)
        result = append(all, page, l->operation, l->list);
    return result < 0 ? result : aws_pages_next(pages, l->operation, aws_json_string(page, "NextToken"), ret_more);
}

struct element {
    cJSON *json;
    const char *id;
    size_t index;
};

static int by_id(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* What moves while pages are read may stand on two of them: of elements with one Id the last stays. */
static errint drop_earlier_twins(cJSON *all, const char *operation)
{
    struct element *elements cleanup_free = calloc((size_t)cJSON_GetArraySize(all) + 1, sizeof *elements);
    size_t count = 0, index = 0;
    if (!elements)
        return err_set(-ENOMEM, "organizations %s", operation);
    for (cJSON *json = all->child; json; json = json->next, index++) {
        const char *id = aws_json_string(json, "Id");
        if (id)
            elements[count++] = (struct element){json, id, index};
    }
    qsort(elements, count, sizeof *elements, by_id);
    for (size_t i = 0; i + 1 < count; i++) {
        if (strcmp(elements[i].id, elements[i + 1].id) == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(all, elements[i].json));
    }
    return 0;
}

static errint read_list(struct aws_session *s, const struct listing *l, struct cancel *c, cJSON **ret)
{
    struct aws_pages pages cleanup(aws_pages_done) = {0};
    cJSON *all cleanup_json = cJSON_CreateArray();
    if (!all)
        return err_set(-ENOMEM, "organizations %s", l->operation);
    errint result = 0;
    for (bool more = true; more && result == 0;)
        result = read_page(s, l, &pages, all, c, &more);
    if (result == 0)
        result = drop_earlier_twins(all, l->operation);
    if (result == 0 && l->shape)
        result = aws_shape_apply(all, l->shape);
    if (result == 0)
        *ret = steal_ptr(&all);
    return result;
}

errint aws_organizations_list_roots(struct aws_session *s, struct cancel *c, cJSON **ret)
{
    return read_list(s, &(struct listing){"ListRoots", "Roots", NULL, NULL, true, NULL}, c, ret);
}

errint aws_organizations_list_units(struct aws_session *s, const char *parent_id, struct cancel *c, cJSON **ret)
{
    struct listing l = {"ListOrganizationalUnitsForParent", "OrganizationalUnits", "ParentId", parent_id, true, NULL};
    return read_list(s, &l, c, ret);
}

errint aws_organizations_list_accounts_for_parent(struct aws_session *s, const char *parent_id, struct cancel *c,
                                                  cJSON **ret)
{
    struct listing l = {"ListAccountsForParent", "Accounts", "ParentId", parent_id, true, aws_shape_account};
    return read_list(s, &l, c, ret);
}

errint aws_organizations_list_accounts(struct aws_session *s, struct cancel *c, cJSON **ret)
{
    return read_list(s, &(struct listing){"ListAccounts", "Accounts", NULL, NULL, true, aws_shape_account}, c, ret);
}

errint aws_organizations_list_tags(struct aws_session *s, const char *resource_id, struct cancel *c, cJSON **ret)
{
    struct listing l = {"ListTagsForResource", "Tags", "ResourceId", resource_id, false, aws_shape_tag};
    return read_list(s, &l, c, ret);
}

errint aws_organizations_probe(struct aws_session *s, const char *action, struct cancel *c, struct aws_probe *ret)
{
    struct aws_response response;
    errint result = aws_operation_json_raw(s, AWS_ORGANIZATIONS, NULL, TARGET, action, NULL, c, &response);
    return aws_operation_probed(result, &response, ret);
}
