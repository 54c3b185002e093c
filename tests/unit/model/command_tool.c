/* Parses commands for tests/vectors/quotes/compare.py. A line of standard input is a command's bytes in hex; its line of
 * output is the value of name= in hex behind an =, or the message that refused it. Each command is also scanned at each cut:
 * a cut that counts as whole must be a command too, and the whole text must be. */
#include "model/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t from_hex(const char *hex, char *to, size_t room)
{
    size_t n = 0;
    unsigned byte;
    for (; n < room && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        to[n] = (char)byte;
    return n;
}

/* The first cut of TEXT that would be run and refused, or LEN. */
static size_t bad_cut(const char *text, size_t len)
{
    for (size_t n = 1; n < len; n++) {
        struct model_command c = {0};
        if (model_command_scan(text, n) == MODEL_TEXT_WHOLE && model_command_parse(text, n, &c) < 0)
            return n;
        model_command_done(&c);
    }
    return len;
}

static void answer(const char *text, size_t len)
{
    struct model_command c = {0};
    if (model_command_parse(text, len, &c) < 0) {
        printf("%s\n", err_message());
        return;
    }
    if (model_command_scan(text, len) != MODEL_TEXT_WHOLE)
        printf("parsed, but not whole\n");
    else if (bad_cut(text, len) != len)
        printf("refused when cut at byte %zu\n", bad_cut(text, len));
    else {
        putchar('=');
        for (const char *p = model_command_value(&c, "name"); p && *p; p++)
            printf("%02x", (unsigned char)*p);
        putchar('\n');
    }
    model_command_done(&c);
}

int main(void)
{
    static char line[4 * MODEL_COMMAND_MAX + 16], text[2 * MODEL_COMMAND_MAX];
    while (fgets(line, sizeof line, stdin))
        answer(text, from_hex(line, text, sizeof text));
    return ferror(stdin) != 0;
}
