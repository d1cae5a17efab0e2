#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The far end of pulse: accepts what is connected to PORT of any address, and closes it.

    accepts.py --log FILE PORT [EXPECTED…]

The log has a line for each connection to an address that is not EXPECTED, "TIME ADDRESS", TIME being
CLOCK_MONOTONIC; and on SIGTERM "accepted NUMBER", of those that are.
"""

import argparse
import selectors
import signal
import socket
import sys
import time

BACKLOG = 1024


def listen(family, address, port):
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((address, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", required=True)
    parser.add_argument("port", type=int)
    parser.add_argument("expected", nargs="*")
    options = parser.parse_args()
    expected, accepted = set(options.expected), 0
    selector = selectors.DefaultSelector()
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        selector.register(listen(family, address, options.port), selectors.EVENT_READ)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(options.log, "a", buffering=1, encoding="ascii") as log:
        print("ready", flush=True)
        try:
            while True:
                for key, _ in selector.select():
                    try:
                        connection, _ = key.fileobj.accept()
                    except BlockingIOError:
                        continue
                    local = connection.getsockname()[0]
                    connection.close()
                    accepted += local in expected
                    if local not in expected:
                        print(f"{time.monotonic():.6f} {local}", file=log)
        finally:
            print(f"accepted {accepted}", file=log)


if __name__ == "__main__":
    main()
