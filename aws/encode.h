/* Percent-encoding as AWS signs it, query strings, hex.
 *
 * Ownership: the caller's buffers; nothing is kept.
 * Threads:   any.
 * Errors:    those of struct buf, asked by the caller at the end; sorting fails with -ENOMEM.
 * Cost:      linear; sorted queries n log n.
 */
#ifndef CTFS_AWS_ENCODE_H
#define CTFS_AWS_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* One parameter of a query, decoded. VALUE NULL: valueless, sent as "name" and signed as "name=". */
struct aws_query {
    const char *name;
    const char *value;
};

/* Appends TEXT with every byte but A-Z a-z 0-9 - _ . ~ as %XX in upper case (RFC 3986 section 2.3; AWS's "UriEncode"),
 * and '/' as it is if KEEP_SLASH: true for an S3 key or a whole path, false for one segment and for queries. */
void aws_encode_uri(struct buf *b, const char *text, size_t len, bool keep_slash);
void aws_encode_uri_text(struct buf *b, const char *text, bool keep_slash);

/* Appends "a=1&b&c=" in the order given: the query as it is sent, without '?'. */
void aws_encode_query(struct buf *b, const struct aws_query *query, size_t count);

/* Appends the query as it is signed: sorted by encoded name, then by encoded value, each with its '='
 * (IAM user guide, "Create a signed AWS API request", step 1). */
errint aws_encode_query_canonical(struct buf *b, const struct aws_query *query, size_t count);

/* Writes 2 * LEN lower-case digits and a NUL. */
void aws_encode_hex(const void *data, size_t len, char *ret_text);

/* The SHA-256 of DATA as 64 digits and a NUL. */
#define AWS_SHA256_HEX_SIZE 65
errint aws_encode_sha256_hex(const void *data, size_t len, char ret_text[AWS_SHA256_HEX_SIZE]);

#endif
