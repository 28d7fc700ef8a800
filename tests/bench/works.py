"""What is measured: our commands, and what a user would pick instead. The tables of `run`.

{file} is the events' file and {out} a scratch file; a command is a line for sh. Rows are ordered
and written to {out} by all, where there are rows. DuckDB is given the columns it needs, so that it
guesses nothing, and need not keep the order of insertion."""

from dataclasses import dataclass, field

DUCKDB = "2.0.0"  # as in the Makefile, which installs it

COLUMNS = """read_json('{file}', format='newline_delimited', columns={{event_ts: 'TIMESTAMP',
        city_id: 'VARCHAR', restaurant_id: 'VARCHAR', order_value: 'DOUBLE'}})"""

W1_SQL = f"""
COPY (
    SELECT make_timestamp(w * 900000000) AS window_start, city_id, restaurant_id, n, a
    FROM (SELECT epoch_us(event_ts) // 900000000 AS w, city_id, restaurant_id,
                 count(*) AS n, avg(order_value) AS a
          FROM {COLUMNS} GROUP BY ALL)
    ORDER BY w, city_id, restaurant_id
) TO '{{out}}' (FORMAT csv)"""

# A minute's sums once, each then added to the 60 windows that it lies in.
W4_SLICES_SQL = f"""
COPY (
    WITH slice AS (SELECT time_bucket(INTERVAL 1 MINUTE, event_ts) AS m, city_id,
                          count(*) AS n, sum(order_value) AS s
                   FROM {COLUMNS} GROUP BY ALL),
         part AS (SELECT m + to_minutes(k) AS window_end, city_id, n, s
                  FROM slice, range(1, 61) AS later(k))
    SELECT window_end - INTERVAL 1 HOUR AS window_start, city_id,
           sum(n)::BIGINT AS n, sum(s) / sum(n) AS a
    FROM part GROUP BY window_end, city_id ORDER BY window_end, city_id
) TO '{{out}}' (FORMAT csv)"""

W4_NAIVE_SQL = f"""
COPY (
    SELECT window_end - INTERVAL 1 HOUR AS window_start, city_id,
           count(*) AS n, avg(order_value) AS a
    FROM (SELECT time_bucket(INTERVAL 1 MINUTE, event_ts) + to_minutes(k) AS window_end,
                 city_id, order_value
          FROM {COLUMNS}, range(1, 61) AS later(k))
    GROUP BY window_end, city_id ORDER BY window_end, city_id
) TO '{{out}}' (FORMAT csv)"""

W3_SQL = """
COPY (
    SELECT json FROM read_ndjson_objects('{file}') WHERE json ->> 'event_type' = 'ORDER_DELIVERED'
) TO '{out}' (FORMAT csv, HEADER false, QUOTE '', DELIMITER E'\\x01')"""

W2_SQL = """
COPY (
    SELECT count(DISTINCT event_id)
    FROM read_json('{file}', format='newline_delimited', columns={{event_id: 'VARCHAR'}})
) TO '{out}' (FORMAT csv, HEADER false)"""

DEDUPED_W1_SQL = W1_SQL.replace(f"FROM {COLUMNS} GROUP BY ALL)", """FROM (
              SELECT any_value(event_ts) AS event_ts, any_value(city_id) AS city_id,
                     any_value(restaurant_id) AS restaurant_id,
                     any_value(order_value) AS order_value
              FROM read_json('{file}', format='newline_delimited', columns={{event_id: 'VARCHAR',
                             event_ts: 'TIMESTAMP', city_id: 'VARCHAR', restaurant_id: 'VARCHAR',
                             order_value: 'DOUBLE'}})
              GROUP BY event_id)
          GROUP BY ALL)""")

REAL_SQL = """
COPY (
    SELECT make_timestamp(w * 60000000) AS window_start, type, n, a
    FROM (SELECT epoch_us(created_at) // 60000000 AS w, type, count(*) AS n, avg(actor.id) AS a
          FROM read_json('{file}', format='newline_delimited', maximum_object_size=33554432,
                 columns={{created_at: 'TIMESTAMP', type: 'VARCHAR', actor: 'STRUCT(id DOUBLE)'}})
          GROUP BY ALL)
    ORDER BY w, type
) TO '{out}' (FORMAT csv)"""

# It knows the layout: the quotes are counted, a driver that is null has two fewer.
W1_MAWK = r"""mawk -F '"' '
{ o = $15 ~ /null/ ? -2 : 0; t = $(28 + o)
  k = substr(t, 1, 14) sprintf("%02d", int(substr(t, 15, 2) / 15) * 15) "," $(20 + o) "," $12
  n[k]++; s[k] += substr($(31 + o), 2) }
END { for (k in n) print k "," n[k] "," s[k] / n[k] }' {file} | LC_ALL=C sort > {out}"""

W1_JQ = r"""jq -r '(.event_ts[14:16] | tonumber | "\(100 + . - . % 15)"[1:]) as $quarter
| "\(.event_ts[0:14])\($quarter),\(.city_id),\(.restaurant_id) \(.order_value)"' {file} |
mawk '{ n[$1]++; s[$1] += $2 }
END { for (k in n) print k "," n[k] "," s[k] / n[k] }' | LC_ALL=C sort > {out}"""


@dataclass
class Run:
    """One thing that is timed: a shell line, or SQL for DuckDB with so many threads."""
    who: str
    line: str = ""
    sql: str = ""
    threads: int = 1
    part: int = 1          # it is given one part-th of the lines, being slow
    needs: str = ""        # the program without which it is skipped
    piped: bool = False    # stdout is a pipe to cat, whose time does not count
    once: bool = False     # timed once, being slow


@dataclass
class Must:
    """Our events a CPU-second (or a second) over the other's, or without another as such."""
    what: str
    least: float
    other: str = ""
    measure: str = "cpu"   # millions of events a CPU-second; wall: a second; peak: at most MB
    size: int = 0          # of the events for which it holds; 0: any


@dataclass
class Work:
    name: str
    title: str
    ours: Run
    peers: list = field(default_factory=list)
    musts: list = field(default_factory=list)
    same_as: str = ""      # the peer whose answer ours must equal
    keys: int = 0          # how many key columns stand behind window_start; 0: the very same bytes
    sizes: tuple = (275, 1024)


DELIVERED = '"event_type":"ORDER_DELIVERED"'
WINDOW = "{bin}/evwindow -i {file} --time event_ts --lateness 2m"

LINE = ("{{bin}}/evcat --time event_ts --lateness 2m {more} {{file}} | "
        "{{bin}}/evdedupe --key event_id --within 20m | "
        "{{bin}}/evwindow --every 15m --by city_id,restaurant_id n=count 'a=avg(order_value)' | "
        "{{bin}}/evsink {{out}}")

WORKS = [
    Work("W1", "15-minute count and avg by city and restaurant",
         Run("evwindow", f"exec {WINDOW} --every 15m --by city_id,restaurant_id n=count "
                         "'a=avg(order_value)' > {out}"),
         [Run("duckdb", sql=W1_SQL), Run("duckdb x2", sql=W1_SQL, threads=2),
          Run("mawk, sort", W1_MAWK, needs="mawk", part=10, once=True),
          Run("jq, mawk, sort", W1_JQ, needs="jq", part=40, once=True)],
         [Must("1.5x DuckDB a core", 1.5, "duckdb"),
          Must("not behind DuckDB in wall", 1.0, "duckdb x2", "wall")],
         same_as="duckdb", keys=2),
    Work("W2", "each event with a new event_id passed on; DuckDB counts them",
         Run("evdedupe", "{bin}/evdedupe -i {file} --key event_id --stats 2>&1 > /dev/null | "
                         "sed 's/.*\"passed\":\\([0-9]*\\).*/\\1/' > {out}"),
         [Run("duckdb", sql=W2_SQL), Run("duckdb x2", sql=W2_SQL, threads=2)],
         [Must("1.5x DuckDB", 1.5, "duckdb")],
         same_as="duckdb"),
    Work("W3", "the lines of delivered orders, kept",
         Run("evcat", "exec {bin}/evcat --where 'event_type = \"ORDER_DELIVERED\"' {file} > {out}"),
         [Run("grep -F", f"exec grep -F '{DELIVERED}' {{file}} > {{out}}", needs="grep"),
          Run("ripgrep -F", f"exec rg -j1 -F '{DELIVERED}' {{file}} > {{out}}", needs="rg"),
          Run("duckdb", sql=W3_SQL),
          Run("jq", "exec jq -c 'select(.event_type == \"ORDER_DELIVERED\")' {file} > {out}",
              needs="jq", part=40, once=True)],
         [Must("grep -F", 1.0, "grep -F")],
         same_as="grep -F"),
    Work("W4", "hopping 1 h by 1 min, count and avg by city",
         Run("evwindow", f"exec {WINDOW} --every 1h --slide 1m --by city_id n=count "
                         "'a=avg(order_value)' > {out}"),
         [Run("duckdb slices", sql=W4_SLICES_SQL),
          Run("duckdb slices x2", sql=W4_SLICES_SQL, threads=2),
          Run("duckdb naive", sql=W4_NAIVE_SQL, once=True)],
         [Must("1.2x DuckDB's slices", 1.2, "duckdb slices")],
         same_as="duckdb slices", keys=1),
    Work("read", "reading alone, to a pipe",
         Run("evcat", "exec {bin}/evcat {file}", piped=True),
         [Run("wc -l", "exec wc -l {file} > {out}", needs="wc"),
          Run("cat", "exec cat {file}", needs="cat", piped=True)],
         [Must("5 M a CPU-second", 5.0, size=275), Must("memory below 64 MB", 64, measure="peak")]),
    # 2 M events a second on the machine of DESIGN's table are 0.77 of what DuckDB does there of W1 on a core.
    Work("line", "evcat, evdedupe, evwindow, evsink, exactly once, an epoch each 250 ms",
         Run("four stages", f"rm -rf {{out}}.checkpoint && export EV_CHECKPOINT={{out}}.checkpoint && "
                            f"{LINE.format(more='--trigger 250ms --final')}"),
         [Run("no checkpoint", f"export EV_WIRE=frames && {LINE.format(more='')}"),
          Run("duckdb", sql=DEDUPED_W1_SQL), Run("duckdb x2", sql=DEDUPED_W1_SQL, threads=2),
          Run("duckdb W1", sql=W1_SQL)],
         [Must("a checkpoint costs 25%", 0.8, "no checkpoint"),
          Must("0.77 of DuckDB's W1 on a core, in wall", 0.77, "duckdb W1", "wall")],
         same_as="duckdb", keys=2, sizes=(275,)),
    Work("real", "GitHub events: count and avg by type each minute",
         Run("evwindow", "exec {bin}/evwindow -i {file} --time created_at --every 1m --by type "
                         "n=count 'a=avg(actor.id)' > {out}"),
         [Run("duckdb", sql=REAL_SQL), Run("duckdb x2", sql=REAL_SQL, threads=2)],
         same_as="duckdb", keys=1, sizes=("github",)),
]
