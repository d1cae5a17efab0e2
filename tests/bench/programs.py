# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The time the kernel measures for a program (bpf_stats): the fence's, and one that does nothing.

The empty programs are on a cgroup beside the fence's, so what a command does runs one of the two.
"""

import ctypes
import glob
import json
import os

from bench import DIRECTORY, in_cgroup, output_of

BPF_STATS_RUN_TIME = 0
EMPTY = "/sys/fs/bpf/bench_empty"
EMPTY_CGROUP = f"{os.environ['BENCH_CGROUP2']}/bench"


def enable_statistics():
    # On as long as this file descriptor is open, whatever kernel.bpf_stats_enabled says.
    if ctypes.CDLL("libbpf.so.1").bpf_enable_stats(BPF_STATS_RUN_TIME) < 0:
        raise SystemExit("bench: cannot enable bpf_stats")


def attach_empty():
    """Once for all that is measured in the same namespaces."""
    if os.path.exists(EMPTY):
        return
    output_of("bpftool", "prog", "loadall", f"{DIRECTORY}/empty.bpf.o", EMPTY)
    os.mkdir(EMPTY_CGROUP)
    for hook in ("connect4", "egress", "ingress"):
        output_of("bpftool", "cgroup", "attach", EMPTY_CGROUP, hook,
                  "pinned", empty(hook), "multi")


def empty(hook):
    return f"{EMPTY}/empty_{hook}"


def ours(hook):
    path, = glob.glob(f"/sys/fs/bpf/cgfence/datapath/*/programs-*/{hook}")
    return path


def in_empty(*command):
    return in_cgroup(EMPTY_CGROUP, *command)


def statistics_of(program):
    shown = json.loads(output_of("bpftool", "-j", "prog", "show", "pinned", program))
    return shown.get("run_time_ns", 0), shown.get("run_cnt", 0)


def run_times_ns(programs, command, runs_min):
    """Of one run of each program, while the command runs; and what the command writes."""
    before = [statistics_of(program) for program in programs]
    output = output_of(*command)
    times = []
    for program, (time_before, count_before) in zip(programs, before):
        time_after, count_after = statistics_of(program)
        runs = count_after - count_before
        if runs < runs_min:
            raise SystemExit(f"bench: {program} ran {runs} times, not {runs_min}")
        times.append((time_after - time_before) / runs)
    return times, output


def run_time_ns(program, command, runs_min):
    times, _ = run_times_ns([program], command, runs_min)
    return times[0]
