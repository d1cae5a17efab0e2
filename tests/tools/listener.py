# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Listens on Unix sockets, as a service that the command could ask, and tells what it was asked.

    listener.py LOG PATH...

Says "ready" once all of them listen. For each connection it appends to LOG a line with the path and
what it read, as printable ASCII, and closes without an answer: libc is to take that as none.
"""

import os
import selectors
import socket
import sys

QUESTION_BYTES_MAX = 4096
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


def answer(listener, path, log):
    connection, _ = listener.accept()
    connection.settimeout(TIMEOUT_S)
    with connection:
        question = connection.recv(QUESTION_BYTES_MAX)
        log.write(f"{path} {printable(question)}\n")
        log.flush()


def main():
    selector = selectors.DefaultSelector()
    with open(sys.argv[1], "a", encoding="ascii") as log:
        for path in sys.argv[2:]:
            selector.register(listen(path), selectors.EVENT_READ, path)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                answer(key.fileobj, key.data, log)


main()
