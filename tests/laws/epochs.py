"""The laws of pipelines under a checkpoint: where epochs are cut, and who dies between, never shows.

A line is a list of stages; it runs in a folder of its own, with relative names, so that a copy of the folder may go on
elsewhere. Its files: `in*` are read, everything else is written."""

import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time

from common import AGGS, ENV, ROOT, random_events, stamp

LONG = bool(os.environ.get("LAWS_ALL"))
LIMIT_S = 120


def rounds(short, long):
    return int(os.environ.get("LAWS_ROUNDS", long if LONG else short))


# ---- events ----


def random_file(rng, n):
    """Events with duplicates, bad lines, blank lines, disorder of seconds to an hour."""
    lines = random_events(rng, n).splitlines()
    for _ in range(n // 10):
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    for _ in range(rng.choice([0, n // 20])):
        bad = [b"", b"no event", b'{"k":1}', b'{"ts":"yesterday"}', b'{"ts":"%s","k":[1],"id":{}}' % stamp(0).encode(),
               b'{"ts":"%s","p":"x"}' % stamp(rng.randrange(10**12)).encode()]
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(bad))
    return b"".join(line + b"\n" for line in lines)


def as_csv(text):
    """The events among the lines, as CSV with all columns."""
    rows = [b"id,k,p,q,ts"]
    for line in text.splitlines():
        try:
            e = json.loads(line, parse_float=str, parse_int=str)
        except ValueError:
            continue
        values = [json.dumps(v) if isinstance(v, (list, dict)) else "" if v is None else str(v) for v in (e.get(c) for c in ("id", "k", "p", "q", "ts"))]
        rows.append(",".join('"' + v.replace('"', '""') + '"' for v in values).encode())
    return b"".join(row + b"\r\n" for row in rows)


def write_inputs(folder, rng, n, plain=False):
    """One file to three, some packed, some CSV; their names."""
    names = []
    for i in range(1 if plain else rng.choice([1, 1, 2, 3])):
        text = random_file(rng, n)
        kind = "ndjson" if plain else rng.choice(["ndjson", "ndjson", "ndjson.gz", "csv", "csv.gz"])
        text = as_csv(text) if "csv" in kind else text
        cut = rng.randrange(len(text) + 1)
        text = gzip.compress(text[:cut]) + gzip.compress(text[cut:]) if kind.endswith("gz") else text
        names.append(f"in{i}.{kind}")
        (folder / names[-1]).write_bytes(text)
    return names


# ---- lines ----

LENIENT = ["--max-reject", "100%", "--allow-missing"]


def window_options(rng, corrections):
    every, slide = rng.choice([("15m", None), ("1h", None), ("1h", "1m"), ("1h", "15m"), ("1d", None), ("24h", "1h")])
    options = ["--every", every] + (["--slide", slide] if slide else [])
    options += rng.choice([[], [], ["--tz", "Asia/Kolkata"], ["--offset=5m"]])
    if corrections:
        options += ["--allowed-lateness", corrections]
    for key in rng.choice([[], ["k"], ["k", "q"]]):
        options += ["--by", key]
    extra = [("hi", "hk=max(k)"), ("lo", "lk=min(k)"), ("f", "fk=first(k)"), ("l", "lk2=last(k)")]
    return options + [a for _, a in rng.sample(AGGS + extra, rng.randrange(1, 6))]


class Line:
    def __init__(self, rng, inputs, lateness=None, corrections=None, dedupe=None, window=None):
        """Everything that is not given is chosen."""
        self.wire = None
        lateness = lateness or rng.choice(["0s", "1m", "2m", "1h", "3h"])
        if corrections is None:
            corrections = rng.choice(["", "", "0s", "5m", "1h"])
        dedupe = rng.random() < 0.5 if dedupe is None else dedupe
        window = rng.random() < 0.8 if window is None else window
        reads = ["--time", "ts", "--lateness", lateness, *LENIENT]
        self.source = ["evcat", *reads, "--reject", "rejected"]
        self.inputs = inputs
        self.stages = []
        if dedupe:
            stage = ["evdedupe", "--key", rng.choice(["k", "id", "p,q"]), "--dups", "dups", "--reject", "dedupe-rejected", *LENIENT]
            if rng.random() < 0.7:
                stage += ["--within", rng.choice(["1s", "20m", "2h"]), "--late", "dedupe-late"]
                stage += rng.choice([[], ["--allowed-lateness", rng.choice(["0s", "1m", "2h"])]])
            self.stages.append(stage)
        if window:
            stage = ["evwindow", *window_options(rng, corrections), "--late", "late", "--reject", "window-rejected", *LENIENT]
            if rng.random() < 0.3:
                stage += ["--versioned", "--generation", str(rng.randrange(5))]
            self.stages.append(stage)
        self.sink = ["evsink", rng.choice(["out.ndjson", "out.ndjson", "out.ndjson.gz"])]

    def __str__(self):
        return " | ".join(map(shlex.join, [self.source + self.inputs, *self.stages, self.sink]))

    def commands(self, source=()):
        return [self.source + list(source) + self.inputs, *self.stages, self.sink]


class Run:
    """One start of a line in a folder."""

    def __init__(self, line, folder, *source, checkpoint=True, wire=None, between=None):
        commands = [[*c, "-q", "--stats"] for c in line.commands(source)]
        parts = [f"{shlex.join(c)} 2>{i}.err" for i, c in enumerate(commands)]
        if between:
            parts.insert(1, between)
        env = ENV | ({"EV_CHECKPOINT": "ck"} if checkpoint else {}) | {"EV_WIRE": wire or line.wire or "frames"}
        self.folder, self.n = folder, len(commands)
        self.process = subprocess.Popen(["bash", "-o", "pipefail", "-c", " | ".join(parts)], cwd=folder, env=env, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self):
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {LIMIT_S} s") from None

    def kill(self):
        """Everything that this start has begun, in one moment."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def said(self):
        return "\n".join(f"{i}: {row}" for i in range(self.n) for row in (self.folder / f"{i}.err").read_text(errors="replace").splitlines()
                         if not row.startswith('{"tool":'))

    def must(self):
        status = self.wait()
        assert status == 0, f"status {status}:\n{self.said()}"
        return self

    def books(self):
        """The last of each stage."""
        found = []
        for i in range(self.n):
            rows = [r for r in (self.folder / f"{i}.err").read_text().splitlines() if r.startswith('{"tool":')]
            found.append({k: v for k, v in json.loads(rows[-1]).items() if k not in VARY} if rows else None)
        return found


# What depends on how long it took, or on the encoding.
VARY = {"bytes", "seconds", "bytes_in", "bytes_out", "state_bytes"}


def outputs(folder):
    """Name and bytes of all that was published, unpacked."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.name.startswith(("in", ".")) or path.suffix == ".err":
            continue
        data = path.read_bytes()
        found[path.name] = gzip.decompress(data) if path.suffix == ".gz" else data
    return found


def check_same(got, want):
    assert list(got) == list(want), f"files {list(got)}, not {list(want)}"
    for name in want:
        g, w = got[name].splitlines(), want[name].splitlines()
        for i, (a, b) in enumerate(zip(g + [b"(none)"], w + [b"(none)"])):
            assert a == b, f"{name}, row {i} of {len(g)}, {len(w)} wanted\n   got  {a.decode()}\n   want {b.decode()}"
        assert got[name] == want[name], f"{name}: {len(g)} rows, {len(w)} wanted"


def check_books(got, want):
    for g, w in zip(got, want):
        different = {k: (g.get(k), w.get(k)) for k in {*g, *w} if g.get(k) != w.get(k)}
        assert not different, f"books of {w['tool']}, got and want: {different}"


def room(tmp, name, inputs):
    folder = tmp / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in tmp.glob("in*"):
        if path.name in inputs:
            os.link(path, folder / path.name)
    return folder


class Round:
    """Says what it was when a law does not hold."""

    def __init__(self, i, line, more=""):
        self.text = f"round {i}: {line}{more and ': ' + more}"

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is AssertionError:
            raise AssertionError(f"{self.text}: {error}") from None


def undisturbed(tmp, line):
    """Without a checkpoint, in one go."""
    folder = room(tmp, "want", line.inputs)
    run = Run(line, folder, checkpoint=False).must()
    return outputs(folder), run.books()


# ---- the laws ----


def some_most(rng):
    return rng.choice([1, 7, 100, 10000])


def some_events(rng, most):
    """Epochs cost some ms each."""
    return rng.choice([3, 30]) if most == 1 else rng.choice([3, 60, 400])


def forget_inputs(tmp):
    for path in tmp.glob("in*"):
        path.unlink()


def epochs_do_not_show(tmp, rng):
    for i in range(rounds(10, 40)):
        most = some_most(rng)
        line = Line(rng, write_inputs(tmp, rng, some_events(rng, most)))
        with Round(i, line, f"--max-per-trigger {most}"):
            want, want_books = undisturbed(tmp, line)
            folder = room(tmp, "got", line.inputs)
            # The second time all is at its end: nothing is published again.
            for _ in range(2):
                run = Run(line, folder, "--final", "--max-per-trigger", str(most)).must()
                check_same(outputs(folder), want)
                check_books(run.books(), want_books)
        forget_inputs(tmp)


def check_begins(folder, want):
    """What a killed run has published is the beginning of what is to come."""
    for name, whole in want.items():
        path = folder / name
        if path.suffix != ".gz" and path.exists():
            there = path.read_bytes()
            # Half of an epoch may be there, of an append that was under way.
            assert whole.startswith(there), f"{name} holds {len(there)} bytes that are no beginning"


def kills_do_not_show(tmp, rng):
    hits = 0
    for i in range(rounds(6, 30)):
        most = some_most(rng)
        line = Line(rng, write_inputs(tmp, rng, some_events(rng, most)))
        source = ["--final", "--max-per-trigger", str(most)]
        with Round(i, line, shlex.join(source)):
            want, want_books = undisturbed(tmp, line)
            began = time.monotonic()
            Run(line, room(tmp, "time", line.inputs), *source).must()
            lasts = time.monotonic() - began
            folder = room(tmp, "got", line.inputs)
            for _ in range(rng.randrange(1, 6)):
                run = Run(line, folder, *source)
                time.sleep(rng.random() * lasts)
                hits += run.process.poll() is None
                run.kill()
                check_begins(folder, want)
            run = Run(line, folder, *source).must()
            check_same(outputs(folder), want)
            check_books(run.books(), want_books)
        forget_inputs(tmp)
    assert hits, "no run was killed before its end"


# ---- inputs that grow ----


def steps_of(rng, text):
    """The text in pieces, of whole lines or not; some are empty."""
    cuts = sorted(rng.randrange(len(text) + 1) for _ in range(rng.randrange(1, 6)))
    for i, cut in enumerate(cuts):
        if rng.random() < 0.5:
            cuts[i] = text.rfind(b"\n", 0, cut) + 1
    cuts = [0, *sorted(cuts), len(text)]
    return [text[a:b] for a, b in zip(cuts, cuts[1:])]


def grow(line, folder, steps, rng=None, most=100, given=None):
    """Bounded runs over what is there so far, the last one final; with rng some are killed. given: the inputs of each
    run, where it is not all. The last run."""
    source = ["--max-per-trigger", str(most)]
    everything = line.inputs
    for n, step in enumerate(steps):
        line.inputs = given[n] if given and n + 1 < len(steps) else everything
        for name, piece in step.items():
            with open(folder / name, "ab") as f:
                f.write(piece)
        last = source + (["--final"] if n + 1 == len(steps) else [])
        for _ in range(rng.choice([0, 0, 1, 2]) if rng else 0):
            run = Run(line, folder, *last)
            time.sleep(rng.random() * 0.1)
            run.kill()
        run = Run(line, folder, *last).must()
    return run


def empty_room(tmp, name, inputs):
    folder = room(tmp, name, [])
    for i in inputs:
        (folder / i).touch()
    return folder


def an_input_that_grows_is_one(tmp, rng):
    for i in range(rounds(8, 30)):
        most = some_most(rng)
        text = random_file(rng, some_events(rng, most))
        if rng.random() < 0.3:
            text = text.rstrip(b"\n")
        (tmp / "in0.ndjson").write_bytes(text)
        line = Line(rng, ["in0.ndjson"])
        with Round(i, line, f"--max-per-trigger {most}"):
            want, want_books = undisturbed(tmp, line)
            folder = empty_room(tmp, "got", line.inputs)
            run = grow(line, folder, [{"in0.ndjson": s} for s in steps_of(rng, text)], rng, most)
            check_same(outputs(folder), want)
            check_books(run.books(), want_books)
        forget_inputs(tmp)


def several_inputs_that_grow_give_what_was_planned(tmp, rng):
    """The order of reading is that of the plans: kills do not show; where nothing is late the order does not either. Some runs leave inputs
    out."""
    for i in range(rounds(6, 20)):
        most = some_most(rng)
        names = [f"in{n}.ndjson" for n in range(rng.choice([2, 3]))]
        texts = [random_file(rng, some_events(rng, most)) for _ in names]
        steps = [dict(zip(names, pieces)) for pieces in zip(*[(steps_of(rng, t) + [b""] * 6)[:7] for t in texts])]
        late = rng.random() < 0.5
        line = Line(rng, names) if late else Line(rng, names, lateness="60000d", dedupe=False, window=True)
        given = [names if rng.random() < 0.5 else rng.sample(names, rng.randrange(1, len(names))) for _ in steps]
        with Round(i, line, f"--max-per-trigger {most}, {given}"):
            plain, killed = empty_room(tmp, "plain", names), empty_room(tmp, "killed", names)
            want_books = grow(line, plain, steps, None, most, given).books()
            got_books = grow(line, killed, steps, rng, most, given).books()
            if late:
                # Where a run is killed decides what the next one finds: only the sums are the same.
                check_balance(got_books)
                continue
            check_same(outputs(killed), outputs(plain))
            check_books(got_books, want_books)
            for name, text in zip(names, texts):
                (tmp / name).write_bytes(text)
            want, _ = undisturbed(tmp, line)
            check_same({"out": v for k, v in outputs(killed).items() if k.startswith("out")}, {"out": v for k, v in want.items() if k.startswith("out")})
        forget_inputs(tmp)


def check_balance(books):
    """Each event goes somewhere, and what leaves a stage comes into the next."""
    for b in books:
        ways = {"evcat": ("passed", "filtered", "rejected"), "evdedupe": ("passed", "duplicates", "filtered", "late", "rejected"),
                "evwindow": ("windowed", "filtered", "late", "rejected"), "evsink": ("written", "filtered", "rejected")}[b["tool"]]
        assert b["in"] == sum(b.get(w, 0) for w in ways), b


def a_copy_goes_on_elsewhere(tmp, rng):
    for i in range(rounds(5, 20)):
        most = some_most(rng)
        text = random_file(rng, some_events(rng, most))
        (tmp / "in0.ndjson").write_bytes(text)
        line = Line(rng, ["in0.ndjson"])
        with Round(i, line, f"--max-per-trigger {most}"):
            want, want_books = undisturbed(tmp, line)
            steps = [{"in0.ndjson": s} for s in steps_of(rng, text)]
            at = rng.randrange(1, len(steps))
            folder, copy = empty_room(tmp, "got", line.inputs), tmp / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            source = ["--max-per-trigger", str(most)]
            for step in steps[:at]:
                with open(folder / "in0.ndjson", "ab") as f:
                    f.write(step["in0.ndjson"])
                run = Run(line, folder, *source)
                if rng.random() < 0.5:
                    time.sleep(rng.random() * 0.1)
                    run.kill()
                else:
                    run.must()
            copy.mkdir()
            if (folder / "ck").exists():
                shutil.copytree(folder / "ck", copy / "ck")
            for path in folder.iterdir():
                if path.name != "ck" and path.suffix != ".err":
                    shutil.copy(path, copy / path.name)
            for where in [copy, folder]:
                run = grow(line, where, steps[at:], rng, most)
                check_same(outputs(where), want)
                check_books(run.books(), want_books)
        forget_inputs(tmp)


VERSION_BITS = 23  # above them a version has its generation


def corrections_go_on_over_restarts(tmp, rng):
    """Hopping windows, late events within what is allowed: versions and all rows are those of one run; `now` is that of the first."""
    for i in range(rounds(6, 20)):
        most = some_most(rng)
        text = random_file(rng, some_events(rng, most))
        (tmp / "in0.ndjson").write_bytes(text)
        line = Line(rng, ["in0.ndjson"], lateness=rng.choice(["0s", "1m"]), corrections=rng.choice(["0s", "5m", "1h", "3h"]), dedupe=False, window=True)
        now = rng.random() < 0.5
        stage = line.stages[0]
        if "--slide" not in stage:
            stage += ["--slide", "5m"]
            every = stage.index("--every") + 1
            stage[every] = stage[every].replace("1d", "24h")
        if "--versioned" not in stage:
            stage += ["--versioned", "--generation", "now" if now else "3"]
        elif now:
            stage[stage.index("--generation") + 1] = "now"
        with Round(i, line, f"--max-per-trigger {most}"):
            want, want_books = undisturbed(tmp, line)
            folder = empty_room(tmp, "got", line.inputs)
            run = grow(line, folder, [{"in0.ndjson": s} for s in steps_of(rng, text)], rng, most)
            got = outputs(folder)
            if now:
                for found in got, want:
                    name = next(n for n in found if n.startswith("out"))
                    generations = {json.loads(row)["version"] >> VERSION_BITS for row in found[name].splitlines()}
                    assert len(generations) <= 1, generations
                    found[name] = re.sub(rb'"version":([0-9]+)', lambda m: b'"version":%d' % (int(m[1]) % (1 << VERSION_BITS)), found[name])
            check_same(got, want)
            check_books(run.books(), want_books)
        forget_inputs(tmp)


# ---- streams in other pieces, other encodings ----


def chunks_do_not_show(tmp, rng):
    for i in range(rounds(6, 20)):
        most = some_most(rng)
        line = Line(rng, write_inputs(tmp, rng, some_events(rng, most)))
        pieces = rng.choice([[], ["1"], ["40"]])
        between = shlex.join([str(ROOT / "tests/laws/rechunk"), str(rng.randrange(10**6)), *pieces])
        with Round(i, line, f"--max-per-trigger {most}, {between}"):
            want, want_books = undisturbed(tmp, line)
            for checkpoint in False, True:
                folder = room(tmp, "got", line.inputs)
                source = ["--final", "--max-per-trigger", str(most)] if checkpoint else []
                run = Run(line, folder, *source, checkpoint=checkpoint, between=between).must()
                check_same(outputs(folder), want)
                check_books(run.books(), want_books)
        forget_inputs(tmp)


def tame_file(rng, n):
    """Nothing in it is more than two hours behind what came before."""
    lines = random_events(rng, n).splitlines()
    for _ in range(n // 10):
        at = rng.randrange(len(lines))
        lines.insert(at + 1, lines[at])
    return b"".join(line + b"\n" for line in lines)


def encodings_agree_under_a_checkpoint(tmp, rng):
    for i in range(rounds(6, 20)):
        most = some_most(rng)
        (tmp / "in0.ndjson").write_bytes(tame_file(rng, some_events(rng, most)))
        line = Line(rng, ["in0.ndjson"], lateness="3h")
        if any("--allowed-lateness" in s and s[0] == "evdedupe" for s in line.stages):
            continue
        source = ["--final", "--max-per-trigger", str(most)]
        with Round(i, line, shlex.join(source)):
            found = []
            for wire in "frames", "control":
                folder = room(tmp, wire, line.inputs)
                Run(line, folder, *source, wire=wire).must()
                found.append(outputs(folder))
                assert not found[-1].get("late") and not found[-1].get("dedupe-late")
            check_same(found[1], found[0])
        forget_inputs(tmp)


LAWS = [epochs_do_not_show, kills_do_not_show, an_input_that_grows_is_one, several_inputs_that_grow_give_what_was_planned, a_copy_goes_on_elsewhere,
        corrections_go_on_over_restarts, chunks_do_not_show, encodings_agree_under_a_checkpoint]
