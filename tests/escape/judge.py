#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Says which attempts got out, from what the wire saw, and whether that is as it should be.

    judge.py DIRECTORY [--readme FILE]

Prints TAP; with --readme the table, which it also puts between two markers of that file.

DIRECTORY is what escape.sh has collected: the table of attempts, what of the fence the kernel can
do (kernel.py), and for each column the frames that came in on the internet's side, what the
attempts said and what the fence logged.

An attempt got out if a frame carries its token and is not a packet that a rule allows; or if a TCP
segment, or the first packet of SCTP or DCCP, went to the forbidden host on the attempt's own port,
for no one there opens those connections. A frame that carries both the token
and the forbidden host's address got out whatever it looks like, and so did the token in an IPv4
packet with options or in fragments, or in an IPv6 packet with extension headers. What an attempt
says of itself is used for two things only: the reason why it does not work at all in this kernel,
and whether a socket could be made of which no wire would tell (AF_VSOCK).
"""

import argparse
import ipaddress
import json
import os
import struct
import sys

EVIL = [ipaddress.ip_address(a) for a in ("198.51.100.66", "2001:db8:1::66")]
GITHUB = [ipaddress.ip_address(a) for a in ("198.51.100.10", "2001:db8:1::10", "2001:db8:2::66")]
GITLAB = [ipaddress.ip_address(a) for a in ("198.51.100.20", "2001:db8:1::20")]
RESOLVERS = [ipaddress.ip_address(a) for a in ("198.51.100.53", "2001:db8:1::53")]
FENCES = {
    "user": "user",
    "confined": "user, confined",
    "docker": "Docker's root",
    "root": "root, confined",
    "full": "full root",
}
EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options
TCP, UDP, DCCP, SCTP = 6, 17, 33, 132
TCP_RST = 0x04
BEGIN, END = "<!-- escape table: make escape -->", "<!-- end -->"
MISSING = ("EPROTONOSUPPORT", "EAFNOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP", "ENOSYS", "ENODEV",
           "ENOPROTOOPT", "ENOENT")


class Attempt:
    def __init__(self, line):
        name, families, port, flags, self.says, self.closed_by, self.because = line.split("\t")
        self.name, self.families, self.port = name, families, int(port)
        self.flags = set(flags.split())
        self.control = "control" in self.flags

    def key(self, family):
        return f"{self.name}/{family}"

    def is_open(self, name, kernel):
        """Whether it is said to get out of that fence, with what the kernel can do."""
        if "family" in self.flags and "lsm" in kernel:
            return False
        bare = "landlock" not in kernel and f"bare:{name}" in self.flags
        return bare or f"open:{name}" in self.flags

    def own_port(self, family):
        return self.port + (family == "6")


class Frame:
    """What the judgement needs of an Ethernet frame."""

    def __init__(self, data):
        self.data = data
        self.protocol = self.target = self.port = None
        self.plain = False  # an IP packet with nothing between IP header and TCP or UDP
        self.flags = 0
        self.ethertype = int.from_bytes(data[12:14], "big")
        try:
            self.parse(data[14:])
        except (struct.error, IndexError):
            pass

    def parse(self, packet):
        if self.ethertype == 0x0800:
            header = (packet[0] & 0x0F) * 4
            self.protocol, self.target = packet[9], ipaddress.ip_address(packet[16:20])
            offset = struct.unpack_from("!H", packet, 6)[0]
            self.plain = header == 20 and not offset & 0x3FFF
        elif self.ethertype == 0x86DD:
            header = 40
            self.protocol, self.target = packet[6], ipaddress.ip_address(packet[24:40])
            self.plain = self.protocol not in EXTENSIONS
            while self.protocol in EXTENSIONS:
                self.protocol = packet[header]
                header += 8 + 8 * packet[header + 1]
        else:
            return
        if self.protocol in (TCP, UDP, DCCP, SCTP):
            self.port = struct.unpack_from("!H", packet, header + 2)[0]
        if self.protocol not in (TCP, UDP):
            self.plain = False
        if self.protocol == TCP:
            self.flags = packet[header + 13]

    def allowed(self):
        if not self.plain:
            return False
        return (self.target in GITHUB and 2000 <= self.port <= 2999) or (
            self.target in GITLAB and 3000 <= self.port <= 3999
        )

    def carries(self, address):
        return address.packed in self.data

    def is_complaint(self):
        """The host's kernel quotes an answer to a socket that is no more: port unreachable."""
        kind = self.data[34:36] if self.ethertype == 0x0800 else self.data[54:56]
        return (self.protocol, kind) in ((1, b"\x03\x03"), (58, b"\x01\x04"))

    def is_report(self, family):
        """Of IGMP, or of MLD, which comes behind a hop-by-hop header with a router alert."""
        if family == "4":
            return self.ethertype == 0x0800 and self.protocol == 2
        return self.ethertype == 0x86DD and self.protocol == 58 and not self.plain


class Column:
    """One run of all attempts under one profile, or without a fence."""

    def __init__(self, directory, name):
        self.name = name
        path = os.path.join(directory, name)
        with open(f"{path}.frames", encoding="ascii") as lines:
            frames = set(lines.read().split())
        self.lost = "lost" in frames
        self.frames = [Frame(bytes.fromhex(line)) for line in frames - {"lost"}]
        self.said = {}
        with open(f"{path}.said", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _, words = line.strip().partition(" ")
                self.said[key] = words
        self.decisions = []
        if os.path.exists(f"{path}.log"):
            with open(f"{path}.log", encoding="utf-8") as lines:
                self.decisions = [json.loads(line) for line in lines]

    def token(self, attempt, family):
        return f"cgf-{self.name}-{attempt.key(family)}".encode()

    def got_out(self, attempt, family):
        if "made" in attempt.flags:
            return self.said.get(attempt.key(family), "").startswith("OK")
        token = self.token(attempt, family)
        if "reports" in attempt.flags:
            return self.reported(token, family)
        return any(self.is_proof(frame, token, attempt, family) for frame in self.frames)

    @staticmethod
    def is_proof(frame, token, attempt, family):
        port = attempt.own_port(family)
        if token in frame.data and not frame.is_complaint():
            if "inbound" in attempt.flags:
                return frame.plain and frame.target in EVIL
            if attempt.control:
                return frame.target in GITHUB + GITLAB + RESOLVERS
            return not frame.allowed() or any(frame.carries(address) for address in EVIL)
        # A connection that was opened and did not carry anything is one all the same. A reset is
        # the host's own answer to a port that no one has.
        if frame.protocol not in (TCP, DCCP, SCTP) or frame.flags & TCP_RST:
            return False
        return frame.target in EVIL and frame.port in (port, port + 1000)

    def reported(self, token, family):
        """Whether membership reports have all pieces of the token, whatever their order."""
        reports = b"".join(frame.data for frame in self.frames if frame.is_report(family))
        token += b".."
        pieces = [token[i : i + 3] for i in range(0, len(token) - 2, 3)]
        return all(piece in reports for piece in pieces)

    def hooks(self, attempt, family):
        """The fence's hooks that have refused something of the attempt."""
        own, port = attempt.key(family), attempt.own_port(family)
        token = self.token(attempt, family).decode()
        return {
            decision["hook"]
            for decision in self.decisions
            if decision.get("event") == "decision"
            and (
                decision.get("comm") == own
                or decision.get("port") in (port, port + 1000)
                or f"{token}." in (decision.get("question") or "")
            )
        }


class Row:
    """An attempt over one address family: in which columns it got out."""

    def __init__(self, attempt, family, columns, kernel):
        self.attempt, self.family = attempt, family
        self.declared = {name: attempt.is_open(name, kernel) for name in FENCES}
        self.name = attempt.key(family) if len(attempt.families) > 1 else attempt.name
        self.out = {name: column.got_out(attempt, family) for name, column in columns.items()}
        control = columns["control-root" if "root" in attempt.flags else "control-user"]
        self.works = self.out[control.name] or "seldom" in attempt.flags
        self.said = control.said.get(attempt.key(family), "nothing")
        rare = "rare" in attempt.flags or self.said.split(" ")[0] in MISSING
        self.missing = not self.works and rare
        self.hooks = {name: columns[name].hooks(attempt, family) for name in FENCES}

    def closers(self):
        hooks = set().union(*(self.hooks[name] for name in FENCES if not self.out[name]))
        declared = self.attempt.closed_by.split(", ") if self.attempt.closed_by else []
        return ", ".join(sorted(hooks) + [word for word in declared if word not in hooks])

    def wrong(self):
        """What is not as it should be, as a list of sentences."""
        if self.missing:
            return [f"gets out: {FENCES[name]}" for name in FENCES if self.out[name]]
        if not self.works:
            return [f"does not work without a fence either: {self.said}"]
        if self.attempt.control:
            return [f"does not pass: {FENCES[name]}" for name in FENCES if not self.out[name]]
        wrong = []
        for name in FENCES:
            if self.out[name] and not self.declared[name]:
                wrong.append(f"gets out: {FENCES[name]}")
            if self.declared[name] and not self.out[name]:
                wrong.append(f"is said to get out, and does not: {FENCES[name]}")
        return wrong


def cell(row, name):
    if name == "control":
        if not row.works:
            return "missing" if row.missing else "**fails**"
        if "seldom" in row.attempt.flags:
            return "seldom"
        return "works" if row.out["control-user"] else "for root"
    if row.attempt.control:
        return "passes" if row.out[name] else "**fails**"
    if row.missing:
        return "–"
    return "**open**" if row.out[name] else "closed"


def cells(row):
    if row.attempt.control or row.missing:
        remark = ""
    else:
        remark = row.closers()
        if row.attempt.because and any(row.out[name] for name in FENCES):
            remark += f"{'; ' if remark else ''}open: {row.attempt.because}"
    return [cell(row, "control"), *(cell(row, name) for name in FENCES), remark]


def table(rows):
    """One line for both address families where they do not differ."""
    names = ["way", "no fence", *FENCES.values(), "closed by"]
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    done = set()
    for row in rows:
        if row in done:
            continue
        same = [r for r in rows if r.attempt is row.attempt and cells(r) == cells(row)]
        done.update(same)
        versions = "".join(r.family for r in same)
        says = row.attempt.says
        if len(row.attempt.families) > 1 and len(same) == 1:
            says += f" (IPv{versions})"
        lines.append(f"| {says} | {' | '.join(cells(row))} |")
    return "\n".join(lines)


def tap(rows, lost):
    """Prints what `make check` counts; true if all is as it should be."""
    print(f"1..{len(rows) + 1}")
    print(f"{'not ' if lost else ''}ok 1 - the witness has missed no frame")
    good = not lost
    for number, row in enumerate(rows, 2):
        wrong = row.wrong()
        good = good and not wrong
        skip = " # skip not in this kernel" if row.missing else ""
        print(f"{'not ' if wrong else ''}ok {number} - {row.name}{skip}")
        for sentence in wrong:
            print(f"# {sentence}")
    return good


def rewrite(path, text):
    with open(path, encoding="utf-8") as file:
        before, begin, rest = file.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path}: no place for the table: {BEGIN} … {END}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{begin}\n{text}\n{end}{after}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--readme", help="file in which to replace the table")
    options = parser.parse_args()
    with open(os.path.join(options.directory, "list"), encoding="utf-8") as lines:
        attempts = [Attempt(line.rstrip("\n")) for line in lines]
    with open(os.path.join(options.directory, "kernel"), encoding="utf-8") as lines:
        kernel = set(lines.read().split())
    columns = {
        name: Column(options.directory, name)
        for name in ("control-user", "control-root", *FENCES)
    }
    rows = [
        Row(attempt, family, columns, kernel)
        for attempt in attempts
        for family in attempt.families
    ]
    lost = any(column.lost for column in columns.values())
    if options.readme:
        text = table(rows)
        print(text)
        rewrite(options.readme, text)
        for row in rows:
            for sentence in row.wrong():
                print(f"{row.name}: {sentence}", file=sys.stderr)
        return 1 if lost or any(row.wrong() for row in rows) else 0
    return 0 if tap(rows, lost) else 1


if __name__ == "__main__":
    sys.exit(main())
