# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the daemon takes to change, to start again with what is in force, and to be there.

All the while `pulse` connects from the fenced cgroups, to what is allowed and to what is not, about
a thousand times a second: a verdict that was wrong ends the bench.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from bench import CGFENCE, DIRECTORY, median, output_of, p90, row, title, write_policy

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tools"))
os.environ["LAB_CGROUP2"] = os.environ["BENCH_CGROUP2"]
os.environ["PATH"] += f":{DIRECTORY}"
# pylint: disable-next=wrong-import-position
from live import ALLOWED, DENIED, Daemon, Pulse, make_cgroup, memory_kib, remove_cgroup  # noqa: E402

PORT, DNS = 443, "dns 127.0.0.1"
RULES = int(os.environ["BENCH_NAMES"])
POLICIES, TARGETS = 200, 5
ROUNDS, ALLOWS, IDLE_S = 5, 50, 6
NET = "198.18.0.0/15"  # of all names; a part of this machine, here
ALLOWED_ADDRESS, DENIED_ADDRESS = "198.19.0.1", "198.19.0.2"
CONSTANT = [DNS, f"allow {ALLOWED_ADDRESS}:{PORT}"]
PLACES = [(ALLOWED_ADDRESS, PORT, ALLOWED), (DENIED_ADDRESS, PORT, DENIED)]


def name(number):
    return f"n{number}.bulk.test"


def address_of(number):
    return f"198.18.{number // 256}.{number % 256}"


def names(first, last):
    return [f"allow {name(i)}:{PORT}/tcp" for i in range(first, last + 1)]


def addresses(count):
    return [f"allow 10.{i >> 16}.{i >> 8 & 255}.{i & 255}:{PORT}/tcp" for i in range(count)]


def mixed(seed=0):
    """As many rules as the issue says, half of them names."""
    half = RULES // 2
    return [*CONSTANT, *names(1 + seed, half + seed), *addresses(RULES - half - len(CONSTANT))]


def text_of(lines):
    return "".join(f"{line}\n" for line in lines)


class Listener:
    """Takes every connection to the names' addresses, in a process of its own."""

    CODE = f"""import socket
listener = socket.create_server(("0.0.0.0", {PORT}), backlog=4096)
print(flush=True)
while True:
    listener.accept()[0].close()"""

    def __init__(self):
        output_of("ip", "route", "add", "local", NET, "dev", "lo", "table", "local")
        self.popen = subprocess.Popen([sys.executable, "-c", self.CODE], stdout=subprocess.PIPE)
        self.popen.stdout.readline()

    def end(self):
        self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()
        output_of("ip", "route", "del", "local", NET, "dev", "lo", "table", "local")


def socket_in(cgroup):
    """A socket belongs to the cgroup that it was made in, whoever uses it."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        own = file.read().split("::")[1].strip()
    for path, make in ((cgroup, True), (f"{os.environ['BENCH_CGROUP2']}{own}", False)):
        with open(f"{path}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
        if make:
            made = socket.socket()
    return made


def reaches(cgroup, address):
    with socket_in(cgroup) as made:
        start_ns = time.perf_counter_ns()
        try:
            made.connect((address, PORT))
        except PermissionError:
            return None
        return (time.perf_counter_ns() - start_ns) / 1e6


def client(daemon, *words):
    """How many milliseconds that took."""
    start_ns = time.perf_counter_ns()
    status, output, complaint = daemon.client(*words)
    took_ms = (time.perf_counter_ns() - start_ns) / 1e6
    if status:
        raise SystemExit(f"bench: {' '.join(words)}: {status}\n{output[-500:]}{complaint[-500:]}")
    return took_ms


class Stage:
    """A daemon with cgroups of its own; with policies, which are on them."""

    def __init__(self, policies, targets=1):
        self.directory = f"{DIRECTORY}/daemon"
        os.makedirs(self.directory)
        self.daemon = Daemon(self.directory, program=CGFENCE)
        self.cgroups = {policy: [make_cgroup(f"{policy}-{i}") for i in range(targets)]
                        for policy in policies}
        for policy, lines in policies.items():
            with open(f"{self.daemon.policies}/{policy}.policy", "w", encoding="ascii") as file:
                file.write(text_of(lines))
        self.first_s = self.daemon.start().ready(60)
        start_ns = time.perf_counter_ns()
        for policy, cgroups in self.cgroups.items():
            for cgroup in cgroups:
                self.daemon.attach(policy, cgroup)
        self.attach_ms = ((time.perf_counter_ns() - start_ns) / 1e6 /
                          max(1, len(policies) * targets))
        self.pulse = None

    def every_cgroup(self):
        return [cgroup for cgroups in self.cgroups.values() for cgroup in cgroups]

    def watch(self):
        self.pulse = Pulse(self.directory, PLACES, self.every_cgroup())

    def watched(self):
        """Attempts and the longest time without one, in milliseconds; ends if one was wrong."""
        self.pulse.goes_on(100)
        attempts, _, pause_ns, _ = self.pulse.counts()
        self.pulse.end()
        self.pulse = None
        return attempts, pause_ns / 1e6

    def end(self):
        if self.pulse:
            self.pulse.end()
        for policy in self.cgroups:
            self.daemon.delete(policy)
        self.daemon.kill(signal.SIGTERM)
        self.daemon.notices.close()
        for cgroup in self.every_cgroup():
            remove_cgroup(cgroup)
        shutil.rmtree(self.directory)


# --- one name more --------------------------------------------------------------------------------


def allow_names(daemon, cgroup, first, api):
    """From the call on; and what of it was the command or the request."""
    until_connected = []
    for i in range(first, first + ALLOWS):
        if reaches(cgroup, address_of(i)) is not None:
            raise SystemExit(f"bench: {name(i)} may be reached before it is allowed")
        if api:
            start_ns = time.perf_counter_ns()
            daemon.change("bench", add=[f"allow {name(i)}:{PORT}/tcp"])
            call_ms = (time.perf_counter_ns() - start_ns) / 1e6
        else:
            call_ms = client(daemon, "allow", "bench", f"{name(i)}:{PORT}/tcp")
        connect_ms = reaches(cgroup, address_of(i))
        if connect_ms is None:
            raise SystemExit(f"bench: {name(i)} cannot be reached when it is allowed")
        until_connected.append(call_ms + connect_ms)
    return until_connected


def bench_allow():
    stage = Stage({"bench": CONSTANT})
    cgroup = stage.cgroups["bench"][0]
    commands = [subprocess_ms([CGFENCE, "--version"]) for _ in range(ALLOWS)]
    small = allow_names(stage.daemon, cgroup, 1, False)
    small_api = allow_names(stage.daemon, cgroup, 1001, True)
    removed = [client(stage.daemon, "remove", "bench", f"{name(i)}:{PORT}/tcp")
               for i in range(1, ALLOWS + 1)]
    stage.daemon.put("bench", text_of(mixed()))
    large = allow_names(stage.daemon, cgroup, RULES - 2 * ALLOWS, False)
    large_api = allow_names(stage.daemon, cgroup, RULES - ALLOWS, True)
    stage.end()
    title(f"from `cgfence allow NAME` to a connection to it, {ALLOWS} times")
    row("in a policy of one rule and more", median(small), "ms", 20)
    row("    90 % of them are below", p90(small), "ms")
    row("    by the API alone", median(small_api), "ms")
    row("    the command alone (--version)", median(commands), "ms")
    row("`cgfence remove`", median(removed), "ms")
    row(f"in a policy of {RULES:,} rules", median(large), "ms", 20)
    row("    by the API alone", median(large_api), "ms")


def subprocess_ms(command):
    start_ns = time.perf_counter_ns()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter_ns() - start_ns) / 1e6


# --- many rules at once ---------------------------------------------------------------------------


def apply_ms(stage, lines):
    path = write_policy("bench", lines)
    return client(stage.daemon, "apply", path)


def bench_apply():
    stage = Stage({"bench": CONSTANT})
    stage.watch()
    sorts = {"half names": mixed(), "names": [*CONSTANT, *names(1, RULES - 2)],
             "addresses": [*CONSTANT, *addresses(RULES - 2)]}
    took = {sort: [] for sort in [*sorts, "changed", "same", "less"]}
    for _ in range(ROUNDS):
        for sort, lines in sorts.items():
            took[sort].append(apply_ms(stage, lines))
            if sort == "half names":
                took["same"].append(apply_ms(stage, lines))
                took["changed"].append(apply_ms(stage, mixed(1)))
            took["less"].append(apply_ms(stage, CONSTANT))
    attempts, pause_ms = stage.watched()
    stage.end()
    title(f"`cgfence apply` of {RULES:,} rules, {ROUNDS} rounds")
    row("half names, half addresses, and all in force", median(took["half names"]) / 1e3, "s", 1.5)
    row("names, and all in force", median(took["names"]) / 1e3, "s", 1.5)
    row("addresses", median(took["addresses"]) / 1e3, "s", 1.5)
    row("the same again", median(took["same"]) / 1e3, "s")
    row("one name more, one less", median(took["changed"]) / 1e3, "s")
    row("all of it gone", median(took["less"]) / 1e3, "s")
    row("connects meanwhile, all as they should be", attempts)
    row("    the longest time without one", pause_ms, "ms")


# --- started again --------------------------------------------------------------------------------


def bench_restart():
    policies = {f"many{i}": [*CONSTANT, f"allow {name(i + 1)}:{PORT}/tcp",
                             f"allow 10.0.0.0/24:{1000 + i}"] for i in range(POLICIES)}
    for targets in (1, TARGETS):
        stage = Stage(policies, targets)
        stage.watch()
        readies, statuses = [], []
        for _ in range(ROUNDS):
            stage.daemon.kill(random.choice((signal.SIGKILL, signal.SIGTERM)))
            start_ns = time.perf_counter_ns()
            readies.append(stage.daemon.start().ready(60))
            client(stage.daemon, "status", "--json")
            statuses.append((time.perf_counter_ns() - start_ns) / 1e9)
        rss_mb = memory_kib(stage.daemon.pid) * 1024 / 1e6
        asked = [client(stage.daemon, "status", "--json") for _ in range(ROUNDS)]
        attempts, pause_ms = stage.watched()
        title(f"restart with {POLICIES} policies, "
              f"{POLICIES * targets:,} fences, {ROUNDS} rounds")
        row("until it is ready: all taken up, and as the files say", median(readies), "s", 2)
        row("    the longest", max(readies), "s")
        row("until `cgfence status` has proved all", median(statuses), "s", 2)
        row("`cgfence status` again", median(asked) / 1e3, "s")
        row("connects meanwhile, all as they should be", attempts)
        row("    the longest time without one", pause_ms, "ms")
        row("each attach, by the API", stage.attach_ms, "ms")
        row("resident memory", rss_mb, "MB")
        stage.end()


# --- nothing to do --------------------------------------------------------------------------------


def spent(pid):
    """CPU nanoseconds and wake-ups of all threads."""
    cpu_ns = wakeups = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            cpu_ns += int(file.read().split()[0])
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            wakeups += next(int(line.split()[1]) for line in file
                            if line.startswith("voluntary_ctxt_switches"))
    return cpu_ns, wakeups


def rates(daemon):
    """Percent of a CPU, and wake-ups in a second, while nobody asks for anything."""
    settle(daemon)
    cpu_ns, wakeups = spent(daemon.pid)
    start_ns = time.perf_counter_ns()
    threading.Event().wait(IDLE_S)
    after_ns, after = spent(daemon.pid)
    took_ns = time.perf_counter_ns() - start_ns
    return (after_ns - cpu_ns) / took_ns * 100, (after - wakeups) / took_ns * 1e9


def settle(daemon):
    """Until nothing but the proof has been done for longer than any answer is waited for."""
    before, calm_s = spent(daemon.pid), 0
    while calm_s < 6:
        threading.Event().wait(1)
        now = spent(daemon.pid)
        calm_s = calm_s + 1 if now[1] - before[1] <= 3 else 0
        before = now


def idle(policies, targets, attached=True):
    stage = Stage(policies if attached else {}, targets)
    if not attached:
        for policy, lines in policies.items():
            stage.daemon.put(policy, text_of(lines))
    cpu, wakeups = rates(stage.daemon)
    rss_mb = [memory_kib(stage.daemon.pid) * 1024 / 1e6]
    stage.daemon.kill(signal.SIGTERM)
    stage.daemon.start().ready(60)
    settle(stage.daemon)
    rss_mb.append(memory_kib(stage.daemon.pid) * 1024 / 1e6)
    if not attached:
        for policy in policies:
            stage.daemon.delete(policy)
    stage.end()
    return cpu, wakeups, rss_mb


def bench_idle():
    one = [*CONSTANT, *names(1, 1)]
    nothing = idle({}, 0)
    unattached = idle({"bench": one}, 1, attached=False)
    single = idle({"bench": one}, 1)
    many = idle({f"many{i}": one for i in range(POLICIES)}, TARGETS)
    large = idle({"bench": [*CONSTANT, *names(1, RULES)]}, 1)
    title(f"the daemon with nothing to do, for {IDLE_S} s")
    row("wake-ups in a second: no policy", nothing[1], "", 0)
    row("    one policy, no fence", unattached[1], "", 0)
    row("    one fence, proved every 750 ms", single[1], "", 1.4)
    row("CPU, proving one fence", single[0], "%")
    row(f"    {POLICIES * TARGETS:,} fences of {POLICIES} policies", many[0], "%")
    row(f"    one fence, {RULES:,} names", large[0], "%")
    row("wake-ups in a second, with those names", large[1])
    row("resident memory: no policy", nothing[2][0], "MB")
    row(f"    {RULES:,} names with two addresses each", large[2][0], "MB", 24)
    row("        after a restart", large[2][1], "MB", 24)
    row(f"    {POLICIES * TARGETS:,} fences of {POLICIES} policies", many[2][0], "MB")


def main():
    listener = Listener()
    try:
        for part in os.environ.get("BENCH_DAEMON", "allow apply restart idle").split():
            {"allow": bench_allow, "apply": bench_apply, "restart": bench_restart,
             "idle": bench_idle}[part]()
    finally:
        listener.end()


main()
