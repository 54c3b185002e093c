"""Shapes that a report's part can have: shapes() answers {name: Shape}, each a month of its own.

A Shape's `parts` are the objects' bytes as delivered; `plain` is what report.csv has to give, or None where a part is
corrupt and every reader has to fail. header_lines is the header as the file has it.
"""
import gzip
import json
from dataclasses import dataclass

HEADER = b"identity/LineItemId,lineItem/UsageAccountId,lineItem/LineItemDescription,lineItem/UnblendedCost"
PERIOD, MONTH = "20261001-20261101", "2026-10"


@dataclass
class Shape:
    parts: list
    plain: bytes | None

    def objects(self, report="r", prefix="p"):
        """[(key, bytes)] in AWS's OVERWRITE_REPORT layout, the manifest last."""
        folder = "/".join(each for each in (prefix, report, PERIOD) if each)
        keys = [f"{folder}/{report}-{n:05d}.csv.gz" for n in range(1, len(self.parts) + 1)]
        columns = [dict(zip(("category", "name"), name.split("/")), type="String") for name in HEADER.decode().split(",")]
        manifest = {"assemblyId": "20261028T061500Z", "account": "007830194526", "columns": columns, "charset": "UTF-8",
                    "compression": "GZIP", "contentType": "text/csv", "reportId": "0" * 64, "reportName": report,
                    "billingPeriod": {"start": "20261001T000000.000Z", "end": "20261101T000000.000Z"},
                    "bucket": "b", "reportKeys": keys, "additionalArtifactKeys": []}
        return [*zip(keys, self.parts), (f"{folder}/{report}-Manifest.json", json.dumps(manifest).encode())]


def rows(count, first=0, end=b"\n", cell=b"m5.large, hour"):
    return b"".join(b'%08d,012345678901,"%s %d",%d.0012345678%s' % (n, cell, n * 7919, n % 97, end)
                    for n in range(first, first + count))


def pack(plain, level=6):
    return gzip.compress(plain, level, mtime=0)


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:]


def members(body, count):
    """gzip of `body` in `count` members, cut anywhere, not at line ends."""
    cut = [len(body) * n // count for n in range(count + 1)]
    return b"".join(pack(body[a:b]) for a, b in zip(cut, cut[1:]))


def shapes(count=20000):
    """`count` is the rows of a whole month."""
    head, body = HEADER + b"\n", rows(count)
    whole, crlf = head + body, HEADER + b"\r\n"
    eight = [rows(count // 8, n * (count // 8)) for n in range(8)]
    newline = crlf + rows(count, end=b"\r\n", cell=b'a ""quoted""\r\nline\nand')
    one = pack(whole)
    return {
        "one part": Shape([one], whole),
        "eight parts": Shape([pack(head + each) for each in eight], head + b"".join(eight)),
        "an empty part": Shape([pack(head + eight[0]), pack(b""), pack(head + eight[1])], head + eight[0] + eight[1]),
        "header only": Shape([pack(head)], head),
        "a header-only part": Shape([pack(head + eight[0]), pack(head)], head + eight[0]),
        "CRLF and quoted newlines": Shape([pack(newline)], newline),
        "two members": Shape([members(whole, 2)], whole),
        "three members": Shape([members(whole, 3)], whole),
        "zero padding": Shape([one + bytes(1000)], whole),
        "truncated": Shape([one[:len(one) * 2 // 3]], None),
        "bit flipped in the middle": Shape([flip(one, len(one) // 2)], None),
        "bit flipped in the CRC": Shape([flip(one, len(one) - 7)], None),
        "garbage behind": Shape([one + b"garbage behind the last member"], None),
    }
