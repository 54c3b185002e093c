#!/usr/bin/env python3
"""A scriptable AWS on loopback: S3 (path style), STS, Organizations, CUR and EC2, with faults by request.

  fakeaws.py --port N
  PUT    /_fake/objects/BUCKET/KEY     stores an object; x-fake-last-modified: seconds since 1970; DELETE removes it
  POST   /_fake/rules                  adds rules, one JSON object a line; DELETE removes all
  POST   /_fake/world                  what there is: a JSON object whose members replace those of State.world
  POST   /_fake/session/SECONDS        a session's keys, as JSON
  POST   /_fake/expire                 every session that there is has ended
  GET    /_fake/requests               the log, as JSON        POST /_fake/reset   forgets everything

A rule: {"match": {"svc": "s3", "op": "GET", "key": "*.gz", "n": 3}, "do": ACTION, "times": 2}. op is the HTTP method (S3)
or the operation's name; range: the header's text, as bytes=0-*; n: from the n-th match on; times: how often it acts
(absent: always). ACTION:
  reset | stall | status:503:SlowDown | short@50% | flip@123 | swap_etag | throttle:1000 (bytes a second) | date:+960 (s)
  html:500 | redirect:301:eu-west-1 (Location: the rule's "location") | body_xml_error@1048576 (an error document amid a
  200's body) | empty (a page of nothing, with a token) | token:T (each page has that one) | null_token (on the last page)
  answer (the rule's "status", "headers", "body")

Signatures are checked once world["keys"] names any ({access key: secret}), as Fake.mount (fake.py) does; then sessions
that AssumeRole gave end when they say, each service with its own code for it. world["roles"] ({ARN: external ID}) makes AssumeRole refuse others, and
world["regions"] ({bucket: region}) has S3 redirect who signs for another region.
"""
import argparse
import email.utils
import fnmatch
import hashlib
import hmac
import json
import re
import secrets
import socket
import struct
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

TARGETS = {"AWSOrganizationsV20161128": "organizations", "AWSOrigamiServiceGatewayService": "cur",
           "AmazonEC2ContainerServiceV20141113": "ecs"}
JSON_KIND = "application/x-amz-json-1.1"
# Each service's own words for a session that has ended, a key that nobody has, and a signature that is wrong.
EXPIRED = {"s3": (400, "ExpiredToken"), "sts": (403, "ExpiredToken"), "ec2": (400, "RequestExpired")}
UNKNOWN = {"s3": (403, "InvalidAccessKeyId"), "sts": (403, "InvalidClientTokenId"), "ec2": (401, "AuthFailure")}
UNSIGNED = {"s3": (403, "SignatureDoesNotMatch"), "sts": (403, "SignatureDoesNotMatch"), "ec2": (401, "AuthFailure")}
EMPTY_LISTS = {"ListOrganizationalUnitsForParent": "OrganizationalUnits", "ListTagsForResource": "Tags",
               "DescribeReportDefinitions": "ReportDefinitions"}


class State:
    """Everything the server knows. Guarded by `lock`, save for bytes of objects, which never change."""

    def __init__(self):
        self.lock = threading.Lock()
        self.reset()

    def reset(self):
        self.objects, self.rules, self.log, self.sessions = {}, [], [], {}
        self.bodies = {}  # by ETag: one copy of what lies under many keys
        self.world = {
            "id": "o-fakeexample", "management": "007830194526", "page": 20,
            "accounts": [],            # of the root where "children" has none for it; ListAccounts names them all
            "organization": {},        # what else DescribeOrganization says
            "units": {},               # parent: [{"Id": …, "Name": …}]
            "children": {},            # parent: [accounts]
            "tags": {}, "reports": [],
            "instances": {},           # region: [an instance's XML inside <item>]
            "keys": {}, "roles": {}, "regions": {},
            "session_seconds": None,   # how long a session really lasts; None: as asked
            "session_says": None,      # how long it says it lasts; None: the truth
        }

    def put(self, bucket, key, body, modified=None):
        etag = '"' + hashlib.md5(body).hexdigest() + '"'
        body = self.bodies.setdefault(etag, body)
        self.objects.setdefault(bucket, {})[key] = (body, etag, modified or time.time())

    def rule(self, service, operation, key, span=""):
        """The first rule that fits, {} for none. Counts the match."""
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
                return rule
        return {}

    def session(self, seconds):
        """Keys as AssumeRole gives them."""
        end = time.time() + seconds
        token = "SECRET-CANARY-" + secrets.token_urlsafe(60)  # harness.py looks for it in every log
        key, secret = "ASIA" + secrets.token_hex(8).upper(), "SECRET-CANARY-" + secrets.token_urlsafe(30)
        with self.lock:
            self.sessions[key] = {"secret": secret, "token": token, "end": end}
        return key, secret, token, end


class Signature:
    """What a request's Authorization header, or its presigned query, says, and whether it is true (SigV4)."""

    PATTERN = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^/]+)/([^/]+)/([^/]+)/aws4_request, ?"
                         r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$")

    def __init__(self, request):
        query = request.query
        self.presigned = "X-Amz-Signature" in query
        text = request.headers.get("Authorization", "")
        if self.presigned:
            text = (f"AWS4-HMAC-SHA256 Credential={query.get('X-Amz-Credential')}, SignedHeaders="
                    f"{query.get('X-Amz-SignedHeaders')}, Signature={query['X-Amz-Signature']}")
        match = self.PATTERN.match(text)
        self.request, self.given = request, bool(match)
        self.token = query.get("X-Amz-Security-Token") if self.presigned else request.headers.get("X-Amz-Security-Token")
        (self.key, self.day, self.region, self.service, signed, self.signature) = match.groups() if match else [""] * 6
        self.signed = signed.split(";")

    def canonical(self):
        r = self.request
        path, _, query = r.path.partition("?")
        if self.service != "s3":
            path = urllib.parse.quote(path, safe="/-_.~")
        pairs = sorted(p.partition("=")[::2] for p in query.split("&") if not p.startswith("X-Amz-Signature="))
        pairs = pairs if query else []
        headers = "".join(f"{name}:{' '.join((r.headers.get(name) or '').split())}\n" for name in self.signed)
        return "\n".join([r.command, path, "&".join(f"{n}={v}" for n, v in pairs), headers, ";".join(self.signed),
                          "UNSIGNED-PAYLOAD" if self.presigned else hashlib.sha256(r.body).hexdigest()])

    def holds(self, secret):
        r = self.request
        date = (r.query if self.presigned else r.headers).get("X-Amz-Date", "")
        key = ("AWS4" + secret).encode()
        for part in (self.day, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = "\n".join(["AWS4-HMAC-SHA256", date, f"{self.day}/{self.region}/{self.service}/aws4_request",
                          hashlib.sha256(self.canonical().encode()).hexdigest()])
        needed = {"host"} | {name.lower() for name in r.headers if name.lower().startswith("x-amz-")}
        if not self.presigned:
            needed |= {"x-amz-date", "x-amz-content-sha256"}
            if r.headers.get("x-amz-content-sha256") != hashlib.sha256(r.body).hexdigest():
                return False
        return (needed <= set(self.signed) and date[:8] == self.day and
                hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == self.signature)


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
        self.skew_s, self.entry, self.rule, self.action = 0, {"sent": 0, "status": 0}, {}, ""
        self.address = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.address.query, keep_blank_values=True))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.key = urllib.parse.unquote(self.address.path)
        if self.key.startswith("/_fake/"):
            return self.admin(self.key[len("/_fake/"):])
        service, operation = self.kind()
        self.signature = Signature(self)
        self.rule = self.state.rule(service, operation, self.key, self.headers.get("Range", ""))
        self.action = self.rule.get("do", "")
        self.entry |= {"svc": service, "op": operation, "method": self.command, "path": self.key, "query": self.query,
                       "headers": sorted(name.lower() for name in self.headers), "range": self.headers.get("Range"),
                       "if_match": self.headers.get("If-Match"), "region": self.signature.region,
                       "key": self.signature.key, "at": time.time(),
                       "owner": self.headers.get("x-amz-expected-bucket-owner"), "form": self.form}
        with self.state.lock:
            self.state.log.append(self.entry)
        try:
            self.play(service, operation)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        return None

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any

    def kind(self):
        target = self.headers.get("X-Amz-Target", "")
        self.form = {}
        if target:
            prefix, _, operation = target.partition(".")
            return TARGETS.get(prefix, prefix.lower()), operation
        if self.command == "POST":
            self.form = dict(urllib.parse.parse_qsl(self.body.decode(errors="replace")))
        if "Action" not in self.form:
            return "s3", self.command
        return "ec2" if self.form.get("Version") == "2016-11-15" else "sts", self.form["Action"]

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
        if do.startswith("html:"):
            return self.answer(int(do[5:]), "<!doctype html><title>Error</title><p>as told", "text/html")
        if do.startswith("redirect:"):
            status, region = do.split(":")[1:3]
            return self.redirect(int(status), region)
        if do == "answer":
            return self.answer(self.rule.get("status", 200), self.rule.get("body", ""), **self.rule.get("headers", {}))
        refused = self.refusal(service)
        if refused:
            return self.refuse(*refused, service)
        return {"s3": self.s3, "sts": self.sts, "ec2": self.ec2, "cur": self.cur}.get(service, self.organizations)(operation)

    def refusal(self, service):
        """(status, code) when the request's signature is not to be taken."""
        state, signature = self.state, self.signature
        if not state.world["keys"]:
            return None
        with state.lock:
            session = state.sessions.get(signature.key)
            secret = session["secret"] if session else state.world["keys"].get(signature.key)
        if not signature.given or not secret:
            return UNKNOWN.get(service, (400, "UnrecognizedClientException"))
        if not signature.holds(secret) or (session and session["token"] != signature.token):
            return UNSIGNED.get(service, (400, "InvalidSignatureException"))
        if session and time.time() >= session["end"]:
            return EXPIRED.get(service, (400, "ExpiredTokenException"))
        return None

    def refuse(self, status, code, service="s3"):
        inner = f"<Error><Code>{code}</Code><Message>as told</Message><RequestId>fake</RequestId></Error>"
        if service == "s3":
            return self.answer(status, inner)
        if service == "sts":
            return self.answer(status, f"<ErrorResponse>{inner}</ErrorResponse>")
        if service == "ec2":
            return self.answer(status, f"<Response><Errors>{inner}</Errors><RequestID>fake</RequestID></Response>")
        return self.answer(status, json.dumps({"__type": code, "message": "as told"}), JSON_KIND)

    def redirect(self, status, region):
        """S3's answer to who asks in the wrong region."""
        body = ("<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message>"
                f"<Endpoint>b.s3-{region}.amazonaws.com</Endpoint></Error>")
        location = self.rule.get("location", "http://127.0.0.1:9/elsewhere")
        self.answer(status, body, x_amz_bucket_region=region, Location=location)

    def answer(self, status, body=b"", kind="application/xml", **headers):
        body = body.encode() if isinstance(body, str) else body
        self.entry["status"] = status            # before the client can know it
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
        if self.action.startswith("flip@") and body:
            at = int(self.action[5:]) % len(body)
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        if self.action.startswith("body_xml_error@"):
            error = b"<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>as told</Message></Error>"
            at = min(int(self.action[15:]), max(0, len(body) - len(error)))
            body = (body[:at] + error + body[at + len(error):])[:len(body)]
        if self.action.startswith("short@"):
            body = body[:len(body) * int(self.action[6:-1]) // 100]
            self.close_connection = True
        rate = int(self.action.split(":")[1]) if self.action.startswith("throttle:") else 0
        step = max(1, rate // 10) if rate else len(body) or 1
        for at in range(0, len(body), step):
            self.entry["sent"] += len(body[at:at + step])
            self.wfile.write(body[at:at + step])
            if rate and self.stopped.wait(0.1):
                return

    # S3

    def s3(self, operation):
        bucket, _, key = self.key[1:].partition("/")
        with self.state.lock:
            objects = dict(self.state.objects.get(bucket) or {})
            exists = bucket in self.state.objects
        region = self.state.world["regions"].get(bucket, "us-east-1")
        if not exists:
            return self.refuse(404, "NoSuchBucket")
        if self.state.world["regions"] and self.signature.region != region:
            return self.redirect(301, region)
        if operation == "PUT":
            if key in objects and self.headers.get("If-None-Match") == "*":
                return self.refuse(412, "PreconditionFailed")
            with self.state.lock:
                self.state.put(bucket, key, self.body)
            return self.answer(200)
        if not key:
            if "location" in self.query:
                return self.answer(200, "<LocationConstraint/>")
            return self.answer(200, x_amz_bucket_region=region) if operation == "HEAD" else self.listing(objects)
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
        if "encoding-type" in self.query:
            out.append("<EncodingType>url</EncodingType>")
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

    # STS, EC2, CUR, Organizations

    def sts(self, operation):
        world = self.state.world
        account = world["management"]
        if operation == "GetCallerIdentity":
            inner = f"<UserId>U</UserId><Account>{account}</Account><Arn>arn:aws:iam::{account}:user/fake</Arn>"
        else:
            if world["roles"] and world["roles"].get(self.form["RoleArn"], "") != self.form.get("ExternalId"):
                return self.refuse(403, "AccessDenied", "sts")
            seconds = world["session_seconds"] or int(self.form.get("DurationSeconds", 3600))
            key, secret, token, end = self.state.session(seconds)
            said = time.time() + world["session_says"] if world["session_says"] else end
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(said))
            inner = (f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
                     f"<SessionToken>{token}</SessionToken><Expiration>{when}</Expiration></Credentials>")
        return self.answer(200, f"<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>")

    def page(self, elements, token, size):
        """(elements, the next token or None) of one page: a token is where it begins, and ".N" behind it for twins."""
        begin, _, again = (token or "0").partition(".")
        begin = int(begin) if begin.isdigit() else 0
        end = begin + size
        if self.action == "empty":
            return [], f"{begin}.{int(again or 0) + 1}"
        if self.action.startswith("token:"):
            return elements[begin:end] if begin < len(elements) else [], self.action[6:]
        return elements[begin:end], str(end) if end < len(elements) else None

    def ec2(self, operation):
        if operation != "DescribeInstances":
            return self.refuse(400, "InvalidAction", "ec2")
        if self.form.get("DryRun") == "true":
            return self.refuse(412, "DryRunOperation", "ec2")
        world = self.state.world
        size = min(int(self.form.get("MaxResults", 1000)), world["page"])
        found, token = self.page(world["instances"].get(self.signature.region, []), self.form.get("NextToken"), size)
        items = "".join(f"<item><reservationId>r-1</reservationId><ownerId>{world['management']}</ownerId><instancesSet>"
                        f"<item>{xml}</item></instancesSet></item>" for xml in found)
        end = f"<nextToken>{token}</nextToken>" if token else ""
        return self.answer(200, '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
                           f"<requestId>fake</requestId><reservationSet>{items}</reservationSet>{end}"
                           "</DescribeInstancesResponse>")

    def cur(self, operation):
        asked = json.loads(self.body or b"{}")
        return self.answer_page("ReportDefinitions", self.state.world["reports"], asked, 5)

    def organizations(self, operation):
        world, asked = self.state.world, json.loads(self.body or b"{}")
        if operation == "DescribeOrganization":
            return self.answer_json({"Organization": {"Id": world["id"], "MasterAccountId": world["management"],
                                                      **world["organization"]}})
        if operation == "ListRoots":
            return self.answer_json({"Roots": [{"Id": "r-fake", "Name": "Root", "PolicyTypes": []}]})
        if operation == "DescribeAccount":
            every = world["accounts"] + [account for each in world["children"].values() for account in each]
            return self.answer_json({"Account": next(a for a in every if a["Id"] == asked["AccountId"])})
        parent, children = asked.get("ParentId"), world["children"]
        below = [account for where, found in children.items() if where != "r-fake" for account in found]
        elements = {
            "ListAccounts": children.get("r-fake", world["accounts"]) + below,
            "ListAccountsForParent": children.get(parent, world["accounts"] if parent == "r-fake" else []),
            "ListOrganizationalUnitsForParent": world["units"].get(parent, []),
            "ListTagsForResource": world["tags"].get(asked.get("ResourceId"), []),
        }.get(operation)
        if elements is None:
            return self.refuse(400, "UnknownOperationException", "json")
        names = {**EMPTY_LISTS, "ListAccounts": "Accounts", "ListAccountsForParent": "Accounts"}
        return self.answer_page(names[operation], elements, asked, min(asked.get("MaxResults", 20), world["page"]))

    def answer_page(self, name, elements, asked, size):
        found, token = self.page(elements, asked.get("NextToken"), size)
        page = {name: found}
        if token or self.action == "null_token":
            page["NextToken"] = token
        return self.answer_json(page)

    def answer_json(self, value):
        self.answer(200, json.dumps(value), JSON_KIND)

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
            elif what in ("world", "organization"):
                state.world.update(json.loads(self.body))
            elif what == "expire":
                for session in state.sessions.values():
                    session["end"] = 0
            elif what == "reset":
                state.reset()
            log = json.dumps(state.log) if what == "requests" else "{}"
        if what.startswith("session/"):
            log = json.dumps(dict(zip(("key", "secret", "token"), state.session(float(what[8:])))))
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
