"""Runs a pipeline in a folder of its own, hurts it, and compares what it left with what an undisturbed run left."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

from line import BUILD, CHECKPOINT, SHIM

LIMIT = float(os.environ.get("EV_LIMIT", 120))  # seconds that a run may take
KILLED = 128 + signal.SIGKILL


class Result:
    def __init__(self, play, timed_out=False):
        run = play.where / "run"
        self.ids, self.timed_out = play.line.ids, timed_out
        words = (run / "status").read_text().split() if (run / "status").exists() else []
        self.statuses = dict(zip(self.ids, map(int, words)))
        files = {i: run / f"{i}.err" for i in self.ids}
        self.errors = {i: f.read_text(errors="replace") for i, f in files.items() if f.exists()}

    @property
    def done(self):
        return not self.timed_out and len(self.statuses) == len(self.ids) and not any(self.statuses.values())

    def killed(self, ids):
        """Proof: exactly these ended by SIGKILL."""
        return not self.timed_out and {i for i, s in self.statuses.items() if s == KILLED} == set(ids)

    def books(self):
        """The last books of each stage."""
        found = {}
        for i, text in self.errors.items():
            for row in text.splitlines():
                if row.startswith('{"tool":'):
                    found[i] = json.loads(row)
        return found

    def __str__(self):
        said = [f"      {i}: {row}" for i, text in self.errors.items() for row in text.splitlines()
                if not row.startswith('{"tool":')][:12]
        return "\n".join([("ran too long; " if self.timed_out else "") + f"statuses {self.statuses}", *said])


class Play:
    """One folder with checkpoint and outputs (root/), and what is known of the last run (run/)."""

    def __init__(self, line, where, root=None):
        self.line, self.where = line, Path(where)
        self.root = root or self.where / "root"
        for folder in (self.where, self.root):
            folder.mkdir(parents=True, exist_ok=True)

    def script(self, shim):
        """Each stage says its process before it becomes the tool; the shim is in front of the tools only."""
        prefix = ["env", f"LD_PRELOAD={SHIM}"] if shim else []
        parts = []
        for i, argv in self.line.stages:
            run = shlex.quote(str(self.where / "run" / i))
            parts.append(f"(echo $BASHPID >{run}.pid; exec {shlex.join(prefix + argv)} 2>{run}.err)")
        status = shlex.quote(str(self.where / "run/status"))
        return f"set -o pipefail; trap : INT TERM\n{' | '.join(parts)}\necho ${{PIPESTATUS[@]}} >{status}\n"

    def start(self, **env):
        shutil.rmtree(self.where / "run", ignore_errors=True)
        (self.where / "run").mkdir()
        base = {"PATH": f"{BUILD}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "TZ": "UTC",
                "EV_FAULT_ROOT": str(self.root.resolve())}
        if self.line.checkpoint:
            base["EV_CHECKPOINT"] = CHECKPOINT
        shim = any(k.startswith("EV_FAULT") for k in env)
        null = subprocess.DEVNULL
        self.process = subprocess.Popen(["bash", "-c", self.script(shim)], cwd=self.root, start_new_session=True,
                                        env=base | self.line.env | env, stdin=null, stdout=null, stderr=null)
        return self

    def wait(self, limit=LIMIT):
        try:
            self.process.wait(limit)
            return Result(self)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return Result(self, timed_out=True)

    def run(self, **env):
        return self.start(**env).wait()

    def pid(self, stage):
        try:
            return int((self.where / "run" / f"{stage}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def is_idle(self, stage):
        """Has it nothing to do for a while? Then it has read all that there is."""
        used = []
        for _ in range(4):
            try:
                fields = Path(f"/proc/{self.pid(stage)}/stat").read_text().rsplit(")", 1)[1].split()
            except FileNotFoundError:
                return True
            used.append((fields[0], fields[11], fields[12]))
            time.sleep(0.03)
        return used[0][0] == "S" and len(set(used)) == 1

    def running(self):
        return self.process.poll() is None

    def kill(self, ids, number=signal.SIGKILL):
        """Stops them all first, so that they end in one moment."""
        pids = [p for p in map(self.pid, ids) if p]
        for n in [signal.SIGSTOP, number] if len(pids) > 1 else [number]:
            for pid in pids:
                try:
                    if os.getsid(pid) == self.process.pid:
                        os.kill(pid, n)
                except ProcessLookupError:
                    pass

    def signal_group(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def restart(self, times=5, **env):
        """Runs until all stages end with 0; returns the last result."""
        for _ in range(times):
            result = self.run(**env)
            if result.done or result.timed_out:
                break
        return result

    def epochs(self, kinds="plan|journal|manifest|ack|passed"):
        """The greatest in the checkpoint's file names."""
        names = [p.name for p in (self.root / CHECKPOINT).rglob("*")]
        found = [re.fullmatch(rf"(?:{kinds})-(\d+)", n) for n in names]
        return max((int(m[1]) for m in found if m), default=0)

    def outputs(self):
        """What was published: bytes by path; of a folder its log's rows, as far as they say the same in each run."""
        found = {}
        for name in self.line.outputs:
            path = self.root / name
            if path.is_dir():
                found |= folder_of(path, name) if self.line.checkpoint else partitions_of(path, name)
            elif path.exists():
                found[name] = path.read_bytes()
        return found

    def names(self):
        """What lies beside the checkpoint and the outputs; DEST.failed is the evidence of a run that failed."""
        known = {Path(CHECKPOINT).parts[0], *self.line.outputs, *(f"{n}.failed" for n in self.line.outputs)}
        return sorted({p.name for p in self.root.iterdir()} - known)

    def keep(self, to):
        shutil.copytree(self.root, to, symlinks=True)


def folder_of(path, name):
    """The files that the log says stand, each with its rows, and the rows of the log but for the pipeline's UUID."""
    found, rows = {}, []
    log = path / "_log"
    for record in sorted(log.glob("*.ndjson")) if log.exists() else []:
        rows += [re.sub(r'"uuid":"[^"]*"', '"uuid":""', row) for row in record.read_text().splitlines()]
    found[f"{name}/_log"] = ("\n".join(rows) + "\n").encode()
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.is_file() and not any(p[0] in "._" for p in inside.parts):
            found[f"{name}/{inside}"] = file.read_bytes()
    return found


def partitions_of(path, name):
    """A run that is repeated gives its files other names: the rows of each folder, and what a reader of the log sees."""
    rows = {}
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.is_file() and not any(p[0] in "._" for p in inside.parts):
            rows.setdefault(f"{name}/{inside.parent}", []).extend(file.read_bytes().splitlines(keepends=True))
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    read = subprocess.run([BUILD / "bin/evcat", "--wire", "text", path], capture_output=True, env=env)
    rows[f"{name} by evcat, status {read.returncode}"] = read.stdout.splitlines(keepends=True)
    return {where: b"".join(sorted(lines)) for where, lines in rows.items()}


def first_difference(got, want):
    g, w = got.splitlines(), want.splitlines()
    for i, (a, b) in enumerate(zip(g + [b"(none)"], w + [b"(none)"])):
        if a != b:
            return f"line {i + 1} of {len(g)}, {len(w)} wanted\n        got  {a[:200]!r}\n        want {b[:200]!r}"
    return f"{len(g)} lines, {len(w)} wanted"


class Reference:
    """An undisturbed run of a line: what it published, its books and its number of epochs."""

    def __init__(self, line, where):
        shutil.rmtree(where, ignore_errors=True)
        play = Play(line, where)
        began = time.monotonic()
        result = play.run()
        self.seconds = time.monotonic() - began
        if not result.done:
            raise RuntimeError(f"the undisturbed run failed: {result}")
        self.line, self.outputs, self.books, self.epochs = line, play.outputs(), result.books(), play.epochs()
        self.names = set(play.names())
        empty = [n for n in line.outputs if not any(k.split("/")[0] == n and v for k, v in self.outputs.items())]
        if empty:
            raise RuntimeError(f"the undisturbed run left nothing in {empty}: nothing would be compared")

    def differences(self, play, result, books=True, names=True):
        """Lines that say where a run that ended well differs."""
        found, got = [], play.outputs()
        if not result.done:
            return [f"not done: {result}"]
        for name in sorted(set(got) | set(self.outputs)):
            a, b = got.get(name), self.outputs.get(name)
            if a is not None and b is not None and not self.line.ordered:
                a, b = (b"\n".join(sorted(x.splitlines())) for x in (a, b))
            if a != b:
                found.append(f"{name}: " + ("is missing" if a is None else "was not wanted" if b is None
                                            else first_difference(a, b)))
        if names and (more := set(play.names()) - self.names):
            found.append(f"left over: {sorted(more)}")
        if books:
            for i, want in self.books.items():
                if (has := result.books().get(i)) != want:
                    found.append(f"books of {i}:\n        got  {has}\n        want {want}")
        return found

    def ahead(self, play):
        """What stands in a file before the end must be the beginning of what will be there."""
        found = []
        for name, bytes_ in play.outputs().items():
            want = self.outputs.get(name, b"")
            if not self.line.folder and self.line.ordered and not want.startswith(bytes_):
                found.append(f"{name}: what is published is no beginning: {first_difference(bytes_, want)}")
        return found
