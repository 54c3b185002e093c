#!/usr/bin/env python3
"""Seeds a stand-in AWS with the sample organization, and writes down what it holds for others to check against.

    sample.py seed  --endpoint URL --out sample.json [--today YYYY-MM-DD] [--create-new] [--bucket B …]
    sample.py stack --sample sample.json --template FILE [--parameter NAME=VALUE]…     prints the role's ARN
    sample.py policies --sample sample.json [--identity FILE] [--vendor-bucket-policy FILE]

Two parties: the customer (a management account with its organization, bucket, report and instances) and the vendor
(another account, with a bucket and an IAM user that ctfs runs as). Sums are exact decimals, as text.
"""
import argparse
import datetime
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parent))
import sample_report  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CTFS_DEV_CACHE", ROOT / ".cache")) / "sample"
MANAGEMENT, VENDOR = "007830194526", "999900001111"
HOME_REGION = "us-east-1"
STACK = "ctfs-cross-account-role"

# Units by path; a name may hold a slash, so paths are tuples. Europe is there twice, under different parents.
UNITS = (("Workloads",), ("Workloads", "Production"), ("Workloads", "Production", "Europe"),
         ("Workloads", "Production", "Americas"), ("Workloads", "Test & Staging"), ("Europe",),
         ("Security / Audit",), ("Forschung für Übermorgen",))
ACCOUNTS = (("Payments Production", ("Workloads", "Production", "Europe"), {"cost-center": "4711", "owner": "payments"}),
            ("Search Production", ("Workloads", "Production", "Europe"), {"cost-center": "4712"}),
            ("Payments Production", ("Workloads", "Production", "Americas"), {"cost-center": "4711"}),
            ("Checkout", ("Workloads", "Production"), {"cost-center": "0815", "note": "a, b; \"c\""}),
            ("Staging", ("Workloads", "Test & Staging"), {}),
            ("R&D / Labs", ("Workloads", "Test & Staging"), {"cost-center": "9000"}),
            ("Büro Zürich", ("Europe",), {"owner": "Zoë"}),
            ("データ分析", ("Europe",), {"部門": "分析"}),
            ("Log Archive", ("Security / Audit",), {}),
            ("Audit", ("Security / Audit",), {"owner": "security"}),
            ("Sandbox", ("Forschung für Übermorgen",), {}),
            ("Sandbox", ("Forschung für Übermorgen",), {"expires": "2031-01-01"}),
            ("Shared Services", (), {"cost-center": "0001"}))


def client(endpoint, service, key, secret, region=HOME_REGION, token=None):
    return boto3.client(service, endpoint_url=endpoint, region_name=region, aws_access_key_id=key,
                        aws_secret_access_key=secret, aws_session_token=token,
                        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}))


class Account:
    """A whole account's administrator: the stand-in takes its ID as the key and `test` as the secret."""

    def __init__(self, endpoint, number):
        self.endpoint, self.id = endpoint, number

    def client(self, service, region=HOME_REGION):
        return client(self.endpoint, service, self.id, "test", region)


def seed_units(organizations, root):
    units = {(): root}
    for path in UNITS:
        made = organizations.create_organizational_unit(ParentId=units[path[:-1]], Name=path[-1])
        units[path] = made["OrganizationalUnit"]["Id"]
    return units


def seed_organization(customer):
    organizations = customer.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    units = seed_units(organizations, root)
    accounts = []
    for number, (name, path, tags) in enumerate(ACCOUNTS, 1):
        email = f"aws+{number:02d}@example.com"
        made = organizations.create_account(AccountName=name, Email=email)["CreateAccountStatus"]["AccountId"]
        if path:
            organizations.move_account(AccountId=made, SourceParentId=root, DestinationParentId=units[path])
        if tags:
            organizations.tag_resource(ResourceId=made, Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
        accounts.append({"id": made, "name": name, "email": email, "unit": list(path), "parent": units[path],
                         "tags": tags})
    return {"id": organizations.describe_organization()["Organization"]["Id"], "root": root,
            "units": [{"id": units[path], "name": path[-1], "path": list(path)} for path in UNITS],
            "accounts": accounts}


def seed_instances(endpoint, numbers):
    """Runs the report's instances; answers {slot: ID} and {account: {region: [ID]}}."""
    by_slot, by_place = {}, {}
    for slot, placeholder, region, (kind, _, _), _, name in sample_report.instance_slots(len(numbers) - 1):
        account = numbers[int(placeholder[1:])]
        made = Account(endpoint, account).client("ec2", region).run_instances(
            ImageId="ami-0abcdef1234567890", InstanceType=kind, MinCount=1, MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [
                {"Key": "Name", "Value": name}, {"Key": "team", "Value": sample_report.TEAMS[slot % 6]}]}])
        by_slot[slot] = made["Instances"][0]["InstanceId"]
        by_place.setdefault(account, {}).setdefault(region, []).append(by_slot[slot])
    return by_slot, by_place


def report_definition(options):
    """The guide's six settings."""
    return {"ReportName": options.report, "TimeUnit": "DAILY", "Format": "textORcsv", "Compression": "GZIP",
            "AdditionalSchemaElements": ["RESOURCES"], "S3Bucket": options.bucket, "S3Prefix": options.prefix,
            "S3Region": HOME_REGION, "AdditionalArtifacts": [], "RefreshClosedReports": True,
            "ReportVersioning": "OVERWRITE_REPORT"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def describe_month(month, objects):
    """What is true of one month: the oracle of the demo and of the tests."""
    whole = month.report_csv()
    return {"period": month.period, "rows": len(month.rows), "columns": month.columns, "total": month.total(),
            "by_product_code": month.sums("lineItem/ProductCode"),
            "by_line_item_type": month.sums("lineItem/LineItemType"),
            "by_usage_account": month.sums("lineItem/UsageAccountId"),
            "report_csv": {"sha256": sha256(whole), "bytes": len(whole)}, "manifest_key": objects[-1][0],
            "parts": [{"key": key, "gz_bytes": len(body), "gz_sha256": sha256(body), "plain_bytes": len(plain),
                       "plain_sha256": sha256(plain)} for (key, body), plain in zip(objects, month.parts)]}


def put_all(s3, bucket, objects):
    for key, body in objects:
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def seed_reports(customer, options, maker):
    s3 = customer.client("s3")
    s3.create_bucket(Bucket=options.bucket)
    customer.client("cur").put_report_definition(ReportDefinition=report_definition(options))
    months = {}
    for month in maker.make_all():
        objects = sample_report.overwrite_objects(month, options.bucket, options.prefix, options.report, customer.id)
        put_all(s3, options.bucket, objects)
        months[month.name] = describe_month(month, objects)
    return months


def seed_create_new(customer, options, maker):
    """A second report, nise's own files: hourly, CRLF, columns in alphabetical order, an old and a new assembly."""
    first = sample_report.months_until(maker.today)[-2]
    report = f"{options.report}-versions"
    objects, newest, plain = sample_report.create_new_objects(maker, CACHE, first, options.prefix, report)
    put_all(customer.client("s3"), options.bucket, objects)
    definition = dict(report_definition(options), ReportName=report, TimeUnit="HOURLY",
                      ReportVersioning="CREATE_NEW_REPORT")
    customer.client("cur").put_report_definition(ReportDefinition=definition)
    header = plain[0].index(b"\r\n") + 2
    whole = plain[0] + b"".join(part[header:] for part in plain[1:])
    return {"report": report, "month": f"{first:%Y-%m}", "assembly": newest, "keys": [key for key, _ in objects],
            "report_csv": {"sha256": sha256(whole), "bytes": len(whole)}}


def vendor_identity_policy(bucket):
    """policies/vendor-identity-policy.json as ctfs prints it, and nothing else: test_onboarding_vendor compares the two."""
    own = f"arn:aws:s3:::{bucket}"
    return {"Version": "2012-10-17", "Statement": [
        {"Sid": "CtfsAssume", "Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": "arn:aws:iam::*:role/*"},
        {"Sid": "CtfsBucket", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": own},
        {"Sid": "CtfsTemplates", "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"],
         "Resource": own + "/templates/*"},
        {"Sid": "CtfsProbe", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": own + "/data/*/.ctfs-probe"}]}


def vendor_bucket_policy(bucket, vendor, customer):
    """Customers' roles write under data/, nobody but the vendor under templates/; ctfs prints one a customer."""
    return {"Version": "2012-10-17", "Statement": [
        {"Sid": "CustomersList", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{customer}:root"},
         "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"},
        {"Sid": "CustomersWriteData", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{customer}:root"},
         "Action": ["s3:PutObject", "s3:PutObjectAcl"], "Resource": f"arn:aws:s3:::{bucket}/data/*"},
        {"Sid": "VendorAloneWritesTemplates", "Effect": "Deny", "Principal": "*",
         "Action": ["s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject"],
         "Resource": f"arn:aws:s3:::{bucket}/templates/*",
         "Condition": {"StringNotEquals": {"aws:PrincipalAccount": vendor}}}]}


def seed_vendor(endpoint, options):
    vendor = Account(endpoint, VENDOR)
    s3, iam = vendor.client("s3"), vendor.client("iam")
    s3.create_bucket(Bucket=options.vendor_bucket)
    s3.put_bucket_versioning(Bucket=options.vendor_bucket, VersioningConfiguration={"Status": "Enabled"})
    user = iam.create_user(UserName="ctfs")["User"]
    key = iam.create_access_key(UserName="ctfs")["AccessKey"]
    made = {"account": VENDOR, "bucket": options.vendor_bucket, "user": "ctfs", "user_arn": user["Arn"],
            "access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    set_policies(endpoint, made, vendor_identity_policy(options.vendor_bucket),
                 vendor_bucket_policy(options.vendor_bucket, VENDOR, MANAGEMENT))
    return made


def set_policies(endpoint, vendor, identity=None, bucket_policy=None):
    """Replaces the one policy of the vendor's user, and the policy of its bucket."""
    account = Account(endpoint, vendor["account"])
    if identity:
        account.client("iam").put_user_policy(UserName=vendor["user"], PolicyName="vendor-identity-policy",
                                              PolicyDocument=json.dumps(identity))
    if bucket_policy:
        account.client("s3").put_bucket_policy(Bucket=vendor["bucket"], Policy=json.dumps(bucket_policy))


def seed(endpoint, options):
    """Everything; answers the dictionary that `--out` gets."""
    customer = Account(endpoint, MANAGEMENT)
    CACHE.mkdir(parents=True, exist_ok=True)
    organization = seed_organization(customer)
    numbers = [MANAGEMENT] + [account["id"] for account in organization["accounts"]]
    by_slot, instances = seed_instances(endpoint, numbers)
    maker = sample_report.Maker(CACHE, numbers, by_slot, options.today)
    months = seed_reports(customer, options, maker)
    names = sorted(months)
    sample = {"endpoint": endpoint, "region": HOME_REGION, "today": str(options.today),
              "management": {"id": MANAGEMENT, "access_key_id": MANAGEMENT, "secret_access_key": "test"},
              "customer": {"bucket": options.bucket, "report": options.report, "prefix": options.prefix},
              "vendor": seed_vendor(endpoint, options), "organization": organization, "instances": instances,
              "months": months, "latest": names[-1], "previous": names[-2]}
    if options.create_new:
        sample["create_new"] = seed_create_new(customer, options, maker)
    return sample


def create_stack(endpoint, account, template, parameters=None, name=STACK, wait_s=60):
    """Creates the stack as a customer would, with CAPABILITY_IAM alone; answers its CrossAccountRoleArn."""
    cloudformation = Account(endpoint, account).client("cloudformation")
    how = {"TemplateURL": template} if template.startswith("http") else {"TemplateBody": template}
    cloudformation.create_stack(StackName=name, Capabilities=["CAPABILITY_IAM"], **how, Parameters=[
        {"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()])
    end = time.monotonic() + wait_s
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > end:
            break
        time.sleep(0.5)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise RuntimeError(f"stack {name}: {stack['StackStatus']}, {stack.get('StackStatusReason', 'no reason given')}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}["CrossAccountRoleArn"]


def seed_parser(sub):
    parser = sub.add_parser("seed")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--today", type=datetime.date.fromisoformat,
                        default=datetime.datetime.now(datetime.timezone.utc).date())
    parser.add_argument("--bucket", default="example-cost-usage")
    parser.add_argument("--report", default="daily-costs")
    parser.add_argument("--prefix", default="reports/aws")
    parser.add_argument("--vendor-bucket", default="example-vendor-usage")
    parser.add_argument("--create-new", action="store_true")
    return parser


def seed_options(**changed):
    """The command line's defaults, for callers in Python: seed(url, seed_options(create_new=True))."""
    parser = seed_parser(argparse.ArgumentParser().add_subparsers())
    options = parser.parse_args(["--endpoint", "-", "--out", "-"])
    for name, value in changed.items():
        if not hasattr(options, name):
            raise TypeError(f"no such option: {name}")
        setattr(options, name, value)
    return options


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest="command", required=True)
    seed_parser(sub)
    stack = sub.add_parser("stack")
    stack.add_argument("--template", required=True)
    stack.add_argument("--parameter", action="append", default=[])
    stack.add_argument("--name", default=STACK)
    policies = sub.add_parser("policies")
    policies.add_argument("--identity")
    policies.add_argument("--vendor-bucket-policy")
    for each in (stack, policies):
        each.add_argument("--sample", required=True)
    options = parser.parse_args()
    if options.command == "seed":
        sample = seed(options.endpoint, options)
        Path(options.out).write_text(json.dumps(sample, indent=1, ensure_ascii=False) + "\n")
        return
    sample = json.loads(Path(options.sample).read_text())
    if options.command == "stack":
        print(create_stack(sample["endpoint"], sample["management"]["id"], Path(options.template).read_text(),
                           dict(each.split("=", 1) for each in options.parameter), options.name))
    else:
        read = [json.loads(Path(file).read_text()) if file else None
                for file in (options.identity, options.vendor_bucket_policy)]
        set_policies(sample["endpoint"], sample["vendor"], *read)


if __name__ == "__main__":
    main()
