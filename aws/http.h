/* The transport: one thread that runs transfers, timers and posted work over one curl multi handle.
 *
 * HTTP/1.1 with kept connections; no redirect is followed, nothing is decoded, no proxy but the one set; TLS 1.2 or newer
 * with peer and host verified; plain HTTP to loopback and link-local hosts alone. Deadlines are on the monotonic clock.
 *
 * Ownership: posts, timers and transfers are embedded in their owners, who keep them until they ran.
 * Threads:   aws_http_post from any thread; everything else, and every callback, on the transport's own thread, one at a
 *            time. Callbacks must not block.
 * Errors:    in struct aws_http_result; aws_http_new fails with -ENOMEM, -EAGAIN (no thread), -EIO (curl).
 * Cost:      a kept connection: at most 32 a host, of which at most 24 carry bulk transfers; others wait in line.
 */
#ifndef CTFS_AWS_HTTP_H
#define CTFS_AWS_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define AWS_HTTP_HEAD_MAX ((size_t)64 * 1024)
#define AWS_HTTP_CONNECTIONS_PER_HOST 32u
#define AWS_HTTP_BULK_PER_HOST 24u

struct aws_http;

struct aws_http_settings {
    const char *ca_bundle; /* who is trusted, nobody else; NULL: the system's */
    const char *proxy;     /* NULL: none */
    int64_t connect_timeout_ms;
    int64_t first_byte_timeout_ms;
    int64_t stall_timeout_ms; /* under 1 KiB/s over that long */
};

errint aws_http_new(const struct aws_http_settings *settings, struct aws_http **ret);

/* Ends the thread after its posted work. No transfer is under way, no timer set. NULL is nothing. */
void aws_http_free(struct aws_http *h);

/* Work for the thread. */
struct aws_http_post {
    void (*run)(struct aws_http_post *p);
    struct aws_http_post *next; /* private */
    bool queued;                /* private */
};
/* False, and nothing done, when P is in the queue already. */
bool aws_http_post(struct aws_http *h, struct aws_http_post *p);

struct aws_http_timer {
    void (*run)(struct aws_http_timer *t);
    int64_t at_ns;
    struct aws_http_timer *next; /* private */
    bool set;                    /* private */
};
/* RUN once AT_NS (monotonic) has passed; sets anew when set. */
void aws_http_timer_set(struct aws_http *h, struct aws_http_timer *t, int64_t at_ns);
void aws_http_timer_clear(struct aws_http *h, struct aws_http_timer *t);

/* An answer's status and headers. */
struct aws_http_head {
    int status;         /* 0: none came */
    struct buf headers; /* "name: value" lines, each ended by a NUL; names in lower case */
};
/* The value of header NAME (lower case), the first of several, or NULL. Valid while HEAD is. */
const char *aws_http_head_get(const struct aws_http_head *head, const char *name);

struct aws_http_result {
    int curl_code;    /* CURLE_OK when an answer came whole; a connect timeout is CURLE_COULDNT_CONNECT */
    int os_errno;     /* of the socket, or 0 */
    errint code;      /* what head() or data() returned, or -EFBIG past head_max, -ETIMEDOUT past deadline_ns; else 0 */
    const char *what; /* text for people; valid during done() */
};

struct aws_http_transfer;
struct aws_http_ops {
    /* Once, when status and headers are there, before any data; an error ends the transfer. */
    errint (*head)(struct aws_http_transfer *t);
    errint (*data)(struct aws_http_transfer *t, const void *data, size_t len);
    /* The last call; T may be freed or started again in it. */
    void (*done)(struct aws_http_transfer *t, const struct aws_http_result *result);
};

struct aws_http_transfer {
    const struct aws_http_ops *ops;
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value", NULL ends them; with Host where it matters */
    const void *body;
    size_t body_len;
    int64_t deadline_ns; /* monotonic; 0: none. May be moved while it runs. */
    bool bulk;
    /* out, valid from head() to done() */
    struct aws_http_head in;
    uint64_t received_bytes; /* of the body */
    /* private */
    struct aws_http *http;
    struct aws_http_transfer *next, *prev;
    struct aws_http_origin *origin;
    void *easy, *header_list;
    int64_t sent_ns, sent_bytes, window_ns;
    uint64_t window_bytes;
    errint failure;
    int failure_curl;
    bool headed, active;
    bool starved;         /* there was no descriptor for its socket */
    char why[256];        /* of failure */
    char error_text[256]; /* curl's */
};

/* The inputs stay valid until done(), which always comes, later than this call. */
void aws_http_start(struct aws_http *h, struct aws_http_transfer *t);

/* Ends T at once, without done(). Neither this nor aws_http_start is called from head() or data(). */
void aws_http_abort(struct aws_http *h, struct aws_http_transfer *t);

/* Frees the head that the last transfer left. */
void aws_http_transfer_done(struct aws_http_transfer *t);

#endif
