#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A file system with one file, `file`, that nobody ever gets to read: reads are not answered.

    silent-fs DIRECTORY

It is mounted there, and as root, so that root is let in. Prints "mounted", and "read" when somebody
waits for it.
"""

import ctypes
import errno
import os
import struct
import sys

LOOKUP, FORGET, GETATTR, OPEN, READ, INIT, OPENDIR = 1, 2, 3, 14, 15, 26, 27
ROOT, FILE = 1, 2
VALID_S = 1000


def attributes(node):
    mode, size = (0o40755, 0) if node == ROOT else (0o100644, 4096)
    return struct.pack("6Q10I", node, size, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def mount(directory):
    server = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other"
    if libc.mount(b"silent", directory.encode(), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    return server


def serve(server):
    while True:
        _, operation, unique, node = struct.unpack_from("IIQQ", os.read(server, 1 << 18))
        error, body = 0, b""
        if operation == INIT:
            body = struct.pack("4I2HI", 7, 12, 1 << 17, 0, 0, 0, 1 << 17)
        elif operation == LOOKUP:
            body = struct.pack("4Q2I", FILE, 0, VALID_S, VALID_S, 0, 0) + attributes(FILE)
        elif operation == GETATTR:
            body = struct.pack("Q2I", VALID_S, 0, 0) + attributes(node)
        elif operation in (OPEN, OPENDIR):
            body = struct.pack("Q2I", 1, 0, 0)
        elif operation == READ:
            print("read", flush=True)
            continue
        elif operation == FORGET:
            continue
        else:
            error = -errno.ENOSYS
        os.write(server, struct.pack("IiQ", 16 + len(body), error, unique) + body)


os.makedirs(sys.argv[1], exist_ok=True)
fuse = mount(sys.argv[1])
print("mounted", flush=True)
serve(fuse)
