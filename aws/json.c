/* cJSON with limits before it (depth is counted on the text) and AWS CLI v2's printing after it. cJSON keeps the first
 * of two members with one name where every AWS client keeps the last: earlier ones are dropped after parsing.
 */
#include "aws/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define JSON_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define JSON_DEPTH_MAX 64u
#define EXACT_MAX 9007199254740992.0 /* 2^53 */

void aws_json_deletep(cJSON **p)
{
    cJSON_Delete(*p);
}

/* A NUL in a string, which cJSON would cut there: what is named would be another thing. */
static bool is_nul(const char *text, size_t len)
{
    return len >= 6 && strncmp(text, "\\u0000", 6) == 0;
}

/* Counts brackets outside strings. */
static errint check_text(const char *text, size_t len)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (quoted && is_nul(text + i, len - i))
            return err_set(-EIO, "JSON with a NUL in a string, at byte %zu", i);
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (quoted)
            continue;
        else if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return err_set(-EIO, "JSON nested deeper than %u", JSON_DEPTH_MAX);
    }
    return 0;
}

struct member {
    cJSON *item;
    size_t index;
};

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = strcmp(x->item->string, y->item->string);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static errint drop_earlier_twins(cJSON *object)
{
    size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
    if (count < 2)
        return 0;
    struct member *members cleanup_free = calloc(count, sizeof *members);
    if (!members)
        return err_set(-ENOMEM, "JSON object of %zu members", count);
    for (cJSON *item = object->child; item; item = item->next, i++)
        members[i] = (struct member){item, i};
    qsort(members, count, sizeof *members, compare_members);
    for (i = 0; i + 1 < count; i++) {
        if (strcmp(members[i].item->string, members[i + 1].item->string) == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(object, members[i].item));
    }
    return 0;
}

static errint drop_twins(cJSON *value)
{
    errint result = cJSON_IsObject(value) ? drop_earlier_twins(value) : 0;
    for (cJSON *item = value->child; item && result == 0; item = item->next)
        result = drop_twins(item);
    return result;
}

static bool is_blank(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at == end;
}

errint aws_json_parse(const char *text, size_t len, cJSON **ret)
{
    if (len > JSON_BYTES_MAX)
        return err_set(-EIO, "JSON of %zu bytes, over %zu", len, JSON_BYTES_MAX);
    errint result = check_text(text, len);
    if (result < 0)
        return result;
    const char *end = NULL;
    cJSON *json cleanup(aws_json_deletep) = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (!json)
        return err_set(-EIO, "not JSON, at byte %zu of %zu", end ? (size_t)(end - text) : (size_t)0, len);
    if (!is_blank(end, text + len))
        return err_set(-EIO, "not one JSON value: more follows at byte %zu", (size_t)(end - text));
    result = drop_twins(json);
    if (result == 0)
        *ret = steal_ptr(&json);
    return result;
}

static void print_string(struct buf *to, const char *text)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    buf_putc(to, '"');
    for (; *text; text++) {
        const char *at = strchr(plain, *text);
        if (at)
            buf_printf(to, "\\%c", letters[at - plain]);
        else if ((unsigned char)*text < ' ')
            buf_printf(to, "\\u%04x", (unsigned)*text);
        else
            buf_putc(to, *text);
    }
    buf_putc(to, '"');
}

/* The shortest text that reads back as the same double. */
static void print_number(struct buf *to, double number)
{
    if (!isfinite(number)) {
        buf_puts(to, "null");
        return;
    }
    if (number > -EXACT_MAX && number < EXACT_MAX && number == (double)(int64_t)number) {
        buf_printf(to, "%" PRId64, (int64_t)number);
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    buf_puts(to, text);
}

struct style {
    bool compact;
};

static void print_value(struct buf *to, const cJSON *value, const struct style *style, unsigned indent);

static void print_break(struct buf *to, const struct style *style, unsigned indent)
{
    if (!style->compact)
        buf_printf(to, "\n%*s", (int)(4 * indent), "");
}

static void print_members(struct buf *to, const cJSON *value, const struct style *style, unsigned indent)
{
    for (const cJSON *item = value->child; item; item = item->next) {
        print_break(to, style, indent + 1);
        if (cJSON_IsObject(value)) {
            print_string(to, item->string);
            buf_puts(to, style->compact ? ":" : ": ");
        }
        print_value(to, item, style, indent + 1);
        if (item->next)
            buf_putc(to, ',');
    }
    if (value->child)
        print_break(to, style, indent);
}

static void print_value(struct buf *to, const cJSON *value, const struct style *style, unsigned indent)
{
    if (cJSON_IsObject(value) || cJSON_IsArray(value)) {
        buf_putc(to, cJSON_IsObject(value) ? '{' : '[');
        print_members(to, value, style, indent);
        buf_putc(to, cJSON_IsObject(value) ? '}' : ']');
    } else if (cJSON_IsString(value)) {
        print_string(to, value->valuestring);
    } else if (cJSON_IsNumber(value)) {
        print_number(to, value->valuedouble);
    } else {
        buf_puts(to, cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "null");
    }
}

void aws_json_print(struct buf *to, const cJSON *value)
{
    print_value(to, value, &(struct style){false}, 0);
    buf_putc(to, '\n');
}

void aws_json_print_compact(struct buf *to, const cJSON *value)
{
    print_value(to, value, &(struct style){true}, 0);
}

const char *aws_json_string(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* "2026-01-31T10:00:00+00:00", with microseconds when there are any. */
static void format_time(int64_t unix_s, long micros, char ret[64])
{
    char iso[CLOCK_ISO_SIZE];
    clock_format_iso(unix_s, iso);
    if (micros > 0)
        snprintf(ret, 64, "%.19s.%06ld+00:00", iso, micros);
    else
        snprintf(ret, 64, "%.19s+00:00", iso);
}

/* The digits behind the '.' of an ISO text, as microseconds. */
static long fraction_micros(const char *text)
{
    const char *dot = strchr(text, '.');
    long micros = 0;
    for (int i = 0; i < 6; i++) {
        bool digit = dot && dot[1] >= '0' && dot[1] <= '9';
        micros = micros * 10 + (digit ? *++dot - '0' : 0);
    }
    return micros;
}

static errint read_time(const cJSON *item, const char *name, int64_t *ret_unix_s, long *ret_micros)
{
    if (cJSON_IsString(item)) {
        *ret_micros = fraction_micros(item->valuestring);
        errint result = clock_parse_iso(item->valuestring, ret_unix_s);
        return result < 0 ? err_set(-EIO, "%s is \"%s\", not a time", name, item->valuestring) : 0;
    }
    double seconds = item->valuedouble;
    if (!cJSON_IsNumber(item) || !(seconds >= 0 && seconds < 253402300800.0))
        return err_set(-EIO, "%s is not a time", name);
    int64_t whole = (int64_t)seconds;
    long micros = (long)((seconds - (double)whole) * 1e6 + 0.5);
    *ret_unix_s = whole + micros / 1000000;
    *ret_micros = micros % 1000000;
    return 0;
}

errint aws_json_time_member(cJSON *object, const char *name)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!item || cJSON_IsNull(item))
        return 0;
    int64_t unix_s = 0;
    long micros = 0;
    errint result = read_time(item, name, &unix_s, &micros);
    if (result < 0)
        return result;
    char text[64];
    format_time(unix_s, micros, text);
    cJSON *string = cJSON_CreateString(text);
    if (!string || !cJSON_ReplaceItemInObjectCaseSensitive(object, name, string))
        return err_set(-ENOMEM, "time of %s", name);
    return 0;
}
