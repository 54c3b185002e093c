#!/usr/bin/env python3
"""TLS as aws/http makes it: who is trusted, what is refused, and that a refusal sends nothing.

usage: test_tls.py AWS_TOOL     (run with .cache/venv/bin/python, which has cryptography; prints "N passed, N failed" last)
"""
import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOOL = Path(sys.argv[1]).resolve()
CTFS = TOOL.parents[3] / "cli" / "ctfs"  # of the same build
HOST = "aws.test"
ANSWER = (b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::012345678901:root</Arn><UserId>u</UserId>"
          b"<Account>012345678901</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")


class Authority:
    """A CA in a folder, and what it signs."""

    def __init__(self, folder, name="ctfs test CA"):
        self.folder = Path(folder)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.sign(self.name, self.key, self.key, [], 30, authority=True)
        self.bundle = self.write("ca.pem", self.certificate.public_bytes(serialization.Encoding.PEM))

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def sign(self, name, key, signer, alternatives, days, authority=False):
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=40)
        builder = (x509.CertificateBuilder().subject_name(name).public_key(key.public_key())
                   .issuer_name(name if signer is key else self.name).serial_number(x509.random_serial_number())
                   .not_valid_before(start).not_valid_after(start + datetime.timedelta(days=40 + days))
                   .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True))
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(signer, hashes.SHA256())

    def leaf(self, name, alternatives, days=30, self_signed=False):
        """Files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self.sign(subject, key, key if self_signed else self.key, alternatives, days)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
        return (self.write(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
                self.write(f"{name}.key", pem))


class Server:
    """Each connection is handed to `serve(socket)`; `requests` counts what was asked over HTTP."""

    def __init__(self, serve):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.requests = 0
        self.serve = serve
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(20)
            self.serve(self, connection)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(4096)
        if not data:
            return None
        head += data
    return head


def answer_http(server, connection):
    if read_head(connection):
        server.requests += 1
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))


def tls(files, **changes):
    """Serves HTTP inside TLS with these files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    for name, value in changes.items():
        if name == "ciphers":
            context.set_ciphers(value)
        else:
            setattr(context, name, value)

    def serve(server, connection):
        with context.wrap_socket(connection, server_side=True) as inside:
            answer_http(server, inside)
    return serve


def close_midway(_server, connection):
    connection.recv(200)


def proxy_to(port):
    """CONNECT to whatever name leads to that port."""
    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(server, connection):
        head = read_head(connection)
        if not head or not head.startswith(f"CONNECT {HOST}:".encode()):
            return
        server.requests += 1
        with socket.create_connection(("127.0.0.1", port)) as target:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=pump, args=(target, connection))
            back.start()
            pump(connection, target)
            back.join()
    return serve


class Tests:
    def __init__(self, folder):
        self.authority = Authority(folder)
        self.loopback = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]

    def ask(self, server, host="127.0.0.1", bundle=True, before=(), **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CTFS_"))}
        environment = {**kept, "AWS_ENDPOINT_URL": f"https://{host}:{server.port}", "AWS_ACCESS_KEY_ID": "AKID",
                       "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/dev/null",
                       "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", **more}
        if bundle:
            environment["AWS_CA_BUNDLE"] = str(self.authority.bundle)
        done = subprocess.run([*before, TOOL, "identity"], env=environment, capture_output=True, timeout=60, check=False)
        return done.returncode, (done.stderr.decode().splitlines() or [""])[-1]

    def check_refused(self, serve, **more):
        server = Server(serve)
        status, message = self.ask(server, **more)
        server.close()
        assert status == 1 and message.startswith("EIO sts GetCallerIdentity"), message
        assert server.requests == 0

    def check_good(self, serve, **more):
        server = Server(serve)
        status, message = self.ask(server, **more)
        server.close()
        assert status == 0 and server.requests == 1, message

    def test_trusted(self):
        self.check_good(tls(self.authority.leaf("good", self.loopback)))

    def test_untrusted(self):
        self.check_refused(tls(self.authority.leaf("good", self.loopback)), bundle=False)
        self.check_refused(tls(self.authority.leaf("self", self.loopback, self_signed=True)))

    def test_bundle_in_place_of_the_system(self):
        """AWS_CA_BUNDLE takes the place of the system's authorities: of those in a folder of hashes too."""
        system = self.authority.folder / "certs"
        system.mkdir()
        other = Authority(system, "another CA")
        name = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", other.bundle], capture_output=True, text=True,
                              check=True).stdout.strip()
        (system / f"{name}.0").symlink_to("ca.pem")
        (system / "ca-certificates.crt").write_bytes(self.authority.bundle.read_bytes())
        inside = ["unshare", "-m", "sh", "-c", f'mount --bind "{system}" /etc/ssl/certs && exec "$0" "$@"']
        self.check_good(tls(other.leaf("trusted", self.loopback)), bundle=False, before=inside)
        self.check_refused(tls(other.leaf("trusted", self.loopback)), before=inside)
        self.check_good(tls(self.authority.leaf("good", self.loopback)), before=inside)

    def test_wrong_host(self):
        self.check_refused(tls(self.authority.leaf("other", [x509.DNSName("other.test")])))

    def test_expired(self):
        self.check_refused(tls(self.authority.leaf("old", self.loopback, days=-1)))

    def test_old_version(self):
        files = self.authority.leaf("v11", self.loopback)
        self.check_refused(tls(files, ciphers="ALL:@SECLEVEL=0", minimum_version=ssl.TLSVersion.TLSv1,
                               maximum_version=ssl.TLSVersion.TLSv1_1))
        self.check_good(tls(files, minimum_version=ssl.TLSVersion.TLSv1_2, maximum_version=ssl.TLSVersion.TLSv1_2))

    def test_no_tls(self):
        self.check_refused(close_midway)
        self.check_refused(lambda _server, connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))

    def test_no_bundle_file(self):
        self.check_refused(tls(self.authority.leaf("good", self.loopback)), bundle=False, AWS_CA_BUNDLE="/nowhere.pem")

    def test_proxy_by_setting_alone(self):
        """The environment's own proxy variables are not read here; the setting is, and TLS goes through it unopened."""
        nowhere = "http://127.0.0.1:9"
        self.check_good(tls(self.authority.leaf("good", self.loopback)), HTTPS_PROXY=nowhere, https_proxy=nowhere,
                        ALL_PROXY=nowhere)
        inner = Server(tls(self.authority.leaf("named", [x509.DNSName(HOST)])))
        proxy = Server(proxy_to(inner.port))
        status, message = self.ask(inner, host=HOST, CTFS_TEST_PROXY=f"http://127.0.0.1:{proxy.port}")
        assert status == 0 and inner.requests == 1 and proxy.requests == 1, message
        inner.close()
        same, message = self.ask(inner, host=HOST, CTFS_TEST_PROXY=f"http://127.0.0.1:{proxy.port}", NO_PROXY=HOST)
        assert same != 0 and proxy.requests == 1, message
        proxy.close()

    def connect(self, server, host="127.0.0.1", **more):
        """ctfs itself, on a state of its own, asking whose credentials it has: (status, what it said)."""
        with tempfile.TemporaryDirectory() as folder:
            kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("AWS_", "CTFS_"))}
            environment = {**kept, "AWS_ENDPOINT_URL": f"https://{host}:{server.port}", "AWS_ACCESS_KEY_ID": "AKID",
                           "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/dev/null", "AWS_MAX_ATTEMPTS": "1",
                           "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "CTFS_STATE_DIR": f"{folder}/state",
                           "CTFS_CACHE_DIR": f"{folder}/cache", "AWS_CA_BUNDLE": str(self.authority.bundle), **more}
            environment = {name: value for name, value in environment.items() if value is not None}
            done = subprocess.run([CTFS, "connect", "bucket=reports", "report=r", "prefix=p"], env=environment,
                                  capture_output=True, timeout=60, check=False)
            return done.returncode, (done.stdout + done.stderr).decode()

    def test_ctfs_takes_the_proxy(self):
        """HTTPS_PROXY or https_proxy; NO_PROXY leaves hosts out, by name and by domain."""
        inner = Server(tls(self.authority.leaf("ctfs", [x509.DNSName(HOST)])))
        proxy = Server(proxy_to(inner.port))
        url = f"http://127.0.0.1:{proxy.port}"
        for number, name in enumerate(("HTTPS_PROXY", "https_proxy"), 1):
            status, said = self.connect(inner, HOST, **{name: url})
            assert status == 0 and "external_id" in said, said
            assert (inner.requests, proxy.requests) == (number, number)
        for left_out in (HOST, "." + HOST.split(".")[1], "other.example," + HOST, "*"):
            status, said = self.connect(inner, HOST, HTTPS_PROXY=url, NO_PROXY=left_out)
            assert status == 1 and "EHOSTUNREACH" in said, (left_out, said)
        assert self.connect(inner, HOST, HTTPS_PROXY=url, NO_PROXY="other.example")[0] == 0
        assert (inner.requests, proxy.requests) == (3, 3)
        status, said = self.connect(inner, HOST, HTTPS_PROXY="http://user:PASSWORD-CANARY@127.0.0.1:9")
        assert status == 1 and "EHOSTUNREACH" in said and "CANARY" not in said, said
        inner.close()
        proxy.close()

    def test_ctfs_takes_the_bundle(self):
        """AWS_CA_BUNDLE, or the profile's ca_bundle; without either, who signed this is nobody."""
        server = Server(tls(self.authority.leaf("bundle", self.loopback)))
        assert self.connect(server)[0] == 0
        status, said = self.connect(server, AWS_CA_BUNDLE=None)
        assert status == 1 and "EIO" in said and server.requests == 1, said
        config = self.authority.write("config", f"[profile p]\nca_bundle = {self.authority.bundle}\n".encode())
        assert self.connect(server, AWS_CA_BUNDLE=None, AWS_CONFIG_FILE=str(config), AWS_PROFILE="p")[0] == 0
        server.close()

    def test_ctfs_takes_the_endpoint_of_a_service(self):
        """AWS_ENDPOINT_URL_STS comes before AWS_ENDPOINT_URL, and that before the profile's; all can be ignored."""
        right, wrong = (Server(tls(self.authority.leaf(name, self.loopback))) for name in ("right", "wrong"))
        url = f"https://127.0.0.1:{right.port}"
        assert self.connect(wrong, AWS_ENDPOINT_URL_STS=url, AWS_ENDPOINT_URL_S3=f"https://127.0.0.1:{wrong.port}")[0] == 0
        config = self.authority.write("config2", f"[profile p]\nservices = s\nendpoint_url = https://127.0.0.1:{wrong.port}\n"
                                                 f"[services s]\nsts =\n  endpoint_url = {url}\n".encode())
        assert self.connect(wrong, AWS_ENDPOINT_URL=None, AWS_CONFIG_FILE=str(config), AWS_PROFILE="p")[0] == 0
        assert (right.requests, wrong.requests) == (2, 0)
        status, said = self.connect(wrong, AWS_ENDPOINT_URL="http://example.com")
        assert status == 1 and "needs https" in said, said
        right.close()
        wrong.close()

    def test_ctfs_takes_the_attempts(self):
        """AWS_MAX_ATTEMPTS, or the profile's max_attempts; what is no number is said."""
        def refuse(server, connection):
            if read_head(connection):
                server.requests += 1
                connection.sendall(b"HTTP/1.1 500 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        config = self.authority.write("config3", b"[profile p]\nmax_attempts = 4\n")
        for wanted, more in ((1, {}), (5, {"AWS_MAX_ATTEMPTS": "5"}), (3, {"AWS_MAX_ATTEMPTS": None}),
                             (4, {"AWS_MAX_ATTEMPTS": None, "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "p"})):
            server = Server(refuse)
            status, said = self.connect(server, AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.port}", **more)
            server.close()
            assert status == 1 and "ETIMEDOUT" in said and server.requests == wanted, (more, server.requests, said)
        for text in ("0", "-1", "many", "3x", "100000"):
            status, said = self.connect(server, AWS_MAX_ATTEMPTS=text)
            assert status == 1 and f'"{text}"' in said, said


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        tests = Tests(folder)
        for name in [name for name in dir(Tests) if name.startswith("test_")]:
            try:
                getattr(tests, name)()
                print(f"ok {name}", flush=True)
                passed += 1
            except Exception as error:  # every failure of a test is its result
                print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
