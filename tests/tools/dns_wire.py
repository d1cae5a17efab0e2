# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""DNS messages as bytes (RFC 1035 §4), for servers and clients of tests; wrong ones, too."""

import errno
import ipaddress
import os
import socket
import struct

A, NS, CNAME, SOA, PTR, TXT, AAAA, SRV, OPT, HTTPS = 1, 2, 5, 6, 12, 16, 28, 33, 41, 65
TYPES = {"A": A, "AAAA": AAAA, "PTR": PTR, "TXT": TXT, "SRV": SRV, "HTTPS": HTTPS}
QR, AA, TC, RD, RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
SERVFAIL, NXDOMAIN = 2, 3
IN, CH = 1, 3
HEADER_BYTES = 12
# A pointer to the question's name.
TO_QUESTION = b"\xc0\x0c"
# Python's socket module has no names for these: IP_FREEBIND and IPV6_FREEBIND.
FREEBIND = {
    socket.AF_INET: (socket.IPPROTO_IP, 15),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 78),
}
# Addresses of names that say them: IPv4 in eight hexadecimal digits, and the same below this.
PREFIX6 = bytes.fromhex("20010db80019000000000000")
# As lab.sh has it: by how many times longer anything may take on a slow machine.
PATIENCE = int(os.environ.get("LAB_PATIENCE", "1"))


def labels_of(text):
    r"""x\x2ey.test → [b"x.y", b"test"]: an escape is a byte in a label, a dot is never one."""
    return [
        label.encode("latin-1").decode("unicode_escape").encode("latin-1")
        for label in text.rstrip(".").split(".")
        if label
    ]


def wire_name(labels, end=b"\0"):
    return b"".join(bytes([len(label)]) + label for label in labels) + end


def record(owner, kind, ttl_s, data, group=IN):
    return owner + struct.pack("!HHIH", kind, group, ttl_s & 0xFFFFFFFF, len(data)) + data


def opt(size):
    return b"\0" + struct.pack("!HHIH", OPT, size, 0, 0)


def header(number, flags, questions=1, answers=0, authorities=0, additionals=0):
    return struct.pack("!6H", number, flags, questions, answers, authorities, additionals)


def question(labels, kind, number, flags=RD, edns=1232):
    """A whole message, as a stub resolver sends it."""
    text = wire_name(labels) + struct.pack("!HH", kind, IN)
    return header(number, flags, 1, 0, 0, 1 if edns else 0) + text + (opt(edns) if edns else b"")


class Question:
    """One that came in; anything that is not one raises ValueError."""

    def __init__(self, message):
        try:
            self.parse(message)
        except (IndexError, struct.error) as error:
            raise ValueError("not a question") from error

    def parse(self, message):
        self.number, self.flags, count = struct.unpack_from("!HHH", message)
        offset, self.labels = HEADER_BYTES, []
        if count != 1:
            raise ValueError("not one question")
        while length := message[offset]:
            if length > 63:
                raise ValueError("a pointer in a question")
            self.labels.append(message[offset + 1 : offset + 1 + length])
            offset += 1 + length
        self.kind, self.group = struct.unpack_from("!HH", message, offset + 1)
        self.bytes = message[HEADER_BYTES : offset + 5]
        self.message = message

    @property
    def name(self):
        """For logs: what is no plain character is escaped, also dots in labels."""
        plain = lambda c: chr(c) if 33 <= c <= 126 and c not in b".\\" else f"\\x{c:02x}"
        return ".".join("".join(map(plain, label)) for label in self.labels).lower()

    def answer(self, records, flags=0, **more):
        """To this question. More: number, question (bytes), authorities, additionals, count."""
        authorities, additionals = more.get("authorities", []), more.get("additionals", [])
        return (
            header(
                more.get("number", self.number),
                more.get("all_flags", QR | RD | RA | flags),
                more.get("questions", 1),
                more.get("count", len(records)),
                len(authorities),
                len(additionals),
            )
            + more.get("question", self.bytes)
            + b"".join([*records, *authorities, *additionals])
        )


def is_hex(label):
    return len(label) in (8, 32) and all(c in b"0123456789abcdefABCDEF" for c in label)


def address_in(labels, kind, plus=0):
    """The address of that type that a name says, as bytes; None if it says none of that type."""
    digits = next((label for label in labels if is_hex(label)), None)
    if digits is None or kind not in (A, AAAA) or len(digits) == 32 and kind == A:
        return None
    value = int(digits, 16) + plus
    if len(digits) == 32:
        return value.to_bytes(16, "big")
    return (PREFIX6 if kind == AAAA else b"") + value.to_bytes(4, "big")


def text_of(address):
    return str(ipaddress.ip_address(address))


def listen(address, port, kind):
    """Any address will do, also one that no interface has, if that may be asked for."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, kind)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == socket.SOCK_DGRAM:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    try:
        opened.bind((address, port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        opened.setsockopt(*FREEBIND[family], 1)
        opened.bind((address, port))
    if kind == socket.SOCK_STREAM:
        opened.listen(64)
    return opened
