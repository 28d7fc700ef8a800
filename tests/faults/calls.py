"""Calls of the system that fail, and power that is lost: tests/faults/shim.c in front of the tools."""

import importlib.machinery
import importlib.util
import os
import time

from deaths import fresh
from line import HERE
from play import Reference

loader = importlib.machinery.SourceFileLoader("powerloss", str(HERE / "powerloss"))
powerloss = importlib.util.module_from_spec(importlib.util.spec_from_loader("powerloss", loader))
loader.exec_module(powerloss)


def listed(line, where, play=None, **fault):
    """The calls of a run, undisturbed or not, by stage: (number, number among writes, call, path); and its result."""
    log = where / "calls.log"
    log.unlink(missing_ok=True)
    result = (play or fresh(line, where)).run(EV_FAULT_LOG=str(log), **fault)
    if not result.done and not fault:
        raise RuntimeError(f"with calls listed the run failed: {result}")
    found = {i: [] for i in line.ids}
    for row in log.read_text().splitlines() if log.exists() else []:
        stage, _, number, among, call, path = row.split("\t")
        if stage in found:
            found[stage].append((int(number), int(among), call, path))
    return found, result


def faults_of(calls):
    """Each call fails; each write comes up short, and from it on the disk is full."""
    for number, among, call, path in calls:
        yield f"fail:{number}", f"{call} {path}"
        if call in ("write", "pwrite", "writev"):
            yield f"fail:{number}:ENOSPC", f"{call} {path}"
            yield f"short:{among}", f"{call} {path}"
            yield f"full:{among}", f"{call} {path}"


def said(result):
    """A run that fails has to say so: every stage that ends otherwise than by SIGPIPE."""
    silent = [i for i, s in result.statuses.items() if s not in (0, 141) and not result.errors.get(i, "").strip()]
    return [f"{i} said nothing" for i in silent]


def calls(checks, line, where, sample=None, rng=None):
    ref = Reference(line, where / "reference")
    todo = [(stage, fault, what) for stage, some in listed(line, where)[0].items() for fault, what in faults_of(some)]
    total = len(todo)
    if sample and sample < total:
        todo = rng.sample(todo, sample)
    failed = 0
    for stage, fault, what in todo:
        play = fresh(line, where)
        met, result = listed(line, where, play, EV_FAULT=fault, EV_FAULT_STAGE=stage)
        # Threads and timing move the numbers; what cannot be removed stays.
        hit = [call for number, _, call, _ in met[stage] if fault.split(":")[:2] == ["fail", str(number)]]
        wrong, names = [], "unlink" not in hit
        if result.done:
            wrong += ref.differences(play, result, names=names)
        else:
            failed += 1
            wrong += ["ran too long"] if result.timed_out else said(result)
            wrong += ref.ahead(play) + ref.differences(play, play.restart(), names=names)
        checks.check(f"{line.name}: {stage} {fault} ({what})", wrong, play)
    print(f"{line.name}: {len(todo)} of {total} faults, {failed} ended the run")


def power_lost(play, log, mode, rng):
    """Takes from the folder what was not durable; says what, and what is wrong."""
    before = play.epochs("ack")
    lost = powerloss.lose(play.root, log, mode, rng)
    powerloss.begin(play.root, log)
    after = play.epochs("ack")
    # The name of the last one may not have been durable yet; then the one before was.
    wrong = [f"epoch {before} was acknowledged, and after the loss {after}"] if after < before - 1 else []
    return "; ".join(lost) or "nothing", wrong


def one_life(play, log, grows, ref, rng):
    """A run that all stages die in, or that ends; whether it ended, what is to be told, and what is wrong."""
    until = os.path.getsize(log) + grows * rng.random() ** 2  # a restart has less to do
    play.start(EV_FAULT="power", EV_FAULT_LOG=log)
    while play.running() and os.path.getsize(log) < until:
        time.sleep(0.0002)
    time.sleep(rng.uniform(0, 0.003))
    play.kill(play.line.ids)
    result = play.wait()
    if not result.done and rng.random() < 0.3:
        return False, "killed only", []
    mode = rng.choice(powerloss.MODES)
    lost, wrong = power_lost(play, log, mode, rng)
    if not result.done:
        return False, f"{mode}: {lost}", wrong
    # Who has said 0 has nothing left to lose; temporary names that come back do not count.
    wrong += ref.differences(play, result, names=False)
    return True, f"{mode} after the end: {lost}", wrong


def undisturbed(line, where):
    """By how much the log grows in a run: how far it has come is told by that."""
    play, log = fresh(line, where), str(where / "power.log")
    powerloss.begin(play.root, log)
    before = os.path.getsize(log)
    play.run(EV_FAULT="power", EV_FAULT_LOG=log)
    return os.path.getsize(log) - before


def power(checks, line, where, rounds, rng):
    """Kills all at a random moment, loses what was not durable, and restarts; sometimes several times."""
    ref = Reference(line, where / "reference")
    log, ends, lost, grows = str(where / "power.log"), 0, 0, undisturbed(line, where)
    for _ in range(rounds):
        play, story, wrong, ended = fresh(line, where), [], [], False
        powerloss.begin(play.root, log)
        for _ in range(rng.randint(1, 4)):
            ended, told, found = one_life(play, log, grows, ref, rng)
            story.append(told)
            wrong += found
            if ended:
                break
        ends += ended
        lost += sum(t.split(":")[0] in powerloss.MODES for t in story)
        wrong += ref.differences(play, play.restart(), books=not ended or line.checkpoint)
        checks.check(f"{line.name}: power lost [{' | '.join(story)[:2000]}]", wrong, play)
    print(f"{line.name}: {rounds} rounds, power lost {lost} times in the middle and {ends} times after the end")
