# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The time the kernel measures for connect4 (bpf_stats), against that of a program that does nothing.

The empty program is on a cgroup beside the fence's, so each connect() runs one of the two.
"""

import ctypes
import glob
import json
import os

from bench import CGFENCE, DIRECTORY, median, output_of, row, title, write_policy

ROUNDS = 6
CONNECTS = 300_000
TARGETS = int(os.environ["BENCH_TARGETS"])
EMPTY = "/sys/fs/bpf/bench_empty"
EMPTY_CGROUP = f"{os.environ['BENCH_CGROUP2']}/bench"
BPF_STATS_RUN_TIME = 0


def attach_empty():
    os.mkdir(EMPTY_CGROUP)
    output_of("bpftool", "prog", "load", f"{DIRECTORY}/empty.bpf.o", EMPTY)
    output_of("bpftool", "cgroup", "attach", EMPTY_CGROUP, "connect4", "pinned", EMPTY, "multi")


def statistics_of(program):
    shown = json.loads(output_of("bpftool", "-j", "prog", "show", "pinned", program))
    return shown.get("run_time_ns", 0), shown.get("run_cnt", 0)


def run_time_ns(program, command):
    """Of one run of the program, while the command runs."""
    time_before, count_before = statistics_of(program)
    output_of(*command)
    time_after, count_after = statistics_of(program)
    if count_after - count_before != CONNECTS:
        raise SystemExit(f"bench: {program} ran {count_after - count_before} times")
    return (time_after - time_before) / CONNECTS


def compare(ours, policy, targets):
    connects = [f"{DIRECTORY}/connects", str(CONNECTS), str(targets)]
    enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
    empty_ns, ours_ns = [], []
    for _ in range(ROUNDS):
        empty_ns.append(run_time_ns(EMPTY, ["sh", "-c", enter, EMPTY_CGROUP, *connects]))
        ours_ns.append(run_time_ns(ours, [CGFENCE, "run", "--quiet", "-p", policy, "--", *connects]))
    return empty_ns, ours_ns


def show(what, empty_ns, ours_ns):
    ratios = [ours / empty for ours, empty in zip(ours_ns, empty_ns)]
    row(f"{what}: an empty program", median(empty_ns), "ns")
    row(f"{what}: the fence's", median(ours_ns), "ns")
    row(f"{what}: ratio (from {min(ratios):.2f} to {max(ratios):.2f})", median(ratios), "x", 2.2)


def main():
    # On as long as this file descriptor is open, whatever kernel.bpf_stats_enabled says.
    if ctypes.CDLL("libbpf.so.1").bpf_enable_stats(BPF_STATS_RUN_TIME) < 0:
        raise SystemExit("bench: cannot enable bpf_stats")
    attach_empty()
    policy = write_policy(
        "targets", [f"allow 198.18.{i // 256}.{i % 256}:443/udp" for i in range(TARGETS)])
    output_of(CGFENCE, "run", "--quiet", "-p", policy, "--", "true")
    ours, = glob.glob("/sys/fs/bpf/cgfence/datapath/*/programs/connect4")
    title(f"connect4 with {TARGETS:,} entries, {ROUNDS} rounds of {CONNECTS:,} connects")
    show("one target", *compare(ours, policy, 1))
    show("all in turn", *compare(ours, policy, TARGETS))


main()
