"""Time as a process had it, for what ctfs promises within seconds: what its main thread stood in a queue for a core, or it waited
for its disk, is the machine's doing and not counted. On an idle machine that is next to nothing; who sleeps, or waits for a
network or for a lock, is counted in full on any.

    pace = Pace(process.pid)            # from here on
    pace.wait(lambda: …, 2, "its end")  # fails when that took longer
    pace.spent_s()                      # or: how long what was done here since then took
"""
import contextlib
import os
import time
from pathlib import Path

WALL = 10  # times what is allowed, by the clock on the wall: more is not the machine's doing
STEP_S = 0.01


class TooLate(AssertionError):
    """It did not come in the time that was allowed."""


def of_threads(pid, name):
    """What that file of /proc says of each of its threads; nothing of those, or of a process, that are gone by then."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found.append(Path(f"/proc/{pid}/task/{thread}/{name}").read_text())
    return found


def processes(pid):
    """It and its children, as they are now: a sanitizer looks for leaks by a child."""
    return [pid, *(int(child) for children in of_threads(pid, "children") for child in children.split())]


def queued_s(pid):
    """How long its main thread has stood in a queue for a core (Linux, sched-stats.rst); 0 where that is not known."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def is_at_disk(pid):
    return any(stat.rsplit(")", 1)[1].split()[0] == "D" for stat in of_threads(pid, "stat"))


class Pace:
    def __init__(self, pid):
        self.pid, self.mine = pid, queued_s(os.getpid())
        self.begun = self.at = time.monotonic()
        self.queued, self.waited_s = self.look(), 0.0

    def look(self):
        return {pid: queued_s(pid) for pid in processes(self.pid)}

    def sum_up(self):
        """Leaves out what the machine took since the look before: that much at most."""
        now, queued = time.monotonic(), self.look()
        waited = sum(max(0.0, s - self.queued.get(pid, 0.0)) for pid, s in queued.items())
        self.waited_s += now - self.at if is_at_disk(self.pid) else min(now - self.at, waited)
        self.at, self.queued = now, queued
        return now - self.begun - self.waited_s

    def spent_s(self):
        """Of what this thread did: it stood in queues by turns with the process."""
        return max(0.0, self.sum_up() - (queued_s(os.getpid()) - self.mine))

    def wait(self, condition, within_s, what="the condition"):
        while not condition():
            spent, wall = self.sum_up(), time.monotonic() - self.begun
            if spent > within_s or wall > WALL * within_s:
                raise TooLate(f"{what} did not come within {within_s} s: {spent:.2f} s, {wall:.2f} s in all")
            time.sleep(STEP_S)
