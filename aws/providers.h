/* The kinds of credentials, one file each: what struct aws_creds fetches from.
 * AWS SDKs and Tools reference guide, "Standardized credential providers".
 *
 * Ownership: a provider belongs to the struct aws_creds that it is given to (ops->free otherwise). Texts are copied.
 * Threads:   fetch is called by one thread at a time and may block; nothing else is shared.
 * Errors:    of fetch, see aws/credentials.h; -ENOENT says that nothing of this kind is configured, so that a chain
 *            goes on. Messages name the profile or the program, never a key or an argument.
 * Cost:      environment: nothing; profile: two small files; process: a process; role: one request.
 */
#ifndef CTFS_AWS_PROVIDERS_H
#define CTFS_AWS_PROVIDERS_H

#include "aws/credentials.h"

struct aws_assume_role; /* aws/sts.h */

/* AssumeRole with SOURCE's credentials: aws/sts.c has the real one; tests have their own. IN has its session name. */
typedef errint (*aws_assume_fn)(void *arg, struct aws_creds *source, const struct aws_assume_role *in, struct cancel *c,
                                struct aws_credentials **ret);

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (or AWS_SECURITY_TOKEN), AWS_CREDENTIAL_EXPIRATION. */
errint aws_creds_environment_new(struct aws_provider **ret);

/* A profile of the shared files, read anew at each fetch. NAME NULL: as aws_profiles_load. In this order: role_arn with
 * source_profile (or credential_source = Environment), keys of the credentials file, credential_process, keys of the
 * config file; of a source profile, its own keys come before its role_arn. ASSUME(ARG, …) is called for role_arn; both
 * outlive the provider, and so does JOBS. */
errint aws_creds_profile_new(const char *name, struct jobs *jobs, aws_assume_fn assume, void *arg,
                             struct aws_provider **ret);

/* A program that prints {"Version": 1, "AccessKeyId": …}. COMMAND is split as a POSIX shell splits words, without its
 * expansions, and run without one, its stderr thrown away. It has TIMEOUT_MS (0: 60,000); then it is killed, with its
 * process group, and so it is when C is asked. PROFILE stands in messages. */
errint aws_creds_process_new(const char *profile, const char *command, int64_t timeout_ms, struct aws_provider **ret);

/* A role, assumed with SOURCE (a reference is taken) at each fetch. Each session has a name of its own unless IN names
 * one. duration_seconds 0 is 3,600; at most 43,200, and 3,600 when SOURCE is a role's session itself (IAM user guide,
 * "Role chaining"), which the caller knows. ARG outlives the provider. */
errint aws_creds_role_new(struct aws_creds *source, const struct aws_assume_role *in, aws_assume_fn assume, void *arg,
                          struct aws_provider **ret);

/* "ctfs-" and 16 random hex digits. */
#define AWS_CREDS_SESSION_NAME_SIZE 22
errint aws_creds_role_session_name(char ret_name[AWS_CREDS_SESSION_NAME_SIZE]);

/* These credentials, always; a reference is taken. */
errint aws_creds_fixed_new(struct aws_credentials *credentials, struct aws_provider **ret);

/* The default chain: environment (not when PROFILE is given), then the profile. -EACCES when none of them has any. */
errint aws_creds_chain_new(const char *profile, struct jobs *jobs, aws_assume_fn assume, void *arg,
                           struct aws_provider **ret);

#endif
