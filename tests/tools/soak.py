#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Lives with a daemon for a while, does what hosts do to it, and finds out whether anything grows.

    soak.py [--seconds 30] [--seed N] DIRECTORY

Names rotate; cgroups are made, attached, detached and removed, some under a fence that waits for
them; rules come and go; processes come, ask for names and connect; a client follows the decisions;
now and then all is reloaded. A round is all of that once. What the daemon and the kernel have of it
is counted in the first and the last tenth of the time: memory, descriptors, entries, pins, cgroups.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import time

from live import (ALLOWED, CGROUP2, DENIED, Daemon, Pulse, descriptors, entries, make_cgroup,
                  memory_kib, pins, remove_cgroup)

PORT, CONSTANT, FORBIDDEN = 7000, "198.51.100.10", "198.51.100.66"
STEADY, CHURNED = "steady", "churned"
MEMORY_KIB = 1024  # an allocator's habits; a leak of a round is found as there are many rounds
TEXT = f"allow {CONSTANT}:{PORT}\nallow *.rotate.test:443\nallow fixed.rotate.test:443\n"


class Soak:
    def __init__(self, options):
        self.random = random.Random(options.seed)
        self.directory = options.directory
        self.daemon = Daemon(options.directory)
        self.rounds = 0
        self.follower = None

    def start(self):
        self.daemon.start().ready()
        self.home = make_cgroup("soak-home")
        self.daemon.put(STEADY, TEXT)
        self.daemon.put(CHURNED, TEXT)
        self.daemon.attach(STEADY, self.home)
        self.pulse = Pulse(self.directory, [(CONSTANT, PORT, ALLOWED), (FORBIDDEN, PORT, DENIED)],
                           [self.home], period_us=20000)

    # --- what hosts do ---

    def connect_by_name(self):
        """A process that lives shortly, in the fence."""
        name = f"n{self.random.randrange(4)}.rotate.test"
        done = subprocess.run(
            ["sh", "-c", f'echo $$ >{self.home}/cgroup.procs; exec connects-glibc 2 {name} 443'],
            capture_output=True, text=True, check=False, timeout=60)
        if "2 connected" not in done.stdout:
            raise SystemExit(f"{name}: {done.stdout}{done.stderr}")

    def churn_rules(self):
        name, host = f"r{self.rounds % 16}.rotate.test", self.random.randrange(256)
        rules = [f"allow {name}:443", f"allow 198.18.7.{host}:22"]
        self.daemon.change(CHURNED, add=rules)
        self.daemon.change(CHURNED, remove=rules)

    def churn_fences(self):
        path = make_cgroup(f"soak-{self.rounds % 8}")
        persistent = self.rounds % 3 == 0
        self.daemon.attach(CHURNED, path, persistent)
        if self.rounds % 2:
            self.daemon.detach(path)
            remove_cgroup(path)
        else:
            remove_cgroup(path)
            if persistent:
                make_cgroup(f"soak-{self.rounds % 8}")
            self.forget(path)

    def forget(self, path):
        """One whose target is gone may be gone as well by now."""
        status, answer = self.daemon.ask("DELETE", f"/v1/fences?target={path.replace('/', '%2F')}")
        if status not in (200, 404):
            raise SystemExit(f"detach {path}: {status} {answer}")
        if os.path.isdir(path):
            remove_cgroup(path)

    def churn_clients(self):
        if self.follower:
            self.follower.kill()
            self.follower.wait()
        with open(os.devnull, "wb") as null:
            self.follower = subprocess.Popen(
                ["cgfence", "watch", "--socket", self.daemon.socket, "--json"],
                stdout=null, stderr=null)
        self.daemon.must("GET", "/metrics")
        self.daemon.must("GET", "/v1/status")
        self.daemon.ask("PUT", "/v1/policies/broken", b"allow nonsense:::\n")
        self.daemon.must("POST", "/v1/reload")

    def round(self):
        self.connect_by_name()
        self.churn_rules()
        self.churn_fences()
        self.churn_clients()
        self.rounds += 1
        if self.pulse.counts()[1]:
            raise SystemExit("\n".join(self.pulse.lines()))

    # --- what is counted ---

    def measure(self):
        return {
            "memory": memory_kib(self.daemon.pid),
            "descriptors": descriptors(self.daemon.pid),
            "entries": len(entries(CHURNED)),
            "pins": len(pins()),
            "cgroups": sum(1 for entry in os.scandir(CGROUP2) if entry.is_dir()),
        }

    def run(self, seconds):
        begin = time.monotonic()
        early, late, last_s = [], [], 0
        while (now := time.monotonic() - begin) < seconds:
            self.round()
            if now - last_s >= seconds / 100:
                last_s = now
                if 0.1 * seconds <= now < 0.3 * seconds:
                    early.append(self.measure())
                elif now >= 0.8 * seconds:
                    late.append(self.measure())
        return early, late

    def end(self):
        self.follower.kill()
        self.follower.wait()
        print(self.pulse.end())
        for policy in (STEADY, CHURNED):
            self.daemon.delete(policy)
        if pins():
            raise SystemExit(f"left: {pins()[:10]}")
        self.daemon.kill(signal.SIGTERM)
        remove_cgroup(self.home)


def compare(early, late):
    """Whether nothing grew, by the median of each time."""
    flat = True
    for what in early[0]:
        first, last = (statistics.median(counts[what] for counts in part) for part in (early, late))
        room = MEMORY_KIB if what == "memory" else 24 if what == "entries" else 2
        grew = last > first + room
        print(f"{what}: {first:g}, then {last:g}{' GREW' if grew else ''}")
        flat &= not grew
    return flat


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("directory")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    soak = Soak(options)
    try:
        soak.start()
        early, late = soak.run(options.seconds)
        print(f"{soak.rounds} rounds")
        flat = compare(early, late)
        soak.end()
    finally:
        if soak.daemon.process and soak.daemon.process.poll() is None:
            soak.daemon.process.kill()
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
