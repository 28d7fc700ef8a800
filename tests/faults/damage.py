"""Checkpoints that were damaged, and copies that were taken of a running one."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deaths import fresh
from line import CHECKPOINT
from play import Play, Reference


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1:]


def previous(path):
    """The file of the same role with the next lower number."""
    m = re.fullmatch(r"(.*?)(\d+)", path.name)
    if not m:
        return None
    lower = [(int(n.group(1)), p) for p in path.parent.iterdir() if (n := re.fullmatch(re.escape(m[1]) + r"(\d+)", p.name))]
    return max((x for x in lower if x[0] < int(m[2])), default=(0, None))[1]


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


def stopped(line, where, ref, epoch):
    """A pipeline that died in the middle: plans beyond what is committed, states of several epochs."""
    for point in line.points:
        play = fresh(line, where)
        result = play.run(EV_CRASH_AT=f"{line.ids[-1]}:{point}:{epoch}")
        if result.killed(line.ids[-1:]) and play.epochs() > 1:
            return play
    raise RuntimeError("no point of the last stage could be used to stop it in the middle")


def files(checks, line, where, sample=None, rng=None):
    ref = Reference(line, where / "reference")
    finished = fresh(line, where)
    finished.run()
    shutil.rmtree(where / "finished", ignore_errors=True)
    finished.keep(where / "finished")
    shutil.rmtree(where / "stopped", ignore_errors=True)
    stopped(line, where, ref, (ref.epochs + 1) // 2 + 1).keep(where / "stopped")
    todo, counts = [], {"recovered": 0, "refused": 0}
    for state in ("stopped", "finished"):
        base = where / state / CHECKPOINT
        for file in sorted(p for p in base.rglob("*") if p.is_file()):
            todo += [(state, file.relative_to(where / state), number) for number, _ in enumerate(damages(file))]
    total = len(todo)
    for state, file, number in rng.sample(todo, sample) if sample and sample < total else todo:
        shutil.rmtree(where / "play", ignore_errors=True)
        shutil.copytree(where / state, where / "play/root", symlinks=True)
        play = Play(line, where / "play")
        what, act = list(damages(play.root / file))[number]
        act()
        wrong, kind = outcome(ref, play, play.root / file)
        counts[kind] += 1
        checks.check(f"{line.name}, {state}: {file} {what}", wrong, play)
    print(f"{line.name}: {sum(counts.values())} of {total} damages: {counts}")


def destination(checks, line, where):
    """What was published is damaged: shorter, gone, or with something else behind it."""
    ref = Reference(line, where / "reference")
    play = stopped(line, where, ref, (ref.epochs + 1) // 2 + 1)
    shutil.rmtree(where / "stopped", ignore_errors=True)
    play.keep(where / "stopped")
    for name in line.outputs:
        for what in ("deleted", "cut by a byte", "foreign bytes behind it"):
            shutil.rmtree(where / "play", ignore_errors=True)
            shutil.copytree(where / "stopped", where / "play/root", symlinks=True)
            play = Play(line, where / "play")
            path = play.root / name
            if not path.is_file() or not path.stat().st_size:
                continue
            data = path.read_bytes()
            if what == "deleted":
                path.unlink()
            else:
                path.write_bytes(data[:-1] if what == "cut by a byte" else data + b"foreign\n")
            result = play.run()
            wrong = ref.differences(play, result) if result.done else []
            if not result.done and not names(result, path):
                wrong.append(f"nobody refused {name} by name: {result}")
            checks.check(f"{line.name}: {name} {what}", wrong, play)


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
    """The checkpoint first, then the outputs; the copy goes on elsewhere as the original would have."""
    ref = Reference(line, where / "reference")
    ways = [copy_slowly] + ([copy_rsync] if shutil.which("rsync") else [])
    done = tries = 0
    while done < number and tries < 5 * number:
        tries += 1
        play = fresh(line, where)
        play.start()
        time.sleep(rng.uniform(0, ref.seconds))
        way = rng.choice(ways)
        shutil.rmtree(where / "copy", ignore_errors=True)
        (where / "copy/root").mkdir(parents=True)
        epoch = play.epochs()
        if (play.root / CHECKPOINT).exists():
            way(play.root / CHECKPOINT, where / "copy/root" / CHECKPOINT, rng.uniform(0, ref.seconds / 60))
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
