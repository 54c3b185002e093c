"""The sample organization in ministack, and a mount that was onboarded to it through `connect` as a customer would.

    SAMPLE = Onboarded(world)
    with SAMPLE.mount(work) as mount:
        SAMPLE.onboard(mount)           # once a work folder; a remount is connected
"""
from pathlib import Path

import sample as seeds
from harness import Mount, aws_environment, check, run, same


def talk(mount, text):
    """One command to connect; answers its pairs."""
    script = 'exec 3<>"$1"; printf "%s\\n" "$2" >&3; s=$?; cat <&3; exit $s'
    got = run(["bash", "-c", script, "talk", mount / "connect", text], timeout=150)
    check(got.returncode == 0, "connect:", got.stdout.decode(), got.stderr.decode())
    return dict(line.split("=", 1) for line in got.stdout.decode().splitlines())


class Onboarded:
    def __init__(self, world, **options):
        self.aws = world.ministack()
        self.told = seeds.seed(self.aws.url, seeds.seed_options(**options))

    def __getitem__(self, name):
        return self.told[name]

    def mount(self, work, options=None, **more):
        vendor = self["vendor"]
        environment = aws_environment(self.aws.url, vendor["access_key_id"], vendor["secret_access_key"])
        return Mount(work, environment, {"vendor_bucket": vendor["bucket"], **(options or {})}, **more)

    def onboard(self, mount):
        where = self["customer"]
        asked = talk(mount, f"bucket={where['bucket']} report={where['report']} prefix={where['prefix']} name='The sample'")
        template = Path(asked["template_file"].strip("'")).read_text()
        role = seeds.create_stack(self.aws.url, self["management"]["id"], template, name=f"s{asked['connection'][3:9]}")
        answer = talk(mount, f"connection={asked['connection']} role_arn={role}")
        same(answer["state"], "'connected'", "the connection's state")
