#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A DNS server that answers as it is asked to, rightly or wrongly.

    odd-dns.py --address ADDRESS… --log FILE [--ttl 60] [--special ADDRESS] [--nothing DOMAIN]

A name says which answer, and with which address: SHAPE.DIGITS.ANYTHING. Eight hexadecimal digits
are an IPv4 address, and an IPv6 one below 2001:db8:19::/96; 32 digits are any IPv6 address. So a
client knows what it will get, and no one who has not asked does. The shapes are below; the number
of some is set by "-NUMBER" behind their name. What is no shape has that address, or one that no
other answer had, if it says none; a name that starts with "no-" does not exist.

--nothing is a domain below which there are no names.
--special is a second address of the server's, for answers that come from elsewhere.
"""

import itertools
import random
import struct
import time

import dns_server
import dns_wire as wire

LEGAL, ILLEGAL = {}, {}


class Asked:
    """A question, what its name asks for, and the ways to answer."""

    def __init__(self, server, client, question, address):
        self.server, self.client, self.question, self.address = server, client, question, address
        shape, _, number = question.labels[0].decode("latin-1").lower().partition("-")
        self.shape = shape
        self.number = int(number) if number.isdigit() else 0

    def record(self, owner=wire.TO_QUESTION, address=None, kind=None, **more):
        return wire.record(
            owner,
            self.question.kind if kind is None else kind,
            more.pop("ttl_s", self.server.ttl_s),
            self.address if address is None else address,
            **more,
        )

    def alias(self, owner, target):
        return wire.record(owner, wire.CNAME, self.server.ttl_s, target)

    def send(self, records=(), flags=0, **more):
        self.client.send(self.question.answer(list(records), flags, **more))

    def next_address(self, plus):
        value = int.from_bytes(self.address, "big") + plus
        return value.to_bytes(len(self.address), "big")

    def qname(self):
        return self.question.bytes[:-4]


def legal(function):
    LEGAL[function.__name__] = function
    return function


def illegal(function):
    ILLEGAL[function.__name__] = function
    return function


# --- what teaches the address ---------------------------------------------------------------------


@legal
def plain(asked):
    asked.send([asked.record()])


@legal
def uncompressed(asked):
    asked.send([asked.record(asked.qname())])


@legal
def mixedcase(asked):
    """The letters of the answer's names are of another case than those of the question's."""
    name = asked.qname().swapcase()
    asked.send([asked.record(name)], question=name + asked.question.bytes[-4:])


def chain_of(asked, length, reverse=False, compressed=False):
    names = [asked.qname()] + [
        wire.wire_name([b"hop%d" % i, b"elsewhere", b"example"]) for i in range(length)
    ]
    owners = [wire.TO_QUESTION, *names[1:]] if compressed else names
    records = [asked.alias(owners[i], names[i + 1]) for i in range(length)]
    records.append(asked.record(names[-1]))
    return records[::-1] if reverse else records


@legal
def chain(asked):
    asked.send(chain_of(asked, asked.number or 8))


@legal
def backwards(asked):
    """The address first, and the aliases that lead to it from last to first."""
    asked.send(chain_of(asked, asked.number or 3, reverse=True))


@legal
def pointers(asked):
    """Aliases whose names are pointers into the data of the records before."""
    end = wire.HEADER_BYTES + len(asked.question.bytes)
    first = wire.wire_name([b"one", b"elsewhere", b"example"])
    to_first = struct.pack("!H", 0xC000 | end + 12)
    # two.elsewhere.example, its end being that of the first.
    second = wire.wire_name([b"two"], struct.pack("!H", 0xC000 | end + 12 + 4))
    to_second = struct.pack("!H", 0xC000 | end + 12 + len(first) + 12)
    aliases = [asked.alias(wire.TO_QUESTION, first), asked.alias(to_first, second)]
    asked.send([*aliases, asked.record(to_second)])


@legal
def records(asked):
    """That many, of which client and server know the first and, counting up, the last."""
    asked.send([asked.record(address=asked.next_address(i)) for i in range(asked.number or 70)])


@legal
def ttl(asked):
    asked.send([asked.record(ttl_s=asked.number)])


@legal
def company(asked):
    """Records of other types before and after, an authority, and an address of another name."""
    text = wire.record(wire.TO_QUESTION, wire.TXT, 60, b"\x04text")
    server = wire.record(wire.TO_QUESTION, wire.NS, 60, b"\x02ns\x04test\0")
    glue = wire.record(b"\x02ns\x04test\0", wire.A, 60, bytes([198, 51, 100, 66]))
    asked.send(
        [text, asked.record(), text], authorities=[server], additionals=[wire.opt(1232), glue]
    )


@legal
def tcp(asked):
    """Truncated over UDP, as servers do whose answer is too long."""
    if asked.client.way == "udp":
        asked.send([], wire.TC)
    else:
        plain(asked)


@legal
def split(asked):
    """Over TCP, in segments of so many bytes, with pauses, so that each is one of its own."""
    if asked.client.way == "udp":
        return asked.send([], wire.TC)
    data = asked.question.answer([asked.record(address=asked.next_address(i)) for i in range(4)])
    data = len(data).to_bytes(2, "big") + data
    step = asked.number or 1
    for i in range(0, len(data), step):
        asked.client.socket.sendall(data[i : i + step])
        time.sleep(0.002)
    return None


@legal
def late(asked):
    """After others: what else was asked in the meantime has been answered."""
    time.sleep(0.05)
    plain(asked)


@legal
def flood(asked):
    """After that many others, of which none is the answer."""
    lie = asked.record(address=asked.next_address(100))
    for number in range(asked.number or 500):
        asked.send([lie], number=asked.question.number ^ (1 + number))
    plain(asked)


# --- what teaches nothing -----------------------------------------------------------------------


@illegal
def wrongid(asked):
    asked.send([asked.record()], number=asked.question.number ^ 1)


@illegal
def wrongname(asked):
    name = wire.wire_name([b"other", *asked.question.labels[1:]])
    asked.send([asked.record()], question=name + asked.question.bytes[-4:])


@illegal
def wrongtype(asked):
    asked.send([asked.record()], question=asked.qname() + struct.pack("!HH", wire.TXT, wire.IN))


@illegal
def chaos(asked):
    asked.send([asked.record(group=wire.CH)])


@illegal
def unasked(asked):
    """A record of a name that another rule may have, and was not asked for."""
    asked.send([asked.record(wire.wire_name([b"plain", *asked.question.labels[1:]]))])


@illegal
def unlinked(asked):
    """An alias to one name, and an address of another."""
    target = wire.wire_name([b"one", b"example"])
    asked.send(
        [asked.alias(wire.TO_QUESTION, target), asked.record(wire.wire_name([b"two", b"example"]))]
    )


@illegal
def loop(asked):
    one, two = wire.wire_name([b"one", b"example"]), wire.wire_name([b"two", b"example"])
    asked.send(
        [
            asked.alias(wire.TO_QUESTION, one),
            asked.alias(one, two),
            asked.alias(two, one),
            asked.record(wire.wire_name([b"three", b"example"])),
        ]
    )


@illegal
def authority(asked):
    asked.send([], authorities=[asked.record()], additionals=[asked.record()])


@illegal
def stranger(asked):
    """From an address of no resolver."""
    asked.server.stranger.sendto(asked.question.answer([asked.record()]), asked.client.peer)


@illegal
def strangeport(asked):
    """From the resolver's address, but another port."""
    with wire.listen(asked.client.local, 0, wire.socket.SOCK_DGRAM) as other:
        other.sendto(asked.question.answer([asked.record()]), asked.client.peer)


@illegal
def nxdomain(asked):
    asked.send([asked.record()], wire.NXDOMAIN)


@illegal
def servfail(asked):
    asked.send([asked.record()], wire.SERVFAIL)


@illegal
def truncated(asked):
    asked.send([asked.record()], wire.TC)


@illegal
def question(asked):
    """With an answer in it."""
    asked.send([asked.record()], all_flags=wire.RD)


@illegal
def opcode(asked):
    asked.send([asked.record()], 0x1000)


@illegal
def noquestion(asked):
    asked.send([asked.record(asked.qname())], questions=0, question=b"")


@illegal
def twoquestions(asked):
    asked.send([asked.record()], questions=2, question=asked.question.bytes * 2)


@illegal
def fewer(asked):
    """Than the header says."""
    asked.send([asked.record()], count=3)


@illegal
def cut(asked):
    """Within the address."""
    asked.client.send(asked.question.answer([asked.record()])[:-2])


@illegal
def length(asked):
    """Of an address that is another than addresses have."""
    data = {0: b"", 3: asked.address[:3], 5: asked.address + b"\1", 16: asked.address * 4}
    asked.send([asked.record(address=data[asked.number])])


@illegal
def beyond(asked):
    """A length that leads out of the message."""
    owner, kind, ttl_s = wire.TO_QUESTION, asked.question.kind, 60
    record = owner + struct.pack("!HHIH", kind, wire.IN, ttl_s, 400) + asked.address
    asked.send([record])


@illegal
def circle(asked):
    """A name that is a pointer to itself."""
    end = wire.HEADER_BYTES + len(asked.question.bytes)
    asked.send([asked.record(struct.pack("!H", 0xC000 | end))])


@illegal
def forward(asked):
    """A name that points to what follows it."""
    end = wire.HEADER_BYTES + len(asked.question.bytes)
    owner = struct.pack("!H", 0xC000 | end + 12 + len(asked.address))
    asked.send([asked.record(owner), asked.record(asked.qname(), kind=wire.TXT, address=b"\1x")])


@illegal
def outside(asked):
    """A name that points behind the message."""
    asked.send([asked.record(b"\xff\xff")])


@illegal
def label(asked):
    """A label of a kind that there is not."""
    asked.send([asked.record(b"\x41" + asked.qname()[1:])])


@illegal
def again(asked):
    """First an answer without an address, then one more, with it: a question is answered once."""
    asked.send([])
    asked.send([asked.record()])


@illegal
def lying(asked):
    """Over TCP, a length that is half of the message's: the rest begins in its middle."""
    data = asked.question.answer([asked.record()])
    asked.client.socket.sendall((len(data) // 2).to_bytes(2, "big") + data)
    asked.client.socket.shutdown(wire.socket.SHUT_WR)


# ------------------------------------------------------------------------------------------------


class Server:
    def __init__(self, options):
        self.ttl_s = options.ttl
        self.nothing = wire.labels_of(options.nothing)
        if options.special:
            self.stranger = wire.listen(options.special, 53, wire.socket.SOCK_DGRAM)
        self.counter = itertools.count(random.randrange(1 << 16) << 4)

    def address_for(self, question):
        address = wire.address_in(question.labels, question.kind)
        if address or any(wire.is_hex(label) for label in question.labels):
            return address
        if question.kind == wire.A:
            return (0xC6120000 + next(self.counter) % (1 << 17)).to_bytes(4, "big")
        if question.kind == wire.AAAA:
            return wire.PREFIX6[:8] + next(self.counter).to_bytes(8, "big")
        return None

    def answer(self, client, question, given):
        asked = Asked(self, client, question, self.address_for(question))
        shape = LEGAL.get(asked.shape) or ILLEGAL.get(asked.shape) or plain
        end = [label.lower() for label in question.labels[-len(self.nothing) :]]
        exists = asked.shape != "no" and not (self.nothing and end == self.nothing)
        if not exists:
            asked.address = None
        given([wire.text_of(asked.address)] if asked.address else [])
        if asked.address:
            shape(asked)
        else:
            asked.send([], 0 if exists else wire.NXDOMAIN)


def main():
    parser = dns_server.arguments("odd answers")
    parser.add_argument("--ttl", type=int, default=60)
    parser.add_argument("--special")
    parser.add_argument("--nothing", default="")
    options = parser.parse_args()
    server = Server(options)
    dns_server.Server(server.answer, options.log).serve(options.address, options.port)


if __name__ == "__main__":
    main()
