# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the benches share: how a command is measured, and the lines of the table."""

import os
import statistics
import subprocess

DIRECTORY = os.environ["BENCH_DIR"]
CGFENCE = f"{DIRECTORY}/cgfence"


class Cost:
    """What a command took, its children included."""

    def __init__(self, command, line):
        wall_ns, cpu_us, rss_kib, status = [int(word) for word in line.split()]
        if status:
            status = os.waitstatus_to_exitcode(status)
            raise SystemExit(f"bench: {' '.join(command)}: status {status}")
        self.wall_ms = wall_ns / 1e6
        self.cpu_ms = cpu_us / 1e3
        self.rss_mb = rss_kib * 1024 / 1e6


class Process:
    """A command that runs, and is measured."""

    def __init__(self, command, **streams):
        self.command = command
        self.report, write_end = os.pipe()
        self.popen = subprocess.Popen(
            [f"{DIRECTORY}/cost", str(write_end), *command], pass_fds=[write_end], **streams)
        os.close(write_end)

    def end(self):
        with open(self.report, encoding="ascii") as file:
            line = file.read()
        if self.popen.wait() or not line:
            raise SystemExit(f"bench: cannot run {' '.join(self.command)}")
        return Cost(self.command, line)


def measure(command):
    return Process(command, stdout=subprocess.DEVNULL).end()


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def in_cgroup(path, *command):
    return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', path, *command]


def write_policy(name, lines):
    path = f"{DIRECTORY}/{name}.policy"
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def median(values):
    return statistics.median(values)


def p90(values):
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


def title(text):
    print(f"\n{text:<66} {'measured':>10}   {'target':>10}", flush=True)


def row(what, value, unit="", limit=None):
    """One line; with a limit also whether it was kept."""
    measured = f"{value:,.0f}" if isinstance(value, int) else f"{value:,.2f}"
    line = f"  {what:<64} {measured:>10} {unit:<2}"
    if limit is not None:
        verdict = "met" if value <= limit else "NOT MET"
        line += f"{f'<= {limit:,}':>10} {unit:<2} {verdict}"
    print(line.rstrip(), flush=True)
