/* AWS's XML answers as a small tree. DTDs and entities are refused; namespaces, attributes and comments are ignored.
 *
 * Ownership: aws_xml_free; nodes and texts are valid until then. Threads: read-only after parsing.
 * Errors:    -EIO for what is not XML or has a DTD; -EFBIG past 16 MiB, depth 64 or a million elements.
 * Cost:      linear; about 48 bytes an element and its text.
 */
#ifndef CTFS_AWS_XML_H
#define CTFS_AWS_XML_H

#include <stddef.h>

#include "base/errors.h"

#define AWS_XML_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define AWS_XML_DEPTH_MAX 64u
#define AWS_XML_ELEMENTS_MAX 1000000u

struct aws_xml {
    const char *name; /* without prefix */
    const char *text; /* of an element without children, exact; else "" */
    struct aws_xml *first, *next;
};

struct aws_xml_document;

errint aws_xml_parse(const char *text, size_t len, struct aws_xml_document **ret);
void aws_xml_free(struct aws_xml_document *d); /* NULL is nothing */

const struct aws_xml *aws_xml_root(const struct aws_xml_document *d);

/* The first child of that name, or NULL; NODE may be NULL. */
const struct aws_xml *aws_xml_child(const struct aws_xml *node, const char *name);
/* The text of that child, or NULL. */
const char *aws_xml_text(const struct aws_xml *node, const char *name);
/* The first of that name at any depth, NODE itself included, or NULL. */
const struct aws_xml *aws_xml_find(const struct aws_xml *node, const char *name);

#endif
