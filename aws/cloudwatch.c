/* The probe of GetMetricData, by the Query protocol: one metric, which the customer is charged for. */
#include <stdio.h>

#include "aws/operation.h"
#include "base/clock.h"

errint aws_cloudwatch_probe(struct aws_session *s, const char *region, struct cancel *c, struct aws_probe *ret)
{
    char start[CLOCK_ISO_SIZE], end[CLOCK_ISO_SIZE];
    int64_t now_unix = clock_wall_unix() / 300 * 300;
    clock_format_iso(now_unix - 300, start);
    clock_format_iso(now_unix, end);
    const struct aws_query parameters[] = {
        {"StartTime", start},
        {"EndTime", end},
        {"MetricDataQueries.member.1.Id", "ctfs"},
        {"MetricDataQueries.member.1.MetricStat.Metric.Namespace", "AWS/EC2"},
        {"MetricDataQueries.member.1.MetricStat.Metric.MetricName", "CPUUtilization"},
        {"MetricDataQueries.member.1.MetricStat.Period", "300"},
        {"MetricDataQueries.member.1.MetricStat.Stat", "Average"},
    };
    struct aws_response response;
    errint result = aws_operation_query_raw(s, AWS_CLOUDWATCH, region, "2010-08-01", "GetMetricData", parameters,
                                            sizeof parameters / sizeof parameters[0], c, &response);
    return aws_operation_probed(result, &response, ret);
}
