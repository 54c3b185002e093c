/* One call to AWS: credentials, signature, transport, verdict; done, or again.
 *
 * Ownership: counted. The texts of a request stay valid until done(); a response is its owner's (aws_response_done).
 * Threads:   aws_call_start, aws_call_cancel and aws_call_put from any; ops run on the client's thread and must not block.
 *            aws_call_run blocks: job threads alone.
 * Errors:    by aws/errors.h; -EACCES no credentials, or a mistake in their configuration; -EINTR cancelled, -ESHUTDOWN the
 *            client stopped, -EFBIG an answer past size_max.
 * Cost:      one request, retries as aws/retry.h.
 */
#ifndef CTFS_AWS_CALL_H
#define CTFS_AWS_CALL_H

#include "aws/client.h"
#include "aws/endpoint.h"
#include "aws/errors.h"
#include "aws/http.h"
#include "aws/sigv4.h"

#define AWS_CALL_SIZE_MAX ((size_t)16 * 1024 * 1024)

struct aws_request {
    enum aws_service service;
    const char *operation; /* "GetObject" */
    const char *target;    /* what it is about, for messages ("s3://b/k"); NULL: nothing to add */
    const char *method;    /* "GET" */
    const char *region;    /* NULL: the session's; for a bucket: where it is known to be */
    const char *bucket;    /* S3; NULL */
    const char *path;      /* encoded once, begins with '/' */
    const struct aws_query *query;
    size_t query_count;
    const struct aws_sigv4_header *headers; /* all are signed; VALUE NULL: left out */
    size_t header_count;
    const void *body;
    size_t body_len;
    size_t size_max;      /* of the answer's body; 0: AWS_CALL_SIZE_MAX */
    bool document;        /* the answer is XML or JSON: a 200 may be an error document */
    bool without_signing; /* no credentials are asked for or sent */
    const char *url;      /* whole, in place of the service's endpoint; not signed */
};

struct aws_response {
    struct aws_error error; /* of the last answer; its status and request_id are filled on success too */
    int64_t clock_offset_s; /* the server's clock less ours, as far as it was learnt */
    struct aws_http_head head;
    struct buf body;
};
void aws_response_done(struct aws_response *r);

/* Sends and waits. RET is filled in every case, as far as an answer came. */
errint aws_call_run(struct aws_session *s, const struct aws_request *in, struct cancel *c, struct aws_response *ret);

struct aws_call;
struct aws_call_ops {
    /* It waits for credentials; may be NULL. Their fetch may stand behind jobs that wait for calls such as this one:
     * a thread that does wait should call aws_creds_wait, which fetches. */
    void (*starved)(struct aws_call *call);
    /* Before each attempt, to change what is in the request; may be NULL. */
    void (*prepare)(struct aws_call *call);
    /* A 2xx answer began; may be NULL. A failure ends the call. */
    errint (*head)(struct aws_call *call, const struct aws_http_head *head);
    /* Its body; NULL: gathered in response.body. With it the call's deadline is one of progress: it moves with every
     * byte, and an attempt of 64 KiB or more makes the next failure the first. */
    errint (*data)(struct aws_call *call, const void *data, size_t len);
    /* The last but free: RESULT with its message. */
    void (*done)(struct aws_call *call, errint result);
    void (*free)(struct aws_call *call); /* the last reference is gone */
};

enum aws_call_state {
    AWS_CALL_NEW,
    AWS_CALL_QUEUED,
    AWS_CALL_CREDENTIALS,
    AWS_CALL_SENDING,
    AWS_CALL_WAITING,
    AWS_CALL_DONE
};

struct aws_call {
    const struct aws_call_ops *ops;
    struct aws_request in;
    struct aws_response response;
    bool bulk; /* may wait behind other calls to its host */

    /* private */
    bool succeeding, renewed, unskewed, moved;
    enum aws_call_state state;
    atomic_uint refs;
    atomic_int cancel_code;
    unsigned retries;  /* in a row */
    unsigned attempts; /* in all */
    int quota_taken;   /* by the last retry */
    struct aws_session *session;
    struct aws_call *next, *prev; /* in the client's list */
    struct aws_http_post post_start, post_woken, post_cancel;
    struct aws_http_timer timer;
    struct aws_http_transfer transfer;
    struct task task;
    struct waiter waiter;
    struct aws_credentials *credentials; /* signed with */
    char *url;
    char **headers;
    size_t header_count;
    int64_t deadline_ns, offset_s;
    uint64_t attempt_bytes;
    struct aws_endpoint endpoint;
    char region[33]; /* found out for the bucket; "" */
};

/* Prepares CALL, which is embedded in its owner: one reference, the owner's. Takes a reference of S. */
void aws_call_init(struct aws_call *call, const struct aws_call_ops *ops, struct aws_session *s);
void aws_call_start(struct aws_call *call);
/* done(CODE) comes soon, unless the call ends by itself before. Needs a reference. */
void aws_call_cancel(struct aws_call *call, errint code);
void aws_call_put(struct aws_call *call);

#endif
