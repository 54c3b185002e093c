/* The loop: posted work, due timers, curl, finished transfers, the watch, sleep.
 *
 * A transfer is WAITING (no easy handle: its host has enough connections, or it could not be made) or RUNNING; both hang
 * on one list in the order of their start. The watch looks at all of them every 50 ms for what curl does not time: a
 * moving deadline, the first byte since the request was sent, and the bytes of the last window. Callbacks that curl
 * makes (head, data) run inside curl_multi_perform, where no transfer may be started or aborted; those of posts, timers
 * and done may do both.
 *
 * Lock: h->lock guards the posts and `ending` alone, and is a leaf.
 */
#include "aws/http.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "aws/endpoint.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define WATCH_INTERVAL_MS 50
#define IDLE_POLL_MS 1000
#define STALL_BYTES_PER_S 1024
#define BULK_BUFFER_BYTES (128L * 1024) /* larger ones are mapped anew for every transfer (fs/mount) */
#define PLAIN_BUFFER_BYTES (32L * 1024)

struct aws_http_origin {
    struct aws_http_origin *next;
    unsigned users; /* transfers on the list, waiting or running */
    unsigned running, running_bulk;
    size_t len;
    char name[]; /* "https://host:port", LEN bytes */
};

struct aws_http {
    CURLM *multi;
    CURLSH *share;
    char *ca_bundle, *proxy;
    int64_t connect_timeout_ms, first_byte_timeout_ms, stall_timeout_ms;
    pthread_t thread;

    pthread_mutex_t lock;
    struct aws_http_post *posts, **posts_tail; /* protected by lock */
    bool ending;                               /* protected by lock */

    /* the thread's own */
    struct aws_http_timer *timers; /* by at_ns */
    struct aws_http_transfer *first, *last;
    struct aws_http_origin *origins;
    int64_t watched_ns;
    bool recheck; /* a transfer may have become able to run, or failed at once */
    bool held;    /* one waits for a descriptor */
};

static_assert(sizeof((struct aws_http_transfer *)0)->error_text >= CURL_ERROR_SIZE, "curl writes this much");

const char *aws_http_head_get(const struct aws_http_head *head, const char *name)
{
    size_t name_len = strlen(name);
    const char *at = buf_text(&head->headers), *end = at + head->headers.len;
    for (; at < end; at += strlen(at) + 1) {
        if (strncmp(at, name, name_len) == 0 && at[name_len] == ':')
            return at + name_len + 1 + strspn(at + name_len + 1, " \t");
    }
    return NULL;
}

static void link_transfer(struct aws_http *h, struct aws_http_transfer *t)
{
    t->prev = h->last;
    t->next = NULL;
    *(h->last ? &h->last->next : &h->first) = t;
    h->last = t;
}

static void unlink_transfer(struct aws_http *h, struct aws_http_transfer *t)
{
    *(t->prev ? &t->prev->next : &h->first) = t->next;
    *(t->next ? &t->next->prev : &h->last) = t->prev;
    t->next = t->prev = NULL;
}

static struct aws_http_origin *use_origin(struct aws_http *h, const char *url)
{
    const char *host = strstr(url, "://");
    size_t len = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : strlen(url);
    for (struct aws_http_origin *o = h->origins; o; o = o->next) {
        if (o->len == len && memcmp(o->name, url, len) == 0) {
            o->users++;
            return o;
        }
    }
    struct aws_http_origin *o = calloc(1, sizeof *o + len);
    if (!o)
        return NULL;
    o->len = len;
    memcpy(o->name, url, len);
    o->users = 1;
    o->next = h->origins;
    h->origins = o;
    return o;
}

static void leave_origin(struct aws_http *h, struct aws_http_origin *o)
{
    if (--o->users > 0)
        return;
    struct aws_http_origin **at = &h->origins;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    free(o);
}

static bool has_room(const struct aws_http_transfer *t)
{
    return t->origin->running < AWS_HTTP_CONNECTIONS_PER_HOST &&
           (!t->bulk || t->origin->running_bulk < AWS_HTTP_BULK_PER_HOST);
}

/* Remembers why T ends; the first reason stays. */
static void fail(struct aws_http_transfer *t, errint code, int curl_code, const char *what)
{
    if (t->failure || t->failure_curl)
        return;
    t->failure = code;
    t->failure_curl = curl_code;
    snprintf(t->why, sizeof t->why, "%s", what);
}

static bool end_head(struct aws_http_transfer *t)
{
    if (buf_error(&t->in.headers) < 0) {
        fail(t, -EFBIG, CURLE_OK, "the answer's headers are over 64 KiB");
        return false;
    }
    if (t->in.status < 200)
        return true; /* 100 Continue: the real one follows */
    t->headed = true;
    t->window_ns = clock_monotonic_ns();
    errint result = t->ops->head(t);
    if (result < 0)
        fail(t, result, CURLE_OK, err_message());
    return result == 0;
}

static void begin_head(struct aws_http_transfer *t, const char *line)
{
    const char *space = strchr(line, ' ');
    buf_reset(&t->in.headers);
    t->in.headers.limit = AWS_HTTP_HEAD_MAX;
    t->in.status = space ? (int)strtol(space, NULL, 10) : 0;
}

static void add_header(struct aws_http_transfer *t, char *line, size_t len)
{
    size_t name_len = strcspn(line, ":");
    for (size_t i = 0; i < name_len && i < len; i++)
        line[i] = (char)tolower((unsigned char)line[i]);
    buf_append(&t->in.headers, line, strlen(line) + 1);
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct aws_http_transfer *t = arg;
    size_t len = size * count, text_len = len;
    if (t->headed)
        return len; /* trailers say nothing that is used */
    while (text_len > 0 && strchr(" \t\r\n", data[text_len - 1]))
        text_len--;
    if (text_len == 0)
        return end_head(t) ? len : 0;
    char *line cleanup_free = strndup(data, text_len);
    if (!line)
        return 0;
    if (strncmp(line, "HTTP/", 5) == 0)
        begin_head(t, line);
    else
        add_header(t, line, text_len);
    return len;
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct aws_http_transfer *t = arg;
    size_t len = size * count;
    t->received_bytes += len;
    t->window_bytes += len;
    errint result = len > 0 ? t->ops->data(t, data, len) : 0;
    if (result < 0)
        fail(t, result, CURLE_OK, err_message());
    return result < 0 ? CURL_WRITEFUNC_ERROR : len;
}

/* Sockets that a credential process does not inherit. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct aws_http_transfer *t = arg;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    t->starved = fd < 0 && (errno == EMFILE || errno == ENFILE);
    return fd;
}

/* "http://127.0.0.1:80@example.com/" asks example.com: a URL with a user is not local, and is never made here. */
static bool is_local_url(const char *url)
{
    const char *host = strstr(url, "://");
    return host && aws_endpoint_is_local(host + 3) && !memchr(host + 3, '@', strcspn(host + 3, "/?#"));
}

static errint check_scheme(const char *url)
{
    if (strncmp(url, "https://", 8) == 0 || (strncmp(url, "http://", 7) == 0 && is_local_url(url)))
        return 0;
    return err_set(-EINVAL, "plain HTTP is for loopback and link-local addresses alone: an endpoint needs https://");
}

static struct curl_slist *make_headers(const struct aws_http_transfer *t)
{
    /* What curl would add of its own is taken out; Host is as it was signed. */
    static const char *const removed[] = {"Accept:", "Expect:", "User-Agent: ctfs", "Accept-Encoding: identity"};
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
        list = curl_slist_append(list, removed[i]);
    bool typed = false;
    for (size_t i = 0; t->headers && t->headers[i]; i++) {
        list = curl_slist_append(list, t->headers[i]);
        typed = typed || strncasecmp(t->headers[i], "content-type:", 13) == 0;
    }
    return typed ? list : curl_slist_append(list, "Content-Type:");
}

static void set_method(CURL *easy, const struct aws_http_transfer *t)
{
    if (strcmp(t->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (t->body || strcmp(t->method, "GET") != 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->body ? t->body : "");
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->method);
    }
}

static void set_safety(CURL *easy, const struct aws_http *h, const struct aws_http_transfer *t)
{
    bool local = is_local_url(t->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, local ? "http,https" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_PROXY, h->proxy && !local ? h->proxy : "");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (h->ca_bundle) { /* in place of the system's authorities: Debian's curl has a folder of them beside their file */
        curl_easy_setopt(easy, CURLOPT_CAINFO, h->ca_bundle);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, h->ca_bundle);
        curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
    }
}

static void set_options(CURL *easy, struct aws_http *h, struct aws_http_transfer *t)
{
    set_method(easy, t);
    set_safety(easy, h, t);
    curl_easy_setopt(easy, CURLOPT_URL, t->url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->header_list);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error_text);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_SHARE, h->share);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a hung resolver is left behind, not waited for */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, t->bulk ? BULK_BUFFER_BYTES : PLAIN_BUFFER_BYTES);
}

static void run_transfer(struct aws_http *h, struct aws_http_transfer *t)
{
    errint result = check_scheme(t->url);
    if (result < 0) {
        fail(t, result, CURLE_OK, err_message());
        return;
    }
    CURL *easy = curl_easy_init();
    t->header_list = make_headers(t);
    if (easy && t->header_list)
        set_options(easy, h, t);
    if (!easy || !t->header_list || curl_multi_add_handle(h->multi, easy) != CURLM_OK) {
        curl_easy_cleanup(easy);
        fail(t, 0, CURLE_OUT_OF_MEMORY, "no transfer could be made");
        return;
    }
    t->easy = easy;
    t->origin->running++;
    t->origin->running_bulk += t->bulk;
}

void aws_http_start(struct aws_http *h, struct aws_http_transfer *t)
{
    t->http = h;
    t->easy = t->header_list = NULL;
    t->in.status = 0;
    buf_reset(&t->in.headers);
    t->received_bytes = t->window_bytes = 0;
    t->sent_bytes = t->sent_ns = t->window_ns = 0;
    t->failure = t->failure_curl = 0;
    t->error_text[0] = t->why[0] = '\0';
    t->headed = t->starved = false;
    t->active = true;
    link_transfer(h, t);
    t->origin = use_origin(h, t->url);
    if (!t->origin)
        fail(t, 0, CURLE_OUT_OF_MEMORY, "no transfer could be made");
    h->recheck = true;
}

static void stop_curl(struct aws_http *h, struct aws_http_transfer *t)
{
    if (t->easy) {
        curl_multi_remove_handle(h->multi, t->easy);
        curl_easy_cleanup(t->easy);
        t->origin->running--;
        t->origin->running_bulk -= t->bulk;
    }
    for (struct curl_slist *header = t->header_list; header; header = header->next)
        OPENSSL_cleanse(header->data, strlen(header->data)); /* a session token among them */
    curl_slist_free_all(t->header_list);
    t->easy = t->header_list = NULL;
}

/* Takes T out of everything; what it learnt stays. */
static void detach(struct aws_http *h, struct aws_http_transfer *t)
{
    unlink_transfer(h, t);
    stop_curl(h, t);
    if (t->origin)
        leave_origin(h, t->origin);
    t->origin = NULL;
    t->active = false;
    h->recheck = true;
}

void aws_http_abort(struct aws_http *h, struct aws_http_transfer *t)
{
    if (t->active)
        detach(h, t);
}

void aws_http_transfer_done(struct aws_http_transfer *t)
{
    buf_done(&t->in.headers);
}

/* curl's own timeout is that of connecting; a TLS handshake that hangs is no lack of a way to the host. */
static int name_timeout(CURL *easy, int curl_code)
{
    curl_off_t connect_us = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect_us);
    return curl_code == CURLE_OPERATION_TIMEDOUT && connect_us == 0 ? CURLE_COULDNT_CONNECT : curl_code;
}

/* curl gathers a header line before it hands it on, up to 100 KiB, and calls a longer one a lack of memory. */
static void name_long_line(struct aws_http_transfer *t, int curl_code)
{
    curl_off_t pretransfer_us = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
    if (curl_code == CURLE_OUT_OF_MEMORY && pretransfer_us > 0 && !t->headed)
        fail(t, -EFBIG, CURLE_OK, "one of the answer's headers is over 100 KiB");
}

static void finish(struct aws_http *h, struct aws_http_transfer *t, int curl_code)
{
    struct aws_http_result result = {.curl_code = curl_code};
    long os_errno = 0;
    if (t->easy) {
        (void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_errno);
        result.curl_code = name_timeout(t->easy, curl_code);
        name_long_line(t, curl_code);
    }
    result.os_errno = (int)os_errno;
    if (t->failure || t->failure_curl) {
        result.code = t->failure;
        result.curl_code = t->failure_curl;
    }
    const char *text = t->why[0] ? t->why : t->error_text[0] ? t->error_text : curl_easy_strerror(result.curl_code);
    char what[CURL_ERROR_SIZE];
    snprintf(what, sizeof what, "%s", text);
    result.what = what; /* T may be gone while it is used */
    detach(h, t);
    t->ops->done(t, &result);
}

/* Without a descriptor for its socket it goes back into line, until another transfer ends or the next look. */
static bool begin_later(struct aws_http *h, struct aws_http_transfer *t)
{
    bool later = t->starved && !t->failure && !t->failure_curl;
    if (later) {
        stop_curl(h, t);
        t->starved = false;
        h->held = true;
    }
    return later;
}

static void read_messages(struct aws_http *h)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(h->multi, &left))) {
        struct aws_http_transfer *t = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        if (message->msg == CURLMSG_DONE && !begin_later(h, t))
            finish(h, t, message->data.result);
    }
}

/* Notes when the request was sent: by its last byte. */
static void note_sent(struct aws_http_transfer *t, int64_t now_ns)
{
    curl_off_t pretransfer_us = 0, uploaded = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
    (void)curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    if (pretransfer_us > 0 && (t->sent_ns == 0 || uploaded > t->sent_bytes)) {
        t->sent_ns = now_ns;
        t->sent_bytes = uploaded;
    }
}

static void watch_window(const struct aws_http *h, struct aws_http_transfer *t, int64_t now_ns)
{
    if (now_ns - t->window_ns < h->stall_timeout_ms * CLOCK_NS_PER_MS)
        return;
    if (t->window_bytes < (uint64_t)h->stall_timeout_ms * STALL_BYTES_PER_S / 1000)
        fail(t, 0, CURLE_OPERATION_TIMEDOUT, "the answer came at under 1 KiB/s for too long");
    t->window_ns = now_ns;
    t->window_bytes = 0;
}

/* True when T is over. */
static bool watch_one(const struct aws_http *h, struct aws_http_transfer *t, int64_t now_ns)
{
    if (t->deadline_ns && now_ns >= t->deadline_ns)
        fail(t, -ETIMEDOUT, CURLE_OK, "the operation's deadline passed");
    if (t->easy && !t->headed) {
        note_sent(t, now_ns);
        if (t->sent_ns && now_ns - t->sent_ns >= h->first_byte_timeout_ms * CLOCK_NS_PER_MS)
            fail(t, 0, CURLE_OPERATION_TIMEDOUT, "no answer began in time");
    } else if (t->easy) {
        watch_window(h, t, now_ns);
    }
    return t->failure || t->failure_curl;
}

static struct aws_http_transfer *find_over(const struct aws_http *h, int64_t now_ns)
{
    struct aws_http_transfer *t = h->first;
    while (t && !watch_one(h, t, now_ns))
        t = t->next;
    return t;
}

static void watch(struct aws_http *h)
{
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - h->watched_ns < WATCH_INTERVAL_MS * CLOCK_NS_PER_MS)
        return;
    h->watched_ns = now_ns;
    h->recheck |= h->held;
    h->held = false;
    struct aws_http_transfer *t;
    while ((t = find_over(h, now_ns)))
        finish(h, t, CURLE_OK);
}

/* Runs what has room now, and ends what could not even begin. */
static void run_waiting(struct aws_http *h)
{
    while (h->recheck) {
        h->recheck = false;
        struct aws_http_transfer *next, *failed = NULL;
        for (struct aws_http_transfer *t = h->first; t && !failed; t = next) {
            next = t->next;
            if (!t->easy && t->origin && !t->failure && !t->failure_curl && has_room(t))
                run_transfer(h, t);
            if (!t->easy && (t->failure || t->failure_curl))
                failed = t;
        }
        if (failed)
            finish(h, failed, CURLE_OK);
    }
}

bool aws_http_post(struct aws_http *h, struct aws_http_post *p)
{
    pthread_mutex_lock(&h->lock);
    bool added = !p->queued;
    if (added) {
        p->queued = true;
        p->next = NULL;
        *h->posts_tail = p;
        h->posts_tail = &p->next;
    }
    pthread_mutex_unlock(&h->lock);
    if (added)
        curl_multi_wakeup(h->multi);
    return added;
}

static struct aws_http_post *take_post(struct aws_http *h)
{
    pthread_mutex_lock(&h->lock);
    struct aws_http_post *p = h->posts;
    if (p) {
        h->posts = p->next;
        if (!h->posts)
            h->posts_tail = &h->posts;
        p->queued = false;
    }
    pthread_mutex_unlock(&h->lock);
    return p;
}

void aws_http_timer_clear(struct aws_http *h, struct aws_http_timer *t)
{
    if (!t->set)
        return;
    struct aws_http_timer **at = &h->timers;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->set = false;
}

void aws_http_timer_set(struct aws_http *h, struct aws_http_timer *t, int64_t at_ns)
{
    aws_http_timer_clear(h, t);
    struct aws_http_timer **at = &h->timers;
    while (*at && (*at)->at_ns <= at_ns)
        at = &(*at)->next;
    t->at_ns = at_ns;
    t->next = *at;
    t->set = true;
    *at = t;
}

static void run_timers(struct aws_http *h)
{
    int64_t now_ns = clock_monotonic_ns();
    while (h->timers && h->timers->at_ns <= now_ns) {
        struct aws_http_timer *t = h->timers;
        aws_http_timer_clear(h, t);
        t->run(t);
    }
}

static int poll_ms(const struct aws_http *h)
{
    int64_t wait_ms = h->first ? WATCH_INTERVAL_MS : IDLE_POLL_MS;
    if (h->timers) {
        int64_t timer_ms = (h->timers->at_ns - clock_monotonic_ns() + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
        wait_ms = timer_ms < wait_ms ? timer_ms : wait_ms;
    }
    return wait_ms > 0 ? (int)wait_ms : 0;
}

static bool is_ending(struct aws_http *h)
{
    pthread_mutex_lock(&h->lock);
    bool ending = h->ending && !h->posts;
    pthread_mutex_unlock(&h->lock);
    return ending;
}

static void *run_thread(void *arg)
{
    struct aws_http *h = arg;
    for (;;) {
        struct aws_http_post *p;
        while ((p = take_post(h)))
            p->run(p);
        if (is_ending(h))
            return NULL;
        run_timers(h);
        run_waiting(h);
        int running;
        curl_multi_perform(h->multi, &running);
        read_messages(h);
        watch(h);
        run_waiting(h);
        curl_multi_poll(h->multi, NULL, 0, poll_ms(h), NULL);
    }
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static errint start_thread(struct aws_http *h)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&h->thread, NULL, run_thread, h);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed)
        return err_set(-EAGAIN, "no thread for HTTP");
    pthread_setname_np(h->thread, "aws-http");
    return 0;
}

static void free_parts(struct aws_http *h)
{
    if (!h)
        return;
    if (h->multi)
        curl_multi_cleanup(h->multi);
    if (h->share)
        curl_share_cleanup(h->share);
    pthread_mutex_destroy(&h->lock);
    free(h->ca_bundle);
    free(h->proxy);
    free(h);
}
DEFINE_CLEANUP(parts_freep, struct aws_http *, free_parts)

static errint make_curl(struct aws_http *h, const struct aws_http_settings *settings)
{
    pthread_once(&curl_once, init_curl);
    h->multi = curl_multi_init();
    h->share = curl_share_init();
    if (!h->multi || !h->share)
        return err_set(-ENOMEM, "HTTP");
    curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION); /* one thread: no lock */
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)AWS_HTTP_CONNECTIONS_PER_HOST * 2);
    if ((settings->ca_bundle && !(h->ca_bundle = strdup(settings->ca_bundle))) ||
        (settings->proxy && !(h->proxy = strdup(settings->proxy))))
        return err_set(-ENOMEM, "HTTP");
    return 0;
}

errint aws_http_new(const struct aws_http_settings *settings, struct aws_http **ret)
{
    struct aws_http *h cleanup(parts_freep) = calloc(1, sizeof *h);
    if (!h)
        return err_set(-ENOMEM, "HTTP");
    h->connect_timeout_ms = settings->connect_timeout_ms;
    h->first_byte_timeout_ms = settings->first_byte_timeout_ms;
    h->stall_timeout_ms = settings->stall_timeout_ms;
    h->posts_tail = &h->posts;
    pthread_mutex_init(&h->lock, NULL);
    errint result = make_curl(h, settings);
    if (result == 0)
        result = start_thread(h);
    if (result == 0)
        *ret = steal_ptr(&h);
    return result;
}

void aws_http_free(struct aws_http *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->ending = true;
    pthread_mutex_unlock(&h->lock);
    curl_multi_wakeup(h->multi);
    pthread_join(h->thread, NULL);
    free_parts(h);
}
