/* What a part's first rows tell: regions, invoices. */
#include "model/report_sample.h"

#include "tests/lib/unit.h"

static void check(const char *text, bool whole, const char *regions, unsigned rows, unsigned billed)
{
    struct model_sample s;
    CHECK_INT(model_sample_take(text, strlen(text), whole, &s), 0);
    CHECK_STR(buf_text(&s.regions), regions);
    CHECK_INT(s.rows, rows);
    CHECK_INT(s.billed_rows, billed);
    model_sample_done(&s);
}

static void regions_come_from_the_columns(void)
{
    check("lineItem/AvailabilityZone,product/regionCode\nus-east-1a,eu-west-1\nus-east-2b,\n,global\n,eu-west-1\n",
          true, "eu-west-1,us-east-2", 4, 0);
    check("product/region\nus-gov-west-1\n\"ap-southeast-2\"\n", true, "ap-southeast-2,us-gov-west-1", 2, 0);
    check("other\nus-east-1\n", true, "", 1, 0);
}

static void a_cut_record_is_not_counted(void)
{
    check("product/region\neu-west-1\nus-ea", false, "eu-west-1", 1, 0);
    check("product/region\neu-west-1\nus-east-1", true, "eu-west-1,us-east-1", 2, 0);
    check("", true, "", 0, 0);
    check("product/region\neu-west-1\n\"a\"b\nus-east-1\n", true, "eu-west-1", 1, 0);
}

static void invoices_are_counted(void)
{
    check("bill/InvoiceId,product/region\n123,eu-west-1\n,eu-west-1\n", true, "eu-west-1", 2, 1);
}

static void currencies_are_listed_and_a_bad_record_is_no_whole_part(void)
{
    static const char good[] = "lineItem/CurrencyCode,x\nUSD,1\nEUR,2\nUSD,3\nnone,4\n", bad[] = "a\n1\n\"x\"y\n";
    struct model_sample s;
    CHECK_INT(model_sample_take(good, sizeof good - 1, true, &s), 0);
    CHECK_STR(buf_text(&s.currencies), "EUR,USD");
    CHECK(s.whole);
    model_sample_done(&s);
    CHECK_INT(model_sample_take(bad, sizeof bad - 1, true, &s), 0);
    CHECK(!s.whole);
    model_sample_done(&s);
}

static void regions_are_told_from_other_texts(void)
{
    CHECK(model_sample_is_region("us-east-1"));
    CHECK(model_sample_is_region("ap-southeast-2"));
    CHECK(model_sample_is_region("us-gov-east-1"));
    CHECK(!model_sample_is_region("global"));
    CHECK(!model_sample_is_region("us-east-1a"));
    CHECK(!model_sample_is_region("US East (Ohio)"));
    CHECK(!model_sample_is_region("-east-1xx"));
    CHECK(!model_sample_is_region("us--east-1"));
    CHECK(!model_sample_is_region("../../../-1"));
}

static void lists_are_sorted_and_hold_each_once(void)
{
    struct buf list = BUF_INIT;
    static const char *const order[] = {"us-east-1", "eu-west-1", "us-east-1", "us-west-2", "ap-south-1", "eu-west-1"};
    for (size_t i = 0; i < 6; i++)
        model_sample_add(&list, order[i]);
    CHECK_STR(buf_text(&list), "ap-south-1,eu-west-1,us-east-1,us-west-2");
    buf_done(&list);
}

static const struct unit_test tests[] = {
    {"regions_come_from_the_columns", regions_come_from_the_columns},
    {"a_cut_record_is_not_counted", a_cut_record_is_not_counted},
    {"invoices_are_counted", invoices_are_counted},
    {"currencies_are_listed", currencies_are_listed_and_a_bad_record_is_no_whole_part},
    {"regions_are_told_from_other_texts", regions_are_told_from_other_texts},
    {"lists_are_sorted_and_hold_each_once", lists_are_sorted_and_hold_each_once},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
