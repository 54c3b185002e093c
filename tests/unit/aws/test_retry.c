/* Waits and quota of the standard retry mode. */
#include "aws/retry.h"

#include "tests/lib/unit.h"

static void test_delays(void)
{
    static const int transient[] = {50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000};
    static const int throttled[] = {1000, 2000, 4000, 8000, 16000, 20000, 20000};
    for (unsigned i = 0; i < sizeof transient / sizeof transient[0]; i++)
        CHECK_INT(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, i, 1.0, -1), transient[i]);
    for (unsigned i = 0; i < sizeof throttled / sizeof throttled[0]; i++)
        CHECK_INT(aws_retry_delay_ms(AWS_RETRY_THROTTLE, i, 1.0, -1), throttled[i]);
    CHECK_INT(aws_retry_delay_ms(AWS_RETRY_THROTTLE, 1000000, 0.5, -1), 10000);
    CHECK_INT(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, 3, 0.0, -1), 0);
}

/* max(t, min(header, t + 5 s)) */
static void test_header(void)
{
    CHECK_INT(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, 0, 1.0, 20), 50);
    CHECK_INT(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, 0, 1.0, 1500), 1500);
    CHECK_INT(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, 0, 1.0, 3600000), 5050);
    CHECK_INT(aws_retry_delay_ms(AWS_RETRY_THROTTLE, 5, 1.0, INT64_MAX), 25000);
}

static void test_quota(void)
{
    struct aws_retry_quota q;
    aws_retry_quota_init(&q);
    unsigned retries = 0;
    while (aws_retry_quota_take(&q, AWS_RETRY_TRANSIENT))
        retries++;
    CHECK_INT(retries, 35);
    CHECK_INT(q.left, 10);
    CHECK_INT(aws_retry_quota_take(&q, AWS_RETRY_THROTTLE), 5);
    CHECK_INT(aws_retry_quota_take(&q, AWS_RETRY_THROTTLE), 5);
    CHECK_INT(aws_retry_quota_take(&q, AWS_RETRY_THROTTLE), 0);
    aws_retry_quota_refund(&q, 14);
    CHECK_INT(q.left, 14);
    aws_retry_quota_refund(&q, 0);
    CHECK_INT(q.left, 15);
    q.left = 499;
    aws_retry_quota_refund(&q, 14);
    CHECK_INT(q.left, 500);
}

static const struct unit_test tests[] = {{"delays", test_delays}, {"header", test_header}, {"quota", test_quota}};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
