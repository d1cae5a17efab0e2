# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the daemon takes: until a change is in force, to start again under many fences, and to live.

All the while somebody connects from the fences a thousand times a second, and no verdict may be
wrong; that is no figure but an error.
"""

import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

os.environ["LAB_CGROUP2"] = os.environ["BENCH_CGROUP2"]
os.environ["PATH"] = os.environ["BENCH_DIR"] + ":" + os.environ["PATH"]
TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools")
sys.path.insert(0, TOOLS)

from bench import CGFENCE, DIRECTORY, median, p90, row, title  # noqa: E402
from live import ALLOWED, DENIED, Daemon, Pulse, make_cgroup, memory_kib, remove_cgroup  # noqa: E402

NEAR, FAR, PORT = os.environ["BENCH_NEAR"], os.environ["BENCH_FAR"], 7000
FORBIDDEN = "198.51.100.66"
NAMES = int(os.environ["BENCH_NAMES"])
DNS = "dns 127.0.0.1\n"
CHANGES, APPLIES, RESTARTS = 100, 10, 10
POLICIES, TARGETS = 200, 5
IDLE_S = 20


def daemon_of(name):
    directory = f"{DIRECTORY}/{name}"
    os.mkdir(directory)
    return Daemon(directory, CGFENCE)


def end(daemon, pulse, cgroups):
    pulse.end()
    for policy in daemon.must("GET", "/v1/policies")["policies"]:
        daemon.delete(policy["name"])
    daemon.kill(signal.SIGTERM)
    for cgroup in cgroups:
        remove_cgroup(cgroup)
    shutil.rmtree(daemon.directory)


def socket_of(cgroup):
    """A socket of the cgroup's: connect() of it is judged as that of who is in there."""
    home = open("/proc/self/cgroup", encoding="ascii").read().split("0::")[1].strip()
    put_into(cgroup)
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    put_into(os.environ["BENCH_CGROUP2"] + home)
    return made


def put_into(cgroup):
    with open(f"{cgroup}/cgroup.procs", "w", encoding="ascii") as file:
        file.write("0")


def fenced(daemon, policy, text, cgroup):
    daemon.put(policy, text)
    daemon.attach(policy, cgroup)
    return Pulse(daemon.directory, [(FAR, PORT, ALLOWED), (FORBIDDEN, PORT, DENIED)], [cgroup])


# --- until a change is in force -----------------------------------------------------------------


def first_connect(made, number, change):
    address = (f"198.18.{number // 256}.{number % 256}", 443)
    begin_ns = time.perf_counter_ns()
    change(f"n{number}.bulk.test:443")
    made.connect(address)
    return (time.perf_counter_ns() - begin_ns) / 1e6


def by_command(daemon, verb):
    def change(rule):
        status, _, complaint = daemon.client(verb, "changes", rule)
        if status:
            raise SystemExit(f"bench: {verb} {rule}: {complaint}")
    return change


def bench_changes():
    cgroup = make_cgroup("changes")
    daemon = daemon_of("changes")
    daemon.start().ready()
    pulse = fenced(daemon, "changes", f"{DNS}allow {FAR}:{PORT}\n", cgroup)
    made = socket_of(cgroup)
    command, request, removed = [], [], []
    for i in range(1, CHANGES + 1):
        command.append(first_connect(made, i, by_command(daemon, "allow")))
        request.append(first_connect(made, 1000 + i,
                                     lambda rule: daemon.change("changes", ["allow " + rule])))
        begin_ns = time.perf_counter_ns()
        by_command(daemon, "remove")(f"n{i}.bulk.test:443")
        removed.append((time.perf_counter_ns() - begin_ns) / 1e6)
    end(daemon, pulse, [cgroup])
    title(f"one rule with a name, from a local knot, {CHANGES} times")
    row("cgfence allow, until the first connect() is through", median(command), "ms", 20)
    row("    90 % of them are below", p90(command), "ms")
    row("the same by the API", median(request), "ms")
    row("cgfence remove, until no connect() is through", median(removed), "ms")


def bench_applies():
    constant = f"{DNS}allow {FAR}:{PORT}\n"
    cgroup = make_cgroup("applies")
    daemon = daemon_of("applies")
    daemon.start().ready()
    pulse = fenced(daemon, "applies", constant, cgroup)
    path, times = f"{daemon.directory}/applies.policy", {}
    kinds = {
        "addresses": lambda i, n: f"allow 198.18.{i // 256}.{i % 256}:{1000 + n % 2}",
        "names": lambda i, n: f"allow n{i + 1}.bulk.test:{443 + n % 2}",
    }
    for kind, rule in kinds.items():
        times[kind] = []
        for number in range(APPLIES):
            with open(path, "w", encoding="ascii") as file:
                file.write(constant + "".join(f"{rule(i, number)}\n" for i in range(NAMES)))
            begin_ns = time.perf_counter_ns()
            status, _, complaint = daemon.client("apply", path)
            times[kind].append((time.perf_counter_ns() - begin_ns) / 1e9)
            if status:
                raise SystemExit(f"bench: apply: {complaint}")
    rss_mb = memory_kib(daemon.pid) * 1024 / 1e6
    shown = daemon.must("GET", "/v1/policies/applies")
    end(daemon, pulse, [cgroup])
    title(f"cgfence apply of {NAMES:,} rules, all of them other ones, {APPLIES} times")
    row("addresses", median(times["addresses"]), "s", 1.5)
    row("names, with their first addresses from a local knot", median(times["names"]), "s", 1.5)
    row("    the longest of all", max(times["addresses"] + times["names"]), "s")
    row("    entries in the end", shown["entries"])
    row("    resident memory in the end", rss_mb, "MB")


# --- again under many fences --------------------------------------------------------------------


def bench_restarts():
    daemon = daemon_of("restarts")
    cgroups = []
    for i in range(POLICIES):
        with open(f"{daemon.policies}/p{i}.policy", "w", encoding="ascii") as file:
            file.write(f"allow {FAR}:{PORT}\nallow 198.18.0.0/24:{1000 + i}\n")
    daemon.start().ready(60)
    begin = time.monotonic()
    for i in range(POLICIES):
        for j in range(TARGETS):
            cgroups.append(make_cgroup(f"many-{i}-{j}"))
            daemon.attach(f"p{i}", cgroups[-1])
    attach_ms = (time.monotonic() - begin) * 1e3 / len(cgroups)
    pulse = Pulse(daemon.directory, [(FAR, PORT, ALLOWED), (FORBIDDEN, PORT, DENIED)], cgroups)
    starts, pauses = [], []
    for _ in range(RESTARTS):
        pulse.forget_pause()
        daemon.kill(random.choice((signal.SIGKILL, signal.SIGTERM)))
        starts.append(daemon.start().ready(60))
        pauses.append(pulse.counts()[2] / 1e6)
    attempts = pulse.counts()[0]
    end(daemon, pulse, cgroups)
    title(f"{POLICIES} policies on {TARGETS} cgroups each, {RESTARTS} restarts")
    row("restart, until it is ready", median(starts), "s", 2)
    row("    the longest", max(starts), "s")
    row("verdicts of who connected meanwhile that were wrong", 0)
    row("    of so many", attempts)
    row("    his longest time without one", max(pauses), "ms")
    row("attach, each", attach_ms, "ms")


# --- to live ------------------------------------------------------------------------------------


def wait(seconds):
    """In a child: this process is not to be counted as the daemon's client."""
    subprocess.run(["timeout", str(seconds), "tail", "-f", "/dev/null"], check=False)


def wakeups(pid, seconds=IDLE_S):
    """Of all threads, each second: how often one that waited went on. First what is done is over."""
    def count():
        total = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file
                             if line.startswith("voluntary_ctxt_switches"))
        return total

    wait(2)
    first, begin = count(), time.monotonic()
    wait(seconds)
    return (count() - first) / (time.monotonic() - begin)


def bench_life():
    daemon = daemon_of("life")
    daemon.start().ready()
    empty_mb = memory_kib(daemon.pid) * 1024 / 1e6
    nothing = wakeups(daemon.pid)
    daemon.put("life", f"{DNS}allow {FAR}:{PORT}\n")
    no_fence = wakeups(daemon.pid)
    cgroup = make_cgroup("life")
    daemon.attach("life", cgroup)
    fence = wakeups(daemon.pid)
    text = DNS + "".join(f"allow n{i}.bulk.test:443/tcp\n" for i in range(1, NAMES + 1))
    daemon.put("life", text)
    rss = [memory_kib(daemon.pid) * 1024 / 1e6]
    daemon.kill(signal.SIGTERM)
    daemon.start().ready()
    settled = 0
    while settled < NAMES:
        settled = daemon.must("GET", "/v1/policies/life")["names"]
    rss.append(memory_kib(daemon.pid) * 1024 / 1e6)
    shown = daemon.must("GET", "/v1/policies")["policies"][0]
    daemon.delete("life")
    daemon.kill(signal.SIGTERM)
    remove_cgroup(cgroup)
    shutil.rmtree(daemon.directory)
    title("the daemon at rest")
    row("wake-ups each second with no policy", nothing, "", 0)
    row("    with a policy that no cgroup has", no_fence, "", 0)
    row("    with a fence, which is proved every 750 ms", fence, "")
    row("resident memory with no policy", empty_mb, "MB")
    row(f"    with {NAMES:,} names of two addresses each", statistics.fmean(rss[:1]), "MB", 24)
    row("    the same after a restart", rss[1], "MB", 24)
    row("    entries then", shown["entries"])


def main():
    # Dies with this PID namespace.
    far = subprocess.Popen(
        ["nsenter", "--net=/run/netns/far", "python3", "-B", f"{TOOLS}/accepts.py", "--log",
         os.devnull, str(PORT), FAR], stdout=subprocess.PIPE)
    far.stdout.readline()
    bench_changes()
    bench_applies()
    bench_restarts()
    bench_life()
    far.terminate()


main()
