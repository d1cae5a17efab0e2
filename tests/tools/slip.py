#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Ways to get a question, or anything else, past who only lets questions for some names pass.

    slip.py SERVER ALLOWED FORBIDDEN WAY…

Prints for each way what came of it: the error and the call that had it, what the answer's code was
("NOERROR", "NXDOMAIN", …), "silence" or "closed"; and "late", if that took longer than a client may
be kept waiting. What got out, the server knows.
"""

import errno
import os
import socket
import struct
import sys
import tempfile
import time

import dns_wire as wire

ANSWER_S, LATE_S = wire.PATIENCE, 0.2 * wire.PATIENCE
UDP_SEGMENT, IP_PKTINFO = 103, 8
CODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


class Slip:
    def __init__(self, server, allowed, forbidden):
        self.server = server
        self.family = socket.AF_INET6 if ":" in server else socket.AF_INET
        self.allowed, self.forbidden = (self.make(name) for name in (allowed, forbidden))
        self.name = wire.wire_name(wire.labels_of(forbidden))

    @staticmethod
    def make(name, **more):
        return wire.question(wire.labels_of(name), wire.A, 0x1234, edns=0, **more)

    def open(self, kind, family=None, address=None):
        opened = socket.socket(family or self.family, kind)
        opened.settimeout(ANSWER_S)
        opened.connect((address or self.server, 53))
        return opened

    # --- UDP ---

    def datagram(self, *messages, address=None, family=None, flags=0):
        with self.open(socket.SOCK_DGRAM, family, address) as udp:
            for message in messages[:-1]:
                udp.send(message, flags)
            udp.send(messages[-1])
            return code(udp.recv(65535))

    @staticmethod
    def changed(message, offset, value):
        return message[:offset] + struct.pack("!H", value) + message[offset + 2 :]

    def udp(self):
        return self.datagram(self.forbidden)

    def sendto(self):
        with socket.socket(self.family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(ANSWER_S)
            udp.sendto(self.forbidden, (self.server, 53))
            return code(udp.recv(65535))

    def gone(self, options=()):
        """Many who ask, and do not wait."""
        for _ in range(20):
            with socket.socket(self.family, socket.SOCK_DGRAM) as udp:
                udp.sendmsg([self.forbidden], options, 0, (self.server, 53))
        return "sent"

    def masked(self):
        """From an address that another is put in the place of."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(ANSWER_S)
            udp.bind(("172.17.0.1", 0))
            udp.sendto(self.forbidden, (self.server, 53))
            return code(udp.recv(65535))

    def masked_once(self):
        """The same, by an option of each datagram, and gone."""
        source = struct.pack("i4s4x", 0, socket.inet_aton("172.17.0.1"))
        return self.gone([(socket.IPPROTO_IP, IP_PKTINFO, source)])

    def device(self):
        with socket.socket(self.family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(ANSWER_S)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            udp.sendto(self.forbidden, (self.server, 53))
            return code(udp.recv(65535))

    def link_local(self):
        with socket.socket(self.family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(ANSWER_S)
            udp.bind(("fe80::2", 0, 0, socket.if_nametoindex("eth0")))
            udp.sendto(self.forbidden, (self.server, 53))
            return code(udp.recv(65535))

    def tos(self):
        with self.open(socket.SOCK_DGRAM) as udp:
            udp.sendmsg([self.forbidden], [(socket.IPPROTO_IP, socket.IP_TOS, struct.pack("i", 8))])
            return code(udp.recv(65535))

    def mapped(self):
        mapped = f"::ffff:{self.server}"
        return self.datagram(self.forbidden, address=mapped, family=socket.AF_INET6)

    def upper(self):
        return self.datagram(self.forbidden[:12] + self.name.swapcase() + self.forbidden[-4:])

    def oversize(self):
        padding = struct.pack("!BHHIHHH", 0, wire.OPT, 1232, 0, 604, 12, 600) + self.name.ljust(600)
        return self.datagram(self.changed(self.allowed, 10, 1) + padding)

    def tail(self):
        return self.datagram(self.allowed + self.name)

    def answer(self):
        record = wire.record(wire.TO_QUESTION, wire.TXT, 0, self.name)
        return self.datagram(self.changed(self.allowed, 6, 1) + record)

    def authority(self):
        record = wire.record(wire.TO_QUESTION, wire.TXT, 0, self.name)
        return self.datagram(self.changed(self.allowed, 8, 1) + record)

    def additional(self):
        record = wire.record(wire.TO_QUESTION, wire.TXT, 0, self.name)
        return self.datagram(self.changed(self.allowed, 10, 1) + record)

    def two(self):
        return self.datagram(self.changed(self.allowed, 4, 2) + self.forbidden[12:])

    def none(self):
        return self.datagram(self.changed(self.forbidden, 4, 0))

    def response(self):
        return self.datagram(*(self.changed(m, 2, wire.QR) for m in (self.allowed, self.forbidden)))

    def status(self):
        return self.datagram(self.changed(self.allowed, 2, 2 << 11))

    def notify(self):
        return self.datagram(self.changed(self.allowed, 2, 4 << 11))

    def update(self):
        return self.datagram(self.changed(self.allowed, 2, 5 << 11) + self.name)

    def junk(self):
        return self.datagram(b"leak" * 20)

    def short(self):
        return self.datagram(b"\x12\x34leak")

    def pointer(self):
        question = b"\4leak" + b"\xc0\x0c" + self.allowed[-4:]
        return self.datagram(self.allowed[:12] + question)

    def badlabel(self):
        return self.datagram(self.allowed[:12] + b"\x44leak" + self.allowed[12:])

    def segments(self):
        """One send, two packets."""
        longest = max(len(self.allowed), len(self.forbidden))
        with self.open(socket.SOCK_DGRAM) as udp:
            udp.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, longest)
            udp.send(self.allowed.ljust(longest, b"\0") + self.forbidden)
            return code(udp.recv(65535))

    def more(self):
        """Two sends, one packet."""
        return self.datagram(self.allowed, self.forbidden, flags=socket.MSG_MORE)

    def halves(self):
        pieces = (self.forbidden[:20], self.forbidden[20:])
        return self.datagram(*pieces, flags=socket.MSG_MORE)

    def shared(self, opened, message, changed):
        """Sends a page that is written to afterwards."""
        with opened, tempfile.TemporaryFile() as page:
            page.write(message)
            page.flush()
            os.sendfile(opened.fileno(), page.fileno(), 0, len(message))
            os.pwrite(page.fileno(), changed, 0)
            return code(opened.recv(65535)[-len(changed) :])

    def pages(self):
        return self.shared(self.open(socket.SOCK_DGRAM), self.allowed, self.forbidden)

    # --- TCP ---

    def tcp_pages(self):
        tcp = self.open(socket.SOCK_STREAM)
        return self.shared(tcp, framed(self.allowed), framed(self.forbidden))

    def stream(self, *pieces, flags=0):
        with self.open(socket.SOCK_STREAM) as tcp:
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                tcp.send(piece, flags)
            answer = tcp.recv(65535)
            return code(answer[2:]) if answer else "closed"

    def tcp(self):
        return self.stream(framed(self.forbidden))

    def tcp_bytes(self):
        return self.stream(*each_byte(framed(self.forbidden)))

    def tcp_halves(self):
        return self.stream(framed(self.forbidden)[:2], framed(self.forbidden)[2:])

    def tcp_two(self):
        """In one segment."""
        with self.open(socket.SOCK_STREAM) as tcp, tcp.makefile("rb") as answers:
            tcp.send(framed(self.allowed) + framed(self.forbidden))
            for _ in range(2):
                answer = answers.read(int.from_bytes(answers.read(2), "big"))
            return code(answer) if answer else "closed"

    def tcp_after(self):
        with self.open(socket.SOCK_STREAM) as tcp:
            tcp.send(framed(self.allowed))
            tcp.recv(65535)
            tcp.send(framed(self.forbidden))
            answer = tcp.recv(65535)
            return code(answer[2:]) if answer else "closed"

    def tcp_straddle(self):
        both = framed(self.allowed) + framed(self.forbidden)
        return self.stream(both[: len(self.allowed) + 7], both[len(self.allowed) + 7 :])

    def tcp_long(self):
        return self.stream(framed(self.forbidden.ljust(3000, b"x")))

    def tcp_lying(self):
        """The length of the first covers part of the second."""
        both = self.allowed + self.forbidden
        return self.stream(len(both).to_bytes(2, "big") + both)

    def tcp_zero(self):
        return self.stream(bytes(6) + framed(self.forbidden))

    def tcp_junk(self):
        return self.stream(b"GET /leak HTTP/1.1\r\nHost: leak\r\n\r\n")

    def tcp_urgent(self):
        return self.stream(framed(self.forbidden), flags=socket.MSG_OOB)

    def tcp_fastopen(self):
        with socket.socket(self.family, socket.SOCK_STREAM) as tcp:
            tcp.settimeout(ANSWER_S)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", ANSWER_S, 0))
            tcp.setblocking(True)
            tcp.sendto(framed(self.forbidden), socket.MSG_FASTOPEN, (self.server, 53))
            tcp.settimeout(ANSWER_S)
            answer = tcp.recv(65535)
            return code(answer[2:]) if answer else "closed"

    def run(self, way):
        begin = time.monotonic()
        try:
            outcome = getattr(self, way.replace("-", "_"))()
        except (TimeoutError, BlockingIOError):
            outcome = "silence"
        except OSError as error:
            outcome = errno.errorcode[error.errno]
        late = " late" if time.monotonic() - begin > LATE_S else ""
        print(f"{way} {outcome}{late}", flush=True)


def code(message):
    return CODES.get(message[3] & 15, str(message[3] & 15)) if len(message) >= 12 else "odd"


def framed(message):
    return len(message).to_bytes(2, "big") + message


def each_byte(data):
    return [data[i : i + 1] for i in range(len(data))]


if __name__ == "__main__":
    slip = Slip(*sys.argv[1:4])
    for argument in sys.argv[4:]:
        slip.run(argument)
