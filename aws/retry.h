/* The SDKs' standard retry mode as arithmetic: how long to wait, and the quota that ends retries in an outage.
 * AWS SDKs and Tools reference guide, "Retry behavior" (standard mode, 2026).
 *
 * Ownership: embedded. Threads: the owner's. Errors: none. Cost: none.
 */
#ifndef CTFS_AWS_RETRY_H
#define CTFS_AWS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "aws/errors.h"

#define AWS_RETRY_ATTEMPTS 3u
#define AWS_RETRY_QUOTA 500
#define AWS_RETRY_COST 14
#define AWS_RETRY_COST_THROTTLE 5

struct aws_retry_quota {
    int left;
};
void aws_retry_quota_init(struct aws_retry_quota *q);

/* What a retry takes from the quota, or 0 when not enough is left: no retry then. */
int aws_retry_quota_take(struct aws_retry_quota *q, enum aws_retry why);
/* A success gives back what its last retry took, or 1 without any. */
void aws_retry_quota_refund(struct aws_retry_quota *q, int taken);

/* Milliseconds before retry INDEX (0: the first): RANDOM_UNIT (0 to 1) of min(scale * 2^INDEX, 20 s), the scale 50 ms or,
 * throttled, 1 s. HEADER_MS is x-amz-retry-after (negative: none): it may lengthen the wait by 5 s at most. */
int64_t aws_retry_delay_ms(enum aws_retry why, unsigned index, double random_unit, int64_t header_ms);

#endif
