#!/usr/bin/env python3
"""A build whose sanitizers stop nothing would let every other test pass: its canary, built as everything else is, has to
end badly, by each mistake that this build's sanitizers are there for, and without a word in the environment.

usage: canary.py CANARY SANITIZERS      SANITIZERS: meson's b_sanitize
"""
import os
import subprocess
import sys

MISTAKES = {"address": {"overflow": "heap-buffer-overflow", "leak": "detected memory leaks"},
            "undefined": {"undefined": "signed integer overflow"},
            "thread": {"race": "data race"}}


def main():
    canary, sanitizers = sys.argv[1], sys.argv[2].split(",")
    environment = {name: value for name, value in os.environ.items() if not name.endswith("SAN_OPTIONS")}
    passed = failed = 0
    for mistake, text in (each for name in sanitizers for each in MISTAKES.get(name, {}).items()):
        done = subprocess.run([canary, mistake], env=environment, capture_output=True, text=True, timeout=60)
        good = done.returncode not in (0, 2) and text in done.stderr
        print(f"{'ok' if good else 'FAILED'} {mistake}: status {done.returncode}")
        if not good:
            print(done.stderr[-2000:])
        passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
