#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Does to pinned maps and links what somebody with bpftool could, and what bpftool 7.1 cannot.

    tamper.py delete|change|add MAP       an entry of that pinned map: of `allow` one that a rule has
                                          itself; `add` takes MAP's first, with another key
    tamper.py empty OUTER MAP             the slot of OUTER that has MAP
    tamper.py swap OUTER MAP OTHER        puts OTHER into it
    tamper.py target TARGETS CGROUP WORD  sets 32-bit word WORD of the cgroup's value to 0, or 1
    tamper.py program LINK PROGRAM        has the pinned link run another program
"""

import ctypes
import json
import os
import struct
import subprocess
import sys

SYS_BPF = 321 if os.uname().machine == "x86_64" else 280
BPF_OBJ_GET, BPF_LINK_UPDATE = 7, 29
# Of struct cgf_entry, struct cgf_prefix, …: the first byte that only userspace writes.
VALUE_BYTE = {"allow": 7, "resolvers": 0, "names": 4, "grants": 8}
PORT_BYTE = {"allow": 17, "prefixes": 9, "listens": 1, "resolvers": 15, "names": 10, "grants": 2}


def bpftool(*arguments):
    done = subprocess.run(["bpftool", "--json", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bpftool {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout or "null")


def write(path, key, value):
    bpftool("map", "update", "pinned", path, "key", *key, "value", *value)


def entry_of(path):
    entries = bpftool("map", "dump", "pinned", path)
    if os.path.basename(path) == "allow":
        # That of a rule, 198.51.100.20: others have an end, or are held on to by a test.
        entries = [entry for entry in entries if entry["key"][12:16] == ["0xc6", "0x33", "0x64", "0x14"]]
    return entries[0]


def octets(number):
    return [f"0x{byte:02x}" for byte in struct.pack("=I", number)]


def flipped(bytes_, number):
    changed = list(bytes_)
    changed[number] = f"0x{int(changed[number], 16) ^ 1:02x}"
    return changed


def slot_of(outer, path):
    number = octets(bpftool("map", "show", "pinned", path)["id"])
    for entry in bpftool("map", "dump", "pinned", outer):
        if entry["value"] == number:
            return entry["key"]
    raise SystemExit(f"{path} is in no slot of {outer}")


def bpf(command, attributes):
    room = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(SYS_BPF, command, room, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def open_pin(path):
    name = ctypes.create_string_buffer(path.encode())
    return bpf(BPF_OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))


def main(what, path, *words):
    name = os.path.basename(path)
    if what == "delete":
        bpftool("map", "delete", "pinned", path, "key", *entry_of(path)["key"])
    elif what == "change":
        entry = entry_of(path)
        write(path, entry["key"], flipped(entry["value"], VALUE_BYTE.get(name, 0)))
    elif what == "add":
        entry = entry_of(path)
        write(path, flipped(entry["key"], PORT_BYTE[name]), entry["value"])
    elif what == "empty":
        bpftool("map", "delete", "pinned", path, "key", *slot_of(path, words[0]))
    elif what == "swap":
        key = slot_of(path, words[0])
        bpftool("map", "update", "pinned", path, "key", *key, "value", "pinned", words[1])
    elif what == "target":
        key = [f"0x{byte:02x}" for byte in struct.pack("=Q", os.stat(words[0]).st_ino)]
        value = bpftool("map", "lookup", "pinned", path, "key", *key)["value"]
        word = 4 * int(words[1])
        value[word:word + 4] = ["0x00" if value[word] != "0x00" else "0x01"] + ["0x00"] * 3
        write(path, key, value)
    elif what == "program":
        link, program = open_pin(path), open_pin(words[0])
        bpf(BPF_LINK_UPDATE, struct.pack("=IIII", link, program, 0, 0))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
