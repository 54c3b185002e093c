"""The sample organization's cost reports: three months of daily rows, laid out as AWS lays them out.

koku-nise makes one day of hourly rows, once (kept in .cache/sample, by its version and what it was asked). From these
each month is relaid as AWS delivers a daily report: columns by category and only those in use, typed in the manifest,
LF, ISO times, amounts as exact decimals with ten places. What nise never makes is added here: Tax, Credit, Refund, Fee,
RIFee and EdpDiscount rows. No amount passes through float.
"""
import base64
import calendar
import csv
import datetime
import decimal
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

D = Decimal
TEN_PLACES = D("0.0000000001")
BASE_DAY = "2025-01-06"
PAYER = "900000000000"          # as nise writes it; so member(0)
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
ROWS_A_PART = 1200

AMOUNTS = {"lineItem/UsageAmount", "lineItem/UnblendedCost", "lineItem/BlendedCost", "pricing/publicOnDemandCost",
           "savingsPlan/SavingsPlanEffectiveCost", "reservation/EffectiveCost"}
CATEGORIES = ("identity", "bill", "lineItem", "product", "pricing", "reservation", "savingsPlan", "discount",
              "resourceTags", "costCategory")
ALWAYS = """identity/LineItemId identity/TimeInterval bill/InvoiceId bill/InvoicingEntity bill/BillingEntity bill/BillType
bill/PayerAccountId bill/BillingPeriodStartDate bill/BillingPeriodEndDate lineItem/UsageAccountId lineItem/LineItemType
lineItem/UsageStartDate lineItem/UsageEndDate lineItem/ProductCode lineItem/UsageType lineItem/Operation
lineItem/AvailabilityZone lineItem/ResourceId lineItem/UsageAmount lineItem/NormalizationFactor
lineItem/NormalizedUsageAmount lineItem/CurrencyCode lineItem/UnblendedRate lineItem/UnblendedCost lineItem/BlendedRate
lineItem/BlendedCost lineItem/LineItemDescription lineItem/TaxType lineItem/LegalEntity""".split()
TEAMS = ("payments", "search", "data, analytics", "Büro Zürich", 'the "core" team', "")
INSTANCES = (("m5.large", "0.096", "2"), ("c5d.2xlarge", "0.384", "8"), ("r4.large", "0.133", "2"),
             ("t3.medium", "0.0416", "2"))


def member(number):
    """The placeholder of the organization's n-th member account, n from 1, in rows as nise makes them."""
    return f"9{number:011d}"


def instance_slots(members):
    """Every instance of the organization: (slot, placeholder account, region, type, how it is paid, name tag)."""
    slots = []
    for account, count in [(PAYER, 7)] + [(member(n), 2) for n in range(1, members + 1)]:
        for i in range(count):
            number = len(slots)
            paid = "plan" if number % 5 == 1 else "reserved" if number % 9 == 4 else "demand"
            slots.append((number, account, REGIONS[i % 3], INSTANCES[number % 4], paid,
                          f"{('web', 'batch', 'db', 'cache')[number % 4]}-{number:02d}"))
    return slots


def placeholder_instance(slot):
    return f"{slot:017x}"


def nise_generators(members):
    """What nise is asked for: a list in its static file's form. Each has a SKU of its own, to tell its rows by."""
    made = []

    def add(kind, sku, account, region, **more):
        made.append({kind: {"user": account, "region": region, "start_date": BASE_DAY, "end_date": "2025-01-07",
                            "product_sku": sku, **more}})

    for slot, account, region, (kind, cost, cpus), paid, name in instance_slots(members):
        machine = {"inst_type": kind, "physical_cores": 1, "vcpu": cpus, "memory": "8 GiB", "storage": "EBS only",
                   "family": "General purpose", "cost": float(cost), "rate": float(cost), "saving": None}
        tags = {"resourceTags/user:Name": name}
        resource = placeholder_instance(slot)
        if paid == "plan":
            machine["saving"] = round(float(cost) * 0.7, 4)
            add("EC2Generator", f"PLANNEG{slot:05d}", account, region, instance_type={**machine, "negation": True})
        if paid == "reserved":
            machine["reserved_instance"] = True
        add("EC2Generator", f"INSTANCE{slot:04d}", account, region, resource_id=resource, tags=tags,
            instance_type=machine)
        add("EBSGenerator", f"VOLUME{slot:06d}", account, region, resource_id=resource, tags=tags, rate="0.11",
            disk_size=20 + 10 * (slot % 7))
        if slot % 3 == 0:
            add("DataTransferGenerator", f"TRANSFER{slot:04d}", account, region, resource_id=resource, amount="1.7",
                rate="0.02", data_direction="out")
    fee = {"inst_type": "m5.large", "cost": 1.84, "rate": 1.84, "saving": None, "recurring_fee": True}
    add("EC2Generator", "PLANFEE00001", PAYER, REGIONS[0], instance_type=fee)
    for n in range(1, members + 1):
        region = REGIONS[n % 3]
        add("S3Generator", f"BUCKET{n:06d}", member(n), region, resource_id=f"data-{n}", amount=f"{n}.5", rate="0.023")
        if n % 2:
            add("RDSGenerator", f"DATABASE{n:04d}", member(n), region, resource_id=f"orders-{n}")
        if n % 3 == 0:
            add("VPCGenerator", f"NETWORK{n:05d}", member(n), region)
            add("Route53Generator", f"ZONE{n:08d}", member(n), region)
    add("MarketplaceGenerator", "MARKETPLACE1", member(1), REGIONS[0], amount=1, rate=0.13)
    return made


def nise_files(cache, members, start, days, report, row_limit, generators=None):
    """Runs nise (or finds what it made before) and answers the folder of its report: PERIOD/UUID/files."""
    end = start + datetime.timedelta(days=days)
    asked = {"generators": [{kind: {**values, "start_date": str(start), "end_date": str(end)}}
                            for each in generators or nise_generators(members) for kind, values in each.items()],
             "accounts": {"payer": PAYER, "user": [PAYER] + [member(n) for n in range(1, members + 1)],
                          "currency_code": "USD"}}
    nise = Path(sys.executable).parent / "nise"
    version = subprocess.run([nise, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    last = end - datetime.timedelta(days=1)
    key = hashlib.sha256(json.dumps([version, asked, str(last), report, row_limit]).encode()).hexdigest()[:16]
    done = Path(cache) / f"nise-{key}"
    if not done.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            bucket = Path(scratch) / "bucket"
            bucket.mkdir()
            (Path(scratch) / "asked.yml").write_text(json.dumps(asked, indent=1))
            run = subprocess.run([nise, "report", "aws", "-s", str(start), "-e", str(last), "--static-report-file",
                                  "asked.yml", "--file-row-limit", str(row_limit), "--aws-s3-bucket-name", str(bucket),
                                  "--aws-s3-report-name", report, "--aws-s3-report-prefix", "prefix"],
                                 cwd=scratch, capture_output=True, text=True)
            if run.returncode:
                raise RuntimeError(f"nise failed:\n{run.stdout[-1500:]}{run.stderr[-1500:]}")
            bucket.rename(done)
    return done / "prefix" / report


def base_rows(cache, members):
    """One day as rows of a daily report: {SKU: [row]}, amounts as Decimal; the hours of each kind added up."""
    start = datetime.date.fromisoformat(BASE_DAY)
    days = {}
    for path in sorted(nise_files(cache, members, start, 1, "base", 100000).rglob("*.csv.gz")):
        with gzip.open(path, "rt", newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                add_hour(days, row)
    base = {}
    for (sku, *_), row in days.items():
        base.setdefault(sku, []).append(row)
    return base


def add_hour(days, hour):
    sku = hour["product/sku"]
    kind = (sku, hour["lineItem/LineItemType"])
    if not sku.startswith(("MARKET", "TRANSFER", "ZONE")):     # nise draws those anew for each hour
        kind += (hour["lineItem/UsageType"], hour["lineItem/Operation"])
    day = days.get(kind)
    if day is None:
        row = {name: value for name, value in hour.items()
               if value and not name.startswith(("resourceTags/", "costCategory/"))}
        for name in AMOUNTS & row.keys():
            row[name] = exact(row[name])
        days[kind] = row
        row["name"] = hour.get("resourceTags/user:Name", "")
        return
    for name in AMOUNTS & day.keys():
        day[name] += exact(hour[name])


def exact(text):
    try:
        return D(text)
    except decimal.InvalidOperation:
        return D(0)


def places(amount):
    return f"{amount.quantize(TEN_PLACES):f}"


def months_until(today, count=3):
    """The first days of the last `count` months, oldest first; the last one is today's."""
    first = today.replace(day=1)
    found = [first]
    while len(found) < count:
        found.append((found[-1] - datetime.timedelta(days=1)).replace(day=1))
    return found[::-1]


def next_month(first):
    return first + datetime.timedelta(days=calendar.monthrange(first.year, first.month)[1])


def iso(day):
    return f"{day}T00:00:00Z"


class Month:
    """One billing period's report. `parts` are plain bytes, each with the header; sums are exact decimals as text."""

    def __init__(self, first, rows, columns):
        self.first, self.rows, self.columns = first, rows, columns
        self.name = f"{first:%Y-%m}"
        self.period = f"{first:%Y%m%d}-{next_month(first):%Y%m%d}"
        self.parts = [self._part(rows[i:i + ROWS_A_PART]) for i in range(0, len(rows), ROWS_A_PART)]

    def _part(self, rows):
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, self.columns, lineterminator="\n", restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()

    def sums(self, column):
        found = {}
        for row in self.rows:
            key = row.get(column, "")
            found[key] = found.get(key, D(0)) + D(row["lineItem/UnblendedCost"])
        return {key: f"{value:f}" for key, value in sorted(found.items())}

    def total(self):
        return f"{sum((D(row['lineItem/UnblendedCost']) for row in self.rows), D(0)):f}"

    def report_csv(self):
        header = self.parts[0].index(b"\n") + 1
        return self.parts[0] + b"".join(part[header:] for part in self.parts[1:])


class Maker:
    """Makes months. `accounts` are real IDs, the payer first; `instances` maps a slot's number to a real ID."""

    def __init__(self, cache, accounts, instances, today):
        self.accounts, self.instances, self.today = accounts, instances, today
        self.members = len(accounts) - 1
        self.base = base_rows(cache, self.members)

    def make(self, first):
        """The current month holds the days until today, and today."""
        end = min(next_month(first), self.today + datetime.timedelta(days=1))
        rows, day = [], first
        while day < end:
            rows += self._day(day, first)
            day += datetime.timedelta(days=1)
        rows += self._month_end(first, rows)
        for number, row in enumerate(rows):
            self._finish(row, first, number)
        return Month(first, rows, columns_of(rows))

    def make_all(self):
        return [self.make(first) for first in months_until(self.today)]

    def _day(self, day, first):
        planned = first != months_until(self.today)[0]      # the savings plan begins with the second month
        for sku, bases in self.base.items():
            if sku.startswith("PLAN") and not planned:
                continue
            for base in bases:
                yield self._row(sku, base, day, planned)

    def _row(self, sku, base, day, planned):
        # A covered hour and its negation share the factor, so that they cancel to the last digit.
        pair = sku.replace("PLANNEG0", "INSTANCE")
        draw = hashlib.sha256(f"{day}/{pair}".encode()).digest()
        factor = D(100 if sku.startswith("PLANFEE") else 80 + draw[0] % 41) / 100
        row = dict(base)
        for name in AMOUNTS & row.keys():
            row[name] = places(row[name] * factor)
        row["lineItem/UsageStartDate"], row["lineItem/UsageEndDate"] = iso(day), iso(day + datetime.timedelta(days=1))
        self._own(sku, row, planned, factor)
        return row

    def _own(self, sku, row, planned, factor):
        slot = int(sku[-4:]) if sku.startswith(("INSTANCE", "VOLUME", "TRANSFER")) else None
        kind = row["lineItem/LineItemType"]
        if slot is not None and sku.startswith(("INSTANCE", "TRANSFER")):
            row["lineItem/ResourceId"] = self.instances[slot]
        elif slot is not None:
            row["lineItem/ResourceId"] = "vol-" + self.instances[slot][2:][::-1]
        if sku.startswith("BUCKET"):
            row["lineItem/ResourceId"] = f"example-data-{int(sku[-4:])}"
        if sku.startswith("DATABASE"):
            row["lineItem/ResourceId"] = (f"arn:aws:rds:{row['product/region']}:{row['lineItem/UsageAccountId']}:"
                                          f"db:orders-{int(sku[-4:])}")
        if sku.startswith("MARKET"):
            row.update({"lineItem/ProductCode": "5hnnev4d0v7mapf09j0v8of0o2", "bill/BillingEntity": "AWS Marketplace",
                        "lineItem/LegalEntity": "Example Software, Inc.", "product/ProductName": "Example Linux, Plus",
                        "lineItem/ResourceId": self.instances[7]})
        if kind == "SavingsPlanCoveredUsage" and not planned:
            row["lineItem/LineItemType"] = "Usage"
            row.pop("savingsPlan/SavingsPlanEffectiveCost", None), row.pop("savingsPlan/SavingsPlanRate", None)
        elif kind.startswith("SavingsPlan"):
            row["savingsPlan/SavingsPlanARN"] = f"arn:aws:savingsplans::{PAYER}:savingsplan/5f0c7a3e-plan"
        if kind == "SavingsPlanRecurringFee":
            row["savingsPlan/TotalCommitmentToDate"] = row["lineItem/UnblendedCost"]
            row["savingsPlan/UsedCommitment"] = places(D(row["lineItem/UnblendedCost"]) * D("0.93"))
        if kind == "DiscountedUsage":
            row["reservation/ReservationARN"] = f"arn:aws:ec2:{row['product/region']}:{PAYER}:reserved-instances/r-1"
            row["reservation/EffectiveCost"] = places(D("0.0412") * 24 * factor)
            row["pricing/publicOnDemandCost"], row["pricing/publicOnDemandRate"] = places(D("2.304") * factor), "0.096"
        name = row.pop("name", "")
        if name and slot is not None:
            row["resourceTags/user:Name"] = name
            row["resourceTags/user:team"] = TEAMS[slot % len(TEAMS)]
            row["resourceTags/aws:createdBy"] = f"IAMUser:AIDAEXAMPLE:deploy-{slot % 3}"
        row["costCategory/Environment"] = "production" if D(row["lineItem/UsageAccountId"]) % 2 else "other, mixed"

    def _month_end(self, first, rows):
        """The rows that stand for the whole month: fees, tax, credits, a refund, a discount."""
        def add(account, kind, code, cost, description, **more):
            return {"lineItem/UsageAccountId": account, "lineItem/LineItemType": kind, "lineItem/ProductCode": code,
                    "lineItem/UnblendedCost": places(D(cost)), "lineItem/BlendedCost": places(D(cost)),
                    "lineItem/UsageAmount": places(D(1)), "lineItem/CurrencyCode": "USD",
                    "lineItem/LineItemDescription": description, "lineItem/UsageStartDate": iso(first),
                    "lineItem/UsageEndDate": iso(next_month(first)), "bill/BillType": "Anniversary",
                    "bill/BillingEntity": "AWS", "lineItem/LegalEntity": "Amazon Web Services, Inc.",
                    **{name.replace("_", "/", 1): value for name, value in more.items()}}

        spent = {}
        for row in rows:
            key = row["lineItem/UsageAccountId"], row["lineItem/ProductCode"]
            spent[key] = spent.get(key, D(0)) + D(row["lineItem/UnblendedCost"])
        ended = [add(account, "Tax", code, cost * D("0.081"), f"Tax for product code {code}", lineItem_TaxType="VAT",
                     lineItem_LegalEntity="Amazon Web Services EMEA SARL")
                 for (account, code), cost in sorted(spent.items()) if cost > 0]
        ended.append(add(PAYER, "Fee", "AWSSupportBusiness", "100", "AWS Support (Business), monthly minimum",
                         lineItem_UsageType="Dollar"))
        ended.append(add(PAYER, "RIFee", "AmazonEC2", "29.76", "USD 0.04 hourly fee per Linux/UNIX, m5.large instance",
                         reservation_ReservationARN=f"arn:aws:ec2:us-east-1:{PAYER}:reserved-instances/r-1",
                         reservation_UnusedRecurringFee="1.3000000000", lineItem_UsageType="HeavyUsage:m5.large",
                         reservation_UnusedAmortizedUpfrontFeeForBillingPeriod="0.7000000000"))
        ended.append(add(member(1), "Credit", "AmazonEC2", "-41.1234567891", 'Credit "Migration Acceleration", part 2',
                         lineItem_UsageType="BoxUsage:m5.large"))
        ended.append(add(member(2), "Refund", "AmazonS3", "-3.5000000001", "Refund: requests billed twice, case 1482",
                         lineItem_UsageType="Requests-Tier1"))
        ended.append(add(PAYER, "EdpDiscount", "AmazonEC2", "-12.0345", "Enterprise discount, 2 %",
                         discount_EdpDiscount="-12.0345000000", discount_TotalDiscount="-12.0345000000"))
        return ended

    def _finish(self, row, first, number):
        row["bill/PayerAccountId"] = PAYER
        row["bill/BillingPeriodStartDate"], row["bill/BillingPeriodEndDate"] = iso(first), iso(next_month(first))
        row["identity/TimeInterval"] = f"{row['lineItem/UsageStartDate']}/{row['lineItem/UsageEndDate']}"
        digest = hashlib.sha256(f"{first}/{number}/{row.get('product/sku')}".encode()).digest()
        row["identity/LineItemId"] = base64.b32encode(digest).decode().lower()[:52]
        if first != self.today.replace(day=1):
            row["bill/InvoiceId"] = f"{first:%Y%m}{int(digest[0]) % 3:04d}"
        row.setdefault("bill/InvoicingEntity", row.get("lineItem/LegalEntity", ""))
        for name, value in row.items():
            row[name] = self.real(value)

    def real(self, text):
        """Placeholders of accounts and instances become the real IDs."""
        if "90000000" in text:
            for number, account in enumerate(self.accounts):
                text = text.replace(member(number), account)
        return text


def columns_of(rows):
    """AWS's order: by category, the three first always whole, of the others what the month uses."""
    used = {name for row in rows for name, value in row.items() if value}
    others = sorted((name for name in used if name not in ALWAYS),
                    key=lambda name: (CATEGORIES.index(name.split("/")[0]), name))
    return ALWAYS + others


def column_type(name):
    if name == "identity/TimeInterval":
        return "Interval"
    if name.endswith(("StartDate", "EndDate")):
        return "DateTime"
    if name in AMOUNTS or name.endswith(("Cost", "Amount", "Factor", "Discount", "Commitment", "Fee", "Period", "ToDate")):
        return "OptionalBigDecimal"
    required = ("identity/LineItemId", "bill/PayerAccountId", "bill/BillType", "lineItem/LineItemType",
                "lineItem/ProductCode", "lineItem/UsageAccountId")
    return "String" if name in required else "OptionalString"


def manifest(month, bucket, folder, report, account, assembly, keys):
    """The manifest of one delivery, as AWS writes it: typed columns in the files' own order."""
    stamp = "{:%Y%m%d}T000000.000Z"
    return json.dumps({
        "assemblyId": assembly, "account": account,
        "columns": [{"category": name.split("/", 1)[0], "name": name.split("/", 1)[1], "type": column_type(name)}
                    for name in month.columns],
        "charset": "UTF-8", "compression": "GZIP", "contentType": "text/csv",
        "reportId": hashlib.sha256(f"{bucket}/{folder}".encode()).hexdigest(), "reportName": report,
        "billingPeriod": {"start": stamp.format(month.first), "end": stamp.format(next_month(month.first))},
        "bucket": bucket, "reportKeys": keys, "additionalArtifactKeys": []}, indent=2, ensure_ascii=False).encode()


def compress(plain):
    return gzip.compress(plain, 6, mtime=0)


def join_key(*pieces):
    return "/".join(piece for piece in pieces if piece)


def overwrite_objects(month, bucket, prefix, report, account):
    """[(key, bytes)] of one delivery in AWS's OVERWRITE_REPORT layout, in the order of their upload: manifest last."""
    folder = join_key(prefix, report, month.period)
    keys = [f"{folder}/{report}-{number:05d}.csv.gz" for number in range(1, len(month.parts) + 1)]
    objects = [(key, compress(part)) for key, part in zip(keys, month.parts)]
    assembly = f"{month.first:%Y%m}28T061500Z"
    return objects + [(f"{folder}/{report}-Manifest.json",
                       manifest(month, bucket, folder, report, account, assembly, keys))]


def create_new_objects(maker, cache, first, prefix, report):
    """nise's own files, two assemblies: an old one with its first part alone, and the newest. ([(key, bytes)], newest)."""
    made = nise_files(cache, maker.members, first, 2, report, 1000)
    (period,) = [each for each in made.iterdir() if each.name == f"{first:%Y%m%d}-{next_month(first):%Y%m%d}"]
    (assembly,) = [each for each in period.iterdir() if each.is_dir()]
    folder = join_key(prefix, report, period.name)
    old = "0a1b2c3d-0000-4000-8000-00000000000d"
    parts = {path.name: maker.real(gzip.decompress(path.read_bytes()).decode()).encode()
             for path in sorted(assembly.glob("*.csv.gz"))}
    whole = json.loads(maker.real((period / f"{report}-Manifest.json").read_text()))
    whole["bucket"] = "a-bucket-of-nise"
    whole["reportKeys"] = [f"{folder}/{assembly.name}/{Path(key).name}" for key in whole["reportKeys"]]
    first_name = Path(whole["reportKeys"][0]).name
    early = dict(whole, assemblyId=old, reportKeys=[f"{folder}/{old}/{first_name}"])
    objects = [(early["reportKeys"][0], compress(parts[first_name])),
               (f"{folder}/{old}/{report}-Manifest.json", json.dumps(early, indent=4).encode())]
    objects += [(key, compress(parts[Path(key).name])) for key in whole["reportKeys"]]
    newest = json.dumps(whole, indent=4).encode()
    objects += [(f"{folder}/{assembly.name}/{report}-Manifest.json", newest), (f"{folder}/{report}-Manifest.json", newest)]
    plain = [parts[Path(key).name] for key in whole["reportKeys"]]
    return objects, assembly.name, plain
