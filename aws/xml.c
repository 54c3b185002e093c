/* Expat without namespaces; elements and texts lie in chunks that are freed together. While an element is open its
 * children hang on the stack's tail pointers, so that no list is walked. Text is gathered in one buffer, begun anew at
 * each start tag: only an element without children keeps it.
 *
 * AssumeRole's answer has credentials in it: all memory is wiped before it is freed, expat's (which copies what it reads)
 * by functions given to it.
 */
#include "aws/xml.h"

#include <expat.h>
#include <malloc.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define CHUNK_BYTES 65536u

struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

struct aws_xml_document {
    struct chunk *chunks;
    struct aws_xml *root;
};

struct open_element {
    struct aws_xml *node;
    struct aws_xml **tail; /* where its next child goes */
};

struct parsing {
    XML_Parser parser;
    struct aws_xml_document *doc;
    struct open_element open[AWS_XML_DEPTH_MAX];
    unsigned depth;
    unsigned element_count;
    struct buf text;
    const char *failure; /* why it was stopped */
    errint failure_code;
};

static void wipe_and_free(void *p)
{
    if (p)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

static void *wipe_and_realloc(void *p, size_t size)
{
    void *grown = malloc(size);
    size_t had = p ? malloc_usable_size(p) : 0;
    if (!grown)
        return NULL;
    if (had)
        memcpy(grown, p, had < size ? had : size);
    wipe_and_free(p);
    return grown;
}

static const XML_Memory_Handling_Suite wiping = {malloc, wipe_and_realloc, wipe_and_free};

static void *take(struct aws_xml_document *d, size_t size)
{
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct chunk *c = d->chunks;
    if (!c || c->size - c->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        c = malloc(sizeof *c + room);
        if (!c)
            return NULL;
        *c = (struct chunk){.next = d->chunks, .size = room};
        d->chunks = c;
    }
    void *at = c->data + c->used;
    c->used += size;
    return at;
}

static const char *take_text(struct aws_xml_document *d, const char *text, size_t len)
{
    if (len == 0)
        return "";
    char *copy = take(d, len + 1);
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

static void stop(struct parsing *p, errint code, const char *why)
{
    if (!p->failure) {
        p->failure = why;
        p->failure_code = code;
    }
    XML_StopParser(p->parser, XML_FALSE);
}

static struct aws_xml *add_element(struct parsing *p, const char *name)
{
    const char *colon = strrchr(name, ':');
    const char *local = colon && colon[1] ? colon + 1 : name;
    struct aws_xml *node = take(p->doc, sizeof *node);
    const char *copy = take_text(p->doc, local, strlen(local));
    if (!node || !copy)
        return NULL;
    *node = (struct aws_xml){.name = copy, .text = ""};
    if (p->depth == 0) {
        p->doc->root = node;
    } else {
        struct open_element *parent = &p->open[p->depth - 1];
        *parent->tail = node;
        parent->tail = &node->next;
    }
    return node;
}

static void XMLCALL start_element(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct parsing *p = arg;
    (void)attributes;
    if (p->depth == AWS_XML_DEPTH_MAX || p->element_count == AWS_XML_ELEMENTS_MAX) {
        stop(p, -EFBIG, p->depth == AWS_XML_DEPTH_MAX ? "nested too deeply" : "too many elements");
        return;
    }
    struct aws_xml *node = add_element(p, name);
    if (!node) {
        stop(p, -ENOMEM, "out of memory");
        return;
    }
    p->open[p->depth++] = (struct open_element){node, &node->first};
    p->element_count++;
    buf_reset(&p->text);
}

static void XMLCALL end_element(void *arg, const XML_Char *name)
{
    struct parsing *p = arg;
    (void)name;
    struct aws_xml *node = p->open[--p->depth].node;
    if (node->first)
        return;
    const char *text = take_text(p->doc, buf_text(&p->text), p->text.len);
    if (text)
        node->text = text;
    else
        stop(p, -ENOMEM, "out of memory");
    buf_reset(&p->text);
}

static void XMLCALL character_data(void *arg, const XML_Char *text, int len)
{
    struct parsing *p = arg;
    buf_append(&p->text, text, (size_t)len);
}

static void XMLCALL start_doctype(void *arg, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                                  int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    stop(arg, -EIO, "a DTD, which is refused");
}

static errint run_parser(struct parsing *p, const char *text, size_t len)
{
    XML_SetUserData(p->parser, p);
    XML_SetElementHandler(p->parser, start_element, end_element);
    XML_SetCharacterDataHandler(p->parser, character_data);
    XML_SetStartDoctypeDeclHandler(p->parser, start_doctype);
    enum XML_Status status = XML_Parse(p->parser, text, (int)len, XML_TRUE);
    if (p->failure)
        return err_set(p->failure_code, "XML answer: %s", p->failure);
    if (status != XML_STATUS_OK)
        return err_set(-EIO, "XML answer, line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(p->parser),
                       XML_ErrorString(XML_GetErrorCode(p->parser)));
    return buf_error(&p->text);
}

DEFINE_CLEANUP(document_freep, struct aws_xml_document *, aws_xml_free)

errint aws_xml_parse(const char *text, size_t len, struct aws_xml_document **ret)
{
    if (len > AWS_XML_BYTES_MAX)
        return err_set(-EFBIG, "XML answer of %zu bytes, over %zu", len, AWS_XML_BYTES_MAX);
    struct aws_xml_document *doc cleanup(document_freep) = calloc(1, sizeof *doc);
    struct parsing p = {.parser = XML_ParserCreate_MM("UTF-8", &wiping, NULL), .doc = doc, .text = {.secret = true}};
    errint result = doc && p.parser ? run_parser(&p, text, len) : err_set(-ENOMEM, "XML answer: out of memory");
    if (p.parser)
        XML_ParserFree(p.parser);
    buf_done(&p.text);
    if (result == 0)
        *ret = steal_ptr(&doc);
    return result;
}

void aws_xml_free(struct aws_xml_document *d)
{
    if (!d)
        return;
    while (d->chunks) {
        struct chunk *next = d->chunks->next;
        wipe_and_free(d->chunks);
        d->chunks = next;
    }
    free(d);
}

const struct aws_xml *aws_xml_root(const struct aws_xml_document *d)
{
    return d->root;
}

const struct aws_xml *aws_xml_child(const struct aws_xml *node, const char *name)
{
    const struct aws_xml *child = node ? node->first : NULL;
    while (child && strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}

const char *aws_xml_text(const struct aws_xml *node, const char *name)
{
    const struct aws_xml *child = aws_xml_child(node, name);
    return child ? child->text : NULL;
}

const struct aws_xml *aws_xml_find(const struct aws_xml *node, const char *name)
{
    if (!node || strcmp(node->name, name) == 0)
        return node;
    for (const struct aws_xml *child = node->first; child; child = child->next) {
        const struct aws_xml *found = aws_xml_find(child, name);
        if (found)
            return found;
    }
    return NULL;
}
