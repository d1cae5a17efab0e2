# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What many names cost the whole product, more than a run with none, and the resolver alone.

The command in the fence says that it is there and waits: at that moment all addresses must be in
the kernel's map, which is then counted from outside.
"""

import glob
import json
import os
import signal
import subprocess
import time

from bench import CGFENCE, DIRECTORY, Process, measure, median, output_of, row, title, write_policy

ROUNDS = 5
NAMES = int(os.environ["BENCH_NAMES"])
SERVER = "127.0.0.1"
ALLOW = "/sys/fs/bpf/cgfence/policies/run-*/allow"
COMMAND = ["sh", "-c", "echo; cat"]


class Session:
    """A run whose command says when it starts, and ends when it is told to."""

    def __init__(self, policy):
        start_ns = time.perf_counter_ns()
        self.process = Process([CGFENCE, "run", "--quiet", "-p", policy, "--", *COMMAND],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.popen.stdout.readline()
        self.ready_ms = (time.perf_counter_ns() - start_ns) / 1e6

    def end(self):
        start_ns = time.perf_counter_ns()
        self.process.popen.stdin.close()
        self.cost = self.process.end()
        self.end_ms = (time.perf_counter_ns() - start_ns) / 1e6
        self.process.popen.stdout.close()
        return self


def map_of_run():
    """What is in the map now: the run that would fill it is stopped while it is read."""
    path, = glob.glob(ALLOW)
    pid = int(path.split("/run-")[1].split("/")[0].split("-")[0])
    os.kill(pid, signal.SIGSTOP)
    entries = json.loads(output_of("bpftool", "-j", "map", "dump", "pinned", path))
    shown = json.loads(output_of("bpftool", "-j", "map", "show", "pinned", path))
    os.kill(pid, signal.SIGCONT)
    count = sum(entry["formatted"]["key"]["port"] == 443 for entry in entries)
    if count != 2 * NAMES:
        raise SystemExit(f"bench: {count} entries in the map, not {2 * NAMES}")
    return count, shown["max_entries"], int(shown.get("bytes_memlock", 0)) / 1e6


def resolver_alone():
    return measure([f"{DIRECTORY}/bench_resolver", SERVER, str(NAMES)])


def show(none, many, alone, in_map):
    def more(value):
        return median([value(a) - value(b) for a, b in zip(many, none)])

    def us_per_name(ms):
        return ms * 1e3 / NAMES

    title(f"{NAMES:,} names with two addresses each from a local knot, {ROUNDS} rounds")
    row("until the command starts, more than with no names",
        more(lambda run: run.ready_ms) / 1e3, "s", 1)
    row("    from the end of the command to that of cgfence, more than that",
        more(lambda run: run.end_ms) / 1e3, "s")
    row("CPU of each name", us_per_name(more(lambda run: run.cost.cpu_ms)), "us", 15)
    row("most resident memory, all of it", median([run.cost.rss_mb for run in many]), "MB", 24)
    row("    kernel memory of the map, beside it", in_map[2], "MB")
    row("    room in the map", in_map[1])
    row("    entries found in the map when the command had started", in_map[0])
    row("the resolver alone: wall", median([cost.wall_ms for cost in alone]) / 1e3, "s")
    row("the resolver alone: CPU of each name",
        us_per_name(median([cost.cpu_ms for cost in alone])), "us")
    row("the resolver alone: most resident memory", median([cost.rss_mb for cost in alone]), "MB")


def main():
    names = [f"allow n{i}.bulk.test:443/tcp" for i in range(1, NAMES + 1)]
    policy_none = write_policy("none", [f"dns {SERVER}"])
    policy_many = write_policy("many", [f"dns {SERVER}", *names])
    none, many, alone = [], [], []
    for _ in range(ROUNDS):
        none.append(Session(policy_none).end())
        session = Session(policy_many)
        in_map = map_of_run()
        many.append(session.end())
        alone.append(resolver_alone())
    show(none, many, alone, in_map)


main()
