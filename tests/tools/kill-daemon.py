#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kills the daemon at random moments of many changes, and starts it again each time.

    kill-daemon.py [--changes 1000] [--seed N] DIRECTORY

Beside it stands a model of what must be allowed. What was answered is in force; the change that was
under way is in force as a whole or not at all; and never is anything else allowed or denied, for
which `pulse` tries all destinations a thousand times a second. Prints the seed first.
"""

import argparse
import http.client
import os
import random
import signal
import sys
import threading
import time

from live import ALLOWED, DENIED, EITHER, Daemon, Pulse, Refused, make_cgroup, remove_cgroup, until

POLICY, PORT = "killed", 7000
KILL_EVERY = 10  # changes
CONSTANT, FORBIDDEN = "198.51.100.10", "198.51.100.66"
# Destinations 0 to 11 are addresses, 12 to 19 those of names (of the lab's zone: see faults.bats),
# and the last is one of many, for which the maps have to be made larger.
ADDRESSES = [f"198.18.1.{i}" for i in range(12)]
NAMES = [f"kill{i}.test" for i in range(8)]
NAMED = [f"198.18.3.{i}" for i in range(8)]
MANY, MANY_RULES = "many", [f"allow 198.19.{i // 256}.{i % 256}:{PORT}" for i in range(5000)]
DESTINATIONS = ADDRESSES + NAMED + ["198.19.7.7"]
HEAD = f"# A comment that stays.\nallow {CONSTANT}:{PORT}   # and so does this one\n\n"


def universe():
    """Each rule that there may be, and what it covers."""
    rules = {}
    for i, address in enumerate(ADDRESSES):
        rules[f"allow {address}:{PORT}"] = {i}
        rules[f"deny {address}:{PORT}"] = {i}
    for first in range(0, 12, 4):
        rules[f"allow 198.18.1.{first}/30:{PORT}"] = set(range(first, first + 4))
    rules["allow 198.18.1.4/31"] = {4, 5}
    rules["deny 198.18.1.8/31"] = {8, 9}
    for i, name in enumerate(NAMES):
        rules[f"allow {name}:{PORT}"] = {12 + i}
        rules[f"allow {name}:{PORT - 10}-{PORT + 10}"] = {12 + i}
        rules[f"deny {NAMED[i]}"] = {12 + i}
    return rules


RULES = universe()
COVERED = {**RULES, MANY: {20}}


def lines_of(rules):
    lines = [rule for rule in rules if rule != MANY]
    return lines + MANY_RULES if MANY in rules else lines


def spoken(rule):
    return rule.removeprefix("allow ")


def allowed_by(rules):
    deny = set().union(*(COVERED[rule] for rule in rules if rule.startswith("deny")))
    allow = set().union(*(COVERED[rule] for rule in rules if not rule.startswith("deny")))
    return allow - deny


class Drill:
    def __init__(self, options):
        self.random = random.Random(options.seed)
        self.directory = options.directory
        self.daemon = Daemon(options.directory)
        self.rules = []  # in the order of the file
        self.kills = self.in_force = self.as_before = 0
        self.restart_s = 0
        self.last = None

    # --- changes: what is called, and the rules afterwards ---

    def allow(self):
        """Only the API adds rules that deny."""
        others = sorted(set(RULES) - set(self.rules))
        if not others:
            return self.remove()
        new = self.random.sample(others, min(len(others), self.random.randint(1, 3)))
        if all(rule.startswith("allow") for rule in new):
            return (self.command, "allow", POLICY, *map(spoken, new)), self.rules + new
        return (self.request, new), self.rules + new

    def remove(self):
        some = [rule for rule in self.rules if rule != MANY]
        if not some:
            return self.allow()
        old = self.random.sample(some, min(len(some), self.random.randint(1, 3)))
        left = [rule for rule in self.rules if rule not in old]
        return (self.command, "remove", POLICY, *map(spoken, old)), left

    def command(self, *words):
        status, _, complaint = self.daemon.client(*words)
        return complaint if status else None

    def request(self, rules):
        try:
            self.daemon.change(POLICY, add=rules)
        except (OSError, http.client.HTTPException, Refused) as error:
            return repr(error)
        return None

    def apply(self):
        rules = self.random.sample(sorted(RULES), self.random.randint(0, 24))
        if self.random.random() < 0.1:
            rules.append(MANY)
        path = f"{self.directory}/{POLICY}.policy"
        with open(path, "w", encoding="ascii") as file:
            file.write(HEAD + "".join(f"{line}\n" for line in lines_of(rules)))
        return (self.command, "apply", path), rules

    # --- what must be ---

    def expect(self, *choices):
        """One of these lists of rules is in force."""
        sets = [allowed_by(rules) for rules in choices]
        for number in range(len(DESTINATIONS)):
            views = {number in allowed for allowed in sets}
            state = EITHER if len(views) > 1 else ALLOWED if views.pop() else DENIED
            self.pulse.expect(2 + number, state)

    def file(self):
        with open(f"{self.daemon.policies}/{POLICY}.policy", encoding="ascii") as file:
            return file.read()

    def file_has(self, rules):
        text = self.file()
        lines = [line for line in text[len(HEAD):].split("\n") if line]
        return text.startswith(HEAD) and sorted(lines) == sorted(lines_of(rules))

    def settle(self, before, after):
        """After a kill: the file says which of both it is, and the kernel says the same."""
        if self.file_has(after):
            self.rules = after
            self.in_force += 1
        elif self.file_has(before):
            self.rules = before
            self.as_before += 1
        else:
            raise SystemExit(f"neither {before} nor {after} is in the file:\n{self.file()}")
        answer = self.daemon.must("GET", f"/v1/policies/{POLICY}")
        if answer["problem"]:
            raise SystemExit(f"problem: {answer['problem']}")
        # A name that nobody was told is in force yet is allowed from its first answer on.
        until(self.is_answered, 20, "answers for all names")
        self.expect(self.rules)
        self.pulse.goes_on(len(DESTINATIONS) + 2)

    def is_answered(self):
        rules = self.daemon.must("GET", f"/v1/policies/{POLICY}")["rule_list"]
        return all(rule["addresses"] for rule in rules if rule["rule"].startswith("allow kill"))

    # --- killing ---

    def restart(self):
        """Killed while it starts, too, now and then."""
        self.last["started_at"] = [f"{time.monotonic():.6f}"]
        self.daemon.start()
        while self.random.random() < 0.25:
            time.sleep(self.random.uniform(0, 0.3))
            self.daemon.kill()
            self.kills += 1
            self.last["started_at"].append(f"{time.monotonic():.6f}")
            self.daemon.start()
        self.restart_s = max(self.restart_s, self.daemon.ready())
        self.last["ready_at"] = f"{time.monotonic():.6f}"

    def change(self, kill):
        before = self.rules
        (call, *words), after = self.random.choice((self.allow, self.allow, self.remove, self.apply))()
        self.last = {"call": words, "kill": kill, "before": before, "after": after}
        self.expect(before, after)
        timer = None
        if kill:
            timer = threading.Timer(self.random.expovariate(1 / 0.012), self.daemon.kill)
            timer.start()
        complaint = call(*words)
        if timer:
            timer.join()
            self.kills += 1
            if complaint is None:
                before = after
            self.restart()
            self.settle(before, after)
            return
        if complaint is not None:
            raise SystemExit(f"{words}: {complaint}")
        self.rules = after
        self.expect(after)

    def report(self):
        """All that is known of what went wrong."""
        _, shown, _ = self.daemon.client("show", POLICY)
        return "\n".join([*self.pulse.lines()[:20], "--- file", self.file()[:2000], "--- in force", shown[:4000],
                          "--- log", self.daemon.tail()])

    def run(self, changes):
        cgroup = make_cgroup("killed")
        self.daemon.start().ready()
        self.daemon.put(POLICY, HEAD)
        self.daemon.attach(POLICY, cgroup)
        places = [(CONSTANT, PORT, ALLOWED), (FORBIDDEN, PORT, DENIED)]
        places += [(address, PORT, DENIED) for address in DESTINATIONS]
        self.pulse = Pulse(self.directory, places, [cgroup])
        at = set(self.random.sample(range(changes), changes // KILL_EVERY))
        for number in range(changes):
            try:
                self.change(number in at)
            except (Refused, SystemExit) as error:
                raise SystemExit(f"change {number}: {error}") from error
            if self.pulse.counts()[1]:
                raise SystemExit(f"change {number}, after {self.kills} kills, {self.last}: "
                                 f"wrong before {time.monotonic():.6f}:\n{self.report()}")
        self.pulse.goes_on(2 * len(DESTINATIONS))
        status, text, complaint = self.daemon.client("status")
        if status:
            raise SystemExit(f"status: {status}\n{text}{complaint}")
        counted = self.pulse.end()
        self.daemon.delete(POLICY)
        self.daemon.kill(signal.SIGTERM)
        remove_cgroup(cgroup)
        print(f"{changes} changes, {self.kills} kills; under way: {self.in_force} in force, "
              f"{self.as_before} not; longest restart {self.restart_s:.2f} s")
        print(counted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("directory")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    drill = Drill(options)
    try:
        drill.run(options.changes)
    finally:
        if drill.daemon.process and drill.daemon.process.poll() is None:
            drill.daemon.process.kill()


if __name__ == "__main__":
    sys.exit(main())
