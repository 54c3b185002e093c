#!/usr/bin/env python3
"""The servers that ctfs is tried against: each on a free loopback port, in a process group of its own, with a log.

    with World(folder) as world:            # all that was started ends with the block, or with the process
        aws = world.ministack()             # aws.url, aws.port, aws.log
    world = World(folder, keep=True)        # servers outlive this process; `World(folder).stop()` ends them later

From a shell:  world.py start FOLDER ministack|moto|rclone=DATA|toxiproxy|fakeaws…    prints NAME=URL lines
               world.py stop FOLDER [NAME…]        world.py list FOLDER
"""
import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CTFS_DEV_CACHE", ROOT / ".cache"))
VENV_BIN = CACHE / "venv" / "bin"
GO_BIN = CACHE / "go" / "bin"
READY_WITHIN_S = 60
PR_SET_PDEATHSIG = 1
marks = []  # sockets that hold what was given out


class WorldError(Exception):
    """A server did not start, or there is none of that name."""


def free_port():
    """A port of this process for as long as it lives, among all that take theirs here: tests run side by side, and what answers
    on a port has to be one's own server. It lies below those that the kernel gives to whoever connects, which could come
    between, and where who tries a port on which nobody listens yet may meet himself."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(first // 2, first)
        mark = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe, contextlib.suppress(OSError):
            mark.bind(f"\0ctfs-test-port-{port}")
            probe.bind(("127.0.0.1", port))
            marks.append(mark)
            return port
        mark.close()


def dead_address():
    """host:port where nobody listens, nor will while this process lives."""
    socket_of_nobody = socket.socket()
    socket_of_nobody.bind(("127.0.0.1", 0))
    marks.append(socket_of_nobody)
    return f"127.0.0.1:{socket_of_nobody.getsockname()[1]}"


def http(method, url, body=None, headers=None, timeout=60):
    """Answers (status, body) whatever the status is; raises OSError when nobody answers."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def clean_environment(**more):
    """This process's environment without anything of AWS's or a proxy's that would reach a server by accident."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("AWS_", "CTFS_")) and not name.lower().endswith("_proxy")}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


class Server:
    """A running server. `address` is host:port; `record` is what World keeps on disk to stop it later."""

    def __init__(self, name, port, pid, log, started, process=None):
        self.name, self.port, self.pid, self.log, self.started = name, port, pid, Path(log), started
        self.process = process

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def record(self):
        return {"name": self.name, "port": self.port, "pid": self.pid, "log": str(self.log), "started": self.started}

    def alive(self):
        """False also when the process ID now belongs to somebody else."""
        if self.process is not None:
            return self.process.poll() is None
        return start_time(self.pid) == self.started

    def signal(self, number):
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def stop(self, patience_s=2.0):
        for number, wait_s in ((signal.SIGCONT, 0), (signal.SIGTERM, patience_s), (signal.SIGKILL, 10.0)):
            self.signal(number)
            end = time.monotonic() + wait_s
            while self.alive() and time.monotonic() < end:
                time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if not self.alive() and self.process is not None:
                os.killpg(self.pid, signal.SIGKILL)

    def tail(self, lines=15):
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


def start_time(pid):
    """The kernel's start time of a live process, None for a dead one: with the pid it names one process for ever."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


class World:
    """Starts servers under `folder` (made if absent; logs and NAME.json lie there) and stops them."""

    def __init__(self, folder, keep=False):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keep = keep
        self.servers = {}
        for path in sorted(self.folder.glob("*.server.json")):
            server = Server(**json.loads(path.read_text()))
            if server.alive():
                self.servers[server.name] = server
            else:
                path.unlink()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if not self.keep:
            self.stop()

    def __getitem__(self, name):
        return self.servers[name]

    def start(self, name, command, ready, port=None, environment=None, cwd=None):
        """`command` is a list in which "{port}" stands for the port; `ready(url)` is called until it answers true."""
        if name in self.servers:
            return self.servers[name]
        for attempt in range(3):
            chosen = port or free_port()
            server = self._spawn(name, command, chosen, environment, cwd)
            if self._wait(server, ready):
                self.servers[name] = server
                (self.folder / f"{name}.server.json").write_text(json.dumps(server.record()))
                return server
            server.stop()
        raise WorldError(f"{name} did not come up:\n{server.tail()}")

    def _spawn(self, name, command, port, environment, cwd):
        log = self.folder / f"{name}.log"
        values = {key: value.replace("{port}", str(port)) for key, value in (environment or {}).items()}
        with log.open("ab") as out:
            process = subprocess.Popen(
                [str(part).replace("{port}", str(port)) for part in command], stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, cwd=cwd or self.folder, env=clean_environment(**values), start_new_session=True,
                preexec_fn=None if self.keep else die_with_parent)
        return Server(name, port, process.pid, log, start_time(process.pid), process)

    def _wait(self, server, ready):
        end = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end and server.alive():
            try:
                if ready(server.url):
                    return True
            except OSError:
                pass
            time.sleep(0.05)
        return False

    def stop(self, *names):
        for name in names or list(self.servers):
            if name not in self.servers:
                raise WorldError(f"no server {name} runs in {self.folder}")
            self.servers.pop(name).stop()
            (self.folder / f"{name}.server.json").unlink(missing_ok=True)

    # The servers, one function each.

    def ministack(self, name="ministack", auth=True, port=None):
        """The AWS that refuses. A 12-digit access key with the secret `test` is that account's root."""
        environment = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": "{port}", "MINISTACK_HOST": "127.0.0.1",
                       "IOT_MTLS_ENABLED": "0", "AUTH": "true" if auth else "false", "LOG_LEVEL": "WARNING",
                       "STATE_DIR": str(self.folder / f"{name}.state"), "PERSIST_STATE": "0"}
        return self.start(name, [VENV_BIN / "ministack"], port=port, environment=environment,
                          ready=lambda url: http("GET", url + "/_ministack/health", timeout=2)[0] == 200)

    def moto(self, name="moto", port=None, **environment):
        environment = {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false", **environment}
        return self.start(name, [VENV_BIN / "moto_server", "-H", "127.0.0.1", "-p", "{port}"], port=port,
                          environment=environment,
                          ready=lambda url: http("GET", url + "/moto-api/data.json", timeout=2)[0] == 200)

    def rclone(self, data, name="rclone", port=None, options=()):
        """S3 where speed is measured: the folders of `data` are buckets; any session's signature is taken."""
        command = [GO_BIN / "rclone", "--config", "/dev/null", "serve", "s3", "--addr", "127.0.0.1:{port}",
                   "--max-header-bytes", "65536", *options, data]
        return self.start(name, command, port=port, ready=lambda url: http("GET", url + "/", timeout=2)[0] > 0)

    def toxiproxy(self, name="toxiproxy", port=None):
        server = self.start(name, [GO_BIN / "toxiproxy-server", "-host", "127.0.0.1", "-port", "{port}"], port=port,
                            ready=lambda url: http("GET", url + "/version", timeout=2)[0] == 200)
        return Toxiproxy(server)

    def fakeaws(self, name="fakeaws", port=None, options=()):
        command = [sys.executable, ROOT / "tests" / "lib" / "fakeaws.py", "--port", "{port}", *options]
        return self.start(name, command, port=port,
                          ready=lambda url: http("GET", url + "/_fake/health", timeout=2)[0] == 200)


class Toxiproxy:
    """Proxies of one toxiproxy server. toxic("s3", "limit_data", bytes=4096) makes a proxy's downstream bad."""

    def __init__(self, server):
        self.server, self.url = server, server.url

    def _call(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        status, answer = http(method, self.url + path, body, {"Content-Type": "application/json"})
        if status >= 300:
            raise WorldError(f"toxiproxy {method} {path}: {status} {answer.decode(errors='replace')}")
        return json.loads(answer) if answer else None

    def proxy(self, name, upstream):
        """A proxy in front of a Server (or host:port); answers its URL."""
        address = upstream.address if isinstance(upstream, Server) else upstream
        made = self._call("POST", "/proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": address})
        return "http://" + made["listen"]

    def toxic(self, proxy, kind, stream="downstream", toxicity=1.0, **attributes):
        value = {"name": kind, "type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        return self._call("POST", f"/proxies/{proxy}/toxics", value)

    def cure(self, proxy, kind):
        self._call("DELETE", f"/proxies/{proxy}/toxics/{kind}")

    def enable(self, proxy, enabled):
        self._call("POST", f"/proxies/{proxy}", {"enabled": enabled})

    def reset(self):
        self._call("POST", "/reset", {})


def start_named(world, word):
    name, _, argument = word.partition("=")
    start = {"ministack": world.ministack, "moto": world.moto, "toxiproxy": world.toxiproxy,
             "fakeaws": world.fakeaws, "rclone": lambda: world.rclone(Path(argument).resolve())}.get(name)
    if not start:
        raise WorldError(f"no such server: {name}")
    print(f"{name}={start().url}")


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("start", "stop", "list"):
        print(__doc__, file=sys.stderr)
        return 2
    world = World(arguments[1], keep=True)
    try:
        if arguments[0] == "start":
            for word in arguments[2:]:
                start_named(world, word)
        elif arguments[0] == "stop":
            world.stop(*arguments[2:])
        else:
            for server in world.servers.values():
                print(f"{server.name}={server.url} pid {server.pid} log {server.log}")
    except WorldError as error:
        print(f"world: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
