# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Loads an LSM program for a cgroup, that lets all sockets be made. Exits with 0 if the kernel takes
it: since Linux 6.0, if that is not forbidden. x86_64 only."""

import ctypes
import os
import re
import struct
import subprocess
import sys

BPF_PROG_LOAD, BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP = 5, 29, 43
SYS_BPF = 321
# r0 = 1; exit
CODE = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 1, 0x95, 0, 0, 0)


def hook():
    types = subprocess.run(
        ["bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux"], capture_output=True, text=True
    ).stdout
    found = re.search(r"^\[(\d+)\] FUNC 'bpf_lsm_socket_create'", types, re.MULTILINE)
    return int(found[1]) if found else sys.exit("no such hook")


code, licence = ctypes.create_string_buffer(CODE), ctypes.create_string_buffer(b"GPL")
pointers = ctypes.addressof(code), ctypes.addressof(licence)
attributes = bytearray(144)
struct.pack_into("=IIQQ", attributes, 0, BPF_PROG_TYPE_LSM, len(CODE) // 8, *pointers)
struct.pack_into("=I", attributes, 68, BPF_LSM_CGROUP)
struct.pack_into("=I", attributes, 108, hook())
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(SYS_BPF, BPF_PROG_LOAD, ctypes.create_string_buffer(bytes(attributes)), 144) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
