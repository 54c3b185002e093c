/* base/names: what is escaped comes back, is a file name, and a set of names comes out distinct. The input is one name
 * for names_escape, one text for names_unescape, and, cut at its newlines, a set of names.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SET_MAX 16

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_escape(const char *name, size_t len)
{
    char *text cleanup_free = NULL;
    char *back cleanup_free = NULL;
    size_t back_len = 0;
    require(names_escape(name, len, &text) == 0);
    require(text[0] && strlen(text) <= 255 && !strchr(text, '/') && strcmp(text, ".") != 0 && strcmp(text, "..") != 0);
    if (names_unescape(text, &back, &back_len) == 0)
        require(back_len == len && memcmp(back, name, len) == 0);
    else
        require(strlen(text) > 230 && strstr(text, "%~")); /* only a cut one does not come back */
}

static void check_unescape(const char *text)
{
    char *name cleanup_free = NULL;
    char *again cleanup_free = NULL;
    size_t len = 0;
    if (names_unescape(text, &name, &len) != 0)
        return;
    require(names_escape(name, len, &again) == 0 && strcmp(again, text) == 0);
}

static void check_unique(char *text)
{
    struct names_entry entries[SET_MAX];
    char ids[SET_MAX][24];
    size_t count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line && count < SET_MAX; line = strtok_r(NULL, "\n", &rest)) {
        (void)snprintf(ids[count], sizeof ids[count], "%zu", count);
        entries[count] = (struct names_entry){line, ids[count], NULL};
        count++;
    }
    require(names_unique(entries, count) == 0);
    for (size_t i = 0; i < count; i++) {
        require(strlen(entries[i].file_name) <= 255);
        for (size_t k = 0; k < i; k++)
            require(strcmp(entries[i].file_name, entries[k].file_name) != 0);
    }
    for (size_t i = 0; i < count; i++)
        free(entries[i].file_name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b cleanup_buf = BUF_INIT;
    buf_append(&b, data, size);
    char *text cleanup_free = buf_steal(&b);
    if (!text)
        return 0;
    check_escape(text, size);
    check_unescape(text);
    check_unique(text);
    return 0;
}
