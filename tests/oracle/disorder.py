#!/usr/bin/env python3
"""Disorders events without changing what a window over them must say.

  disorder.py shuffle --time FIELD --within 2m [--seed S] FILE... > OUT
      NDJSON of all events, none further behind the greatest time before it than the bound.
  disorder.py deal --into N [--seed S] --prefix P FILE...
      NDJSON of all events over P0.ndjson ... P<N-1>.ndjson, each to a random one, in order."""

import argparse
import random
import sys

import events
import times


def bad(name, line, text, problem):
    raise SystemExit(f"{name}:{line}: {problem}")


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("what", choices=["shuffle", "deal"])
    p.add_argument("--time", type=events.getter)
    p.add_argument("--within", type=times.duration)
    p.add_argument("--into", type=int)
    p.add_argument("--prefix")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--header", type=lambda s: s.split(","))
    p.add_argument("files", nargs="+")
    opt = p.parse_args()
    chance = random.Random(opt.seed)
    lines = [e for name in opt.files for e in events.read(name, opt.header, on_bad=bad)]
    if opt.what == "shuffle":
        # Sorted by a time that is put off by less than the bound, none falls behind by more.
        lines.sort(key=lambda e: times.parse(opt.time(e.value)) + chance.random() * opt.within)
        sys.stdout.buffer.writelines(e.text + b"\n" for e in lines)
        return
    outs = [open(f"{opt.prefix}{i}.ndjson", "wb") for i in range(opt.into)]
    for event in lines:
        chance.choice(outs).write(event.text + b"\n")
    for out in outs:
        out.close()


main()
