#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Answers a question of one's own, in the name of the resolver.

    forge WAY RESOLVER TYPE/NAME

The ways to have a server at the resolver's address: "serve" if nobody else has it, "alias" gives it
to loopback, "netns" does so in a network namespace that nothing leads to, "veth" at the far end of a
veth in one, and "raw" sends a packet as if from there. Prints "served", and what came of asking:
"answered", "silence" or the error.
"""

import errno
import os
import random
import socket
import struct
import subprocess
import sys

import dns_wire as wire

ANSWER_S = 1
HERE = os.path.dirname(os.path.abspath(__file__))


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def unshared(*words):
    return ["unshare", "--net", sys.executable, os.path.abspath(__file__), *words]


def start_server(address):
    """Waits until it serves."""
    command = [sys.executable, f"{HERE}/odd-dns", "--log", os.devnull, "--address", address]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    if server.stdout.readline() != b"ready\n":
        sys.exit("no server")
    print("served", flush=True)
    return server


def question_of(job):
    kind, _, name = job.partition("/")
    return wire.question(wire.labels_of(name), wire.TYPES[kind], random.randrange(65536), edns=0)


def ask(address, job):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(ANSWER_S)
        try:
            udp.connect((address, 53))
            udp.send(question_of(job))
            udp.recv(65535)
            print("answered")
        except TimeoutError:
            print("silence")
        except OSError as error:
            print(errno.errorcode[error.errno])


def serve(address, job):
    server = start_server(address)
    ask(address, job)
    server.kill()


def alias(address, job):
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{address}/32", "dev", "lo")
    try:
        serve(address, job)
    finally:
        ip("address", "delete", f"{address}/32", "dev", "lo")


def netns(address, job):
    subprocess.run(unshared("alias", address, job), check=True)


def veth(address, job):
    subprocess.run(unshared("veth-near", address, job), check=True)


def veth_near(address, job):
    ip("link", "add", "near", "type", "veth", "peer", "name", "far")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    far = subprocess.Popen(unshared("veth-far", address, job), **pipes)
    far.stdout.readline()
    ip("link", "set", "far", "netns", str(far.pid))
    ip("link", "set", "near", "up")
    ip("address", "add", "192.0.2.1/24", "dev", "near")
    ip("route", "add", address, "dev", "near")
    far.stdin.write("moved\n")
    far.stdin.flush()
    print(far.stdout.readline(), end="", flush=True)
    ask(address, job)
    far.stdin.close()
    far.wait()


def veth_far(address, _):
    print("here", flush=True)
    sys.stdin.readline()
    ip("link", "set", "far", "up")
    ip("address", "add", f"{address}/32", "dev", "far")
    ip("route", "add", "192.0.2.0/24", "dev", "far")
    server = start_server(address)
    sys.stdin.read()
    server.kill()


def raw(address, job):
    """To a socket that asks whom it may, in the time that the server takes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((address, 53))
        udp.settimeout(ANSWER_S)
        question = wire.Question(question_of(job))
        data = wire.address_in(question.labels, question.kind)
        forged = question.answer([wire.record(wire.TO_QUESTION, question.kind, 60, data)])
        local, port = udp.getsockname()
        packet = struct.pack("!HHHH", 53, port, 8 + len(forged), 0) + forged
        ends = socket.inet_aton(address) + socket.inet_aton(local)
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(packet), 1, 0, 64, 17, 0) + ends
        try:
            udp.send(question.message)
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as forging:
                forging.sendto(header + packet, (local, 0))
            print("served")
        except OSError as error:
            print(errno.errorcode[error.errno])


WAYS = (serve, alias, netns, veth, veth_near, veth_far, raw)

if __name__ == "__main__":
    {way.__name__: way for way in WAYS}[sys.argv[1].replace("-", "_")](*sys.argv[2:4])
