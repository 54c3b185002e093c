"""Vendor and customers on ministack, and commands written to a mount's `connect`: what the onboarding tests share.

    with Scene(work) as s, s.mount() as m:
        error, answer = s.write(m, "bucket=B report=R prefix=P")     # "" or "EINVAL"; the answer's pairs
        role_arn = s.stack(answer)
"""
import errno
import functools
import json
import os
import shlex
import subprocess
from pathlib import Path

from harness import PROGRAM, Mount, World, check, clean_environment, http, same

import boto3
from sample import vendor_identity_policy as identity_policy  # noqa: F401

VENDOR, CUSTOMER, OTHER = "999900001111", "111122223333", "222233334444"
BUCKET, VENDOR_BUCKET = "synapsesai-cost-usage", "startrips-usage-bucket"
GUIDE = Path(__file__).resolve().parents[1] / "vectors" / "guide"
SETTINGS = {"TimeUnit": "DAILY", "Format": "textORcsv", "Compression": "GZIP", "AdditionalSchemaElements": ["RESOURCES"],
            "AdditionalArtifacts": [], "RefreshClosedReports": True, "ReportVersioning": "OVERWRITE_REPORT"}
RESOURCE_POLICY, S3_POLICY = "CloudTrakr-Custom-ResourceMonitoring-Policy", "CloudTrakr-Custom-S3-Policy"


def trust_policy(external_id=None, operator="StringEquals", effect="Allow"):
    """A trust policy for the vendor; without EXTERNAL_ID, without the condition."""
    statement = {"Effect": effect, "Principal": {"AWS": VENDOR}, "Action": "sts:AssumeRole"}
    if external_id is not None:
        statement["Condition"] = {operator: {"sts:ExternalId": external_id}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def pairs(text):
    """The blocks of an answer, as eval would have them."""
    blocks = []
    for block in text.strip().split("\n\n"):
        words = [shlex.split(line) for line in block.splitlines()]
        check(all(len(word) == 1 for word in words), block)
        blocks.append(dict(word[0].split("=", 1) for word in words))
    return [block for block in blocks if block]


def write(m, text):
    """One write(2) of TEXT to the mount's connect: its errno's name or "", and the answer on the same descriptor."""
    descriptor = os.open(m / "connect", os.O_RDWR)
    try:
        failed = ""
        try:
            os.write(descriptor, text if isinstance(text, bytes) else text.encode())
        except OSError as error:
            failed = errno.errorcode[error.errno]
        answer = b"".join(iter(functools.partial(os.read, descriptor, 65536), b""))
    finally:
        os.close(descriptor)
    found = pairs(answer.decode())
    return failed, found[0] if found else {}


def written(m, text):
    failed, answer = write(m, text)
    same(failed, "", f"{text[:200]}: {answer}")
    return answer


def refused(m, text, wanted, said=""):
    failed, answer = write(m, text)
    same(failed, wanted, f"{text[:200]}: {answer}")
    check(said in answer.get("error", ""), f"{text[:200]!r}: {answer}")
    return answer


def blocks(m):
    """A fresh open of connect, by handle."""
    return {block["connection"]: block for block in pairs((m / "connect").read_text())}


class Scene:
    """ministack with the vendor's IAM user, both buckets, and a state folder of its own."""

    def __init__(self, work, policy=True, bucket=BUCKET, vendor_bucket=VENDOR_BUCKET):
        self.work, self.bucket, self.vendor_bucket = Path(work), bucket, vendor_bucket
        self.world = World(self.work / "world")
        self.aws = self.world.ministack()
        iam = self.client("iam", VENDOR)
        iam.create_user(UserName="ctfs")
        key = iam.create_access_key(UserName="ctfs")["AccessKey"]
        if policy:
            self.grant(identity_policy(vendor_bucket))
        self.client("s3", VENDOR).create_bucket(Bucket=vendor_bucket)
        self.client("s3", CUSTOMER).create_bucket(Bucket=bucket)
        self.keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
                     "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.aws.url, "CTFS_VENDOR_BUCKET": vendor_bucket}
        self.env = clean_environment(**self.keys, CTFS_STATE_DIR=str(self.work / "state"),
                                     CTFS_CACHE_DIR=str(self.work / "cache"))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.world.stop()

    def mount(self, environment=None, **options):
        return Mount(self.work, {**self.keys, **(environment or {})}, **options)

    def client(self, service, account):
        return boto3.client(service, endpoint_url=self.aws.url, aws_access_key_id=account, aws_secret_access_key="test",
                            region_name="us-east-1")

    def grant(self, document):
        """Makes DOCUMENT the one policy of the vendor's user; None takes it away."""
        iam = self.client("iam", VENDOR)
        if document is None:
            return iam.delete_user_policy(UserName="ctfs", PolicyName="vendor")
        return iam.put_user_policy(UserName="ctfs", PolicyName="vendor", PolicyDocument=json.dumps(document))

    def ctfs(self, *words, status=0, timeout=120, **more):
        done = subprocess.run([PROGRAM, *words], env={**self.env, **more}, capture_output=True, text=True,
                              timeout=timeout)
        same(done.returncode, status, f"ctfs {' '.join(words)}: {done.stderr[-600:]}")
        return done

    def begin(self, *more, report="daily", **env):
        return json.loads(self.ctfs("connect", "--json", f"bucket={self.bucket}", f"report={report}", "prefix=cur", *more,
                                    **env).stdout)

    def refused(self, wanted, *words):
        answer = json.loads(self.ctfs("connect", "--json", *words, status=1).stdout or "[]")
        same(answer and answer["errno"], wanted, f"connect {' '.join(words)}: {answer}")

    def stack(self, answer, name="stack", account=CUSTOMER):
        """The customer's way: the stack from the body with CAPABILITY_IAM alone; its CrossAccountRoleArn."""
        client = self.client("cloudformation", account)
        body = Path(answer["template_file"]).read_text()
        client.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
        stack = client.describe_stacks(StackName=name)["Stacks"][0]
        same(stack["StackStatus"], "CREATE_COMPLETE")
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}["CrossAccountRoleArn"]

    def role(self, name, trust, account=CUSTOMER, policies=()):
        """A role made by hand; POLICIES are (name, document)."""
        iam = self.client("iam", account)
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for policy, document in policies:
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
        return arn

    def role_policies(self, role_arn, account=CUSTOMER):
        """{name: document} of a role's inline policies."""
        iam, name = self.client("iam", account), role_arn.split("/")[-1]
        return {policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]}

    def define(self, name="daily", bucket=None, prefix="cur", account=CUSTOMER, **settings):
        self.client("cur", account).put_report_definition(ReportDefinition={
            **SETTINGS, "ReportName": name, "S3Bucket": bucket or self.bucket, "S3Prefix": prefix,
            "S3Region": "us-east-1", **settings})

    def deliver(self, name="daily", prefix="cur", bucket=None, account=CUSTOMER, period="20261001-20261101", **manifest):
        """One month in the overwrite layout: a manifest and one part."""
        s3, bucket = self.client("s3", account), bucket or self.bucket
        folder = "/".join(each for each in (prefix, name, period) if each)
        keys = [f"{folder}/{name}-00001.csv.gz"]
        s3.put_object(Bucket=bucket, Key=keys[0], Body=b"\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0")
        s3.put_object(Bucket=bucket, Key=f"{folder}/{name}-Manifest.json", Body=json.dumps({
            "assemblyId": "20261102T000000Z", "account": account, "columns": [], "charset": "UTF-8",
            "compression": "GZIP", "contentType": "text/csv", "reportId": "r", "reportName": name,
            "billingPeriod": {"start": "20261001T000000.000Z", "end": "20261101T000000.000Z"}, "bucket": bucket,
            "reportKeys": keys, "additionalArtifactKeys": [], **manifest}))

    def blocks(self):
        return {b["connection"]: b for b in json.loads(self.ctfs("connect", "--json").stdout)}


def fetch(url):
    """What a URL gives to anybody, without credentials."""
    return http("GET", url)


def scene(function):
    """Runs a case with a fresh Scene."""
    def run(work):
        with Scene(work) as s:
            function(s)
    return run
