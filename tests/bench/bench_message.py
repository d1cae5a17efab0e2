# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the fence's egress takes for a DNS question and its ingress for the answer, and how much
longer an application waits for one, beside programs that do nothing."""

import os
import subprocess

from bench import CGFENCE, DIRECTORY, median, output_of, row, title, write_policy
from peers import FAR
from programs import attach_empty, empty, enable_statistics, in_empty, ours, run_times_ns

ROUNDS = 7
QUESTION_NS, ANSWER_NS = 1000, 5000
MESSAGES = f"{DIRECTORY}/messages"
SUFFIX = ".addresses.bulk.test"
WILD = f"allow *{SUFFIX}:443"
# So many answers of so many addresses that the map of a wildcard's policy has room for them.
ENTRIES = 7000
MANY = 2000
CPUS = sorted(os.sched_getaffinity(0))


def on_cpu(number):
    """Whoever asks and whoever answers by turns are faster by far if they are on one CPU, and
    whether they are would be chance."""
    return ["taskset", "--cpu-list", str(CPUS[number % len(CPUS)])]


class Server:
    """In the network namespace beyond the veth; what it answers is in the name."""

    def __init__(self):
        self.popen = subprocess.Popen(
            [*on_cpu(0), "nsenter", "--net=/run/netns/far", MESSAGES, "answer", FAR],
            stdout=subprocess.PIPE, text=True)
        if self.popen.stdout.readline() != "here\n":
            raise SystemExit("bench: no DNS server")

    def end(self):
        self.popen.terminate()
        self.popen.wait()
        self.popen.stdout.close()


class Exchange:
    """Questions and their answers, in the empty programs' cgroup and in a fence by turns."""

    def __init__(self, policy, prefix, names=16, count=MANY, refused=False):
        self.policy, self.count, self.refused = policy, count, refused
        self.arguments = [str(count), FAR, str(names), prefix, SUFFIX]
        self.empty, self.fence = [], []

    def measure(self):
        self.empty.append(self.run(empty, in_empty, "ask"))
        self.fence.append(self.run(ours, self.in_fence, "refused" if self.refused else "ask"))

    def in_fence(self, *command):
        return [CGFENCE, "run", "--quiet", "-p", self.policy, "--", *command]

    def run(self, programs, wrap, how):
        # Whoever is refused may be told by an error, and then nothing comes in.
        hooks = ["egress"] if self.refused else ["egress", "ingress"]
        times, output = run_times_ns([programs(hook) for hook in hooks],
                                     wrap(*on_cpu(1), MESSAGES, how, *self.arguments), self.count)
        return [*times, int(output)]

    def more(self, part):
        pairs = zip(self.fence, self.empty)
        return [fence[part] - nothing[part] for fence, nothing in pairs]

    def show_question(self, what, limit=QUESTION_NS):
        self.show(what, 0, limit)

    def show_answer(self, what, limit=None):
        self.show(what, 1, limit)

    def show(self, what, part, limit):
        more = self.more(part)
        row(f"{what} ({min(more):,.0f} to {max(more):,.0f})", median(more), "ns", limit)

    def show_round_trip(self, what):
        ratios = [fence[-1] / nothing[-1] for fence, nothing in zip(self.fence, self.empty)]
        nothing_us = median([nothing[-1] for nothing in self.empty]) / 1e3
        row(f"{what} ({nothing_us:.0f} us without, {min(ratios):.2f} to {max(ratios):.2f})",
            median(ratios), "x")


def policy(name, *lines):
    return write_policy(name, [f"dns {FAR}", *lines])


def question_cases():
    cases = {}
    for count in (1, 1000, 16_000):
        names = policy(f"names-{count}", *(f"allow s1-{i}{SUFFIX}:443/udp" for i in range(count)))
        cases[f"one of {count:,} names" if count > 1 else "the only name"] = \
            Exchange(names, "s1-", 1)
        if count > 1:
            cases[f"{count:,} names in turn"] = \
                Exchange(names, "s1-", count, max(count, MANY))
    cases["any name below a wildcard"] = Exchange(policy("wild", f"{WILD}/udp"), "s1-")
    cases["a name that is refused"] = \
        Exchange(policy("other", "allow s1-1.bulk.test:443/udp"), "s1-", refused=True)
    return cases


def answer_cases():
    """With how many blocks of ports each address gets, and the target if there is one."""
    one, two = policy("one-block", f"{WILD}/udp"), policy("two-blocks", WILD)
    cases = {}
    for addresses in (1, 4, 70, 255):
        count = min(ENTRIES // addresses, MANY)
        cases[f"{addresses} fresh addresses"] = Exchange(one, f"f{addresses}-", count=count)
        cases[f"{addresses} fresh addresses, TCP and UDP"] = \
            Exchange(two, f"f{addresses}-", count=count)
        cases[f"{addresses} addresses that are known"] = Exchange(one, f"s{addresses}-")
    cases["4 fresh addresses behind two CNAMEs"] = Exchange(one, "c4-", count=ENTRIES // 4)
    return cases


def main():
    enable_statistics()
    attach_empty()
    output_of(CGFENCE, "run", "--quiet", "--", "true")
    server = Server()
    questions, answers = question_cases(), answer_cases()
    for _ in range(ROUNDS):
        for exchange in [*questions.values(), *answers.values()]:
            exchange.measure()
    server.end()
    title(f"a DNS question at egress, {ROUNDS} rounds: more than an empty program (range)")
    for what, exchange in questions.items():
        exchange.show_question(what)
    title("an answer at ingress")
    for what, exchange in answers.items():
        exchange.show_answer(what, ANSWER_NS if what == "4 fresh addresses" else None)
    title("the round trip, in a fence against without")
    for what in ("4 fresh addresses", "4 addresses that are known"):
        answers[what].show_round_trip(what)


main()
