/* aws/xml: whatever the bytes, parsing ends with a code and a message, and an accepted tree is well made: names and
 * texts there, within the limits, and no text longer than the input.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/errors.h"
#include "aws/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_node(const struct aws_xml *node, size_t size, unsigned depth)
{
    require(depth <= AWS_XML_DEPTH_MAX);
    require(node->name && *node->name && strlen(node->name) <= size);
    require(node->text && strlen(node->text) <= size);
    require(!node->first || !*node->text);
    require(aws_xml_find(node, node->name) == node);
    for (const struct aws_xml *child = node->first; child; child = child->next)
        check_node(child, size, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aws_xml_document *doc = NULL;
    errint r = aws_xml_parse((const char *)data, size, &doc);
    require(r == 0 || ((r == -EIO || r == -EFBIG) && *err_message()));
    require((r == 0) == (doc != NULL));
    (void)aws_errors_is_document((const char *)data, size);
    if (r == 0)
        check_node(aws_xml_root(doc), size, 1);
    aws_xml_free(doc);
    return 0;
}
