/* One request for each permission on buckets and objects. */
#include "aws/operation.h"
#include "aws/s3_parts.h"

static void shape(struct aws_s3_request *r, enum aws_s3_probe_kind kind, const struct aws_query *list,
                  const struct aws_query *location)
{
    struct aws_request *q = &r->request;
    q->method = kind == AWS_S3_PROBE_PUT_ACL ? "PUT" : "GET";
    q->document = kind == AWS_S3_PROBE_LIST;
    if (kind == AWS_S3_PROBE_LOCATION) {
        q->operation = "GetBucketLocation";
        q->query = location;
        q->query_count = 1;
    } else if (kind == AWS_S3_PROBE_LIST) {
        q->operation = "ListObjectsV2";
        q->query = list;
        q->query_count = 3;
    } else if (kind == AWS_S3_PROBE_GET) {
        q->operation = "GetObject";
        aws_s3_request_header(r, "range", "bytes=0-0");
    } else {
        q->operation = "PutObject";
        aws_s3_request_header(r, "if-none-match", "*");
        aws_s3_request_header(r, "x-amz-acl", "bucket-owner-full-control");
    }
}

errint aws_s3_probe(struct aws_session *s, enum aws_s3_probe_kind kind, const char *bucket, const char *key,
                    struct cancel *c, struct aws_probe *ret)
{
    const struct aws_query location[] = {{"location", NULL}};
    const struct aws_query list[] = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", key ? key : ""}};
    bool of_object = kind == AWS_S3_PROBE_GET || kind == AWS_S3_PROBE_PUT_ACL;
    struct aws_s3_request r;
    struct aws_response response = {0};
    *ret = (struct aws_probe){0};
    errint result = aws_s3_request_init(&r, &(struct aws_s3_bucket){.name = bucket}, of_object ? key : NULL);
    if (result < 0)
        return result;
    shape(&r, kind, list, location);
    result = aws_call_run(s, &r.request, c, &response);
    aws_s3_request_done(&r);
    return aws_operation_probed(result, &response, ret);
}
