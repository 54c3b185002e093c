/* AWS Organizations: https://docs.aws.amazon.com/organizations/latest/APIReference/
 *
 * Every list follows its pages to the end (an absent, null, empty or repeated token ends it; a repeated one is -EIO) and
 * gives one cJSON array of the elements as AWS CLI v2 prints them (times ISO 8601). One call at a time per client: it
 * throttles early, with HTTP 400.
 *
 * Ownership: results are the caller's (cJSON_Delete). Threads: job threads (blocking).
 * Errors: aws/errors.h; -EACCES outside the management account, -ENOENT for AWSOrganizationsNotInUseException.
 * Cost: one request a page of 20.
 */
#ifndef CTFS_AWS_ORGANIZATIONS_H
#define CTFS_AWS_ORGANIZATIONS_H

#include <cjson/cJSON.h>

#include "aws/client.h"

/* {"Organization": {…}} */
errint aws_organizations_describe_organization(struct aws_session *s, struct cancel *c, cJSON **ret);
errint aws_organizations_list_roots(struct aws_session *s, struct cancel *c, cJSON **ret);
errint aws_organizations_list_units(struct aws_session *s, const char *parent_id, struct cancel *c, cJSON **ret);
/* Direct children of a root or unit. */
errint aws_organizations_list_accounts_for_parent(struct aws_session *s, const char *parent_id, struct cancel *c,
                                                  cJSON **ret);
errint aws_organizations_list_accounts(struct aws_session *s, struct cancel *c, cJSON **ret);
/* [{"Key","Value"}] of an account, unit or root. */
errint aws_organizations_list_tags(struct aws_session *s, const char *resource_id, struct cancel *c, cJSON **ret);

#endif
