#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An engine of containers, which is asked as Docker is, and says what it is told to.

    engine.py SOCKET DIRECTORY

Of the container NAME it says what the file DIRECTORY/NAME has: its id or, if it does not run, the id
and "stopped"; it has no other container. While there is a file DIRECTORY/silent it does not answer.
Prints "ready", and each name that it is asked for.
"""

import json
import os
import socketserver
import sys


class Question(socketserver.StreamRequestHandler):
    def answer(self, status, body):
        self.wfile.write(f"HTTP/1.0 {status}\r\n\r\n{json.dumps(body)}".encode())

    def handle(self):
        name = self.rfile.readline().split()[1].decode().split("/")[2]
        while self.rfile.readline().strip():
            pass
        print(name, flush=True)
        if os.path.exists(f"{directory}/silent"):
            self.rfile.read()
            return
        try:
            with open(f"{directory}/{name}") as file:
                words = file.read().split()
        except FileNotFoundError:
            self.answer("404 Not Found", {"message": "No such container"})
            return
        runs = "stopped" not in words
        self.answer("200 OK", {"Id": words[0], "State": {"Running": runs, "Pid": 1 if runs else 0}})


class Engine(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


path, directory = sys.argv[1:]
with Engine(path, Question) as engine:
    print("ready", flush=True)
    engine.serve_forever()
