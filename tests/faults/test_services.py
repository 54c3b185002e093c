#!/usr/bin/env python3
"""The services of aws/ against AWS's emulators: ministack with AUTH=true, which refuses, and moto, which pages.

usage: test_services.py AWS_TOOL     (run with .cache/venv/bin/python, which has boto3; prints "N passed, N failed" last)
"""
import concurrent.futures
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import awstool  # noqa: E402
import boto3  # noqa: E402
from world import World, http  # noqa: E402

TOOL = Path(sys.argv[1]).resolve()
VENDOR, CUSTOMER = "999900001111", "012345678901"
BUCKET, OWN_BUCKET = "customer-reports", "vendor-usage"
ROLE = f"arn:aws:iam::{CUSTOMER}:role/reader"
EXTERNAL_ID = "c-1:secret/id"
ODD_KEYS = ["/report/20261001-20261101/r-Manifest.json", "a b+c=d%e/ü~//x", "line\nbreak", "100%", "BILLING_PERIOD=2026-10/x"]

GRANTED = ["cur:DescribeReportDefinitions", "eks:Describe*", "eks:List*", "organizations:Describe*", "organizations:List*",
           "ecs:ListClusters", "ecs:ListServices", "ec2:DescribeInstances", "cloudwatch:GetMetricData", "ecs:ListTasks",
           "ecs:ListContainerInstances", "ecs:DescribeTasks"]


def client(server, service, account=VENDOR, region="us-east-1", **more):
    keys = {"aws_access_key_id": account, "aws_secret_access_key": "test", **more}
    return boto3.client(service, endpoint_url=server.url, region_name=region, **keys)


class Tool(awstool.Tool):
    def __init__(self, server, *identity, **more):
        super().__init__(TOOL, server, *identity, **more)


def seed_ministack(server):
    """A vendor with a user, a customer with the guide's role, reports, instances in two regions, definitions."""
    iam = client(server, "iam")
    iam.create_user(UserName="ctfs")
    iam.put_user_policy(UserName="ctfs", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}))
    key = iam.create_access_key(UserName="ctfs")["AccessKey"]
    customer = client(server, "iam", CUSTOMER)
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{VENDOR}:root"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}]}
    customer.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust))
    customer.put_role_policy(RoleName="reader", PolicyName="monitoring", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": GRANTED, "Resource": "*"}]}))
    customer.put_role_policy(RoleName="reader", PolicyName="s3", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject"],
             "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}]}))
    trust["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] = EXTERNAL_ID
    customer.create_role(RoleName="nothing", AssumeRolePolicyDocument=json.dumps(trust))
    s3 = client(server, "s3", CUSTOMER)
    s3.create_bucket(Bucket=BUCKET)
    for name in ODD_KEYS:
        s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode())
    s3.put_object(Bucket=BUCKET, Key="big", Body=bytes(range(256)) * 8192)
    for i in range(1203):
        s3.put_object(Bucket=BUCKET, Key=f"many/{i:05}", Body=b"x" * (i % 7))
    client(server, "s3").create_bucket(Bucket=OWN_BUCKET)
    for region in ("us-east-1", "eu-west-1"):
        client(server, "ec2", CUSTOMER, region).run_instances(
            ImageId="ami-12345678", MinCount=3, MaxCount=3, InstanceType="m5.large",
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "a <b> & ü"}]}])
    client(server, "cur", CUSTOMER).put_report_definition(ReportDefinition={
        "ReportName": "r", "TimeUnit": "DAILY", "Format": "textORcsv", "Compression": "GZIP",
        "AdditionalSchemaElements": ["RESOURCES"], "S3Bucket": BUCKET, "S3Prefix": "p", "S3Region": "us-east-1",
        "AdditionalArtifacts": [], "RefreshClosedReports": True, "ReportVersioning": "OVERWRITE_REPORT"})
    organizations = client(server, "organizations", CUSTOMER)
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="Ünit / 1")["OrganizationalUnit"]["Id"]
    for i in range(25):
        account = organizations.create_account(Email=f"a{i}@example.com", AccountName=f"Account {i}")
        identifier = account["CreateAccountStatus"]["AccountId"]
        if i % 2:
            organizations.move_account(AccountId=identifier, SourceParentId=root, DestinationParentId=unit)
    return key["AccessKeyId"], key["SecretAccessKey"]


class Ministack:
    def __init__(self, world):
        self.server = world.ministack()
        self.key, self.secret = seed_ministack(self.server)
        self.user = Tool(self.server, self.key, self.secret)
        self.as_role = ["-a", ROLE, "-e", EXTERNAL_ID]

    def test_identity(self):
        assert self.user.good("identity").decode().split()[:2] == [VENDOR, f"arn:aws:iam::{VENDOR}:user/ctfs"]
        account, arn, _ = self.user.good(*self.as_role, "identity").decode().split()
        assert account == CUSTOMER and f":assumed-role/reader/ctfs-" in arn, arn

    def test_refused(self):
        self.user.fails("EACCES", "-a", ROLE, "-e", "wrong", "identity")
        self.user.fails("EACCES", "-a", ROLE, "identity")
        self.user.fails("EACCES", "-a", ROLE + "x", "-e", EXTERNAL_ID, "identity")
        self.user.fails("EACCES", "instances", "us-east-1")
        self.user.fails("EACCES", "s3-get", BUCKET, "big")
        bad = Tool(self.server, self.key, "wrong")
        assert bad.requests("sts", "identity")["requests"] == 1
        bad.fails("EACCES", "identity")
        bad.fails("EACCES", "instances", "us-east-1")
        Tool(self.server, "AKIANOBODY", "x").fails("EACCES", "accounts")

    def test_clock(self):
        """20 minutes off either way, with faketime's effect by the tool's own offset: the server's clock is learnt."""
        for offset in ("1200", "-1200"):
            tool = Tool(self.server, self.key, self.secret, CTFS_TEST_CLOCK_OFFSET_S=offset)
            tool.good("identity")
            assert tool.requests("sts", "identity")["requests"] == 2

    def test_session_by_a_wrong_clock(self):
        """Hours off either way: a session's end is the server's, so it serves when it comes and is renewed before it ends."""
        for offset in ("7200", "-7200"):
            tool = Tool(self.server, self.key, self.secret, CTFS_TEST_CLOCK_OFFSET_S=offset)
            done = tool.run(*self.as_role, "-d", "2", "repeat", "7", "450", "roots")
            counters = dict(line.split(": ") for line in done.stderr.decode().splitlines() if ": requests=" in line)
            assert done.returncode == 0, (offset, done.stderr.decode())
            assert counters["organizations"].startswith("requests=7 retries=0 "), (offset, counters)

    def test_organization(self):
        described = self.user.json(*self.as_role, "organization")
        wanted = client(self.server, "organizations", CUSTOMER).describe_organization()["Organization"]
        assert described["Organization"] == wanted
        accounts = self.user.json(*self.as_role, "accounts")
        assert len(accounts) == 26 and accounts[0]["Id"] == CUSTOMER
        assert all(account["JoinedTimestamp"].endswith("+00:00") for account in accounts)
        root = self.user.json(*self.as_role, "roots")[0]["Id"]
        units = self.user.json(*self.as_role, "units", root)
        assert [unit["Name"] for unit in units] == ["Ünit / 1"]
        inside = self.user.json(*self.as_role, "accounts", units[0]["Id"])
        assert len(inside) == 12 and len(self.user.json(*self.as_role, "accounts", root)) == 14
        assert self.user.json(*self.as_role, "tags", inside[0]["Id"]) == []

    def test_reports(self):
        reports = self.user.json(*self.as_role, "reports")
        wanted = client(self.server, "cur", CUSTOMER).describe_report_definitions()["ReportDefinitions"]
        assert reports == wanted and len(reports) == 1

    def test_instances(self):
        for region in ("us-east-1", "eu-west-1"):
            got = self.user.json(*self.as_role, "instances", region)
            answer = client(self.server, "ec2", CUSTOMER, region).describe_instances()
            wanted = [{**instance, "OwnerId": reservation["OwnerId"]} for reservation in answer["Reservations"]
                      for instance in reservation["Instances"]]
            wanted = json.loads(json.dumps(wanted, default=lambda time: time.isoformat()))
            assert got == wanted and len(got) == 3
            assert [list(instance) for instance in got] == [list(instance) for instance in wanted]

    def test_list(self):
        lines = self.user.good(*self.as_role, "s3-list", BUCKET, "many/").decode().splitlines()
        assert len(lines) == 1203 and [int(line.split()[0]) for line in lines] == [i % 7 for i in range(1203)]
        top = self.user.good(*self.as_role, "s3-list", BUCKET, "", "/").decode()
        for prefix in ("/", "a b+c=d%e/", "BILLING_PERIOD=2026-10/", "many/"):
            assert f"PREFIX {prefix}\n" in top, top
        assert top.count("PREFIX") == 4 and "100%\n" in top and "line\nbreak\n" in top
        Tool(self.server, CUSTOMER, "test").fails("ENOENT", "s3-list", "no-such-bucket-here", "")

    def test_get(self):
        owner = Tool(self.server, CUSTOMER, "test")  # ministack's policies do not know a newline in a key
        for name in ODD_KEYS:
            assert owner.good("s3-get", BUCKET, name) == name.encode()
        big = bytes(range(256)) * 8192
        assert self.user.good(*self.as_role, "s3-get", BUCKET, "big") == big
        assert self.user.good(*self.as_role, "s3-get", BUCKET, "big", "1000", "300") == big[1000:1300]
        assert self.user.good(*self.as_role, "s3-get", BUCKET, "big", "-", "8") == big[-8:]
        self.user.fails("ESTALE", *self.as_role, "s3-get", BUCKET, "big", "0", "9", '"other"')
        self.user.fails("ENOENT", *self.as_role, "s3-get", BUCKET, "absent")

    def test_feed(self):
        big = bytes(range(256)) * 8192
        etag = self.user.good(*self.as_role, "s3-list", BUCKET, "big").split()[1].decode()
        feed = [*self.as_role, "s3-feed", BUCKET, "big"]
        assert self.user.good(*feed, etag, str(len(big)), "0", str(len(big))) == big
        assert self.user.good(*feed, etag, str(len(big)), "77", "100000") == big[77:100077]
        self.user.fails("ESTALE", *feed, '"other"', str(len(big)), "0", "10")
        self.user.fails("EIO", *feed, etag, str(len(big) + 1), "0", "10")

    def test_put_and_presign(self):
        owner = Tool(self.server, VENDOR, "test")
        owner.good("s3-put", OWN_BUCKET, "templates/t 1.json", "{}")
        owner.fails("EEXIST", "s3-put", OWN_BUCKET, "templates/t 1.json", "{}", "new")
        url, expires, body = owner.good("s3-presign", OWN_BUCKET, "templates/t 1.json").decode().splitlines()
        assert body == "{}" and abs(int(expires) - time.time() - 600) < 60
        assert http("GET", url)[0] == 200
        assert http("GET", url.replace("t%201", "t%202"))[0] == 403
        assert http("GET", url.split("?")[0])[0] == 403

    def probes(self, *role):
        lines = self.user.good(*role, "probe", BUCKET, "big", OWN_BUCKET, "data/x").decode().splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}

    def test_probes(self):
        granted = self.probes(*self.as_role)
        assert len(granted) == 16
        refused = {name for name, answer in granted.items() if answer != "granted"}
        assert refused == {"s3:PutObject"}, granted
        nothing = self.probes("-a", ROLE.replace("reader", "nothing"), "-e", EXTERNAL_ID)
        assert set(nothing.values()) == {"EACCES"}, nothing

    def for_services(self, check, at_once=5):
        """check(command, service) of one request to each."""
        rows = ((["identity"], "sts"), (["instances", "us-east-1"], "ec2"), (["roots"], "organizations"),
                (["s3-get", BUCKET, "100%"], "s3"), (["reports"], "cur"))
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda row: check(*row), rows))

    def test_renewal(self):
        """A session of two seconds lives through four: renewed before it ends, no request is refused."""
        def check(command, service):
            done = self.user.run(*self.as_role, "-d", "2", "repeat", "9", "450", *command)
            assert done.returncode == 0 and b"retries=1" not in done.stderr, (service, done.stderr.decode())
        self.for_services(check)

    def test_forced_renewal(self):
        """By a clock that is behind, the session seems to live when AWS says it ended: each service's own code for that
        forces one renewal and one replay."""
        late = Tool(self.server, self.key, self.secret, CTFS_TEST_CLOCK_OFFSET_S="-100")

        def check(command, service):
            done = late.run(*self.as_role, "-d", "2", "repeat", "2", "2300", *command)
            assert done.returncode == 0, (service, done.stderr.decode())
            counters = dict(line.split(": ") for line in done.stderr.decode().splitlines() if ": requests=" in line)
            asked = 3 + 2 if service == "sts" else 2  # two sessions, and the replayed calls of sts itself
            assert f"requests={asked}" in counters["sts"].split(), (service, counters)
            assert {"retries=1", "failures=0"} <= set(counters[service].split()), (service, counters)
        self.for_services(check, at_once=1)  # ministack forgets a session that ended at the next AssumeRole

    def test_expired_for_good(self):
        """A token of one's own that ended cannot be renewed: EKEYEXPIRED, after one replay, for every service."""
        sts = client(self.server, "sts", aws_access_key_id=self.key, aws_secret_access_key=self.secret)
        # boto3 refuses durations under 900 s: the request is its own, with the number changed behind the check
        sts.meta.events.register("before-call.sts.AssumeRole", lambda params, **_: params["body"].update(DurationSeconds=1))
        session = sts.assume_role(RoleArn=ROLE, RoleSessionName="old", ExternalId=EXTERNAL_ID)["Credentials"]
        time.sleep(2.5)
        old = Tool(self.server, session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        for command in (["identity"], ["instances", "us-east-1"], ["roots"], ["s3-get", BUCKET, "big"], ["reports"]):
            old.fails("EKEYEXPIRED", *command)


class Written:
    """Files that are written from botocore's models."""

    def __init__(self, _world):
        self.server = None

    def test_ec2_shapes(self):
        root = Path(__file__).resolve().parents[2]
        written = subprocess.run([sys.executable, root / "scripts" / "ec2_shapes"], capture_output=True, check=True).stdout
        kept = (root / "aws" / "ec2_shapes.c").read_bytes().splitlines()
        missing = set(written.splitlines()[1:]) - set(kept)  # the table may be newer than this botocore
        assert not missing, (missing, "run scripts/ec2_shapes")


class Moto:
    def __init__(self, world):
        self.server = world.moto()
        self.tool = Tool(self.server, "test", "test")
        self.organizations = client(self.server, "organizations")
        self.organizations.create_organization(FeatureSet="ALL")
        for i in range(44):
            self.organizations.create_account(Email=f"a{i}@example.com", AccountName=f"Account {i}")

    def test_pages(self):
        accounts = self.tool.json("accounts")
        assert len(accounts) == 45 and len({account["Id"] for account in accounts}) == 45
        assert self.tool.requests("organizations", "accounts")["requests"] == 3
        assert all("T" in account["JoinedTimestamp"] for account in accounts)

    def test_html_500(self):
        """cur does not exist there: 500 and HTML, tried thrice and no more."""
        self.tool.fails("ETIMEDOUT", "reports")
        assert self.tool.requests("cur", "reports")["requests"] == 3

    def test_instances(self):
        ec2 = client(self.server, "ec2")
        ec2.run_instances(ImageId="ami-12345678", MinCount=7, MaxCount=7, InstanceType="t3.micro")
        got = self.tool.json("instances", "us-east-1")
        wanted = [{**instance, "OwnerId": reservation["OwnerId"]}
                  for reservation in ec2.describe_instances()["Reservations"] for instance in reservation["Instances"]]
        wanted = json.loads(json.dumps(wanted, default=lambda time: time.isoformat()))
        assert got == wanted and len(got) == 7

    def test_s3(self):
        s3 = client(self.server, "s3")
        s3.create_bucket(Bucket="b.with.dots")
        # moto squeezes slashes and has no route for a newline
        names = [name for name in ODD_KEYS if "//" not in name and name[0] != "/" and "\n" not in name]
        for name in names:
            s3.put_object(Bucket="b.with.dots", Key=name, Body=name.encode())
        listed = self.tool.good("s3-list", "b.with.dots", "").decode()
        for name in names:
            assert f" {name}\n" in listed, (name, listed)
            assert self.tool.good("s3-get", "b.with.dots", name) == name.encode()


class MotoPages:
    """S3 in pages of three."""

    def __init__(self, world):
        self.server = world.moto("moto-pages", MOTO_S3_DEFAULT_MAX_KEYS="3")
        self.tool = Tool(self.server, "test", "test")

    def test_pages(self):
        s3 = client(self.server, "s3")
        s3.create_bucket(Bucket="paged")
        names = [f"p/{i:02} +%" for i in range(20)]
        for name in names:
            s3.put_object(Bucket="paged", Key=name, Body=b"")
        lines = self.tool.good("s3-list", "paged", "p/").decode().splitlines()
        assert [line.split(" ", 3)[3] for line in lines] == names
        assert self.tool.requests("s3", "s3-list", "paged", "p/")["requests"] == 7


def run_one(group, name):
    try:
        getattr(group, name)()
    except Exception as error:  # every failure of a test is its result
        print(f"FAILED {type(group).__name__}.{name}: {type(error).__name__}: {error}", flush=True)
        return False
    print(f"ok {type(group).__name__}.{name}", flush=True)
    return True


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, World(folder) as world:
        for kind in (Written, Ministack, Moto, MotoPages):
            group = kind(world)
            for name in [name for name in dir(kind) if name.startswith("test_")]:
                good = run_one(group, name)
                passed, failed = passed + good, failed + (not good)
            if group.server:
                world.stop(group.server.name)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
