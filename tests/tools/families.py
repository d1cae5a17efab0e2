# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tries sockets and pairs of every address family and type. Two lines: of which families some were
made, and which the kernel said it does not have, whatever the type."""

import errno
import socket

FAMILIES = range(46)
TYPES = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)


def outcome(make, family, kind):
    try:
        made = make(family, kind)
    except OSError as error:
        return errno.errorcode[error.errno]
    for end in made if isinstance(made, tuple) else (made,):
        end.close()
    return "OK"


def outcomes(family):
    return {
        outcome(make, family, kind) for make in (socket.socket, socket.socketpair) for kind in TYPES
    }


FOUND = {family: outcomes(family) for family in FAMILIES}
print("made", *[family for family in FAMILIES if "OK" in FOUND[family]])
print("refused", *[family for family in FAMILIES if FOUND[family] == {"EAFNOSUPPORT"}])
