#!/usr/bin/env python3
"""same.py OURS.ndjson DUCKDB.csv KEYS: is it the same answer? Rows in the same order, keys and
counts equal, averages within 1e-9 of each other, as DuckDB's are doubles."""

import csv
import json
import sys
from datetime import datetime
from itertools import zip_longest


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=None)


def main(ours, theirs, keys):
    with open(ours) as a, open(theirs, newline="") as b:
        rows = csv.reader(b)
        next(rows)
        n = 0
        for n, (line, row) in enumerate(zip_longest(a, rows), 1):
            if line is None or row is None:
                return f"row {n}: only one side has it"
            event = json.loads(line)
            values = list(event.values())
            mine, other = values[2 : 2 + keys] + [event["n"]], row[1 : 1 + keys] + [
                int(row[1 + keys])
            ]
            if instant(event["window_start"]) != instant(row[0]) or mine != other:
                return f"row {n}: {line.strip()} but {row}"
            average = float(row[2 + keys])
            if abs(event["a"] - average) > 1e-9 * max(1, abs(average)):
                return f"row {n}: {line.strip()} but {row}"
    return "" if n else "no rows"


difference = main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
if difference:
    sys.exit(difference)
