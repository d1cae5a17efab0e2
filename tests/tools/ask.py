#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Asks odd-dns.py, and then connects to what the name says that it has; a line for each name.

    ask [OPTIONS] TYPE/NAME…      "@" in a name is a new address, in hexadecimal

Prints "TYPE/NAME FIRST LAST": what connect() to the first, and of several the last, address said:
OK, or the error. "EARLY" says that it could be connected to before anyone asked. "-" in front of a
name only asks.
"""

import argparse
import errno
import itertools
import random
import socket

import dns_wire as wire

ANSWER_S = 5 * wire.PATIENCE


def connect(address, port, protocol):
    """Nothing is waited for: what is denied is so at once."""
    family = socket.AF_INET6 if len(address) == 16 else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as opened:
        opened.settimeout(ANSWER_S)
        try:
            opened.connect((wire.text_of(address), port))
            return "OK"
        except TimeoutError:
            return "TIMEOUT"
        except OSError as error:
            return errno.errorcode[error.errno]


class Asker:
    def __init__(self, options):
        self.options = options
        self.server = (options.server, 53)
        self.family = socket.AF_INET6 if ":" in options.server else socket.AF_INET
        self.numbers = itertools.count(options.base, 0x200)

    def open(self, kind, connected=True):
        opened = socket.socket(self.family, kind)
        opened.settimeout(ANSWER_S)
        if connected:
            opened.connect(self.server)
        return opened

    def udp(self, labels, kind, control):
        """With a control: the server answers in order, so what comes at all is there by then."""
        number, connected = random.randrange(65536), self.options.way != "sendto"
        kind_of = socket.SOCK_DGRAM
        with self.open(kind_of, connected) as asking, self.open(kind_of) as other:
            message = wire.question(labels, kind, number, edns=self.options.edns)
            asking.send(message) if connected else asking.sendto(message, self.server)
            if control:
                other.send(wire.question(control, kind, number ^ 0x5555))
                other.recv(65535)
            try:
                asking.settimeout(0 if control else ANSWER_S)
                return asking.recv(65535)
            except (BlockingIOError, TimeoutError):
                return b""

    def tcp(self, labels, kind, _):
        with self.open(socket.SOCK_STREAM) as asking, asking.makefile("rb") as stream:
            message = wire.question(labels, kind, random.randrange(65536), edns=self.options.edns)
            asking.sendall(len(message).to_bytes(2, "big") + message)
            try:
                return stream.read(int.from_bytes(stream.read(2), "big"))
            except TimeoutError:
                return b""

    def resolve(self, labels, kind, control):
        if self.options.way == "libc":
            family = socket.AF_INET if kind == wire.A else socket.AF_INET6
            name = b".".join(labels).decode("latin-1")
            return socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
        if self.options.way == "tcp":
            return self.tcp(labels, kind, control)
        answer = self.udp(labels, kind, control)
        if len(answer) > 2 and answer[2] & (wire.TC >> 8) and self.options.retry:
            return self.tcp(labels, kind, control)
        return answer

    def run(self, job):
        type_name, _, name = job.partition("/")
        only_ask, name = name.startswith("-"), name.removeprefix("-")
        labels = wire.labels_of(name.replace("@", f"{next(self.numbers):08x}"))
        kind = wire.TYPES[type_name]
        shape, _, number = labels[0].decode("latin-1").partition("-")
        count = int(number or 70) if shape == "records" else 4 if shape == "split" else 1
        targets = [wire.address_in(labels, kind, plus) for plus in sorted({0, count - 1})]
        to = (self.options.port, self.options.protocol)
        early = not only_ask and "OK" in [connect(target, *to) for target in targets]
        # Its address is of use to no one: the control's name has other digits.
        control = [b"control", b"c6336401", *labels[-2:]] if self.options.control else None
        try:
            self.resolve(labels, kind, control)
        except OSError as error:
            print(job, "asking:", error)
            return
        results = [] if only_ask else [connect(target, *to) for target in targets]
        print(job, *(["EARLY"] if early else []), *results, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--way", choices=("udp", "sendto", "tcp", "libc"), default="udp")
    parser.add_argument("--edns", type=int, default=1232)
    parser.add_argument("--retry", action="store_true", help="over TCP what was truncated")
    parser.add_argument("--control", action="store_true", help="not to wait for an answer")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--protocol", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--base", type=lambda text: int(text, 16), default=0xC6120000)
    parser.add_argument("jobs", nargs="+")
    options = parser.parse_args()
    asker = Asker(options)
    for job in options.jobs:
        asker.run(job)


if __name__ == "__main__":
    main()
