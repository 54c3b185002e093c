/* Tables of services and partitions; an override, once read, is kept parsed. Hosts are put together from these tables
 * and checked names alone, never from what a server said.
 */
#include "aws/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/profiles.h"
#include "base/cleanup.h"

static const struct aws_service_info services[AWS_SERVICE_COUNT] = {
    [AWS_S3] = {"s3", "s3", "s3", "S3", NULL, NULL, NULL},
    [AWS_STS] = {"sts", "sts", "sts", "STS", NULL, NULL, NULL},
    [AWS_ORGANIZATIONS] = {"organizations", "organizations", "organizations", "ORGANIZATIONS", "us-east-1",
                           "cn-northwest-1", "us-gov-west-1"},
    [AWS_CUR] = {"cur", "cur", "cur", "COST_AND_USAGE_REPORT_SERVICE", "us-east-1", "cn-northwest-1", ""},
    [AWS_EC2] = {"ec2", "ec2", "ec2", "EC2", NULL, NULL, NULL},
    [AWS_ECS] = {"ecs", "ecs", "ecs", "ECS", NULL, NULL, NULL},
    [AWS_EKS] = {"eks", "eks", "eks", "EKS", NULL, NULL, NULL},
    [AWS_CLOUDWATCH] = {"cloudwatch", "monitoring", "monitoring", "CLOUDWATCH", NULL, NULL, NULL},
};

static const struct partition {
    const char *region_prefix; /* "" matches every region: last */
    const char *name;
    const char *dns_suffix;
} partitions[] = {
    {"cn-", "aws-cn", "amazonaws.com.cn"},      {"us-gov-", "aws-us-gov", "amazonaws.com"},
    {"us-isob-", "aws-iso-b", "sc2s.sgov.gov"}, {"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
    {"us-iso-", "aws-iso", "c2s.ic.gov"},       {"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
    {"eusc-", "aws-eusc", "amazonaws.eu"},      {"", "aws", "amazonaws.com"},
};

struct override {
    char *url;          /* as given; NULL: none */
    const char *source; /* for messages: what named it */
    char origin[AWS_ENDPOINT_TEXT_MAX];
    char host[AWS_ENDPOINT_TEXT_MAX];
    char path[AWS_ENDPOINT_TEXT_MAX];
};

struct aws_endpoints {
    struct override overrides[AWS_SERVICE_COUNT];
};

const struct aws_service_info *aws_service_info(enum aws_service service)
{
    return &services[service];
}

bool aws_endpoint_region_valid(const char *region)
{
    size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= 32 && region[len] == '\0';
}

static const struct partition *partition_of(const char *region)
{
    const struct partition *p = partitions;
    while (strncmp(region, p->region_prefix, strlen(p->region_prefix)) != 0)
        p++;
    return p;
}

const char *aws_endpoint_partition(const char *region)
{
    return partition_of(region)->name;
}

static bool is_local_v6(const char *text)
{
    struct in6_addr a;
    if (inet_pton(AF_INET6, text, &a) != 1)
        return false;
    static const uint8_t metadata_net[] = {0xfd, 0x00, 0x0e, 0xc2}; /* IMDS and container credentials */
    return IN6_IS_ADDR_LOOPBACK(&a) || IN6_IS_ADDR_LINKLOCAL(&a) || memcmp(a.s6_addr, metadata_net, 4) == 0;
}

bool aws_endpoint_is_local(const char *host)
{
    char name[AWS_ENDPOINT_TEXT_MAX];
    struct in_addr a;
    if (*host == '[') {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(host + 1, "]"), host + 1);
        return is_local_v6(name);
    }
    snprintf(name, sizeof name, "%.*s", (int)strcspn(host, ":/?#"), host);
    if (inet_pton(AF_INET, name, &a) == 1) {
        uint32_t address = ntohl(a.s_addr);
        return address >> 24 == 127 || address >> 16 == 0xa9fe;
    }
    return strcasecmp(name, "localhost") == 0;
}

/* Cuts URL into origin, host and path. A port that is its scheme's own is left out of the host, as HTTP clients do. */
static errint parse_override(struct override *o)
{
    static const struct {
        const char *scheme, *port;
    } schemes[] = {{"https://", ":443"}, {"http://", ":80"}};
    size_t i = strncmp(o->url, schemes[0].scheme, 8) == 0 ? 0 : 1;
    const char *scheme = schemes[i].scheme, *port = schemes[i].port;
    if (strncmp(o->url, scheme, strlen(scheme)) != 0)
        return err_set(-EINVAL, "%s is not an http or https URL", o->source);
    const char *host = o->url + strlen(scheme);
    size_t len = strcspn(host, "/?#@\\ ");
    size_t path_len = strcspn(host + len, "?#@\\ ");
    if (len == 0 || len > 255 || path_len > 255 || host[len + path_len])
        return err_set(-EINVAL, "%s is not a URL of scheme, host and path alone", o->source);
    size_t host_len =
        len > strlen(port) && strncmp(host + len - strlen(port), port, strlen(port)) == 0 ? len - strlen(port) : len;
    for (size_t at = 0; at < host_len; at++)
        o->host[at] = (char)tolower((unsigned char)host[at]);
    while (path_len > 0 && host[len + path_len - 1] == '/')
        path_len--;
    snprintf(o->path, sizeof o->path, "%.*s", (int)path_len, host + len);
    snprintf(o->origin, sizeof o->origin, "%s%.*s", scheme, (int)len, host);
    if (i == 1 && !aws_endpoint_is_local(o->host))
        return err_set(-EINVAL, "%s: http is for loopback and link-local addresses alone, %s needs https", o->source,
                       o->host);
    return 0;
}

static errint set_override(struct override *o, const char *source, const char *url)
{
    o->source = source;
    o->url = strdup(url);
    return o->url ? parse_override(o) : err_set(-ENOMEM, "%s", source);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *profile_url(const struct aws_profiles *profiles, const char *service)
{
    char lower[64] = "";
    for (size_t i = 0; service[i] && i + 1 < sizeof lower; i++)
        lower[i] = (char)tolower((unsigned char)service[i]);
    return profiles ? aws_profiles_endpoint_url(profiles, lower) : NULL;
}

static errint read_override(struct override *o, const struct aws_service_info *info,
                            const struct aws_profiles *profiles)
{
    char name[80];
    snprintf(name, sizeof name, "AWS_ENDPOINT_URL_%s", info->variable);
    const char *url = variable(name);
    if (url)
        return set_override(o, "AWS_ENDPOINT_URL_<SERVICE>", url);
    url = variable("AWS_ENDPOINT_URL");
    if (url)
        return set_override(o, "AWS_ENDPOINT_URL", url);
    url = profile_url(profiles, info->variable);
    return url && *url ? set_override(o, "the profile's endpoint_url", url) : 0;
}

DEFINE_CLEANUP(endpoints_freep, struct aws_endpoints *, aws_endpoints_free)
DEFINE_CLEANUP(profiles_freep, struct aws_profiles *, aws_profiles_free)

errint aws_endpoints_new(struct aws_endpoints **ret)
{
    struct aws_endpoints *e cleanup(endpoints_freep) = calloc(1, sizeof *e);
    struct aws_profiles *profiles cleanup(profiles_freep) = NULL;
    if (!e)
        return err_set(-ENOMEM, "endpoints");
    const char *ignore = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    errint result = 0;
    if (!ignore || strcasecmp(ignore, "true") != 0) {
        /* A profile that is missing is the credentials' matter: it is said by whoever needs a key. */
        (void)aws_profiles_load(NULL, &profiles);
        for (size_t i = 0; i < AWS_SERVICE_COUNT && result == 0; i++)
            result = read_override(&e->overrides[i], &services[i], profiles);
    }
    if (result == 0)
        *ret = steal_ptr(&e);
    return result;
}

void aws_endpoints_free(struct aws_endpoints *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < AWS_SERVICE_COUNT; i++)
        free(e->overrides[i].url);
    free(e);
}

const char *aws_endpoints_override(const struct aws_endpoints *e, enum aws_service service)
{
    return e->overrides[service].url;
}

/* The region that SERVICE is signed for when REGION is asked. */
static const char *pinned_region(const struct aws_service_info *info, const char *region, bool overridden)
{
    if (!info->region_aws)
        return region;
    const char *partition = aws_endpoint_partition(region), *pinned = info->region_aws;
    if (strcmp(partition, "aws-cn") == 0)
        pinned = info->region_aws_cn;
    else if (strcmp(partition, "aws") != 0)
        pinned = strcmp(partition, "aws-us-gov") == 0 ? info->region_aws_gov : "";
    return *pinned || !overridden ? pinned : region;
}

static bool bucket_fits_host(const char *bucket)
{
    size_t len = strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len >= 3 && len <= 63 && bucket[len] == '\0' && bucket[0] != '-' && bucket[len - 1] != '-';
}

static bool bucket_valid(const char *bucket)
{
    size_t len = strspn(bucket, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");
    return len > 0 && len <= 255 && bucket[len] == '\0' && strcmp(bucket, ".") != 0 && strcmp(bucket, "..") != 0;
}

static void fill_overridden(const struct override *o, const char *bucket, struct aws_endpoint *ret)
{
    snprintf(ret->origin, sizeof ret->origin, "%s", o->origin);
    snprintf(ret->host, sizeof ret->host, "%s", o->host);
    snprintf(ret->path, sizeof ret->path, "%s%s%s", o->path, bucket ? "/" : "", bucket ? bucket : "");
}

static void fill_standard(const struct aws_service_info *info, const char *region, const char *bucket,
                          struct aws_endpoint *ret)
{
    bool in_host = bucket && bucket_fits_host(bucket);
    snprintf(ret->host, sizeof ret->host, "%s%s%s.%s.%s", in_host ? bucket : "", in_host ? "." : "", info->host_prefix,
             region, partition_of(region)->dns_suffix);
    snprintf(ret->origin, sizeof ret->origin, "https://%.*s", AWS_ENDPOINT_TEXT_MAX - 10, ret->host);
    snprintf(ret->path, sizeof ret->path, "%s%s", bucket && !in_host ? "/" : "", bucket && !in_host ? bucket : "");
}

errint aws_endpoint_of(const struct aws_endpoints *e, enum aws_service service, const char *region, const char *bucket,
                       struct aws_endpoint *ret)
{
    const struct aws_service_info *info = &services[service];
    const struct override *o = &e->overrides[service];
    if (!aws_endpoint_region_valid(region))
        return err_set(-EINVAL, "%s: the region is not a name", info->name);
    if (bucket && !bucket_valid(bucket))
        return err_set(-EINVAL, "s3: \"%s\" cannot be a bucket's name", bucket);
    const char *signed_for = pinned_region(info, region, o->url != NULL);
    if (!*signed_for)
        return err_set(-EOPNOTSUPP, "%s is not offered in partition %s", info->name, aws_endpoint_partition(region));
    snprintf(ret->region, sizeof ret->region, "%s", signed_for);
    if (o->url)
        fill_overridden(o, bucket, ret);
    else
        fill_standard(info, signed_for, bucket, ret);
    return 0;
}
