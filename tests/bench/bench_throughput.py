# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is left of the throughput of one TCP connection through a veth, with a fence at one end.

Sender and receiver have one CPU together, so that what one of them takes longer is not hidden
behind the other, and nobody else on it: with others, or with two CPUs, the scheduler makes the
same transfer up to four times as fast or as slow. Whatever is not in a fence is in a cgroup of its
own, as deep as a fence's.
"""

import os

from bench import CGFENCE, in_cgroup, median, row, title
from peers import FAR, PACKETS, Receiver, Transfer

ROUNDS = 30
TCP_MS = 150
TCP_BYTES = 128 * 1024
LIMIT_PERCENT = 3
PORT = 5001
ALONE = ["chrt", "--fifo", "1"]
# Not of cgfence itself, which has its own things to do.
ONE_CPU = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
PLAIN = f"{os.environ['BENCH_CGROUP2']}/bench_plain"
SENDER, RECEIVER = f"{PLAIN}/sender", f"{PLAIN}/receiver"


def in_fence(*options):
    return [CGFENCE, "run", "--quiet", *options, "--"]


def transfer(send, receive):
    """A new receiver each time: where its memory is makes a difference of some percent."""
    receiver = Receiver(PORT, lambda *command: [*ALONE, *receive, *ONE_CPU, *command])
    done = Transfer(receiver, [*ALONE, *send, *ONE_CPU, PACKETS, "tcp", str(TCP_MS), FAR,
                               str(PORT), str(TCP_BYTES)])
    receiver.end()
    return done


def less_percent(transfers, than):
    return [100 * (1 - a.gbit_s / b.gbit_s) for a, b in zip(transfers, than)]


def more_cpu_percent(transfers, than):
    return [100 * (a.cpu_ns_kbyte / b.cpu_ns_kbyte - 1) for a, b in zip(transfers, than)]


def show(transfers):
    title(f"TCP through a veth, {ROUNDS} rounds of 2 x {TCP_MS} ms for each")
    none = transfers.pop("no fence")
    row("no fence: throughput", median([done.gbit_s for done in none]), "Gb/s")
    for what, fenced in transfers.items():
        less, more = less_percent(fenced, none), more_cpu_percent(fenced, none)
        row(f"{what}: less (from {min(less):.1f} to {max(less):.1f})",
            median(less), "%", LIMIT_PERCENT)
        row(f"{what}: more CPU for each byte (from {min(more):.1f} to {max(more):.1f})",
            median(more), "%")


def main():
    os.makedirs(SENDER)
    os.makedirs(RECEIVER)
    send, receive = in_cgroup(SENDER), in_cgroup(RECEIVER)
    ways = {
        "no fence": (send, receive),
        "no fence, once more": (send, receive),
        "the sender in a fence": (in_fence("--allow", FAR), receive),
        "the receiver in a fence": (send, in_fence("--listen", str(PORT))),
    }
    transfers = {what: [] for what in ways}
    for _ in range(ROUNDS):
        # Once more in reverse: what drifts meanwhile cancels.
        for what in [*ways, *reversed(ways)]:
            transfers[what].append(transfer(*ways[what]))
    show(transfers)


main()
