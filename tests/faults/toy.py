"""A line of three stages that keeps the rules of epochs in small, for the driver to be tested on.

toy.py --id source|count|sink ...: source SRC LINES cuts epochs of LINES lines, count SIDE numbers lines and puts each
tenth aside, sink DEST publishes. EV_TOY_BUG names one rule to break; the driver has to find it. A line starts with
`#` where it is control: `#open C`, `#barrier N`, `#end N`, then `#bye`.
"""

import json
import os
import signal
import sys
import zlib

CHECKPOINT = os.environ["EV_CHECKPOINT"]
BUG = os.environ.get("EV_TOY_BUG", "")
ID = sys.argv[2]


def crash_point(point, epoch):
    if os.environ.get("EV_CRASH_AT") == f"{ID}:{point}:{epoch}":
        os.kill(os.getpid(), signal.SIGKILL)


def fail(code, message):
    print(f"{ID}: {message}", file=sys.stderr)
    sys.stderr.flush()
    os._exit(code)


def sync_folder(path):
    if BUG == "no-folder-sync":
        return
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


class Folder:
    """DIR/<id>: files that never change once they have their name."""

    def __init__(self, name):
        self.path = f"{CHECKPOINT}/{name}"
        for path in (CHECKPOINT, self.path):
            try:
                os.mkdir(path)
            except FileExistsError:
                pass
            sync_folder(os.path.dirname(path) or ".")

    def put(self, role, epoch, value):
        name = f"{role}-{epoch:020}"
        body = json.dumps(value | {"name": name})
        fd = os.open(f"{self.path}/{name}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        write_all(fd, (body + "\n" + f"{zlib.crc32(body.encode()):08x}" + "\n").encode())
        crash_point("written", epoch)
        if BUG != "no-file-sync":
            os.fsync(fd)
        os.close(fd)
        os.rename(f"{self.path}/{name}.tmp", f"{self.path}/{name}")
        crash_point("renamed", epoch)
        sync_folder(self.path)
        crash_point("durable", epoch)

    def get(self, role, epoch):
        path = f"{self.path}/{role}-{epoch:020}"
        try:
            body, digest, _ = open(path).read().split("\n")
            value = json.loads(body)
            if BUG != "no-checksum" and (digest != f"{zlib.crc32(body.encode()):08x}" or
                                         value.pop("name") != os.path.basename(path)):
                raise ValueError
            return value
        except FileNotFoundError:
            fail(78, f"{path}: is missing")
        except ValueError:
            fail(78, f"{path}: is damaged")

    def epochs(self, role):
        names = [n for n in os.listdir(self.path) if n.startswith(role + "-") and not n.endswith(".tmp")]
        return sorted(int(n.split("-")[1]) for n in names)


def send(*lines):
    write_all(1, "".join(line + "\n" for line in lines).encode())


def publish(path, offset, lines, epoch, lose=False):
    """Appends at the recorded offset; returns the new one."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    if os.fstat(fd).st_size < offset:
        fail(78, f"{path}: is shorter than what was published")
    if BUG != "no-truncate":
        os.ftruncate(fd, offset)
    os.lseek(fd, 0, os.SEEK_END)
    data = "".join(lines).encode()
    write_all(fd, data[:len(data) // 2])
    crash_point("half", epoch)
    write_all(fd, data[len(data) // 2:])
    if BUG != "no-output-sync":
        os.fsync(fd)
    os.close(fd)
    sync_folder(".")
    crash_point("published", epoch)
    return offset + len(data)


def source(src, lines):
    own, sink = Folder("source"), Folder("sink")
    sync_folder(sink.path)
    committed = max(sink.epochs("ack"), default=0)
    send(f"#open {committed}")
    plans = own.epochs("plan")
    newest = max(plans, default=0)
    if committed > newest:
        fail(78, f"{own.path}/plan-{committed:020}: is missing")
    data = open(src).read().splitlines()
    at = own.get("plan", newest)["end"] if newest else 0
    last = bool(newest) and own.get("plan", newest)["last"]
    sync_folder(own.path)
    for epoch in range(committed + 1, newest + 1):
        plan = own.get("plan", epoch)
        send(*data[plan["begin"]:plan["end"]], f"#{'end' if plan['last'] else 'barrier'} {epoch}")
    epoch = newest
    while not last:
        epoch, begin, at = epoch + 1, at, min(at + int(lines), len(data))
        last = at == len(data)
        own.put("plan", epoch, {"begin": begin, "end": at, "last": last})
        send(*data[begin:at])
        crash_point("sent", epoch)
        send(f"#{'end' if last else 'barrier'} {epoch}")
        crash_point("barrier", epoch)
    send("#bye")


def read():
    for line in sys.stdin:
        if line == "#bye\n":
            return
        yield line
    fail(74, "the input was cut off")


def count(side):
    own = Folder("count")
    state, aside, done = {"count": 0, "side": 0}, [], 0
    for line in read():
        if line.startswith("#open"):
            done = int(line.split()[1])
            state = own.get("manifest", done) if done and BUG != "forgets-state" else state
        elif line.startswith("#"):
            epoch = int(line.split()[1])
            state["side"] = publish(side, state["side"], aside, epoch)
            aside = []
            own.put("manifest", epoch, state)
        else:
            state["count"] += 1
            line = f"{state['count']} {line}"
            if state["count"] % 10 == 0:
                aside.append(line)
                continue
        send(line.rstrip("\n"))
        if line.startswith("#"):
            crash_point("passed", line.split()[1])
    send("#bye")
    print(json.dumps({"tool": "count", "in": state["count"]}), file=sys.stderr)


def sink(dest):
    own = Folder("sink")
    spool, offset, done = [], 0, 0
    for line in read():
        if line.startswith("#open"):
            done = int(line.split()[1])
            offset = own.get("ack", done)["offset"] if done else 0
        elif line.startswith("#"):
            epoch = int(line.split()[1])
            size = offset + sum(len(s.encode()) for s in spool)
            if BUG == "ack-first":
                own.put("ack", epoch, {"offset": size})
            offset = publish(dest, offset, spool, epoch)
            spool = []
            if BUG != "ack-first":
                own.put("ack", epoch, {"offset": offset})
        else:
            spool.append(line)


try:
    {"source": source, "count": count, "sink": sink}[ID](*sys.argv[3:])
except OSError as e:
    fail(74, str(e))
