#!/usr/bin/env python3
"""Computes the rows that evwindow should write, slowly and plainly: each event goes into each of
its windows.

  windows.py --time event_ts --every 15m --lateness 2m --by city_id --by r=payment.status \\
      n=count 'a=avg:order_value' 'd=count@lambda e: e["event_type"] == "ORDER_DELIVERED"' FILE...

An aggregate is NAME=FUNC[:PATH][@LAMBDA]; a PATH may be a lambda over the event, too. Rows come out
ordered by end, start, key and version. Several FILEs are inputs with a watermark each, read from
the lowest; without --lateness there is no watermark. --late and --reject get the lines that were
late or bad; --books the counts."""

import argparse
import heapq
import json
import re
import sys

import events
import exact
import times

END = float("inf")


# ---- aggregates: each is made anew for a window and key ----


class Count:
    def __init__(self):
        self.n = 0

    def add(self, value, event):
        self.n += 1

    def text(self):
        return str(self.n)


class Sum(Count):
    total = 0

    def add(self, value, event):
        if isinstance(value, (bool, str, list, dict)):
            raise exact.BadValue(f"not a number: {value!r}")
        self.n += 1
        self.total += exact.number(value)

    def text(self):
        return exact.text(self.total) if self.n else "null"


class Avg(Sum):
    def text(self):
        return exact.quotient(self.total, self.n) if self.n else "null"


class Extreme:
    """Keeps the value of the entry that is least, or greatest, by order()."""

    greatest = False
    best = None

    def add(self, value, event):
        order = self.order(value, event)
        if self.best is None or (order > self.best if self.greatest else order < self.best):
            self.best, self.value = order, exact.rank(value)

    def text(self):
        return "null" if self.best is None else exact.canonical(self.value)


class Min(Extreme):
    def order(self, value, event):
        return exact.rank(value)


class First(Extreme):
    def order(self, value, event):
        return event.time, event.text


class Max(Min):
    greatest = True


class Last(First):
    greatest = True


FUNCTIONS = {
    "count": Count,
    "sum": Sum,
    "avg": Avg,
    "min": Min,
    "max": Max,
    "first": First,
    "last": Last,
}


class Aggregate:
    def __init__(self, spec):
        m = re.fullmatch(
            r"(?P<name>[^=]+)=(?P<func>\w+)(?::(?P<path>[^@]*))?(?:@(?P<where>.*))?", spec
        )
        if not m or m["func"] not in FUNCTIONS:
            raise SystemExit(f"not an aggregate: {spec}")
        self.name, self.make = m["name"], FUNCTIONS[m["func"]]
        self.value = events.getter(m["path"]) if m["path"] else lambda e: 1
        self.where = events.getter(m["where"]) if m["where"] else lambda e: True

    def input(self, event):
        """What this event brings; None: nothing. A wrong type is found before anything is added."""
        if self.where(event.value) is not True:
            return None
        value = self.value(event.value)
        if value is not None:
            self.make().add(value, event)
        return value


# ---- windows ----


class Windows:
    def __init__(self, opt):
        self.grid, self.ratio = times.windows_of(
            opt.every, opt.slide or opt.every, opt.zone, opt.offset
        )
        self.names = [(k.split("=", 1)[0] if "=" in k else k.split(".")[-1]) for k in opt.by]
        self.keys = [events.getter(k.split("=", 1)[1] if "=" in k else k) for k in opt.by]
        self.aggregates = [Aggregate(a) for a in opt.aggregates]
        self.corrections = opt.allowed_lateness is not None
        self.allowed = opt.allowed_lateness or 0
        self.versioned = self.corrections or opt.versioned
        self.opt = opt
        self.groups = {}  # window's number -> key -> [version, accumulators]
        self.due = []  # heap of (when, number, is it the last time)
        self.rows = []

    def judge(self, event):
        """Finds its key and inputs, or what is wrong with it."""
        event.key = tuple(exact.rank(k(event.value)) for k in self.keys)
        event.inputs = [a.input(event) for a in self.aggregates]

    def add(self, event, watermark):
        """False when it is late as a whole."""
        key, inputs = event.key, event.inputs
        newest, entered = self.grid.index(event.time), False
        for number in range(newest - self.ratio + 1, newest + 1):
            end = self.grid.boundary(number + self.ratio)
            if end + self.allowed <= watermark:
                continue
            entered = True
            group = self.group(number, end, key)
            for accumulator, value in zip(group[1], inputs):
                if value is not None:
                    accumulator.add(value, event)
            if end <= watermark:
                self.emit(number, key, group, final=False, late=True)
        return entered

    def group(self, number, end, key):
        if number not in self.groups:
            self.groups[number] = {}
            heapq.heappush(self.due, (end, number, not self.corrections))
            if self.corrections:
                heapq.heappush(self.due, (end + self.allowed, number, True))
        return self.groups[number].setdefault(key, [0, [a.make() for a in self.aggregates]])

    def advance(self, watermark):
        """Brings out what is due at this watermark."""
        while self.due and self.due[0][0] <= watermark:
            _, number, final = heapq.heappop(self.due)
            for key, group in self.groups[number].items():
                if final or group[0] == 0:
                    self.emit(number, key, group, final, late=final and self.corrections)
            if final:
                del self.groups[number]

    def emit(self, number, key, group, final, late):
        group[0] += 1
        start, end = self.grid.boundary(number), self.grid.boundary(number + self.ratio)
        row = [
            ("window_start", json.dumps(times.write(start))),
            ("window_end", json.dumps(times.write(end))),
        ]
        row += [(name, exact.canonical(k)) for name, k in zip(self.names, key)]
        row += [(a.name, accumulator.text()) for a, accumulator in zip(self.aggregates, group[1])]
        if self.versioned:
            row += [
                ("version", str((self.opt.generation << 23) + group[0])),
                ("final", json.dumps(final)),
                ("is_correction", json.dumps(late or self.opt.correction)),
            ]
        text = "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{v}" for k, v in row) + "}"
        self.rows.append(((end, start, key, group[0]), text))


# ---- inputs ----


class Input:
    """One file, read an event ahead of the watermark."""

    def __init__(self, opt, windows, name, reject):
        self.opt, self.windows, self.reject = opt, windows, reject
        self.events = self.good(events.read(name, opt.header, opt.types, reject))
        self.ahead = next(self.events, None)
        self.watermark = self.ahead.time - opt.lateness if self.ahead else END

    def good(self, source):
        for event in source:
            try:
                event.time = times.parse(self.opt.time(event.value), self.opt.zone, self.opt.unit)
                event.passes = self.opt.where(event.value) is True
                if event.passes:
                    self.windows.judge(event)
            except exact.BadValue as bad:
                self.reject(event.name, event.line, event.text, str(bad))
                continue
            yield event

    def take(self):
        event, self.ahead = self.ahead, next(self.events, None)
        self.watermark = max(self.watermark, event.time - self.opt.lateness) if self.ahead else END
        return event


def merged(opt, windows, reject):
    """Each good event with the stream's watermark before it; at last (None, END)."""
    if opt.lateness is None:
        opt.lateness = 0
        for name in opt.files:
            one = Input(opt, windows, name, reject)
            while one.ahead:
                yield one.take(), -END
    else:
        inputs = [Input(opt, windows, name, reject) for name in opt.files]
        lowest = [(one.watermark, n) for n, one in enumerate(inputs)]
        heapq.heapify(lowest)
        while lowest[0][0] < END:
            watermark, n = lowest[0]
            event = inputs[n].take()
            heapq.heapreplace(lowest, (inputs[n].watermark, n))
            yield event, watermark
    yield None, END


# ---- the command ----


def arguments(argv=None):
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--time", type=events.getter, required=True)
    p.add_argument("--unit", choices=["s", "ms", "us", "ns"])
    p.add_argument("--tz", dest="zone", type=times.zone_named)
    p.add_argument("--every", required=True)
    p.add_argument("--slide")
    p.add_argument("--offset", type=times.duration, default=0)
    p.add_argument("--lateness", type=times.duration)
    p.add_argument("--allowed-lateness", type=times.duration)
    p.add_argument("--versioned", action="store_true")
    p.add_argument("--correction", action="store_true")
    p.add_argument("--generation", type=int, default=0)
    p.add_argument("--by", action="append", default=[])
    p.add_argument("--where", type=events.getter, default=lambda e: True)
    p.add_argument("--header", type=lambda s: s.split(","))
    p.add_argument("--types", type=lambda s: dict(t.split(":") for t in s.split(",")), default={})
    p.add_argument("--late")
    p.add_argument("--reject")
    p.add_argument("--books")
    p.add_argument("operands", nargs="+", metavar="AGG|FILE")
    opt = p.parse_intermixed_args(argv)
    opt.aggregates = [o for o in opt.operands if re.match(r"[^=/]+=", o)]
    opt.files = sorted(o for o in opt.operands if o not in opt.aggregates)
    return opt


def write_lines(name, lines):
    if name:
        with open(name, "wb") as f:
            f.writelines(line + b"\n" for line in lines)


def main():
    opt = arguments()
    windows, late, rejected = Windows(opt), [], []
    books = {"in": 0, "windowed": 0, "filtered": 0, "late": 0, "rejected": 0}

    def reject(name, line, text, problem):
        if not opt.reject:
            sys.stderr.write(f"oracle: {name}:{line}: {problem}\n")
            raise SystemExit(65)
        rejected.append(text)

    for event, watermark in merged(opt, windows, reject):
        windows.advance(watermark)
        if event is None:
            continue
        if not event.passes:
            books["filtered"] += 1
        elif windows.add(event, watermark):
            books["windowed"] += 1
        else:
            late.append(event.text)
    windows.rows.sort(key=lambda r: r[0])
    sys.stdout.writelines(text + "\n" for _, text in windows.rows)
    write_lines(opt.late, late)
    write_lines(opt.reject, rejected)
    books.update(late=len(late), rejected=len(rejected))
    books["in"] = sum(books.values())
    write_lines(opt.books, [json.dumps(books).encode()])


main()
