/* The shape of EC2's Instance: how its XML becomes what AWS CLI v2 prints.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
 *
 * Ownership: static. Threads: any. Errors: none. Cost: none.
 */
#ifndef CTFS_AWS_EC2_SHAPES_H
#define CTFS_AWS_EC2_SHAPES_H

enum aws_ec2_kind {
    AWS_EC2_STRING,
    AWS_EC2_INTEGER,
    AWS_EC2_BOOLEAN,
    AWS_EC2_TIME,
    AWS_EC2_STRINGS, /* of <item>text</item> */
    AWS_EC2_STRUCTURE,
    AWS_EC2_STRUCTURES, /* of <item>…</item> */
};

struct aws_ec2_member {
    const char *xml;  /* "instancesSet"; NULL ends a shape */
    const char *name; /* "Instances" */
    enum aws_ec2_kind kind;
    const struct aws_ec2_member *below; /* of structures */
};

extern const struct aws_ec2_member aws_ec2_instance[];

#endif
