/* The Query protocol; every answer's result stands in one element below the root. */
#include "aws/sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/operation.h"
#include "aws/providers.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define VERSION "2011-06-15"

static errint take_text(const struct aws_xml *node, const char *name, char **ret)
{
    const char *text = aws_xml_text(node, name);
    if (!text || !*text)
        return err_set(-EIO, "sts: an answer without %s", name);
    *ret = strdup(text);
    return *ret ? 0 : err_set(-ENOMEM, "sts: %s", name);
}

void aws_identity_done(struct aws_identity *i)
{
    free(i->account);
    free(i->arn);
    free(i->user_id);
    *i = (struct aws_identity){0};
}

errint aws_sts_get_caller_identity(struct aws_session *s, struct cancel *c, struct aws_identity *ret)
{
    struct aws_response response cleanup_response = {0};
    struct aws_xml_document *doc cleanup_xml = NULL;
    errint result = aws_operation_query_raw(s, AWS_STS, NULL, VERSION, "GetCallerIdentity", NULL, 0, c, &response);
    if (result == 0)
        result = aws_operation_xml(&response, AWS_STS, "GetCallerIdentity", &doc);
    if (result < 0)
        return result;
    const struct aws_xml *node = aws_xml_find(aws_xml_root(doc), "GetCallerIdentityResult");
    struct aws_identity identity = {0};
    result = take_text(node, "Account", &identity.account);
    if (result == 0)
        result = take_text(node, "Arn", &identity.arn);
    if (result == 0)
        result = take_text(node, "UserId", &identity.user_id);
    if (result < 0)
        aws_identity_done(&identity);
    else
        *ret = identity;
    return result;
}

static errint read_credentials(const struct aws_response *response, struct aws_credentials **ret)
{
    struct aws_xml_document *doc cleanup_xml = NULL;
    errint result = aws_operation_xml(response, AWS_STS, "AssumeRole", &doc);
    if (result < 0)
        return result;
    const struct aws_xml *node = aws_xml_find(aws_xml_root(doc), "Credentials");
    const char *id = aws_xml_text(node, "AccessKeyId"), *secret = aws_xml_text(node, "SecretAccessKey");
    const char *token = aws_xml_text(node, "SessionToken"), *expiration = aws_xml_text(node, "Expiration");
    int64_t expires_unix;
    if (!id || !secret || !token || !expiration || clock_parse_iso(expiration, &expires_unix) < 0)
        return err_set(-EIO, "sts AssumeRole: an answer without whole credentials");
    /* expiry is compared with our clock: by a wrong one, a session would be over when it comes, or live too long */
    return aws_credentials_new(id, secret, token, expires_unix - response->clock_offset_s, ret);
}

static errint ask_for_role(struct aws_session *s, const struct aws_assume_role *in, struct cancel *c,
                           struct aws_response *ret)
{
    char name[AWS_CREDS_SESSION_NAME_SIZE], duration[16];
    errint result = in->role_session_name ? 0 : aws_creds_role_session_name(name);
    if (result < 0)
        return result;
    snprintf(duration, sizeof duration, "%d", in->duration_seconds ? in->duration_seconds : 3600);
    struct aws_query parameters[5] = {{"RoleArn", in->role_arn},
                                      {"RoleSessionName", in->role_session_name ? in->role_session_name : name},
                                      {"DurationSeconds", duration}};
    size_t count = 3;
    if (in->external_id)
        parameters[count++] = (struct aws_query){"ExternalId", in->external_id};
    if (in->session_policy)
        parameters[count++] = (struct aws_query){"Policy", in->session_policy};
    result = aws_operation_query_raw(s, AWS_STS, NULL, VERSION, "AssumeRole", parameters, count, c, ret);
    return result < 0 ? err_add(result, "%s", in->role_arn) : 0;
}

errint aws_sts_assume_role(struct aws_session *s, const struct aws_assume_role *in, struct cancel *c,
                           struct aws_credentials **ret)
{
    struct aws_response response cleanup_response = {0};
    errint result = ask_for_role(s, in, c, &response);
    return result < 0 ? result : read_credentials(&response, ret);
}

errint aws_sts_try_role(struct aws_session *s, const struct aws_assume_role *in, struct cancel *c)
{
    struct aws_response response cleanup_response = {0};
    struct aws_credentials *credentials = NULL;
    errint result = ask_for_role(s, in, c, &response);
    if (result == 0)
        result = read_credentials(&response, &credentials);
    if (credentials)
        aws_credentials_put(credentials);
    if (result == -EACCES && strcmp(response.error.code, "AccessDenied") != 0)
        return err_add(-EAGAIN, "this says nothing of the role");
    return result;
}

errint aws_sts_assume_with(void *client, struct aws_creds *source, const struct aws_assume_role *in, struct cancel *c,
                           struct aws_credentials **ret)
{
    struct aws_session *s = NULL;
    errint result = aws_session_new(client, aws_creds_get(source), NULL, &s);
    if (result < 0)
        return result;
    result = aws_sts_assume_role(s, in, c, ret);
    aws_session_put(s);
    return result;
}

errint aws_sts_role_session(struct aws_session *source, const struct aws_assume_role *in, struct aws_session **ret)
{
    struct aws_client *client = aws_session_client(source);
    struct aws_provider *role = NULL;
    struct aws_creds *creds = NULL;
    if (!aws_session_creds(source))
        return err_set(-EACCES, "%s: no credentials to assume it with", in->role_arn);
    errint result = aws_creds_role_new(aws_session_creds(source), in, aws_sts_assume_with, client, &role);
    if (result == 0)
        result = aws_creds_new(role, aws_client_jobs(client), &creds);
    return result < 0 ? result : aws_session_new(client, creds, aws_session_region(source), ret);
}
