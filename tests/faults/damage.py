"""Checkpoints that were damaged, and copies that were taken of a running one."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deaths import fresh, passed
from line import CHECKPOINT
from play import Play, Reference


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1:]


def role(name):
    """Runs of state end in a random number, which is another in each pipeline."""
    return re.sub(r"-[0-9a-f]{16}$", "", name)


def numbers(name):
    return [int(n) for n in re.findall(r"\d+", role(name))]


def previous(path):
    """The file of the same role with the next lower number."""
    kind = re.sub(r"\d+", "#", role(path.name))
    alike = [p for p in path.parent.iterdir() if re.sub(r"\d+", "#", role(p.name)) == kind]
    return max((p for p in alike if numbers(p.name) < numbers(path.name)), key=lambda p: numbers(p.name), default=None)


def again(path):
    """The file that has that role in another run; None where a thread has left others."""
    alike = [p for p in path.parent.iterdir() if role(p.name) == role(path.name)] if path.parent.exists() else []
    return alike[0] if alike else None


def damages(path):
    """(what, function that does it)"""
    data = path.read_bytes()
    yield "deleted", path.unlink
    if data:
        yield "emptied", lambda: path.write_bytes(b"")
        yield "cut in half", lambda: path.write_bytes(data[:len(data) // 2])
        yield "cut by a byte", lambda: path.write_bytes(data[:-1])
        for at in sorted({0, len(data) // 3, 2 * len(data) // 3, len(data) - 1}):
            yield f"bit flipped in byte {at}", lambda at=at: path.write_bytes(flipped(data, at))
    yield "with a byte more", lambda: path.write_bytes(data + b"x")
    if before := previous(path):
        yield f"replaced by {before.name}", lambda: shutil.copyfile(before, path)


def names(result, path):
    """A stage refused with 78 or 65, and named the file (or the folder, where the file is gone)."""
    return [i for i, s in result.statuses.items() if s in (65, 78) and path.name in result.errors.get(i, "")]


def outcome(ref, play, path):
    """One of the two that may be: the reference, or a refusal that names the file and publishes nothing wrong."""
    result = play.run()
    if result.done:
        return ref.differences(play, result), "recovered"
    wrong = ref.ahead(play)
    if not names(result, path):
        wrong.append(f"nobody refused {path.name} by name: {result}")
    return wrong, "refused"


def stop_in_the_middle(line, where, ref):
    """A death of the last stage that leaves plans beyond what is committed and states of several epochs."""
    steps, _ = passed(fresh(line, where))
    last, middle = line.ids[-1], (ref.epochs + 1) // 2 + 1
    for at in [s for s in steps if s.startswith(f"{last}:") and s.endswith(f":{middle}")]:
        if left(line, where, at).epochs() > 1:
            return at
    raise RuntimeError("no point of the last stage could be used to stop it in the middle")


def left(line, where, at):
    """What a run leaves that died there, or that came to its end; made anew, as a copy's files are others."""
    play = fresh(line, where)
    result = play.run(**{"EV_CRASH_AT": at} if at else {})
    if not (result.killed([at.split(":")[0]]) if at else result.done):
        raise RuntimeError(f"{line.name}: the run that was to be damaged ended otherwise: {result}")
    return play


def files(checks, line, where, sample=None, rng=None):
    ref = Reference(line, where / "reference")
    todo, counts = [], {"recovered": 0, "refused": 0}
    for at in (stop_in_the_middle(line, where, ref), None):
        root = left(line, where, at).root
        for file in sorted(p for p in (root / CHECKPOINT).rglob("*") if p.is_file()):
            todo += [(at, file.relative_to(root), number) for number, _ in enumerate(damages(file))]
    total = len(todo)
    for at, file, number in rng.sample(todo, sample) if sample and sample < total else todo:
        play = left(line, where, at)
        path = again(play.root / file)
        acts = list(damages(path)) if path else []
        if number >= len(acts):
            continue
        what, act = acts[number]
        act()
        wrong, kind = outcome(ref, play, path)
        counts[kind] += 1
        checks.check(f"{line.name}, {at or 'at the end'}: {file} {what}", wrong, play)
    print(f"{line.name}: {sum(counts.values())} of {total} damages: {counts}")


def output_damages(path):
    data = path.read_bytes()
    yield "deleted", path.unlink
    yield "cut by a byte", lambda: path.write_bytes(data[:-1])
    yield "with a foreign line behind it", lambda: path.write_bytes(data + b"foreign\n")
    yield "with its last byte changed", lambda: path.write_bytes(data[:-1] + b"x")


def outputs(checks, line, where):
    """What was published is damaged: the reference comes out, or it is refused by name and left as it is."""
    ref = Reference(line, where / "reference")
    at = stop_in_the_middle(line, where, ref)
    for name in line.outputs:
        for number in range(4):
            play = left(line, where, at)
            path = play.root / name
            if not path.is_file() or not path.stat().st_size:
                continue
            what, act = list(output_damages(path))[number]
            act()
            before = path.read_bytes() if path.exists() else None
            result = play.run()
            wrong = ref.differences(play, result) if result.done else []
            if not result.done:
                wrong += [] if names(result, path) else [f"nobody refused {name} by name: {result}"]
                after = path.read_bytes() if path.exists() else None
                wrong += [] if after == before else [f"{name} was changed though it was refused"]
            checks.check(f"{line.name}: {name} {what}: {'recovered' if result.done else 'refused'}", wrong, play)


# ---- copies ----


def copy_slowly(source, to, pause):
    """As a copier does that knows nothing: name by name, with time in between; what is gone meanwhile is left out."""
    for folder, folders, names_ in os.walk(source):
        folders.sort()
        inside = to / Path(folder).relative_to(source)
        inside.mkdir(parents=True, exist_ok=True)
        for name in sorted(names_):
            try:
                shutil.copyfile(Path(folder) / name, inside / name)
            except FileNotFoundError:
                pass
            time.sleep(pause)


def copy_rsync(source, to, _):
    # 24: files vanished, which is what a temporary file does.
    status = subprocess.run(["rsync", "-a", f"{source}/", f"{to}/"], capture_output=True).returncode
    if status not in (0, 24):
        raise RuntimeError(f"rsync: {status}")


def copies(checks, line, where, number, rng):
    """The checkpoint first, then the outputs; the copy goes on elsewhere as the original would have. Before an epoch is
    acknowledged there is nothing to go on from."""
    ref = Reference(line, where / "reference")
    ways = [copy_slowly] + ([copy_rsync] if shutil.which("rsync") else [])
    done = tries = 0
    while done < number and tries < 5 * number:
        tries += 1
        play = fresh(line, where)
        play.start()
        sink = play.root / CHECKPOINT / line.ids[-1]
        while play.running() and not list(sink.glob("ack-*")):
            time.sleep(0.001)
        time.sleep(rng.uniform(0, ref.seconds / 2))
        way = rng.choice(ways)
        shutil.rmtree(where / "copy", ignore_errors=True)
        (where / "copy/root" / CHECKPOINT).parent.mkdir(parents=True)
        epoch = play.epochs()
        pause = rng.uniform(0, ref.seconds / 2) / len(list((play.root / CHECKPOINT).rglob("*")))
        way(play.root / CHECKPOINT, where / "copy/root" / CHECKPOINT, pause)
        for name in line.outputs:
            if (play.root / name).is_dir():
                way(play.root / name, where / "copy/root" / name, 0)
            elif (play.root / name).exists():
                shutil.copyfile(play.root / name, where / "copy/root" / name)
        ran = play.running()
        play.kill(line.ids, signal.SIGKILL)
        play.wait()
        if not ran:
            continue
        done += 1
        elsewhere = Play(line, where / "copy")
        began = elsewhere.epochs()
        wrong = ref.differences(elsewhere, elsewhere.restart())
        checks.check(f"{line.name}: copied by {way.__name__} from epoch {epoch} on, found {began}", wrong, elsewhere)
    if done < number:
        checks.check(f"{line.name}: copies", [f"only {done} of {number} were taken of a running pipeline"])
