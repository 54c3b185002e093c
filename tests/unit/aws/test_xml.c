/* The tree of AWS's answers, and what is refused. */
#include "aws/xml.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "tests/lib/remains.h"
#include "tests/lib/unit.h"

DEFINE_CLEANUP(document_freep, struct aws_xml_document *, aws_xml_free)
#define cleanup_doc cleanup(document_freep)

static errint parse(const char *text, struct aws_xml_document **ret)
{
    return aws_xml_parse(text, strlen(text), ret);
}

static void test_tree(void)
{
    struct aws_xml_document *doc cleanup_doc = NULL;
    CHECK_INT(parse("<?xml version=\"1.0\"?>\n<r xmlns=\"http://x/\"><!-- c --><a>1 &lt;&#50;&amp;</a>\n <x:b "
                    "xmlns:x='y' z='1'>"
                    "<c> t </c><c/></x:b><a>last<!-- in -->-text</a><d><![CDATA[<raw>]]></d></r>",
                    &doc),
              0);
    const struct aws_xml *r = aws_xml_root(doc);
    CHECK_STR(r->name, "r");
    CHECK_STR(r->text, "");
    CHECK_STR(aws_xml_text(r, "a"), "1 <2&");
    CHECK_STR(aws_xml_text(aws_xml_child(r, "b"), "c"), " t ");
    CHECK_STR(aws_xml_child(r, "b")->first->next->text, "");
    CHECK_STR(aws_xml_child(r, "b")->next->text, "last-text");
    CHECK_STR(aws_xml_text(r, "d"), "<raw>");
    CHECK(aws_xml_text(r, "e") == NULL);
    CHECK(aws_xml_text(NULL, "e") == NULL);
    CHECK(aws_xml_find(r, "c") == aws_xml_child(r, "b")->first);
    CHECK(aws_xml_find(r, "r") == r);
    CHECK(aws_xml_find(r, "nowhere") == NULL);
}

static void test_refused(void)
{
    static const char *const bad[] = {
        "",
        "text",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>\x01</a>",
        "<a>\xff</a>",
        "{\"a\":1}",
        "<a>&unknown;</a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY x \"yyyy\">]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct aws_xml_document *doc cleanup_doc = NULL;
        CHECK_INT(parse(bad[i], &doc), -EIO);
        CHECK(doc == NULL);
    }
}

static errint parse_nested(unsigned depth)
{
    struct aws_xml_document *doc cleanup_doc = NULL;
    struct buf b cleanup_buf = BUF_INIT;
    for (unsigned i = 0; i < depth; i++)
        buf_puts(&b, "<a>");
    for (unsigned i = 0; i < depth; i++)
        buf_puts(&b, "</a>");
    return aws_xml_parse(buf_text(&b), b.len, &doc);
}

static void test_limits(void)
{
    struct aws_xml_document *doc cleanup_doc = NULL;
    struct buf b cleanup_buf = BUF_INIT;
    CHECK_INT(parse_nested(64), 0);
    CHECK_INT(parse_nested(65), -EFBIG);
    CHECK_INT(parse_nested(100000), -EFBIG);
    CHECK_INT(aws_xml_parse("<a/>", AWS_XML_BYTES_MAX + 1, &doc), -EFBIG);
    buf_puts(&b, "<a>");
    for (unsigned i = 0; i < AWS_XML_ELEMENTS_MAX; i++)
        buf_puts(&b, "<b/>");
    buf_puts(&b, "</a>");
    CHECK_INT(aws_xml_parse(buf_text(&b), b.len, &doc), -EFBIG);
    CHECK(doc == NULL);
}

static void test_many(void)
{
    struct aws_xml_document *doc cleanup_doc = NULL;
    struct buf b cleanup_buf = BUF_INIT;
    buf_puts(&b, "<a>");
    for (unsigned i = 0; i < 20000; i++)
        buf_printf(&b, "<b><c>%u</c></b>", i);
    buf_puts(&b, "</a>");
    CHECK_INT(aws_xml_parse(buf_text(&b), b.len, &doc), 0);
    unsigned sum = 0, count = 0;
    for (const struct aws_xml *node = aws_xml_root(doc)->first; node; node = node->next, count++)
        sum += (unsigned)strtoul(aws_xml_text(node, "c"), NULL, 10);
    CHECK_INT(count, 20000);
    CHECK_INT(sum, 20000 * 19999 / 2);
}

/* AssumeRole's answer: nothing of it stays in what was freed, expat's memory included. */
static void test_wiped(void)
{
    char text[3000] = "<r><SecretAccessKey>";
    for (int i = 0; i < 40; i++)
        (void)strcat(text, "what nobody may find, "); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy) */
    (void)strcat(text, "</SecretAccessKey></r>");     /* NOLINT(clang-analyzer-security.insecureAPI.strcpy) */
    struct aws_xml_document *doc = NULL;
    remains_begin();
    CHECK_INT(parse(text, &doc), 0);
    CHECK(remains_of("what nobody may find") > 0 || !REMAINS_CAN_LOOK);
    aws_xml_free(doc);
    CHECK_INT(remains_of("what nobody may find"), 0);
}

static const struct unit_test tests[] = {{"tree", test_tree},
                                         {"refused", test_refused},
                                         {"limits", test_limits},
                                         {"many", test_many},
                                         {"wiped", test_wiped}};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
