# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What DNS servers of tests share: UDP and TCP at some addresses, and a log of all that came in.

The log has a line for each message, whatever it is:

    udp|tcp ADDRESS PORT to ADDRESS TYPE NAME [given ADDRESS…]
    udp|tcp ADDRESS PORT to ADDRESS odd HEX        no question, or half of one

so a test asks here whether a question got out, and what it was told.
"""

import argparse
import os
import selectors
import socket
import sys
import threading

import dns_wire as wire

TCP_IDLE_S = 20
TYPE_NAMES = {number: name for name, number in wire.TYPES.items()}


class Client:
    """Who asked, and how it is answered."""

    def __init__(self, way, peer, local, sock):
        self.way, self.peer, self.local, self.socket = way, peer, local, sock

    def send(self, message):
        if self.way == "udp":
            self.socket.sendto(message, self.peer)
        else:
            self.socket.sendall(len(message).to_bytes(2, "big") + message)


class Server:
    """`answer(client, question, given)` says by `given` what it gives, and sends what it likes."""

    def __init__(self, answer, log):
        self.answer = answer
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def handle(self, client, message):
        start = f"{client.way} {client.peer[0]} {client.peer[1]} to {client.local}"
        try:
            question = wire.Question(message)
        except ValueError:
            self.odd(client, message)
            return
        name = TYPE_NAMES.get(question.kind, str(question.kind))
        line = f"{start} {name} {question.name or '.'}"
        if question.flags & (wire.QR | 0x7800):
            self.odd(client, message)
            return
        try:
            self.answer(client, question, lambda addresses: self.write(line, addresses))
        except OSError as error:
            print(f"{line}: {error}", file=sys.stderr, flush=True)

    def odd(self, client, data):
        line = f"{client.way} {client.peer[0]} {client.peer[1]} to {client.local} odd {data.hex()}"
        os.write(self.log, f"{line[:4000]}\n".encode())

    def write(self, line, addresses):
        """Before they are given: who looks for what was given finds it."""
        words = ["given", *addresses] if addresses else []
        os.write(self.log, (" ".join([line, *words]) + "\n").encode())

    def serve_udp(self, sock, local):
        message, peer = sock.recvfrom(65535)
        self.handle(Client("udp", peer, local, sock), message)

    def serve_tcp(self, listener, local):
        connection, peer = listener.accept()
        connection.settimeout(TCP_IDLE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client("tcp", peer, local, connection)
        threading.Thread(target=self.serve_connection, args=(client,), daemon=True).start()

    def serve_connection(self, client):
        with client.socket, client.socket.makefile("rb") as stream:
            try:
                while length := stream.read(2):
                    wanted = int.from_bytes(length, "big")
                    message = stream.read(wanted)
                    if len(length) < 2 or len(message) < wanted:
                        self.odd(client, length + message)
                        return
                    self.handle(client, message)
            except OSError:
                pass

    def serve(self, addresses, port):
        selector = selectors.DefaultSelector()
        ways = ((socket.SOCK_DGRAM, self.serve_udp), (socket.SOCK_STREAM, self.serve_tcp))
        for address in addresses:
            for kind, serve in ways:
                sock = wire.listen(address, port, kind)
                selector.register(sock, selectors.EVENT_READ, (serve, address))
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                serve, address = key.data
                serve(key.fileobj, address)


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--address", action="append", required=True, help="to serve at")
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--log", required=True)
    return parser
