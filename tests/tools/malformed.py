#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""malformed.py [--count N] [--seed N] [--users N] [--pid PID] SOCKET

Sends so many malformed and odd requests to the control API, from several connections at once: bytes that are no
request, heads that are too large, wrong lengths, chunks, half closes, clients that leave or are slow, many requests
at once, NULs, what is no UTF-8 and no JSON, deep nesting, members twice. Checks that whatever is answered is an
answer of HTTP, that errors are JSON with a code and a message, that nothing malformed is let pass, and that a plain
request works all the while. With --pid also that the process has no more descriptors afterwards, and has grown by no
more than 2 MiB since it was warm. As root, --users spreads the requests over so many users, each of which may ask so
often (see cgfence-api(7)); they have the group of the socket.
"""
import argparse
import json
import os
import random
import select
import socket
import sys
import time

FIRST_USER = 60000
WAIT_S = 5
GROWTH_MAX_KB = 2048
PATHS = ["/v1/policies", "/v1/policies/web", "/v1/policies/web/rules", "/v1/policies/web/check",
         "/v1/fences", "/v1/status", "/v1/reload", "/v1/decisions", "/metrics", "/"]
METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "BREW"]


def head(method, path, *fields, version="1.1"):
    lines = [f"{method} {path} HTTP/{version}", "Host: x", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def with_body(method, path, body, *fields):
    return head(method, path, f"Content-Length: {len(body)}", *fields) + body


def noise(r, length):
    return bytes(r.getrandbits(8) for _ in range(length))


# --- kinds of requests: bytes, and the statuses that an answer to them may have; None: any, or none at all ---

BAD = {400}


def nonsense(r):
    return noise(r, r.randrange(1, 400)) + b"\r\n\r\n", {400, 404, 431, 505, 501, 417, 405}


def no_end(r):
    return head("GET", r.choice(PATHS))[:-2], None


def head_too_large(r):
    return head("GET", "/v1/policies", "X: " + "a" * r.randrange(17000, 60000)), {431}


def many_fields(r):
    return head("GET", "/v1/policies", *[f"X-{i}: {i}" for i in range(4000)]), {431}


def path_too_long(r):
    return head("GET", "/" + "a" * r.randrange(17000, 40000)), {431}


def deep_path(r):
    return head("GET", "/a" * r.randrange(9, 4000)), {404}


def bad_escape(r):
    return head("GET", "/v1/policies/" + r.choice(["%", "%0", "%zz", "%00", "a%00b", "%u1234"])), BAD


def nul_somewhere(r):
    text = bytearray(head("GET", "/v1/policies", "X: y"))
    at = r.randrange(0, len(text) - 4)
    while text[at] in b"\r\n":
        at -= 1
    text[at] = 0
    return bytes(text), BAD


def control_character(r):
    return head("GET", "/v1/policies", "X: a" + chr(r.choice([1, 7, 8, 11, 27, 127])) + "b"), BAD


def raw_utf8(r):
    return head("GET", "/v1/policies/\xc3\xbc"), BAD


def wrong_length(r):
    length = r.choice(["-1", "+5", "0x10", "1e3", "", "5, 5", "five", "5\r\nContent-Length: 6", " "])
    return head("PUT", "/v1/policies/web", f"Content-Length: {length}") + b"allow", BAD


def length_and_chunks(r):
    return head("PUT", "/v1/policies/web", "Content-Length: 5", "Transfer-Encoding: chunked"), BAD


def huge_length(r):
    return head("PUT", "/v1/policies/web", f"Content-Length: {r.choice([2**22 + 1, 2**31, 2**63, 2**64, 10**40])}"), {413}


def short_body(r):
    return with_body("PUT", "/v1/policies/web", b"allow a.test\n")[:-r.randrange(1, 12)], None


def long_body(r):
    return head("PUT", "/v1/policies/odd..name", "Content-Length: 3") + noise(r, r.randrange(4, 4000)), {400}


def bad_chunks(r):
    chunk = r.choice([b"x\r\n", b"-1\r\n", b"1\r\nab\r\n", b"ffffffffffffffff\r\n", b"\r\n", b"1;" + b"a" * 5000])
    return head("PUT", "/v1/policies/web", "Transfer-Encoding: chunked") + chunk + b"\r\n", BAD


def bad_coding(r):
    return head("PUT", "/v1/policies/web", "Transfer-Encoding: " + r.choice(["gzip", "identity", "chunked, chunked"])), {501}


def no_host(r):
    return b"GET /v1/policies HTTP/1.1\r\n\r\n", BAD


def bad_version(r):
    version = r.choice(["2.0", "0.9", "9.9"])
    return f"GET / HTTP/{version}\r\n\r\n".encode(), {505}


def bad_field(r):
    return head("GET", "/v1/policies", r.choice(["no colon", " folded", ": no name", "a b: c", "a\t: b"])), BAD


def bad_expect(r):
    return head("PUT", "/v1/policies/web", "Expect: much", "Content-Length: 1"), {417}


def expect_and_leave(r):
    return head("PUT", "/v1/policies/web", "Expect: 100-continue", "Content-Length: 100000"), None


def bad_json(r):
    body = r.choice([b"", b"{", b"[1,", b"nul", b'{"add":["\xff"]}', b'{"add":["\\u0000"]}', b'{"add":["\\ud800"]}',
                     b'{"add":[],"add":[]}', b'{"add":NaN}', b"\xef\xbb\xbf{}", b"{}{}", b"'a'"])
    return with_body("POST", r.choice(["/v1/policies/web/rules", "/v1/fences"]), body), BAD


def deep_json(r):
    depth = r.randrange(2100, 200000)
    return with_body("POST", "/v1/fences", r.choice([b"[", b'{"a":']) * depth), BAD


def wrong_json(r):
    body = r.choice([{"add": 1}, {"add": [1]}, {"add": [[]]}, {"add": ["\n"]}, {"x": 1}, [], 1, "a", None,
                     {"add": ["allow a\nallow b"]}, {"remove": {}}, {"add": []}])
    return with_body("POST", "/v1/policies/web/rules", json.dumps(body).encode()), BAD


def wrong_fence(r):
    body = r.choice([{"policy": 1}, {"policy": "web"}, {"policy": "", "target": ""}, {"target": "pid:1"},
                     {"policy": "web", "target": "a", "persistent": "yes"}, {"policy": "web", "target": 7}])
    return with_body("POST", "/v1/fences", json.dumps(body).encode()), BAD


def bad_policy(r):
    body = r.choice([b"# " + noise(r, 300), noise(r, 300), b"allow\n" * 50, b"\0" * 100, b"a" * 5000, b"allow a.test:99999\n", b"\xff\xfe"])
    return with_body("PUT", "/v1/policies/web", body), BAD


def bad_name(r):
    name = r.choice(["..", ".", "a" * 300, "%2e%2e%2fetc", "%ff", "a%20b", "%0a", "-"])
    return with_body("PUT", f"/v1/policies/{name}", b"allow a.test\n"), {400, 200, 201}


def unknown_parameter(r):
    return head("GET", r.choice(PATHS[:2]) + "?" + r.choice(["a", "a=b", "=", "force=1", "&&x", "%3d"])), {400, 404}


def many_parameters(r):
    return head("GET", "/v1/policies?" + "&".join(f"a{i}=1" for i in range(500))), BAD


def odd_method(r):
    method = r.choice(METHODS) if r.random() < 0.7 else "A" * r.randrange(1, 3000)
    path = r.choice(["/v1/status", "/metrics", "/v1/nothing"])
    return head(method, path, "Content-Length: 0"), {200, 404, 405}


def absolute(r):
    host = r.choice(["x", "", "[::1]:80", "a" * 5000, "user:pass@x"])
    return head("GET", f"http://{host}/v1/nothing"), {404}


def pipelined(r):
    return b"".join(head("GET", r.choice(PATHS)) for _ in range(r.randrange(2, 60))), None


def pipelined_then_nonsense(r):
    return head("GET", "/v1/nothing") * 3 + noise(r, 200) + b"\r\n\r\n", {404}


def follow_and_leave(r):
    return head("GET", "/v1/decisions?follow"), {200, 503}


def old_version(r):
    return head("GET", "/v1/nothing", version="1.0"), {404}


def blank_lines(r):
    return b"\r\n" * r.randrange(1, 9000), None


KINDS = [nonsense, no_end, head_too_large, many_fields, path_too_long, deep_path, bad_escape, nul_somewhere,
         control_character, raw_utf8, wrong_length, length_and_chunks, huge_length, short_body, long_body, bad_chunks,
         bad_coding, no_host, bad_version, bad_field, bad_expect, expect_and_leave, bad_json, deep_json, wrong_json,
         wrong_fence, bad_policy, bad_name, unknown_parameter, many_parameters, odd_method, absolute, pipelined,
         pipelined_then_nonsense, follow_and_leave, old_version, blank_lines]
# Of those that are seldom, as each waits for a time-out.
SLOW = 2000


# --- sending and reading ---

class Wrong(Exception):
    pass


def connect(path):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(WAIT_S)
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            client.connect(path)
            return client
        except BlockingIOError:  # its queue is full
            if time.monotonic() > deadline:
                raise
            select.select([], [], [], 0.001)


def send(client, data, r):
    """All of it, sometimes in pieces; the server may have closed meanwhile."""
    try:
        if r.random() < 0.2 and len(data) < 4000:
            step = r.randrange(1, 50)
            for i in range(0, len(data), step):
                client.sendall(data[i:i + step])
        else:
            client.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def receive(client, enough):
    """Until the end, or until enough() says so."""
    data = b""
    while not enough(data):
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            break
        if not piece:
            break
        data += piece
    return data


def split(data):
    """Status, headers, body (all that follows) of the first answer that is not 100."""
    while True:
        top, found, rest = data.partition(b"\r\n\r\n")
        lines = top.decode("ascii").split("\r\n")
        words = lines[0].split(" ", 2)
        if not found or words[0] != "HTTP/1.1" or len(words) != 3 or not words[1].isdigit():
            raise Wrong(f"no answer of HTTP: {data[:200]!r}")
        if words[1] != "100":
            return int(words[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), rest
        data = rest


def has_answer(data):
    try:
        _, fields, body = split(data)
    except (Wrong, ValueError):
        return False
    return "content-length" not in fields or len(body) >= int(fields["content-length"])


def check(data, allowed):
    status, fields, body = split(data)
    if status in (429, 503):
        return status
    if allowed is not None and status not in allowed:
        raise Wrong(f"{status} is none of {sorted(allowed)}: {data[:300]!r}")
    if status >= 400 and body:
        error = json.loads(body[:int(fields["content-length"])])["error"]
        if not error["code"] or not error["message"]:
            raise Wrong(f"an error without words: {error}")
    return status


def one(path, r):
    kind = r.choice(KINDS)
    data, allowed = kind(r)
    with connect(path) as client:
        send(client, data, r)
        how = r.random()
        if how < 0.15:
            return None  # leaves
        if how < 0.4 or allowed is None:
            try:
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        if kind in (follow_and_leave, pipelined) or allowed is None:
            if r.random() < 0.5:
                client.settimeout(0.05)
                until = time.monotonic() + 0.05
                try:
                    receive(client, lambda _: time.monotonic() > until)
                except socket.timeout:
                    pass
            return None
        # Of a HEAD there is only the head.
        answer = receive(client, (lambda answer: b"\r\n\r\n" in answer) if data.startswith(b"HEAD ") else has_answer)
        if not answer:
            raise Wrong(f"{kind.__name__}: no answer to {data[:200]!r}")
        try:
            return check(answer, allowed)
        except (Wrong, ValueError, KeyError) as error:
            raise Wrong(f"{kind.__name__}: {error}; asked {data[:200]!r}") from error


def slow(path):
    """Says a little and waits: the server is to end it."""
    with connect(path) as client:
        client.settimeout(60)
        client.sendall(b"GET /v1/pol")
        status = check(receive(client, has_answer), {408})
        if status != 408:
            raise Wrong(f"{status} for one that is slow")


def works(path):
    for _ in range(200):  # one that is told to wait, waits
        with connect(path) as client:
            client.sendall(head("GET", "/v1/policies", version="1.0"))
            status, _, body = split(receive(client, has_answer))
        if status == 200:
            return "policies" in json.loads(body)
        if status not in (429, 503):
            return False
        select.select([], [], [], 0.05)
    return False


# --- the process at the other end ---

def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def settle(pid, wanted):
    deadline = time.monotonic() + 40
    while descriptors(pid) > wanted and time.monotonic() < deadline:
        select.select([], [], [], 0.1)
    return descriptors(pid)


# --- together ---

def become(number, users, path):
    if users and os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(*[os.stat(path).st_gid] * 3)
        os.setresuid(*[FIRST_USER + number] * 3)


def work(path, count, seed, user, users):
    r = random.Random(seed)
    become(user, users, path)
    statuses = {}
    for i in range(count):
        status = one(path, r)
        statuses[str(status)] = statuses.get(str(status), 0) + 1
        if i and i % SLOW == 0:
            slow(path)
    return statuses


def batch(arguments, count, seed):
    """In as many processes as there are users, at most four at once."""
    share = max(1, arguments.users)
    totals, running, number, failed = {}, [], 0, False
    while number < share or running:
        while number < share and len(running) < 4:
            read, write = os.pipe()
            pid = os.fork()
            if not pid:
                try:
                    told = json.dumps(work(arguments.socket, count // share + 1, seed * 1000 + number, number,
                                           arguments.users))
                    os.write(write, told.encode())
                    os._exit(0)
                except BaseException as error:  # pylint: disable=broad-except
                    print(f"malformed.py: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                    os._exit(1)
            os.close(write)
            running.append((pid, read))
            number += 1
        pid, read = running.pop(0)
        text = b""
        while piece := os.read(read, 65536):
            text += piece
        os.close(read)
        failed |= os.waitpid(pid, 0)[1] != 0
        for status, times in json.loads(text or b"{}").items():
            totals[status] = totals.get(status, 0) + times
    return totals, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=0)
    parser.add_argument("--pid", type=int)
    parser.add_argument("socket")
    arguments = parser.parse_args()
    failed = False
    before = descriptors(arguments.pid) if arguments.pid else 0
    _, failed = batch(arguments, arguments.count // 10, arguments.seed)  # until it is warm
    warm_kb = resident_kb(arguments.pid) if arguments.pid else 0
    totals, failed_too = batch(arguments, arguments.count, arguments.seed + 1)
    failed |= failed_too
    if not works(arguments.socket):
        print("a plain request does not work", file=sys.stderr)
        failed = True
    report = {"statuses": totals}
    if arguments.pid:
        report.update(descriptors=[before, settle(arguments.pid, before)],
                      resident_kb=[warm_kb, resident_kb(arguments.pid)])
        if report["descriptors"][1] > before:
            failed = True
        if report["resident_kb"][1] > warm_kb + GROWTH_MAX_KB:
            failed = True
    print(json.dumps(report))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
