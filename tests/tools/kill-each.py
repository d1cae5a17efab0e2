#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kills the daemon before each of the calls of the kernel by which it does what it is asked for, one
after the other, and those by which it starts; and starts it again each time.

    kill-each.py [--every 1] [--only OPERATION] [--other PROGRAM] [--seed N] DIRECTORY

What was asked for is done then as a whole or not at all, all fences are proved, and `pulse` tries
all the while what must be allowed and what must not be. Of a call that is made more than a few times
one time of N is taken, with --every N, and 20 at most if N is not 1. With --other that program,
another build, and this one take over from each other. Prints the seed first.
"""

import argparse
import collections
import http.client
import os
import random
import re
import signal
import subprocess
import sys
import time

from live import (ALLOWED, DENIED, EITHER, PATIENCE, Daemon, Pulse, Refused, make_cgroup,
                  remove_cgroup, until)

POLICY, PORT = "each", 7000
CONSTANT, NAMED = "198.51.100.10", "198.18.3.0"
# For the rules after, the maps have to be made larger.
RULES = {
    "before": f"allow {CONSTANT}:{PORT}\n"
              f"allow 198.18.3.4/31:{PORT}\n"
              f"deny kill4.test\n"
              f"allow 198.18.1.1:{PORT}\n"
              f"allow kill0.test:{PORT}\n"
              f"allow kill1.test:{PORT}\n"
              f"allow kill1.test:{PORT - 10}-{PORT + 10}\n",
    "after": f"allow {CONSTANT}:{PORT}\n"
             f"allow 198.18.3.4/31:{PORT}\n"
             f"deny kill4.test:{PORT - 1}-{PORT}\n"
             f"allow 198.18.1.0/30:{PORT}\n"
             f"deny 198.18.1.1:{PORT}\n"
             f"allow kill0.test:{PORT}-{PORT + 1}\n"
             f"allow kill1.test:{PORT}\n"
             + "".join(f"allow 198.19.{i // 256}.{i % 256}:{PORT}\n" for i in range(3000)),
}
# What which rules allow; without a fence ("open") all is. The names are of the lab's zone.
PLACES = {
    CONSTANT: ("before", "after", "open"),
    NAMED: ("before", "after", "open"),
    "198.18.3.1": ("before", "after", "open"),
    "198.18.3.2": ("open",),
    "198.18.3.4": ("open",),
    "198.18.3.5": ("before", "after", "open"),
    "198.18.1.1": ("before", "open"),
    "198.18.1.2": ("after", "open"),
    "198.51.100.66": ("open",),
}
# Of each call so many are taken in any case.
FEW = 3
CALLS = ("bpf,openat,close,write,writev,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,"
         "link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,sendto,sendmsg")


class Drill:
    def __init__(self, options):
        self.every, self.only = options.every, options.only
        self.programs = ["cgfence", options.other]
        self.random = random.Random(options.seed)
        self.daemon = Daemon(options.directory)
        self.calls = f"{options.directory}/calls"
        self.web, self.other = make_cgroup("each-web"), make_cgroup("each-other")
        self.said = None
        self.daemon.start().ready()
        self.daemon.put(POLICY, RULES["before"])
        self.daemon.attach(POLICY, self.web)
        either = [(place, PORT, EITHER) for place in PLACES]
        self.pulses = {cgroup: self.pulse(cgroup, either, [cgroup]) for cgroup in (self.web, self.other)}
        # By itself, as what is denied may make an attempt wait for long.
        self.steady = self.pulse("steady", [(CONSTANT, PORT, ALLOWED), (NAMED, PORT, ALLOWED)],
                                 [self.web, self.other])

    def pulse(self, name, places, cgroups):
        directory = f"{self.daemon.directory}/pulse-{os.path.basename(name)}"
        os.mkdir(directory)
        return Pulse(directory, places, cgroups)

    # --- what there is ---

    def file(self):
        """Which rules are in it; "open" if there is none."""
        try:
            with open(f"{self.daemon.policies}/{POLICY}.policy", encoding="ascii") as file:
                text = file.read()
        except FileNotFoundError:
            return "open"
        for name, rules in RULES.items():
            if text == rules:
                return name
        raise SystemExit(f"the file has neither rules:\n{text[:2000]}")

    def fences(self):
        return [fence["target"] for fence in self.daemon.must("GET", "/v1/fences")["fences"]]

    def is_proved(self):
        self.said = self.daemon.client("status")
        return self.said[0] == 0

    def is_answered(self):
        rules = self.daemon.must("GET", f"/v1/policies/{POLICY}")["rule_list"]
        return all(rule["addresses"] for rule in rules if " kill" in rule["rule"])

    def expect(self, cgroup, *choices):
        """One of these is in force."""
        for number, allowed in enumerate(PLACES.values()):
            views = {choice in allowed for choice in choices}
            self.pulses[cgroup].expect(
                number, EITHER if len(views) > 1 else ALLOWED if views.pop() else DENIED)

    # --- operations: what may be in force meanwhile, and what is called ---

    def put(self):
        self.expect(self.web, "before", "after")
        self.expect(self.other, "before", "after")
        return self.daemon.put, POLICY, RULES["after"]

    def put_anew(self):
        """Of a policy whose file was gone when the daemon started, so that what was in force stayed."""
        self.daemon.kill()
        os.remove(f"{self.daemon.policies}/{POLICY}.policy")
        self.daemon.start().ready()
        return self.put()

    def attach(self):
        self.expect(self.other, "before", "open")
        return self.daemon.attach, POLICY, self.other

    def attach_persistent(self):
        self.expect(self.other, "before", "open")
        return self.daemon.attach, POLICY, self.other, True

    def detach(self):
        self.expect(self.other, "before", "open")
        return self.daemon.detach, self.other

    def delete(self):
        self.expect(self.web, "before", "open")
        self.expect(self.other, "before", "open")
        return self.daemon.delete, POLICY

    def stop(self):
        return self.daemon.kill, signal.SIGTERM

    # --- operations that are starts: what is done while there is no daemon ---

    def start(self):
        pass

    def start_with_others(self):
        self.expect(self.web, "before", "after")
        self.expect(self.other, "before", "after")
        with open(f"{self.daemon.policies}/{POLICY}.policy", "w", encoding="ascii") as file:
            file.write(RULES["after"])

    def start_other(self):
        self.programs.reverse()
        self.daemon.program = self.programs[0]

    # --- before and after ---

    def reset(self, attached):
        for cgroup in self.pulses:
            self.expect(cgroup, "before", "after", "open")
        self.daemon.put(POLICY, RULES["before"])
        fences = self.fences()
        if self.web not in fences:
            self.daemon.attach(POLICY, self.web)
        if attached and self.other not in fences:
            self.daemon.attach(POLICY, self.other)
        if self.other in fences and not attached:
            self.daemon.detach(self.other)
        until(self.is_answered, 20, "answers")
        self.expect(self.web, "before")
        self.expect(self.other, "before" if attached else "open")

    def finish_delete(self):
        """What is left of it stands, and is said, until it is asked for again."""
        if self.is_proved() or "its file is gone" not in self.said[1]:
            raise SystemExit(f"that its file is gone is not said: {self.said}")
        for cgroup in self.pulses:
            self.expect(cgroup, "before", "after", "open")
        self.daemon.delete(POLICY)

    def settle(self):
        rules = self.file()
        if rules == "open" and self.fences():
            self.finish_delete()
        elif rules != "open":
            until(self.is_answered, 20, "answers")
        try:
            until(self.is_proved, 5, "status")
        except SystemExit as error:
            raise SystemExit(f"{error}: {self.said}") from error
        fences = self.fences()
        for cgroup, pulse in self.pulses.items():
            self.expect(cgroup, rules if cgroup in fences else "open")
            pulse.goes_on(2 * len(PLACES))
        for pulse in (*self.pulses.values(), self.steady):
            if pulse.counts()[1]:
                raise SystemExit("\n".join(["wrong:", *pulse.lines()[:20]]))

    # --- killing ---

    def strace(self, call, number, *arguments):
        """Without a call: only what is called is written down."""
        inject = ["-e", f"inject={call}:signal=SIGKILL:when={number}"] if call else []
        return ["strace", "-f", "-qq", "-o", self.calls, "-e", f"trace={CALLS}", *inject, *arguments]

    def trace(self, call, number):
        pid = self.daemon.pid
        tracer = subprocess.Popen(self.strace(call, number, "-p", str(pid)),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

        def is_traced():
            if tracer.poll() is not None:
                raise SystemExit(f"strace ended: {tracer.returncode}")
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                return "TracerPid:\t0\n" not in file.read()

        until(is_traced, 10, "strace")
        return tracer

    def do(self, kill_at, function, *arguments):
        """Whether it was killed before it was done."""
        tracer = self.trace(*kill_at)
        try:
            function(*arguments)
            killed = False
            self.daemon.process.send_signal(signal.SIGKILL)
        except (OSError, http.client.HTTPException, SystemExit):
            killed = True
        self.daemon.process.wait(20 * PATIENCE)
        tracer.wait(20 * PATIENCE)
        return killed

    def do_start(self, kill_at, prepare):
        self.daemon.kill()
        prepare()
        self.daemon.wrapper = self.strace(*kill_at)
        self.daemon.start()
        self.daemon.wrapper = ()
        try:
            self.daemon.ready()
        except SystemExit:
            if self.daemon.process.poll() != -signal.SIGKILL:
                raise
            return True
        tracer = self.daemon.pid
        with open(f"/proc/{tracer}/task/{tracer}/children", encoding="ascii") as file:
            for pid in file.read().split():
                os.kill(int(pid), signal.SIGKILL)
        self.daemon.process.wait(20 * PATIENCE)
        return False

    def try_once(self, name, operation, attached, kill_at=(None, 0)):
        self.reset(attached)
        if name.startswith("start"):
            killed = self.do_start(kill_at, operation)
        else:
            killed = self.do(kill_at, *operation())
        try:
            self.daemon.start().ready()
            self.settle()
        except (SystemExit, Refused) as error:
            with open(self.calls, encoding="utf-8") as file:
                calls = file.read().splitlines()[-6:]
            raise SystemExit("\n".join([f"{name}, killed before {kill_at}, until {time.monotonic():.6f}:",
                                        str(error), "---", *calls, "---", self.daemon.tail()])) from error
        return killed

    def calls_of(self):
        """How often each was called, by the thread that called most."""
        counts = collections.Counter()
        with open(self.calls, encoding="utf-8", errors="replace") as file:
            for line in file:
                counts.update(re.findall(r"^(\d+ +\w+)\(", line))
        most = {}
        for words, count in counts.items():
            call = words.split()[1]
            most[call] = max(count, most.get(call, 0))
        return most

    def numbers(self, count):
        step = self.every if self.every == 1 else max(self.every, count // 20)
        some = range(self.random.randint(1, step), count + 1, step)
        return sorted({*range(1, min(count, FEW) + 1), *some})

    def kill_each(self, name, operation, attached):
        self.try_once(name, operation, attached)
        kills = tries = 0
        for call, count in sorted(self.calls_of().items()):
            for number in self.numbers(count):
                tries += 1
                kills += self.try_once(name, operation, attached, (call, number))
        print(f"{name}: {kills} of {tries} times killed before it was done", flush=True)
        if not kills:
            raise SystemExit(f"{name} was never killed")

    def run(self):
        for name, operation, attached in (("put", self.put, True),
                                          ("put in place of what stayed", self.put_anew, True),
                                          ("attach", self.attach, False),
                                          ("attach --persistent", self.attach_persistent, False),
                                          ("detach", self.detach, True),
                                          ("delete", self.delete, True),
                                          ("stop", self.stop, True),
                                          ("start", self.start, True),
                                          ("start with other rules", self.start_with_others, True),
                                          ("start of another build", self.start_other, True)):
            if self.only in (None, name) and (operation != self.start_other or self.programs[1]):
                self.kill_each(name, operation, attached)
        for pulse in (*self.pulses.values(), self.steady):
            print(pulse.end())
        self.daemon.put(POLICY, RULES["before"])
        self.daemon.delete(POLICY)
        self.daemon.kill(signal.SIGTERM)
        remove_cgroup(self.web)
        remove_cgroup(self.other)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--other")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("directory")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    drill = Drill(options)
    try:
        drill.run()
    finally:
        if drill.daemon.process.poll() is None:
            drill.daemon.process.kill()


if __name__ == "__main__":
    sys.exit(main())
