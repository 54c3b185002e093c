"""What mount tests are written with: a mount of ctfs, real tools, named cases.

    from harness import Mount, case, main, run, check

    @case("SEMANTICS 4.1: cat gives what zcat gives")
    def cat(work): …                 # work is a fresh folder; an exception fails the case

    main()                           # runs all cases, or those whose name holds one of the arguments
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "scripts" / "lib")]
VENV_PYTHON = Path(os.environ.get("CTFS_DEV_CACHE", ROOT / ".cache")) / "venv" / "bin" / "python3"
if Path(sys.prefix) != VENV_PYTHON.parents[1] and VENV_PYTHON.exists():
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])

from pace import Pace, TooLate  # noqa: E402,F401
from world import World, clean_environment, dead_address, http  # noqa: E402,F401

PROGRAM = Path(os.environ.get("CTFS_PROGRAM", ROOT / "build" / "cli" / "ctfs"))
# Ignored where the tests were started in the background; a shell that starts so can never take it back.
signal.signal(signal.SIGINT, signal.default_int_handler)
BAD_LOG = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "Assertion `", "assertion failed",
           "SECRET-CANARY")
cases = []


class Failed(AssertionError):
    """A check of a test did not hold."""


def case(name):
    """Marks a function as a case; it is called with a fresh folder."""
    def mark(function):
        cases.append((name, function))
        return function
    return mark


def check(condition, *said):
    if not condition:
        raise Failed(" ".join(str(each) for each in said) or "check failed")


def same(got, want, what=""):
    if got != want:
        raise Failed(f"{what}: got {str(got)[:600]!r}, want {str(want)[:600]!r}")


def run(command, timeout=240, env=None, cwd=None, stdin=None):
    """Runs a list, or a string by bash; answers CompletedProcess with bytes. Never raises for an exit status."""
    argv = ["bash", "-c", command] if isinstance(command, str) else [str(word) for word in command]
    kept = env if env is not None else clean_environment()
    return subprocess.run(argv, capture_output=True, timeout=timeout, env=kept, cwd=cwd,
                          **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}))


def wait_until(condition, within_s=60.0, what="the condition"):
    """For what comes in the end, however busy the machine: the limit ends a test that hangs. What is promised within a time is
    for Pace."""
    end = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"{what} did not come within {within_s} s")
        time.sleep(0.02)


def aws_environment(url, key, secret, token=None, **more):
    values = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
              "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", **more}
    return values | ({"AWS_SESSION_TOKEN": token} if token else {})


class Mount:
    """ctfs in the foreground on a mount point under `work`, with a log. Stopping checks status, log and mount table.

    environment: AWS_… and CTFS_… names; options: -o settings; source: s3://B/P/R for direct mode. The same `work` given
    again mounts with the same state and cache (state= and cache= name others).
    """

    def __init__(self, work, environment=None, options=None, source=None, name="mnt", state="state", cache="cache"):
        self.work, self.source = Path(work), source
        self.path = self.work / name
        self.log = self.work / f"{name}.log"
        self.environment = clean_environment(**(environment or {}), ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", ""))
        self.options = {"state_dir": str(self.work / state), "cache_dir": str(self.work / cache), "log_level": "debug",
                        **(options or {})}
        self.process, self.mark = None, 0

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *rest):
        self.stop(checked=kind is None)

    def __truediv__(self, name):
        return self.path / name

    def command(self):
        settings = ",".join(name if value is True else f"{name}={value}" for name, value in self.options.items())
        return [PROGRAM, "mount", "-f", "-o", settings, *([self.source] if self.source else []), self.path]

    def mounted(self):
        return any(line.split()[1] == str(self.path) for line in Path("/proc/mounts").read_text().splitlines())

    def start(self, within_s=60):
        with contextlib.suppress(FileExistsError):  # a dead mount there cannot be asked whether it is a folder
            self.path.mkdir(parents=True)
        self.mark = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            self.process = subprocess.Popen([str(word) for word in self.command()], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, env=self.environment, cwd=self.work, start_new_session=True)
        end = time.monotonic() + within_s
        while not self.mounted():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise Failed(f"ctfs did not mount (status {self.process.poll()}):\n{self.log_text()[-3000:]}")
            time.sleep(0.01)
        return self

    def log_text(self):
        with self.log.open("rb") as log:
            log.seek(self.mark)
            return log.read().decode(errors="replace")

    def kill(self):
        """kill -9, and the dead mount detached."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        subprocess.run(["fusermount3", "-uz", self.path], capture_output=True)

    def wait(self, pace, within_s=2.0):
        """Its exit status, within that time of the moment from which PACE counts."""
        try:
            pace.wait(lambda: self.process.poll() is not None, within_s, "ctfs's end")
        except TooLate as error:
            self.kill()
            raise Failed(f"{error}; log:\n{self.log_text()[-3000:]}") from None
        return self.process.returncode

    def stop(self, within_s=2.0, number=signal.SIGTERM, checked=True):
        if self.process is None:
            return
        pace = Pace(self.process.pid)
        self.process.send_signal(number)
        status = self.wait(pace, within_s if checked else 10)
        left = self.mounted()
        if left:
            subprocess.run(["fusermount3", "-uz", self.path], capture_output=True)
        self.process = None
        if checked:
            same(status, 0, f"ctfs's exit status; log:\n{self.log_text()[-3000:]}\n")
            check(not left, "ctfs left its mount point mounted")
            for bad in BAD_LOG:
                check(bad not in self.log_text(), f"{bad!r} in the log:\n{self.log_text()[-6000:]}")

    def status(self):
        return json.loads((self.path / "status.json").read_text())


def run_case(name, function):
    with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_WORK"), ignore_cleanup_errors=True) as folder:
        try:
            function(Path(folder))
            print(f"ok {name}", flush=True)
            return True
        except subprocess.TimeoutExpired as error:
            print(f"FAILED {name}\n{error}", flush=True)
        except Exception:
            print(f"FAILED {name}", flush=True)
            traceback.print_exc(file=sys.stdout)
    return False


def main():
    wanted = sys.argv[1:]
    chosen = [(name, function) for name, function in cases if not wanted or any(each in name for each in wanted)]
    results = [run_case(name, function) for name, function in chosen]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not results or not all(results))
