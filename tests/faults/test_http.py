#!/usr/bin/env python3
"""What aws/ makes of every answer a server can give: AWS's errors row by row, broken HTTP, redirects, silence.

usage: test_http.py AWS_TOOL     (prints "N passed, N failed" last)
"""
import concurrent.futures
import contextlib
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import awstool  # noqa: E402
from awstool import Raw, http, run_tests  # noqa: E402

PROGRAM = Path(sys.argv[1]).resolve()
IDENTITY = ("<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::012345678901:root</Arn><UserId>u</UserId>"
            "<Account>012345678901</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
IDENTITY_LINE = b"012345678901 arn:aws:iam::012345678901:root u\n"
TOKEN = "TOKEN-CANARY"

# Written from AWS's documents ("Retry behavior" of the SDKs reference guide; each service's common errors), not from the
# table under test: errno, codes, how many requests one attempt of a call makes.
THROTTLES = ("Throttling ThrottlingException ThrottledException RequestThrottledException RequestThrottled SlowDown "
             "TooManyRequestsException ProvisionedThroughputExceededException TransactionInProgressException "
             "RequestLimitExceeded BandwidthLimitExceeded LimitExceededException PriorRequestNotComplete "
             "EC2ThrottledException").split()
TRANSIENT = "RequestTimeout RequestTimeoutException IDPCommunicationError InternalError InternalFailure ServiceUnavailable".split()
EXPIRED = "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired".split()
REFUSED = ("AccessDenied AccessDeniedException UnauthorizedOperation AuthFailure SignatureDoesNotMatch InvalidClientTokenId "
           "UnrecognizedClientException InvalidAccessKeyId InvalidToken IncompleteSignature MissingAuthenticationToken "
           "OptInRequired RegionDisabledException InvalidObjectState AllAccessDisabled RequestTimeTooSkewed "
           "InvalidSignatureException NotSignedUp KMS.DisabledException").split()
ABSENT = "NoSuchKey NoSuchBucket AWSOrganizationsNotInUseException ParentNotFoundException ClusterNotFoundException".split()
INVALID = "ValidationError ValidationException MalformedPolicyDocument InvalidParameterValue InvalidInputException".split()
CODES = ([("ETIMEDOUT", code, 1) for code in THROTTLES + TRANSIENT] + [("EKEYEXPIRED", code, 2) for code in EXPIRED] +
         [("EACCES", code, 1) for code in REFUSED] + [("ENOENT", code, 1) for code in ABSENT] +
         [("EINVAL", code, 1) for code in INVALID] +
         [("ESTALE", "PreconditionFailed", 1), ("EFBIG", "PackedPolicyTooLarge", 1), ("EIO", "InvalidRange", 1),
          ("EIO", "NobodyKnowsThisCode", 1)])
STATUSES = [("EIO", 400), ("EACCES", 401), ("EACCES", 403), ("EIO", 404), ("ETIMEDOUT", 408), ("ESTALE", 412),
            ("EIO", 416), ("EIO", 418), ("ETIMEDOUT", 429), ("ETIMEDOUT", 500), ("ETIMEDOUT", 502), ("ETIMEDOUT", 503),
            ("ETIMEDOUT", 504), ("EIO", 301), ("EIO", 302), ("EIO", 307), ("EIO", 308), ("EIO", 505)]


class Tool(awstool.Tool):
    def __init__(self, server, **more):
        super().__init__(PROGRAM, server, "AKIDTOOL", "SECRET-CANARY", TOKEN, **more)


def in_parallel(function, rows):
    """Every row's failure, in one message."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wrong = [text for text in pool.map(lambda row: said_wrong(function, row), rows) if text]
    assert not wrong, "; ".join(wrong)


def said_wrong(function, row):
    try:
        function(*row)
    except AssertionError as error:
        return f"{row}: {error}"
    return None


def check(answer, errno, *command, requests=1, **more):
    """The command fails with ERRNO (None: succeeds) after so many requests; gives the message."""
    with Raw(answer if callable(answer) else lambda request: answer) as server:
        tool = Tool(server, **{"AWS_MAX_ATTEMPTS": "1", **more})
        said = tool.fails(errno, *command) if errno else tool.good(*command)
        assert len(server.requests) == requests, f"{len(server.requests)} requests, not {requests}"
    return said


def error_element(code):
    return f"<!-- x --><Error xmlns=\"urn:other\"><Code>{code}</Code><Message>m</Message></Error>"


def xml_error(code):
    return '<?xml version="1.0"?>' + error_element(code)


class Errors:
    """By AWS's code, whatever the status; by the status where no code is known. Nothing here is tried twice."""

    def test_json_codes(self):
        """Organizations says all of it with 400: throttles too."""
        body = '{"__type": "com.amazonaws.organizations#%s", "Message": "m"}'
        in_parallel(lambda errno, code, requests: check(http(400, body % code), errno, "roots", requests=requests), CODES)

    def test_xml_codes_under_a_wrong_status(self):
        """The status says "try again" or "not there"; the code is what counts."""
        def one(errno, code, requests):
            wrong = 404 if errno == "ETIMEDOUT" else 503
            if code != "NobodyKnowsThisCode":
                check(http(wrong, f"<ErrorResponse>{error_element(code)}</ErrorResponse>"), errno, "identity",
                      requests=requests)
        in_parallel(one, CODES)

    def test_s3_codes_in_a_200(self):
        """S3 lists and copies may fail behind a status of 200."""
        def one(errno, code, requests):
            if code != "NobodyKnowsThisCode":
                check(http(200, xml_error(code)), errno, "s3-list", "bucket", "", requests=requests)
        in_parallel(one, CODES)
        check(http(200, "<Error><Message>no code</Message></Error>"), "ETIMEDOUT", "s3-list", "bucket", "")

    def test_codes_in_headers(self):
        check(http(500, "{}", "x-amzn-ErrorType: AccessDeniedException:http://internal.amazon.com/x"), "EACCES", "roots")
        check(http(500, "", "x-amzn-query-error: AccessDenied;Sender"), "EACCES", "roots")

    def test_statuses(self):
        for body in ("", "<!doctype html><title>Oops</title><p>unclosed", '{"no": "code"}'):
            in_parallel(lambda errno, status: check(http(status, body), errno, "roots"), STATUSES)
        check(http(304, ""), "EALREADY", "s3-get", "bucket", "key")

    def test_not_there(self):
        """A bare 404 is S3's word alone: from other services, a page that AWS did not write says nothing of what is there,
        nor of what is permitted."""
        for body in ("", "<!doctype html><title>Not Found</title>", '{"__type": "UnknownOperationException"}'):
            check(http(404, body), "ENOENT", "s3-get", "bucket", "key")
            for command in (("identity",), ("roots",), ("organization",), ("reports",), ("instances", "us-east-1")):
                check(http(404, body), "EIO", *command)
        for body, granted in (("<!doctype html>", 0), ('{"__type": "ResourceNotFoundException"}', 16)):
            with Raw(lambda request, body=body: http(404, body)) as server:
                lines = Tool(server).good("probe", "bucket", "key", "own-bucket", "key").decode().splitlines()
            assert len(lines) == 16 and sum(line.split()[1] == "granted" for line in lines) == granted, lines

    def test_json_codes_in_a_200(self):
        def one(errno, code, requests):
            if code != "NobodyKnowsThisCode":
                check(http(200, f'{{"__type": "com.amazonaws.x#{code}"}}'), errno, "roots", requests=requests)
        in_parallel(one, CODES)

    def test_xml_from_a_json_service(self):
        check(http(403, f"<ErrorResponse><Errors>{error_element('AccessDenied')}</Errors></ErrorResponse>",
                   "Content-Type: text/html"), "EACCES", "roots")
        check(http(500, '{"__type": "AccessDeniedException"}', "Content-Type: text/html"), "EACCES", "identity")

    def test_what_is_tried_again(self):
        """Three attempts of what passes, one of what does not."""
        for status, body in ((503, xml_error("SlowDown")), (500, "<html>"), (400, xml_error("RequestTimeout"))):
            check(http(status, body), "ETIMEDOUT", "s3-get", "bucket", "key", requests=3, AWS_MAX_ATTEMPTS="3")
        check(http(500, xml_error("AccessDenied")), "EACCES", "s3-get", "bucket", "key", AWS_MAX_ATTEMPTS="3")

    def test_recovers(self):
        answers = [http(400, '{"__type": "TooManyRequestsException"}'), http(500, "<html>"),
                   http(200, '{"Roots": [{"Id": "r-1"}]}')]
        said = check(lambda request: answers[request.number], None, "roots", requests=3, AWS_MAX_ATTEMPTS="3")
        assert b'"r-1"' in said

    def test_messages(self):
        """One line that names service, operation, code and request ID; no control bytes, no secret."""
        evil = "bad\x1b[31m\nSECOND-LINE The canonical request was: x-amz-security-token:" + TOKEN
        said = check(http(403, f"<Error><Code>SignatureDoesNotMatch</Code><Message>{evil.replace(chr(27), ' ')}</Message>"
                               "<RequestId>REQ-1</RequestId></Error>"), "EACCES", "s3-get", "bucket", "key")
        assert "s3 GetObject s3://bucket/key" in said and "SignatureDoesNotMatch" in said and "REQ-1" in said, said
        assert "SECOND-LINE" not in said and TOKEN not in said and "SECRET" not in said, said

    def test_nobody_there(self):
        with socket.socket() as taken:  # and nobody else is given the port meanwhile
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            server = type("Nobody", (), {"url": f"http://127.0.0.1:{port}"})
            assert f"{port}" in Tool(server, AWS_MAX_ATTEMPTS="1").fails("EHOSTUNREACH", "identity")
        server.url = "https://no-such-host.invalid"
        Tool(server, AWS_MAX_ATTEMPTS="1").fails("EHOSTUNREACH", "identity")


def plain(body, *lines, version="1.1"):
    return "\r\n".join([f"HTTP/{version} 200 OK", *lines]).encode() + b"\r\n\r\n" + body


def chunked(body, size=7, end=b"0\r\n\r\n"):
    return b"".join(b"%x\r\n%s\r\n" % (len(body[at:at + size]), body[at:at + size])
                    for at in range(0, len(body), size)) + end


class Http:
    """Every way to send the right bytes is taken, and none of sending wrong ones."""

    BODY = IDENTITY.encode()

    def good(self, answer, requests=1, **more):
        assert check(answer, None, "identity", requests=requests, **more) == IDENTITY_LINE

    def test_connection_close(self):
        with Raw(lambda request: (http(200, IDENTITY, "Connection: close"), "close")) as server:
            assert Tool(server).good("repeat", "4", "0", "identity") == IDENTITY_LINE * 4
            assert server.connections == 4 and len(server.requests) == 4

    def test_kept_connections(self):
        with Raw(lambda request: http(200, IDENTITY)) as server:
            assert Tool(server).good("repeat", "20", "0", "identity") == IDENTITY_LINE * 20
            assert server.connections == 1

    def test_kept_connection_that_was_closed(self):
        """A server that closes idle connections without a word: no error, and no attempt is spent."""
        with Raw(lambda request: (http(200, IDENTITY), "close")) as server:
            tool = Tool(server, AWS_MAX_ATTEMPTS="1")
            assert tool.good("repeat", "3", "50", "identity") == IDENTITY_LINE * 3

    def test_http_1_0(self):
        self.good((plain(self.BODY, version="1.0"), "close"))
        self.good((plain(self.BODY, f"Content-Length: {len(self.BODY)}", version="1.0"), "close"))

    def test_chunked(self):
        self.good(plain(chunked(self.BODY), "Transfer-Encoding: chunked"))
        self.good(plain(chunked(self.BODY, 1, b"0\r\nX-Trailer: x\r\n\r\n"), "Transfer-Encoding: chunked"))
        self.good((plain(chunked(self.BODY), "Transfer-Encoding: chunked", "Connection: close"), "close"))

    def test_interim_answers(self):
        self.good(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http(200, IDENTITY))

    def test_odd_but_right(self):
        self.good(b"HTTP/1.1 200\r\ncontent-length:%d\r\n\r\n%s" % (len(self.BODY), self.BODY))  # no reason, no space
        self.good(b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%s" % (len(self.BODY), self.BODY))  # bare newlines
        self.good(http(200, IDENTITY, "Content-Encoding: gzip"))  # nobody asked: not decoded
        self.good(http(200, IDENTITY, "Set-Cookie: a=b", "Location: http://127.0.0.1:9/", "X-Empty:"))

    def test_cut_body(self):
        """Cut at each end of HTTP's: tried again, and never taken for whole."""
        cuts = ((http(200, IDENTITY, length=len(IDENTITY) + 9), "close"),
                (plain(chunked(self.BODY)[:60], "Transfer-Encoding: chunked"), "close"),
                (http(200, IDENTITY)[:40], "close"), None)
        for cut in cuts:
            check(lambda request, cut=cut: cut, "ETIMEDOUT", "identity", requests=3, AWS_MAX_ATTEMPTS="3")
            self.good(lambda request, cut=cut: http(200, IDENTITY) if request.number else cut, requests=2,
                      AWS_MAX_ATTEMPTS="3")

    def test_body_longer_than_said(self):
        """Excess bytes are no second answer: the connection is not used again."""
        with Raw(lambda request: http(200, IDENTITY + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                                      length=len(IDENTITY))) as server:
            assert Tool(server).good("repeat", "3", "0", "identity") == IDENTITY_LINE * 3
            assert server.connections == 3
        check(http(200, IDENTITY, length=40), "EIO", "identity")

    def test_object_of_another_length(self):
        """A range's bytes are counted against Content-Range, whatever ended them."""
        ask = ("s3-get", "bucket", "key", "0", "10")
        good = "Content-Range: bytes 0-9/100"
        assert check(http(206, b"0123456789", good, 'ETag: "e"'), None, *ask) == b"0123456789"
        check((plain(b"01234", good, version="1.0").replace(b"200 OK", b"206 OK"), "close"), "EIO", *ask)
        for header in ("Content-Range: bytes 0-9/9", "Content-Range: bytes 1-10/100", "Content-Range: bytes */100", "X: y",
                       "Content-Range: bytes 0-18446744073709551615/18446744073709551616"):
            check(http(206, b"0123456789", header, 'ETag: "e"'), "EIO", *ask)
        check(http(200, b"x" * 100, 'ETag: "e"'), "EIO", *ask)  # the range was not heard

    def test_garbage(self):
        for answer in (b"\x16\x03\x01\x02\x00garbage", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/9.9 200 OK\r\n\r\n",
                       b"HTTP/1.1 abc OK\r\n\r\n", plain(self.BODY, "Content-Length: minus one"),
                       plain(b"zz\r\n" + self.BODY, "Transfer-Encoding: chunked")):
            with Raw(lambda request, answer=answer: (answer, "close")) as server:
                done = Tool(server, AWS_MAX_ATTEMPTS="1").run("identity")
                last = done.stderr.decode(errors="replace").splitlines()[-1]
                assert done.returncode == 1 and last.split()[0] in ("EIO", "ETIMEDOUT"), (answer[:30], last)
                assert done.stdout == b""

    def test_huge_headers(self):
        for headers in (["X: " + "y" * 200_000], [f"X-{n}: {'y' * 50}" for n in range(5000)]):
            said = check(http(200, IDENTITY, *headers), "EFBIG", "identity")
            assert "headers" in said, said
        self.good(http(200, IDENTITY, *[f"X-{n}: {'y' * 50}" for n in range(800)]))

    def test_huge_bodies(self):
        check(http(200, b"<x>" + b"y" * (17 << 20)), "EFBIG", "identity")
        check(http(200, b'{"x": "' + b"y" * (65 << 20)), "EFBIG", "roots")
        check(http(403, b"<Error><Code>AccessDenied</Code>" + b" " * (5 << 20)), "EACCES", "identity")

    def test_hostile_documents(self):
        bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
        check(http(200, "<a>" * 5000), "EFBIG", "identity")
        for body in (bomb, "", "not XML", "<x/><y/>", IDENTITY.replace("Account>", "Acc>"),
                     "<?xml version='1.0' encoding='x-no'?><x/>"):
            check(http(200, body), "EIO", "identity")
        check(http(200, "{}"), "EIO", "organization")
        for body in ("[" * 5000, "", "null", "[]", '{"Roots": 1}', '{"Roots": []} x', '{"Roots": ["'):
            check(http(200, body), "EIO", "roots")

    def test_silence(self):
        """No byte: given up after the stall time, and tried on another connection while the first is still silent."""
        over = threading.Event()

        def stall(request):
            if request.number == 0:
                over.wait(60)
                return None
            return http(200, IDENTITY)
        began = time.monotonic()
        self.good(stall, requests=2, AWS_MAX_ATTEMPTS="2", CTFS_TEST_STALL_MS="2000")
        assert time.monotonic() - began < 15  # without a setting it takes as long
        over.set()


class Redirects:
    """No redirect is followed; S3's are answered by signing for the bucket's region, at the endpoint that ctfs knows."""

    def __init__(self):
        self.elsewhere = Raw(lambda request: http(200, b"stolen"))

    def redirect(self, status, *headers, body=""):
        return http(status, body, f"Location: {self.elsewhere.url}/bucket/key", *headers)

    def play(self, first, then, *command, requests=2):
        """What was asked, when the first answer is FIRST."""
        with Raw(lambda request: then if request.number else first) as server:
            out = Tool(server).good(*command)
            assert len(server.requests) == requests, len(server.requests)
            assert not self.elsewhere.requests and not self.elsewhere.connections, "the redirect was followed"
            return out, server.requests

    def test_not_followed(self):
        for status in (301, 302, 303, 307, 308):
            for command in (("identity",), ("roots",), ("s3-get", "bucket", "key"), ("s3-put", "bucket", "key", "text")):
                check(self.redirect(status), "EIO", *command)
        assert not self.elsewhere.connections

    def test_region_of_the_bucket(self):
        region = "x-amz-bucket-region: eu-west-1"
        for status in (301, 307):
            out, asked = self.play(self.redirect(status, region), http(200, b"right", 'ETag: "e"'), "s3-get", "bucket", "key")
            assert out == b"right" and [r.region for r in asked] == ["us-east-1", "eu-west-1"]
            assert all(r.headers["x-amz-security-token"] == TOKEN and r.line.startswith("GET /bucket/key ") for r in asked)
        out, asked = self.play(self.redirect(301, region), http(200, b"", 'ETag: "e"'), "s3-put", "bucket", "key", "text")
        assert [(r.region, r.body) for r in asked] == [("us-east-1", b"text"), ("eu-west-1", b"text")]
        out, asked = self.play(http(301, b"", region, length=0), http(200, b"", region), "s3-region", "bucket")
        assert out == b"eu-west-1\n" and asked[0].line.startswith("HEAD /bucket")

    def test_region_in_the_body(self):
        first = http(400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>ap-south-1</Region></Error>")
        out, asked = self.play(first, http(200, b"right", 'ETag: "e"'), "s3-get", "bucket", "key")
        assert out == b"right" and asked[1].region == "ap-south-1"

    def test_learnt_once(self):
        """The next request goes to the right region at once."""
        with Raw(lambda r: self.redirect(301, "x-amz-bucket-region: eu-west-1") if r.region == "us-east-1" else
                 http(200, b"right", 'ETag: "e"')) as server:
            assert Tool(server).good("repeat", "3", "0", "s3-get", "bucket", "key") == b"right" * 3
            assert [r.region for r in server.requests] == ["us-east-1", "eu-west-1", "eu-west-1", "eu-west-1"]

    def test_one_hop(self):
        regions = ["eu-west-1", "eu-west-2", "eu-west-3"]
        check(lambda r: self.redirect(301, f"x-amz-bucket-region: {regions[r.number % 3]}"), "EIO", "s3-get", "bucket",
              "key", requests=2)

    def test_regions_that_are_none(self):
        for region in ("evil.example/", "../x", "UPPER", "a" * 60, "", "us-east-1"):
            check(self.redirect(301, f"x-amz-bucket-region: {region}"), "EIO", "s3-get", "bucket", "key")


class Expiry:
    """An expiry code: new credentials and one replay; from a source that has no others, EKEYEXPIRED."""

    SHAPES = {"identity": (403, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"),
              "roots": (400, '{"__type": "ExpiredTokenException"}'),
              "instances": (400, "<Response><Errors><Error><Code>RequestExpired</Code></Error></Errors></Response>"),
              "s3-get": (400, "<Error><Code>ExpiredToken</Code></Error>"),
              "reports": (403, '{"__type": "ExpiredTokenException"}')}

    def test_one_replay(self):
        """The profile's process is asked twice, not more; each service in its own words."""
        for command, answer in self.SHAPES.items():
            arguments = {"instances": ["us-east-1"], "s3-get": ["bucket", "key"]}.get(command, [])
            check(http(*answer), "EKEYEXPIRED", command, *arguments, requests=2)

    def test_replayed_with_other_keys(self):
        with tempfile.TemporaryDirectory() as folder, Raw(lambda r: http(200, IDENTITY) if r.key == "AKID2" else
                                                          http(*self.SHAPES["identity"])) as server:
            script = Path(folder) / "credentials"
            script.write_text("#!/bin/sh\n"
                              f"n=$(($(cat {folder}/n 2>/dev/null) + 1)); echo $n > {folder}/n\n"
                              'printf \'{"Version": 1, "AccessKeyId": "AKID%s", "SecretAccessKey": "s"}\' $n\n')
            script.chmod(0o700)
            (Path(folder) / "config").write_text(f"[profile p]\ncredential_process = {script}\n")
            tool = Tool(server, AWS_CONFIG_FILE=f"{folder}/config", AWS_PROFILE="p")
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
                del tool.environment[name]
            assert tool.good("identity") == IDENTITY_LINE
            assert [r.key for r in server.requests] == ["AKID1", "AKID2"]
            assert (Path(folder) / "n").read_text() == "2\n"


def main():
    with contextlib.suppress(BrokenPipeError):
        return run_tests(kind() for kind in (Errors, Http, Redirects, Expiry))
    return 1


if __name__ == "__main__":
    sys.exit(main())
