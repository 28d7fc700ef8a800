"""The laws of evutils, each a function whose name says what holds. Prints its seed."""

import gzip
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/frames"))
import commits  # noqa: E402
import epochs  # noqa: E402
import read  # noqa: E402
from common import (AGGS, ENV, ROOT, SEED, Missing, books, data, disorder, micros, oracle, random_events, random_query, same, stamp,  # noqa: E402
                    tool)


# ---- real data ----

# name, files, time, options of both, (column, path in the oracle, expression of ours), aggregates of both
SETS = {
    "github": (
        ["gharchive/*.json.gz"], "created_at", "3s",
        [("type", "type", "type"), ("public", "public", "public"), ("action", "payload.action", "payload.action")],
        [("n=count", "n=count"), ("s=sum:payload.size", "s=sum(payload.size)"), ("a=avg:payload.size", "a=avg(payload.size)"),
         ("p=count@lambda e: e['type'] == 'PushEvent'", "p=count_if(type = 'PushEvent')"),
         ("l=last:actor.login", "l=last(actor.login)"), ("m=max:repo.id", "m=max(repo.id)")],
    ),
    "taxi": (
        ["taxi/yellow_*.csv.gz"], "pickup_datetime", "40d",
        [("pickup_location_id", "pickup_location_id", "pickup_location_id")],
        [("n=count", "n=count"), ("a=avg:total_amount", "a=avg(total_amount)"), ("t=sum:tip_amount", "t=sum(tip_amount)"),
         ("lo=min:total_amount", "lo=min(total_amount)"), ("hi=max:trip_distance", "hi=max(trip_distance)"),
         ("f=first:fare_amount", "f=first(fare_amount)"), ("c=count:congestion_surcharge", "c=count(congestion_surcharge)")],
    ),
    "retail": (
        ["retail/*.csv.gz"], "InvoiceDate", "1h",
        [("Country", "Country", "Country"), ("none", "lambda e: e['CustomerID'] is None", "none=CustomerID is null")],
        [("n=count", "n=count"), ("q=sum:Quantity", "q=sum(Quantity)"), ("p=avg:UnitPrice", "p=avg(UnitPrice)"),
         ("f=first:Description", "f=first(Description)"),
         ("v=sum:lambda e: e['Quantity'] * e['UnitPrice']", "v=sum(Quantity * UnitPrice)")],
    ),
    "logs": (
        ["shop/logs.json.gz"], "timestamp", "100d",
        [("os", "machine.os", "machine.os"), ("dest", "geo.dest", "geo.dest")],
        [("n=count", "n=count"), ("b=avg:bytes", "b=avg(bytes)"), ("r=max:machine.ram", "r=max(machine.ram)"),
         ("m=sum:memory", "m=sum(memory)")],
    ),
    "orders": (
        ["shop/ecommerce.json.gz"], "order_date", "100d",
        [("customer_gender", "customer_gender", "customer_gender"), ("city_name", "geoip.city_name", "geoip.city_name")],
        [("n=count", "n=count"), ("a=avg:taxful_total_price", "a=avg(taxful_total_price)"),
         ("p=sum:lambda e: e['products'][0]['price']", "p=sum(products[0].price)")],
    ),
}


def arguments(name, every):
    globs, time, lateness, keys, aggregates = SETS[name]
    # Unix bounds: the year of one pickup is 2008; both read it.
    ours = ["--time", time, "--every", every, "-q"] + [a for _, a in aggregates]
    theirs = ["--time", time, "--every", every] + [a for a, _ in aggregates]
    for column, path, expr in keys:
        ours += ["--by", expr]
        theirs += ["--by", f"{column}={path}"]
    return data(*globs), lateness, ours, theirs


def real(name, every):
    def law(tmp, rng):
        files, lateness, ours, theirs = arguments(name, every)
        want = oracle(*theirs, *files)
        inputs = [x for f in files for x in ("-i", f)]
        same(tool("evwindow", *ours, *inputs), want)
        (tmp / "all.ndjson").write_bytes(tool("evcat", *files))
        # Shuffled within the lateness, and dealt over several files: nothing is late, nothing changes.
        shuffled = disorder("shuffle", "--time", SETS[name][1], "--within", lateness, "--seed", rng.randrange(10**6), tmp / "all.ndjson")
        bound = ["--lateness", lateness]
        got, b = books("evwindow", *ours, *bound, stdin=shuffled)
        assert b["late"] == 0, b
        same(got, want)
        (tmp / "shuffled.ndjson").write_bytes(shuffled)
        disorder("deal", "--into", 5, "--seed", rng.randrange(10**6), "--prefix", tmp / "d", tmp / "shuffled.ndjson")
        dealt = [x for f in sorted(tmp.glob("d[0-9].ndjson")) for x in ("-i", f)]
        got, b = books("evwindow", *ours, *bound, *dealt)
        assert b["late"] == 0, b
        same(got, want)

    law.__name__ = f"real_{name}_{every}"
    return law


def late_on_real_data(tmp, rng):
    """Unsorted files with a small lateness: the same events are late, the same rows come out."""
    for name, lateness, allowed in [("taxi", "6h", None), ("taxi", "1d", "2d"), ("logs", "1d", None), ("orders", "3h", "3h")]:
        files, _, ours, theirs = arguments(name, "1h")
        bound = ["--lateness", lateness] + (["--allowed-lateness", allowed] if allowed else [])
        late, theirs_late = tmp / "late", tmp / "theirs"
        got, b = books("evwindow", *ours, *bound, "--late", late, *[x for f in files for x in ("-i", f)])
        want = oracle(*theirs, *bound, "--late", theirs_late, *files)
        assert b["late"] > 0
        same(got, want, ordered=allowed is None)
        same(tool("evcat", "--unwrap", late), theirs_late.read_bytes(), ordered=False)


def retail_streams_in_bounded_memory(tmp, rng):
    """150 days with a lateness of an hour need the memory of their open windows."""
    files, _, ours, _ = arguments("retail", "15m")
    inputs = [x for f in files for x in ("-i", f)]

    def peak(*args):
        script = "import resource,subprocess,sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);" \
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        return int(tool(sys.executable, "-c", script, "evwindow", *ours, *inputs, *args))

    stream = peak("--lateness", "1h")
    assert stream < 24 * 1024, f"{stream} KiB"


# ---- random events ----


def random_windows_are_the_oracles(tmp, rng, rounds=40):
    for i in range(rounds):
        text = random_events(rng, rng.choice([3, 30, 300]))
        (tmp / "r.ndjson").write_bytes(text)
        options, by, aggs, allowed = random_query(rng)
        want = oracle(*options, *by, *[a for a, _ in aggs], "--late", tmp / "theirs", tmp / "r.ndjson")
        late = ["--late", tmp / "late"] if "--lateness" in options else []
        got, b = books("evwindow", "-q", *options, *by, *[a for _, a in aggs], *late, stdin=text)
        try:
            same(got, want, ordered=allowed is None)
            if late:
                same(tool("evcat", "--unwrap", tmp / "late"), (tmp / "theirs").read_bytes())
        except AssertionError as e:
            raise AssertionError(f"round {i}: {' '.join(options + by)}: {e}") from None


def rejected_events_move_nothing(tmp, rng):
    """With bad events of any time anywhere in its files, the rest gives what it gives alone."""
    bad = ['"q":1,"p":"x"', '"q":1,"k":[1]', '"q":1,"p":1e40', '"q":1e40', '"q":"\\ud800"']
    args = ["-q", "--time", "ts", "--lateness", "1m", "--where", "q < 5", "--every", "15m", "--by", "k", "s=sum(p)", "c=sum_if(p, q > 0)"]

    def run(folder):
        out, b = books("evwindow", *args, "--late", tmp / "late", "--reject", tmp / "rejected", *[x for f in sorted(folder.iterdir()) for x in ("-i", f)])
        return out, tool("evcat", "--unwrap", tmp / "late"), {k: v for k, v in b.items() if k not in ("in", "rejected", "type_mismatches")}

    for _ in range(10):
        for name in "alone", "mixed":
            (tmp / name).mkdir(exist_ok=True)
        for n in range(rng.randrange(1, 4)):
            lines = random_events(rng, 100).splitlines()
            (tmp / "alone" / f"{n}.ndjson").write_bytes(b"".join(l + b"\n" for l in lines))
            for _ in range(20):
                line = f'{{"ts":"{stamp(rng.randrange(10**13))}",{rng.choice(bad)}}}'
                lines.insert(rng.choice([0, rng.randrange(len(lines))]), line.encode())
            (tmp / "mixed" / f"{n}.ndjson").write_bytes(b"".join(l + b"\n" for l in lines))
        assert run(tmp / "mixed") == run(tmp / "alone")


def portable_and_avx2_agree(tmp, rng):
    text = random_events(rng, 2000)
    args = ["--time", "ts", "--every", "1h", "--by", "k", *[a for _, a in AGGS]]
    want = tool("evwindow", *args, stdin=text)
    ENV["EV_CPU"] = "portable"
    try:
        same(tool("evwindow", *args, stdin=text), want)
    finally:
        del ENV["EV_CPU"]


def shuffling_within_the_lateness_changes_nothing(tmp, rng):
    for _ in range(8):
        text = random_events(rng, 300)
        (tmp / "s.ndjson").write_bytes(text)
        args = ["-q", "--time", "ts", "--every", "15m", "--by", "k", *[a for _, a in AGGS]]
        want = tool("evwindow", *args, stdin=text)
        shuffled = disorder("shuffle", "--time", "ts", "--within", "2h", "--seed", rng.randrange(10**6), tmp / "s.ndjson")
        got, b = books("evwindow", *args, "--lateness", "2h", stdin=shuffled)
        assert b["late"] == 0
        same(got, want)


def feed(args, text, sizes):
    """Writes text to the tool's standard input in pieces, one write each."""
    p = subprocess.Popen([str(a) for a in args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENV)
    if os.fork() == 0:
        at = 0
        for n in sizes:
            os.write(p.stdin.fileno(), text[at : at + n])
            at += n
        os._exit(0)
    p.stdin.close()
    out = p.stdout.read()
    assert p.wait() == 0
    os.wait()
    return out


def cutting_the_input_anywhere_changes_nothing(tmp, rng):
    text = random_events(rng, 60)
    args = ["evwindow", "-q", "--time", "ts", "--every", "15m", "--lateness", "1m", "--by", "k", "n=count", "s=sum(p)"]
    want = tool(*args, stdin=text)
    for cut in rng.sample(range(1, len(text)), 60):
        same(feed(args, text, [cut, len(text) - cut]), want)
    sizes = []
    while sum(sizes) < len(text):
        sizes.append(rng.randrange(1, 50))
    same(feed(args, text, sizes), want)
    same(feed(["evcat"], text, sizes), text)


def what_passes_keeps_its_bytes(tmp, rng):
    text = random_events(rng, 500)
    same(tool("evcat", stdin=text), text)
    kept = b"".join(l + b"\n" for l in text.splitlines() if json.loads(l).get("q", 0) > 0)
    same(tool("evcat", "--where", "q > 0", stdin=text), kept)
    (tmp / "x.ndjson.gz").write_bytes(gzip.compress(text[:1000]) + gzip.compress(text[1000:]))
    same(tool("evcat", tmp / "x.ndjson.gz"), text)
    tool("evsink", tmp / "y.ndjson.gz", stdin=text)
    same(gzip.decompress((tmp / "y.ndjson.gz").read_bytes()), text)


# ---- encodings ----


def frames_are_what_the_page_says(tmp, rng):
    """A reader made from evframe(5) finds the events, their times and the watermark before each."""
    text = random_events(rng, 300)
    stream = tool("evcat", "--time", "ts", "--lateness", "1m", "--wire", "frames", stdin=text)
    records = list(read.read(io.BytesIO(stream)))
    assert records[0]["@ev"] == "open" and records[-1] == {"@ev": "end", "final": True}
    newest = watermark = None
    lines = iter(text.splitlines())
    for record in records[1:-1]:
        if isinstance(record, dict):  # told between events, to whom waits
            assert record["@ev"] == "watermark" and micros(record["time"]) == watermark, (record, watermark)
            continue
        time, mark, event = record
        line = next(lines)
        assert event == line and mark == watermark, (event, mark, watermark)
        assert time == micros(json.loads(line)["ts"])
        newest = time if newest is None else max(newest, time)
        watermark = newest - 60 * 10**6
    assert not list(lines)


def encodings_agree(tmp, rng):
    """The same rows, and the same late events, whatever travels between the tools."""
    for i in range(20):
        (tmp / "in.ndjson").write_bytes(random_events(rng, rng.choice([3, 300])))
        options, by, aggs, _ = random_query(rng)
        at = lambda name: options[options.index(name) : options.index(name) + 2] if name in options else []
        reads = at("--time") + at("--lateness") + at("--tz")
        windows = [o for k, o in enumerate(options) if o not in ("--time", "--lateness") and (not k or options[k - 1] not in ("--time", "--lateness"))]
        args = ["-q", "--allow-missing", *by, *[a for _, a in aggs]]
        late = ["--late", tmp / "late"] if at("--lateness") else []
        want = tool("evwindow", *options, *args, *late, "-i", tmp / "in.ndjson")
        want_late = tool("evcat", "--unwrap", tmp / "late") if late else b""
        for wire in "control", "frames":
            stream = tool("evcat", *reads, "--wire", wire, tmp / "in.ndjson")
            for middle in stream, tool("evcat", stdin=stream) if wire == "frames" else stream:
                rows = tool("evwindow", *windows, *args, *late, stdin=middle)
                try:
                    same(tool("evsink", "-", stdin=rows), want)
                    same(tool("evcat", "--unwrap", tmp / "late") if late else b"", want_late)
                except AssertionError as e:
                    raise AssertionError(f"round {i}, {wire}: {' '.join(options + by)}: {e}") from None


def a_stream_that_is_cut_or_changed_publishes_nothing(tmp, rng):
    text = random_events(rng, 100)
    out = tmp / "out.ndjson"
    whole = tmp / "whole"
    for wire in "control", "frames":
        with open(whole, "wb") as f:  # a file: its payloads have checksums
            subprocess.run(["evcat", "--time", "ts", "--lateness", "1m", "--wire", wire], input=text, stdout=f, env=ENV, check=True)
        stream = whole.read_bytes()
        # A text of control lines is told by its first line.
        for cut in rng.sample(range(1 if wire == "frames" else stream.index(b"\n") + 1, len(stream)), 100):
            p = subprocess.run(["evsink", out], input=stream[:cut], capture_output=True, env=ENV)
            assert p.returncode in (74, 65) and not out.exists() or cut == len(stream) - 1 and wire == "control", (wire, cut, p)
        if wire == "control":
            continue
        for _ in range(200):
            at, bit = rng.randrange(len(stream)), 1 << rng.randrange(8)
            p = subprocess.run(["evsink", out], input=stream[:at] + bytes([stream[at] ^ bit]) + stream[at + 1 :], capture_output=True, env=ENV)
            assert p.returncode in (65, 74) and not out.exists(), (at, bit, p)


# ---- duplicates ----


def dedupe(lines, key, within, allowed, lateness):
    """What passes, what is a duplicate, what is late: lists of lines."""
    passed, dups, late, firsts, newest = [], [], [], {}, None
    for line in lines:
        e = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        k = e.get(key)
        k = (type(k).__name__, k)  # 1 and "1" and true are three, 1 and 1.0 are one
        t = micros(e["ts"])
        mark = None if newest is None or lateness is None else newest - lateness
        newest = t if newest is None else max(newest, t)
        seen = firsts.setdefault(k, [])
        if within is not None and mark is not None and t + allowed < mark:
            late.append(line)
        elif any((within is None or abs(t - f) < within) and (within is None or mark is None or mark < f + within + allowed) for f in seen):
            dups.append(line)
        else:
            seen.append(t)
            passed.append(line)
    return passed, dups, late


def duplicates_are_what_the_page_says(tmp, rng):
    spans = {"1s": 10**6, "20m": 20 * 60 * 10**6, "0s": 0, "1m": 60 * 10**6, "2h": 7200 * 10**6, None: None}
    for i in range(60):
        lines = random_events(rng, rng.choice([3, 100, 600])).splitlines()
        within = rng.choice([None, "1s", "20m", "2h"])
        lateness = rng.choice([None, "0s", "1m", "2h"])
        allowed = rng.choice([None, "0s", "1m", "2h"]) if within else None
        key = rng.choice(["k", "q", "p"])
        args = ["evdedupe", "-q", "--key", key, "--dups", tmp / "dups", "--stats"]
        args += ["--within", within] if within else []
        args += ["--time", "ts"] if within or lateness else []
        args += ["--lateness", lateness] if lateness else []
        args += ["--allowed-lateness", allowed] if allowed else []
        args += ["--late", tmp / "late"] if within and lateness else []
        want = dedupe(lines, key, spans[within], spans[allowed or within], spans[lateness])
        p = subprocess.run([str(a) for a in args], input=b"\n".join(lines), capture_output=True, env=ENV)
        assert p.returncode == 0, p.stderr
        b = json.loads(p.stderr.splitlines()[-1])
        try:
            assert [b["in"], b["passed"], b["duplicates"], b["late"]] == [len(lines), *map(len, want)], (b, [*map(len, want)])
            same(p.stdout, b"\n".join(want[0]))
            same(tool("evcat", "--unwrap", tmp / "dups"), b"\n".join(want[1]))
            if within and lateness:
                same(tool("evcat", "--unwrap", tmp / "late"), b"\n".join(want[2]))
        except AssertionError as e:
            raise AssertionError(f"round {i}: {args}: {e}") from None


def rank(v):
    """Of a value in the total order of evexpr(7)."""
    if v is None or isinstance(v, bool):
        return (0 if v is None else 1 + v,)
    return (3, v) if isinstance(v, Decimal) else (4, v.encode())


def newest(lines, key, version, within, allowed, lateness):
    """As dedupe(), for --keep last; what passes is in its order."""
    spans, passed, dups, late, top = [], [], [], [], None
    for n, line in enumerate(lines):
        e = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        t = micros(e["ts"])
        mark = None if top is None or lateness is None else top - lateness
        top = t if top is None else max(top, t)
        if within is not None and mark is not None:
            due = [s for s in spans if s["first"] + within + allowed <= mark]
            spans = [s for s in spans if s["first"] + within + allowed > mark]
            passed += sorted(due, key=lambda s: (s["first"], s["key"]))
            if t + allowed < mark:
                late.append(line)
                continue
        row = (rank(e.get(version)) if version else (), t, line)
        mine = [s for s in spans if s["key"] == rank(e.get(key)) and (within is None or abs(t - s["first"]) < within)]
        if not mine:
            spans.append({"first": n if within is None else t, "key": rank(e.get(key)), "row": row})
            continue
        span = min(mine, key=lambda s: s["first"])
        dups.append(min(row, span["row"])[2])
        span["row"] = max(row, span["row"])
    passed += sorted(spans, key=lambda s: (s["first"], s["key"]))
    return [s["row"][2] for s in passed], dups, late


def random_newest(rng):
    """Options of evdedupe --keep last, and what newest() wants to know of them."""
    spans = {"1s": 10**6, "20m": 20 * 60 * 10**6, "0s": 0, "1m": 60 * 10**6, "2h": 7200 * 10**6, None: None}
    within = rng.choice([None, "1s", "20m", "2h"])
    lateness = rng.choice([None, "0s", "1m", "2h"])
    allowed = rng.choice([None, "0s", "1m", "2h"]) if within else None
    key, version = rng.choice(["k", "q", "p"]), rng.choice([None, "k", "q", "p"])
    args = ["--time", "ts", "--key", key, "--keep", "last", "--allow-missing"]
    for name, value in ("--version-field", version), ("--within", within), ("--lateness", lateness), ("--allowed-lateness", allowed):
        args += [name, value] if value else []
    return args, (key, version, spans[within], spans[allowed or within], spans[lateness])


def the_last_of_each_key_is_what_the_page_says(tmp, rng):
    for i in range(80):
        lines = random_events(rng, rng.choice([3, 100, 600])).splitlines()
        args, query = random_newest(rng)
        want = newest(lines, *query)
        sides = ["--dups", tmp / "dups"] + (["--late", tmp / "late"] if "--within" in args and "--lateness" in args else [])
        command = [str(a) for a in ["evdedupe", "-q", *args, *sides, "--stats"]]
        p = subprocess.run(command, input=b"\n".join(lines), capture_output=True, env=ENV)
        assert p.returncode == 0, p.stderr
        b = json.loads(p.stderr.splitlines()[-1])
        try:
            assert [b["in"], b["passed"], b["duplicates"], b["late"], b["open"]] == [len(lines), *map(len, want), 0], (b, [*map(len, want)])
            same(p.stdout, b"\n".join(want[0]))
            same(tool("evcat", "--unwrap", tmp / "dups"), b"\n".join(want[1]))
            if "--late" in command:
                same(tool("evcat", "--unwrap", tmp / "late"), b"\n".join(want[2]))
            # In frames each row has its time, and comes before the watermark has passed it.
            rows = [r for r in read.read(io.BytesIO(tool("evdedupe", "-q", *args, "--wire", "frames", stdin=b"\n".join(lines)))) if isinstance(r, tuple)]
            assert [r[2] for r in rows] == want[0]
            marks = [-(10**30) if mark is None else mark for _, mark, _ in rows]
            assert marks == sorted(marks) and all(time >= mark for (time, _, _), mark in zip(rows, marks)), marks
        except AssertionError as e:
            raise AssertionError(f"round {i}: {command}: {e}") from None


def the_last_of_each_key_goes_on_from_run_to_run(tmp, rng):
    """A file that grows, read in several runs and epochs, gives what it gives at once."""
    for i in range(8):
        folder = tmp / str(i)
        folder.mkdir()
        lines = random_events(rng, 300).splitlines()
        args, query = random_newest(rng)
        cuts = sorted(rng.sample(range(1, 300), 3)) + [300]
        for cut in cuts:
            (folder / "in.ndjson").write_bytes(b"".join(l + b"\n" for l in lines[:cut]))
            final = "--final" if cut == 300 else ""
            pipe(f"cd {folder} && export EV_CHECKPOINT=ck && evdedupe -q {' '.join(args)} --dups dups.ndjson -i in.ndjson "
                 f"--max-per-trigger {rng.randrange(20, 200)} {final} | evsink out.ndjson", b"")
        want = newest(lines, *query)
        try:
            same((folder / "out.ndjson").read_bytes(), b"\n".join(want[0]))
            same(tool("evcat", "--unwrap", folder / "dups.ndjson"), b"\n".join(want[1]))
        except AssertionError as e:
            raise AssertionError(f"round {i}: {args}, cut at {cuts}: {e}") from None


# ---- two windows in a row, and the repair of late events ----


def pipe(line, stdin):
    p = subprocess.run(["bash", "-o", "pipefail", "-c", line], input=stdin, capture_output=True, env=ENV)
    assert p.returncode == 0, p.stderr.decode()
    return p.stdout


def windows_over_windows_lose_nothing(tmp, rng):
    for _ in range(5):
        # A sum may pass 10^38, but is then no number to the next stage.
        text = random_events(rng, 400).replace(b"3e37", b"3e30")
        direct = tool("evwindow", "-q", "--time", "ts", "--every", "1h", "--by", "k", "n=count", "s=sum(p)", stdin=text)
        two = pipe("evwindow -q --time ts --every 15m --by k n=count 's=sum(p)' | evwindow --every 1h --by k 'n=sum(n)' 's=sum(s)'", text)
        same(two, direct)
        streamed = pipe(
            "evwindow -q --time ts --lateness 2h --every 15m --by k n=count 's=sum(p)' | "
            "evwindow --lateness 0s --every 1h --by k 'n=sum(n)' 's=sum(s)'", text)
        same(streamed, direct)
        # With corrections: the final rows carry everything, none is late for the second stage.
        corrected = pipe(
            "evwindow -q --time ts --lateness 1m --allowed-lateness 2h --every 15m --by k n=count 's=sum(p)' | "
            "evwindow --lateness 3h --where 'final = true' --every 1h --by k 'n=sum(n)' 's=sum(s)'", text)
        same(corrected, direct)
        # Streams that carry the watermark need none of this: the first stage holds it back.
        for lateness in "", "--allowed-lateness 2h":
            held = pipe(
                f"evcat --time ts --lateness {'1m' if lateness else '2h'} --wire frames | evwindow -q {lateness} --every 15m --by k n=count 's=sum(p)' | "
                f"evwindow {lateness and '--where final=true'} --every 1h --by k 'n=sum(n)' 's=sum(s)' | evsink -", text)
            same(held, direct)


def late_events_are_corrected_in(tmp, rng):
    """Rerun from a source that holds the late events; or from one that lacks them plus --unwrap."""
    for _ in range(5):
        text = random_events(rng, 300)
        args = ["-q", "--time", "ts", "--every", "15m", "--by", "k", "n=count", "s=sum(p)", "l=last(id)"]
        want = tool("evwindow", *args, stdin=text)
        got, b = books("evwindow", *args, "--lateness", "1m", "--late", tmp / "late", stdin=text)
        envelopes = [json.loads(l) for l in (tmp / "late").read_bytes().splitlines()]
        assert len(envelopes) == b["late"] and all(e["watermark"] and e["window_start"] for e in envelopes)
        same(tool("evwindow", *args, stdin=text), want)
        late = {e["event"]["id"] for e in envelopes}
        lost = b"".join(l + b"\n" for l in text.splitlines() if json.loads(l)["id"] not in late)
        (tmp / "kept.ndjson").write_bytes(lost)
        late_events = tool("evcat", "--unwrap", tmp / "late")
        same(tool("evwindow", *args, stdin=lost + late_events), want)


# ---- folders ----


def commits_are_whole_to_every_reader(tmp, rng):
    """LAWS_COMMITS=N: so many runs in all; a thousand and more go through a summary of the log."""
    said = commits.check(tmp / "lake", ENV, rng, int(os.environ.get("LAWS_COMMITS", 200)) // 2)
    if os.environ.get("LAWS_COMMITS"):
        print(said)


# ---- exactness ----


def sums_are_exact_in_any_order(tmp, rng):
    wide = [f"{rng.choice(['', '-'])}{rng.randrange(10**37)}.{rng.randrange(10**6):06}" for _ in range(1000)]
    short = [f"{rng.randrange(-10**7, 10**7) / 100:.2f}" for _ in range(99000)]
    exact = sum(map(Decimal, wide + short))
    outs = set()
    for _ in range(3):
        values = wide + short
        rng.shuffle(values)
        text = "".join(f'{{"ts":"2025-01-01T00:00:00Z","v":{v}}}\n' for v in values).encode()
        outs.add(tool("evwindow", "--time", "ts", "--every", "1h", "s=sum(v)", "a=avg(v)", stdin=text))
    assert len(outs) == 1
    row = json.loads(outs.pop(), parse_float=Decimal)
    assert row["s"] == exact, (row["s"], exact)


LAWS = [real(name, every) for name in SETS for every in ("15m", "1h")]
LONG = {"real_retail_15m", "real_taxi_15m"}  # half a minute each: with LAWS_ALL=1, or by name
LAWS += [late_on_real_data, retail_streams_in_bounded_memory, random_windows_are_the_oracles, rejected_events_move_nothing, portable_and_avx2_agree,
         shuffling_within_the_lateness_changes_nothing, cutting_the_input_anywhere_changes_nothing, what_passes_keeps_its_bytes,
         frames_are_what_the_page_says, encodings_agree, a_stream_that_is_cut_or_changed_publishes_nothing,
         duplicates_are_what_the_page_says, the_last_of_each_key_is_what_the_page_says,
         the_last_of_each_key_goes_on_from_run_to_run, windows_over_windows_lose_nothing, late_events_are_corrected_in, commits_are_whole_to_every_reader, sums_are_exact_in_any_order]
LAWS += epochs.LAWS


def main(names):
    names = [n for n in names if n != "-v"]
    passed, failed, skipped = 0, 0, 0
    print(f"laws: LAWS_SEED={SEED}")
    for n, law in enumerate(LAWS):
        if names and not any(name in law.__name__ for name in names):
            continue
        if law.__name__ in LONG and not names and not os.environ.get("LAWS_ALL"):
            continue
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as tmp:
                law(Path(tmp), random.Random(SEED + n))
            passed += 1
            if names or "-v" in sys.argv:
                print(f"ok {law.__name__} {time.monotonic() - began:.1f} s")
        except Missing as missing:
            print(f"skipped {law.__name__}: no {missing}")
            skipped += 1
        except AssertionError as error:
            print(f"FAILED {law.__name__}: {error}")
            failed += 1
    print(f"laws: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
