"""aws_tool (tests/unit/aws/aws_tool.c) with one identity at one server, and a server that says exactly what it is told."""
import contextlib
import json
import os
import re
import socket
import subprocess
import threading


class Tool:
    """`server` has a .url, which is where every service is."""

    def __init__(self, program, server, key, secret, token=None, region="us-east-1", **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CTFS_"))}
        self.program = program
        self.environment = {**kept, "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": key,
                            "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": region, "AWS_CONFIG_FILE": "/dev/null",
                            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", **more}
        if token:
            self.environment["AWS_SESSION_TOKEN"] = token

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], env=self.environment, capture_output=True, timeout=120,
                              check=False)

    def good(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.good(*arguments))

    def fails(self, name, *arguments):
        """Fails with that errno; gives the message."""
        done = self.run(*arguments)
        last = done.stderr.decode(errors="replace").splitlines()[-1]
        assert done.returncode == 1 and last.split()[0] == name, f"not {name}: {last}"
        return last

    def requests(self, service, *arguments):
        for line in self.run(*arguments).stderr.decode().splitlines():
            if line.startswith(service + ": "):
                return {word.split("=")[0]: int(word.split("=")[1]) for word in line.split()[1:]}
        return {}


class Request:
    """What came: `line`, `headers` (names in lower case), `body`, its `number` from 0, and the scope of its signature."""

    def __init__(self, head, body, number):
        first, *rest = head.decode(errors="replace").split("\r\n")
        self.line, self.body, self.number = first, body, number
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
        scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", self.headers.get("authorization", ""))
        self.key, self.region, self.service = scope.groups() if scope else ("", "", "")


class Raw:
    """`answer(request)` gives the very bytes to send, or (bytes, "close"); None closes at once, without a word."""

    def __init__(self, answer):
        self.answer, self.requests, self.connections = answer, [], 0
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.close()

    def close(self):
        """Nobody is in accept() any more when the socket is closed: its number is the next server's."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(20)
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                size = int((re.search(rb"\r\ncontent-length: *(\d+)", head, re.I) or [0, 0])[1])
                while len(data) < size:
                    data += connection.recv(65536)
                with self.lock:
                    request = Request(head, data[:size], len(self.requests))
                    self.requests.append(request)
                data = data[size:]
                said = self.answer(request)
                if said is None:
                    return
                said, *close = said if isinstance(said, tuple) else (said,)
                connection.sendall(said)
                if close:
                    return


def http(status, body=b"", *headers, length=None):
    """An answer of HTTP/1.1."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run_tests(groups):
    """Runs the test_… methods of each (made) group; prints "N passed, N failed" last; answers the exit status."""
    passed = failed = 0
    for group in groups:
        for name in [name for name in dir(group) if name.startswith("test_")]:
            try:
                getattr(group, name)()
                print(f"ok {type(group).__name__}.{name}", flush=True)
                passed += 1
            except Exception as error:  # every failure of a test is its result
                print(f"FAILED {type(group).__name__}.{name}: {type(error).__name__}: {error}", flush=True)
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
