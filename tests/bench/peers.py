"""What is measured: a mount of ctfs, and mounts of its peers, each fresh or warm as a row asks for it."""
import contextlib
import mmap
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "lib"), str(Path(__file__).resolve().parent)]
import data  # noqa: E402
from world import CACHE, GO_BIN, clean_environment  # noqa: E402

TOOLS = CACHE / "venv-bench" / "bin"
TOUCHED_BYTES = 2 << 30
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "not-a-secret"      # the server takes any


class BenchError(Exception):
    """Something did not run that has to."""


def run(command, environment=None, timeout=600):
    """A list, or a string by bash; answers its output. Raises when it fails."""
    argv = ["bash", "-c", "set -o pipefail; " + command] if isinstance(command, str) else [str(word) for word in command]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                          env=environment or clean_environment())
    if done.returncode:
        raise BenchError(f"{command}: status {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode(errors="replace")


def timed(command, environment=None):
    begun = time.monotonic()
    out = run(command, environment)
    return time.monotonic() - begun, out


def touch_memory(count):
    """A virtual machine may have given its free pages back to its host: whoever touches them first pays for that, and not
    the one that is measured."""
    with mmap.mmap(-1, count) as memory:
        for at in range(0, count, mmap.PAGESIZE):
            memory[at] = 1


def drop_caches(keep=()):
    """Empties the page cache, then reads what the server serves from (KEEP): it stands for S3, which is never cold."""
    os.sync()
    command = "echo 3 >/proc/sys/vm/drop_caches"
    run(command if os.geteuid() == 0 else f"sudo -n sh -c '{command}'")
    touch_memory(TOUCHED_BYTES)
    for path in keep:
        with open(path, "rb") as read:
            while read.read(1 << 20):
                pass


def is_mounted(path):
    return any(line.split()[1] == str(path) for line in Path("/proc/mounts").read_text().splitlines())


def wait_mounted(path, process=None):
    end = time.monotonic() + 60
    while not is_mounted(path):
        if time.monotonic() > end or (process and process.poll() is not None):
            raise BenchError(f"nothing was mounted on {path}")
        time.sleep(0.005)


def unmount(path):
    for _ in range(50):
        if not is_mounted(path):
            return
        if subprocess.run(["fusermount3", "-u", path], capture_output=True).returncode:
            time.sleep(0.1)
    subprocess.run(["fusermount3", "-uz", path], capture_output=True)


class Mounted:
    """A mount point under `work` with a program on it; `with` unmounts."""

    name = ""

    def __init__(self, bench):
        self.bench = bench
        self.path = bench.work / f"mnt-{self.name}"
        self.path.mkdir(exist_ok=True)
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    def __truediv__(self, name):
        return self.path / name

    def environment(self):
        return clean_environment(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="us-east-1",
                                 AWS_EC2_METADATA_DISABLED="true")

    def spawn(self, command):
        log = open(self.bench.work / f"{self.name}.log", "ab")
        with log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment(), start_new_session=True)
        wait_mounted(self.path, self.process)

    def stop(self):
        unmount(self.path)
        if self.process:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


class Ctfs(Mounted):
    """ctfs on s3://BUCKET/PREFIX/REPORT in direct mode. Fresh: without state and cache. settings: as of -o."""

    name = "ctfs"

    def __init__(self, bench, prefix, fresh=True, **settings):
        super().__init__(bench)
        self.prefix = prefix
        self.settings = {f"CTFS_{name.upper()}": value for name, value in settings.items()}
        if fresh:
            self.forget()

    def forget(self):
        for folder in ("state", "cache"):
            shutil.rmtree(self.bench.work / folder, ignore_errors=True)

    def environment(self):
        return {**super().environment(), "AWS_ENDPOINT_URL_S3": self.bench.url, "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
                "CTFS_STATE_DIR": str(self.bench.work / "state"), "CTFS_CACHE_DIR": str(self.bench.work / "cache"), **self.settings}

    def command(self, *options):
        return [self.bench.ctfs, "mount", *options, f"s3://{data.BUCKET}/{self.prefix}/{data.REPORT}", self.path]

    def start(self):
        """Up, and the month listed: whoever names an object by its URL has listed it too."""
        self.spawn(self.command("-f"))
        os.listdir(self.path / "cur")

    @property
    def report(self):
        return self.path / "cur" / data.MONTH / "report.csv"

    @property
    def parts(self):
        return self.path / "views" / data.MONTH / "parts"

    def resident_max_bytes(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise BenchError("no VmHWM")


class FuseAlone(Mounted):
    """A mount that does nothing for its one file's bytes (bench_fuse.c), with the read-ahead that ctfs asks for."""

    name = "fuse"

    def start(self):
        program = self.bench.ctfs.parents[1] / "tests" / "bench" / "bench_fuse"
        self.spawn([program, self.path, self.bench.data.plain_bytes])
        device = os.stat(self.path).st_dev
        with contextlib.suppress(PermissionError):
            Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb").write_text("1024")

    @property
    def report(self):
        return self.path / "file"


class S3fs(Mounted):
    name = "s3fs"

    def environment(self):
        return {**super().environment(), "AWSACCESSKEYID": KEY, "AWSSECRETACCESSKEY": SECRET}

    def command(self, *options):
        return ["s3fs", data.BUCKET, self.path, *options, "-o", f"url={self.bench.url},use_path_request_style,ro"]

    def start(self):
        self.spawn(self.command("-f"))
        os.listdir(self.path)


class Rclone(Mounted):
    name = "rclone"

    def environment(self):
        return {**super().environment(), "RCLONE_S3_ACCESS_KEY_ID": KEY, "RCLONE_S3_SECRET_ACCESS_KEY": SECRET,
                "RCLONE_S3_ENDPOINT": self.bench.url, "RCLONE_S3_PROVIDER": "Other", "RCLONE_CONFIG": "/dev/null"}

    def start(self):
        self.spawn([GO_BIN / "rclone", "mount", "--read-only", "--cache-dir", self.bench.work / "rclone-cache",
                    f":s3:{data.BUCKET}", self.path])
        os.listdir(self.path)


class Ratarmount(Mounted):
    """Over a local gzip file, decompressed by rapidgzip; its index is made anew, and `index_s` says how long that took."""

    name = "ratarmount"

    def __init__(self, bench, local):
        super().__init__(bench)
        self.local, self.index_s = local, 0

    def start(self):
        self.index_s, _ = timed([TOOLS / "ratarmount", "--recreate-index", "--index-file", ":memory:", "-P", "0", self.local, self.path])
        wait_mounted(self.path)

    @property
    def report(self):
        (only,) = self.path.iterdir()
        return only
