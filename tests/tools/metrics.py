#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads Prometheus's text exposition format 0.0.4 and fails, with the line, on what is not strictly it, or not
as its conventions for names and units want it."""
import re
import sys

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
VALUE = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|Inf)|NaN")
UNITS_NOT_BASE = ("_ms", "_us", "_ns", "_minutes", "_milliseconds", "_kilobytes")


def fail(number, line, why):
    sys.exit(f"line {number}: {why}: {line!r}")


def labels_of(number, line, rest):
    """Label pairs of '{…}' at the start of rest, and what follows."""
    pairs, rest = [], rest[1:]
    while not rest.startswith("}"):
        match = LABEL.match(rest)
        if not match:
            fail(number, line, "no label")
        pairs.append(match.groups())
        rest = rest[match.end():]
        if rest.startswith(","):
            rest = rest[1:]
        elif not rest.startswith("}"):
            fail(number, line, "no comma between labels")
    if len({name for name, _ in pairs}) != len(pairs):
        fail(number, line, "a label is there twice")
    return tuple(sorted(pairs)), rest[1:]


def check_name(number, line, name, kind):
    if name.endswith("_total") != (kind == "counter"):
        fail(number, line, "counters, and nothing else, end in _total")
    if name.endswith(UNITS_NOT_BASE):
        fail(number, line, "no base unit")
    if not name.startswith("cgfence_"):
        fail(number, line, "another's name")


def check_sample(number, line, family, kind, seen):
    name = NAME.match(line)
    if not name or name.group() != family:
        fail(number, line, f"no sample of {family}, whose turn it is")
    rest = line[name.end():]
    pairs = ()
    if rest.startswith("{"):
        pairs, rest = labels_of(number, line, rest)
    if not rest.startswith(" ") or not VALUE.fullmatch(rest[1:]):
        fail(number, line, "no value")
    if kind == "counter" and (rest.startswith(" -") or not rest[1:2].isdigit()):
        fail(number, line, "a counter counts from 0")
    if (family, pairs) in seen:
        fail(number, line, "the sample is there twice")
    seen.add((family, pairs))


def main():
    text = sys.stdin.buffer.read().decode("utf-8", "strict")
    if not text.endswith("\n"):
        sys.exit("the last line does not end")
    families, seen = {}, set()
    family = helped = None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        if line.startswith("# HELP "):
            helped = line.split(" ")[2]
            if len(line.split(" ", 3)) < 4 or helped in families:
                fail(number, line, "no help, or for the second time")
        elif line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            if family != helped or kind not in ("counter", "gauge"):
                fail(number, line, "no type, or without help before it")
            check_name(number, line, family, kind)
            families[family] = kind
        elif not line or line.startswith("#"):
            fail(number, line, "neither a sample nor its description")
        else:
            check_sample(number, line, family, families.get(family), seen)
    print(f"{len(families)} names, {len(seen)} samples")


if __name__ == "__main__":
    main()
