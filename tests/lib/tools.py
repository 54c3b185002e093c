"""Real tools that read a file, and what each has to write to its standard output.

tools() answers [Tool]; Tool.command(path) is bash, run in a folder of its own; Tool.expected(plain) the right bytes, of
which `whole` says whether the tool reads to the end. check_cell() is the rule of every cell of the matrix.
"""
import hashlib
import random
import re
import shlex
import tempfile
from dataclasses import dataclass
from typing import Callable

from harness import check, run

MMAP = ('import mmap,sys; f=open(sys.argv[1],"rb"); '
        'sys.stdout.buffer.write(mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)[:])')


SENDFILE = ('import os,sys; f=open(sys.argv[1],"rb",0); o=open("out","wb",0)\n'
            'while os.sendfile(o.fileno(),f.fileno(),None,1<<20): pass')


@dataclass
class Tool:
    name: str
    script: str  # $f is the file, $d its folder, $n its name
    expected: Callable[[bytes], bytes]
    whole: bool = True

    def command(self, path):
        at = shlex.quote(str(path))
        return f"export LC_ALL=C; set -o pipefail; f={at} d={shlex.quote(str(path.parent))} n={path.name}; {self.script}"


def ended(plain):
    """As a tool of lines writes it: with a newline behind the last one."""
    return plain if plain.endswith(b"\n") else plain + b"\n"


def lines_with(plain, *texts):
    return [line + b"\n" for line in ended(plain).split(b"\n")[:-1] if any(text in line for text in texts)]


def slices(size, count=6, seed=5):
    """Places for dd: seeded ones, and those around the end."""
    at = random.Random(seed * 1000003 + size)
    return [(at.randrange(size), at.randrange(1, 20000)) for _ in range(count)] + [(max(0, size - 300), 5000)]


def dd(size):
    """dd of slices(size): blocks of 4 KiB, so that most take several."""
    each = "dd if=\"$f\" bs=4k skip=%d count=%d iflag=skip_bytes,count_bytes status=none"
    return Tool("dd at random places", " && ".join(each % place for place in slices(size)),
                lambda plain: b"".join(plain[off:off + length] for off, length in slices(size)), False)


def tools(size=1000000):
    """`size` is about the file's: where dd goes."""
    def same(plain):
        return plain
    head = (lambda plain: b"\n".join(plain.split(b"\n")[:700]) + b"\n" if plain.count(b"\n") > 700 else plain)
    return [
        Tool("cat", 'cat "$f"', same),
        Tool("head -c", 'head -c 65537 "$f"', lambda plain: plain[:65537], False),
        Tool("head -n", 'head -n 700 "$f"', head, False),
        Tool("tail -c", 'tail -c 70001 "$f"', lambda plain: plain[-70001:]),
        Tool("wc -c", 'wc -c <"$f"', lambda plain: b"%d\n" % len(plain), False),
        Tool("grep -c", 'grep -ac -e 42 -e identity "$f"', lambda p: b"%d\n" % len(lines_with(p, b"42", b"identity"))),
        Tool("grep", 'grep -a -e 42 -e identity "$f"', lambda plain: b"".join(lines_with(plain, b"42", b"identity"))),
        Tool("awk", """awk '{ print }' "$f\"""", ended),
        Tool("cp", 'cp "$f" out && cat out', same),
        dd(size),
        Tool("dd iflag=direct", 'dd if="$f" bs=64k iflag=direct status=none', same),
        Tool("tac", 'tac "$f"', lambda plain: b"".join(reversed(re.findall(rb"[^\n]*\n|[^\n]+$", plain)))),
        Tool("tar", 'tar -cf a.tar -C "$d" "$n" && tar -xOf a.tar', same),
        Tool("tar -S", 'tar -cSf a.tar -C "$d" "$n" && tar -xOf a.tar', same),
        Tool("rsync", 'rsync -a "$f" out && cat out', same),
        Tool("mmap", f"/usr/bin/python3 -I -S -c {shlex.quote(MMAP)} \"$f\"", same),
        Tool("sendfile", f"/usr/bin/python3 -I -S -c {shlex.quote(SENDFILE)} \"$f\" && cat out", same),
        Tool("sha256sum", 'sha256sum <"$f"', lambda plain: sha256(plain) + b"  -\n"),
    ]


def sha256(plain):
    return hashlib.sha256(plain).hexdigest().encode()


def read_with(tool, path, work):
    """(status, bytes, what it said)"""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        got = run(tool.command(path), cwd=folder, timeout=120)
    return got.returncode, got.stdout, got.stderr.decode(errors="replace")[-300:]


def check_cell(what, tool, got, plain):
    """The bytes that zcat gives, with status 0."""
    status, read, said = got
    want = tool.expected(plain)
    check(status == 0, f"{what}: {tool.name}: status {status}: {said}")
    check(read == want, f"{what}: {tool.name}: {len(read)} bytes that are not the {len(want)} of zcat ({said})")


def check_cell_of_corrupt(what, tool, got, given):
    """A status that is not 0; of a tool that does not read to the end also the bytes that zcat gives before it fails."""
    status, read, _ = got
    if status == 0 and tool.name == "wc -c":
        return  # it believes stat, as rule S4 says
    check(status != 0 or (not tool.whole and read == tool.expected(given)),
          f"{what}: {tool.name}: status 0 and {len(read)} bytes of a corrupt part")
