"""What the laws share: running tools, comparing, random events and queries."""

import datetime
import json
import os
import random
import subprocess
import sys
from decimal import getcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("B", ROOT / "build")).resolve() / "bin"
DATA = Path(os.environ.get("EV_DATA", ROOT / "../shared/data"))
SEED = int(os.environ.get("LAWS_SEED", random.randrange(10**9)))
ENV = {"PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
ENV["ASAN_OPTIONS"] = "detect_leaks=0"  # what a tool holds to its end it leaves to exit
ENV |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
getcontext().prec = 200


class Missing(Exception):
    """The data that a law needs is not there."""


def data(*names):
    paths = [p for n in names for p in sorted(DATA.glob(n))]
    if not paths:
        raise Missing(names[0])
    return [str(p) for p in paths]


def tool(*args, stdin=None, status=0):
    p = subprocess.run([str(a) for a in args], input=stdin, capture_output=True, env=ENV)
    assert p.returncode == status, f"{args}: status {p.returncode}: {p.stderr.decode()[-500:]}"
    return p.stdout


def books(*args, stdin=None):
    p = subprocess.run([str(a) for a in args] + ["--stats"], input=stdin, capture_output=True, env=ENV)
    assert p.returncode == 0, p.stderr.decode()
    b = json.loads(p.stderr.decode().strip().split("\n")[-1])
    assert b["in"] == b["windowed"] + b["filtered"] + b["late"] + b["rejected"], b
    return p.stdout, b


def oracle(*args):
    return tool(sys.executable, ROOT / "tests/oracle/windows.py", *args)


def disorder(*args):
    return tool(sys.executable, ROOT / "tests/oracle/disorder.py", *args)


def same(got, want, ordered=True):
    got, want = got.decode().splitlines(), want.decode().splitlines()
    if not ordered:
        got, want = sorted(got), sorted(want)
    if got == want:
        return
    for i, (g, w) in enumerate(zip(got + ["(none)"], want + ["(none)"])):
        if g != w:
            raise AssertionError(f"row {i} of {len(got)}, {len(want)} wanted\n   got  {g}\n   want {w}")
    raise AssertionError(f"{len(got)} rows, {len(want)} wanted")


def random_events(rng, n):
    """Events of a few keys with dirt in the values: forms of one number, escapes, nulls, missing fields."""
    prices = ["0.1", "0.2", "1", "1.0", "1e0", "-0", "12.345678901", "99999999999999999999.5", "1e-30", "3e37", "null"]
    names = ['"a"', '"\\u0061"', '"é"', '"\\u00e9"', "1", "1.0", "true", "null", '"1"', '"\\ud83d\\ude00"', '"b\\n"']
    at = rng.choice([0, 1763085600, -86400 * 365, 4102444800]) * 1000
    out = []
    for i in range(n):
        at += rng.choice([0, 1, 999, 1000, 30000, 60000, 299999, 900000])
        ts = at - rng.choice([0] * 8 + [500, 120000, 3600000])
        fields = [f'"id":{i}', f'"k":{rng.choice(names)}', f'"p":{rng.choice(prices)}', f'"q":{rng.randrange(-5, 6)}']
        if rng.random() < 0.1:
            fields.pop(rng.randrange(1, 4))
        fields.append(f'"ts":"{stamp(ts)}"')
        if rng.random() < 0.5:
            rng.shuffle(fields)
        space = rng.choice(["", "", " "])
        out.append("{" + f",{space}".join(fields) + "}")
    return "\n".join(out).encode() + b"\n"


def stamp(ms):
    days, rest = divmod(ms, 86400000)
    d = datetime.date(1970, 1, 1) + datetime.timedelta(days)
    return f"{d}T{rest // 3600000:02}:{rest // 60000 % 60:02}:{rest // 1000 % 60:02}.{rest % 1000:03}Z"


AGGS = [("n=count", "n=count"), ("s=sum:p", "s=sum(p)"), ("a=avg:p", "a=avg(p)"), ("lo=min:p", "lo=min(p)"), ("hi=max:p", "hi=max(p)"),
        ("f=first:id", "f=first(id)"), ("l=last:p", "l=last(p)"), ("c=count:p@lambda e: e.get('q') is not None and e['q'] > 0", "c=count_if(p, q > 0)")]


def random_query(rng):
    every, slide = rng.choice([("15m", None), ("1h", "1m"), ("1h", "15m"), ("10m", "5m"), ("1d", None), ("1w", None), ("1mo", None), ("1d", "1d")])
    options = ["--time", "ts", "--every", every] + (["--slide", slide] if slide else [])
    if rng.random() < 0.3:
        options += [f"--offset={rng.choice(['5m', '1h', '-30s'])}"]
    if rng.random() < 0.3:
        options += ["--tz", rng.choice(["Asia/Kolkata", "Europe/Berlin", "America/New_York"])]
    lateness = rng.choice([None, "0s", "1m", "2m", "1h", "2h"])
    allowed = lateness and rng.choice([None, None, "0s", "5m", "1h"])
    options += ["--lateness", lateness] if lateness else []
    options += ["--allowed-lateness", allowed] if allowed else []
    if rng.random() < 0.3:
        options += ["--versioned", "--generation", str(rng.randrange(5))]
    keys = rng.choice([[], ["k"], ["k", "q"]])
    aggs = rng.sample(AGGS, rng.randrange(1, 5))
    by = [x for k in keys for x in ("--by", k)]
    return options, by, aggs, allowed


def micros(text):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)
