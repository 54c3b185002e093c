/* JSON 1.1. A page has exactly five definitions: MaxResults is left out. */
#include "aws/cur.h"

#include "aws/json.h"
#include "aws/operation.h"
#include "aws/shape.h"
#include "base/cleanup.h"

#define TARGET "AWSOrigamiServiceGatewayService"
#define OPERATION "DescribeReportDefinitions"

#define cleanup_json cleanup(aws_json_deletep)

static errint read_page(struct aws_session *s, struct aws_pages *pages, cJSON *all, struct cancel *c, bool *ret_more)
{
    cJSON *input cleanup_json = cJSON_CreateObject();
    cJSON *page cleanup_json = NULL;
    if (!input || (pages->token && !cJSON_AddStringToObject(input, "NextToken", pages->token)))
        return err_set(-ENOMEM, "cur " OPERATION);
    errint result = aws_operation_json(s, AWS_CUR, NULL, TARGET, OPERATION, input, c, &page);
    if (result < 0)
        return result;
    cJSON *list = cJSON_GetObjectItemCaseSensitive(page, "ReportDefinitions");
    if (list && !cJSON_IsArray(list) && !cJSON_IsNull(list))
        return err_set(-EIO, "cur " OPERATION ": ReportDefinitions is no list");
    while (list && list->child)
        cJSON_AddItemToArray(all, cJSON_DetachItemViaPointer(list, list->child));
    return aws_pages_next(pages, "cur " OPERATION, aws_json_string(page, "NextToken"), ret_more);
}

errint aws_cur_describe_report_definitions(struct aws_session *s, struct cancel *c, cJSON **ret)
{
    struct aws_pages pages cleanup(aws_pages_done) = {0};
    cJSON *all cleanup_json = cJSON_CreateArray();
    if (!all)
        return err_set(-ENOMEM, "cur " OPERATION);
    errint result = 0;
    for (bool more = true; more && result == 0;)
        result = read_page(s, &pages, all, c, &more);
    if (result == 0)
        result = aws_shape_apply(all, aws_shape_report_definition);
    if (result == 0)
        *ret = steal_ptr(&all);
    return result;
}

errint aws_cur_probe(struct aws_session *s, struct cancel *c, struct aws_probe *ret)
{
    struct aws_response response;
    errint result = aws_operation_json_raw(s, AWS_CUR, NULL, TARGET, OPERATION, NULL, c, &response);
    return aws_operation_probed(result, &response, ret);
}
