"""Pages of the change feed over HTTP at a million entries: python -m bench.change_feed.

    python -m bench.change_feed [--entries 1000000] [--instances 100000] [--folder DIR]

An index is filled with instances through `commit()`; the rest of the feed is made by SQL, entries
about the same instances, a millisecond apart. Then a server in a process of its own is asked for
pages of 200 (v1: 100) without and with metadata, at the start, in the middle and at the end, each
many times over one connection by a client that only reads; gzip is accepted, as clients do.
"""

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import systems
from bench.client import Timings, get
from bench.fill_index import fill
from bench.systems import System
from hilum.bootstrap.index_place import database_path

_PER_STUDY = 100
_MORE = """
INSERT INTO feed (time, partition_key, kind, study_instance_uid, series_instance_uid,
    sop_instance_uid, version, correlation_id)
SELECT ? + n.value * 1000, 1, CASE n.value % 7 WHEN 0 THEN 'deleted' ELSE 'updated' END,
    f.study_instance_uid, f.series_instance_uid, f.sop_instance_uid, f.version, ''
FROM (WITH RECURSIVE counted(value) AS (
    SELECT 0 UNION ALL SELECT value + 1 FROM counted WHERE value + 1 < ?
) SELECT value FROM counted) AS n
JOIN feed f ON f.sequence = 1 + (n.value * 7919) % ?
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.change_feed", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--times", type=int, default=200)
    options = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="hilum-bench-", dir=options.folder))
    try:
        fill(data, options.instances, per_study=_PER_STUDY)
        began = time.perf_counter()
        _add_entries(database_path(data), options.entries, options.instances)
        print(f"entries made in {time.perf_counter() - began:.1f} s")
        with systems.hilum(options.folder, data=data) as system:
            _await_followers(database_path(data))
            for name, timings in _ask(system, options.entries, options.times):
                print(f"| {name} | {timings.p50 * 1e3:.2f} ms |", flush=True)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _add_entries(path: Path, entries: int, instances: int) -> None:
    connection = sqlite3.connect(path)
    with connection:
        last = connection.execute("SELECT max(time) FROM feed").fetchone()[0]
        connection.execute(_MORE, (last, entries - instances, instances))
    found = connection.execute("SELECT count(*), max(position) FROM feed").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    if found != (entries, entries):
        raise SystemExit(f"the feed has {found}, not {entries} entries")


def _await_followers(path: Path) -> None:
    """Wait until those who follow the feed inside the server have seen all of it."""
    connection = sqlite3.connect(path)
    last = connection.execute("SELECT max(sequence) FROM feed").fetchone()[0]
    while True:
        followers, behind = connection.execute(
            'SELECT count(*), count(*) FILTER (WHERE "cursor" < ?) FROM subscription', (last,)
        ).fetchone()
        if followers and not behind:
            break
        time.sleep(1)
    connection.close()


def _ask(system: System, entries: int, times: int) -> Iterator[tuple[str, Timings]]:
    for metadata in ("false", "true"):
        for place, offset in (("start", 0), ("middle", entries // 2), ("end", entries - 200)):
            for version, limit in (("v2", 200), ("v1", 100)):
                at = replace(system, prefix=f"/{version}/changefeed")
                query = f"?offset={offset}&limit={limit}&includeMetadata={metadata}"
                what = "with" if metadata == "true" else "without"
                name = f"{version}, {limit} entries {what} metadata, at the {place}"
                yield name, get(at, query, times=times, gzip=True, accept="*/*")
    window = "?startTime=2020-01-01T00:00:00Z&endTime=2020-01-02T00:00:00Z"
    at = replace(system, prefix="/v2/changefeed")
    yield "v2, an empty window", get(at, window, times=times, gzip=True, accept="*/*")


if __name__ == "__main__":
    main()
