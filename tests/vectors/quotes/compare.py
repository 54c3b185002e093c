#!/usr/bin/env python3
"""What shells and libraries quote, connect's grammar reads back: shlex.quote, bash's printf %q and @Q (in two locales),
JSON with and without \\u escapes. Random values, seeded; values with control bytes are refused.

usage: compare.py [--count N] [--seed S] COMMAND_TOOL
"""
import argparse
import json
import os
import random
import shlex
import subprocess
import sys

PIECES = ("'", '"', "\\", "$", "`", " ", "!", "#", "*", "?", "~", "{", "}", "[", "]", "(", ")", "<", ">", "|", "&", ";", "=",
          "%", "^", "ü", "漢", "🙂", "\u202e", "\u00a0", "é", "$HOME", "$(x)", "${x}", "\\n", "\\x41", "$'", '$"', "a", "Zz9", "-", "/",
          "//", ".", "..", ",", ":", "@", "+", "_")
BAD = ("\t", "\n", "\r", "\x01", "\x1f", "\x7f", "\x1b[0m")
BASH = {"%q": "while IFS= read -rd '' v; do printf '%q\\0' \"$v\"; done",
        "@Q": "while IFS= read -rd '' v; do printf '%s\\0' \"${v@Q}\"; done"}


def values(random_of, count):
    for number in range(count):
        pieces = random_of.choices(PIECES, k=random_of.randint(0 if number else 1, 24))
        if number % 16 == 15:
            pieces.insert(random_of.randint(0, len(pieces)), random_of.choice(BAD))
        yield "".join(pieces)


def by_bash(script, words, locale):
    text = b"".join(word.encode() + b"\0" for word in words)
    done = subprocess.run(["bash", "-c", script], input=text, capture_output=True, check=True,
                          env={**os.environ, "LC_ALL": locale})
    return done.stdout.split(b"\0")[:-1]


def commands(words):
    """(how, command) lists, each as long as WORDS."""
    yield "shlex.quote", [b"connection=c-1 name=" + shlex.quote(word).encode() for word in words]
    yield "shlex.quote, the whole word", [b"connection=c-1 " + shlex.quote("name=" + word).encode() + b"\n" for word in words]
    for name, script in BASH.items():
        for locale in ("C", "C.UTF-8"):
            yield f"bash {name} in {locale}", [b"connection=c-1\nname=" + q for q in by_bash(script, words, locale)]
    for ascii_only in (True, False):
        yield f"JSON, ASCII {ascii_only}", [json.dumps({"connection": "c-1", "name": word}, ensure_ascii=ascii_only).encode()
                                            for word in words]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("tool")
    options = parser.parse_args()
    words = list(values(random.Random(options.seed), options.count))
    passed = failed = 0
    for how, texts in commands(words):
        done = subprocess.run([options.tool], input=b"".join(text.hex().encode() + b"\n" for text in texts),
                              capture_output=True)
        answers = done.stdout.decode(errors="replace").split("\n")[:-1]
        wrong = [] if done.returncode == 0 and len(answers) == len(words) else [("the tool", done.stderr.decode())]
        for word, text, answer in zip(words, texts, answers):
            control = any(ord(c) < 32 or ord(c) == 127 for c in word)
            if control != ("control byte" in answer) or (not control and answer != "=" + word.encode().hex()):
                wrong.append((text, answer))
        passed, failed = passed + (not wrong), failed + bool(wrong)
        print(f"{'FAILED' if wrong else 'ok'} {how}: {len(answers)} commands")
        for text, answer in wrong[:5]:
            print(f"    {text!r}: {answer}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
