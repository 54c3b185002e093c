#!/usr/bin/env python3
"""A scriptable AWS on loopback: S3 (path style), STS and Organizations, with faults by request. Signatures unchecked.

  fakeaws.py --port N
  PUT    /_fake/objects/BUCKET/KEY     stores an object; x-fake-last-modified: seconds since 1970; DELETE removes it
  POST   /_fake/rules                  adds rules, one JSON object a line; DELETE removes all
  GET    /_fake/requests               the log, as JSON        POST /_fake/reset   forgets everything

A rule: {"match": {"svc": "s3", "op": "GET", "key": "*.gz", "n": 3}, "do": ACTION, "times": 2}. op is the HTTP method (S3)
or the operation's name; range: the header's text, as bytes=0-*; n: from the n-th match on; times: how often it acts
(absent: always). ACTION:
  reset | stall | status:503:SlowDown | short@50% | flip@123 | swap_etag | throttle:1000 (bytes a second) | date:+960 (s)
"""
import argparse
import email.utils
import fnmatch
import hashlib
import json
import socket
import struct
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape


class State:
    """Everything the server knows. Guarded by `lock`, save for bytes of objects, which never change."""

    def __init__(self):
        self.lock = threading.Lock()
        self.reset()

    def reset(self):
        self.objects, self.rules, self.log = {}, [], []
        self.bodies = {}  # by ETag: one copy of what lies under many keys
        self.organization = {"accounts": [], "page": 20, "id": "o-fakeexample", "management": "007830194526"}

    def put(self, bucket, key, body, modified=None):
        etag = '"' + hashlib.md5(body).hexdigest() + '"'
        body = self.bodies.setdefault(etag, body)
        self.objects.setdefault(bucket, {})[key] = (body, etag, modified or time.time())

    def action(self, service, operation, key, span=""):
        """What the first rule that fits says, None for none. Counts the match."""
        with self.lock:
            for rule in self.rules:
                match = rule["match"]
                if match.get("svc", service) != service or match.get("op", operation) != operation:
                    continue
                if not fnmatch.fnmatchcase(key, match.get("key", "*")):
                    continue
                if not fnmatch.fnmatchcase(span, match.get("range", "*")):
                    continue
                rule["seen"] = rule.get("seen", 0) + 1
                if rule["seen"] < match.get("n", 1) or rule.get("times", 1) == 0:
                    continue
                if "times" in rule:
                    rule["times"] -= 1
                return rule["do"]
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each body waits 40 ms behind its headers
    state = State()
    stopped = threading.Event()

    def log_message(self, *arguments):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate((timestamp or time.time()) + getattr(self, "skew_s", 0), usegmt=True)

    def handle_any(self):
        self.skew_s, self.sent, self.action = 0, 0, None
        self.address = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.address.query, keep_blank_values=True))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.key = urllib.parse.unquote(self.address.path)
        if self.key.startswith("/_fake/"):
            return self.admin(self.key[len("/_fake/"):])
        service, operation = self.kind()
        self.action = self.state.action(service, operation, self.key, self.headers.get("Range", "")) or ""
        entry = {"svc": service, "op": operation, "method": self.command, "path": self.key, "query": self.query,
                 "headers": sorted(name.lower() for name in self.headers), "range": self.headers.get("Range"),
                 "if_match": self.headers.get("If-Match"), "sent": 0, "at": time.time()}
        with self.state.lock:
            self.state.log.append(entry)
        try:
            self.play(service, operation)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        entry["sent"] = self.sent
        return None

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any

    def kind(self):
        target = self.headers.get("X-Amz-Target", "")
        if target:
            return target.split("_")[0].removeprefix("AWS").removesuffix("V20161128").lower(), target.split(".")[-1]
        form = dict(urllib.parse.parse_qsl(self.body.decode(errors="replace"))) if self.command == "POST" else {}
        return ("sts", form["Action"]) if "Action" in form else ("s3", self.command)

    def play(self, service, operation):
        do = self.action
        if do == "stall":
            self.stopped.wait(600)
        if do in ("reset", "stall"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return self.connection.close()
        if do.startswith("date:"):
            self.skew_s = int(do[5:])
        if do.startswith("status:"):
            status, code = do.split(":")[1:3]
            return self.refuse(int(status), code, service)
        return {"s3": self.s3, "sts": self.sts}.get(service, self.organizations)(operation)

    def refuse(self, status, code, service="s3"):
        if service in ("s3", "sts"):
            inner = f"<Error><Code>{code}</Code><Message>as told</Message><RequestId>fake</RequestId></Error>"
            return self.answer(status, inner if service == "s3" else f"<ErrorResponse>{inner}</ErrorResponse>")
        return self.answer(status, json.dumps({"__type": code, "message": "as told"}), "application/x-amz-json-1.1")

    def answer(self, status, body=b"", kind="application/xml", **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("x-amzn-requestid", "fake")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.pop("length", None) or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(body)

    def send_body(self, body):
        if self.action and self.action.startswith("flip@") and body:
            at = int(self.action[5:]) % len(body)
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        if self.action and self.action.startswith("short@"):
            body = body[:len(body) * int(self.action[6:-1]) // 100]
            self.close_connection = True
        rate = int(self.action.split(":")[1]) if self.action and self.action.startswith("throttle:") else 0
        step = max(1, rate // 10) if rate else len(body) or 1
        for at in range(0, len(body), step):
            self.wfile.write(body[at:at + step])
            self.sent += len(body[at:at + step])
            if rate and self.stopped.wait(0.1):
                return

    # S3

    def s3(self, operation):
        bucket, _, key = self.key[1:].partition("/")
        with self.state.lock:
            objects = dict(self.state.objects.get(bucket) or {})
            exists = bucket in self.state.objects
        if not exists:
            return self.refuse(404, "NoSuchBucket")
        if operation == "PUT":
            if key in objects and self.headers.get("If-None-Match") == "*":
                return self.refuse(412, "PreconditionFailed")
            with self.state.lock:
                self.state.put(bucket, key, self.body)
            return self.answer(200)
        if not key:
            if "location" in self.query:
                return self.answer(200, "<LocationConstraint/>")
            return self.answer(200, x_amz_bucket_region="us-east-1") if operation == "HEAD" else self.listing(objects)
        if key not in objects:
            return self.refuse(404, "NoSuchKey")
        return self.object(*objects[key])

    def object(self, body, etag, modified):
        if self.action == "swap_etag":
            etag = '"swapped"'
        if self.headers.get("If-Match", etag) != etag:
            return self.refuse(412, "PreconditionFailed")
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, ETag=etag)
        about = {"ETag": etag, "Last_Modified": email.utils.formatdate(modified, usegmt=True), "Accept_Ranges": "bytes"}
        asked = (self.headers.get("Range") or "").removeprefix("bytes=")
        if not asked:
            return self.answer(200, body, "binary/octet-stream", **about)
        first, _, last = asked.partition("-")
        if not first:
            first, last = max(0, len(body) - int(last)), len(body) - 1
        first, last = int(first), min(int(last) if last != "" else len(body) - 1, len(body) - 1)
        if first >= len(body):
            return self.refuse(416, "InvalidRange")
        about["Content_Range"] = f"bytes {first}-{last}/{len(body)}"
        return self.answer(206, body[first:last + 1], "binary/octet-stream", **about)

    def listing(self, objects):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        most, after = int(self.query.get("max-keys", 1000)), self.query.get("continuation-token", "")
        quote = (lambda t: urllib.parse.quote(t)) if self.query.get("encoding-type") == "url" else escape
        entries = {}
        for key in sorted(key for key in objects if key.startswith(prefix)):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            entries.setdefault(key[:cut + len(delimiter)] if cut >= 0 else key, None if cut >= 0 else objects[key])
        chosen = [name for name in entries if name > after]
        page, more = chosen[:most], chosen[most:]
        out = [f"<ListBucketResult><KeyCount>{len(page)}</KeyCount><IsTruncated>{str(bool(more)).lower()}</IsTruncated>"]
        if more:
            out.append(f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>")
        for name in page:
            if entries[name] is None:
                out.append(f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>")
                continue
            body, etag, modified = entries[name]
            when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(modified))
            out.append(f"<Contents><Key>{quote(name)}</Key><LastModified>{when}</LastModified><ETag>{escape(etag)}</ETag>"
                       f"<Size>{len(body)}</Size></Contents>")
        self.answer(200, "".join(out) + "</ListBucketResult>")

    # STS and Organizations

    def sts(self, operation):
        account = self.state.organization["management"]
        if operation == "GetCallerIdentity":
            inner = f"<UserId>U</UserId><Account>{account}</Account><Arn>arn:aws:iam::{account}:user/fake</Arn>"
        else:
            end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
            inner = ("<Credentials><AccessKeyId>ASIAFAKE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                     f"<SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials>")
        self.answer(200, f"<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>")

    def organizations(self, operation):
        world, asked = self.state.organization, json.loads(self.body or b"{}")
        if operation == "DescribeOrganization":
            return self.answer_json({"Organization": {"Id": world["id"], "MasterAccountId": world["management"]}})
        if operation == "ListRoots":
            return self.answer_json({"Roots": [{"Id": "r-fake", "Name": "Root", "PolicyTypes": []}]})
        if operation not in ("ListAccounts", "ListAccountsForParent"):
            empty = {"ListOrganizationalUnitsForParent": "OrganizationalUnits", "ListTagsForResource": "Tags",
                     "DescribeReportDefinitions": "ReportDefinitions"}.get(operation)
            return self.answer_json({empty: []}) if empty else self.refuse(400, "UnknownOperationException", "json")
        begin, size = int(asked.get("NextToken", 0)), min(asked.get("MaxResults", 20), world["page"])
        page = {"Accounts": world["accounts"][begin:begin + size]}
        if begin + size < len(world["accounts"]):
            page["NextToken"] = str(begin + size)
        return self.answer_json(page)

    def answer_json(self, value):
        self.answer(200, json.dumps(value), "application/x-amz-json-1.1")

    # The test's own hand

    def admin(self, what):
        state = self.state
        with state.lock:
            if what.startswith("objects/") and self.command == "PUT":
                bucket, _, key = what[len("objects/"):].partition("/")
                modified = self.headers.get("x-fake-last-modified")
                state.objects.setdefault(bucket, {})
                if key:
                    state.put(bucket, key, self.body, float(modified) if modified else None)
            elif what.startswith("objects/") and self.command == "DELETE":
                bucket, _, key = what[len("objects/"):].partition("/")
                state.objects[bucket].pop(key)
            elif what == "rules" and self.command == "POST":
                state.rules += [json.loads(line) for line in self.body.decode().splitlines() if line.strip()]
            elif what == "rules" and self.command == "DELETE":
                state.rules.clear()
            elif what == "organization":
                state.organization.update(json.loads(self.body))
            elif what == "reset":
                state.reset()
            log = json.dumps(state.log) if what == "requests" else "{}"
        self.answer(200, log, "application/json")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    server = Server(("127.0.0.1", parser.parse_args().port), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
