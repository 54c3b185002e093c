#!/usr/bin/env python3
"""What scripts/bench does without measuring: --list and --help leave the machine as it is."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import rows  # noqa: E402

SCRIPT = HERE.parents[1] / "scripts" / "bench"
INSTALLERS = ("apt-get", "dpkg-query", "sudo", "meson", "ninja", "go", "pip", "flock", "mktemp")


def words_alone_install_nothing():
    with tempfile.TemporaryDirectory() as work:
        programs, cache = Path(work, "bin"), Path(work, "cache")
        programs.mkdir()
        for name in INSTALLERS:
            (programs / name).write_text(f"#!/bin/sh\necho {name} >> {work}/called\nexit 1\n")
            (programs / name).chmod(0o755)
        for words, said in ((["--list"], [row.name for row in rows.ROWS]), (["--help"], ["--rounds", "--list"]),
                            (["--short", "--list"], ["cold-one"]), (["-h"], ["usage: scripts/bench"])):
            done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, timeout=60, env={
                **os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "CTFS_DEV_CACHE": str(cache)})
            assert done.returncode == 0, (words, done)
            assert all(each in done.stdout for each in said), (words, done.stdout)
            assert not cache.exists() and not Path(work, "called").exists(), f"{words} set something up"


if __name__ == "__main__":
    words_alone_install_nothing()
