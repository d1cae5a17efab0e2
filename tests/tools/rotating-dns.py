#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A DNS server as large sites have it: each question gets another few addresses of many.

    rotating-dns.py --address ADDRESS… --log FILE [--give 4] [--pool 256] [--ttl 1]

Any name below test. has A records from 198.18.0.0 on and AAAA records from 2001:db8:18:: on, as many
as the pool has. A name that starts with "no-" does not exist.
"""

import random

import dns_server
import dns_wire as wire

FIRST4 = int.from_bytes(bytes([198, 18, 0, 0]), "big")
FIRST6 = int.from_bytes(bytes.fromhex("20010db8001800000000000000000000"), "big")


def addresses(kind, numbers):
    if kind == wire.A:
        return [(FIRST4 + number).to_bytes(4, "big") for number in numbers]
    return [(FIRST6 + number).to_bytes(16, "big") for number in numbers]


def main():
    parser = dns_server.arguments("rotating addresses")
    parser.add_argument("--give", type=int, default=4)
    parser.add_argument("--pool", type=int, default=256)
    parser.add_argument("--ttl", type=int, default=1)
    options = parser.parse_args()
    pool = range(options.pool)

    def answer(client, question, given):
        found, flags = [], wire.AA
        if question.labels[-1:] != [b"test"] or question.labels[0].startswith(b"no-"):
            flags |= wire.NXDOMAIN
        elif question.kind in (wire.A, wire.AAAA):
            found = addresses(question.kind, random.sample(pool, options.give))
        given([wire.text_of(address) for address in found])
        client.send(
            question.answer(
                [wire.record(wire.TO_QUESTION, question.kind, options.ttl, a) for a in found], flags
            )
        )

    dns_server.Server(answer, options.log).serve(options.address, options.port)


if __name__ == "__main__":
    main()
