#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs inside a fence and tries, over and over, what is allowed and what is not.

    steady.py DIRECTORY ALLOWED DENIED

ALLOWED and DENIED are each ADDRESS,NAME; port 443 answers with what it is sent. DIRECTORY/rounds
says how many rounds are done, and DIRECTORY/wrong has a line for each attempt that went as it should
not: an allowed one that failed, a denied one that did not. It ends when DIRECTORY/stop is there.
"""

import os
import socket
import struct
import sys

PORT = 443
TIMEOUT_S = 20
NAMES_EVERY = 32
TOLD_EVERY = 16
# Closed by a reset: thousands of connections in TIME_WAIT would use up the ports.
LINGER = struct.pack("ii", 1, 0)


class NoSuchName(OSError):
    """What the older cgfence answers: it still does, by the programs of the newer."""


class Steady:
    def __init__(self, directory, allowed, denied):
        self.directory = directory
        self.allowed, self.allowed_name = allowed.split(",")
        self.denied, self.denied_name = denied.split(",")
        self.wrong = open(f"{directory}/wrong", "w", buffering=1, encoding="ascii")
        self.established = self.socket(socket.SOCK_STREAM)
        self.established.connect((self.allowed, PORT))
        self.datagrams = self.socket(socket.SOCK_DGRAM)

    @staticmethod
    def socket(kind):
        made = socket.socket(socket.AF_INET, kind)
        made.settimeout(TIMEOUT_S)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        return made

    def answers(self, connection, number):
        word = b"%8d" % number
        connection.sendall(word)
        while len(word) and (got := connection.recv(len(word))):
            if not word.startswith(got):
                raise OSError(f"answered with {got}")
            word = word[len(got) :]
        if word:
            raise OSError("closed")

    def connect(self, address, number):
        with self.socket(socket.SOCK_STREAM) as connection:
            connection.connect((address, PORT))
            self.answers(connection, number)

    def send(self, address, number):
        word = b"%8d" % number
        self.datagrams.sendto(word, (address, PORT))
        if self.datagrams.recv(64) != word:
            raise OSError("another answer")

    @staticmethod
    def look_up(name):
        try:
            socket.getaddrinfo(name, PORT)
        except socket.gaierror as error:
            raise (NoSuchName if error.errno == socket.EAI_NONAME else OSError)(str(error))

    def must(self, what, attempt, *arguments):
        try:
            attempt(*arguments)
        except OSError as error:
            print("failed:", what, error, file=self.wrong)

    def must_not(self, what, expected, attempt, *arguments):
        try:
            attempt(*arguments)
        except expected:
            return
        except OSError as error:
            print("not refused:", what, error, file=self.wrong)
            return
        print("passed:", what, file=self.wrong)

    def round(self, number):
        self.must("tcp", self.connect, self.allowed, number)
        self.must_not("tcp", PermissionError, self.connect, self.denied, number)
        self.must("udp", self.send, self.allowed, number)
        self.must_not("udp", PermissionError, self.send, self.denied, number)
        self.must("what is established", self.answers, self.established, number)
        if number % NAMES_EVERY == 0:
            self.must("name", self.look_up, self.allowed_name)
            self.must_not("name", NoSuchName, self.look_up, self.denied_name)

    def tell(self, number):
        with open(f"{self.directory}/rounds.new", "w", encoding="ascii") as file:
            print(number, file=file)
        os.rename(f"{self.directory}/rounds.new", f"{self.directory}/rounds")

    def run(self):
        number = 0
        while not os.path.exists(f"{self.directory}/stop"):
            self.round(number)
            number += 1
            if number % TOLD_EVERY == 0:
                self.tell(number)
        self.established.close()
        print("end", file=self.wrong)


if __name__ == "__main__":
    Steady(*sys.argv[1:]).run()
