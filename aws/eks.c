/* One probe for each permission on clusters: GETs of rest-json. maxResults is never sent: it loses clusters where pages
 * have no token. */
#include <string.h>

#include "aws/operation.h"

errint aws_eks_probe(struct aws_session *s, const char *region, const char *action, struct cancel *c,
                     struct aws_probe *ret)
{
    struct aws_response response;
    struct aws_request request = {
        .service = AWS_EKS,
        .operation = action,
        .method = "GET",
        .region = region,
        .document = true,
        .path = strcmp(action, "ListClusters") == 0 ? "/clusters" : "/clusters/ctfs-probe",
    };
    errint result = aws_call_run(s, &request, c, &response);
    return aws_operation_probed(result, &response, ret);
}
