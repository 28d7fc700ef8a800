"""Stages that die: at each step of an epoch, at random moments, and by signals that let them finish."""

import shutil
import signal
import time

from play import KILLED, Play, Reference

FINISHED_BY = {signal.SIGINT: {0, 128 + signal.SIGINT}, signal.SIGTERM: {0, 128 + signal.SIGTERM}}


def fresh(line, where):
    shutil.rmtree(where / "play", ignore_errors=True)
    return Play(line, where / "play")


def passed(play, **env):
    """Runs; returns STAGE:POINT:EPOCH of each point that was passed, once, in their order, and the result."""
    log = play.where / "points.log"
    log.unlink(missing_ok=True)
    result = play.run(EV_CRASH_LOG=str(log), **env)
    return list(dict.fromkeys(log.read_text().splitlines())) if log.exists() else [], result


def chosen(steps, every):
    """Of each stage and point the first epoch, one in the middle and the last."""
    of = {}
    for at in steps:
        stage, point, epoch = at.split(":")
        of.setdefault(f"{stage}:{point}", []).append(int(epoch))
    for step, epochs in of.items():
        epochs.sort()
        for epoch in epochs if every else sorted({epochs[0], epochs[len(epochs) // 2], epochs[-1]}):
            yield f"{step}:{epoch}"


def dies_at(checks, ref, where, at):
    """Whether the stage came to that point; if so one check: restarted, it publishes what it would have."""
    stage = at.split(":")[0]
    play = fresh(ref.line, where)
    result = play.run(EV_CRASH_AT=at)
    if result.done:
        return False
    wrong = [] if result.killed([stage]) else [f"{stage} was not the one that was killed: {result}"]
    wrong += ref.ahead(play)
    wrong += ref.differences(play, play.restart())
    checks.check(f"{ref.line.name}: died at {at}", wrong, play)
    return True


def points(checks, line, where, every=False, stages=None):
    ref = Reference(line, where / "reference")
    play = fresh(line, where)
    steps, result = passed(play)
    checks.check(f"{line.name}: once more", ref.differences(play, result), play)
    checks.check(f"{line.name}: nothing is left over", [f"but {sorted(ref.names)}"] if ref.names else [])
    todo = [at for at in chosen(steps, every) if not stages or at.split(":")[0] in stages]
    missed = [at for at in todo if not dies_at(checks, ref, where, at)]
    never = [p for p in line.points if p not in {at.split(":")[1] for at in steps}]
    print(f"{line.name}: {ref.epochs} epochs, {len(todo)} deaths; no stage passes {' '.join(never) or 'none'}" +
          (f"; not passed again: {' '.join(missed)}" if missed else ""))
    if len(todo) == len(missed):
        checks.check(f"{line.name}: points", ["no point was passed in any stage"])


def twice(checks, line, where, number, rng):
    """Dies at a point, and again, once or twice, while it is being restarted."""
    ref = Reference(line, where / "reference")
    first, _ = passed(fresh(line, where))
    done = tries = 0
    while done < number and tries < 10 * number and first:
        tries += 1
        plan, found = [rng.choice(first)], []
        for _ in range(rng.randint(1, 2)):
            # What a restart passes is found by one that is not disturbed.
            play = fresh(line, where)
            died = [play.run(EV_CRASH_AT=at).killed([at.split(":")[0]]) for at in plan]
            steps, _ = passed(play)
            if not all(died) or not steps:
                break
            plan.append(rng.choice(steps))
        play = fresh(line, where)
        found = [at for at in plan if play.run(EV_CRASH_AT=at).killed([at.split(":")[0]])]
        if len(found) > 1:
            done += 1
            checks.check(f"{line.name}: died at {', '.join(found)}", ref.differences(play, play.restart()), play)
    if done < number:
        checks.check(f"{line.name}: twice", [f"only {done} of {number} died twice in {tries} tries"])


def moment(rng, seconds):
    """Any time of a run, its start more often: that is where it replays."""
    return rng.choice([rng.uniform(0, seconds), rng.uniform(0, seconds), rng.uniform(0, seconds / 6)])


def kills(checks, line, where, number, rng, books=True):
    """Kills one stage or all until a pipeline has had its share or is done; each kill must have hit a running one."""
    ref = Reference(line, where / "reference")
    if ref.epochs < 50:
        print(f"{line.name}: only {ref.epochs} epochs")
    hits = 0
    while hits < number:
        play, story, wrong = fresh(line, where), [], []
        for _ in range(rng.randint(1, 6)):
            victims = rng.choice([line.ids] + [[i] for i in line.ids])
            after = moment(rng, ref.seconds)
            play.start()
            time.sleep(after)
            play.kill(victims)
            result = play.wait()
            if result.done:
                break
            if result.killed(victims):
                story.append(f"{'all' if len(victims) > 1 else victims[0]} after {after:.3f} s")
            elif KILLED not in result.statuses.values():
                wrong.append(f"nobody was killed after {after:.3f} s, but: {result}")
        hits += len(story)
        if story or wrong:
            wrong += ref.differences(play, play.restart(), books)
            checks.check(f"{line.name}: killed {', '.join(story)}", wrong, play)
    print(f"{line.name}: {hits} kills of running pipelines, {ref.epochs} epochs, {ref.seconds:.1f} s undisturbed")


def signals(checks, line, where, number, rng):
    """SIGINT and SIGTERM to the group: the epoch is closed, all end as the manual says, and a restart goes on."""
    ref = Reference(line, where / "reference")
    hits = tries = 0
    while hits < number and tries < 10 * number:
        tries += 1
        play = fresh(line, where)
        which = [signal.SIGINT, signal.SIGTERM][tries % 2]
        play.start()
        time.sleep(rng.uniform(0, ref.seconds))
        began = play.epochs() > 0
        play.signal_group(which)
        result = play.wait()
        if result.done and play.outputs() == ref.outputs or not result.statuses:
            continue
        hits += 1
        wrong = []
        if began and not set(result.statuses.values()) <= FINISHED_BY[which]:
            wrong.append(f"did not finish its epoch: {result}")
        if result.timed_out:
            wrong.append(f"did not end: {result}")
        wrong += ref.ahead(play) + ref.differences(play, play.restart())
        checks.check(f"{line.name}: {which.name}", wrong, play)
    if hits < number:
        checks.check(f"{line.name}: signals", [f"only {hits} of {number} hit a running pipeline"])
