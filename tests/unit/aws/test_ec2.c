/* XML to what AWS CLI v2 prints; pages; regions that are not enabled. */
#include "aws/ec2.h"

#include "aws/json.h"
#include "aws/probes.h"
#include "base/cleanup.h"
#include "tests/lib/aws_fixture.h"

#define cleanup_json cleanup(aws_json_deletep)

static const char first_page[] =
    "<?xml version=\"1.0\"?>\n<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
    "<requestId>r</requestId><reservationSet><item><reservationId>r-1</reservationId><ownerId>012345678901</ownerId>"
    "<groupSet/><instancesSet><item><!-- a comment --><instanceId>i-0a</instanceId><imageId>ami-1</imageId>"
    "<instanceState><code>16</code><name>running</name></instanceState><privateDnsName>ip-1</privateDnsName><dnsName/>"
    "<reason/><instanceType>m5.large</instanceType><launchTime>2026-01-31T10:00:00.000Z</launchTime>"
    "<placement><availabilityZone>us-east-1a</availabilityZone><tenancy>default</tenancy></placement>"
    "<monitoring><state>disabled</state></monitoring><ipAddress>1.2.3.4</ipAddress><sourceDestCheck>true</"
    "sourceDestCheck>"
    "<groupSet><item><groupId>sg-1</groupId><groupName>g</groupName></item></groupSet>"
    "<blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs><volumeId>vol-1</volumeId>"
    "<attachTime>2026-01-31T10:00:01.000Z</attachTime><deleteOnTermination>false</deleteOnTermination></ebs></item>"
    "</blockDeviceMapping><tagSet><item><key>Name</key><value>a &amp; "
    "b</value></item></tagSet><ebsOptimized>false</ebsOptimized>"
    "<productCodes/><unknownMember>x</unknownMember></item></instancesSet></item></reservationSet>"
    "<nextToken>t1</nextToken></DescribeInstancesResponse>";
static const char last_page[] =
    "<DescribeInstancesResponse><reservationSet><item><ownerId>2</ownerId><instancesSet><item>"
    "<instanceId>i-0b</instanceId></item><item><instanceId>i-0c</instanceId></item>"
    "</instancesSet></item></reservationSet></DescribeInstancesResponse>";

/* Members in the model's order, as AWS CLI v2 prints this instance. */
static const char want_first[] =
    "{\"BlockDeviceMappings\":[{\"DeviceName\":\"/dev/sda1\",\"Ebs\":{\"AttachTime\":\"2026-01-31T10:00:01+00:00\","
    "\"DeleteOnTermination\":false,\"VolumeId\":\"vol-1\"}}],\"EbsOptimized\":false,"
    "\"SecurityGroups\":[{\"GroupId\":\"sg-1\",\"GroupName\":\"g\"}],\"SourceDestCheck\":true,"
    "\"Tags\":[{\"Key\":\"Name\",\"Value\":\"a & b\"}],\"InstanceId\":\"i-0a\",\"ImageId\":\"ami-1\","
    "\"State\":{\"Code\":16,\"Name\":\"running\"},\"PrivateDnsName\":\"ip-1\",\"PublicDnsName\":\"\","
    "\"StateTransitionReason\":\"\",\"ProductCodes\":[],\"InstanceType\":\"m5.large\","
    "\"LaunchTime\":\"2026-01-31T10:00:00+00:00\",\"Placement\":{\"Tenancy\":\"default\","
    "\"AvailabilityZone\":\"us-east-1a\"},\"Monitoring\":{\"State\":\"disabled\"},\"PublicIpAddress\":\"1.2.3.4\","
    "\"OwnerId\":\"012345678901\"}";

struct seen {
    char bodies[4][512];
    const char *only; /* instead of the two pages */
    int status;
};

static void answer(struct tiny_request *r)
{
    struct seen *s = r->arg;
    snprintf(s->bodies[r->number % 4], sizeof s->bodies[0], "%.500s", r->body);
    if (s->only)
        tiny_reply(r, s->status, "", s->only);
    else
        tiny_reply(r, 200, "", strstr(r->body, "NextToken=t1") ? last_page : first_page);
}

static void test_instances(void)
{
    struct seen s = {0};
    struct fixture f;
    cJSON *list cleanup_json = NULL;
    struct buf text cleanup_buf = BUF_INIT;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_ec2_describe_instances(f.session, "eu-west-1", NULL, &list), 0);
    CHECK_INT(cJSON_GetArraySize(list), 3);
    aws_json_print_compact(&text, cJSON_GetArrayItem(list, 0));
    CHECK_STR(buf_text(&text), want_first);
    CHECK_STR(aws_json_string(cJSON_GetArrayItem(list, 2), "InstanceId"), "i-0c");
    CHECK_STR(aws_json_string(cJSON_GetArrayItem(list, 2), "OwnerId"), "2");
    CHECK_STR(s.bodies[0], "Action=DescribeInstances&Version=2016-11-15&MaxResults=1000");
    CHECK_STR(s.bodies[1], "Action=DescribeInstances&Version=2016-11-15&MaxResults=1000&NextToken=t1");
    CHECK_INT(f.server.requests, 2);
    fixture_stop(&f);
}

static void check_only(const char *body, int status, errint want)
{
    struct seen s = {.only = body, .status = status};
    struct fixture f;
    cJSON *list cleanup_json = NULL;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_ec2_describe_instances(f.session, "eu-west-1", NULL, &list), want);
    CHECK((list != NULL) == (want == 0));
    fixture_stop(&f);
}

#define REFUSED(code) "<Response><Errors><Error><Code>" code "</Code></Error></Errors></Response>"

static void test_answers(void)
{
    check_only("<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>", 200, 0);
    check_only("<DescribeInstancesResponse><reservationSet/><nextToken/></DescribeInstancesResponse>", 200, 0);
    check_only("<DescribeInstancesResponse><reservationSet/><nextToken>same</nextToken></DescribeInstancesResponse>",
               200, -EIO);
    check_only("<DescribeInstancesResponse/>", 200, -EIO);
    check_only("<DescribeInstancesResponse><reservationSet><item><instancesSet><item/></instancesSet></item>"
               "</reservationSet></DescribeInstancesResponse>",
               200, -EIO);
    check_only("<DescribeInstancesResponse><reservationSet>", 200, -EIO);
    check_only(REFUSED("UnauthorizedOperation"), 403, -EACCES);
    check_only(REFUSED("OptInRequired"), 403, -ENXIO);
}

/* AuthFailure is a region that is not enabled once the same credentials were good elsewhere; before that, a bad key. */
static void good_then_not(struct tiny_request *r)
{
    char text[4096];
    if (strstr(tiny_header(r, "authorization", text), "/us-east-1/ec2/"))
        tiny_reply(r, 200, "", last_page);
    else
        tiny_reply(r, 401, "", REFUSED("AuthFailure"));
}

static void test_region_disabled(void)
{
    struct fixture f;
    cJSON *list cleanup_json = NULL, *other cleanup_json = NULL;
    fixture_start(&f, good_then_not, NULL, NULL);
    CHECK_INT(aws_ec2_describe_instances(f.session, "ap-east-1", NULL, &other), -EACCES);
    CHECK_INT(aws_ec2_describe_instances(f.session, "us-east-1", NULL, &list), 0);
    CHECK_INT(aws_ec2_describe_instances(f.session, "ap-east-1", NULL, &other), -ENXIO);
    CHECK(strstr(err_message(), "ap-east-1") != NULL);
    fixture_stop(&f);
}

static void check_probe(const char *body, int status, errint want)
{
    struct seen s = {.only = body, .status = status};
    struct fixture f;
    struct aws_probe probe;
    fixture_start(&f, answer, &s, NULL);
    CHECK_INT(aws_ec2_probe(f.session, "us-east-1", NULL, &probe), want);
    CHECK(strstr(s.bodies[0], "DryRun=true") != NULL);
    fixture_stop(&f);
}

static void test_probe(void)
{
    check_probe(REFUSED("DryRunOperation"), 412, 0);
    check_probe(last_page, 200, 0);
    check_probe(REFUSED("UnauthorizedOperation"), 403, -EACCES);
}

static const struct unit_test tests[] = {
    {"instances", test_instances},
    {"answers", test_answers},
    {"region_disabled", test_region_disabled},
    {"probe", test_probe},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
