"""Event times, durations, and where windows begin. Times are integers: microseconds since 1970."""

import re
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from exact import BadValue

EPOCH = datetime(1970, 1, 1)
TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[ Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
    r"(?:([Zz])|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
LEAST, MOST = -62135510400000000, 253402127999999999  # 0001-01-02 to 9999-12-30
UNITS = {
    "us": 1,
    "ms": 1000,
    "s": 10**6,
    "m": 60 * 10**6,
    "h": 3600 * 10**6,
    "d": 86400 * 10**6,
    "w": 7 * 86400 * 10**6,
}


def micros(local):
    return (local - EPOCH) // timedelta(microseconds=1)


def local_to_utc(local, zone):
    """Ambiguous: the earlier instant; missing: moved forward by the gap."""
    if zone is None:
        return micros(local)
    return micros(local) - local.replace(tzinfo=zone).utcoffset() // timedelta(microseconds=1)


def parse(value, zone=None, unit=None):
    if isinstance(value, str):
        micros_utc = parse_text(value, zone)
    elif isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        micros_utc = parse_number(Decimal(value), unit)
    else:
        raise BadValue(f"not a time: {value!r}")
    if not LEAST <= micros_utc <= MOST:
        raise BadValue(f"time out of range: {value!r}")
    return micros_utc


def parse_text(value, zone):
    m = TEXT.fullmatch(value)
    if not m:
        raise BadValue(f"not a time: {value!r}")
    leap = m[6] == "60"
    try:
        local = datetime(*(int(g or 0) for g in m.groups()[:5]), 59 if leap else int(m[6] or 0))
    except ValueError:
        raise BadValue(f"not a time: {value!r}") from None
    fraction = 0 if leap else int(((m[7] or "") + "000000")[:6])
    local += timedelta(seconds=leap)
    if m[8]:
        return micros(local) + fraction
    if m[9]:
        if int(m[10]) > 23 or int(m[11]) > 59:
            raise BadValue(f"not a time: {value!r}")
        offset = (int(m[10]) * 60 + int(m[11])) * 60 * 10**6
        return micros(local) + fraction - (offset if m[9] == "+" else -offset)
    return local_to_utc(local, zone) + fraction


def parse_number(value, unit):
    if unit is None:
        guesses = [
            u
            for u, least in (("s", 8), ("ms", 11), ("us", 14), ("ns", 17))
            if Decimal(10) ** least <= abs(value) < Decimal(10) ** (least + 3)
        ]
        if not guesses:
            raise BadValue(f"unit of time unknown: {value}")
        unit = guesses[0]
    factor = Decimal("0.001") if unit == "ns" else Decimal(UNITS[unit])
    return int((value * factor).to_integral_value(ROUND_FLOOR))


def write(t):
    moment = EPOCH + timedelta(microseconds=t)
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds") + "Z"


def duration(text):
    """15m, 1h30m, 500ms, -30s; 0 alone is zero."""
    if text.startswith("-"):
        return -duration(text[1:])
    parts = re.findall(r"(\d+)(us|ms|[smhdw])", text)
    if text == "0":
        return 0
    if not parts or "".join(n + u for n, u in parts) != text:
        raise SystemExit(f"not a duration: {text}")
    return sum(int(n) * UNITS[u] for n, u in parts)


class Grid:
    """The boundaries at which windows slide, numbered: fixed lengths from midnight of 1970-01-01 in
    UTC (in the zone's standard offset of today), or days, weeks from Monday, months in the zone."""

    def __init__(self, length, zone, shift=0):
        m = re.fullmatch(r"(\d+)(d|w|mo)", length)
        self.zone, self.shift = zone, shift
        self.unit, self.count = (m[2], int(m[1])) if m else ("us", duration(length))
        if self.unit == "us" and zone is not None:
            at = datetime(2037, 1, 1, tzinfo=zone)  # the newest rules
            self.shift -= (at.utcoffset() - at.dst()) // timedelta(microseconds=1)

    def boundary(self, n):
        n *= self.count
        if self.unit == "us":
            return n + self.shift
        if self.unit == "mo":
            local = datetime(1970 + n // 12, n % 12 + 1, 1)
        elif self.unit == "w":
            local = datetime(1969, 12, 29) + timedelta(weeks=n)
        else:
            local = EPOCH + timedelta(days=n)
        return local_to_utc(local, self.zone) + self.shift

    def index(self, t):
        """The last boundary at or before t."""
        if self.unit == "us":
            return (t - self.shift) // self.count
        day = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=t - self.shift)
        day = (day.astimezone(self.zone) if self.zone else day).date()
        if self.unit == "mo":
            n = (day.year - 1970) * 12 + day.month - 1
        else:
            n = (day - (date(1969, 12, 29) if self.unit == "w" else date(1970, 1, 1))).days
            n = n // 7 if self.unit == "w" else n
        n //= self.count
        while self.boundary(n) > t:
            n -= 1
        while self.boundary(n + 1) <= t:
            n += 1
        return n


def windows_of(size, slide, zone, shift):
    """Grid of the slide, and how many slides a window has."""
    grid = Grid(slide, zone, shift)
    whole = Grid(size, zone, shift)
    days = {"d": 1, "w": 7}
    if grid.unit == whole.unit:
        ratio, rest = divmod(whole.count, grid.count)
    elif grid.unit == "d" and whole.unit == "w":
        ratio, rest = divmod(whole.count * 7, grid.count)
    elif grid.unit == "us" and whole.unit in days and zone is None:
        ratio, rest = divmod(whole.count * days[whole.unit] * UNITS["d"], grid.count)
    else:
        ratio, rest = 0, 1
    if rest:
        raise SystemExit(f"slide {slide} does not divide {size}")
    return grid, ratio


def zone_named(name):
    return None if name in (None, "UTC") else ZoneInfo(name)
