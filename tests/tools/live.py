# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What drivers of tests share that live with a daemon: it itself, its API, its clients, cgroups, who
connects from them all the while, and what the kernel has of it."""

import http.client
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import time

PATIENCE = int(os.environ.get("LAB_PATIENCE", "1"))
PINS = "/sys/fs/bpf/cgfence"
TOO_MANY = 429  # requests in a second
CGROUP2 = os.environ.get("LAB_CGROUP2", "/sys/fs/cgroup")


def until(condition, seconds, what):
    """Its result, once it has one."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.002)
    return result


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("cgfence", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Refused(Exception):
    """An error that the API gave."""


class Daemon:
    """A daemon with files and a socket of its own, which may be killed and started again."""

    def __init__(self, directory, program="cgfence", wrapper=()):
        self.directory, self.program, self.wrapper = directory, program, wrapper
        self.policies, self.socket = f"{directory}/policies", f"{directory}/socket"
        self.log = f"{directory}/daemon.log"
        self.process = None
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(f"{directory}/notify")
        os.makedirs(self.policies, exist_ok=True)

    def start(self):
        """Does not wait; for ready()."""
        self.notices.settimeout(0)
        self.drain()
        environment = dict(os.environ, NOTIFY_SOCKET=f"{self.directory}/notify")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, self.program, "daemon", "--policy-dir", self.policies,
                 "--socket", self.socket],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def drain(self):
        try:
            while True:
                self.notices.recv(4096)
        except BlockingIOError:
            pass

    def ready(self, seconds=20):
        """Until it has told its manager that it is; how many seconds that took."""
        begin = time.monotonic()
        self.notices.settimeout(0.05)
        while time.monotonic() - begin < seconds * PATIENCE:
            try:
                if b"READY=1" in self.notices.recv(4096).split(b"\n"):
                    return time.monotonic() - begin
            except TimeoutError:
                pass
            if self.process.poll() is not None:
                raise SystemExit(f"the daemon ended: {self.process.returncode}\n{self.tail()}")
        raise SystemExit(f"the daemon is not ready in {seconds} s\n{self.tail()}")

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-20:])

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        status = self.process.wait(20 * PATIENCE)
        if status not in (0, -number):
            raise SystemExit(f"the daemon ended by itself: {status}\n{self.tail()}")

    @property
    def pid(self):
        return self.process.pid

    def ask(self, method, path, body=None, timeout=60):
        """The status and the answer, read. Of too many requests in a second some have to wait."""
        while (answer := self.ask_once(method, path, body, timeout))[0] == TOO_MANY:
            time.sleep(0.05)
        return answer

    def ask_once(self, method, path, body, timeout):
        connection = Connection(self.socket, timeout)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text[:1] == "{" else text
        finally:
            connection.close()

    def must(self, method, path, body=None, timeout=60):
        status, answer = self.ask(method, path, body, timeout)
        if status >= 300:
            raise Refused(f"{method} {path}: {status} {answer}")
        return answer

    def put(self, policy, text):
        return self.must("PUT", f"/v1/policies/{policy}", text.encode())

    def change(self, policy, add=(), remove=()):
        body = json.dumps({"add": list(add), "remove": list(remove)})
        return self.must("POST", f"/v1/policies/{policy}/rules", body.encode())

    def attach(self, policy, target, persistent=False):
        body = json.dumps({"policy": policy, "target": target, "persistent": persistent})
        return self.must("POST", "/v1/fences", body.encode())

    def detach(self, target):
        return self.must("DELETE", f"/v1/fences?target={target.replace('/', '%2F')}")

    def delete(self, policy):
        return self.must("DELETE", f"/v1/policies/{policy}?force=1")

    def client(self, *arguments):
        """The same by the command, as a person would: (status, output, what it complains of)."""
        words = [self.program, arguments[0], "--socket", self.socket, *arguments[1:]]
        done = subprocess.run(words, capture_output=True, text=True, check=False,
                              timeout=60 * PATIENCE)
        return done.returncode, done.stdout, done.stderr


# --- cgroups, and who connects from them --------------------------------------------------------


def make_cgroup(name):
    path = f"{CGROUP2}/{name}"
    os.makedirs(path, exist_ok=True)
    return path


def remove_cgroup(path):
    """Who was in there has ended, which the kernel may say a little later."""
    def removed():
        try:
            os.rmdir(path)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    until(removed, 5, f"rmdir {path}")


ALLOWED, DENIED, EITHER = ord("a"), ord("d"), ord("?")


class Pulse:
    """pulse.c, and what it is to expect: `destinations` are (ADDRESS, PORT, EXPECTED)."""

    HEAD, LIMIT = struct.Struct("=QQQQ"), 256

    def __init__(self, directory, destinations, cgroups, period_us=1000):
        self.output = f"{directory}/pulse.out"
        path = f"{directory}/pulse.state"
        words = [f"{address},{port},{chr(expected)}" for address, port, expected in destinations]
        places = [word for cgroup in cgroups for word in ("--cgroup", cgroup)]
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                ["pulse", "--state", path, "--period-us", str(period_us), *places, *words],
                stdout=output, stderr=subprocess.STDOUT)
        until(self.begun, 20, "pulse begins")
        with open(path, "r+b") as file:
            self.state = mmap.mmap(file.fileno(), self.HEAD.size + 4 * self.LIMIT)

    def begun(self):
        with open(self.output, "rb") as output:
            return b"ready" in output.read(65536) or self.process.poll() is not None

    def expect(self, number, expected):
        """An attempt that goes on meanwhile is not judged."""
        offset = self.HEAD.size + 4 * number
        old, = struct.unpack_from("=I", self.state, offset)
        if old & 0xFF != expected:
            struct.pack_into("=I", self.state, offset, ((old & ~0xFF) + 0x100 & 0xFFFFFFFF) | expected)

    def counts(self):
        """(attempts, wrong, pause_ns, rounds)"""
        return self.HEAD.unpack_from(self.state)

    def forget_pause(self):
        struct.pack_into("=Q", self.state, 16, 0)

    def goes_on(self, rounds):
        """That many more, which are then judged."""
        goal = self.counts()[3] + rounds
        until(lambda: self.counts()[3] >= goal, 60, "pulse")

    def lines(self):
        with open(self.output, encoding="utf-8") as output:
            return [line for line in output.read().splitlines() if line != "ready"]

    def end(self):
        """Fails if any verdict was wrong; what it has counted."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(20 * PATIENCE):
            raise SystemExit("\n".join(self.lines()[:20]))
        return self.lines()[-1]


# --- what there is of a daemon ------------------------------------------------------------------


def memory_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Rss:"):
                return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def pins():
    return sorted(
        os.path.join(path, name)[len(PINS) + 1:]
        for top in ("policies", "links")
        for path, directories, files in os.walk(f"{PINS}/{top}")
        for name in directories + files)


def bpftool(*arguments):
    done = subprocess.run(["bpftool", "--json", *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout or "null")


def entries(policy, name="allow"):
    return bpftool("map", "dump", "pinned", f"{PINS}/policies/{policy}/{name}")
