#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Both ends of what comes in, and connections that last.

    peer.py serve [--pktinfo] [--tried ADDRESS,PORT] tcp|udp ADDRESS PORT
        Answers with what it gets, in the background, until it is killed. With "-" as the address
        there is no bind(): the kernel chooses the port at listen(). --tried: first the socket is to
        be connected to there, where nobody listens. Some requests are special:
            heard                 UDP: is answered with "ADDRESS PORT" of all who have sent
            send ADDRESS PORT     UDP: sends "stray" there from the serving socket, and answers with
                                  what came of it
            misuse WAY ADDRESS PORT    TCP: tries to use the accepted socket for another address;
                                  "outcome", over another connection, is answered with the result
    peer.py call [--from ADDRESS,PORT] [--timeout SECONDS] [--bytes N] tcp|udp ADDRESS PORT [TEXT]
        Asks such a server. --bytes sends so many random bytes over TCP and compares their hashes.
    peer.py hold tcp|udp ADDRESS PORT
        Connects to such a server; then each line of standard input is sent and its answer awaited.
        If the connection ends, it says so at once, and exits.
    peer.py join WAY GROUP INTERFACE
        Joins a multicast group. WAY: ip, mcast, ip-source, mcast-source.
    peer.py ping [--connect] [--type N] ADDRESS
        An ICMP message from a ping socket; an echo request, if nothing is said.

Each prints "OK", with an answer or a port behind it, or the error and the call that had it, as
probe does: "EPERM bind", "TIMEOUT recv".
"""

import argparse
import errno
import hashlib
import os
import select
import socket
import struct
import sys
import threading

# Python's socket module has no name for these of <linux/in.h>, <linux/in6.h> and <linux/tcp.h>.
IP_PKTINFO, IP_ADD_SOURCE_MEMBERSHIP = 8, 39
IPV6_RECVPKTINFO, MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP = 49, 42, 46
SERVE_S, ATTEMPT_S = 60, 5


class Failed(Exception):
    """Its text is what is printed."""


def attempt(call, function, *arguments):
    try:
        return function(*arguments)
    except TimeoutError as error:
        raise Failed(f"TIMEOUT {call}") from error
    except OSError as error:
        raise Failed(f"{errno.errorcode.get(error.errno, error)} {call}") from error


def open_socket(protocol, address, timeout_s=SERVE_S):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    opened = attempt("socket", socket.socket, family, kind)
    opened.settimeout(timeout_s)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened


# --- serve ---------------------------------------------------------------------------------------


def go_on_in_background():
    """Whoever waits for the end of the output, or of the process, has it."""
    sys.stdout.flush()
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)


def misuse(accepted, way, address, port):
    """The socket of one peer as a means to reach another."""
    target = (address, int(port))
    try:
        if way.startswith("disconnect-"):
            null = struct.pack("=H14x", socket.AF_UNSPEC)
            attempt("disconnect", raw_connect, accepted, null)
        if way.endswith("fastopen"):
            # Blocking, as the first such connection otherwise only begins, with EINPROGRESS.
            accepted.settimeout(None)
            timeout = struct.pack("ll", ATTEMPT_S, 0)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
            attempt("sendto", accepted.sendto, b"stray", socket.MSG_FASTOPEN, target)
        else:
            attempt("connect", accepted.connect, target)
            attempt("send", accepted.send, b"stray")
        return "OK"
    except Failed as failure:
        return str(failure)


def raw_connect(connected, address):
    """Python's own connect() knows no AF_UNSPEC."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(connected.fileno(), address, len(address)):
        raise OSError(ctypes.get_errno(), "connect")


def serve_tcp(listener):
    outcome = "none"
    while True:
        try:
            accepted, _ = listener.accept()
            accepted.settimeout(SERVE_S)
            while data := accepted.recv(65536):
                words = data.decode("latin-1").split()
                if words[:1] == ["misuse"]:
                    outcome = misuse(accepted, *words[1:])
                    break
                accepted.sendall(outcome.encode() if words == ["outcome"] else data)
            accepted.close()
        except OSError:
            pass


def answer_udp(udp, data, control, peer, heard):
    words = data.decode("latin-1").split()
    if words == ["heard"]:
        data = ", ".join(heard).encode()
    elif words[:1] == ["send"]:
        try:
            attempt("sendto", udp.sendto, b"stray", (words[1], int(words[2])))
            data = b"sent"
        except Failed as failure:
            data = str(failure).encode()
    # From the very address that was asked, whatever the interface.
    reply = []
    for level, kind, info in control:
        if level == socket.IPPROTO_IP:
            reply.append((level, kind, struct.pack("=I4s4s", 0, info[8:12], bytes(4))))
        else:
            reply.append((level, kind, info[:16] + struct.pack("=I", 0)))
    udp.sendmsg([data], reply, 0, peer)


def serve_udp(udp, pktinfo):
    if pktinfo and udp.family == socket.AF_INET6:
        udp.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    elif pktinfo:
        udp.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    heard = {}
    while True:
        try:
            data, control, _, peer = udp.recvmsg(65535, 128)
            heard[f"{peer[0].removeprefix('::ffff:')} {peer[1]}"] = True
            answer_udp(udp, data, control, peer, heard)
        except OSError:
            pass


def fail_to_connect(server, peer):
    address, _, port = peer.partition(",")
    # Blocking, as one with a time-out only begins it.
    server.settimeout(None)
    try:
        server.connect((address, int(port)))
    except ConnectionRefusedError:
        return
    raise Failed("OK connect")


def serve(options):
    server = open_socket(options.protocol, options.address)
    if options.address != "-":
        attempt("bind", server.bind, (options.address, options.port))
    if options.tried:
        fail_to_connect(server, options.tried)
    if options.protocol == "tcp":
        attempt("listen", server.listen)
    print("OK", server.getsockname()[1])
    go_on_in_background()
    if options.protocol == "tcp":
        serve_tcp(server)
    serve_udp(server, options.pktinfo)


# --- call, hold ----------------------------------------------------------------------------------


def connect_from(options):
    client = open_socket(options.protocol, options.address, options.timeout)
    if options.source:
        address, _, port = options.source.partition(",")
        attempt("bind", client.bind, (address, int(port or 0)))
    attempt("connect", client.connect, (options.address, options.port))
    return client


def receive_hash(client, count, digests):
    digest = hashlib.sha256()
    while count > 0 and (data := client.recv(min(count, 65536))):
        digest.update(data)
        count -= len(data)
    digests.append(digest.digest())


def transfer(client, count):
    data, received = os.urandom(count), []
    reader = threading.Thread(target=receive_hash, args=(client, count, received))
    reader.start()
    attempt("send", client.sendall, data)
    reader.join()
    if received != [hashlib.sha256(data).digest()]:
        raise Failed("DIFFERENT recv")
    return f"OK {count}"


def call(options):
    client = connect_from(options)
    if options.bytes:
        print(transfer(client, options.bytes))
        return
    attempt("send", client.send, options.text.encode())
    answer = attempt("recv", client.recv, 65536)
    if not answer:
        raise Failed("END recv")
    print("OK", answer.decode("latin-1"))


def hold(options):
    client = connect_from(options)
    print("OK held", flush=True)
    while True:
        ready, _, _ = select.select([client, sys.stdin], [], [])
        if sys.stdin in ready and client not in ready:
            line = sys.stdin.readline()
            if not line:
                return
            attempt("send", client.send, line.encode())
        answer = attempt("recv", client.recv, 65536)
        if not answer:
            raise Failed("END recv")
        print("OK", answer.decode("latin-1").strip(), flush=True)


# --- join, ping ----------------------------------------------------------------------------------


def group_of(address):
    """A struct sockaddr_storage."""
    if ":" in address:
        packed = struct.pack("=HHI", socket.AF_INET6, 0, 0) + socket.inet_pton(
            socket.AF_INET6, address
        )
    else:
        packed = struct.pack("=HH", socket.AF_INET, 0) + socket.inet_aton(address)
    return packed.ljust(128, b"\0")


def join(options):
    ipv6 = ":" in options.group
    level = socket.IPPROTO_IPV6 if ipv6 else socket.IPPROTO_IP
    source = "2001:db8:1::10" if ipv6 else "198.51.100.10"
    index = socket.if_nametoindex(options.interface)
    group = struct.pack("=Ixxxx", index) + group_of(options.group)
    udp = open_socket("udp", options.group)
    if options.way == "mcast":
        option, value = MCAST_JOIN_GROUP, group
    elif options.way == "mcast-source":
        option, value = MCAST_JOIN_SOURCE_GROUP, group + group_of(source)
    elif ipv6:
        option = socket.IPV6_JOIN_GROUP
        value = socket.inet_pton(socket.AF_INET6, options.group) + struct.pack("=I", index)
    elif options.way == "ip":
        option = socket.IP_ADD_MEMBERSHIP
        value = socket.inet_aton(options.group) + struct.pack("=4xI", index)
    else:
        option = IP_ADD_SOURCE_MEMBERSHIP
        value = socket.inet_aton(options.group) + bytes(4) + socket.inet_aton(source)
    attempt("setsockopt", udp.setsockopt, level, option, value)
    print("OK")


def ping(options):
    ipv6 = ":" in options.address
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if ipv6 else socket.IPPROTO_ICMP
    kind = options.type or (128 if ipv6 else 8)
    request = struct.pack("!BBHHH", kind, 0, 0, 0, 1) + b"ping"
    pinger = attempt("socket", socket.socket, family, socket.SOCK_DGRAM, protocol)
    pinger.settimeout(options.timeout)
    if options.connect:
        attempt("connect", pinger.connect, (options.address, 0))
        attempt("send", pinger.send, request)
    else:
        attempt("sendto", pinger.sendto, request, (options.address, 0))
    answer = attempt("recv", pinger.recv, 65536)
    print("OK", answer[8:].decode("latin-1"))


def parse():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    for function in (serve, call, hold):
        command = commands.add_parser(function.__name__)
        command.set_defaults(run=function)
        command.add_argument("--pktinfo", action="store_true")
        command.add_argument("--from", dest="source")
        command.add_argument("--tried")
        command.add_argument("--timeout", type=float, default=5)
        command.add_argument("--bytes", type=int, default=0)
        command.add_argument("protocol", choices=("tcp", "udp"))
        command.add_argument("address")
        command.add_argument("port", type=int)
        command.add_argument("text", nargs="?", default="probe")
    command = commands.add_parser("join")
    command.set_defaults(run=join)
    command.add_argument("way", choices=("ip", "mcast", "ip-source", "mcast-source"))
    command.add_argument("group")
    command.add_argument("interface")
    command = commands.add_parser("ping")
    command.set_defaults(run=ping)
    command.add_argument("--connect", action="store_true")
    command.add_argument("--type", type=int)
    command.add_argument("--timeout", type=float, default=5)
    command.add_argument("address")
    return parser.parse_args()


def main():
    options = parse()
    try:
        options.run(options)
    except Failed as failure:
        print(failure)
        sys.exit(1)


if __name__ == "__main__":
    main()
