/* aws/config: whatever the bytes, parsing ends with a code and a message, and what it accepts is trimmed text that lies
 * within its copy. The input is a whole file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_value(const char *value, size_t size)
{
    if (!value)
        return;
    size_t len = strlen(value);
    require(len <= size);
    require(!len || (!strchr(" \t\r\n", value[0]) && !strchr(" \t\r\n", value[len - 1])));
}

static void check_section(const struct aws_config *c, const char *kind, const char *name, size_t size)
{
    static const char *const keys[] = {"region", "s3", "aws_access_key_id", "services", "k", "a"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = aws_config_get(c, kind, name, keys[i]);
        const char *inner = aws_config_get_inner(c, kind, name, keys[i], "endpoint_url");
        check_value(value, size);
        check_value(inner, size);
        require(!(value || inner) || aws_config_has(c, kind, name));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aws_config *c = NULL;
    errint r = aws_config_parse("the file", (const char *)data, size, &c);
    require(r == 0 || ((r == -EINVAL || r == -EFBIG) && *err_message()));
    require((r == 0) == (c != NULL));
    if (r)
        return 0;
    check_section(c, NULL, "default", size);
    check_section(c, NULL, "a", size);
    check_section(c, "profile", "dev", size);
    check_section(c, "services", "local", size);
    aws_config_free(c);
    return 0;
}
