/* aws/json: whatever the bytes, parsing ends with a code and a message; what is printed of an accepted value parses, and
 * prints the same again, in both styles.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_print(const cJSON *json, void (*print)(struct buf *, const cJSON *))
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    cJSON *again = NULL;
    print(&first, json);
    require(buf_error(&first) == 0);
    require(aws_json_parse(first.data, first.len, &again) == 0);
    print(&second, again);
    require(strcmp(buf_text(&first), buf_text(&second)) == 0);
    cJSON_Delete(again);
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *json = NULL;
    errint r = aws_json_parse((const char *)data, size, &json);
    require(r == 0 || (r == -EIO && *err_message()));
    require((r == 0) == (json != NULL));
    if (r)
        return 0;
    check_print(json, aws_json_print);
    check_print(json, aws_json_print_compact);
    r = aws_json_time_member(json, "t");
    require(r == 0 || (r == -EIO && *err_message()));
    (void)aws_json_string(json, "t");
    cJSON_Delete(json);
    return 0;
}
