# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A DNS server on 127.0.0.1 that has the address 198.51.100.66 for every name, and SERVFAIL for AAAA."""
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(512)
    end = query.index(b"\0", 12) + 5
    wants_ipv4 = query[end - 4 : end - 2] == b"\0\1"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([198, 51, 100, 66])
    flags, count = (b"\x85\x80", 1) if wants_ipv4 else (b"\x85\x82", 0)
    header = query[:2] + flags + bytes([0, 1, 0, count, 0, 0, 0, 0])
    server.sendto(header + query[12:end] + (answer if count else b""), client)
