/* A request to sign as text, for the vectors and for the comparison with other signers: a line each of
 *
 *   form sign|presign      method GET          host H            path /a key (decoded; encoded here, '/' kept)
 *   label one segment (decoded, behind path, '/' encoded)        query name=value    query valueless    header Name:
 * value body B                 service s3          region R          access_key_id A     secret_access_key S
 *   session_token T        time 1795424400     expires 3600 (of presign)
 *
 * with \n, \r, \\ and, in a query's name, \= escaped.
 *
 * Ownership: a case owns its texts. Threads: none. Errors: false for a line that is none of these. Cost: none to speak
 * of.
 */
#ifndef CTFS_TESTS_SIGV4_CASE_H
#define CTFS_TESTS_SIGV4_CASE_H

#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"

#define SIGV4_CASE_PAIRS_MAX 64

struct sigv4_case {
    char *texts[4 * SIGV4_CASE_PAIRS_MAX + 32]; /* all that was allocated */
    size_t text_count;
    struct buf path;
    struct aws_credentials credentials;
    struct aws_query query[SIGV4_CASE_PAIRS_MAX];
    struct aws_sigv4_header headers[SIGV4_CASE_PAIRS_MAX];
    struct aws_sigv4_signer signer;
    struct aws_sigv4_request request;
    int presign; /* boolean */
    int expires_s;
};

static inline void sigv4_case_init(struct sigv4_case *c)
{
    memset(c, 0, sizeof *c);
    c->signer.credentials = &c->credentials;
    c->request.query = c->query;
    c->request.headers = c->headers;
}

static inline void sigv4_case_done(struct sigv4_case *c)
{
    for (size_t i = 0; i < c->text_count; i++)
        free(c->texts[i]);
    buf_done(&c->path);
}

/* Unescapes up to an unescaped STOP or the end (*ret_stopped tells); *AT goes on behind it. */
static inline char *sigv4_case_text(struct sigv4_case *c, const char **at, char stop, int *ret_stopped)
{
    char *text = malloc(strlen(*at) + 1), *out = text;
    const char *p = *at;
    for (; *p && *p != stop; p++) {
        if (*p == '\\' && p[1]) {
            p++;
            *out++ = *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p;
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
    *ret_stopped = stop && *p == stop;
    *at = *ret_stopped ? p + 1 : p;
    c->texts[c->text_count++] = text;
    return text;
}

static inline int sigv4_case_query(struct sigv4_case *c, const char *rest)
{
    int valued, unused;
    if (c->request.query_count == SIGV4_CASE_PAIRS_MAX)
        return 0;
    struct aws_query *q = &c->query[c->request.query_count++];
    q->name = sigv4_case_text(c, &rest, '=', &valued);
    q->value = valued ? sigv4_case_text(c, &rest, '\0', &unused) : NULL;
    return 1;
}

static inline int sigv4_case_header(struct sigv4_case *c, const char *rest)
{
    int colon, unused;
    if (c->request.headers_count == SIGV4_CASE_PAIRS_MAX)
        return 0;
    struct aws_sigv4_header *h = &c->headers[c->request.headers_count++];
    h->name = sigv4_case_text(c, &rest, ':', &colon);
    h->value = sigv4_case_text(c, &rest, '\0', &unused);
    return colon;
}

static inline int sigv4_case_set(struct sigv4_case *c, const char *key, char *value)
{
    const struct {
        const char *key;
        const char **at;
    } texts[] = {
        {"method", &c->request.method},
        {"host", &c->request.host},
        {"service", &c->signer.service},
        {"region", &c->signer.region},
        {"access_key_id", (const char **)&c->credentials.access_key_id},
        {"secret_access_key", (const char **)&c->credentials.secret_access_key},
        {"session_token", (const char **)&c->credentials.session_token},
        {"body", (const char **)&c->request.body},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!strcmp(key, texts[i].key)) {
            *texts[i].at = value;
            c->request.body_len = c->request.body ? strlen(c->request.body) : 0;
            return 1;
        }
    }
    if (!strcmp(key, "time"))
        c->signer.time_unix = atoll(value);
    else if (!strcmp(key, "expires"))
        c->expires_s = atoi(value);
    else if (!strcmp(key, "form"))
        c->presign = !strcmp(value, "presign");
    else if (!strcmp(key, "path"))
        aws_encode_uri_text(&c->path, value, true);
    else if (!strcmp(key, "label"))
        aws_encode_uri_text(&c->path, value, false);
    else
        return 0;
    return 1;
}

/* One line without its newline. */
static inline int sigv4_case_line(struct sigv4_case *c, const char *line)
{
    char key[32];
    size_t len = strcspn(line, " ");
    int unused;
    if (len >= sizeof key || !line[len])
        return 0;
    memcpy(key, line, len);
    key[len] = '\0';
    line += len + 1;
    if (!strcmp(key, "query"))
        return sigv4_case_query(c, line);
    if (!strcmp(key, "header"))
        return sigv4_case_header(c, line);
    int good = sigv4_case_set(c, key, sigv4_case_text(c, &line, '\0', &unused));
    c->request.path = buf_text(&c->path);
    return good;
}

#endif
