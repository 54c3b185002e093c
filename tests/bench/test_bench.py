#!/usr/bin/env python3
"""What scripts/bench does beside measuring: --list and --help leave the machine as it is, and a missed goal is not hidden."""
import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import bench  # noqa: E402
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


class Row:
    """Two contenders of which the first took RATIO times as long; none: a row that fails."""

    title, rounds, has_checks = "a row", 1, False

    def __init__(self, name, ratio, second="b"):
        self.name, self.ratio = name, ratio
        self.goals = (rows.Goal("a", second, 1.2),)

    def contenders(self, _):
        return {"a": lambda: 1.0 * self.ratio, "b": lambda: 1.0}


def run_long(*chosen):
    """(status, what was printed)"""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        status = bench.run_long(None, chosen, bench.parse([]))
    return status, out.getvalue()


def a_missed_goal_is_the_status():
    status, said = run_long(Row("good", 1.1), Row("just", 1.2))
    assert (status, said.splitlines()[-1]) == (0, "goals missed: 0"), said
    status, said = run_long(Row("good", 1.1), Row("slow", 1.5), Row("broken", None), Row("lost", 1, "nobody"))
    assert status == 1 and "\ngoals missed: 3\n" in said, said
    listed = said.split("goals missed: 3\n")[1]
    for line in ("slow: a / b: 1.5, goal ≤ 1.2", "broken: ", "lost: a / nobody: not measured, goal ≤ 1.2"):
        assert f"  {line}" in listed, listed
    assert "good" not in listed, listed


if __name__ == "__main__":
    a_missed_goal_is_the_status()
    words_alone_install_nothing()
