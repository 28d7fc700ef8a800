"""Reads NDJSON and CSV, plain or gzipped, as evcat does: each event as its line and its value."""

import csv
import gzip
import json
import re
from decimal import Decimal

from exact import BadValue

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)


class Event:
    """text is the line in UTF-8 (of CSV: the object that evcat writes); value is its dict."""

    def __init__(self, name, line, text, value):
        self.name, self.line, self.text, self.value = name, line, text, value


def open_bytes(name):
    f = open(name, "rb")
    zipped = f.peek(2)[:2] == b"\x1f\x8b"
    return gzip.open(f) if zipped else f


def constant(word):
    raise BadValue(f"not JSON: {word}")


def parse(text):
    try:
        value = json.loads(text.decode(), parse_float=Decimal, parse_constant=constant)
    except (ValueError, RecursionError) as problem:
        raise BadValue(f"not JSON: {problem}") from None
    if not isinstance(value, dict):
        raise BadValue("not an object")
    return value


def read(name, header=None, types=None, on_bad=None):
    """The events of a file in order. on_bad(name, line, text, problem) is told of what is none."""
    lines = (
        csv_lines(name, header, types or {})
        if re.search(r"\.[ct]sv(\.gz)?$", name)
        else json_lines(name)
    )
    for line, text, problem in lines:
        try:
            if problem:
                raise BadValue(problem)
            yield Event(name, line, text, parse(text))
        except BadValue as bad:
            on_bad(name, line, text, str(bad))


def json_lines(name):
    with open_bytes(name) as f:
        for n, line in enumerate(f, 1):
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            if line.strip(b" \t"):
                yield n, line, None


def csv_lines(name, header, types):
    with open_bytes(name) as f:
        text = f.read().decode("utf-8-sig")
    delimiter = "\t" if re.search(r"\.tsv(\.gz)?$", name) else ","
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    header = header or next(rows)
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            yield rows.line_num, delimiter.join(
                row
            ).encode(), f"{len(row)} fields, the header has {len(header)}"
            continue
        try:
            members = (
                json.dumps(k, ensure_ascii=False) + ":" + typed(v, types.get(k))
                for k, v in zip(header, row)
            )
            yield rows.line_num, ("{" + ",".join(members) + "}").encode(), None
        except BadValue as bad:
            yield rows.line_num, delimiter.join(row).encode(), str(bad)


def typed(value, kind):
    """By itself a number, true, false, null when empty, else text; or as its column was fixed."""
    if kind == "text":
        return json.dumps(value, ensure_ascii=False)
    if value == "":
        return "null"
    if NUMBER.fullmatch(value) or value in ("true", "false") and kind != "num":
        return value
    if kind == "num":
        raise BadValue(f"not a number: {value!r}")
    return json.dumps(value, ensure_ascii=False)


STEP = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d+)\]")


def getter(text):
    """A function of an event's value: a path such as a.b[0].c (None when missing), or a lambda."""
    if text.startswith("lambda"):
        return eval(text)
    steps = [key if key else int(index) for key, index in STEP.findall(text)]

    def get(value):
        for step in steps:
            if isinstance(step, str) and isinstance(value, dict):
                value = value.get(step)
            elif isinstance(step, int) and isinstance(value, list) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    return get
