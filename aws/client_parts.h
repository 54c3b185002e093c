/* The insides of struct aws_client and struct aws_session, for client.c, call.c and what must look into them.
 *
 * Ownership: see aws/client.h. Threads: stated at each field. Errors, cost: none.
 */
#ifndef CTFS_AWS_CLIENT_PARTS_H
#define CTFS_AWS_CLIENT_PARTS_H

#include <pthread.h>

#include "aws/call.h"
#include "aws/retry.h"

/* A server's clock: what to add to ours. */
struct aws_clock_offset {
    struct aws_clock_offset *next;
    int64_t offset_s;
    char host[AWS_ENDPOINT_TEXT_MAX];
};

struct aws_bucket_region {
    struct aws_bucket_region *next;
    char region[33];
    char bucket[];
};

struct aws_client {
    char *region;
    unsigned attempts_max;
    int64_t operation_timeout_ms;
    struct jobs *jobs;
    struct aws_endpoints *endpoints;
    struct aws_http *http;
    atomic_bool offline, stopped;
    struct aws_http_post post_stop;

    pthread_mutex_t lock;                           /* a leaf */
    struct aws_counter counters[AWS_SERVICE_COUNT]; /* protected by lock */
    struct aws_clock_offset *offsets;               /* protected by lock */
    struct aws_bucket_region *buckets;              /* protected by lock */
    unsigned bucket_count;                          /* protected by lock */

    /* the thread's own */
    struct aws_retry_quota quotas[AWS_SERVICE_COUNT];
    struct aws_call *calls;
    unsigned organizations_running; /* 0 or 1 */
};

struct aws_session {
    atomic_uint refs;
    struct aws_client *client;
    struct aws_creds *creds; /* NULL: unsigned */
    char *region;
    atomic_bool proven; /* a signed call was answered well: its credentials are good */
};

/* The region a bucket is known to be in: true and *ret. */
bool aws_client_bucket_region(struct aws_client *c, const char *bucket, char ret[33]);
void aws_client_learn_bucket(struct aws_client *c, const char *bucket, const char *region);

int64_t aws_client_clock_offset_s(struct aws_client *c, const char *host);
void aws_client_learn_clock(struct aws_client *c, const char *host, int64_t offset_s);

/* The credentials of S, waited for: NULL for an unsigned session. Job threads. */
errint aws_session_credentials(struct aws_session *s, struct cancel *c, struct aws_credentials **ret);

#endif
