/* Calls one function of aws/ from a shell, for the tests against emulators: prints its answer, or "ERRNO message" and
 * exits with status 1. Credentials and endpoints as in every AWS program, by environment and profile.
 *
 *   aws_tool [-r REGION] [-a ROLE_ARN [-e EXTERNAL_ID] [-d SECONDS]] COMMAND [ARGUMENT…]
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "aws/client.h"
#include "aws/cur.h"
#include "aws/ec2.h"
#include "aws/json.h"
#include "aws/organizations.h"
#include "aws/probes.h"
#include "aws/s3.h"
#include "aws/sts.h"
#include "base/cleanup.h"
#include "base/clock.h"

struct context {
    struct aws_client *client;
    struct aws_session *session;
    char **args; /* behind the command; NULL ends them */
};

static errint print_json(errint result, cJSON *value)
{
    struct buf text cleanup_buf = BUF_INIT;
    if (result == 0) {
        aws_json_print(&text, value);
        (void)fputs(buf_text(&text), stdout);
        cJSON_Delete(value);
    }
    return result;
}

static errint run_identity(struct context *x)
{
    struct aws_identity identity;
    errint result = aws_sts_get_caller_identity(x->session, NULL, &identity);
    if (result < 0)
        return result;
    printf("%s %s %s\n", identity.account, identity.arn, identity.user_id);
    aws_identity_done(&identity);
    return 0;
}

static errint run_organization(struct context *x)
{
    cJSON *value = NULL;
    errint result = aws_organizations_describe_organization(x->session, NULL, &value);
    return print_json(result, value);
}

static errint run_roots(struct context *x)
{
    cJSON *value = NULL;
    errint result = aws_organizations_list_roots(x->session, NULL, &value);
    return print_json(result, value);
}

static errint run_units(struct context *x)
{
    cJSON *value = NULL;
    errint result = aws_organizations_list_units(x->session, x->args[0], NULL, &value);
    return print_json(result, value);
}

static errint run_accounts(struct context *x)
{
    cJSON *value = NULL;
    errint result = x->args[0] ? aws_organizations_list_accounts_for_parent(x->session, x->args[0], NULL, &value)
                               : aws_organizations_list_accounts(x->session, NULL, &value);
    return print_json(result, value);
}

static errint run_tags(struct context *x)
{
    cJSON *value = NULL;
    errint result = aws_organizations_list_tags(x->session, x->args[0], NULL, &value);
    return print_json(result, value);
}

static errint run_reports(struct context *x)
{
    cJSON *value = NULL;
    errint result = aws_cur_describe_report_definitions(x->session, NULL, &value);
    return print_json(result, value);
}

static errint run_instances(struct context *x)
{
    cJSON *value = NULL;
    errint result = aws_ec2_describe_instances(x->session, x->args[0], NULL, &value);
    return print_json(result, value);
}

/* s3-list BUCKET PREFIX [DELIMITER]: "SIZE ETAG TIME KEY" a line, then prefixes as "PREFIX KEY". */
static errint run_s3_list(struct context *x)
{
    struct aws_s3_bucket bucket = {.name = x->args[0]};
    struct aws_s3_listing listing;
    errint result = aws_s3_list(x->session, &bucket, x->args[1], x->args[2], 0, NULL, &listing);
    if (result < 0)
        return result;
    for (size_t i = 0; i < listing.object_count; i++)
        printf("%" PRIu64 " %s %" PRId64 " %s\n", listing.objects[i].size_bytes, listing.objects[i].etag,
               listing.objects[i].last_modified_unix, listing.objects[i].key);
    for (size_t i = 0; i < listing.prefix_count; i++)
        printf("PREFIX %s\n", listing.prefixes[i]);
    aws_s3_listing_done(&listing);
    return 0;
}

static errint run_s3_get(struct context *x)
{
    struct aws_s3_bucket bucket = {.name = x->args[0]};
    struct aws_s3_get get = {.key = x->args[1], .size_max = 64u << 20};
    if (x->args[2]) {
        get.off = strcmp(x->args[2], "-") == 0 ? UINT64_MAX : strtoull(x->args[2], NULL, 10);
        get.len = strtoull(x->args[3], NULL, 10);
        get.if_match = x->args[4];
    }
    struct aws_s3_body body;
    errint result = aws_s3_get(x->session, &bucket, &get, NULL, &body);
    if (result < 0)
        return result;
    (void)fwrite(buf_text(&body.data), 1, body.data.len, stdout);
    fprintf(stderr, "%s %" PRIu64 "\n", body.etag, body.object_size_bytes);
    aws_s3_body_done(&body);
    return 0;
}

/* s3-put BUCKET KEY TEXT [new] */
static errint run_s3_put(struct context *x)
{
    struct aws_s3_bucket bucket = {.name = x->args[0]};
    char *etag cleanup_free = NULL;
    errint result = aws_s3_put(x->session, &bucket, x->args[1], x->args[2], strlen(x->args[2]), "text/plain",
                               x->args[3] != NULL, NULL, &etag);
    if (result == 0)
        printf("%s\n", etag);
    return result;
}

static errint run_s3_region(struct context *x)
{
    char *region cleanup_free = NULL;
    errint result = aws_s3_bucket_region(x->session, x->args[0], NULL, &region);
    if (result == 0)
        printf("%s\n", region);
    return result;
}

/* s3-presign BUCKET KEY: the URL, its end, and what it gives without credentials */
static errint run_s3_presign(struct context *x)
{
    char *url cleanup_free = NULL;
    int64_t expires_unix;
    struct buf body cleanup_buf = BUF_INIT;
    errint result = aws_s3_presign_get(x->session, x->args[0], x->args[1], 600, NULL, &url, &expires_unix);
    if (result == 0)
        result = aws_s3_fetch_url(x->client, url, 1u << 20, NULL, &body);
    if (result == 0)
        printf("%s\n%" PRId64 "\n%s\n", url, expires_unix, buf_text(&body));
    return result;
}

struct file_sink {
    struct feed_sink sink;
    struct blocker blocker;
    struct err failure;
};

static void take_data(struct feed_sink *sink, const void *data, size_t len)
{
    (void)sink;
    (void)fwrite(data, 1, len, stdout);
}

static void take_end(struct feed_sink *sink, errint result)
{
    struct file_sink *f = (struct file_sink *)sink;
    err_keep(&f->failure, result);
    task_wake(&f->blocker.task); /* the last touch of F */
}

static errint run_transfer(struct feed *feed, uint64_t off, uint64_t len)
{
    struct file_sink f = {.sink = {take_data, take_end}};
    struct feed_transfer *t;
    blocker_init(&f.blocker);
    errint result = feed_start(feed, off, len, &f.sink, &t);
    if (result == 0)
        (void)blocker_wait(&f.blocker, 0);
    blocker_done(&f.blocker);
    if (result == 0 && f.failure.code < 0)
        result = err_again(&f.failure);
    err_done(&f.failure);
    return result;
}

/* s3-feed BUCKET KEY ETAG SIZE OFF LEN */
static errint run_s3_feed(struct context *x)
{
    struct aws_s3_bucket bucket = {.name = x->args[0]};
    struct feed *feed;
    errint result = aws_s3_feed_new(x->session, &bucket, x->args[1], x->args[2], strtoull(x->args[3], NULL, 10), &feed);
    if (result < 0)
        return result;
    result = run_transfer(feed, strtoull(x->args[4], NULL, 10), strtoull(x->args[5], NULL, 10));
    feed_free(feed);
    return result;
}

static errint print_probe(const char *name, errint result, const struct aws_probe *probe)
{
    printf("%s %s %s %d\n", name, result == 0 ? "granted" : err_name(result), *probe->code ? probe->code : "-",
           probe->status);
    return 0;
}

/* probe BUCKET KEY OWN_BUCKET OWN_KEY: a line for each */
static errint run_probe(struct context *x)
{
    static const char *const ecs[] = {"ListClusters", "ListServices", "ListTasks", "ListContainerInstances",
                                      "DescribeTasks"};
    static const char *const organizations[] = {"DescribeOrganization", "ListRoots"};
    static const char *const eks[] = {"ListClusters", "DescribeCluster"};
    static const char *const s3[] = {"GetBucketLocation", "ListBucket", "GetObject", "PutObject"};
    const char *region = aws_session_region(x->session);
    struct aws_probe p;
    print_probe("cur:DescribeReportDefinitions", aws_cur_probe(x->session, NULL, &p), &p);
    for (size_t i = 0; i < 2; i++) {
        printf("organizations:");
        print_probe(organizations[i], aws_organizations_probe(x->session, organizations[i], NULL, &p), &p);
    }
    print_probe("ec2:DescribeInstances", aws_ec2_probe(x->session, region, NULL, &p), &p);
    for (size_t i = 0; i < 5; i++) {
        printf("ecs:");
        print_probe(ecs[i], aws_ecs_probe(x->session, region, ecs[i], NULL, &p), &p);
    }
    for (size_t i = 0; i < 2; i++) {
        printf("eks:");
        print_probe(eks[i], aws_eks_probe(x->session, region, eks[i], NULL, &p), &p);
    }
    print_probe("cloudwatch:GetMetricData", aws_cloudwatch_probe(x->session, region, NULL, &p), &p);
    for (int kind = AWS_S3_PROBE_LOCATION; kind <= AWS_S3_PROBE_PUT_ACL; kind++) {
        bool own = kind == AWS_S3_PROBE_PUT_ACL;
        errint result = aws_s3_probe(x->session, (enum aws_s3_probe_kind)kind, x->args[own ? 2 : 0],
                                     x->args[own ? 3 : 1], NULL, &p);
        printf("s3:");
        print_probe(s3[kind], result, &p);
    }
    return 0;
}

/* repeat COUNT MS COMMAND…: in one session, MS apart; ends at the first failure */
static errint run_command(struct context *x, const char *name);
static errint run_repeat(struct context *x)
{
    long count = strtol(x->args[0], NULL, 10), ms = strtol(x->args[1], NULL, 10);
    struct context inner = *x;
    inner.args = x->args + 3;
    errint result = 0;
    for (long i = 0; i < count && result == 0; i++) {
        result = run_command(&inner, x->args[2]);
        if (i + 1 < count)
            nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
    }
    return result;
}

static const struct command {
    const char *name;
    errint (*run)(struct context *x);
    int argument_count;
} commands[] = {
    {"identity", run_identity, 0},     {"organization", run_organization, 0},
    {"roots", run_roots, 0},           {"units", run_units, 1},
    {"accounts", run_accounts, 0},     {"tags", run_tags, 1},
    {"reports", run_reports, 0},       {"instances", run_instances, 1},
    {"s3-list", run_s3_list, 2},       {"s3-get", run_s3_get, 2},
    {"s3-put", run_s3_put, 3},         {"s3-region", run_s3_region, 1},
    {"s3-presign", run_s3_presign, 2}, {"s3-feed", run_s3_feed, 6},
    {"probe", run_probe, 4},           {"repeat", run_repeat, 3},
};

static errint run_command(struct context *x, const char *name)
{
    int count = 0;
    while (x->args[count])
        count++;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0 && count >= commands[i].argument_count)
            return commands[i].run(x);
    }
    return err_set(-EINVAL, "no command \"%s\" of %d arguments", name, count);
}

static void print_counters(struct aws_client *client)
{
    struct aws_counter counters[20];
    size_t count = aws_client_counters(client, counters, 20);
    for (size_t i = 0; i < count; i++) {
        if (counters[i].requests > 0)
            fprintf(stderr, "%s: requests=%" PRIu64 " retries=%" PRIu64 " failures=%" PRIu64 " throttles=%" PRIu64 "\n",
                    counters[i].name, counters[i].requests, counters[i].retries, counters[i].failures,
                    counters[i].throttles);
    }
}

static errint run_in(struct context *x, const struct aws_assume_role *role, const char *command)
{
    struct aws_session *own = NULL, *acting = NULL;
    errint result = aws_session_default(x->client, &own);
    if (result == 0 && role->role_arn)
        result = aws_sts_role_session(own, role, &acting);
    x->session = acting ? acting : own;
    if (result == 0)
        result = run_command(x, command);
    aws_session_put(acting);
    aws_session_put(own);
    return result;
}

/* 0 when it is not set. */
static int64_t number_from(const char *variable)
{
    const char *text = getenv(variable);
    return text ? strtoll(text, NULL, 10) : 0;
}

static errint run(struct context *x, const char *region, const struct aws_assume_role *role, const char *command)
{
    struct jobs *jobs = NULL;
    struct aws_settings settings = {.region = region,
                                    .ca_bundle = getenv("AWS_CA_BUNDLE"),
                                    .proxy = getenv("CTFS_TEST_PROXY"),
                                    .attempts_max = (unsigned)number_from("AWS_MAX_ATTEMPTS"),
                                    .first_byte_timeout_ms = number_from("CTFS_TEST_STALL_MS"),
                                    .stall_timeout_ms = number_from("CTFS_TEST_STALL_MS"),
                                    .operation_timeout_ms = number_from("CTFS_OP_TIMEOUT_MS")};
    errint result = jobs_new(2, &jobs);
    if (result == 0)
        result = aws_client_new(&settings, jobs, &x->client);
    if (result == 0)
        result = run_in(x, role, command);
    struct err kept = {0};
    err_keep(&kept, result);
    if (x->client)
        print_counters(x->client);
    jobs_stop(jobs);
    jobs_free(jobs);
    aws_client_free(x->client);
    result = kept.code < 0 ? err_again(&kept) : 0;
    err_done(&kept);
    return result;
}

int main(int argc, char **argv)
{
    struct aws_assume_role role = {0};
    const char *region = getenv("AWS_REGION");
    int option;
    while ((option = getopt(argc, argv, "+r:a:e:d:")) != -1) {
        if (option == 'r')
            region = optarg;
        else if (option == 'a')
            role.role_arn = optarg;
        else if (option == 'e')
            role.external_id = optarg;
        else if (option == 'd')
            role.duration_seconds = (int)strtol(optarg, NULL, 10);
        else
            return 2;
    }
    if (optind == argc) {
        fprintf(stderr, "aws_tool: no command\n");
        return 2;
    }
    const char *clock_offset = getenv("CTFS_TEST_CLOCK_OFFSET_S");
    clock_set_offset_ns(clock_offset ? strtoll(clock_offset, NULL, 10) * CLOCK_NS_PER_S : 0);
    struct context x = {.args = argv + optind + 1};
    errint result = run(&x, region, &role, argv[optind]);
    if (result < 0)
        fprintf(stderr, "%s %s\n", err_name(result), err_message());
    return result < 0;
}
