# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a fence adds to the wall time of a command that does nothing, and where that goes."""

from bench import CGFENCE, measure, median, p90, row, title

ROUNDS = 100
RUN = [CGFENCE, "run", "--quiet"]
COMMANDS = {
    "plain": ["true"],
    "version": [CGFENCE, "--version"],
    "empty": [*RUN, "--", "true"],
    "fenced": [*RUN, "--allow", "127.0.0.1", "--", "true"],
}


def main():
    first = measure(COMMANDS["fenced"])
    costs = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            costs[name].append(measure(command))

    def more(name, than, part="wall_ms"):
        pairs = zip(costs[name], costs[than])
        return [getattr(cost, part) - getattr(base, part) for cost, base in pairs]

    wall = more("fenced", "plain")
    cpu = more("fenced", "plain", "cpu_ms")
    title(f"cgfence run --quiet --allow 127.0.0.1 -- true, {ROUNDS} rounds")
    row("true alone", median([cost.wall_ms for cost in costs["plain"]]), "ms")
    row("in a fence, more than that", median(wall), "ms", 25)
    row("    90 % of the runs are below", p90(wall), "ms")
    row("    the very first on a host, which loads the programs", first.wall_ms, "ms")
    row("  of it: another process, dynamic linking (--version)",
        median(more("version", "plain")), "ms")
    row("  of it: the fence, made and removed (run without a rule)",
        median(more("empty", "version")), "ms")
    row("  of it: the rule", median(more("fenced", "empty")), "ms")
    row("  in other words: CPU", median(cpu), "ms")
    row("  in other words: waiting, mostly for the kernel",
        median([all_ms - cpu_ms for all_ms, cpu_ms in zip(wall, cpu)]), "ms")


main()
