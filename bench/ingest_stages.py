"""What each stage of the pipeline costs: `python -m bench.ingest_stages [--folder DIR]`.

Works on the real disk and the real index, without HTTP. First every stage alone, one instance after
another (least of five rounds); then the whole pipeline with many instances at once.
"""

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench.instances import ROWS_33_KB, ROWS_525_KB, Instance, make_study
from hilum.adapters.database.schema import migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.intents import FileIntents
from hilum.dicom.frames import frame_table
from hilum.dicom.header import Header, HeaderLimits, read_header
from hilum.domain.instances import Arrival, Disposition, InMemory, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.ingest.committer import Committer
from hilum.ingest.describe import WANTED_TAGS, compress, describe
from hilum.ingest.examine import digests, examine
from hilum.ingest.pipeline import Ingest, IngestLimits, InstanceIndex
from hilum.ingest.validate import validate
from hilum.ports.telemetry import NoIngestMeter, Stage
from tests.twins import MemoryIndex

_POLICY = StorePolicy("standard")
_ORIGIN = Origin(Door.IMPORT, "bench")
_LIMITS = HeaderLimits()
_ROUNDS = 5


@dataclass
class SummingMeter(NoIngestMeter):
    """Adds up what the pipeline tells."""

    seconds: dict[Stage, float] = field(default_factory=lambda: defaultdict(float))
    batches: list[int] = field(default_factory=list)

    def stage(self, stage: Stage, seconds: float) -> None:
        self.seconds[stage] += seconds

    def batch(self, instances: int, size_bytes: int, seconds: float) -> None:  # noqa: ARG002
        self.batches.append(instances)


def _microseconds(call: Callable[[Instance], object], study: Sequence[Instance]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for instance in study:
            call(instance)
        best = min(best, (time.perf_counter() - began) / len(study))
    return best * 1e6


def print_stages(study: Sequence[Instance]) -> None:
    """Print the stages that need no waiting, each alone."""
    headers = {one.sop_instance: _header(one) for one in study}
    verdicts = {name: validate(header, _POLICY) for name, header in headers.items()}

    def described(one: Instance) -> object:
        verdict = verdicts[one.sop_instance]
        assert verdict.uids is not None
        assert verdict.sop_class_uid is not None
        return describe(headers[one.sop_instance], verdict.uids, verdict.sop_class_uid, b"")

    def frames(one: Instance) -> bytes:
        table = frame_table(one.part10, headers[one.sop_instance])
        return b"" if table is None else table.pack()

    stages: dict[str, Callable[[Instance], object]] = {
        "read header": _header,
        "validate": lambda one: validate(headers[one.sop_instance], _POLICY),
        "describe": described,
        "  of it: compress": lambda one: compress(headers[one.sop_instance].json),
        "frame table": frames,
        "digest": lambda one: digests(
            InMemory(one.part10), headers[one.sop_instance].dataset_offset
        ),
        "all of these": lambda one: examine(
            InMemory(one.part10), _POLICY, _LIMITS, NoIngestMeter()
        ),
    }
    for name, call in stages.items():
        print(f"  {name:<20} {_microseconds(call, study):9.1f} us")


def _header(one: Instance) -> Header:
    return read_header(one.part10, limits=_LIMITS, wanted=WANTED_TAGS)


async def print_pipeline(
    folder: Path, study: Sequence[Instance], engine: str, concurrency: int, inline_bytes: int
) -> None:
    """Print the rate of the whole pipeline, and where its time went."""
    meter = SummingMeter()
    limits = IngestLimits(inline_bytes=inline_bytes)
    async with _index(folder, engine) as index:
        intents = FileIntents(folder / "intents")
        async with (
            DiskObjects(folder) as objects,
            Committer(index, meter=meter) as committer,
            Ingest(
                index=index,
                objects=objects,
                intents=intents,
                committer=committer,
                limits=limits,
                meter=meter,
            ) as ingest,
        ):
            waiting = iter(study)

            async def sender() -> None:
                for instance in waiting:
                    arrival = Arrival(InMemory(instance.part10), _ORIGIN, _POLICY)
                    outcome = await ingest(arrival)
                    assert outcome.disposition is Disposition.CREATED, outcome

            began, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(sender() for _ in range(concurrency)))
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        intents.close()
    each = ", ".join(
        f"{stage} {total / len(study) * 1e6:.0f}" for stage, total in meter.seconds.items()
    )
    mean_batch = sum(meter.batches) / len(meter.batches)
    where = "loop" if inline_bytes else "threads"
    print(
        f"  {engine:<7} {concurrency:3} at once, examined in {where:<7}"
        f" {len(study) / seconds:7.0f}/s  cpu {cpu / len(study) * 1e6:5.0f} us"
        f"  batch {mean_batch:5.1f}  [{each} us]"
    )


@asynccontextmanager
async def _index(folder: Path, engine: str) -> AsyncIterator[InstanceIndex]:
    if engine == "memory":
        yield MemoryIndex()
        return
    url = f"sqlite:///{folder / 'index.db'}"
    migrate(url)
    async with SqlIndex(url) as index:
        yield index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be measured")
    parser.add_argument("--engines", nargs="*", default=["memory", "sqlite"])
    arguments = parser.parse_args()
    for rows, count in ((ROWS_33_KB, 1500), (ROWS_525_KB, 500)):
        size = len(make_study(1, rows)[0].part10)
        print(f"{size / 1000:.0f} KB CT")
        print_stages(make_study(100, rows))
        for engine in arguments.engines:
            for concurrency in (1, 8, 32):
                for inline_bytes in (0, 1 << 30):
                    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
                        study = make_study(count, rows)
                        uvloop.run(
                            print_pipeline(Path(folder), study, engine, concurrency, inline_bytes)
                        )


if __name__ == "__main__":
    main()
