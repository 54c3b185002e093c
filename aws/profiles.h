/* The shared config and credentials files together, seen from one profile.
 * AWS SDKs and Tools reference guide, "Shared config and credentials files".
 *
 * Ownership: aws_profiles_free; texts are valid until then. Both files' texts are wiped with it.
 * Threads:   read-only after loading.
 * Errors:    -EINVAL a malformed file, or a profile that was asked for by name and is in neither; -EFBIG over 1 MiB;
 *            -EACCES … of reading. A file that is not there is empty.
 * Cost:      two small files.
 */
#ifndef CTFS_AWS_PROFILES_H
#define CTFS_AWS_PROFILES_H

#include "aws/config.h"

struct aws_profiles;

/* Reads AWS_CONFIG_FILE (~/.aws/config) and AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials). PROFILE NULL:
 * AWS_PROFILE, AWS_DEFAULT_PROFILE, else "default", which need not exist. */
errint aws_profiles_load(const char *profile, struct aws_profiles **ret);
void aws_profiles_free(struct aws_profiles *p); /* NULL is nothing */

/* The profile in use. */
const char *aws_profiles_name(const struct aws_profiles *p);
bool aws_profiles_has(const struct aws_profiles *p, const char *profile);

/* A value of PROFILE (NULL: the one in use), the credentials file's before the config file's; NULL if neither has it.
 */
const char *aws_profiles_get(const struct aws_profiles *p, const char *profile, const char *key);
/* From one of the files alone. */
const char *aws_profiles_get_credentials(const struct aws_profiles *p, const char *profile, const char *key);
const char *aws_profiles_get_config(const struct aws_profiles *p, const char *profile, const char *key);

/* What the files say of a service's endpoint: the profile's `services` section ("s3 =" and an indented
 * "endpoint_url = …"), else the profile's own endpoint_url, else NULL. SERVICE is the service's identifier in lower
 * case: s3, sts, organizations, cost_and_usage_report_service, ec2, ecs, eks, cloudwatch. The variables
 * AWS_ENDPOINT_URL…, which come first, and AWS_IGNORE_CONFIGURED_ENDPOINT_URLS are the caller's to ask. */
const char *aws_profiles_endpoint_url(const struct aws_profiles *p, const char *service);

/* The profile's region, or NULL; AWS_REGION and AWS_DEFAULT_REGION, which come first, are the caller's to ask. */
const char *aws_profiles_region(const struct aws_profiles *p);

#endif
