/* What AWS CLI v2 prints of a JSON answer: the members that AWS's model names, in the model's order, nulls left out.
 * A server sends them in any order, and with members of its own. See botocore's models, "organizations" and "cur".
 *
 * Ownership: shapes are static; values are changed in place.
 * Threads:   any.
 * Errors:    -ENOMEM.
 * Cost:      linear in the answer times the members of a shape.
 */
#ifndef CTFS_AWS_SHAPE_H
#define CTFS_AWS_SHAPE_H

#include <cjson/cJSON.h>

#include "base/errors.h"

struct aws_shape_member {
    const char *name;                     /* NULL ends a shape */
    const struct aws_shape_member *below; /* of a structure, or of each structure of a list; NULL: taken as it is */
};

extern const struct aws_shape_member aws_shape_account[];      /* organizations: Account */
extern const struct aws_shape_member aws_shape_organization[]; /* DescribeOrganization's answer */
extern const struct aws_shape_member aws_shape_tag[];
extern const struct aws_shape_member aws_shape_report_definition[]; /* cur: ReportDefinition */

/* OBJECT, or each object of an array, gets SHAPE; what is neither is left as it is. */
errint aws_shape_apply(cJSON *value, const struct aws_shape_member *shape);

#endif
