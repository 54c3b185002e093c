/* A client of aws/ with one session against a tiny_http server, and credentials that are made to order.
 *
 * Ownership: fixture_start and fixture_stop by the test. Threads: the test's. Errors: abort. Cost: a few threads.
 */
#ifndef CTFS_TESTS_AWS_FIXTURE_H
#define CTFS_TESTS_AWS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "aws/client.h"
#include "aws/providers.h"
#include "base/clock.h"
#include "tests/lib/tiny_http.h"
#include "tests/lib/unit.h"

struct fixture {
    struct tiny server;
    struct jobs *jobs;
    struct aws_client *client;
    struct aws_session *session;
    atomic_uint fetches; /* of credentials: the n-th key id is "AKID<n>", its token "token<n>" */
    int64_t fetch_ms;    /* how long one takes */
};

struct fixture_provider {
    struct aws_provider provider;
    struct fixture *fixture;
};

static inline errint fixture_fetch(struct aws_provider *p, struct cancel *c, struct aws_credentials **ret)
{
    struct fixture *f = ((struct fixture_provider *)p)->fixture;
    char id[32], token[32];
    unsigned n = atomic_fetch_add(&f->fetches, 1) + 1;
    snprintf(id, sizeof id, "AKID%u", n);
    snprintf(token, sizeof token, "token%u", n);
    if (f->fetch_ms > 0) {
        errint result = cancel_sleep_until(c, clock_monotonic_ns() + f->fetch_ms * CLOCK_NS_PER_MS);
        if (result < 0)
            return result;
    }
    return aws_credentials_new(id, "secret", token, clock_wall_unix() + 86400, ret);
}

static inline void fixture_free(struct aws_provider *p)
{
    free(p);
}

static const struct aws_provider_ops fixture_ops = {"test", fixture_fetch, fixture_free, NULL};

static inline void fixture_must(errint result)
{
    if (result < 0) {
        fprintf(stderr, "%s\n", err_message());
        abort();
    }
}

/* SETTINGS NULL: defaults. */
static inline void fixture_start(struct fixture *f, tiny_answer answer, void *arg, const struct aws_settings *settings)
{
    static const struct aws_settings defaults = {0};
    memset(f, 0, sizeof *f);
    tiny_start(&f->server, answer, arg);
    setenv("AWS_ENDPOINT_URL", f->server.url, 1);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    fixture_must(jobs_new(4, &f->jobs));
    fixture_must(aws_client_new(settings ? settings : &defaults, f->jobs, &f->client));
    struct fixture_provider *p = calloc(1, sizeof *p);
    struct aws_creds *creds = NULL;
    if (!p)
        abort();
    p->provider.ops = &fixture_ops;
    p->fixture = f;
    fixture_must(aws_creds_new(&p->provider, f->jobs, &creds));
    fixture_must(aws_session_new(f->client, creds, NULL, &f->session));
}

static inline void fixture_stop(struct fixture *f)
{
    aws_session_put(f->session);
    jobs_free(f->jobs);
    aws_client_free(f->client);
    tiny_stop(&f->server);
}

static inline struct aws_counter fixture_counter(struct fixture *f, const char *name)
{
    struct aws_counter counters[32];
    size_t count = aws_client_counters(f->client, counters, 32);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(counters[i].name, name) == 0)
            return counters[i];
    }
    abort();
}

#endif
