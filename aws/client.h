/* The client: one thread that runs every request to AWS, with its connections, retries, deadlines and counters.
 *
 * A request is a state machine: wait for credentials, sign, send, classify; then done, or back off and again, or renew
 * the credentials and replay once, or sign anew for the bucket's region. No redirect is followed.
 *
 * Ownership: sessions are counted; a call belongs to its caller until it is done.
 * Threads:   any; the client's own thread runs callbacks (they must not block). aws_client_free after every session.
 * Errors:    by the one table of aws/errors.h; messages name service, operation, AWS's code and request id.
 * Cost:      kept connections; standard retry mode (AWS SDKs reference, "Retry behavior": 3 attempts, quota of 500).
 */
#ifndef CTFS_AWS_CLIENT_H
#define CTFS_AWS_CLIENT_H

#include "aws/credentials.h"

struct aws_settings {
    const char *region;            /* AWS_REGION, AWS_DEFAULT_REGION or the profile's; NULL: us-east-1 */
    const char *ca_bundle;         /* AWS_CA_BUNDLE; NULL: the system's */
    const char *proxy;             /* HTTPS_PROXY; NULL: none */
    unsigned attempts_max;         /* AWS_MAX_ATTEMPTS; 0: 3 */
    int64_t operation_timeout_ms;  /* op_timeout: a whole call with its retries; 0: 60,000 */
    int64_t connect_timeout_ms;    /* 0: 5,000 */
    int64_t first_byte_timeout_ms; /* 0: 15,000 */
    int64_t stall_timeout_ms;      /* under 1 KiB/s for that long: a new connection; 0: 15,000 */
    bool offline;                  /* every call fails at once with -EHOSTUNREACH */
};

struct aws_client;

/* Copies the settings; reads AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE> and the profile's own (aws-sdk reference,
 * "Service-specific endpoints"). Starts the thread. */
errint aws_client_new(const struct aws_settings *settings, struct jobs *jobs, struct aws_client **ret);

/* Every call under way ends with -ESHUTDOWN within a moment; later ones at once. */
void aws_client_stop(struct aws_client *c);
void aws_client_free(struct aws_client *c);

/* No network until unset: calls fail at once with -EHOSTUNREACH. */
void aws_client_set_offline(struct aws_client *c, bool offline);

/* Who asks: a client, credentials, a home region. */
struct aws_session;
errint aws_session_new(struct aws_client *c, struct aws_creds *creds /* taken; NULL: unsigned */, const char *region,
                       struct aws_session **ret);
struct aws_session *aws_session_get(struct aws_session *s);
void aws_session_put(struct aws_session *s);
struct aws_client *aws_session_client(struct aws_session *s);
struct aws_creds *aws_session_creds(struct aws_session *s);
const char *aws_session_region(struct aws_session *s);

/* The default chain's session: environment, then the profile. Fails only when it is malformed; a missing credential
 * shows at the first call, as -EACCES. */
errint aws_session_default(struct aws_client *c, struct aws_session **ret);

/* What has been asked, a row a service, for status. NAME is "s3", "sts", …; NULL ends the list. */
struct aws_counter {
    const char *name;
    uint64_t requests; /* attempts sent */
    uint64_t retries;  /* of these */
    uint64_t failures; /* calls that ended in failure */
    uint64_t throttles;
    uint64_t bytes_received; /* bodies */
    uint64_t bytes_sent;
};
size_t aws_client_counters(struct aws_client *c, struct aws_counter *ret, size_t max);

/* Where the client's providers fetch credentials. */
struct jobs *aws_client_jobs(struct aws_client *c);

/* The host that an override names for SERVICE ("s3"), or NULL; for status. Valid while the client lives. */
const char *aws_client_endpoint_override(struct aws_client *c, const char *service);

#endif
