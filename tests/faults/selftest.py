"""Is the machinery able to find anything? The toy line keeps the rules and has to pass; each broken rule is found."""

import random
import subprocess

import calls
import damage
import deaths
from line import BUILD, toy, write_numbers

# What breaks, and where that must show.
BUGS = {
    "ack-first": "points",
    "no-truncate": "points",
    "forgets-state": "points",
    "no-file-sync": "power",
    "no-folder-sync": "power",
    "no-output-sync": "power",
    "no-checksum": "files",
}

# Functions that can change a file and that the shim does not know; fopen only reads the system's files.
UNKNOWN = {"copy_file_range", "sendfile", "sendfile64", "splice", "fallocate", "fallocate64", "posix_fallocate",
           "posix_fallocate64", "pwritev", "pwritev64", "pwritev2", "mkstemp", "mkstemp64", "mkostemp", "mkostemp64",
           "mkdtemp", "truncate", "truncate64", "symlink", "symlinkat", "sync_file_range", "remove", "freopen",
           "open_by_handle_at", "freopen64", "tmpfile", "tmpfile64", "aio_write", "io_uring_enter", "sync", "syncfs"}


class Found(Exception):
    """A check failed: what was to be shown of a broken line."""


class Quiet:
    """Counts, and says nothing."""

    def __init__(self, first=False):
        self.first, self.wrong, self.passed = first, [], 0

    def check(self, name, wrong, _play=None):
        self.passed += not wrong
        self.wrong += [f"{name}: {wrong[0]}"] if wrong else []
        if wrong and self.first:
            raise Found


def kinds(rng, much):
    """Numbers where a line is broken: as many as may be needed until that shows."""
    return {
        "points": lambda c, line, where: deaths.points(c, line, where),
        "twice": lambda c, line, where: deaths.twice(c, line, where, 3, rng),
        "kills": lambda c, line, where: deaths.kills(c, line, where, 6, rng),
        "calls": lambda c, line, where: calls.calls(c, line, where, 20, rng),
        "power": lambda c, line, where: calls.power(c, line, where, 60 if much else 10, rng),
        "files": lambda c, line, where: damage.files(c, line, where, None if much else 20, rng),
    }


def right_line(checks, where, src, rng):
    for name, kind in kinds(rng, False).items():
        quiet = Quiet()
        kind(quiet, toy(src), where / "right" / name)
        few = [] if quiet.passed > 1 else [f"only {quiet.passed} checks were made"]
        checks.check(f"self: {name} of a line that keeps the rules", quiet.wrong + few)


def broken_lines(checks, where, src, rng):
    for bug, name in BUGS.items():
        found = ["was not found"]
        try:
            kinds(rng, True)[name](Quiet(first=True), toy(src, bug), where / bug)
        except Found:
            found = []
        checks.check(f"self: {name} finds {bug}", found)


def known_calls(checks):
    for tool in sorted((BUILD / "bin").iterdir()):
        text = subprocess.run(["nm", "-D", "-u", tool], capture_output=True, text=True, check=True).stdout
        used = {row.split()[-1].split("@")[0] for row in text.splitlines()}
        wrong = [f"unknown: {sorted(used & UNKNOWN)}"] if used & UNKNOWN else []
        wrong += [] if "write" in used else ["it does not use write: nothing would be seen"]
        checks.check(f"self: the shim knows what {tool.name} calls", wrong)


def selftest(checks, where, seed):
    rng = random.Random(seed)
    src = where / "numbers"
    write_numbers(src, 60)
    known_calls(checks)
    right_line(checks, where, src, rng)
    broken_lines(checks, where, src, rng)
