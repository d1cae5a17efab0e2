# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is left of the throughput of one TCP connection through a veth, with a fence at one end.

Sender and receiver have one CPU together, so that what one of them takes longer is not hidden
behind the other, and nobody else on it: with others, or with two CPUs, the scheduler makes the
same transfer up to four times as fast or as slow. Whatever is not in a fence is in a cgroup of its
own, as deep as a fence's.

What counts is how a connection is by default: buffers that grow, CUBIC, and packets of up to 64 kB
that nobody cuts. The rest is information.
"""

import os

from bench import CGFENCE, in_cgroup, median, output_of, row, title
from peers import FAR, PACKETS, Receiver, Transfer

ROUNDS = 30
ROUNDS_INFORMATION = 15
TCP_MS = 150
TCP_BYTES = 128 * 1024
LIMIT_PERCENT = 3
PORT = 5001
ALONE = ["chrt", "--fifo", "1"]
# Not of cgfence itself, which has its own things to do.
ONE_CPU = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
PLAIN = f"{os.environ['BENCH_CGROUP2']}/bench_plain"
SENDER, RECEIVER = f"{PLAIN}/sender", f"{PLAIN}/receiver"
BUFFERS = ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")
FIXED = "4096 400000 400000"


def in_fence(*options):
    return [CGFENCE, "run", "--quiet", *options, "--"]


def transfer(send, receive):
    """A new receiver each time: where its memory is makes a difference of some percent."""
    receiver = Receiver(PORT, lambda *command: [*ALONE, *receive, *ONE_CPU, *command])
    done = Transfer(receiver, [*ALONE, *send, *ONE_CPU, PACKETS, "tcp", str(TCP_MS), FAR,
                               str(PORT), str(TCP_BYTES)])
    receiver.end()
    return done


def sums(values):
    """Of there and back: what drifts within a round cancels."""
    return [there + back for there, back in zip(values[::2], values[1::2])]


def more_percent(values, than):
    return [100 * (a / b - 1) for a, b in zip(sums(values), sums(than))]


def less_percent(values, than):
    return [-more for more in more_percent(values, than)]


def show_percent(what, percent, limit=None):
    row(f"{what} (from {min(percent):.1f} to {max(percent):.1f})", median(percent), "%", limit)


def show(transfers, limit):
    none = transfers.pop("no fence")
    gbit_s, cpu = [done.gbit_s for done in none], [done.cpu_ns_kbyte for done in none]
    row("no fence: throughput", median(gbit_s), "Gb/s")
    for what, fenced in transfers.items():
        show_percent(f"{what}: less", less_percent([done.gbit_s for done in fenced], gbit_s),
                     None if what == AGAIN else limit)
        show_percent(f"{what}: more CPU for each byte",
                     more_percent([done.cpu_ns_kbyte for done in fenced], cpu))


AGAIN = "no fence, once more"
WAYS = {
    "no fence": (in_cgroup(SENDER), in_cgroup(RECEIVER)),
    AGAIN: (in_cgroup(SENDER), in_cgroup(RECEIVER)),
    "the sender in a fence": (in_fence("--allow", FAR), in_cgroup(RECEIVER)),
    "the receiver in a fence": (in_cgroup(SENDER), in_fence("--listen", str(PORT))),
}


def bench(what, rounds, limit=None):
    title(f"TCP through a veth, {what}: {rounds} x 2 x {TCP_MS} ms")
    transfers = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in [*WAYS, *reversed(WAYS)]:
            transfers[way].append(transfer(*WAYS[way]))
    show(transfers, limit)


def on_both_sides(*command):
    output_of(*command)
    output_of("nsenter", "--net=/run/netns/far", *command)


def bench_fixed_buffers():
    grow = [f"{name}={output_of('sysctl', '-n', name).strip()}" for name in BUFFERS]
    on_both_sides("sysctl", "-qw", *(f"{name}={FIXED}" for name in BUFFERS))
    bench("buffers of 400 kB", ROUNDS_INFORMATION)
    on_both_sides("sysctl", "-qw", *grow)


def bench_no_offload():
    on_both_sides("ip", "link", "set", "eth0", "gso_max_segs", "1")
    bench("no segmentation offload", ROUNDS_INFORMATION)


def main():
    os.makedirs(SENDER)
    os.makedirs(RECEIVER)
    bench("buffers that grow", ROUNDS, LIMIT_PERCENT)
    bench_fixed_buffers()
    bench_no_offload()


main()
