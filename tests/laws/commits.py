"""Two writers on one folder, one of them killed at random, a reader by the log and a reader by a glob beside them.

A commit is a run of evsink: of writer W, run N and attempt A some rows over three partitions, each saying how many there
are in all. A run that was killed before its record is tried again, one that was killed behind it has published, whatever
it has left undone; and some are then run once more: so a commit adds files and may remove those of the attempt before.
Checked, all the time:
  - by the log, of each run one attempt, all of its rows, and never one that is older than what was published before;
  - by glob, no file that no record names, and each with as many rows as its record says.
At the end, when somebody has opened the folder once more, both see all runs' last attempts and nothing else.
"""

import json
import os
import random
import subprocess
import threading
import time
from collections import defaultdict


class Writer(threading.Thread):
    def __init__(self, name, lake, env, seed, runs, is_killed):
        super().__init__()
        self.name, self.lake, self.env, self.runs, self.is_killed = name, lake, env, runs, is_killed
        self.rng = random.Random(seed)
        self.ended = {}  # run: the attempt that was published last
        self.kills = self.commits = self.half = 0
        self.error = None
        self.stopped = False
        self.read = 0  # so many records

    def wait_for_a_record(self, p):
        """Files get their names just behind it: there a death leaves the most undone."""
        try:
            before = len(os.listdir(self.lake / "_log"))
            while p.poll() is None and len(os.listdir(self.lake / "_log")) == before:
                pass
        except FileNotFoundError:
            pass  # there is no log yet

    def attempt(self, run, number):
        of = self.rng.randrange(1, 9)
        rows = "".join(
            json.dumps({"w": self.name, "run": run, "attempt": number, "of": of, "p": self.rng.randrange(3)}) + "\n"
            for _ in range(of))
        args = ["evsink", "--id", self.name, "--run", str(run), "--partition", "p={p}", str(self.lake)]
        p = subprocess.Popen(args, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
        p.stdin.write(rows.encode())
        p.stdin.close()
        if self.is_killed and self.rng.random() < 0.5:
            if self.rng.random() < 0.5:
                self.wait_for_a_record(p)
            else:
                time.sleep(self.rng.random() * self.rng.choice([0.01, 0.03, 0.06]))
            p.kill()
        said, status = p.stderr.read().decode(), p.wait()
        p.stderr.close()
        assert status in (0, -9), f"evsink: status {status}: {said}"
        self.kills += status == -9
        published = self.has_published(run)
        assert published or status != 0, f"{self.name}, {run}: ended well without a record"
        self.commits += published
        self.half += published and status != 0
        return published

    def has_published(self, run):
        """Is there a record that was not there before?"""
        found = False
        while (record := self.lake / "_log" / f"{self.read + 1:020}.ndjson").exists():
            txn = json.loads(record.read_text().splitlines()[1])["txn"]
            found |= (txn["sink"], txn["run"]) == (self.name, str(run))
            self.read += 1
        return found

    def run(self):
        try:
            for run in range(self.runs):
                number = 0
                for _ in range(self.rng.choice([1, 1, 1, 2])):
                    number += 1
                    while not self.attempt(run, number):
                        number += 1
                    if self.stopped:
                        return
                    self.ended[run] = number
        except Exception as error:  # told by the law, which joins us
            self.error = error


def by_log(lake, env):
    p = subprocess.run(["evcat", str(lake)], capture_output=True, env=env)
    if p.returncode == 66 and b"no file in this folder" in p.stderr:
        return []
    assert p.returncode == 0, f"evcat: status {p.returncode}: {p.stderr.decode()}"
    return [json.loads(line) for line in p.stdout.splitlines()]


def by_glob(lake):
    seen = {}
    for folder, folders, files in os.walk(lake):
        folders[:] = [f for f in folders if f[0] not in "._"]
        for name in files:
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as f:
                    seen[os.path.relpath(path, lake)] = f.read()
            except FileNotFoundError:
                pass  # a rerun has removed it
    return seen


def records(lake):
    """What each path was added with, and what was removed, by all records."""
    added, removed = {}, set()
    for name in sorted(os.listdir(lake / "_log")) if (lake / "_log").exists() else []:
        if name.endswith(".ndjson"):
            for line in map(json.loads, (lake / "_log" / name).read_text().splitlines()):
                if "add" in line:
                    assert line["add"]["path"] not in added, f"added twice: {line}"
                    added[line["add"]["path"]] = line["add"]
                if "remove" in line:
                    removed.add(line["remove"]["path"])
    return added, removed


def check_rows(rows, ended):
    runs = defaultdict(list)
    for row in rows:
        runs[row["w"], row["run"]].append(row)
    for key, found in runs.items():
        attempts = {row["attempt"] for row in found}
        assert len(attempts) == 1, f"{key}: rows of the attempts {attempts}"
        assert len(found) == found[0]["of"], f"{key}: {len(found)} rows of {found[0]['of']}"
    for key, attempt in ended.items():
        assert key in runs, f"{key}: published and is lost"
        assert runs[key][0]["attempt"] >= attempt, f"{key}: older than what was published"
    return {key: found[0]["attempt"] for key, found in runs.items()}


def check_glob(seen, lake):
    added, _ = records(lake)
    for path, text in seen.items():
        assert path in added, f"{path}: seen, and no record names it"
        assert text.count(b"\n") == added[path]["rows"] and len(text) == added[path]["size"], f"{path}: is not whole"


def check(lake, env, rng, runs):
    lake.mkdir()
    writers = [Writer(name, lake, env, rng.random(), runs, name == "b") for name in "ab"]
    for w in writers:
        w.start()
    reads = 0
    try:
        while any(w.is_alive() for w in writers):
            ended = {(w.name, run): attempt for w in writers for run, attempt in list(w.ended.items())}
            check_rows(by_log(lake, env), ended)
            check_glob(by_glob(lake), lake)
            reads += 1
    finally:
        for w in writers:
            w.stopped = True
            w.join()
    for w in writers:
        if w.error:
            raise w.error
    # Whoever opens the folder next, and publishes nothing, finishes what is left.
    subprocess.run(["evsink", "--id", "c", str(lake) + "/"], stdin=subprocess.DEVNULL, env=env, check=True)
    ended = {(w.name, run): attempt for w in writers for run, attempt in w.ended.items()}
    rows = by_log(lake, env)
    assert check_rows(rows, ended) == ended, "not the attempts that were published last"
    added, removed = records(lake)
    seen = by_glob(lake)
    assert set(seen) == set(added) - removed, set(seen) ^ (set(added) - removed)
    text = b"".join(seen.values()).splitlines()
    assert sorted(map(json.dumps, rows)) == sorted(json.dumps(json.loads(line)) for line in text)
    left = [name for name in os.listdir(lake / "_tmp") if not name.endswith(".lock") and not name.startswith("b-")]
    assert not left, f"left in _tmp: {left}"
    assert writers[1].kills > runs / 10 and writers[1].half, "too few were killed to show anything"
    return f"{sum(w.commits for w in writers)} commits, {writers[1].kills} killed, {writers[1].half} of them behind their record, {reads} reads"
