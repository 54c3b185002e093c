/* Bytes are encoded one by one from a table of the unreserved ones, so that UTF-8 needs no decoding. A canonical query
 * is encoded first and sorted afterwards, by name and then by value: sorting "name=value" as one text would differ, for
 * '=' sorts behind '-', '.' and the digits. */
#include "aws/encode.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

void aws_encode_uri(struct buf *b, const char *text, size_t len, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t plain = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (unreserved(c) || (keep_slash && c == '/'))
            continue;
        char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
        buf_append(b, text + plain, i - plain);
        buf_append(b, escape, sizeof escape);
        plain = i + 1;
    }
    buf_append(b, text + plain, len - plain);
}

void aws_encode_uri_text(struct buf *b, const char *text, bool keep_slash)
{
    aws_encode_uri(b, text, strlen(text), keep_slash);
}

void aws_encode_query(struct buf *b, const struct aws_query *query, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_putc(b, '&');
        aws_encode_uri_text(b, query[i].name, false);
        if (!query[i].value)
            continue;
        buf_putc(b, '=');
        aws_encode_uri_text(b, query[i].value, false);
    }
}

/* One encoded parameter: offsets into the buffer that holds them all, NUL behind each. */
struct encoded {
    const char *name;
    const char *value;
};

static int compare_encoded(const void *a, const void *b)
{
    const struct encoded *x = a, *y = b;
    int names = strcmp(x->name, y->name);
    return names ? names : strcmp(x->value, y->value);
}

static void encode_terminated(struct buf *b, const char *text)
{
    aws_encode_uri_text(b, text, false);
    buf_putc(b, '\0');
}

errint aws_encode_query_canonical(struct buf *b, const struct aws_query *query, size_t count)
{
    struct buf texts cleanup_buf = BUF_INIT;
    struct encoded *pairs cleanup_free = calloc(count ? count : 1, sizeof *pairs);
    if (!pairs)
        return err_set(-ENOMEM, "a query of %zu parameters", count);
    for (size_t i = 0; i < count; i++) {
        encode_terminated(&texts, query[i].name);
        encode_terminated(&texts, query[i].value ? query[i].value : "");
    }
    errint r = buf_error(&texts);
    if (r)
        return r;
    const char *at = buf_text(&texts);
    for (size_t i = 0; i < count; i++) {
        pairs[i].name = at;
        pairs[i].value = at + strlen(at) + 1;
        at = pairs[i].value + strlen(pairs[i].value) + 1;
    }
    qsort(pairs, count, sizeof *pairs, compare_encoded);
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_putc(b, '&');
        buf_puts(b, pairs[i].name);
        buf_putc(b, '=');
        buf_puts(b, pairs[i].value);
    }
    return 0;
}

void aws_encode_hex(const void *data, size_t len, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++) {
        *ret_text++ = digits[bytes[i] >> 4];
        *ret_text++ = digits[bytes[i] & 15];
    }
    *ret_text = '\0';
}

errint aws_encode_sha256_hex(const void *data, size_t len, char ret_text[AWS_SHA256_HEX_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    if (!EVP_Digest(data ? data : "", len, digest, &digest_len, EVP_sha256(), NULL) || digest_len != 32)
        return err_set(-EIO, "OpenSSL computed no SHA-256");
    aws_encode_hex(digest, digest_len, ret_text);
    return 0;
}
