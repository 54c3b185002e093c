"""Shapes that a report's part can have: shapes() answers {name: Shape}, each a month of its own.

A Shape's `parts` are the objects' bytes as delivered; `plain` is what report.csv has to give, or None where a part is
corrupt and every reader to the end has to fail. `given` is what zcat writes before it fails, or plain.
"""
import gzip
import json
import random
import subprocess
from dataclasses import dataclass

HEADER = b"identity/LineItemId,lineItem/UsageAccountId,lineItem/LineItemDescription,lineItem/UnblendedCost"
MONTH = "2026-10"


def month_names(first="2001-01"):
    """The months from `first` on, without an end."""
    at = int(first[:4]) * 12 + int(first[5:]) - 1
    while True:
        yield f"{at // 12:04d}-{at % 12 + 1:02d}"
        at += 1


def period_of(month):
    """The folder's name: 20261001-20261101."""
    names = month_names(month)
    return f"{next(names).replace('-', '')}01-{next(names).replace('-', '')}01"


def manifest(report, month, keys, **changed):
    columns = [dict(zip(("category", "name"), name.split("/")), type="String") for name in HEADER.decode().split(",")]
    first, last = period_of(month).split("-")
    return json.dumps({"assemblyId": "20261028T061500Z", "account": "007830194526", "columns": columns, "charset": "UTF-8",
                       "compression": "GZIP", "contentType": "text/csv", "reportId": "0" * 64, "reportName": report,
                       "billingPeriod": {"start": f"{first}T000000.000Z", "end": f"{last}T000000.000Z"},
                       "bucket": "b", "reportKeys": keys, "additionalArtifactKeys": [], **changed}).encode()


@dataclass
class Shape:
    parts: list
    plain: bytes | None

    def objects(self, report="r", prefix="p", month=MONTH, **changed):
        """[(key, bytes)] in AWS's OVERWRITE_REPORT layout, the manifest last; `changed`: of the manifest's fields."""
        folder = "/".join(each for each in (prefix, report, period_of(month)) if each)
        keys = [f"{folder}/{report}-{n:05d}.csv.gz" for n in range(1, len(self.parts) + 1)]
        return [*zip(keys, self.parts), (f"{folder}/{report}-Manifest.json", manifest(report, month, keys, **changed))]

    def given(self):
        return zcat(self.parts[0]) if self.plain is None else self.plain


def zcat(packed):
    """What zcat writes, whether it fails in the end or not."""
    return subprocess.run(["zcat"], input=packed, capture_output=True).stdout


def rows(count, first=0, end=b"\n", cell=b"m5.large, hour"):
    """Each row has 16 digits that do not compress."""
    return b"".join(b'%016x,012345678901,"%s %d",%d.0012345678%s' %
                    ((n + 1) * 0x9e3779b97f4a7c15 * 0xbf58476d1ce4e5b9 >> 40 & (1 << 64) - 1, cell, n * 7919, n % 97, end)
                    for n in range(first, first + count))


def pack(plain, level=6):
    return gzip.compress(plain, level, mtime=0)


def flip(data, at, mask=0x10):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def members(body, count):
    """gzip of `body` in `count` members, cut anywhere, not at line ends. The trailer declares the last one's size alone."""
    cut = [len(body) * n // count for n in range(count + 1)]
    return b"".join(pack(body[a:b]) for a, b in zip(cut, cut[1:]))


def understated(count=16000):
    """Large enough that the size in its trailer, half of the true one, is believed until the proof."""
    whole = HEADER + b"\n" + rows(count)
    return Shape([members(whole, 2)], whole)


def large(packed_bytes=5 << 20):
    """Of several chunks when packed."""
    body, seeded = [HEADER], random.Random(7)
    while len(body) * 400 < packed_bytes:
        body.append(b'%032x,012345678901,"%s",0.25' % (seeded.getrandbits(128), seeded.randbytes(400).hex().encode()))
    whole = b"\n".join(body) + b"\n"
    return Shape([pack(whole, 1)], whole)


def sound(count):
    head, body = HEADER + b"\n", rows(count)
    whole, crlf = head + body, HEADER + b"\r\n"
    eight = [rows(count // 8, n * (count // 8)) for n in range(8)]
    small = head + rows(count // 2)
    newline = crlf + rows(count, end=b"\r\n", cell=b'a ""quoted""\r\nline\nand')
    return {
        "one part": Shape([pack(whole)], whole),
        "eight parts": Shape([pack(head + each) for each in eight], head + b"".join(eight)),
        "an empty part": Shape([pack(head + eight[0]), pack(b""), pack(head + eight[1])], head + eight[0] + eight[1]),
        "header only": Shape([pack(head)], head),
        "a header-only part": Shape([pack(head + eight[0]), pack(head)], head + eight[0]),
        "CRLF and quoted newlines": Shape([pack(newline)], newline),
        "parts that do not end their last line": Shape([pack(head + each[:-1]) for each in eight],
                                                       (head + b"".join(eight))[:-1]),
        "two members": Shape([members(small, 2)], small),
        "three members": Shape([members(small, 3)], small),
        "zero padding": Shape([pack(whole) + bytes(1000)], whole),
    }


def corrupt(count):
    one = pack(HEADER + b"\n" + rows(count))
    return {
        "truncated": Shape([one[:len(one) * 2 // 3]], None),
        "truncated within the trailer": Shape([one[:-3]], None),
        "bit flipped in the middle": Shape([flip(one, len(one) // 2)], None),
        "bit flipped in the CRC": Shape([flip(one, -7)], None),
        "bit flipped in the size": Shape([flip(one, -2, 1)], None),
        "garbage behind": Shape([one + b"garbage behind the last member"], None),
    }


def shapes(count=20000):
    """`count` is the rows of a whole month."""
    return sound(count) | corrupt(count)
