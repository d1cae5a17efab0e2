#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The forbidden host's part in an attempt: whoever gets out often has a friend outside.

    peer.py --pipe PATH [--mptcp PORT]…

Attempts ask for it by a line in the pipe: "WHAT FAMILY PORT OWNPORT".

    connect        connects to PORT of the fenced host, as often as it takes, and listens to it
    datagram       sends datagrams from OWNPORT to PORT of the fenced host
    simultaneous   connects from OWNPORT to PORT, again and again

On the ports of --mptcp it serves MPTCP; the kernel announces its other addresses by itself.
"""

import argparse
import asyncio
import os
import socket

HOST = {"4": "198.51.100.2", "6": "2001:db8:1::2"}
EVIL = {"4": "198.51.100.66", "6": "2001:db8:1::66"}
FAMILY = {"4": socket.AF_INET, "6": socket.AF_INET6}
IPPROTO_MPTCP = 262
PATIENCE_S, STEP_S = 0.8, 0.02


def own_socket(family, kind, port):
    own = socket.socket(FAMILY[family], kind)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setblocking(False)
    own.bind((EVIL[family], port))
    return own


async def attempt_connect(family, port, own_port):
    """True once it has been connected and the other side had its time to speak."""
    loop = asyncio.get_running_loop()
    with own_socket(family, socket.SOCK_STREAM, own_port) as own:
        try:
            await asyncio.wait_for(loop.sock_connect(own, (HOST[family], port)), STEP_S * 5)
            await loop.sock_sendall(own, b"hello\n")
            await asyncio.wait_for(loop.sock_recv(own, 4096), PATIENCE_S)
            return True
        except (OSError, asyncio.TimeoutError):
            return False


async def connect(family, port, own_port):
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while loop.time() < end and not await attempt_connect(family, port, own_port):
        await asyncio.sleep(STEP_S)


async def datagram(family, port, own_port):
    with own_socket(family, socket.SOCK_DGRAM, own_port) as own:
        for _ in range(int(PATIENCE_S / STEP_S) // 2):
            try:
                own.sendto(b"hello\n", (HOST[family], port))
            except OSError:
                pass  # the answer to one before: no one listens yet, or any more
            await asyncio.sleep(STEP_S)


class Asked:
    def __init__(self, path):
        self.pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.tasks = set()

    def readable(self):
        for line in os.read(self.pipe, 65536).decode().splitlines():
            what, family, port, own_port = line.split()
            if what == "connect":
                work = connect(family, int(port), 0)
            elif what == "simultaneous":
                work = connect(family, int(port), int(own_port))
            else:
                work = datagram(family, int(port), int(own_port))
            task = asyncio.get_running_loop().create_task(work)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)


async def serve_mptcp(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipe", required=True)
    parser.add_argument("--mptcp", type=int, action="append", default=[])
    options = parser.parse_args()
    servers = []
    for port in options.mptcp:
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            try:
                server = socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP)
            except OSError:
                break  # not in this kernel
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.bind((address, port))
            servers.append(await asyncio.start_server(serve_mptcp, sock=server))
    # The pipe is there once everything listens.
    os.mkfifo(options.pipe + ".new")
    os.chmod(options.pipe + ".new", 0o666)
    asked = Asked(options.pipe + ".new")
    os.rename(options.pipe + ".new", options.pipe)
    asyncio.get_running_loop().add_reader(asked.pipe, asked.readable)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
