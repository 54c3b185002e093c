/* AWS STS by its regional endpoint: https://docs.aws.amazon.com/STS/latest/APIReference/
 *
 * Ownership: results are the caller's. Threads: job threads (blocking). Errors: aws/errors.h; AssumeRole's AccessDenied
 * is -EACCES (wrong or missing external id, no trust, no such role: AWS does not tell them apart).
 * Cost: one request each.
 */
#ifndef CTFS_AWS_STS_H
#define CTFS_AWS_STS_H

#include "aws/client.h"

struct aws_identity {
    char *account; /* 12 digits */
    char *arn;
    char *user_id;
};
errint aws_sts_get_caller_identity(struct aws_session *s, struct cancel *c, struct aws_identity *ret);
void aws_identity_done(struct aws_identity *i);

struct aws_assume_role {
    const char *role_arn;
    const char *external_id;       /* NULL: sent without */
    const char *role_session_name; /* NULL: "ctfs-" and 16 random hex digits */
    const char *session_policy;    /* JSON text; NULL: none */
    int duration_seconds;          /* 0: 3600 */
};
errint aws_sts_assume_role(struct aws_session *s, const struct aws_assume_role *in, struct cancel *c,
                           struct aws_credentials **ret);

/* Does AWS let us in? 0; -EACCES when it says AccessDenied. What is refused for another reason (a key that it does not
 * know, a signature, a proxy's page) says nothing of the role: -EAGAIN. */
errint aws_sts_try_role(struct aws_session *s, const struct aws_assume_role *in, struct cancel *c);

/* A session that acts as the role: its credentials renewed by AssumeRole through SOURCE. The texts are copied. */
errint aws_sts_role_session(struct aws_session *source, const struct aws_assume_role *in, struct aws_session **ret);

/* AssumeRole with SOURCE's credentials by the client that CLIENT is: the aws_assume_fn of aws/providers.h. */
errint aws_sts_assume_with(void *client, struct aws_creds *source, const struct aws_assume_role *in, struct cancel *c,
                           struct aws_credentials **ret);

#endif
