#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The servers of the laboratory's internet, and the witness of what reached it.

Listens on every address of its network namespace, and appends a line to the log for each packet
that comes in on the interface, whether anything listens there or not:

    PROTOCOL ADDRESS PORT from ADDRESS PORT bytes N "excerpt"

PROTOCOL is tcp, udp, udplite, sctp, icmp or proto-N; PORT is 0 where there are none. A TCP segment
without payload is logged only if it opens a connection. So a test asks the receiving end, and not
the client, whether something got out.

Three kinds of listener: --http answers with the name it was asked for and the address that was
connected to; --echo gives back what it gets, over TCP and UDP; --silent takes UDP datagrams and
never answers. Each wants ports: 80,8000-8009; --silent may have one address: ADDRESS:PORT.

--frames appends each frame to a file of its own, whole and in hexadecimal, one a line: options,
extension headers, multicast reports and what no one has a name for are for the reader to find.
"lost" in that file means that some are missing.
"""

import argparse
import asyncio
import ipaddress
import os
import resource
import socket
import struct

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp", 136: "udplite"}
WITH_PORTS = ("tcp", "udp", "udplite", "sctp")
EXCERPT_BYTES = 128  # of an ICMPv6 error, some of the DNS message that it quotes, too
TCP_SYN, TCP_ACK = 0x02, 0x10
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
# Python's socket module has no name for these of <linux/*.h>.
SO_RCVBUFFORCE, SOL_PACKET, PACKET_STATISTICS = 33, 263, 6
IP_PKTINFO, IPV6_RECVPKTINFO, IPV6_FREEBIND = 8, 49, 78


def parse_ports(text):
    """80,8000-8009 → [80, 8000, …, 8009]"""
    ports = []
    for item in text.split(",") if text else []:
        first, _, last = item.partition("-")
        ports.extend(range(int(first), int(last or first) + 1))
    return ports


def excerpt(payload):
    text = payload[:EXCERPT_BYTES].decode("latin-1")
    return "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\x{ord(c):02x}" for c in text)


class Witness:
    """Sees packets before any socket does, as tcpdump would."""

    def __init__(self, interface, path, kind):
        # Line by line and unbuffered: a reader of the log must not wait for us.
        self.log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.socket = socket.socket(socket.AF_PACKET, kind, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)

    def readable(self):
        while True:
            try:
                packet, (_, protocol, kind, *_) = self.socket.recvfrom(65535)
            except BlockingIOError:
                return
            if kind != socket.PACKET_OUTGOING:
                self.write(packet, protocol)


class Frames(Witness):
    def __init__(self, interface, path):
        super().__init__(interface, path, socket.SOCK_RAW)

    def write(self, packet, _):
        os.write(self.log, packet.hex().encode() + b"\n")

    def readable(self):
        super().readable()
        _, lost = struct.unpack("=II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        if lost:
            os.write(self.log, b"lost\n")


class Recorder(Witness):
    def __init__(self, interface, path):
        super().__init__(interface, path, socket.SOCK_DGRAM)

    def write(self, packet, protocol):
        try:
            line = self.describe(packet, protocol)
        except (struct.error, IndexError):
            line = f'malformed 0 0 from 0 0 bytes {len(packet)} "{excerpt(packet)}"'
        if line:
            os.write(self.log, f"{line}\n".encode())

    def describe(self, packet, ethertype):
        if ethertype == ETH_P_IP:
            header = (packet[0] & 0x0F) * 4
            end = struct.unpack_from("!H", packet, 2)[0] or len(packet)
            number, source, target = packet[9], packet[12:16], packet[16:20]
        elif ethertype == ETH_P_IPV6:
            header, end = 40, 40 + struct.unpack_from("!H", packet, 4)[0]
            number, source, target = packet[6], packet[8:24], packet[24:40]
        else:
            return None
        protocol = PROTOCOLS.get(number, f"proto-{number}")
        return self.describe_payload(
            protocol,
            ipaddress.ip_address(source),
            ipaddress.ip_address(target),
            packet[header:end] if end > header else packet[header:],
        )

    @staticmethod
    def describe_payload(protocol, source, target, payload):
        source_port, target_port = 0, 0
        if protocol in WITH_PORTS:
            source_port, target_port = struct.unpack_from("!HH", payload)
        if protocol in ("udp", "udplite"):
            payload = payload[8:]
        elif protocol == "tcp":
            flags, opens = payload[13], payload[13] & (TCP_SYN | TCP_ACK) == TCP_SYN
            payload = payload[(payload[12] >> 4) * 4 :]
            if not payload and not opens:
                return None
        return (
            f"{protocol} {target} {target_port} from {source} {source_port} "
            f'bytes {len(payload)} "{excerpt(payload)}"'
        )


async def serve_http(reader, writer):
    try:
        request = await reader.readuntil(b"\r\n\r\n")
        lines = request.split(b"\r\n")
        names = [line[5:].strip() for line in lines if line[:5].lower() == b"host:"]
        address = writer.get_extra_info("sockname")[0].encode()
        body = b"served by %s at %s\n" % (names[0] if names else b"?", address)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    writer.close()


async def serve_echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


def udp_socket(family, address, port):
    udp = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        udp.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        udp.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)  # to answer from any address
    else:
        udp.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    udp.bind((address, port))
    udp.setblocking(False)
    return udp


def echo_datagram(udp):
    """Answers from the address that was asked: a connected client takes no other answer."""
    data, control, _, peer = udp.recvmsg(65535, 128)
    level, kind, info = control[0]
    if level == socket.IPPROTO_IP:
        info = struct.pack("=I4s4s", 0, info[8:12], bytes(4))
    else:
        info = info[:16] + struct.pack("=I", 0)
    try:
        udp.sendmsg([data], [(level, kind, info)], 0, peer)
    except OSError:
        pass  # the client is gone; the packet is in the log


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--interface", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--frames", help="file for whole frames, in hexadecimal")
    parser.add_argument("--ready", help="file to make once everything listens")
    parser.add_argument("--http", default="")
    parser.add_argument("--echo", default="")
    parser.add_argument("--silent", action="append", default=[])
    options = parser.parse_args()

    # A thousand ports are four thousand sockets; a shell has usually 1024.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    recorder = Recorder(options.interface, options.log)
    loop.add_reader(recorder.socket, recorder.readable)
    if options.frames:
        frames = Frames(options.interface, options.frames)
        loop.add_reader(frames.socket, frames.readable)
    servers = []
    for ports, serve in ((options.http, serve_http), (options.echo, serve_echo)):
        for port in parse_ports(ports):
            servers.append(await asyncio.start_server(serve, ("0.0.0.0", "::"), port))
    for port in parse_ports(options.echo):
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            udp = udp_socket(family, address, port)
            loop.add_reader(udp, echo_datagram, udp)
    for place in options.silent:
        address, _, port = place.rpartition(":")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        servers.append(udp_socket(family, address.strip("[]"), int(port)))
    if options.ready:
        with open(options.ready, "w", encoding="ascii"):
            pass
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
