/* An HTTP/1.1 server of the test's own on a free loopback port: a function answers each request, by its number. Without
 * that function nobody listens on the port: connections are refused, and no other program is given it meanwhile.
 *
 * Ownership: tiny_start and tiny_stop by the test. Threads: answer() runs on a thread of its connection, perhaps several
 * at once. Errors: abort. Cost: a thread a connection.
 */
#ifndef CTFS_TESTS_TINY_HTTP_H
#define CTFS_TESTS_TINY_HTTP_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TINY_HEAD_MAX 16384
#define TINY_BODY_MAX 65536
#define TINY_CONNECTIONS_MAX 512

struct tiny;
struct tiny_request {
    struct tiny *server;
    void *arg;
    unsigned number; /* 0, 1, 2 … in the order of arrival */
    int fd;
    char head[TINY_HEAD_MAX]; /* request line and headers */
    char body[TINY_BODY_MAX];
    bool closing; /* set by an answer: the connection ends after it */
};
typedef void (*tiny_answer)(struct tiny_request *r);

struct tiny {
    int fd, port;
    char url[64];
    tiny_answer answer;
    void *arg;
    pthread_t thread;
    atomic_uint requests;
    atomic_uint connections;
    pthread_mutex_t lock;
    int fds[TINY_CONNECTIONS_MAX];           /* protected by lock; -1: free */
    pthread_t threads[TINY_CONNECTIONS_MAX]; /* the accepting thread's, then tiny_stop's */
};

static inline void tiny_send(struct tiny_request *r, const void *data, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t got = send(r->fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);
        if (got <= 0) {
            r->closing = true;
            return;
        }
        sent += (size_t)got;
    }
}

static inline void tiny_printf(struct tiny_request *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void tiny_printf(struct tiny_request *r, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    tiny_send(r, text, (size_t)len);
    free(text);
}

/* HEADERS: lines that each end in CRLF. */
static inline void tiny_reply(struct tiny_request *r, int status, const char *headers, const char *body)
{
    tiny_printf(r, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), headers,
                strncmp(r->head, "HEAD ", 5) == 0 ? "" : body);
}

/* "GET /path?query" */
static inline bool tiny_is(const struct tiny_request *r, const char *start)
{
    return strncmp(r->head, start, strlen(start)) == 0;
}

/* The value of header NAME into TEXT, "" when it is not there. */
static inline const char *tiny_header(const struct tiny_request *r, const char *name, char text[4096])
{
    size_t len = strlen(name);
    *text = '\0';
    for (const char *line = strstr(r->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
            at += len + 1;
            at += strspn(at, " ");
            snprintf(text, 4096, "%.*s", (int)strcspn(at, "\r"), at);
        }
    }
    return text;
}

static inline bool tiny_read_head(struct tiny_request *r)
{
    size_t len = 0;
    while (len < TINY_HEAD_MAX - 1 && recv(r->fd, r->head + len, 1, 0) == 1) {
        r->head[++len] = '\0';
        if (len >= 4 && strcmp(r->head + len - 4, "\r\n\r\n") == 0)
            return true;
    }
    return false;
}

static inline bool tiny_read_body(struct tiny_request *r)
{
    char text[4096];
    size_t want = strtoul(tiny_header(r, "content-length", text), NULL, 10), len = 0;
    while (len < want && want < TINY_BODY_MAX) {
        ssize_t got = recv(r->fd, r->body + len, want - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
    }
    r->body[len] = '\0';
    return want < TINY_BODY_MAX;
}

struct tiny_connection {
    struct tiny *server;
    int slot;
};

static inline void *tiny_serve(void *arg)
{
    struct tiny_connection *c = arg;
    struct tiny *server = c->server;
    struct tiny_request *r = malloc(sizeof *r);
    if (!r)
        abort();
    do {
        memset(r, 0, sizeof *r);
        r->server = server;
        r->arg = server->arg;
        r->fd = server->fds[c->slot];
        if (!tiny_read_head(r) || !tiny_read_body(r))
            break;
        r->number = atomic_fetch_add(&server->requests, 1);
        server->answer(r);
    } while (!r->closing);
    pthread_mutex_lock(&server->lock);
    shutdown(r->fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    free(r);
    free(c);
    return NULL;
}

static inline void *tiny_accept(void *arg)
{
    struct tiny *server = arg;
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        struct tiny_connection *c = malloc(sizeof *c);
        unsigned slot = atomic_load(&server->connections);
        if (!c || slot == TINY_CONNECTIONS_MAX)
            abort();
        *c = (struct tiny_connection){server, (int)slot};
        pthread_mutex_lock(&server->lock);
        server->fds[slot] = fd;
        pthread_mutex_unlock(&server->lock);
        if (pthread_create(&server->threads[slot], NULL, tiny_serve, c) != 0)
            abort();
        atomic_fetch_add(&server->connections, 1);
    }
    return NULL;
}

static inline void tiny_start(struct tiny *server, tiny_answer answer, void *arg)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    memset(server, 0, sizeof *server);
    server->answer = answer;
    server->arg = arg;
    pthread_mutex_init(&server->lock, NULL);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &len) < 0)
        abort();
    if (answer && (listen(server->fd, 512) < 0 || pthread_create(&server->thread, NULL, tiny_accept, server) != 0))
        abort();
    server->port = ntohs(address.sin_port);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", server->port);
}

static inline void tiny_stop(struct tiny *server)
{
    if (server->answer) {
        shutdown(server->fd, SHUT_RDWR);
        pthread_join(server->thread, NULL);
    }
    close(server->fd);
    unsigned count = atomic_load(&server->connections);
    pthread_mutex_lock(&server->lock);
    for (unsigned i = 0; i < count; i++)
        shutdown(server->fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    for (unsigned i = 0; i < count; i++) {
        pthread_join(server->threads[i], NULL);
        close(server->fds[i]);
    }
    pthread_mutex_destroy(&server->lock);
}

#endif
