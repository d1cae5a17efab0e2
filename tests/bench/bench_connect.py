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


def compare(ours, policy, first, targets):
    """Empty, then ours, so that what slows the machine for a while slows both."""
    connects = [f"{DIRECTORY}/connects", str(CONNECTS), str(first), str(targets)]
    enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
    return (run_time_ns(EMPTY, ["sh", "-c", enter, EMPTY_CGROUP, *connects]),
            run_time_ns(ours, [CGFENCE, "run", "--quiet", "-p", policy, "--", *connects]))


def show(what, pairs):
    ratios = [ours / empty for empty, ours in pairs]
    row(f"{what}: an empty program", median([empty for empty, _ in pairs]), "ns")
    row(f"{what}: the fence's", median([ours for _, ours in pairs]), "ns")
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
    one, all_in_turn = [], []
    for i in range(ROUNDS):
        # Another one each time: some are behind others in their bucket of the hash table.
        one.append(compare(ours, policy, i * TARGETS // ROUNDS, 1))
        all_in_turn.append(compare(ours, policy, 0, TARGETS))
    show("one target", one)
    show("all in turn", all_in_turn)


main()
