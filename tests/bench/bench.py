#!/usr/bin/env python3
"""Runs the rows of tests/bench/rows.py and prints what they measured; scripts/bench calls it.

usage: scripts/bench [--short] [--rounds N] [--megabytes N] [--json FILE] [--ctfs=PROGRAM] [--list] [ROW…]

Contenders of a row take turns, round by round, so that whatever else the machine does meets all of them; a ratio is that
of the medians. ROW: part of a row's name. The status is 1 when a goal was missed or a row failed, which are listed last; with
--short, when bytes were wrong.
"""
import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import data  # noqa: E402
import peers  # noqa: E402
import rows  # noqa: E402
from world import World  # noqa: E402


class Bench:
    """What every row uses: the data, the server's URL, the program, a work folder."""

    def __init__(self, options, chosen, work, world):
        self.short, self.ctfs, self.work = options.short, Path(options.ctfs).resolve(), Path(work)
        self.data = data.make(options.megabytes)
        for row in chosen:                      # before the server looks: it remembers what folders hold
            row.make(self)
        self.server = world.rclone(self.data.root)
        self.url = self.server.url

    def url_of(self, key):
        return f"{self.url}/{data.BUCKET}/{key}"


def measure(bench, row, rounds):
    """{contender: {metric: [value a round]}}"""
    contenders = row.contenders(bench)
    found = {name: {} for name in contenders}
    for number in range(rounds):
        print(f"bench: {row.name}, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for name, contender in contenders.items():
            values = contender()
            for metric, value in (values if isinstance(values, dict) else {"s": values}).items():
                found[name].setdefault(metric, []).append(value)
    return {name: metrics for name, metrics in found.items() if metrics}


def medians(found):
    return {name: {metric: statistics.median(values) for metric, values in metrics.items()} for name, metrics in found.items()}


def judge(row, middle):
    """[(what, value, limit, met)]: a goal whose contenders were not all measured has no value and is not met."""
    judged = []
    for goal in row.goals:
        try:
            value = goal.value(middle)
        except (KeyError, ZeroDivisionError):
            value = None
        judged.append((goal, value, value is not None and value <= goal.limit))
    return judged


def show(row, found, judged):
    print(f"\n{row.title}")
    for name, metrics in found.items():
        for metric, values in metrics.items():
            label = name if metric == "s" else f"{name}, {metric}"
            print(f"  {label:58} {statistics.median(values):12.4g}   {min(values):.4g} – {max(values):.4g}")
    for goal, value, met in judged:
        said = "not measured" if value is None else f"{value:12.3g}"
        print(f"  {goal.what:58} {said:>12}   goal ≤ {goal.limit:g}: {'met' if met else 'MISSED'}", flush=True)


def run_row(bench, row, options, missed):
    """What the JSON has of it; what it missed is added to MISSED."""
    try:
        found = measure(bench, row, options.rounds or row.rounds)
    except Exception as error:                                   # a row that fails is a row that missed
        traceback.print_exc()
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"\n{row.title}\n  FAILED: {reason}", flush=True)
        missed.append(f"{row.name}: {reason}")
        return {"title": row.title, "failed": str(error)}
    judged = judge(row, medians(found))
    show(row, found, judged)
    missed += [f"{row.name}: {goal.what}: {'not measured' if value is None else f'{value:.3g}'}, goal ≤ {goal.limit:g}"
               for goal, value, met in judged if not met]
    return {"title": row.title, "measured": found, "medians": medians(found), "goals": [
        {"what": goal.what, "value": value, "limit": goal.limit, "met": met} for goal, value, met in judged]}


def run_long(bench, chosen, options):
    results, missed = {}, []
    for row in chosen:
        results[row.name] = run_row(bench, row, options, missed)
        write_json(options.json, bench, results)
    print("\n".join(["", f"goals missed: {len(missed)}", *(f"  {each}" for each in missed)]))
    return 1 if missed else 0


def write_json(path, bench, results):
    if not path:
        return
    text = json.dumps({"machine": {"cores": os.cpu_count(), "kernel": platform.release()},
                       "plain_bytes": bench.data.plain_bytes, "gzip_bytes": bench.data.gzip_bytes, "rows": results}, indent=1)
    Path(path).write_text(text + "\n")


def run_short(bench, chosen):
    """Every check of every row, once; no times are judged."""
    passed = failed = 0
    for row in chosen:
        for name, check in row.checks(bench).items():
            try:
                check()
                print(f"ok {row.name}: {name}", flush=True)
                passed += 1
            except Exception:
                print(f"FAILED {row.name}: {name}", flush=True)
                traceback.print_exc(file=sys.stdout)
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


def parse(arguments):
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="100 MB; checks that bytes are right, judges no times")
    parser.add_argument("--rounds", type=int, help="of every row (default: each row's own)")
    parser.add_argument("--megabytes", type=int, help="of plain rows (default 1000; 100 with --short)")
    parser.add_argument("--json", metavar="FILE", help="all that was measured")
    parser.add_argument("--ctfs", metavar="PROGRAM", default=str(data.ROOT / "build-bench" / "cli" / "ctfs"))
    parser.add_argument("--list", action="store_true", help="the rows' names")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    options = parser.parse_args(arguments)
    options.megabytes = options.megabytes or (100 if options.short else 1000)
    return options


def main(arguments):
    options = parse(arguments)
    chosen = [row for row in rows.ROWS if not options.rows or any(word in row.name for word in options.rows)]
    if options.short:
        chosen = [row for row in chosen if row.has_checks]
    if options.list or not chosen:
        print("\n".join(f"{row.name:12} {row.title}" for row in rows.ROWS))
        return 0 if options.list else 2
    with tempfile.TemporaryDirectory(prefix="ctfs-bench-", ignore_cleanup_errors=True) as work, World(Path(work) / "world") as world:
        bench = Bench(options, chosen, work, world)
        try:
            return run_short(bench, chosen) if options.short else run_long(bench, chosen, options)
        finally:
            for path in Path(work).glob("mnt-*"):
                peers.unmount(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
