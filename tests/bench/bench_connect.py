# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the fence's connect4 takes, against a program that does nothing."""

import os

from bench import CGFENCE, DIRECTORY, median, output_of, row, title, write_policy
from programs import attach_empty, empty, enable_statistics, in_empty, ours, run_time_ns

ROUNDS = 6
CONNECTS = 300_000
TARGETS = int(os.environ["BENCH_TARGETS"])


def compare(policy, first, targets):
    """Empty, then ours, so that what slows the machine for a while slows both."""
    connects = [f"{DIRECTORY}/connects", str(CONNECTS), str(first), str(targets)]
    run = [CGFENCE, "run", "--quiet", "-p", policy, "--", *connects]
    return (run_time_ns(empty("connect4"), in_empty(*connects), CONNECTS),
            run_time_ns(ours("connect4"), run, CONNECTS))


def show(what, pairs):
    ratios = [fence / nothing for nothing, fence in pairs]
    row(f"{what}: an empty program", median([nothing for nothing, _ in pairs]), "ns")
    row(f"{what}: the fence's", median([fence for _, fence in pairs]), "ns")
    row(f"{what}: ratio (from {min(ratios):.2f} to {max(ratios):.2f})", median(ratios), "x", 2.2)


def main():
    enable_statistics()
    attach_empty()
    policy = write_policy(
        "targets", [f"allow 198.18.{i // 256}.{i % 256}:443/udp" for i in range(TARGETS)])
    output_of(CGFENCE, "run", "--quiet", "-p", policy, "--", "true")
    title(f"connect4 with {TARGETS:,} entries, {ROUNDS} rounds of {CONNECTS:,} connects")
    one, all_in_turn = [], []
    for i in range(ROUNDS):
        # Another one each time: some are behind others in their bucket of the hash table.
        one.append(compare(policy, i * TARGETS // ROUNDS, 1))
        all_in_turn.append(compare(policy, 0, TARGETS))
    show("one target", one)
    show("all in turn", all_in_turn)


main()
