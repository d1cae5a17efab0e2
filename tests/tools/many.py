#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Many policies, each on several cgroups: attached, taken up again after a kill, and deleted, while
somebody connects from all of the cgroups.

    many.py [--policies 200] [--targets 5] [--restarts 5] DIRECTORY
"""

import argparse
import shutil
import signal
import time

from live import ALLOWED, DENIED, Daemon, Pulse, make_cgroup, pins, remove_cgroup

PORT, CONSTANT, FORBIDDEN = 7000, "198.51.100.10", "198.51.100.66"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--policies", type=int, default=200)
    parser.add_argument("--targets", type=int, default=5)
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("directory")
    options = parser.parse_args()
    daemon = Daemon(options.directory)
    names = [f"many{i}" for i in range(options.policies)]
    cgroups = {name: [make_cgroup(f"many/{name}-{j}") for j in range(options.targets)]
               for name in names}
    for i, name in enumerate(names):
        with open(f"{daemon.policies}/{name}.policy", "w", encoding="ascii") as file:
            file.write(f"allow {CONSTANT}:{PORT}\nallow 198.18.0.0/24:{1000 + i}\n")
    daemon.start()
    first_s = daemon.ready(60)
    try:
        begin = time.monotonic()
        for name, paths in cgroups.items():
            for path in paths:
                daemon.attach(name, path)
        attach_ms = (time.monotonic() - begin) * 1e3 / (options.policies * options.targets)
        print(f"first start {first_s:.2f} s, {attach_ms:.1f} ms for each attach", flush=True)
        pulse = Pulse(options.directory, [(CONSTANT, PORT, ALLOWED), (FORBIDDEN, PORT, DENIED)],
                      [path for paths in cgroups.values() for path in paths])
        starts = []
        for number in range(options.restarts):
            daemon.kill(signal.SIGTERM if number % 2 else signal.SIGKILL)
            starts.append(daemon.start().ready(60))
            fences = daemon.must("GET", "/v1/fences")["fences"]
            if len(fences) != options.policies * options.targets:
                raise SystemExit(f"{len(fences)} fences")
            if any(fence["state"] != "standing" for fence in fences):
                raise SystemExit("not all are standing")
        status, text, complaint = daemon.client("status", "--json")
        if status:
            raise SystemExit(f"status: {status}\n{text[:2000]}{complaint}")
        print("restarts " + " ".join(f"{seconds:.2f}" for seconds in starts) + " s", flush=True)
        print(pulse.end())
        for name in names:
            daemon.delete(name)
        if pins():
            raise SystemExit(f"left: {pins()[:10]}")
    finally:
        daemon.process.kill()
        daemon.process.wait()
    for paths in cgroups.values():
        for path in paths:
            remove_cgroup(path)
    shutil.rmtree(daemon.policies)


if __name__ == "__main__":
    main()
