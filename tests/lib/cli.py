"""The command line as its user has it: state and cache under one folder, an environment without AWS's or ctfs's names.

    cli = Cli(work, AWS_ENDPOINT_URL=…)
    cli("mount", point)                       # checks the exit status, 0 unless status= says otherwise
    with cli.background(point, "-o", "…"):    # mounts in the background; at the end unmounts and waits for it
"""
import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from harness import PROGRAM, check, clean_environment, same

NO_METADATA = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent/config",
               "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials"}


def mount_table():
    """[(point, type, source, options)], blanks and the like in names as they are."""
    rows = []
    for line in Path("/proc/self/mounts").read_bytes().splitlines():
        source, point, kind, options = line.split(b" ")[:4]
        rows.append((os.fsdecode(point.decode("unicode_escape").encode("latin-1")), kind.decode(), source.decode(),
                     options.decode().split(",")))
    return rows


def reachable_program(work):
    """A copy of ctfs that other users can run, wherever the one that is tested lies, /root too."""
    for path in (work, work.parent):
        path.chmod(0o755)
    return shutil.copy(PROGRAM, work / "ctfs")


class Cli:
    def __init__(self, work, **environment):
        self.work = Path(work)
        own = {"HOME": str(work), "CTFS_STATE_DIR": str(self.work / "state"), "CTFS_CACHE_DIR": str(self.work / "cache")}
        own["ASAN_OPTIONS"] = f"{os.environ.get('ASAN_OPTIONS', '')}:log_path={self.work}/sanitizer"
        self.env = clean_environment(**{**own, **NO_METADATA, **environment})

    def __call__(self, *words, status=0, timeout=60, cwd=None, stdin=None, program=PROGRAM, **more):
        env = {name: value for name, value in {**self.env, **more}.items() if value is not None}
        done = subprocess.run([program, *map(os.fspath, words)], env=env, capture_output=True, text=True,
                              timeout=timeout, cwd=cwd or self.work,
                              **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}))
        same(done.returncode, status, f"ctfs {words}: {done.stdout[-600:]} {done.stderr[-900:]}")
        self.check_sanitizer()
        return done

    def check_sanitizer(self):
        """What a sanitizer had to say of any process, a daemon without a stderr too."""
        for path in self.work.glob("sanitizer.*"):
            check(False, path.read_text(errors="replace")[:6000])

    def says(self, text, *words, status=1, **more):
        """Fails with that status, TEXT on stderr."""
        done = self(*words, status=status, **more)
        check(text in done.stderr, f"ctfs {words} does not say {text!r}:", done.stderr)
        return done

    @contextlib.contextmanager
    def background(self, point, *words, **more):
        done = self("mount", *words, point, **more)
        same(done.stdout, "", "a mount's stdout")
        try:
            yield Path(point)
            self("umount", point)
            same([row for row in mount_table() if row[:2] == (os.fspath(point), "fuse.ctfs")], [], "left mounted")
        finally:
            if any(row[:2] == (os.fspath(point), "fuse.ctfs") for row in mount_table()):
                subprocess.run(["umount", "-l", point], check=False)
