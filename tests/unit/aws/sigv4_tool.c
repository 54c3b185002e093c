/* Signs what stands on stdin (sigv4_case.h, an empty line behind each case) and prints a line a case: the authorization
 * header, or the query of the presigned URL, with '\t' and the path as it is sent. With --stages the canonical request
 * stands before it. For comparing with another signer. */
#include <stdio.h>

#include "base/cleanup.h"
#include "sigv4_case.h"

static errint print_signed(const struct sigv4_case *c)
{
    struct aws_sigv4_signed s;
    errint r = aws_sigv4_sign(&c->signer, &c->request, &s);
    if (!r) {
        printf("%s\t%s\n", s.authorization, c->request.path);
        aws_sigv4_signed_done(&s);
    }
    return r;
}

static errint print_presigned(const struct sigv4_case *c)
{
    char *query cleanup_free = NULL;
    errint r = aws_sigv4_presign(&c->signer, &c->request, c->expires_s, &query);
    if (!r)
        printf("%s\t%s\n", query, c->request.path);
    return r;
}

static void print_stages(const struct sigv4_case *c)
{
    struct buf canonical cleanup_buf = BUF_INIT, other cleanup_buf = BUF_INIT;
    errint r = c->presign ? aws_sigv4_canonical_presign(&c->signer, &c->request, c->expires_s, &canonical, &other)
                          : aws_sigv4_canonical_request(&c->signer, &c->request, &canonical, &other);
    printf("%s\n", r ? err_message() : buf_text(&canonical));
}

static void print_case(const struct sigv4_case *c, int stages)
{
    if (stages)
        print_stages(c);
    if (c->presign ? print_presigned(c) : print_signed(c))
        printf("error: %s\n", err_message());
}

int main(int argc, char **argv)
{
    int stages = argc > 1 && !strcmp(argv[1], "--stages");
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    struct sigv4_case c;
    sigv4_case_init(&c);
    while ((len = getline(&line, &size, stdin)) > 0) {
        line[len - 1] = '\0';
        if (*line) {
            if (!sigv4_case_line(&c, line)) {
                fprintf(stderr, "not a line of a case: %s\n", line);
                return 2;
            }
            continue;
        }
        print_case(&c, stages);
        sigv4_case_done(&c);
        sigv4_case_init(&c);
    }
    free(line);
    sigv4_case_done(&c);
    return 0;
}
