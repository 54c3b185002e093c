#!/usr/bin/env python3
"""What the compiler and the linker made: the program is hardened, every source was compiled with warnings as errors, and
each room's library calls the rooms below it alone.

usage: binary.py BUILD COMPILER…      the build's folder; cli/ctfs and ROOM/libROOM.a are below it
"""
import json
import platform
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from check import ROOMS

# Of those flags whose effect no symbol shows, or not for each source.
FLAGS = ("-Werror", "-Wall", "-Wextra", "-fstack-protector-strong", "-fstack-clash-protection",
         "-D_FORTIFY_SOURCE=3")


def tool(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def find_soft(program):
    """What is not hardened in PROGRAM, a line each."""
    dynamic, segments = tool("readelf", "-dW", program), tool("readelf", "-lW", program)
    symbols = tool("readelf", "--dyn-syms", "-W", program)
    stack = re.search(r"GNU_STACK.* (\S+) +0x\w+$", segments, re.M)
    if "PIE" not in dynamic:
        yield "not position independent"
    if not stack or "E" in stack[1]:
        yield "an executable stack"
    if "GNU_RELRO" not in segments or not re.search(r"\bNOW\b", dynamic):
        yield "tables of the linker stay writable (no full RELRO)"
    if re.search(r"LOAD .* RWE? *E", segments):
        yield "a segment that is writable and executable"
    if re.search(r"R(UN)?PATH|TEXTREL", dynamic):
        yield "RPATH, RUNPATH or TEXTREL"
    if "__stack_chk_fail" not in symbols:
        yield "no stack protector"
    if "__snprintf_chk" not in symbols or "__memcpy_chk" not in symbols:
        yield "no fortified functions"


def find_unmarked(objects):
    """Objects without the marks of indirect branch tracking and the shadow stack; the linker drops them from a program
    when the C library's own start files have none, so each object is looked at."""
    for each in objects:
        if not re.search("IBT, SHSTK", tool("readelf", "-nW", each)):
            yield f"{each}: no control-flow protection"


def find_unflagged(commands):
    for each in commands:
        words = shlex.split(each["command"])
        missing = [flag for flag in FLAGS if flag not in words]
        if missing:
            yield f"{each['file']}: compiled without {' '.join(missing)}"


def symbols_of(library, kinds):
    lines = (line.split() for line in tool("nm", "-P", "-g", library).splitlines())
    return {words[0] for words in lines if len(words) > 1 and words[1] in kinds}


def find_upward(defined, used):
    """DEFINED, USED: a set of names a room."""
    for room, names in used.items():
        for other in defined.keys() - ROOMS[room] - {room}:
            for name in sorted(names & defined[other]):
                yield f"{room}/ calls {name} of {other}/"


def self_check(compiler):
    """A soft program is found out in each way, and so are a call upward and a lost flag."""
    source = "int main(int argc, char **argv) { return argc == (int)(long)argv; }"
    soft = "-O0 -no-pie -fno-stack-protector -z execstack -z norelro -z lazy -Wl,-rpath,/tmp".split()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*compiler, *soft, "-x", "c", "-", "-o", f"{folder}/soft"], input=source, text=True, check=True,
                       capture_output=True)
        subprocess.run([*compiler, "-fcf-protection=none", "-c", "-x", "c", "-", "-o", f"{folder}/soft.o"], input=source,
                       text=True, check=True)
        assert len(list(find_soft(f"{folder}/soft"))) == 6, list(find_soft(f"{folder}/soft"))
        assert list(find_unmarked([f"{folder}/soft.o"]))
    assert list(find_upward({"aws": {"aws_call"}}, {"base": {"aws_call"}, "cache": {"aws_call"}, "fs": {"aws_call"}})) == [
        f"{room}/ calls aws_call of aws/" for room in ("base", "cache", "fs")]
    assert not list(find_upward({"base": {"err_set"}}, {"aws": {"err_set"}}))
    assert list(find_unflagged([{"file": "x.c", "command": "cc -c x.c"}]))


def check_build(build):
    rooms = [room for room in ROOMS if room != "cli"]
    libraries = {room: build / room / f"lib{room}.a" for room in rooms}
    objects = {room: sorted((build / room).glob("*.p/*.o")) for room in ROOMS}
    sources = {build.parent / each["file"] if not Path(each["file"]).is_absolute() else Path(each["file"]): each
               for each in json.loads((build / "compile_commands.json").read_text())}
    own = [each for each in sources.values() if re.search(rf"\b({'|'.join(ROOMS)})/\w+\.c$", each["file"])
           and "tests/" not in each["file"]]
    yield from find_soft(build / "cli" / "ctfs")
    if platform.machine() == "x86_64":
        yield from find_unmarked(path for paths in objects.values() for path in paths)
    yield from find_unflagged(own)
    defined = {room: symbols_of(path, "TDBRVWC") for room, path in libraries.items()}
    used = {room: symbols_of(path, "U") for room, path in libraries.items()}
    yield from find_upward(defined, used)
    if len(own) < 100 or not all(objects.values()) or not all(len(names) > 20 for names in defined.values()):
        yield f"too little was looked at: {len(own)} sources, {[len(each) for each in defined.values()]} names"


def main():
    self_check(sys.argv[2:])
    found = list(check_build(Path(sys.argv[1])))
    for text in found:
        print(text)
    print(f"{len(found)} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
