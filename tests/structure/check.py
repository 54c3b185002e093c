#!/usr/bin/env python3
"""Keeps the tree's shape: which room may include which, where foreign headers may appear, headers that compile alone,
lengths of functions and files, and that every source is built.

usage: check.py ROOT COMPILER...
"""

import pathlib
import re
import subprocess
import sys

# A room includes itself and what stands here, so that the arrows go one way.
ROOMS = {
    "base": set(),
    "aws": {"base"},
    "cache": {"base"},
    "model": {"base", "aws", "cache"},
    "fs": {"base", "model"},
    "cli": {"base", "model", "fs"},
}
# Foreign headers and the one room that may see them.
FOREIGN = [
    (re.compile(r"^(fuse3?/|fuse(_\w+)?\.h$)"), "fs"),
    (re.compile(r"^sqlite3"), "cache"),
    (re.compile(r"^(zlib\.h|isa-l|igzip_lib\.h)"), "cache"),
    (re.compile(r"^curl/"), "aws"),
]
# What waits until a time, or asks for the wall clock's: base/clock.c alone does.
TIMED_WAIT = re.compile(r"\b(CLOCK_REALTIME|pthread_(mutex|rwlock|cond)_timed\w+|(sem|mq)_timed\w+|(mtx_timedlock|cnd_timedwait))\b")
CLOCKS_OWN = {"CLOCK_REALTIME", "pthread_cond_timedwait"}
FUNCTION_LINES_MAX = 80
FILE_LINES_MAX = 800
EXCUSE = "Long because"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
PACKAGES = ["fuse3", "libcurl", "libcrypto", "libcjson", "sqlite3", "expat", "zlib"]


def check_include(room, kind, name):
    """The reason why a file of ROOM may not include NAME, or None."""
    if kind == "<":
        for pattern, owner in FOREIGN:
            if pattern.search(name) and room != owner:
                return f"<{name}> belongs in {owner}/ alone"
        return None
    target = name.split("/")[0]
    if target not in ROOMS:
        return f'"{name}" does not begin with a room'
    if target != room and target not in ROOMS[room]:
        return f'"{name}": {room}/ does not include {target}/'
    return None


def check_includes(room, path, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        reason = match and check_include(room, *match.groups())
        if reason:
            yield f"{path}:{number}: {reason}"


def check_lengths(path, lines):
    """A function is what stands between a brace in the first column and the one that closes it there."""
    if len(lines) > FILE_LINES_MAX and EXCUSE not in "\n".join(lines[:40]):
        yield f"{path}: {len(lines)} lines and its head does not say why ({EXCUSE} ...)"
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            head = start
            while head > 0 and lines[head - 1].strip():
                head -= 1
            if number - start + 1 > FUNCTION_LINES_MAX and EXCUSE not in "\n".join(lines[head:start]):
                yield f"{path}:{start + 1}: a function of {number - start + 1} lines without '{EXCUSE}' above it"
            start = None


def check_clock(path, lines):
    """A duration is waited for by the monotonic clock: the wall clock may be set meanwhile."""
    own = CLOCKS_OWN if str(path) == "base/clock.c" else set()
    for number, line in enumerate(lines, 1):
        if (match := TIMED_WAIT.search(line)) and match[0] not in own:
            yield f"{path}:{number}: {match[0]}: clock_cond_wait waits by the monotonic clock"


def check_alone(root, path, command):
    source = f'#include "{path}"\n'
    result = subprocess.run([*command, "-x", "c", "-"], input=source, text=True, capture_output=True, cwd=root)
    if result.returncode:
        yield f"{path}: does not compile alone:\n{result.stderr}"


def check_built(root, folder):
    """Every source of FOLDER is named in its meson.build."""
    build = (root / folder / "meson.build").read_text()
    for source in sorted((root / folder).glob("*.c")):
        if f"'{source.name}'" not in build and f"'{source.stem}'" not in build:
            yield f"{folder}/{source.name}: not in {folder}/meson.build"


def foreign_flags():
    result = subprocess.run(["pkg-config", "--cflags", *PACKAGES], text=True, capture_output=True, check=True)
    return result.stdout.split()


def check_named(root, document):
    """Every source that DOCUMENT names is there."""
    text = (root / document).read_text()
    for name in sorted(set(re.findall(rf"`((?:{'|'.join(ROOMS)}|tests|scripts)/[a-z0-9_/]+(?:\.[a-z]+)?)`", text))):
        if not (root / name).exists():
            yield f"{document}: there is no {name}"


def check_tree(root, compiler):
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I."]
    command = [*compiler, *flags, *foreign_flags()]
    for room in ROOMS:
        for source in sorted((root / room).glob("*.[ch]")):
            path = source.relative_to(root)
            lines = source.read_text().splitlines()
            yield from check_includes(room, path, lines)
            yield from check_lengths(path, lines)
            yield from check_clock(path, lines)
            if source.suffix == ".h":
                yield from check_alone(root, path, command)
        yield from check_built(root, room)
    for document in ("README.md", "HACKING.md", "SECURITY.md", "doc/SEMANTICS.md"):
        yield from check_named(root, document)
    for header in sorted((root / "tests").rglob("*.h")):
        yield from check_alone(root, header.relative_to(root), command)
    for folder in sorted((root / "tests" / "unit").iterdir()):
        if folder.is_dir():
            yield from check_built(root, folder.relative_to(root))


def self_check(root, compiler):
    """The rules refuse what they are there for."""
    assert list(check_alone(root, "no/such/header.h", [*compiler, "-fsyntax-only"]))
    assert check_include("aws", '"', "cache/store.h") and check_include("cache", '"', "aws/s3.h")
    assert check_include("base", '"', "aws/s3.h") and check_include("model", '"', "fs/ops.h")
    assert check_include("aws", '"', "s3.h") and not check_include("aws", '"', "base/buf.h")
    assert check_include("cli", "<", "fuse_lowlevel.h") and check_include("model", "<", "fuse3/fuse.h")
    assert check_include("model", "<", "sqlite3.h") and check_include("cache", "<", "curl/curl.h")
    assert not check_include("fs", "<", "fuse_lowlevel.h") and not check_include("aws", "<", "curl/curl.h")
    assert list(check_clock("a.c", ["x = pthread_mutex_timedlock(&s->lock, &end);"]))
    assert list(check_clock("a.c", ["clock_gettime(CLOCK_REALTIME, &end);"]))
    assert not list(check_clock("base/clock.c", ["read_clock(CLOCK_REALTIME);"]))
    wait = "pthread_cond_timedwait(&s->left, &s->lock, &until);"
    assert list(check_clock("a.c", [wait])) and not list(check_clock("base/clock.c", [wait]))
    long_function = ["static void f(void)", "{", *["    x();"] * FUNCTION_LINES_MAX, "}"]
    assert list(check_lengths("f.c", long_function))
    assert not list(check_lengths("f.c", ["/* Long because it is a table. */", *long_function]))
    assert not list(check_lengths("f.c", [*long_function[:2], *long_function[4:]]))
    assert list(check_lengths("f.c", ["int x;"] * (FILE_LINES_MAX + 1)))


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    self_check(root, compiler)
    found = list(check_tree(root, compiler))
    for text in found:
        print(text)
    print(f"{len(found)} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
