/* Amazon EC2: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
 *
 * Ownership: results are the caller's. Threads: job threads. Errors: aws/errors.h; a region that is not enabled for the
 * account answers AuthFailure: -ENXIO here when the same credentials are known good, said by the caller's choice.
 * Cost: one request a page of 1000.
 */
#ifndef CTFS_AWS_EC2_H
#define CTFS_AWS_EC2_H

#include <cjson/cJSON.h>

#include "aws/client.h"

/* The instances of REGION as one array: the bare elements of Instances as AWS CLI v2 prints them, each with the
 * reservation's OwnerId added. Every page. */
errint aws_ec2_describe_instances(struct aws_session *s, const char *region, struct cancel *c, cJSON **ret);

#endif
