/* One small request for each permission that a customer grants: is it there? Nothing is changed by any of them.
 *
 * Each gives 0 when AWS's answer was anything but an authorization error (granted), -EACCES when AWS refused, another
 * failure when nothing can be said (network, throttle). RET tells what AWS said: code ("" for success), HTTP status,
 * request id; filled in every case.
 *
 * Ownership: struct aws_probe is the caller's, no heap. Threads: job threads. Errors: see above. Cost: one request; of
 * GetMetricData $0.00001 to the customer.
 */
#ifndef CTFS_AWS_PROBES_H
#define CTFS_AWS_PROBES_H

#include "aws/client.h"

struct aws_probe {
    char code[64];
    char request_id[128];
    int status;
};

errint aws_cur_probe(struct aws_session *s, struct cancel *c, struct aws_probe *ret);
/* ACTION: "DescribeOrganization" or "ListRoots" (aws/organizations.c). */
errint aws_organizations_probe(struct aws_session *s, const char *action, struct cancel *c, struct aws_probe *ret);
/* DescribeInstances with DryRun=true. */
errint aws_ec2_probe(struct aws_session *s, const char *region, struct cancel *c, struct aws_probe *ret);
/* ACTION: ListClusters, ListServices, ListTasks, ListContainerInstances, DescribeTasks; the last four on a cluster
 * "ctfs-probe" that does not exist. */
errint aws_ecs_probe(struct aws_session *s, const char *region, const char *action, struct cancel *c,
                     struct aws_probe *ret);
/* ACTION: ListClusters, or DescribeCluster of "ctfs-probe". */
errint aws_eks_probe(struct aws_session *s, const char *region, const char *action, struct cancel *c,
                     struct aws_probe *ret);
/* GetMetricData of one metric. */
errint aws_cloudwatch_probe(struct aws_session *s, const char *region, struct cancel *c, struct aws_probe *ret);

enum aws_s3_probe_kind {
    AWS_S3_PROBE_LOCATION, /* ?location */
    AWS_S3_PROBE_LIST,     /* max-keys=1 under KEY as prefix */
    AWS_S3_PROBE_GET,      /* the first byte of KEY */
    AWS_S3_PROBE_PUT_ACL, /* PUT of KEY with If-None-Match: * and x-amz-acl: bucket-owner-full-control; 412 is granted */
};
errint aws_s3_probe(struct aws_session *s, enum aws_s3_probe_kind kind, const char *bucket, const char *key,
                    struct cancel *c, struct aws_probe *ret);

#endif
