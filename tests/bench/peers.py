# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The other end of a connection: a receiver in the network namespace beyond the veth."""

import os
import subprocess

from bench import DIRECTORY, output_of

FAR = os.environ["BENCH_FAR"]
PACKETS = f"{DIRECTORY}/packets"


class Receiver:
    """Of TCP and UDP on a port of FAR; `wrap` makes of its command one in a cgroup or a fence."""

    def __init__(self, port, wrap=lambda *command: [*command]):
        self.port = str(port)
        self.popen = subprocess.Popen(
            ["nsenter", "--net=/run/netns/far", *wrap(PACKETS, "receive", self.port)],
            stdout=subprocess.PIPE, text=True)
        if self.popen.stdout.readline() != "here\n":
            raise SystemExit(f"bench: no receiver on port {port}")

    def connection(self):
        """What the next connection brought: bytes, nanoseconds, nanoseconds of CPU."""
        return [int(word) for word in self.popen.stdout.readline().split()]

    def end(self):
        self.popen.terminate()
        self.popen.wait()
        self.popen.stdout.close()


class Transfer:
    """What a command sends to a receiver, as the receiver sees it."""

    def __init__(self, receiver, command):
        sender_ns = int(output_of(*command))
        received, wall_ns, receiver_ns = receiver.connection()
        self.gbit_s = received * 8 / wall_ns
        self.cpu_ns_kbyte = (sender_ns + receiver_ns) * 1000 / received
