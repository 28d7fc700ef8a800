"""Stages that die: at each step of an epoch, at random moments, and by signals that let them finish."""

import shutil
import signal
import time

from play import KILLED, Play, Reference

FINISHED_BY = {signal.SIGINT: {0, 128 + signal.SIGINT}, signal.SIGTERM: {0, 128 + signal.SIGTERM}}


def fresh(line, where):
    shutil.rmtree(where / "play", ignore_errors=True)
    return Play(line, where / "play")


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


def points(checks, line, where, every_epoch=False):
    ref = Reference(line, where / "reference")
    last = ref.epochs
    chosen = [1, (last + 1) // 2, last]
    never = []
    for stage in line.ids:
        for point in line.points:
            epochs = range(last + 2) if every_epoch else sorted(set(chosen))
            reached = [dies_at(checks, ref, where, f"{stage}:{point}:{e}") for e in epochs]
            rest = [e for e in range(last + 2) if e not in epochs] if not any(reached) else []
            if not any(reached) and not any(dies_at(checks, ref, where, f"{stage}:{point}:{e}") for e in rest):
                never.append(f"{stage}:{point}")
    print(f"{line.name}: {last} epochs, {len(line.points)} points; not reached: {' '.join(never) or 'none'}")
    if len(never) == len(line.ids) * len(line.points):
        checks.check(f"{line.name}: points", ["no point was reached in any stage"])


def twice(checks, line, where, number, rng):
    """Dies at a point, and again, elsewhere, while it is being restarted."""
    ref = Reference(line, where / "reference")
    done = tries = 0
    steps, missed, reached = [f"{stage}:{point}" for stage in line.ids for point in line.points], {}, set()
    while done < number and tries < 40 * number:
        tries += 1
        play, deaths = fresh(line, where), []
        epoch = rng.randint(1, ref.epochs)
        for _ in range(3):
            step = rng.choice(steps)
            result = play.run(EV_CRASH_AT=f"{step}:{epoch}")
            if result.killed([step.split(":")[0]]):
                deaths.append(f"{step}:{epoch}")
                reached.add(step)
                epoch = min(epoch + rng.randint(0, 1), ref.epochs)
            elif (misses := missed.get(step, 0) + 1) > 4 and step not in reached and len(steps) > 1:
                steps.remove(step)  # this stage does not come there
            else:
                missed[step] = misses
            if result.done:
                break
        if len(deaths) > 1:
            done += 1
            checks.check(f"{line.name}: died at {', '.join(deaths)}", ref.differences(play, play.restart()), play)
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
