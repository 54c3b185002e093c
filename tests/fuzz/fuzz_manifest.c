/* model/layout: a manifest is refused, or every key that it names lies below the report's root, without a way out of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model_manifest m;
    if (model_manifest_parse((const char *)data, size, "cur/r/", "cur/r/20261101-20261201/", &m))
        return 0;
    require(m.layout != NULL);
    for (size_t i = 0; i < m.key_count; i++) {
        const char *key = m.keys[i] + strspn(m.keys[i], "/");
        require(strncmp(key, "cur/r/", 6) == 0 && !strstr(key, "/../") && !strstr(key, "/./"));
        require(key[strlen(key) - 1] != '/');
    }
    model_manifest_done(&m);
    return 0;
}
