/* One probe for each permission on clusters, services and tasks: JSON 1.1, on a cluster that does not exist. */
#include <stdio.h>
#include <string.h>

#include "aws/operation.h"

#define TARGET "AmazonEC2ContainerServiceV20141113"
#define NO_CLUSTER "ctfs-probe"

static cJSON *make_input(const char *action)
{
    cJSON *input = cJSON_CreateObject();
    if (!input || strcmp(action, "ListClusters") == 0)
        return input;
    cJSON_AddStringToObject(input, "cluster", NO_CLUSTER);
    cJSON *tasks = strcmp(action, "DescribeTasks") == 0 ? cJSON_AddArrayToObject(input, "tasks") : NULL;
    if (tasks)
        cJSON_AddItemToArray(tasks, cJSON_CreateString("00000000000000000000000000000000"));
    return input;
}

errint aws_ecs_probe(struct aws_session *s, const char *region, const char *action, struct cancel *c,
                     struct aws_probe *ret)
{
    struct aws_response response;
    cJSON *input = make_input(action);
    errint result = aws_operation_json_raw(s, AWS_ECS, region, TARGET, action, input, c, &response);
    cJSON_Delete(input);
    return aws_operation_probed(result, &response, ret);
}
