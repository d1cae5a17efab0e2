# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What of a fence depends on the kernel. A line each:

lsm       programs of BPF LSM for cgroups are taken and run, so that sockets of all families are seen
landlock  a process can be forbidden to reach the memory of those outside, and still move files
"""

import ctypes
import re
import struct
import subprocess

SYS_BPF = 321  # of x86_64
SYS_LANDLOCK_CREATE_RULESET, LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_ABI = 444, 1, 2
BPF_PROG_LOAD, BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP = 5, 29, 43
BPF_ATTR_BYTES, ATTACH_TYPE_OFFSET, ATTACH_BTF_OFFSET = 144, 68, 108
# r0 = 1; exit
CODE = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 1, 0x95, 0, 0, 0)
# securityfs is not mounted everywhere.
LIST = """cd /sys/kernel && cat security/lsm ||
{ mount -t securityfs securityfs security && cat security/lsm; }"""

LIBC = ctypes.CDLL(None)


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def takes_lsm_programs():
    types = output("bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux")
    hook = re.search(r"^\[(\d+)\] FUNC 'bpf_lsm_socket_create'", types, re.MULTILINE)
    code, licence = ctypes.create_string_buffer(CODE), ctypes.create_string_buffer(b"GPL")
    pointers = ctypes.addressof(code), ctypes.addressof(licence)
    attributes = bytearray(BPF_ATTR_BYTES)
    struct.pack_into("=IIQQ", attributes, 0, BPF_PROG_TYPE_LSM, len(CODE) // 8, *pointers)
    struct.pack_into("=I", attributes, ATTACH_TYPE_OFFSET, BPF_LSM_CGROUP)
    struct.pack_into("=I", attributes, ATTACH_BTF_OFFSET, int(hook[1]) if hook else 0)
    given = ctypes.create_string_buffer(bytes(attributes))
    return LIBC.syscall(SYS_BPF, BPF_PROG_LOAD, given, BPF_ATTR_BYTES) >= 0


def landlock_abi():
    size = ctypes.c_size_t(0)
    return LIBC.syscall(SYS_LANDLOCK_CREATE_RULESET, None, size, LANDLOCK_CREATE_RULESET_VERSION)


ACTIVE = output("unshare", "--mount", "sh", "-c", LIST).strip().split(",")
if "bpf" in ACTIVE and takes_lsm_programs():
    print("lsm")
if landlock_abi() >= LANDLOCK_ABI:
    print("landlock")
