/* aws/errors: whatever an answer says, a code is a word of safe characters, a message one line, and there is a verdict.
 * The input: a header's line, a newline, the body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/errors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_line(const char *text, size_t size)
{
    require(strlen(text) < size);
    for (; *text; text++)
        require((unsigned char)*text >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    size_t len = newline ? (size_t)(newline - data) : 0, skip = newline ? len + 1 : 0;
    char *header = strndup((const char *)data, len);
    struct aws_error e = {0};
    require(header != NULL);
    aws_errors_parse(newline ? header : NULL, NULL, (const char *)data + skip, size - skip, &e);
    require(strspn(e.code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(e.code));
    check_line(e.code, sizeof e.code);
    check_line(e.message, sizeof e.message);
    check_line(e.region, sizeof e.region);
    check_line(e.request_id, sizeof e.request_id);
    require(aws_errors_of_answer(e.code, 400, false).code < 0);
    free(header);
    return 0;
}
