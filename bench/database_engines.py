"""Ingest on SQLite, on PostgreSQL, and of two processes on one PostgreSQL.

    python -m bench.database_engines [--postgres URL] [--rounds N] [--folder DIR]

Each process opens a whole archive as `hilum serve` does, without HTTP, whose client would take part
of the machine, and stores studies of its own as fast as they are taken. Objects and databases lie
on the real disk and are flushed. The ways are measured in turn, round after round; what is told is
the median of each, and the median of the ratios within a round.

On a machine of two cores two processes beside a database have no more room than one has. What two
add when there is room is told by `--share 0.4`: each process (with its keeper) is held to that
share of a core by a control group, which takes root.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from uuid import uuid4

import psycopg
import uvloop
from pydantic import SecretStr

from bench.instances import ROWS_33_KB, make_study
from hilum.bootstrap.archive import open_archive
from hilum.domain.instances import Arrival, Disposition, InMemory, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.settings import Settings
from tests.engines import own

_POLICY = StorePolicy("standard")
_ORIGIN = Origin(Door.IMPORT, "bench")
_STUDY = 250
_AT_ONCE = 32


async def work(folder: Path, url: str, count: int, *, keeper: bool) -> None:
    """Be one process: say that it is ready, wait for a line, store, say how it was."""
    studies = [make_study(_STUDY, ROWS_33_KB) for _ in range(count // _STUDY)]
    pending = [one for study in studies for one in study]
    plain = Settings(data_dir=folder)
    settings = plain.model_copy(
        update={
            "database": plain.database.model_copy(update={"url": SecretStr(url)}),
            "ingest": plain.ingest.model_copy(update={"keeper_process": keeper}),
        }
    )
    async with open_archive(settings) as archive:
        warm = make_study(50, ROWS_33_KB)

        async def sender(queue: list) -> None:  # type: ignore[type-arg]
            while queue:
                one = queue.pop()
                outcome = await archive.ingest(Arrival(InMemory(one.part10), _ORIGIN, _POLICY))
                assert outcome.disposition is Disposition.CREATED, outcome

        await asyncio.gather(*(sender(warm) for _ in range(_AT_ONCE)))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began, cpu = time.time(), time.process_time()
        await asyncio.gather(*(sender(pending) for _ in range(_AT_ONCE)))
        print(began, time.time(), time.process_time() - cpu, flush=True)


def measure(
    folder: Path, url: str, processes: int, count: int, *, keeper: bool, share: float = 0.0
) -> tuple[float, float]:
    """Instances a second of all processes together, and microseconds of CPU for each instance."""
    command = [sys.executable, "-m", "bench.database_engines", "--work", url or "sqlite"]
    command += ["--folder", str(folder), "--instances", str(count), *(["--keeper"] * keeper)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    told = []
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    groups = [_held(each.pid, share) for each in running] if share else []
    for each in running:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    for each in running:
        assert each.stdout is not None
        told.append([float(word) for word in each.stdout.readline().split()])
        each.communicate()
    for group in groups:
        group.rmdir()
    cpu = sum(seconds for _, _, seconds in told) / (processes * count)
    seconds = max(end for _, end, _ in told) - min(start for start, _, _ in told)
    return processes * count / seconds, cpu * 1e6


def _held(process: int, share: float) -> Path:
    """Hold a process and its children to a share of one core; the control group, to be removed."""
    first = Path("/sys/fs/cgroup/cpu")  # of the first version; the second has one tree for all
    group = (first if first.is_dir() else first.parent) / f"hilum-bench-{process}"
    group.mkdir()
    period = 100_000
    if first.is_dir():
        (group / "cpu.cfs_quota_us").write_text(f"{share * period:.0f}")
    else:
        (group / "cpu.max").write_text(f"{share * period:.0f} {period}")
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    for each in (str(process), *children):
        (group / "cgroup.procs").write_text(each)
    return group


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    name = f"bench_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            row = connection.execute(f"SHOW {setting}").fetchone()
            assert row == ("on",), f"the server has {setting} = {row}"
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{server.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def compare(options: argparse.Namespace, server: str, folder: str) -> None:
    ways = {"SQLite": ("", 1), "PostgreSQL": (server, 1), "PostgreSQL, 2 processes": (server, 2)}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _, (way, (on, processes)) in product(range(options.rounds), ways.items()):
        with contextlib.ExitStack() as stack:
            url = stack.enter_context(database(on)) if on else ""
            rate, cpu = measure(
                Path(tempfile.mkdtemp(dir=folder)),
                url,
                processes,
                options.instances,
                keeper=options.keeper,
                share=options.share,
            )
        rates[way].append(rate)
        print(f"  {way:<24} {rate:7.0f}/s  cpu of ours {cpu:5.0f} us", flush=True)
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for way, found in rates.items():
        print(f"  {way:<24} median {statistics.median(found):7.0f}/s of {len(found)} rounds")
    one, two = rates["PostgreSQL"], rates["PostgreSQL, 2 processes"]
    print(f"  PostgreSQL / SQLite      {_ratio(one, rates['SQLite']):.2f}  (wanted: 0.70)")
    print(f"  2 processes / 1          {_ratio(two, one):.2f}  (wanted: 1.40)")


def _ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="URL of a server; without it one is started")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instances", type=int, default=1500, help="of each process")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be measured")
    parser.add_argument("--keeper", action="store_true", help="with a process for keeping each")
    parser.add_argument("--share", type=float, default=0.0, help="of a core, for each process")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        url = "" if options.work == "sqlite" else options.work
        uvloop.run(work(options.folder, url, options.instances, keeper=options.keeper))
    elif options.postgres:
        # Removed at the end: ext4 looks past every inode removed lately when it makes a file.
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            compare(options, options.postgres, folder)
    else:
        with own("postgres") as server, tempfile.TemporaryDirectory(dir=options.folder) as folder:
            compare(options, server.address, folder)


if __name__ == "__main__":
    main()
