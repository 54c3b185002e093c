"""Signs a case (the text form of tests/unit/aws/sigv4_case.h) with botocore's signer, stage by stage.

Where botocore differs from AWS's documents or from what ctfs sends, it is said here and nowhere else:
 1. For services other than S3 it does not send x-amz-content-sha256; ctfs always does, so the header is given to it.
 2. Presigning, it makes a dict of the query: of a name that occurs twice one value is left. Cases do not do that there.
 3. Presigning, it writes a valueless parameter as "name="; ctfs writes "name", which is signed alike.
 4. It trims header values by Unicode's white space; AWS's rule is about spaces. Cases have none but space and tab.
 5. It signs proxy-connection and other proxy-* headers but two. Cases have none of those.
"""

import datetime
import hashlib
from types import SimpleNamespace
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MOMENT = None
botocore.auth.get_current_datetime = lambda *_: MOMENT


class Stages:
    """Keeps what the signer computes on its way."""

    def string_to_sign(self, request, canonical_request):
        self.canonical = canonical_request
        self.text = super().string_to_sign(request, canonical_request)
        return self.text


class S3(Stages, botocore.auth.S3SigV4Auth):
    pass


class Other(Stages, botocore.auth.SigV4Auth):
    pass


class Presign(Stages, botocore.auth.S3SigV4QueryAuth):
    pass


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def unescape(text):
    out, at = [], iter(text)
    for c in at:
        if c == "\\":
            c = next(at)
            c = {"n": "\n", "r": "\r"}.get(c, c)
        out.append(c)
    return "".join(out)


def split_query(text):
    """Name and value (None: valueless) of an escaped parameter."""
    at = 0
    while at < len(text) and text[at] != "=":
        at += 2 if text[at] == "\\" else 1
    return unescape(text[:at]), unescape(text[at + 1 :]) if at < len(text) else None


def parse(text):
    case = SimpleNamespace(form="sign", query=[], headers=[], body="", session_token=None, path="", expires=0)
    for line in text.split("\n"):
        if not line:
            continue
        key, _, value = line.partition(" ")
        if key == "query":
            case.query.append(split_query(value))
        elif key == "header":
            name, _, content = value.partition(":")
            case.headers.append((name, unescape(content)))
        elif key == "path":
            case.path += quote(unescape(value), safe="/-_.~")
        elif key == "label":
            case.path += quote(unescape(value), safe="-_.~")
        elif key in ("time", "expires"):
            setattr(case, key, int(value))
        else:
            setattr(case, key, unescape(value))
    return case


def render(case, path, label=None):
    """The case as text; PATH and LABEL are decoded."""
    lines = [f"form {case.form}", f"method {case.method}", f"host {case.host}", f"path {escape(path)}"]
    if label is not None:
        lines.append(f"label {escape(label)}")
    for name, value in case.query:
        name = escape(name).replace("=", "\\=")
        lines.append(f"query {name}" if value is None else f"query {name}={escape(value)}")
    lines += [f"header {name}: {escape(value)}" for name, value in case.headers]
    for key in ("body", "service", "region", "access_key_id", "secret_access_key", "session_token"):
        if getattr(case, key):
            lines.append(f"{key} {escape(getattr(case, key))}")
    lines += [f"time {case.time}", f"expires {case.expires}"]
    return "\n".join(lines) + "\n"


def sent_query(case):
    safe = "-_.~"
    return "&".join(
        quote(n, safe=safe) + ("" if v is None else "=" + quote(v, safe=safe)) for n, v in case.query
    )


def sign(case):
    """The stages: .canonical, .text (to sign), .result (authorization, or the presigned URL's query)."""
    global MOMENT
    MOMENT = datetime.datetime.fromtimestamp(case.time, datetime.timezone.utc)
    query = sent_query(case)
    scheme = "http" if ":" in case.host else "https"
    url = f"{scheme}://{case.host}{case.path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=case.method, url=url, data=case.body.encode())
    for name, value in case.headers:
        request.headers[name] = value
    keys = Credentials(case.access_key_id, case.secret_access_key, case.session_token)
    if case.form == "presign":
        signer = Presign(keys, case.service, case.region, expires=case.expires)
    elif case.service == "s3":
        signer = S3(keys, case.service, case.region)
    else:
        signer = Other(keys, case.service, case.region)
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(case.body.encode()).hexdigest()
    signer.add_auth(request)
    if case.form == "presign":
        signer.result = request.url.split("?", 1)[1]
    else:
        signer.result = request.headers["Authorization"]
    return signer
