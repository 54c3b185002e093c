#!/usr/bin/env python3
"""Random shared config and credentials files: ctfs takes the keys, and assumes the roles, that botocore does.

usage: test_profiles.py AWS_TOOL     (run with .cache/venv/bin/python, which has botocore; prints "N passed, N failed" last)

Wanted differences, which no file here has: ctfs reads a file in which a key or a section comes twice (the last counts, as
AWS's guide says; Python's parser refuses it), it takes blanks inside the brackets of [ NAME ], says that a secret key without
an ID is a mistake, where botocore passes on, and asks for a role's session of 3,600 seconds where nothing is said.
"""
import contextlib
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import botocore.exceptions  # noqa: E402
import botocore.loaders  # noqa: E402
import botocore.session  # noqa: E402
from awstool import Raw, http, run_tests  # noqa: E402

TOOL = Path(sys.argv[1]).resolve()
IDENTITY = ("<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>a</Arn><UserId>u</UserId><Account>012345678901</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>")
LOADER = botocore.loaders.create_loader()


def form(request):
    return dict(urllib.parse.parse_qsl(request.body.decode()))


def play_sts(request):
    """A session's key tells which key assumed which role."""
    asked = form(request)
    if asked["Action"] != "AssumeRole":
        return http(200, IDENTITY)
    key = "ASIA" + hashlib.md5((request.key + asked["RoleArn"]).encode()).hexdigest()[:12].upper()
    return http(200, f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s"
                     f"</SecretAccessKey><SessionToken>t{key}</SessionToken><Expiration>2036-01-31T10:00:00Z</Expiration>"
                     "</Credentials><AssumedRoleUser><Arn>a</Arn><AssumedRoleId>i</AssumedRoleId></AssumedRoleUser>"
                     "</AssumeRoleResult></AssumeRoleResponse>")


def told(request):
    """What a request says of where its keys come from. A session's name that was made up is no difference."""
    asked = form(request)
    name = asked.get("RoleSessionName", "")
    return (asked["Action"], request.key, request.headers.get("x-amz-security-token"), asked.get("RoleArn"),
            asked.get("ExternalId"), name if not name.startswith(("ctfs-", "botocore-")) else "made up",
            asked.get("DurationSeconds", "3600"))


@contextlib.contextmanager
def environment(variables):
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def ask_botocore(variables):
    """None, or why it did not ask."""
    with environment(variables):
        try:
            session = botocore.session.Session()
            session.register_component("data_loader", LOADER)
            session.create_client("sts").get_caller_identity()
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            return error
    return None


def ask_ctfs(variables):
    done = subprocess.run([TOOL, "identity"], env=variables, capture_output=True, timeout=60, check=False)
    return done.stderr.decode().splitlines()[-1] if done.returncode else None


class Text:
    """How a file may be written."""

    NAMES = ["default", "p", "q", "p q", "P", "é"]
    HEADERS = {"config": ["[profile {}]", "[profile   {}]", "[{}]", "[profile '{}']", "[profile {}] # c",
                          "[profile\t{}]"],
               "credentials": ["[{}]", "[{}] ; c", "[profile {}]", '["{}"]']}
    KEYS = ["aws_access_key_id"] * 5 + ["aws_secret_access_key"] * 5 + [
        "aws_session_token", "region", "AWS_ACCESS_KEY_ID", "Aws_Secret_Access_Key", "credential_process", "foo"]
    OTHER_LINES = ["", "# comment", "  ; c", "s3-{} =\n  max = 3", "   ", "no delimiter"]

    def __init__(self, r):
        self.r, self.count, self.indent = r, 0, ""

    def setting(self, key):
        self.count += 1
        value = {"region": "eu-west-1",
                 "credential_process": "printf '{\"Version\":1,\"AccessKeyId\":\"PROC%d\",\"SecretAccessKey\":\"s\"}'" % self.count
                 }.get(key, f"{key.upper()[4:8]}{self.count}")
        end = self.r.choice(["", "", "", "\t", "=="]) if key.lower().startswith("aws_") else ""
        return self.indent + key + self.r.choice(["=", " = ", "\t=\t", ":", " : "]) + value + end

    def header(self, kind, name):
        """A blank in a name needs quotes in one file, and has none in the other."""
        if " " in name:
            return f'[profile "{name}"]' if kind == "config" else f"[{name}]"
        return self.r.choice(self.HEADERS[kind]).format(name)

    def file(self, kind):
        lines, end = [], self.r.choice(["\n", "\n", "\n", "\r\n"])
        for name in self.r.sample(self.NAMES, self.r.randint(1, 4)):
            lines.append(self.header(kind, name))
            self.indent = self.r.choice(["", "", "", " ", "\t"])
            keys = {key.lower(): key for key in self.r.choices(self.KEYS, k=self.r.randint(0, 6))}
            if "aws_secret_access_key" in keys:
                keys.setdefault("aws_access_key_id", "aws_access_key_id")
            for key in keys.values():
                if self.r.random() < 0.1 and not self.indent:
                    lines.append(self.r.choice(self.OTHER_LINES).format(key))
                lines.append(self.setting(key))
        return end.join(lines) + self.r.choice([end, ""])


class Roles:
    """Profiles that lean on each other."""

    NAMES = ["default", "a", "b", "c"]

    def __init__(self, r):
        self.r = r

    def settings(self, name, chances):
        values = {"role_arn": f"arn:aws:iam::012345678901:role/{name}", "source_profile": self.r.choice(self.NAMES),
                  "credential_source": "Environment", "external_id": f"ext-{name}", "role_session_name": f"name-{name}",
                  "duration_seconds": self.r.choice(["900", "3600"]), "aws_access_key_id": f"KEY{name}",
                  "credential_process": "printf '{\"Version\":1,\"AccessKeyId\":\"PROC%s\",\"SecretAccessKey\":\"s\"}'" % name}
        chosen = {key: values[key] for key, chance in chances.items() if self.r.random() < chance}
        if "aws_access_key_id" in chosen:
            chosen["aws_secret_access_key"] = "s"
        return "".join(f"{key} = {value}\n" for key, value in chosen.items())

    def file(self, kind):
        if kind == "config":
            chances = {"role_arn": 0.6, "source_profile": 0.6, "credential_source": 0.05, "external_id": 0.3,
                       "role_session_name": 0.2, "duration_seconds": 0.2, "aws_access_key_id": 0.2, "credential_process": 0.2}
            return "".join(f"[profile {name}]\n" + self.settings(name, chances) for name in self.NAMES if self.r.random() < 0.9)
        chances = {"aws_access_key_id": 0.8, "role_arn": 0.1, "source_profile": 0.1}
        return "".join(f"[{name}]\n" + self.settings(f"of-{name}", chances) for name in self.NAMES if self.r.random() < 0.4)


class Profiles:
    def compare(self, make, seed, count):
        """How many of COUNT random pairs of files gave keys, to both alike."""
        r, good = random.Random(seed), 0
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CTFS_"))}
        with tempfile.TemporaryDirectory() as folder, Raw(play_sts) as server:
            names = {kind: f"{folder}/{kind}" for kind in ("config", "credentials")}
            for _ in range(count):
                writer, profile = make(r), r.choice([None, *make.NAMES])
                texts = {kind: writer.file(kind) for kind in names}
                for kind, text in texts.items():
                    Path(names[kind]).write_bytes(text.encode())
                variables = {**kept, "AWS_CONFIG_FILE": names["config"], "AWS_SHARED_CREDENTIALS_FILE": names["credentials"],
                             "AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1",
                             "AWS_DEFAULT_REGION": "us-east-1", **({"AWS_PROFILE": profile} if profile else {})}
                del server.requests[:]
                theirs, theirs_asked = ask_botocore(variables), [told(each) for each in server.requests]
                del server.requests[:]
                ours, ours_asked = ask_ctfs(variables), [told(each) for each in server.requests]
                assert (ours is None) == (theirs is None) and (theirs or ours_asked == theirs_asked), \
                    f"{profile}: {theirs!r} {theirs_asked}, {ours!r} {ours_asked}\n{texts}"
                good += theirs is None
        return good

    def test_ways_to_write_a_file(self):
        assert self.compare(Text, 1, 160) > 20

    def test_roles_by_profiles(self):
        assert self.compare(Roles, 2, 160) > 40


if __name__ == "__main__":
    sys.exit(run_tests([Profiles()]))
