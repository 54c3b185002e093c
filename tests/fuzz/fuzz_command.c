/* model/command: the text of `connect` in one piece and in pieces. What parses is whole, what waits does not parse, each value
 * is free of control bytes, and a text written in small blocks never runs what the same text in one piece would refuse for
 * its form. The first byte says how long the blocks are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static int parses(const char *text, size_t len)
{
    struct model_command c = {0};
    errint e = model_command_parse(text, len, &c);
    require(e == 0 || e == -EINVAL);
    require(e == 0 || err_message()[0]);
    for (size_t i = 0; i < c.count; i++) {
        require(c.pairs[i].key[0] && model_command_value(&c, c.pairs[i].key) == c.pairs[i].value);
        for (const char *p = c.pairs[i].value; *p; p++)
            require((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
    model_command_done(&c);
    return e == 0;
}

static void check_whole(const char *text, size_t len)
{
    enum model_command_text found = model_command_scan(text, len);
    if (parses(text, len))
        require(found == MODEL_TEXT_WHOLE);
    if (found == MODEL_TEXT_BLANK)
        for (size_t i = 0; i < len; i++)
            require(strchr(" \t\n\r\v\f", text[i]) && text[i]);
}

/* As an open file takes it: what is whole runs, from the start that the scanner gives. */
static void check_blocks(const char *text, size_t len, size_t block)
{
    size_t ran_len = 0;
    for (size_t at = 0; at < len;) {
        size_t start = SIZE_MAX, before = at;
        at = len - at > block ? at + block : len;
        if (model_command_scan_open(text, at, ran_len, at - before, &start) != MODEL_TEXT_WHOLE)
            continue;
        require(start == 0 || start == ran_len);
        if (!parses(text + start, at - start))
            return; /* the writer stops at its first error */
        ran_len = at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1;
    check_whole(text, size - 1);
    check_blocks(text, size - 1, 1 + data[0] % 16);
    return 0;
}
