"""The pipelines that are tested, in one place; and what they read."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("B", ROOT / "build")).resolve()
SHIM = BUILD / "faults/shim.so"
TOY = BUILD / "faults/toy"
CHECKPOINT = "var/ck"  # in the folder that a pipeline runs in; not beside its outputs, which make their folder durable


SIDES = ["reject.ndjson", "dups.ndjson", "dedupe-late.ndjson", "late.ndjson"]


@dataclass
class Line:
    """Stages in their order with their arguments; the outputs they leave, in the folder they run in."""

    name: str
    stages: list  # (id, [argument, ...])
    outputs: list
    env: dict = field(default_factory=dict)
    folder: bool = False  # the last output is one, with a commit log
    points: list = field(default_factory=list)
    checkpoint: bool = True
    ordered: bool = True  # outputs are the same to the byte; else the same lines

    @property
    def ids(self):
        return [i for i, _ in self.stages]

    def plus(self, **changes):
        return Line(**{**self.__dict__, **changes})


def crash_points(*paths):
    """The names in calls of crash_point, so that a new one needs no list."""
    found = set()
    for path in paths:
        for file in [path] if path.is_file() else sorted(path.rglob("*.c")):
            found |= set(re.findall(r"""crash_point\(\s*['"]([^'"]+)['"]""", file.read_text()))
    return sorted(found)


def orders(src, trigger=("--max-per-trigger", "1000"), folder=False, final=("--final",), more=()):
    """The line of DESIGN: deduplicated orders by quarter of an hour and city, with every side output."""
    sink = ["--partition", "city={city_id}/dt=%Y-%m-%d", "out"] if folder else ["out.ndjson"]
    return Line(
        name="folder" if folder else "orders",
        stages=[
            ("evcat", ["evcat", "--time", "event_ts", "--lateness", "2m", "--reject", "reject.ndjson", "--stats",
                       *trigger, *final, *more, str(src)]),
            ("evdedupe", ["evdedupe", "--key", "event_id", "--within", "20m", "--dups", "dups.ndjson",
                          "--late", "dedupe-late.ndjson", "--stats", "-q"]),
            ("evwindow", ["evwindow", "--every", "15m", "--by", "city_id", "--late", "late.ndjson", "--stats", "-q",
                          "n=count", "value=sum(order_value)", "mean=avg(order_value)", "last(order_id)"]),
            ("evsink", ["evsink", *sink, "--stats", "-q"]),
        ],
        outputs=[*SIDES, "out" if folder else "out.ndjson"],
        folder=folder,
        points=crash_points(ROOT / "lib", ROOT / "cmd"),
    )


def many_lines(src):
    """Other lines that have to hold, each with what the tools lack for it, or None."""
    line = orders(src)
    source, dedupe, window, sink = line.stages
    several = [f"{src}.{i}.ndjson" for i in range(3)]
    rows = src.read_bytes().splitlines(keepends=True)
    frames = [f"{name}.frames" for name in several]
    for i, name in enumerate(several):
        Path(name).write_bytes(b"".join(rows[i::3]))
        with open(frames[i], "wb") as out:
            subprocess.run([BUILD / "bin/evcat", *source[1][1:5], "--reject", "/dev/null", "--wire", "frames", "-q", name],
                           check=True, stdout=out)
    read = [a for a in source[1][1:-1] if a != "--stats"]
    jq = ["jq", "-c", "--unbuffered", 'if has("@ev") then . else select(.event_type != "ORDER_PLACED") end']

    def other(name, *stages, outputs=line.outputs, **more):
        return line.plus(name=name, stages=list(stages), outputs=outputs, **more)

    def into(dest):
        return ("evsink", ["evsink", dest, "--stats", "-q"])

    newest = ["--key", "restaurant_id", "--keep", "last", "--version-field", "order_value"]
    within = ["--within", "2m", "--allowed-lateness", "0s"]
    last = ("evdedupe", ["evdedupe", *newest, *within, *dedupe[1][5:]])
    never_late = ("evwindow", [a for a in window[1] if a not in ("--late", "late.ndjson")])  # the watermark is held back
    yield other("last", source, last, never_late, sink, outputs=[*SIDES[:3], "out.ndjson"]), None
    yield other("ending", source, ("evdedupe", ["evdedupe", *newest, *dedupe[1][5:7], "--stats", "-q"]), sink,
                outputs=["reject.ndjson", "dups.ndjson", "out.ndjson"]), None
    yield other("several", ("evcat", source[1][:-1] + several), dedupe, window, sink), None
    read_frames = ("evcat", ["evcat", *source[1][5:-1], *frames])
    yield other("frames", read_frames, dedupe, window, sink, outputs=[*SIDES[1:], "out.ndjson"]), None
    yield other("mixed", ("evcat", [*source[1][:-1], several[0], *frames[1:]]), dedupe, window, sink), None
    yield other("alone", ("evwindow", ["evwindow", "-i", str(src), *read, *window[1][1:]]), sink,
                outputs=["reject.ndjson", "late.ndjson", "out.ndjson"]), lacks("evwindow", "--max-per-trigger")
    yield other("gzip", source, dedupe, window, into("out.ndjson.gz"), outputs=[*SIDES, "out.ndjson.gz"]), None
    yield other("csv", source, dedupe, window, into("out.csv"), outputs=[*SIDES, "out.csv"]), None
    yield other("control", *line.stages, env={"EV_WIRE": "control"}), None
    yield other("jq", source, ("jq", jq), dedupe, window, sink, env={"EV_WIRE": "control"}), None
    yield other("pass", source, dedupe, ("whole", ["evsink", "--id", "whole", "--pass", "whole.ndjson"]), window, sink,
                outputs=[*line.outputs, "whole.ndjson"]), lacks("evsink", "--pass")
    hours = ["evwindow", "--id", "hours", "--every", "1h", "n=sum(n)", "--stats", "-q"]
    yield other("hours", source, dedupe, window, ("hours", hours), sink), lacks("evwindow", "--id")


def lacks(tool, option):
    text = subprocess.run([BUILD / "bin" / tool, "--help"], capture_output=True, text=True).stdout
    return None if option in text else f"{tool} has no {option}"


def plain(src, folder=False):
    """The same line without a checkpoint: run again from the start it leaves the same."""
    line = orders(src, trigger=("--wire", "frames"), final=(), folder=folder)
    return line.plus(name=f"plain {line.name}", checkpoint=False)


# Feeds a pipe for a while, says when all is in it, and holds it open until it is let go.
FEED = """import os, sys, time
rows = open("feed", "rb").readlines()
for i in range(0, len(rows), 50):
    sys.stdout.buffer.write(b"".join(rows[i:i + 50]))
    sys.stdout.buffer.flush()
    time.sleep(0.002)
open("fed", "w").close()
while not os.path.exists("go"): time.sleep(0.005)
"""


def journaled():
    """What the pipe brings cannot be read again."""
    return Line(
        name="journaled",
        stages=[("feed", ["python3", "-c", FEED]), ("evcat", ["evcat", "--journal", "--max-per-trigger", "300"]),
                ("evdedupe", ["evdedupe", "--key", "v"]), ("evsink", ["evsink", "out.ndjson"])],
        outputs=["out.ndjson"],
    )


def toy(src, bug=""):
    program = [str(TOY), "--id"]
    return Line(
        name="toy",
        stages=[("source", [*program, "source", str(src), "20"]), ("count", [*program, "count", "side"]),
                ("sink", [*program, "sink", "out"])],
        outputs=["side", "out"],
        env={"EV_TOY_BUG": bug},
        points=crash_points(HERE / "toy.c"),
    )


def write_orders(path, events, seed=1):
    """Orders with duplicates, disorder, events late for evdedupe or for evwindow only, and lines that are no JSON."""
    lines = subprocess.run([BUILD / "gen", "--events", str(events), "--seed", str(seed), "--duplicates", "2%",
                            "--late", "6%:40m", "--span", "6h"], check=True, capture_output=True).stdout.splitlines()
    for i in range(500, len(lines), 997):
        lines[i] = b'{"event_id":' + lines[i][:20]
    path.write_bytes(b"\n".join(lines) + b"\n")


def write_numbers(path, lines=100):
    path.write_text("".join(f"line {i}\n" for i in range(lines)))
