"""fakeaws as a mount test holds it: objects in, rules in, requests out, and a mount of s3://b/p/r in direct mode.

The bucket is `b`, the report `r` under the prefix `p`, unless a test says otherwise.
"""
import fnmatch
import json
import urllib.parse

from harness import Mount, aws_environment, http, same


class Fake:
    def __init__(self, world, name="fakeaws"):
        self.server = world.fakeaws(name)
        self.url = self.server.url
        self.mark = 0

    def call(self, method, what, body=b"", headers=None):
        status, answer = http(method, f"{self.url}/_fake/{what}", body, headers)
        same(status, 200, f"fakeaws {what}")
        return json.loads(answer)

    def reset(self):
        self.call("POST", "reset")
        self.mark = 0

    def put(self, bucket, key, body, modified=None):
        """`modified`: seconds since 1970, the time of S3's Last-Modified."""
        headers = {"x-fake-last-modified": str(modified)} if modified else None
        self.call("PUT", f"objects/{bucket}/{urllib.parse.quote(key)}", body, headers)

    def remove(self, bucket, key):
        self.call("DELETE", f"objects/{bucket}/{urllib.parse.quote(key)}")

    def put_all(self, bucket, objects, modified=None):
        for key, body in objects:
            self.put(bucket, key, body, modified)

    def rules(self, *rules):
        self.call("POST", "rules", "\n".join(json.dumps(rule) for rule in rules).encode())

    def no_rules(self):
        self.call("DELETE", "rules")

    def organization(self, **changed):
        self.call("POST", "organization", json.dumps(changed).encode())

    def requests(self, path="*", **fields):
        """What was asked since forget_requests: the entries whose path fits and whose other fields are as said."""
        return [each for each in self.call("GET", "requests")[self.mark:]
                if fnmatch.fnmatchcase(each["path"], path) and all(each.get(k) == v for k, v in fields.items())]

    def forget_requests(self):
        self.mark = len(self.call("GET", "requests"))

    def environment(self):
        return aws_environment(self.url, "AKIAFAKE", "secret")

    def mount(self, work, options=None, source="s3://b/p/r", **more):
        """From here on every signature is checked."""
        self.call("POST", "world", json.dumps({"keys": {"AKIAFAKE": "secret"}}).encode())
        return Mount(work, self.environment(), options, source=source, **more)
