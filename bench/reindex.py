"""Indexing what is held for a new extended query tag: python -m bench.reindex DATA N.

Makes a data folder with N stored descriptions (see `bench.fill_index`), adds a tag that all of them
have, so that each of them writes a row, and tells how many instances a second are indexed.

With `--ingest`, a second run goes on while batches are committed as fast as they can be, by a
process of their own as the keeper does; it tells what is left of the rate of each, and how long a
reader that asks all the time waits at most.
"""

import argparse
import asyncio
import multiprocessing
import time
from pathlib import Path

from bench.fill_index import fill_database, synthetic
from hilum.adapters.database.direct import DirectCommits
from hilum.adapters.database.sql_index import SqlIndex
from hilum.bootstrap.index_place import database_path
from hilum.domain.extended_tags import NewExtendedTag
from hilum.domain.jobs import JobKind, JobRecord, NewJob, Progress, new_job_id
from hilum.domain.levels import Level
from hilum.operations.extended_tags.reindexing import ReindexOptions, ReindexWork

_PRESENT = NewExtendedTag("00080060", "CS", "", Level.INSTANCE)
_NUMBER = NewExtendedTag("00200013", "IS", "", Level.INSTANCE)
_BATCH = 100


class _Running:
    """A job whose progress is noted as that of any other."""

    def __init__(self, index: SqlIndex, record: JobRecord) -> None:
        self.record = record
        self.secrets: dict[str, str] = {}
        self._index = index
        self._began = time.perf_counter()
        self.rate = 0.0
        """Instances a second, until progress was noted last."""

    async def save(self, progress: Progress) -> None:
        await self._index.jobs.save(self.record.job_id, "bench", progress)
        self.note(progress)

    def note(self, progress: Progress) -> None:
        self.rate = progress.done / (time.perf_counter() - self._began)


async def _added(index: SqlIndex, tag: NewExtendedTag) -> _Running:
    job = NewJob(new_job_id(), JobKind.REINDEX, {})
    await index.extended.add([tag], job, 128)
    record = await index.jobs.get(job.job_id)
    assert record is not None
    return _Running(index, record)


async def _reindex(index: SqlIndex, running: _Running, busy_percent: int | None = None) -> None:
    options = (
        ReindexOptions() if busy_percent is None else ReindexOptions(busy_percent=busy_percent)
    )
    work = ReindexWork(index.extended, lambda: busy_percent is not None, options)
    running.note(await work.run(running))


def _commit_on(url: str, first: int, seconds: float, told: "multiprocessing.Queue[float]") -> None:
    """Commit batches for so long; instances a second."""
    rows = DirectCommits(url)
    prepared = [synthetic(first + at, _BATCH) for at in range(int(seconds * 40))]
    count, began = 0, time.perf_counter()
    for batch in prepared:
        if time.perf_counter() - began > seconds:
            break
        count += len(rows.commit(batch))
    told.put(count / (time.perf_counter() - began))
    rows.close()


async def _committed(url: str, first: int, seconds: float) -> float:
    told: multiprocessing.Queue[float] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_commit_on, args=(url, first, seconds, told))
    process.start()
    rate = await asyncio.to_thread(told.get)
    process.join()
    return rate


async def _longest_question(index: SqlIndex, stop: asyncio.Event) -> float:
    longest = 0.0
    while not stop.is_set():
        began = time.perf_counter()
        await index.newest_studies(10)
        longest = max(longest, time.perf_counter() - began)
        await asyncio.sleep(0.01)
    return longest


async def _run(url: str, seconds: float, busy_percent: int) -> None:
    async with SqlIndex(url) as index:
        whole = await _added(index, _NUMBER)
        await _reindex(index, whole)
        print(f"alone: {whole.rate:,.0f} instances/s", flush=True)
        if not seconds:
            return
        alone = await _committed(url, 1_000_000, seconds)
        stop = asyncio.Event()
        asking = asyncio.create_task(_longest_question(index, stop))
        running = await _added(index, _PRESENT)
        indexing = asyncio.create_task(_reindex(index, running, busy_percent))
        await asyncio.sleep(0.5)
        beside = await _committed(url, 2_000_000, seconds)
        stop.set()
        if indexing.done():
            raise SystemExit("the re-index ended before the commits did: take more instances")
        indexing.cancel()
        await asyncio.gather(indexing, return_exceptions=True)
        print(f"commits alone: {alone:,.0f}/s, beside a re-index: {beside:,.0f}/s")
        print(f"that is {beside / alone:.0%}; the re-index went on at {running.rate:,.0f}/s,")
        print(f"and a reader waited {await asking * 1000:.0f} ms at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("instances", type=int)
    parser.add_argument("--ingest", type=float, default=0.0, help="seconds of commits")
    parser.add_argument("--busy-percent", type=int, default=ReindexOptions().busy_percent)
    chosen = parser.parse_args()
    path = database_path(chosen.data)
    if not path.exists():
        chosen.data.mkdir(parents=True, exist_ok=True)
        fill_database(path, chosen.instances, per_study=200)
    asyncio.run(_run(f"sqlite:///{path.absolute()}", chosen.ingest, chosen.busy_percent))


if __name__ == "__main__":
    main()
