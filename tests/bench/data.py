"""The bench's data: one month of daily cost rows, as AWS delivers them, in one part and the same rows in several.

Seeded, so every run and machine has the same bytes: resources with fixed attributes, one row a resource and day, each
with a line item ID and amounts of its own. Realistic in what compresses and what does not: about 8 to 1 by gzip -6.
Kept under .cache/bench by size and FORMAT, as buckets that a server of folders serves.
"""
import base64
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CTFS_DEV_CACHE", ROOT / ".cache")) / "bench"
FORMAT = 3          # of the rows: another number makes them anew
BUCKET, PREFIX, REPORT = "bench-bucket", "cost", "daily"
PERIOD, MONTH = "20261001-20261101", "2026-10"
DAYS = 31
ACCOUNTS = 40

# name and type, in the file's order; the categories in AWS's.
COLUMNS = [(name, kind) for kind, names in (
    ("String", "identity/LineItemId"), ("Interval", "identity/TimeInterval"),
    ("OptionalString", "bill/InvoiceId bill/InvoicingEntity bill/BillingEntity"), ("String", "bill/BillType bill/PayerAccountId"),
    ("DateTime", "bill/BillingPeriodStartDate bill/BillingPeriodEndDate"),
    ("String", "lineItem/UsageAccountId lineItem/LineItemType"),
    ("DateTime", "lineItem/UsageStartDate lineItem/UsageEndDate"), ("String", "lineItem/ProductCode"),
    ("OptionalString", "lineItem/UsageType lineItem/Operation lineItem/AvailabilityZone lineItem/ResourceId"),
    ("OptionalBigDecimal", "lineItem/UsageAmount lineItem/NormalizationFactor lineItem/NormalizedUsageAmount"),
    ("OptionalString", "lineItem/CurrencyCode lineItem/UnblendedRate"), ("OptionalBigDecimal", "lineItem/UnblendedCost"),
    ("OptionalString", "lineItem/BlendedRate"), ("OptionalBigDecimal", "lineItem/BlendedCost"),
    ("OptionalString", """lineItem/LineItemDescription lineItem/TaxType lineItem/LegalEntity product/ProductName
     product/availabilityZone product/databaseEngine product/instanceFamily product/instanceType product/location
     product/memory product/operatingSystem product/operation product/productFamily product/region product/servicecode
     product/sku product/storage product/tenancy product/transferType product/usagetype product/vcpu product/volumeType
     product/clockSpeed product/currentGeneration product/licenseModel product/locationType product/marketoption
     product/networkPerformance product/physicalProcessor product/processorFeatures product/regionCode product/servicename
     pricing/RateCode pricing/RateId pricing/currency"""),
    ("OptionalBigDecimal", "pricing/publicOnDemandCost"), ("OptionalString", "pricing/publicOnDemandRate pricing/term"),
    ("OptionalString", """pricing/unit reservation/AvailabilityZone reservation/ReservationARN reservation/UnitsPerReservation
     reservation/UnusedQuantity savingsPlan/SavingsPlanARN savingsPlan/SavingsPlanRate savingsPlan/UsedCommitment resourceTags/aws:createdBy resourceTags/user:Environment
     resourceTags/user:Name resourceTags/user:Team costCategory/Unit"""),
) for name in names.split()]

REGIONS = (("us-east-1", "US East (N. Virginia)", ""), ("us-east-2", "US East (Ohio)", "USE2-"),
           ("us-west-2", "US West (Oregon)", "USW2-"), ("eu-west-1", "EU (Ireland)", "EU-"),
           ("eu-central-1", "EU (Frankfurt)", "EUC1-"), ("ap-southeast-2", "Asia Pacific (Sydney)", "APS2-"))
MACHINES = (("m5.large", "General purpose", "2", "8 GiB", "0.0960000000"), ("m5.2xlarge", "General purpose", "8", "32 GiB", "0.3840000000"),
            ("c5.xlarge", "Compute optimized", "4", "8 GiB", "0.1700000000"), ("r5.large", "Memory optimized", "2", "16 GiB", "0.1260000000"),
            ("t3.medium", "General purpose", "2", "4 GiB", "0.0416000000"))
TEAMS = ("payments", "search", "data, analytics", "platform", "Büro Zürich", "")


def hexes(draw, count):
    return f"{draw.getrandbits(4 * count):0{count}x}"


def letters(draw, count):
    return "".join(draw.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=count))


def quote(cell):
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\n') else cell


class Resource:
    """What stays the same from day to day: cells before, between and behind those that change, ready as text."""

    def __init__(self, draw, accounts, skus):
        account = draw.choice(accounts)
        region, location, code = draw.choice(REGIONS)
        kind = draw.choices(("machine", "volume", "bucket", "function", "database"), (35, 30, 15, 12, 8))[0]
        cells = getattr(self, kind)(draw, account, region, code)
        sku, rate_id = skus.setdefault((kind, region, cells.get("product/instanceType")), (letters(draw, 16), str(draw.getrandbits(33))))
        team = draw.choice(TEAMS)
        self.scale = draw.choice((0.004, 0.1, 1, 24, 24, 24, 300))
        self.steady = 24 if kind in ("machine", "database") else round(self.scale * 8 / 31, 6) if kind == "volume" else 0
        self.rate = cells["lineItem/UnblendedRate"]
        self.cells = {
            "bill/InvoiceId": "1834720116", "bill/InvoicingEntity": "Amazon Web Services, Inc.", "bill/BillingEntity": "AWS",
            "bill/BillType": "Anniversary", "bill/PayerAccountId": accounts[0], "bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z",
            "bill/BillingPeriodEndDate": "2026-11-01T00:00:00Z", "lineItem/UsageAccountId": account, "lineItem/LineItemType": "Usage",
            "lineItem/CurrencyCode": "USD", "lineItem/BlendedRate": self.rate, "lineItem/LegalEntity": "Amazon Web Services, Inc.",
            "product/location": location, "product/region": region, "product/regionCode": region,
            "product/locationType": "AWS Region", "product/servicename": cells["product/ProductName"], "product/servicecode": cells["lineItem/ProductCode"],
            "product/sku": sku, "product/operation": cells["lineItem/Operation"], "product/usagetype": cells["lineItem/UsageType"],
            "pricing/RateCode": f"{sku}.JRTCKXETXF.6YS6EN2CT7", "pricing/RateId": rate_id, "pricing/currency": "USD",
            "pricing/publicOnDemandRate": self.rate, "pricing/term": "OnDemand", "resourceTags/user:Team": team,
            "resourceTags/user:Environment": draw.choice(("production", "production", "staging", "test")),
            "costCategory/Unit": f"unit-{int(account) % 7}", **cells}
        if team:
            self.cells["resourceTags/aws:createdBy"] = f"AssumedRole:AROA{letters(random.Random(account), 17)}:deploy"
        self.template = None

    def machine(self, draw, account, region, code):
        name, family, cpus, memory, rate = draw.choice(MACHINES)
        zone = region + draw.choice("abc")
        return {"lineItem/ProductCode": "AmazonEC2", "lineItem/UsageType": f"{code}BoxUsage:{name}", "lineItem/Operation": "RunInstances",
                "lineItem/AvailabilityZone": zone, "lineItem/ResourceId": f"i-{hexes(draw, 17)}", "lineItem/UnblendedRate": rate,
                "lineItem/LineItemDescription": f"${rate[:6]} per On Demand Linux {name} Instance Hour",
                "product/ProductName": "Amazon Elastic Compute Cloud", "product/availabilityZone": zone, "product/instanceFamily": family,
                "product/instanceType": name, "product/memory": memory, "product/operatingSystem": "Linux",
                "product/productFamily": "Compute Instance", "product/storage": "EBS only", "product/tenancy": "Shared",
                "product/clockSpeed": "3.1 GHz", "product/currentGeneration": "Yes", "product/licenseModel": "No License required",
                "product/marketoption": "OnDemand", "product/networkPerformance": "Up to 10 Gigabit", "product/vcpu": cpus,
                "product/physicalProcessor": "Intel Xeon Platinum 8175", "product/processorFeatures": "Intel AVX; Intel AVX2; Intel AVX512; Intel Turbo",
                 "pricing/unit": "Hrs", "resourceTags/user:Name": f"{draw.choice(('web', 'batch', 'api', 'worker'))}-{draw.randrange(400):03d}"}

    def volume(self, draw, account, region, code):
        return {"lineItem/ProductCode": "AmazonEC2", "lineItem/UsageType": f"{code}EBS:VolumeUsage.gp3", "lineItem/Operation": "CreateVolume-Gp3",
                "lineItem/ResourceId": f"vol-{hexes(draw, 17)}", "lineItem/UnblendedRate": "0.0800000000",
                "lineItem/LineItemDescription": "$0.08 per GB-month of General Purpose (gp3) provisioned storage",
                "product/ProductName": "Amazon Elastic Compute Cloud", "product/productFamily": "Storage", "product/volumeType": "General Purpose",
                "pricing/unit": "GB-Mo"}

    def bucket(self, draw, account, region, code):
        kind = draw.choice(("Requests-Tier1", "Requests-Tier2", "TimedStorage-ByteHrs", "DataTransfer-Out-Bytes"))
        return {"lineItem/ProductCode": "AmazonS3", "lineItem/UsageType": code + kind, "lineItem/UnblendedRate": "0.0230000000",
                "lineItem/Operation": draw.choice(("PutObject", "GetObject", "StandardStorage")),
                "lineItem/ResourceId": f"{account}-{draw.choice(('logs', 'assets', 'exports', 'lake'))}-{draw.randrange(90)}",
                "lineItem/LineItemDescription": "$0.023 per GB - first 50 TB / month of storage used", "pricing/unit": "GB-Mo",
                "product/ProductName": "Amazon Simple Storage Service", "product/productFamily": "Storage", "product/transferType": ""}

    def function(self, draw, account, region, code):
        return {"lineItem/ProductCode": "AWSLambda", "lineItem/UsageType": f"{code}Lambda-GB-Second", "lineItem/Operation": "Invoke",
                "lineItem/ResourceId": f"arn:aws:lambda:{region}:{account}:function:{draw.choice(('resize', 'notify', 'ingest', 'report'))}-{draw.randrange(60)}",
                "lineItem/UnblendedRate": "0.0000166667", "product/ProductName": "AWS Lambda", "product/productFamily": "Serverless",
                "lineItem/LineItemDescription": "AWS Lambda - Total Compute, first tier, per GB-second", "pricing/unit": "Lambda-GB-Second"}

    def database(self, draw, account, region, code):
        return {"lineItem/ProductCode": "AmazonRDS", "lineItem/UsageType": f"{code}InstanceUsage:db.r5.large", "lineItem/Operation": "CreateDBInstance:0014",
                "lineItem/ResourceId": f"arn:aws:rds:{region}:{account}:db:orders-{draw.randrange(200)}", "lineItem/UnblendedRate": "0.2500000000",
                "lineItem/LineItemDescription": "$0.25 per RDS db.r5.large Single-AZ instance hour (or partial hour) running PostgreSQL",
                "product/ProductName": "Amazon Relational Database Service", "product/productFamily": "Database Instance",
                "product/databaseEngine": "PostgreSQL", "product/instanceType": "db.r5.large", "product/memory": "16 GiB", "product/vcpu": "2",
                "pricing/unit": "Hrs"}

    def row(self, draw, first, second):
        """This resource's row of one day."""
        if self.template is None:
            changing = {"identity/LineItemId": "{0}", "identity/TimeInterval": "{1}T00:00:00Z/{2}T00:00:00Z",
                        "lineItem/UsageStartDate": "{1}T00:00:00Z", "lineItem/UsageEndDate": "{2}T00:00:00Z", "lineItem/UsageAmount": "{3:.10f}",
                        "lineItem/UnblendedCost": "{4:.10f}", "lineItem/BlendedCost": "{4:.10f}", "pricing/publicOnDemandCost": "{4:.10f}"}
            self.template = ",".join(changing.get(name) or quote(self.cells.get(name, "")).replace("{", "{{") for name, _ in COLUMNS) + "\n"
        amount = self.steady if self.steady and draw.random() < 0.9 else round(self.scale * draw.random(), 6)
        item = base64.b32encode(draw.randbytes(33)).decode()[:52].lower()
        return self.template.format(item, first, second, amount, amount * float(self.rate))


def header():
    return (",".join(name for name, _ in COLUMNS) + "\n").encode()


def make_slice(seed, resources, day, path):
    """One day's rows of all resources, as plain bytes in a file; every slice is made alone, on any core."""
    draw = random.Random(f"{seed}/resources")
    accounts = [f"{draw.randrange(10**11, 10**12)}" for _ in range(ACCOUNTS)]
    skus = {}
    all_of_them = [Resource(draw, accounts, skus) for _ in range(resources)]
    draw = random.Random(f"{seed}/{day}")
    first = f"2026-10-{day:02d}"
    second = f"2026-10-{day + 1:02d}" if day < DAYS else "2026-11-01"
    with open(path, "wb") as out:
        for each in all_of_them:
            out.write(each.row(draw, first, second).encode())


def write_parts(slices, folder, count):
    """COUNT parts of equal rows: gzip -6 with the header first, each. Answers [(key, plain bytes)], and the whole's hash."""
    total = sum(path.stat().st_size for path in slices)
    keys = [f"{REPORT}-{number:05d}.csv.gz" for number in range(1, count + 1)]
    jobs, begin = [], 0
    for number, key in enumerate(keys):
        end = total * (number + 1) // count
        jobs.append((slices, begin, end, folder / key))
        begin = end
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(write_part, jobs))
    return keys


def write_part(job):
    """The lines that begin in [begin, end) of the slices one behind another."""
    slices, begin, end, path = job
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    with open(path, "wb") as out:
        out.write(packer.compress(header()))
        for data in lines_between(slices, begin, end):
            out.write(packer.compress(data))
        out.write(packer.flush())


def lines_between(slices, begin, end):
    at = 0
    for path in slices:
        size = path.stat().st_size
        if at < end and at + size > begin:
            data = path.read_bytes()
            yield data[line_start(data, begin - at):line_start(data, end - at)]
        at += size


def line_start(data, off):
    """The first line that begins at or behind OFF."""
    return 0 if off <= 0 else len(data) if off > len(data) else data.find(b"\n", off - 1) + 1


def manifest(keys):
    return json.dumps({
        "assemblyId": "20261101T061500Z", "account": "007830194526", "charset": "UTF-8", "compression": "GZIP", "contentType": "text/csv",
        "columns": [{"category": name.split("/", 1)[0], "name": name.split("/", 1)[1], "type": kind} for name, kind in COLUMNS],
        "reportId": hashlib.sha256(b"bench").hexdigest(), "reportName": REPORT, "bucket": BUCKET,
        "billingPeriod": {"start": "20261001T000000.000Z", "end": "20261101T000000.000Z"},
        "reportKeys": keys, "additionalArtifactKeys": []}, indent=2)


def deliver(root, prefix, fill):
    """A delivery at PREFIX in the bucket below ROOT: FILL(folder) writes the parts and answers their names."""
    folder = root / BUCKET / prefix / REPORT / PERIOD
    folder.mkdir(parents=True)
    names = fill(folder)
    keys = [f"{prefix}/{REPORT}/{PERIOD}/{name}" for name in names]
    (folder / f"{REPORT}-Manifest.json").write_text(manifest(keys))
    return keys


class Data:
    """What was made: `root` holds the bucket; one[0] is the key of the single part, many the keys of the parts."""

    def __init__(self, folder):
        self.root = folder / "s3"
        facts = json.loads((folder / "facts.json").read_text())
        self.one, self.many = facts["one"], facts["many"]
        self.plain_bytes, self.gzip_bytes, self.sha256 = facts["plain_bytes"], facts["gzip_bytes"], facts["sha256"]
        self.plain = folder / "report.csv"      # the whole, decompressed
        self.parts = [folder / f"part-{number:05d}.csv" for number in range(1, len(self.many) + 1)]

    def object(self, key):
        return self.root / BUCKET / key


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        while block := data.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def gunzip_to(source, path):
    with open(source, "rb") as data, open(path, "wb") as out:
        unpacker = zlib.decompressobj(31)
        while block := data.read(1 << 20):
            out.write(unpacker.decompress(block))
        out.write(unpacker.flush())


def make(mega_bytes, parts=8):
    """Makes (or finds) MEGA_BYTES million bytes of plain rows."""
    folder = CACHE / f"rows-{FORMAT}-{mega_bytes}-{parts}"
    if not (folder / "facts.json").exists():
        begun = time.monotonic()
        print(f"bench: making {mega_bytes} MB of rows, once", file=sys.stderr, flush=True)
        scratch = folder.with_suffix(".made")
        shutil.rmtree(scratch, ignore_errors=True)
        fill(scratch, mega_bytes, parts)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
        print(f"bench: made in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return Data(folder)


def fill(folder, mega_bytes, parts):
    (folder / "slices").mkdir(parents=True)
    probe = folder / "slices" / "probe"
    make_slice("bench", 1000, 1, probe)
    resources = max(100, int(mega_bytes * 1e6 / DAYS / (probe.stat().st_size / 1000)))
    slices = [folder / "slices" / f"{day:02d}" for day in range(1, DAYS + 1)]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(make_slice, *zip(*[("bench", resources, day, path) for day, path in enumerate(slices, 1)])))
    root = folder / "s3"
    one = deliver(root, f"{PREFIX}-one", lambda into: write_parts(slices, into, 1))
    many = deliver(root, f"{PREFIX}-many", lambda into: write_parts(slices, into, parts))
    shutil.rmtree(folder / "slices")
    plain = folder / "report.csv"
    gunzip_to(root / BUCKET / one[0], plain)
    for number, key in enumerate(many, 1):
        gunzip_to(root / BUCKET / key, folder / f"part-{number:05d}.csv")
    (folder / "facts.json").write_text(json.dumps({
        "one": one, "many": many, "plain_bytes": plain.stat().st_size, "sha256": sha256_of(plain),
        "gzip_bytes": (root / BUCKET / one[0]).stat().st_size}))


# Buckets of other shapes, each made once beside the rows it is made of.

def many_months(data, months=36, parts=50, part_bytes=300_000):
    """The prefix of MONTHS deliveries of PARTS parts; all have the same few bytes, but are objects of their own."""
    prefix = f"{PREFIX}-months-{months}-{parts}"
    home = data.root / BUCKET / prefix / REPORT
    if not home.exists():
        scratch = data.root.parent / "months.made"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        piece = scratch / "part.csv.gz"
        with open(data.plain, "rb") as rows:
            text = rows.read(part_bytes * 8)
        piece.write_bytes(zlib_gzip(text[:text.rindex(b"\n") + 1]))
        for number in range(months):
            year, month = 2023 + (number + 10) // 12, (number + 10) % 12 + 1
            after = f"{year + month // 12}{month % 12 + 1:02d}01"
            one_month(scratch / "daily" / f"{year}{month:02d}01-{after}", prefix, piece, parts)
        home.parent.mkdir(parents=True)
        (scratch / "daily").rename(home)
        shutil.rmtree(scratch)
    return prefix


def one_month(folder, prefix, piece, parts):
    folder.mkdir(parents=True)
    names = [f"{REPORT}-{number:05d}.csv.gz" for number in range(1, parts + 1)]
    for name in names:
        os.link(piece, folder / name)
    text = manifest([f"{prefix}/{REPORT}/{folder.name}/{name}" for name in names])
    begin, end = folder.name.split("-")
    text = text.replace("20261001T", f"{begin}T", 1).replace("20261101T000000", f"{end}T000000", 1)
    (folder / f"{REPORT}-Manifest.json").write_text(text)


def zlib_gzip(text):
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(text) + packer.flush()


def many_parts(data, count=64):
    """The prefix of one month of COUNT parts: the parts of the rows again and again."""
    def fill_folder(folder):
        names = [f"{REPORT}-{number:05d}.csv.gz" for number in range(1, count + 1)]
        for number, name in enumerate(names):
            os.link(data.object(data.many[number % len(data.many)]), folder / name)
        return names
    return once(data, f"{PREFIX}-parts-{count}", fill_folder)


def large_part(data, giga_binary=5.2):
    """The prefix of one part past 4 GiB."""
    times = int(giga_binary * 2**30 / data.plain_bytes) + 1
    return once(data, f"{PREFIX}-large", lambda folder: packed(folder, f"cat {' '.join([str(data.plain)] * times)}"))


def zeros_part(data, giga_bytes=100):
    """The prefix of one part of a header and zeros: about a thousand plain bytes to one."""
    command = f"{{ head -n 1 '{data.plain}'; head -c {giga_bytes}G /dev/zero; }}"
    return once(data, f"{PREFIX}-zeros", lambda folder: packed(folder, command))


def once(data, prefix, fill_folder):
    if not (data.root / BUCKET / prefix).exists():
        made = f"{prefix}.made"
        shutil.rmtree(data.root / BUCKET / made, ignore_errors=True)
        deliver(data.root, made, fill_folder)
        (path,) = (data.root / BUCKET / made).rglob("*-Manifest.json")
        path.write_text(path.read_text().replace(f"{made}/", f"{prefix}/"))
        (data.root / BUCKET / made).rename(data.root / BUCKET / prefix)
    return prefix


def packed(folder, command):
    name = f"{REPORT}-00001.csv.gz"
    subprocess.run(["bash", "-c", f"set -o pipefail; {command} | igzip -1 >'{folder / name}'"], check=True)
    return [name]
