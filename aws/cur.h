/* AWS Cost and Usage Reports: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/ (us-east-1, and
 * cn-northwest-1 for cn- regions).
 *
 * Ownership: results are the caller's. Threads: job threads. Errors: aws/errors.h. Cost: one request a page of 5.
 */
#ifndef CTFS_AWS_CUR_H
#define CTFS_AWS_CUR_H

#include <cjson/cJSON.h>

#include "aws/client.h"

/* The array ReportDefinitions, all pages. */
errint aws_cur_describe_report_definitions(struct aws_session *s, struct cancel *c, cJSON **ret);

#endif
