"""Runs that meet an older one, other lines than the usual one, and an input that grows from run to run."""

import json
import signal
import time

import calls
import deaths
from deaths import fresh
from line import journaled, many_lines, orders
from play import Play, Reference


def stale(checks, line, where, number, rng):
    """One stage hangs, the rest is killed, the next run begins: it may say 75, and nothing may be written twice."""
    ref = Reference(line, where / "reference")
    done = tries = refused = 0
    while done < number and tries < 10 * number:
        tries += 1
        old = fresh(line, where)
        hangs = rng.choice(line.ids)
        old.start()
        time.sleep(rng.uniform(0, ref.seconds))
        old.kill([hangs], signal.SIGSTOP)
        old.kill([i for i in line.ids if i != hangs])
        new = Play(line, where / "new", root=old.root)
        new.start()
        time.sleep(rng.uniform(0, ref.seconds))
        early = rng.random() < 0.5
        if early:
            old.kill([hangs], signal.SIGCONT)
        result = new.wait()
        old.kill([hangs], signal.SIGCONT)
        before = old.wait()
        if before.done or not before.statuses or 137 not in before.statuses.values():
            continue
        done += 1
        refused += 75 in result.statuses.values()
        wrong = ["the older run did not end: " + str(before)] if before.timed_out else []
        if not result.done and 75 not in result.statuses.values():
            wrong.append(f"the next run failed, and not by 75: {result}")
        last = result if result.done else new.restart()
        wrong += ref.differences(new, last)
        checks.check(f"{line.name}: {hangs} hangs{', for a moment' if early else ''}", wrong, old)
    print(f"{line.name}: {done} older runs, {refused} times 75")
    if done < number:
        checks.check(f"{line.name}: stale", [f"only {done} of {number} left an older run"])


def variants(checks, src, where, number, rng):
    """The other lines: a few deaths, losses of power and kills each."""
    for line, lacks in many_lines(src):
        if lacks:
            checks.skip(line.name, lacks)
            continue
        deaths.twice(checks, line, where / line.name, number, rng)
        deaths.kills(checks, line, where / line.name, number, rng)
        calls.power(checks, line, where / line.name, number, rng)


def grows(checks, src, where, number, rng):
    """The input is longer each time, the runs pause, some are killed; the last is final, and as one run over all."""
    rows = src.read_bytes().splitlines(keepends=True)
    part = where / "growing.ndjson"
    part.write_bytes(src.read_bytes())
    ref = Reference(orders(part), where / "reference")
    for _ in range(number):
        play, wrong = fresh(orders(part, final=()), where), []
        cuts = sorted(rng.sample(range(len(rows)), rng.randint(1, 5))) + [len(rows)]
        for cut in cuts:
            part.write_bytes(b"".join(rows[:cut]))
            if rng.random() < 0.5:
                play.start()
                time.sleep(rng.uniform(0, ref.seconds))
                play.kill(play.line.ids if rng.random() < 0.5 else [rng.choice(play.line.ids)])
                play.wait()
            result = play.restart()
            wrong += [] if result.done else [f"after {cut} rows: {result}"]
            wrong += ref.ahead(play)
        last = Play(orders(part), play.where)
        wrong += ref.differences(last, last.restart())
        checks.check(f"{ref.line.name}: {len(cuts)} runs, at {cuts}", wrong, play)


def pipes(checks, where, number, rng):
    """A pipe brings new events to each run, and a stage is killed: none twice, of each run the first ones; all of a run
    that ended well, or whose source lived when it had taken them all."""
    line, hits = journaled(), 0
    while hits < number:
        play, given, story, wrong = fresh(line, where), [], [], []
        said = [play.root / "fed", play.root / "go"]
        for life in range(rng.randint(2, 6)):
            rows = [b'{"v":%d}' % (10000 * life + i) for i in range(rng.randint(1, 2500))]
            (play.root / "feed").write_bytes(b"\n".join(rows) + b"\n")
            victims = rng.choice([["evcat"], ["evdedupe"], ["evsink"], line.ids[1:], []])
            for file in said:
                file.unlink(missing_ok=True)
            play.start()
            fed = rng.random() < 0.4
            if fed:
                while play.running() and not (said[0].exists() and play.is_idle("evcat")):
                    time.sleep(0.005)
            else:
                time.sleep(rng.uniform(0, 0.3))
            play.kill(victims)
            said[1].touch()
            result = play.wait()
            hits += bool(victims) and result.killed(victims)
            story.append(f"{len(rows)} and {' '.join(victims) or 'nobody'}{' when all was in it' if fed else ''}")
            whole = result.done or (fed and result.statuses.get("evcat") == 74)
            given.append((rows, whole))
        (play.root / "feed").write_bytes(b"")
        said[1].touch()
        result = play.restart()
        wrong += [] if result.done else [f"not done: {result}"]
        out = play.outputs().get("out.ndjson", b"").splitlines()
        for life, (rows, whole) in enumerate(given):
            has = [row for row in out if json.loads(row)["v"] // 10000 == life]
            if has != (rows if whole else rows[:len(has)]):
                wrong.append(f"of run {life + 1} {len(has)} of {len(rows)} came, {'all' if whole else 'the first'} wanted")
        checks.check(f"{line.name}: {', '.join(story)}", wrong, play)
    print(f"{line.name}: {hits} kills of running pipelines")
