"""The rows of the bench: what is compared with what, from which state, and the goal.

A row gives contenders, functions without arguments that bring about their own state and answer seconds (or a dict of
metrics); goals over the medians; and for the short form checks, that raise when bytes are wrong. "Cold" is a mount without
state and cache, and an empty page cache but for what the server serves; "on disk" is a remount with all objects kept.
"""
import hashlib
import os
import random
import re
import subprocess
import time

import data
from peers import BenchError, Ctfs, FuseAlone, Ratarmount, Rclone, S3fs, TOOLS, drop_caches, run, timed

MIB = 1 << 20
IGZIP, ZCAT = "curl | igzip -dc", "curl | zcat"
ALONE = "FUSE alone, bytes from nowhere"
RANDOM_READS, RANDOM_BYTES = 1000, 4096


class Goal:
    """FIRST at most LIMIT times SECOND (both (contender, metric)), or at most LIMIT where there is no second."""

    def __init__(self, first, second, limit, metric="s"):
        self.first, self.second, self.limit, self.metric = first, second, limit, metric
        self.what = f"{first} / {second}" if second else f"{first}, {metric}"

    def value(self, middle):
        over = middle[self.first][self.metric]
        return over / middle[self.second][self.metric] if self.second else over


class Row:
    name = title = ""
    rounds = 5
    goals = ()
    has_checks = False

    def make(self, bench):
        """The data that it needs beside the rows."""

    def contenders(self, bench):
        raise NotImplementedError

    def checks(self, bench):
        return {}


def sha256_of(command, environment=None):
    return run(f"{{ {command}; }} | sha256sum", environment).split()[0]


def expect(got, want, what):
    if got != want:
        raise BenchError(f"{what}: {str(got)[:200]}, not {str(want)[:200]}")


def curl(bench, *keys):
    """One object after another, as bytes of gzip members."""
    return " ".join(["curl -sf", *[f"'{bench.url_of(key)}'" for key in keys]])


def aws(bench, key):
    return f"'{TOOLS}/aws' --endpoint-url {bench.url} s3 cp 's3://{data.BUCKET}/{key}' -"


def objects(bench, keys):
    return [bench.data.object(key) for key in keys]


def by_fuse_alone(bench):
    """Seconds of the first and the second cat of as many bytes, from a mount that does nothing for them."""
    drop_caches()
    with FuseAlone(bench) as mount:
        return [timed(f"cat '{mount.report}' >/dev/null")[0] for _ in range(2)]


class ColdOne(Row):
    name, title = "cold-one", "cold cat of a report in one part"
    goals = (Goal("ctfs", IGZIP, 1.5), Goal("ctfs", IGZIP, 1.15), Goal("ctfs", "aws s3 cp - | zcat", 0.25),
             *[Goal("ctfs", peer, 1) for peer in ("rclone mount, zcat", "rclone mount, igzip", "s3fs, zcat", "s3fs, igzip")])
    has_checks = True

    def pipes(self, bench):
        (key,) = bench.data.one
        found = {IGZIP: f"{curl(bench, key)} | igzip -dc", ZCAT: f"{curl(bench, key)} | zcat"}
        if not bench.short:
            found["aws s3 cp - | zcat"] = f"{aws(bench, key)} | zcat"
        return found

    def mounts(self, bench):
        (key,) = bench.data.one
        return {f"{label}, {tool}": (peer, f"{command} '{{}}/{key}'") for label, peer in (("rclone mount", Rclone), ("s3fs", S3fs))
                for tool, command in (("zcat", "zcat"), ("igzip", "igzip -dc"))}

    def contenders(self, bench):
        kept = objects(bench, bench.data.one)

        def by_pipe(command):
            drop_caches(kept)
            with Ctfs(bench, f"{data.PREFIX}-one") as mount:                # for the environment alone
                return timed(f"{command} >/dev/null", mount.environment())[0]

        def by_mount(peer, command):
            drop_caches(kept)
            with peer(bench) as mount:
                return timed(f"{command.format(mount.path)} >/dev/null")[0]

        def by_ctfs():
            drop_caches(kept)
            with Ctfs(bench, f"{data.PREFIX}-one") as mount:
                return timed(f"cat '{mount.report}' >/dev/null")[0]

        return {"ctfs": by_ctfs, ALONE: lambda: by_fuse_alone(bench)[0],
                **{name: lambda c=command: by_pipe(c) for name, command in self.pipes(bench).items()},
                **{name: lambda a=each: by_mount(*a) for name, each in self.mounts(bench).items()}}

    def checks(self, bench):
        def by_ctfs():
            with Ctfs(bench, f"{data.PREFIX}-one") as mount:
                expect(mount.report.stat().st_size, bench.data.plain_bytes, "size")
                expect(sha256_of(f"cat '{mount.report}'"), bench.data.sha256, "bytes")
                expect(sha256_of(f"cat '{mount.report}'"), bench.data.sha256, "bytes, again")

        def by_mount(peer, command):
            with peer(bench) as mount:
                expect(sha256_of(command.format(mount.path)), bench.data.sha256, "bytes")

        return {"ctfs": by_ctfs, **{name: lambda c=command: expect(sha256_of(c), bench.data.sha256, "bytes")
                                    for name, command in self.pipes(bench).items()},
                **{name: lambda a=each: by_mount(*a) for name, each in self.mounts(bench).items() if "igzip" in name}}


class ColdMany(Row):
    name, title = "cold-many", "cold cat of the same report in 8 parts, against its parts one after another"
    goals = (Goal("ctfs", IGZIP, 0.75),)
    has_checks = True

    def one_by_one(self, bench):
        return "; ".join(f"{curl(bench, key)} | igzip -dc" for key in bench.data.many)

    def contenders(self, bench):
        kept = objects(bench, bench.data.many)

        def by_pipes():
            drop_caches(kept)
            return timed(f"{{ {self.one_by_one(bench)}; }} >/dev/null")[0]

        def by_ctfs():
            drop_caches(kept)
            with Ctfs(bench, f"{data.PREFIX}-many") as mount:
                return timed(f"cat '{mount.report}' >/dev/null")[0]

        return {"ctfs": by_ctfs, IGZIP: by_pipes}

    def checks(self, bench):
        def by_ctfs():
            with Ctfs(bench, f"{data.PREFIX}-many") as mount:
                expect(sha256_of(f"cat '{mount.report}'"), bench.data.sha256, "bytes of report.csv")
                for path, key in zip(bench.data.parts, bench.data.many):
                    name = os.path.basename(key).removesuffix(".gz")
                    expect(data.sha256_of(mount.parts / name), data.sha256_of(path), name)

        def by_pipes():
            command = f"{{ {self.one_by_one(bench)}; }} | awk 'NR == 1 || !/^identity\\/LineItemId,/'"
            expect(sha256_of(command), bench.data.sha256, "bytes")

        return {"ctfs": by_ctfs, IGZIP: by_pipes}


class Head(Row):
    name, title = "head", "head -1 of a report, its month listed and nothing read"
    rounds = 15
    goals = (Goal("ctfs", "curl -r | zcat | head -1", 1.5),)
    has_checks = True

    def pipe(self, bench):
        return f"curl -sf -r 0-65535 '{bench.url_of(bench.data.one[0])}' | zcat 2>/dev/null | head -1"

    def contenders(self, bench):
        kept = objects(bench, bench.data.one)

        def by_pipe():
            drop_caches(kept)
            run("curl --version | zcat -f | head -1")                      # the programs themselves
            return timed(f"{self.pipe(bench)} || true")[0]

        def by_ctfs():
            drop_caches(kept)
            with Ctfs(bench, f"{data.PREFIX}-one") as mount:
                os.listdir(mount.path / "cur" / data.MONTH)
                run("head -1 /dev/null")
                return timed(f"head -1 '{mount.report}'")[0]

        return {"ctfs": by_ctfs, "curl -r | zcat | head -1": by_pipe}

    def checks(self, bench):
        def by_ctfs():
            with Ctfs(bench, f"{data.PREFIX}-one") as mount:
                expect(run(f"head -1 '{mount.report}'").encode(), data.header(), "the first line")

        return {"ctfs": by_ctfs, "curl -r": lambda: expect(run(f"{{ {self.pipe(bench)}; }} || true").encode(), data.header(), "the first line")}


class Second(Row):
    name, title = "second", "second cat, against cat of a plain local copy in the page cache"
    goals = (Goal("ctfs", "cat of a local copy", 1.2),)

    def contenders(self, bench):
        def by_ctfs():
            with Ctfs(bench, f"{data.PREFIX}-one") as mount:
                run(f"cat '{mount.report}' >/dev/null")
                return timed(f"cat '{mount.report}' >/dev/null")[0]

        def local():
            run(f"cat '{bench.data.plain}' >/dev/null")
            return timed(f"cat '{bench.data.plain}' >/dev/null")[0]

        return {"ctfs": by_ctfs, "cat of a local copy": local, ALONE: lambda: by_fuse_alone(bench)[1]}


def keep_objects(bench, prefix):
    """A cache with every object of the report on disk, and whatever a first pass leaves."""
    with Ctfs(bench, prefix) as mount:
        run(f"cat '{mount.report}' >/dev/null")


class Remount(Row):
    name, title = "remount", "cat after a remount, objects on disk, page cache dropped, against igzip -dc of the local object"
    goals = (Goal("ctfs", "igzip -dc of the object", 0.7),)
    has_checks = True

    def contenders(self, bench):
        keep_objects(bench, f"{data.PREFIX}-one")
        (key,) = bench.data.one

        def by_ctfs():
            drop_caches()
            with Ctfs(bench, f"{data.PREFIX}-one", fresh=False) as mount:
                return timed(f"cat '{mount.report}' >/dev/null")[0]

        def local():
            drop_caches()
            return timed(f"igzip -dc '{bench.data.object(key)}' >/dev/null")[0]

        return {"ctfs": by_ctfs, "igzip -dc of the object": local, ALONE: lambda: by_fuse_alone(bench)[0]}

    def checks(self, bench):
        def by_ctfs():
            keep_objects(bench, f"{data.PREFIX}-one")
            with Ctfs(bench, f"{data.PREFIX}-one", fresh=False) as mount:
                expect(sha256_of(f"cat '{mount.report}'"), bench.data.sha256, "bytes")

        return {"ctfs": by_ctfs}


def places(bench, count=RANDOM_READS):
    draw = random.Random("places")
    return [draw.randrange(bench.data.plain_bytes - RANDOM_BYTES) for _ in range(count)]


def read_places(path, offsets, each=None):
    """Seconds of each read, in order of length."""
    seconds = []
    fd = os.open(path, os.O_RDONLY)
    try:
        for off in offsets:
            begun = time.monotonic()
            got = os.pread(fd, RANDOM_BYTES, off)
            seconds.append(time.monotonic() - begun)
            if each:
                each(off, got)
    finally:
        os.close(fd)
    return sorted(seconds)


def percentiles(seconds):
    return {"p50 ms": seconds[len(seconds) // 2] * 1e3, "p99 ms": seconds[len(seconds) * 99 // 100] * 1e3}


class Random(Row):
    name, title = "random", f"{RANDOM_READS} reads of 4 KiB at random places, object on disk, page cache dropped"
    rounds = 3
    goals = (Goal("ctfs", None, 3, "p50 ms"), Goal("ctfs", None, 10, "p99 ms"), Goal("ctfs", "ratarmount", 0.2, "p50 ms"))
    has_checks = True

    def contenders(self, bench):
        keep_objects(bench, f"{data.PREFIX}-one")

        def by_ctfs():
            drop_caches()
            with Ctfs(bench, f"{data.PREFIX}-one", fresh=False) as mount:
                return percentiles(read_places(mount.report, places(bench)))

        def by_ratarmount():
            drop_caches()
            with Ratarmount(bench, bench.data.object(bench.data.one[0])) as mount:
                return percentiles(read_places(mount.report, places(bench)))

        return {"ctfs": by_ctfs, "ratarmount": by_ratarmount}

    def checks(self, bench):
        def by_ctfs():
            with open(bench.data.plain, "rb") as plain, Ctfs(bench, f"{data.PREFIX}-one") as mount:
                read_places(mount.report, places(bench, 40),
                            lambda off, got: expect(got, os.pread(plain.fileno(), RANDOM_BYTES, off), f"bytes at {off}"))

        return {"ctfs": by_ctfs}


class Listing(Row):
    name, title = "ls-lR", "ls -lR of 36 months of 50 parts: of ctfs cur/ and raw/, every size true"
    rounds = 3
    goals = (Goal("ctfs, cold", "s3fs, cold", 1), Goal("ctfs, warm", "rclone, warm", 0.5))
    has_checks = True

    def make(self, bench):
        self.prefix = data.many_months(bench.data, 6, 10) if bench.short else data.many_months(bench.data)

    def contenders(self, bench):
        prefix = self.prefix
        warm = {}
        kept = sorted((bench.data.root / data.BUCKET / prefix).rglob("*.csv.gz"))

        def twice(label, mount, command):
            drop_caches(kept)
            with mount:
                cold = timed(command.format(mount.path))[0]
                warm[label] = timed(command.format(mount.path))[0]
            return cold

        def requests():
            """What no mount that shows true sizes can do without: each part's beginning and its end."""
            config = bench.work / "requests.curl"
            config.write_text("next\n".join(
                f'url = "{bench.url}/{path.relative_to(bench.data.root)}"\nrange = {part}\noutput = /dev/null\n'
                for path in kept for part in ("0-16383", "-8")))
            drop_caches(kept)
            return timed(f"curl -sf -Z --parallel-max 32 -K '{config}' 2>/dev/null")[0]

        whole = "ls -lR '{}' >/dev/null"
        return {"curl -Z, the parts' beginnings and ends": requests,
                "ctfs, cold": lambda: twice("ctfs", Ctfs(bench, prefix), "cd '{}' && ls -lR cur/[0-9]* raw >/dev/null"),
                "s3fs, cold": lambda: twice("s3fs", S3fs(bench), whole.format("{}/" + prefix)),
                "rclone, cold": lambda: twice("rclone", Rclone(bench), whole.format("{}/" + prefix)),
                "ctfs, warm": lambda: warm["ctfs"], "s3fs, warm": lambda: warm["s3fs"], "rclone, warm": lambda: warm["rclone"]}

    def checks(self, bench):
        def by_ctfs():
            prefix = self.prefix
            with Ctfs(bench, prefix) as mount:
                listed = run(f"cd '{mount.path}' && ls -lR cur/[0-9]* raw")
                sizes = [int(size) for size in re.findall(r"^-\S+ +\d+ \S+ +\S+ +(\d+) .* report\.csv$", listed, re.M)]
                piece = next((bench.data.root / data.BUCKET / prefix).rglob("*.csv.gz"))
                plain = int(run(f"zcat '{piece}' | wc -c"))
                expect(sizes, [plain + 9 * (plain - len(data.header()))] * 6, "sizes of report.csv")
                expect(len(re.findall(rf" {piece.stat().st_size} .*\.csv\.gz$", listed, re.M)), 60, "parts in raw/")

        return {"ctfs": by_ctfs}


class Grep(Row):
    name, title = "grep", "grep -c over 8 files by xargs -P2, cold, against plain local files, and igzip's time for the parts by 2"
    goals = (Goal("ctfs", "local, and half of igzip", 1.1),)
    pattern = "TimedStorage-ByteHrs"
    has_checks = True

    def command(self, files):
        return f"printf '%s\\0' {' '.join(repr(str(path)) for path in files)} | xargs -0 -n1 -P2 grep -hc '{self.pattern}'"

    def names(self, bench):
        return [os.path.basename(key).removesuffix(".gz") for key in bench.data.many]

    def contenders(self, bench):
        kept = objects(bench, bench.data.many)

        def by_ctfs():
            drop_caches(kept)
            with Ctfs(bench, f"{data.PREFIX}-many") as mount:
                return timed(self.command([mount.parts / name for name in self.names(bench)]))[0]

        def local():
            run(f"cat {' '.join(map(str, bench.data.parts))} >/dev/null")
            plain = timed(self.command(bench.data.parts))[0]
            igzip = timed(f"for f in {' '.join(map(str, kept))}; do igzip -dc $f >/dev/null; done")[0]
            return plain + igzip / 2

        return {"ctfs": by_ctfs, "local, and half of igzip": local}

    def checks(self, bench):
        def by_ctfs():
            with Ctfs(bench, f"{data.PREFIX}-many") as mount:
                got = run(self.command([mount.parts / name for name in self.names(bench)]))
                expect(sorted(got.split()), sorted(run(self.command(bench.data.parts)).split()), "counts")

        return {"ctfs": by_ctfs}


class MountTime(Row):
    name, title = "mount", "from the mount command to an answered ls, warm cache"
    rounds = 11
    goals = (Goal("ctfs", "s3fs", 1),)

    def contenders(self, bench):
        keep_objects(bench, f"{data.PREFIX}-one")

        def until_ls(mount, command):
            try:
                return timed(f"{' '.join(map(str, command))} && ls '{mount.path}' >/dev/null", mount.environment())[0]
            finally:
                mount.stop()
                while subprocess.run(["pgrep", "-f", f"{command[0]}.*{mount.path}"], capture_output=True).returncode == 0:
                    time.sleep(0.02)

        def by_ctfs():
            mount = Ctfs(bench, f"{data.PREFIX}-one", fresh=False)
            return until_ls(mount, mount.command())

        def by_s3fs():
            mount = S3fs(bench)
            return until_ls(mount, mount.command())

        return {"ctfs": by_ctfs, "s3fs": by_s3fs}


class Memory(Row):
    name, title = "memory", "the most memory resident, MiB"
    rounds = 1
    goals = tuple(Goal(name, None, 128, "MiB") for name in ("64 readers of different parts", "64 readers, nothing kept", "a part past 4 GiB", "a gzip of zeros"))
    zeros_s = 120

    def make(self, bench):
        self.parts, self.large, self.zeros = data.many_parts(bench.data), data.large_part(bench.data), data.zeros_part(bench.data)

    def contenders(self, bench):
        def resident(prefix, command, **settings):
            drop_caches()
            with Ctfs(bench, prefix, **settings) as mount:
                begun = time.monotonic()
                run(command(mount))
                return {"MiB": mount.resident_max_bytes() / MIB, "s": time.monotonic() - begun}

        def readers(mount):
            return f"ls '{mount.parts}'/* | xargs -P64 -n1 cat >/dev/null"

        def zeros(mount):
            return f"timeout {self.zeros_s} cat '{mount.report}' >/dev/null || [[ $? = 124 ]]"

        return {"64 readers of different parts": lambda: resident(self.parts, readers),
                "64 readers, nothing kept": lambda: resident(self.parts, readers, cache_size="0"),
                "a part past 4 GiB": lambda: resident(self.large, lambda mount: f"cat '{mount.report}' >/dev/null"),
                "a gzip of zeros": lambda: resident(self.zeros, zeros)}


ROWS = [ColdOne(), ColdMany(), Head(), Second(), Remount(), Random(), Listing(), Grep(), MountTime(), Memory()]
