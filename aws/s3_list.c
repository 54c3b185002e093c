/* ListObjectsV2, page by page. Keys come URL-encoded (encoding-type=url), since XML cannot carry every byte of a key. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "aws/operation.h"
#include "aws/s3_parts.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define OBJECTS_MAX 1000000u

void aws_s3_listing_done(struct aws_s3_listing *l)
{
    for (size_t i = 0; i < l->object_count; i++) {
        free(l->objects[i].key);
        free(l->objects[i].etag);
        free(l->objects[i].storage_class);
    }
    for (size_t i = 0; i < l->prefix_count; i++)
        free(l->prefixes[i]);
    free(l->objects);
    free(l->prefixes);
    *l = (struct aws_s3_listing){0};
}

static int hex_value(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Decodes %XX and '+' when the page is encoded; else copies. NULL when out of memory. */
static char *decode(const char *text, bool encoded)
{
    char *copy = strdup(text), *to = copy;
    if (!copy || !encoded)
        return copy;
    for (const char *at = text; *at; at++) {
        bool escape = at[0] == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]);
        *to++ = (char)(escape ? hex_value(at[1]) * 16 + hex_value(at[2]) : *at == '+' ? ' ' : *at);
        at += escape ? 2 : 0;
    }
    *to = '\0';
    return copy;
}

/* Room for one more of SIZE bytes: the array doubles at each power of two. */
static void *grow(void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    return realloc(array, (count ? 2 * count : 1) * size);
}

static errint add_object(struct aws_s3_listing *l, const struct aws_xml *node, bool encoded)
{
    const char *key = aws_xml_text(node, "Key"), *etag = aws_xml_text(node, "ETag");
    const char *modified = aws_xml_text(node, "LastModified"), *class = aws_xml_text(node, "StorageClass");
    struct aws_s3_object o = {0};
    if (!key || !*key || !modified || clock_parse_iso(modified, &o.last_modified_unix) < 0)
        return err_set(-EIO, "an entry without a key and a time");
    errint result = aws_s3_number(aws_xml_text(node, "Size"), &o.size_bytes);
    if (result < 0)
        return result;
    struct aws_s3_object *objects = grow(l->objects, l->object_count, sizeof *objects);
    if (!objects)
        return err_set(-ENOMEM, "a listing");
    l->objects = objects;
    o.key = decode(key, encoded);
    o.etag = aws_s3_etag(etag);
    o.storage_class = strdup(class ? class : "");
    l->objects[l->object_count++] = o;
    return o.key && o.etag && o.storage_class ? 0 : err_set(-ENOMEM, "a listing");
}

/* A common prefix ends in the delimiter; `rclone serve s3` leaves it out. */
static errint end_prefix(char **prefix, const char *delimiter)
{
    size_t len = strlen(*prefix), end = strlen(delimiter);
    if (len >= end && strcmp(*prefix + len - end, delimiter) == 0)
        return 0;
    char *ended = realloc(*prefix, len + end + 1);
    if (!ended)
        return err_set(-ENOMEM, "a listing");
    memcpy(ended + len, delimiter, end + 1);
    *prefix = ended;
    return 0;
}

static errint add_prefix(struct aws_s3_listing *l, const struct aws_xml *node, bool encoded, const char *delimiter)
{
    const char *prefix = aws_xml_text(node, "Prefix");
    if (!prefix)
        return err_set(-EIO, "a CommonPrefixes without Prefix");
    char **prefixes = grow(l->prefixes, l->prefix_count, sizeof *prefixes);
    if (!prefixes)
        return err_set(-ENOMEM, "a listing");
    l->prefixes = prefixes;
    char *copy = decode(prefix, encoded);
    if (!copy)
        return err_set(-ENOMEM, "a listing");
    l->prefixes[l->prefix_count++] = copy;
    return end_prefix(&l->prefixes[l->prefix_count - 1], delimiter);
}

struct listing {
    struct aws_s3_request request;
    struct aws_pages pages;
    const char *delimiter; /* "" for none */
    size_t objects_max;
    struct aws_s3_listing *all;
};

static errint take_page(struct listing *l, const struct aws_xml *root, bool *ret_more)
{
    if (strcmp(root->name, "ListBucketResult") != 0)
        return err_set(-EIO, "the answer is no listing but <%.40s>", root->name);
    const char *encoding = aws_xml_text(root, "EncodingType"), *cut = aws_xml_text(root, "IsTruncated");
    const char *token = aws_xml_text(root, "NextContinuationToken");
    bool encoded = encoding && strcmp(encoding, "url") == 0, truncated = cut && strcmp(cut, "true") == 0;
    errint result = 0;
    for (const struct aws_xml *node = root->first; node && result == 0; node = node->next) {
        if (strcmp(node->name, "Contents") == 0)
            result = add_object(l->all, node, encoded);
        else if (strcmp(node->name, "CommonPrefixes") == 0)
            result = add_prefix(l->all, node, encoded, l->delimiter);
        if (l->all->object_count + l->all->prefix_count > l->objects_max)
            return err_set(-EFBIG, "over %zu objects", l->objects_max);
    }
    if (result == 0 && truncated && (!token || !*token))
        return err_set(-EIO, "a cut page without a token for the next");
    return result < 0 ? result : aws_pages_next(&l->pages, "s3 ListObjectsV2", truncated ? token : NULL, ret_more);
}

static errint read_page(struct aws_session *s, struct listing *l, const char *prefix, struct cancel *c, bool *ret_more)
{
    struct aws_query query[5] = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", prefix}};
    size_t count = 3;
    if (*l->delimiter)
        query[count++] = (struct aws_query){"delimiter", l->delimiter};
    if (l->pages.token)
        query[count++] = (struct aws_query){"continuation-token", l->pages.token};
    l->request.request.query = query;
    l->request.request.query_count = count;
    struct aws_response response cleanup_response = {0};
    struct aws_xml_document *doc cleanup_xml = NULL;
    errint result = aws_call_run(s, &l->request.request, c, &response);
    l->request.request.query = NULL;
    if (result < 0)
        return result;
    result = aws_operation_xml(&response, AWS_S3, "ListObjectsV2", &doc);
    if (result == 0)
        result = take_page(l, aws_xml_root(doc), ret_more);
    return result < 0 ? err_add(result, "s3 ListObjectsV2 %s/%s", l->request.target, prefix) : 0;
}

errint aws_s3_list(struct aws_session *s, const struct aws_s3_bucket *bucket, const char *prefix, const char *delimiter,
                   size_t objects_max, struct cancel *c, struct aws_s3_listing *ret)
{
    struct aws_s3_listing all = {0};
    struct listing l = {
        .delimiter = delimiter ? delimiter : "", .objects_max = objects_max ? objects_max : OBJECTS_MAX, .all = &all};
    errint result = aws_s3_request_init(&l.request, bucket, NULL);
    l.request.request.operation = "ListObjectsV2";
    l.request.request.method = "GET";
    l.request.request.document = true;
    for (bool more = true; more && result == 0;)
        result = read_page(s, &l, prefix ? prefix : "", c, &more);
    aws_s3_request_done(&l.request);
    aws_pages_done(&l.pages);
    if (result < 0)
        aws_s3_listing_done(&all);
    else
        *ret = all;
    return result;
}
