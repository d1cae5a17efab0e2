# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the fence's egress and ingress take for a packet, more than programs that do nothing."""

import os

from bench import CGFENCE, median, row, title, write_policy
from peers import FAR, PACKETS, Receiver
from programs import attach_empty, empty, enable_statistics, in_empty, ours, run_time_ns

ROUNDS = 9
DATAGRAMS = 100_000
TCP_MS = 150
TCP_BYTES = 1000
SEGMENTS_MIN = 1000
LIMIT_NS = 80
TARGETS = int(os.environ["BENCH_TARGETS"])
PORT, PORT_EMPTY, PORT_FENCED = 5001, 5002, 5003
ADDRESSES = [f"198.18.{i // 256}.{i % 256}" for i in range(TARGETS)]


def in_fence(policy):
    return lambda *command: [CGFENCE, "run", "--quiet", "-p", policy, "--", *command]


def udp(first, targets, how="udp"):
    return [PACKETS, how, str(DATAGRAMS), str(first), str(targets)]


def tcp(port):
    return [PACKETS, "tcp", str(TCP_MS), FAR, str(port), str(TCP_BYTES)]


class Egress:
    """Commands that send, in the empty program's cgroup and in a fence by turns."""

    def __init__(self, what, policy, command, runs_min=DATAGRAMS, limit=None):
        self.what, self.command, self.runs_min, self.limit = what, command, runs_min, limit
        self.fence = in_fence(policy)
        self.pairs = []

    def measure(self, i):
        command = self.command(i)
        self.pairs.append((run_time_ns(empty("egress"), in_empty(*command), self.runs_min),
                           run_time_ns(ours("egress"), self.fence(*command), self.runs_min)))


class Served:
    """A command that sends, to a receiver in the empty program's cgroup and in a fence by turns."""

    def __init__(self, what, hook, command, runs_min=SEGMENTS_MIN, limit=None):
        self.what, self.hook, self.command = what, hook, command
        self.runs_min, self.limit = runs_min, limit
        self.pairs = []

    def measure(self, _):
        self.pairs.append((
            run_time_ns(empty(self.hook), self.command(PORT_EMPTY), self.runs_min),
            run_time_ns(ours(self.hook), self.command(PORT_FENCED), self.runs_min)))


def egress_cases():
    def one(i):
        # Another one each time: some are behind others in their bucket of the hash table.
        return udp(i * TARGETS // ROUNDS, 1)

    def all_in_turn(_):
        return udp(0, TARGETS)

    targets = write_policy("targets", [f"allow {address}:443/udp" for address in ADDRESSES])
    # knot has 198.18.0.1 for n1 and so on: one less than TARGETS of them are sent to.
    names = write_policy("names", ["dns 127.0.0.1", *(f"allow n{i}.bulk.test:443/udp"
                                                      for i in range(1, TARGETS + 1))])
    segments = write_policy("segments", [f"allow {FAR}:{PORT}/tcp",
                                         *(f"allow {address}:443/tcp" for address in ADDRESSES)])
    prefix = write_policy("prefix", ["allow 198.18.0.0/15:443/udp"])
    wide = write_policy("wide", [f"allow {address}:400-500/udp" for address in ADDRESSES])
    return [
        Egress("UDP to one address", targets, one, limit=LIMIT_NS),
        Egress("UDP to all in turn, from one socket", targets,
               lambda _: udp(0, TARGETS, "sendto"), limit=LIMIT_NS),
        Egress("UDP to all in turn, from a socket for each", targets, all_in_turn,
               limit=LIMIT_NS),
        Egress("UDP to one name", names,
               lambda i: udp(1 + i * (TARGETS - 1) // ROUNDS, 1), limit=LIMIT_NS),
        Egress("UDP to all names in turn, from one socket", names,
               lambda _: udp(1, TARGETS, "sendto"),
               limit=LIMIT_NS),
        Egress("TCP segments", segments, lambda _: tcp(PORT), SEGMENTS_MIN, LIMIT_NS),
        Served("TCP acknowledgements of a port that is served", "egress", tcp, limit=LIMIT_NS),
        Egress("UDP, the rule is a prefix", prefix, one),
        Egress("UDP, the rule is a range of ports", wide, one),
    ]


def ingress_cases():
    return [
        Served("TCP segments", "ingress", tcp, limit=LIMIT_NS),
        Served("UDP to a port that is served", "ingress",
                lambda port: [PACKETS, "datagrams", str(DATAGRAMS), FAR, str(port)],
                DATAGRAMS, LIMIT_NS),
    ]


def show(hook, cases):
    title(f"{hook}, {ROUNDS} rounds: more than an empty program (the empty one, range)")
    for case in cases:
        more = [fence - nothing for nothing, fence in case.pairs]
        nothing = median([nothing for nothing, _ in case.pairs])
        row(f"{case.what} ({nothing:.0f} ns, {min(more):.0f} to {max(more):.0f})",
            median(more), "ns", case.limit)


def main():
    enable_statistics()
    attach_empty()
    listen = write_policy("listen", [f"listen {PORT_FENCED}"])
    receivers = [Receiver(PORT), Receiver(PORT_EMPTY, in_empty),
                 Receiver(PORT_FENCED, in_fence(listen))]
    egress, ingress = egress_cases(), ingress_cases()
    for i in range(ROUNDS):
        for case in egress + ingress:
            case.measure(i)
    for receiver in receivers:
        receiver.end()
    show(f"egress, policies of {TARGETS:,} rules", egress)
    show("ingress", ingress)


main()
