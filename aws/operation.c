/* Forms and JSON in, text out; no state but the pages' token. */
#include "aws/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/json.h"
#include "base/cleanup.h"

void aws_operation_response_done(struct aws_response *r)
{
    aws_response_done(r);
}

void aws_operation_xml_freep(struct aws_xml_document **d)
{
    aws_xml_free(*d);
}

errint aws_operation_json_raw(struct aws_session *s, enum aws_service service, const char *region,
                              const char *target_prefix, const char *operation, const cJSON *input, struct cancel *c,
                              struct aws_response *ret)
{
    struct buf body cleanup_buf = BUF_INIT;
    char target[160];
    snprintf(target, sizeof target, "%s.%s", target_prefix, operation);
    if (input)
        aws_json_print_compact(&body, input);
    else
        buf_puts(&body, "{}");
    errint result = buf_error(&body);
    if (result < 0) {
        *ret = (struct aws_response){0};
        return result;
    }
    const struct aws_sigv4_header headers[] = {{"content-type", "application/x-amz-json-1.1"},
                                               {"x-amz-target", target}};
    struct aws_request request = {
        .service = service,
        .operation = operation,
        .method = "POST",
        .region = region,
        .path = "/",
        .headers = headers,
        .header_count = 2,
        .body = body.data,
        .body_len = body.len,
        .size_max = (size_t)64 * 1024 * 1024,
        .document = true,
    };
    return aws_call_run(s, &request, c, ret);
}

errint aws_operation_json(struct aws_session *s, enum aws_service service, const char *region,
                          const char *target_prefix, const char *operation, const cJSON *input, struct cancel *c,
                          cJSON **ret)
{
    struct aws_response response cleanup_response = {0};
    errint result = aws_operation_json_raw(s, service, region, target_prefix, operation, input, c, &response);
    if (result < 0)
        return result;
    cJSON *json cleanup(aws_json_deletep) = NULL;
    result = aws_json_parse(buf_text(&response.body), response.body.len, &json);
    if (result == 0 && !cJSON_IsObject(json))
        result = err_set(-EIO, "the answer is no JSON object");
    if (result < 0)
        return err_add(result, "%s %s", aws_service_info(service)->name, operation);
    *ret = steal_ptr(&json);
    return 0;
}

errint aws_operation_query_raw(struct aws_session *s, enum aws_service service, const char *region, const char *version,
                               const char *operation, const struct aws_query *parameters, size_t parameter_count,
                               struct cancel *c, struct aws_response *ret)
{
    struct buf body cleanup_buf = BUF_INIT;
    const struct aws_query action[] = {{"Action", operation}, {"Version", version}};
    *ret = (struct aws_response){0};
    aws_encode_query(&body, action, 2);
    if (parameter_count) {
        buf_putc(&body, '&');
        aws_encode_query(&body, parameters, parameter_count);
    }
    errint result = buf_error(&body);
    if (result < 0)
        return result;
    const struct aws_sigv4_header type = {"content-type", "application/x-www-form-urlencoded; charset=utf-8"};
    struct aws_request request = {
        .service = service,
        .operation = operation,
        .method = "POST",
        .region = region,
        .path = "/",
        .headers = &type,
        .header_count = 1,
        .body = body.data,
        .body_len = body.len,
        .document = true,
    };
    return aws_call_run(s, &request, c, ret);
}

errint aws_operation_xml(const struct aws_response *r, enum aws_service service, const char *operation,
                         struct aws_xml_document **ret)
{
    errint result = aws_xml_parse(buf_text(&r->body), r->body.len, ret);
    return result < 0 ? err_add(result, "%s %s", aws_service_info(service)->name, operation) : 0;
}

errint aws_pages_next(struct aws_pages *p, const char *what, const char *token, bool *ret_more)
{
    *ret_more = token && *token;
    if (!*ret_more)
        return 0;
    if ((p->token && strcmp(p->token, token) == 0) || (p->mark && strcmp(p->mark, token) == 0))
        return err_set(-EIO, "%s: page %u has the token of a page before it", what, p->count + 1);
    if (++p->count >= AWS_PAGES_MAX)
        return err_set(-EFBIG, "%s: over %u pages", what, AWS_PAGES_MAX);
    /* The mark moves at powers of two: a ring of any length comes round to it once it stays for longer. */
    bool marked = (p->count & (p->count - 1)) == 0;
    char *copy = strdup(token), *mark = marked ? strdup(token) : NULL;
    if (!copy || (marked && !mark)) {
        free(copy);
        free(mark);
        return err_set(-ENOMEM, "%s", what);
    }
    free(p->token);
    p->token = copy;
    if (marked) {
        free(p->mark);
        p->mark = mark;
    }
    return 0;
}

void aws_pages_done(struct aws_pages *p)
{
    free(p->token);
    free(p->mark);
    p->token = p->mark = NULL;
}

errint aws_operation_probed(errint result, struct aws_response *r, struct aws_probe *ret)
{
    const struct aws_error *e = &r->error;
    *ret = (struct aws_probe){.status = e->status};
    snprintf(ret->code, sizeof ret->code, "%.*s", (int)sizeof ret->code - 1, e->code);
    snprintf(ret->request_id, sizeof ret->request_id, "%s", e->request_id);
    enum aws_retry retry = aws_errors_of_answer(e->code, e->status, false).retry;
    bool refused = aws_errors_is_refusal(e->code, e->status);
    /* a page without a code may be anybody's */
    bool answered = e->status != 0 && (e->code[0] || refused) && result != -EINTR && result != -ESHUTDOWN;
    bool decided = retry == AWS_RETRY_NO || retry == AWS_RETRY_SKEW;
    if (result < 0 && answered && decided)
        result = refused ? -EACCES : 0;
    aws_response_done(r);
    *r = (struct aws_response){0};
    return result;
}
