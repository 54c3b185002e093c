/* Three stages: the canonical request, the string to sign, the signature.
 *
 * Signing a header form adds host, x-amz-content-sha256, x-amz-date and x-amz-security-token to the caller's headers,
 * presigning adds host alone and puts the rest into the query. Both then run the same code over one sorted list.
 *
 * S3 signs the path as it is sent. Every other service removes dot segments and empty segments from it and encodes it a
 * second time: "%2F" as sent stands as "%252F" in the canonical request.
 */
#include "aws/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/cleanup.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define KEY_BYTES 32

/* Headers of the signer's own at most: host, content hash, date, token. */
#define OWN_HEADERS_MAX 4

/* What both forms share: the moment and the payload's hash as texts. */
struct stamp {
    char date[AWS_SIGV4_DATE_SIZE];
    char day[9];
    char payload[AWS_SHA256_HEX_SIZE];
};

static errint format_date(int64_t time_unix, char ret_date[AWS_SIGV4_DATE_SIZE])
{
    time_t t = (time_t)time_unix;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || tm.tm_year < 70 || tm.tm_year > 8099 ||
        !strftime(ret_date, AWS_SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm))
        return err_set(-EINVAL, "no date for a signature: %lld", (long long)time_unix);
    return 0;
}

static bool is_s3(const struct aws_sigv4_signer *s)
{
    return strcmp(s->service, "s3") == 0;
}

static errint hash_payload(const struct aws_sigv4_request *r, char ret[AWS_SHA256_HEX_SIZE])
{
    if (!r->payload_sha256)
        return aws_encode_sha256_hex(r->body, r->body ? r->body_len : 0, ret);
    if (strlen(r->payload_sha256) >= AWS_SHA256_HEX_SIZE)
        return err_set(-EINVAL, "no payload hash: %s", r->payload_sha256);
    memcpy(ret, r->payload_sha256, strlen(r->payload_sha256) + 1);
    return 0;
}

static errint stamp_init(struct stamp *st, const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r)
{
    errint e = format_date(s->time_unix, st->date);
    if (e)
        return e;
    memcpy(st->day, st->date, 8);
    st->day[8] = '\0';
    return hash_payload(r, st->payload);
}

static void append_scope(struct buf *b, const struct aws_sigv4_signer *s, const char *date)
{
    buf_append(b, date, 8);
    buf_printf(b, "/%s/%s/aws4_request", s->region, s->service);
}

/* What proxies and HTTP itself may change on the way. */
static bool never_signed(const char *name)
{
    static const char *const names[] = {
        "authorization", "user-agent", "x-amzn-trace-id", "expect",     "connection",        "keep-alive", "te",
        "trailer",       "upgrade",    "traceparent",     "tracestate", "transfer-encoding", "baggage"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcasecmp(name, names[i]))
            return true;
    return !strncasecmp(name, "proxy-", 6);
}

static bool is_own(const char *name)
{
    return !strcasecmp(name, "host") || !strcasecmp(name, "x-amz-date") || !strcasecmp(name, "x-amz-content-sha256") ||
           !strcasecmp(name, "x-amz-security-token") || !strcasecmp(name, "authorization");
}

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *name)
{
    return *name &&
           !name[strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

static errint check_header(const struct aws_sigv4_header *h)
{
    if (!is_token(h->name))
        return err_set(-EINVAL, "not a header's name");
    for (const char *p = h->value; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return err_set(-EINVAL, "header %s has a control byte", h->name);
    return 0;
}

/* A header to sign, with its place among them: those of one name stay as they were given, which is as they are sent. */
struct placed {
    struct aws_sigv4_header header;
    size_t place;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    int names = strcasecmp(x->header.name, y->header.name);
    if (names)
        return names;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Without white space around it, each run inside one space. */
static void append_trimmed(struct buf *b, const char *value)
{
    bool gap = false, any = false;
    for (; *value; value++) {
        if (*value == ' ' || *value == '\t') {
            gap = any;
            continue;
        }
        if (gap)
            buf_putc(b, ' ');
        buf_putc(b, *value);
        gap = false;
        any = true;
    }
}

static void append_lower(struct buf *b, const char *name)
{
    for (; *name; name++)
        buf_putc(b, *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name);
}

/* Fills the lines of the canonical headers and their names; several of one name become one line, joined by commas. */
static void append_headers(const struct placed *sorted, size_t count, struct buf *lines, struct buf *names)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = sorted[i].header.name;
        if (i && !strcasecmp(name, sorted[i - 1].header.name)) {
            buf_putc(lines, ',');
        } else {
            if (i) {
                buf_putc(lines, '\n');
                buf_putc(names, ';');
            }
            append_lower(names, name);
            append_lower(lines, name);
            buf_putc(lines, ':');
        }
        append_trimmed(lines, sorted[i].header.value);
    }
    buf_putc(lines, '\n');
}

static errint canonical_headers(const struct aws_sigv4_header *own, size_t own_count, const struct aws_sigv4_request *r,
                                struct buf *lines, struct buf *names)
{
    struct placed *sorted cleanup_free = calloc(r->headers_count + own_count, sizeof *sorted);
    if (!sorted)
        return err_set(-ENOMEM, "%zu headers to sign", r->headers_count);
    size_t count = 0;
    for (size_t i = 0; i < own_count; i++, count++)
        sorted[count] = (struct placed){own[i], count};
    for (size_t i = 0; i < r->headers_count; i++) {
        errint e = check_header(&r->headers[i]);
        if (e)
            return e;
        if (is_own(r->headers[i].name))
            return err_set(-EINVAL, "header %s is the signer's own", r->headers[i].name);
        if (never_signed(r->headers[i].name))
            continue;
        sorted[count] = (struct placed){r->headers[i], count};
        count++;
    }
    qsort(sorted, count, sizeof *sorted, compare_placed);
    append_headers(sorted, count, lines, names);
    errint e = buf_error(lines);
    return e ? e : buf_error(names);
}

/* A path's segments but ".", ".." with the one before it, and empty ones; a slash at the end stays. */
static errint append_normalized(struct buf *b, const char *path)
{
    char *out cleanup_free = malloc(strlen(path) + 2);
    if (!out)
        return err_set(-ENOMEM, "a path to sign");
    size_t len = 0;
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.') {
            while (len && out[--len] != '/')
                ;
        } else if (n && !(n == 1 && at[0] == '.')) {
            out[len++] = '/';
            memcpy(out + len, at, n);
            len += n;
        }
        at += n;
    }
    if (!len || path[strlen(path) - 1] == '/')
        out[len++] = '/';
    aws_encode_uri(b, out, len, true);
    return 0;
}

static errint append_path(struct buf *b, const struct aws_sigv4_signer *s, const char *path)
{
    if (path[0] != '/')
        return err_set(-EINVAL, "no path to sign: '%s'", path);
    if (!is_s3(s))
        return append_normalized(b, path);
    buf_puts(b, path);
    return 0;
}

/* METHOD, path, query, headers, their names, payload hash; a line each (headers: a line each and an empty one). */
static errint append_canonical(struct buf *b, const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r,
                               const struct aws_query *query, size_t query_count, const char *header_lines,
                               const char *names, const char *payload)
{
    buf_printf(b, "%s\n", r->method);
    errint e = append_path(b, s, r->path);
    if (e)
        return e;
    buf_putc(b, '\n');
    e = aws_encode_query_canonical(b, query, query_count);
    if (e)
        return e;
    buf_printf(b, "\n%s\n%s\n%s", header_lines, names, payload);
    return buf_error(b);
}

static errint canonical_with(const struct stamp *st, const struct aws_sigv4_signer *s,
                             const struct aws_sigv4_request *r, struct buf *canonical, struct buf *signed_headers)
{
    struct aws_sigv4_header own[OWN_HEADERS_MAX] = {
        {"host", r->host},
        {"x-amz-content-sha256", st->payload},
        {"x-amz-date", st->date},
        {"x-amz-security-token", s->credentials->session_token},
    };
    size_t own_count = s->credentials->session_token ? 4 : 3;
    struct buf lines cleanup_buf = BUF_INIT;
    errint e = canonical_headers(own, own_count, r, &lines, signed_headers);
    if (e)
        return e;
    return append_canonical(canonical, s, r, r->query, r->query_count, buf_text(&lines), buf_text(signed_headers),
                            st->payload);
}

errint aws_sigv4_canonical_request(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r,
                                   struct buf *canonical, struct buf *signed_headers)
{
    struct stamp st;
    errint e = stamp_init(&st, s, r);
    return e ? e : canonical_with(&st, s, r, canonical, signed_headers);
}

errint aws_sigv4_string_to_sign(const struct aws_sigv4_signer *s, const char *canonical, size_t len,
                                struct buf *string_to_sign)
{
    char date[AWS_SIGV4_DATE_SIZE], hash[AWS_SHA256_HEX_SIZE];
    errint e = format_date(s->time_unix, date);
    if (!e)
        e = aws_encode_sha256_hex(canonical, len, hash);
    if (e)
        return e;
    buf_printf(string_to_sign, ALGORITHM "\n%s\n", date);
    append_scope(string_to_sign, s, date);
    buf_printf(string_to_sign, "\n%s", hash);
    return buf_error(string_to_sign);
}

static errint hmac(const unsigned char *key, size_t key_len, const char *text, size_t len, unsigned char ret[KEY_BYTES])
{
    unsigned ret_len = 0;
    if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, len, ret, &ret_len) || ret_len != KEY_BYTES)
        return err_set(-EIO, "OpenSSL computed no HMAC");
    return 0;
}

/* HMAC over day, region, service and "aws4_request", each with the result before as its key. */
static errint derive_key(const struct aws_sigv4_signer *s, const char *day, unsigned char ret[KEY_BYTES])
{
    const char *parts[] = {day, s->region, s->service, "aws4_request"};
    size_t size = strlen(s->credentials->secret_access_key) + sizeof "AWS4";
    unsigned char next[KEY_BYTES];
    char *first = malloc(size);
    if (!first)
        return err_set(-ENOMEM, "a key to sign with");
    (void)snprintf(first, size, "AWS4%s", s->credentials->secret_access_key);
    errint e = hmac((const unsigned char *)first, size - 1, parts[0], strlen(parts[0]), ret);
    OPENSSL_cleanse(first, size);
    free(first);
    for (size_t i = 1; !e && i < sizeof parts / sizeof parts[0]; i++) {
        e = hmac(ret, KEY_BYTES, parts[i], strlen(parts[i]), next);
        memcpy(ret, next, KEY_BYTES);
    }
    OPENSSL_cleanse(next, sizeof next);
    return e;
}

errint aws_sigv4_signature(const struct aws_sigv4_signer *s, const char *string_to_sign, size_t len,
                           char ret_hex[AWS_SHA256_HEX_SIZE])
{
    char date[AWS_SIGV4_DATE_SIZE];
    errint e = format_date(s->time_unix, date);
    if (e)
        return e;
    date[8] = '\0';
    unsigned char key[KEY_BYTES], mac[KEY_BYTES];
    e = derive_key(s, date, key);
    if (!e)
        e = hmac(key, sizeof key, string_to_sign, len, mac);
    OPENSSL_cleanse(key, sizeof key);
    if (!e)
        aws_encode_hex(mac, sizeof mac, ret_hex);
    return e;
}

/* Stages 2 and 3. */
static errint sign_canonical(const struct aws_sigv4_signer *s, const struct buf *canonical,
                             char ret_hex[AWS_SHA256_HEX_SIZE])
{
    struct buf text cleanup_buf = BUF_INIT;
    errint e = aws_sigv4_string_to_sign(s, buf_text(canonical), canonical->len, &text);
    return e ? e : aws_sigv4_signature(s, buf_text(&text), text.len, ret_hex);
}

errint aws_sigv4_sign(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r, struct aws_sigv4_signed *ret)
{
    struct stamp st;
    struct buf canonical cleanup_buf = BUF_INIT, names cleanup_buf = BUF_INIT, value cleanup_buf = BUF_INIT;
    char signature[AWS_SHA256_HEX_SIZE];
    errint e = stamp_init(&st, s, r);
    if (!e)
        e = canonical_with(&st, s, r, &canonical, &names);
    if (!e)
        e = sign_canonical(s, &canonical, signature);
    if (e)
        return e;
    buf_printf(&value, ALGORITHM " Credential=%s/", s->credentials->access_key_id);
    append_scope(&value, s, st.date);
    buf_printf(&value, ", SignedHeaders=%s, Signature=%s", buf_text(&names), signature);
    e = buf_error(&value);
    if (e)
        return e;
    memcpy(ret->date, st.date, sizeof ret->date);
    memcpy(ret->payload_sha256, st.payload, sizeof ret->payload_sha256);
    ret->authorization = buf_steal(&value);
    return 0;
}

void aws_sigv4_signed_done(struct aws_sigv4_signed *s)
{
    free(s->authorization);
    s->authorization = NULL;
}

/* The signer's own parameters, in the order in which AWS's SDKs write them. */
#define PRESIGN_PARAMETERS_MAX 6
static size_t presign_parameters(const struct aws_sigv4_signer *s, const struct stamp *st, const char *credential,
                                 const char *expires, const char *names, struct aws_query *ret)
{
    size_t n = 0;
    ret[n++] = (struct aws_query){"X-Amz-Algorithm", ALGORITHM};
    ret[n++] = (struct aws_query){"X-Amz-Credential", credential};
    ret[n++] = (struct aws_query){"X-Amz-Date", st->date};
    ret[n++] = (struct aws_query){"X-Amz-Expires", expires};
    ret[n++] = (struct aws_query){"X-Amz-SignedHeaders", names};
    if (s->credentials->session_token)
        ret[n++] = (struct aws_query){"X-Amz-Security-Token", s->credentials->session_token};
    return n;
}

static errint presign_query(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r, const struct stamp *st,
                            int expires_s, const char *names, struct aws_query **ret, struct buf *credential,
                            char expires[16], size_t *ret_count)
{
    buf_printf(credential, "%s/", s->credentials->access_key_id);
    append_scope(credential, s, st->date);
    (void)snprintf(expires, 16, "%d", expires_s);
    errint e = buf_error(credential);
    if (e)
        return e;
    struct aws_query *query = calloc(r->query_count + PRESIGN_PARAMETERS_MAX, sizeof *query);
    if (!query)
        return err_set(-ENOMEM, "a query of %zu parameters", r->query_count);
    if (r->query_count)
        memcpy(query, r->query, r->query_count * sizeof *query);
    *ret_count =
        r->query_count + presign_parameters(s, st, buf_text(credential), expires, names, query + r->query_count);
    *ret = query;
    return 0;
}

errint aws_sigv4_canonical_presign(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r, int expires_s,
                                   struct buf *canonical, struct buf *query_all)
{
    if (expires_s < 1 || expires_s > AWS_SIGV4_EXPIRES_MAX_S)
        return err_set(-EINVAL, "a presigned URL for %d seconds", expires_s);
    struct stamp st;
    struct buf lines cleanup_buf = BUF_INIT, names cleanup_buf = BUF_INIT, credential cleanup_buf = BUF_INIT;
    struct aws_query *query cleanup_free = NULL;
    struct aws_sigv4_header host = {"host", r->host};
    char expires[16];
    size_t count = 0;
    errint e = stamp_init(&st, s, r);
    if (!e)
        e = canonical_headers(&host, 1, r, &lines, &names);
    if (!e)
        e = presign_query(s, r, &st, expires_s, buf_text(&names), &query, &credential, expires, &count);
    if (e)
        return e;
    const char *payload = is_s3(s) && !r->payload_sha256 ? AWS_SIGV4_UNSIGNED_PAYLOAD : st.payload;
    aws_encode_query(query_all, query, count);
    e = buf_error(query_all);
    return e ? e : append_canonical(canonical, s, r, query, count, buf_text(&lines), buf_text(&names), payload);
}

errint aws_sigv4_presign(const struct aws_sigv4_signer *s, const struct aws_sigv4_request *r, int expires_s,
                         char **ret_query)
{
    struct buf canonical cleanup_buf = BUF_INIT, query cleanup_buf = BUF_INIT;
    char signature[AWS_SHA256_HEX_SIZE];
    errint e = aws_sigv4_canonical_presign(s, r, expires_s, &canonical, &query);
    if (!e)
        e = sign_canonical(s, &canonical, signature);
    if (e)
        return e;
    buf_printf(&query, "&X-Amz-Signature=%s", signature);
    e = buf_error(&query);
    if (!e)
        *ret_query = buf_steal(&query);
    return e;
}
