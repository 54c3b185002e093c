/* Where each service answers: partitions, hosts, pinned regions, overrides.
 * AWS SDKs and Tools reference guide, "Service-specific endpoints"; S3 user guide, "Virtual hosting of buckets".
 *
 * Ownership: struct aws_endpoint is the caller's, no heap; struct aws_endpoints keeps the overrides it read.
 * Threads:   read-only after aws_endpoints_new.
 * Errors:    -EINVAL an override that is not a URL of scheme, host and path, or a region that is not a name;
 *            -EOPNOTSUPP a service that the partition lacks.
 * Cost:      no network.
 */
#ifndef CTFS_AWS_ENDPOINT_H
#define CTFS_AWS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/errors.h"

enum aws_service {
    AWS_S3,
    AWS_STS,
    AWS_ORGANIZATIONS,
    AWS_CUR,
    AWS_EC2,
    AWS_ECS,
    AWS_EKS,
    AWS_CLOUDWATCH,
    AWS_SERVICE_COUNT
};

struct aws_service_info {
    const char *name;          /* "s3": in messages, counters */
    const char *signing_name;  /* "monitoring" for cloudwatch */
    const char *host_prefix;   /* the first part of its host names */
    const char *variable;      /* AWS_ENDPOINT_URL_<this>; in lower case, the name in a services section */
    const char *region_aws;    /* where it is pinned to in each partition; NULL: not pinned */
    const char *region_aws_cn; /* "": not offered there */
    const char *region_aws_gov;
};
const struct aws_service_info *aws_service_info(enum aws_service service);

/* Is REGION a name ([a-z0-9-], at most 32)? */
bool aws_endpoint_region_valid(const char *region);

/* "aws", "aws-cn", "aws-us-gov", …, by the region's name. */
const char *aws_endpoint_partition(const char *region);

struct aws_endpoints;

/* Reads AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, and where those are silent
 * the profile of aws/profiles.h. A shared file that cannot be read fails here only if it is malformed. */
errint aws_endpoints_new(struct aws_endpoints **ret);
void aws_endpoints_free(struct aws_endpoints *e); /* NULL is nothing */

/* The override's URL as it was given, or NULL. */
const char *aws_endpoints_override(const struct aws_endpoints *e, enum aws_service service);

#define AWS_ENDPOINT_TEXT_MAX 320
struct aws_endpoint {
    char origin[AWS_ENDPOINT_TEXT_MAX]; /* "https://host" or "http://127.0.0.1:5602": what requests are sent to */
    char host[AWS_ENDPOINT_TEXT_MAX];   /* the Host header */
    char path[AWS_ENDPOINT_TEXT_MAX];   /* goes before every path: "" or "/bucket"; no '/' at its end */
    char region[33];                    /* signed for */
};

/* BUCKET for S3 alone (NULL: none): in the host, or in the path where an override is set or the name cannot be part of
 * a host name that TLS proves (a dot, upper case, '_'). */
errint aws_endpoint_of(const struct aws_endpoints *e, enum aws_service service, const char *region, const char *bucket,
                       struct aws_endpoint *ret);

/* May ORIGIN be asked in plain HTTP: is its host a loopback or link-local address, or localhost? */
bool aws_endpoint_is_local(const char *host);

#endif
