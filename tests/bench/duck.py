#!/usr/bin/env python3
"""Runs the SQL on stdin in DuckDB with argv[1] threads and says as JSON what it cost.

The time begins with the connection: loading Python and DuckDB is not held against it."""

import json
import os
import sys
import time

import duckdb

sql = sys.stdin.read()
before, begin = os.times(), time.perf_counter()
con = duckdb.connect(config={"threads": int(sys.argv[1]), "preserve_insertion_order": False})
con.execute(sql).fetchall()
con.close()
wall, after = time.perf_counter() - begin, os.times()
cpu = after.user + after.system - before.user - before.system
print(json.dumps({"cpu": cpu, "wall": wall}))
