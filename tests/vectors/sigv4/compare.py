#!/usr/bin/env python3
"""Random requests signed by botocore and by ctfs must be equal.

    compare.py [--count N] [--seed N] [--workers N] TOOL       TOOL: build/tests/unit/aws/sigv4_tool

Runs itself with .cache/venv/bin/python3 where this Python has no botocore. Exit status 1 and the first differing case,
with both canonical requests, when one differs.
"""

import argparse
import multiprocessing
import os
import pathlib
import random
import subprocess
import sys
from types import SimpleNamespace

try:
    import botocore_signer
except ModuleNotFoundError as e:
    root = pathlib.Path(__file__).resolve().parents[3]
    venv = pathlib.Path(os.environ.get("CTFS_DEV_CACHE", root / ".cache")) / "venv/bin/python3"
    if e.name != "botocore" or not venv.exists() or os.environ.get("CTFS_COMPARE_AGAIN"):
        sys.exit(f"compare.py: no module {e.name}, and no {venv} (scripts/lib/setup makes it)")
    os.environ["CTFS_COMPARE_AGAIN"] = "1"
    os.execv(venv, [str(venv), *sys.argv])

BATCH = 2000
SPECIAL = "=+ %*~/?#&:;,@!$'()[]{}|\\^`\"<>\n\t"
UNICODE = "üñí漢字🙂 é\u00a0\u200d"
PLAIN = "abcXYZ0189-_."
SERVICES = ["sts", "organizations", "cur", "ec2", "ecs", "eks", "monitoring", "cloudformation"]
SEGMENTS = [".", "..", "", "a", "...", "..a", "%2F", "BILLING_PERIOD=2026-11", "20261101-20261201", "daily report"]


def text(r, low, high):
    pools = (PLAIN, PLAIN, SPECIAL, UNICODE)
    return "".join(r.choice(r.choice(pools)) for _ in range(r.randint(low, high)))


def path(r):
    segments = [r.choice(SEGMENTS) if r.random() < 0.3 else text(r, 0, 12) for _ in range(r.randint(0, 6))]
    return r.choice(["/", "/", "/", "//"]) + "/".join(segments) + r.choice(["", "", "/"])


def query(r, unique):
    pairs = []
    for _ in range(r.choice([0, 0, 1, 2, 3, 8])):
        name = r.choice(["prefix", "list-type", "a", "a-", "a.", "A", text(r, 1, 8)])
        value = r.choice([None, "", text(r, 0, 20), text(r, 0, 20)])
        if not unique or name not in [n for n, _ in pairs]:
            pairs.append((name, value))
    return pairs


def headers(r):
    found = []
    for name in ("Range", "If-Match", "X-Amz-Target", "x-amz-expected-bucket-owner", "Content-Type", "User-Agent", "TE"):
        if r.random() < 0.2:
            found.append((name, text(r, 0, 16).replace("\n", " ").replace("\u00a0", " ")))
    if r.random() < 0.1:
        found += [("x-amz-meta-twice", " a  b\t c "), ("X-Amz-Meta-Twice", "d")]
    return found


def random_case(r):
    service = "s3" if r.random() < 0.6 else r.choice(SERVICES)
    presign = service == "s3" and r.random() < 0.25
    body = text(r, 1, 200) if not presign and r.random() < 0.3 else ""
    case = SimpleNamespace(
        form="presign" if presign else "sign",
        method="GET" if presign else "POST" if body else r.choice(["GET", "HEAD", "PUT", "DELETE"]),
        host=r.choice(["bucket.s3.eu-west-1.amazonaws.com", "sts.us-east-1.amazonaws.com", "127.0.0.1:5602"]),
        query=query(r, presign),
        headers=[] if presign else headers(r),
        body=body,
        service=service,
        region=r.choice(["us-east-1", "eu-west-1", "cn-north-1"]),
        access_key_id="AKIA" + "".join(r.choices("ABCDEFGHIJ234567", k=16)),
        secret_access_key="".join(r.choices("abcdefXYZ0123/+", k=40)),
        session_token="".join(r.choices("abcdefXYZ0123/+=", k=80)) if r.random() < 0.5 else None,
        time=r.randint(0, 4_000_000_000),
        expires=r.randint(1, 604800),
    )
    label = text(r, 0, 20) if service != "s3" and r.random() < 0.3 else None
    return botocore_signer.render(case, path(r), label)


def with_equals_signs(presigned_query):
    """Deviation 3: "name" and "name=" are one."""
    return [p if "=" in p else p + "=" for p in presigned_query.split("&")]


def differs(request, line):
    case = botocore_signer.parse(request)
    want = botocore_signer.sign(case).result
    got, _, sent_path = line.partition("\t")
    if sent_path != case.path:
        return True
    if case.form == "presign":
        return with_equals_signs(got) != with_equals_signs(want)
    return got != want


def explain(tool, request):
    stages = botocore_signer.sign(botocore_signer.parse(request))
    ours = subprocess.run([tool, "--stages"], input=request + "\n", capture_output=True, text=True, check=True)
    return f"{request}\nbotocore:\n{stages.canonical}\n{stages.result}\n\nctfs:\n{ours.stdout}"


def run_batch(job):
    tool, seed, count = job
    r = random.Random(seed)
    requests = [random_case(r) for _ in range(count)]
    stdin = "\n".join(requests) + "\n"
    lines = subprocess.run([tool], input=stdin.encode(), capture_output=True, check=True).stdout.decode().split("\n")
    if len(lines) != count + 1:
        return f"{len(lines) - 1} answers to {count} requests"
    for request, line in zip(requests, lines):
        if differs(request, line):
            return explain(tool, request)
    return None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("tool")
    p.add_argument("--count", type=int, default=20000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--workers", type=int, default=os.cpu_count())
    a = p.parse_args()
    jobs = [(a.tool, f"{a.seed}:{at}", min(BATCH, a.count - at)) for at in range(0, a.count, BATCH)]
    equal = 0
    with multiprocessing.Pool(a.workers) as pool:
        for job, difference in zip(jobs, pool.imap(run_batch, jobs)):
            if difference:
                print(difference, file=sys.stderr)
                sys.exit(1)
            equal += job[2]
            if equal % 100000 == 0:
                print(f"{equal} equal", flush=True)
    print(f"{equal} requests signed as botocore signs them")
    if equal != a.count or not equal:
        sys.exit(1)


if __name__ == "__main__":
    main()
