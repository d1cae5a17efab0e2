# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Listens on Unix sockets, as a service that the command could ask, and tells what it was asked.

    listener.py [--resolver ADDRESS] LOG PATH...

Says "ready" once all of them listen. For each connection it appends to LOG a line with the path and
what it read, as printable ASCII, and closes without an answer: libc is to take that as none. With
--resolver it asks there for what it read, as a name of one label.
"""

import argparse
import os
import selectors
import socket
import struct

QUESTION_BYTES_MAX = 4096
LABEL_BYTES_MAX = 63
TIMEOUT_S = 5


def listen(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(16)
    return listener


def printable(data):
    return "".join(chr(byte) if 0x21 <= byte < 0x7F else "." for byte in data)


def ask(resolver, name):
    header = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0)
    question = bytes([len(name)]) + name + b"\0" + struct.pack("!2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.sendto(header + question, (resolver, 53))


def serve(listener, path, log, resolver):
    connection, _ = listener.accept()
    connection.settimeout(TIMEOUT_S)
    with connection:
        question = connection.recv(QUESTION_BYTES_MAX)
        log.write(f"{path} {printable(question)}\n")
        log.flush()
        if resolver and question:
            ask(resolver, question[:LABEL_BYTES_MAX])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--resolver")
    parser.add_argument("log")
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    selector = selectors.DefaultSelector()
    with open(options.log, "a", encoding="ascii") as log:
        for path in options.paths:
            selector.register(listen(path), selectors.EVENT_READ, path)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                serve(key.fileobj, key.data, log, options.resolver)


main()
