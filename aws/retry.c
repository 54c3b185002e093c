/* No state but the quota's. */
#include "aws/retry.h"

#define DELAY_MAX_MS 20000.0
#define HEADER_EXTRA_MAX_MS 5000

void aws_retry_quota_init(struct aws_retry_quota *q)
{
    q->left = AWS_RETRY_QUOTA;
}

int aws_retry_quota_take(struct aws_retry_quota *q, enum aws_retry why)
{
    int cost = why == AWS_RETRY_THROTTLE ? AWS_RETRY_COST_THROTTLE : AWS_RETRY_COST;
    if (q->left < cost)
        return 0;
    q->left -= cost;
    return cost;
}

void aws_retry_quota_refund(struct aws_retry_quota *q, int taken)
{
    q->left += taken > 0 ? taken : 1;
    if (q->left > AWS_RETRY_QUOTA)
        q->left = AWS_RETRY_QUOTA;
}

int64_t aws_retry_delay_ms(enum aws_retry why, unsigned index, double random_unit, int64_t header_ms)
{
    double most_ms = why == AWS_RETRY_THROTTLE ? 1000.0 : 50.0;
    for (unsigned i = 0; i < index && most_ms < DELAY_MAX_MS; i++)
        most_ms *= 2;
    if (most_ms > DELAY_MAX_MS)
        most_ms = DELAY_MAX_MS;
    int64_t delay_ms = (int64_t)(random_unit * most_ms);
    int64_t asked_ms = header_ms < delay_ms + HEADER_EXTRA_MAX_MS ? header_ms : delay_ms + HEADER_EXTRA_MAX_MS;
    return asked_ms > delay_ms ? asked_ms : delay_ms;
}
