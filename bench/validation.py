"""Rates of validation, and what each depth costs: `python -m bench.validation`.

One core, processor time, least of the rounds. The instances are those of `bench/instances.py`: CT
headers of 280 elements. First they are validated with their IOD as `hilum validate` does; then by
the policies of a door: what each profile and each depth takes, as a share of examining an instance
and of the whole pipeline behind STOW-RS (archive on a disk, SQLite, without HTTP and without the
keeper's process, so that the share is rather too large than too small).
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.instances import ROWS_33_KB, Instance, make_study
from bench.report import Row, table
from hilum.bootstrap.archive import open_archive
from hilum.dicom.header import Header, HeaderLimits, Memo, read_header
from hilum.domain.instances import Arrival, Disposition, InMemory, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.ingest.deep import deepened, profile_of
from hilum.ingest.describe import WANTED_TAGS
from hilum.ingest.examine import examine
from hilum.ingest.validate import validate
from hilum.ports.telemetry import NoIngestMeter
from hilum.settings import Settings
from hilum.validation.instance import examine_source

_ROUNDS = 5
_INSTANCES = 300
_AT_ONCE = 24
_TARGET = ">= 300 a second"
_DEPTHS = ("practice", "standard", "strict")


def run(options: argparse.Namespace) -> Iterator[Row]:  # noqa: ARG001 - same form as the others
    """Yield rows for one series: rates of deep validation, then the price of profiles."""
    series = make_study(_INSTANCES, ROWS_33_KB)
    examine_source(series[0].part10)  # reads the tables
    memo = Memo()
    cases: tuple[tuple[str, Callable[[bytes], object], str], ...] = (
        ("header read only", partial(read_header, memo=memo), ""),
        ("validated, within a series", partial(examine_source, memo=memo), _TARGET),
        ("validated, with an empty memory", _with_empty_memory, _TARGET),
    )
    for name, call, target in cases:
        rate = max(1e6 / _microseconds(call, series) for _ in range(_ROUNDS))
        yield Row(f"CT of 280 elements, {name}", "instances/s, one core", "higher", rate,
                  target=target)  # fmt: skip
    yield from _prices(series)


def _prices(series: Sequence[Instance]) -> Iterator[Row]:
    pipeline = asyncio.run(_pipeline(series))
    yield Row("the same, STOW pipeline with profile minimal", "us an instance", "lower", pipeline)
    headers = {id(one.part10): _header(one.part10) for one in series}
    examined = _least(lambda part10: _examined(part10, StorePolicy("minimal")), series)
    yield Row("the same, examined with profile minimal", "us an instance", "lower", examined)
    for profile in ("minimal", "standard", "strict"):
        policy = StorePolicy(profile)
        short = _least(lambda part10, of=policy: validate(headers[id(part10)], of), series)
        target = "< 5 %" if profile == "minimal" else ""
        yield Row(f"of it: profile {profile}", "us an instance", "lower", short)
        yield Row("that is of the STOW pipeline", "%", "lower", 100 * short / pipeline,
                  target=target)  # fmt: skip
    for depth in _DEPTHS:
        deep = _least(lambda part10, of=depth: _deepened(part10, headers[id(part10)], of), series)
        yield Row(f"beside it: depth {depth}", "us an instance", "lower", deep)


async def _pipeline(series: Sequence[Instance]) -> float:
    """Processor time of keeping an instance in an archive of its own, in microseconds."""
    origin, policy = Origin(Door.STOW, "bench"), StorePolicy("minimal")
    best = float("inf")
    for _ in range(_ROUNDS):
        with tempfile.TemporaryDirectory(prefix="hilum-bench-") as folder:
            async with open_archive(Settings(data_dir=Path(folder) / "data")) as archive:
                waiting = iter(series)

                async def send() -> None:
                    for one in waiting:  # noqa: B023 - all have ended before the next round
                        arrival = Arrival(InMemory(one.part10), origin, policy)
                        outcome = await archive.receive(arrival)
                        assert outcome.disposition is Disposition.CREATED, outcome

                began = time.process_time()
                await asyncio.gather(*(send() for _ in range(_AT_ONCE)))
                best = min(best, (time.process_time() - began) / len(series) * 1e6)
    return best


def _header(part10: bytes) -> Header:
    return read_header(part10, limits=HeaderLimits(), wanted=WANTED_TAGS)


def _examined(part10: bytes, policy: StorePolicy) -> object:
    return examine(InMemory(part10), policy, HeaderLimits(), NoIngestMeter())


def _deepened(part10: bytes, header: Header, depth: str) -> object:
    verdict = validate(header, StorePolicy("minimal"))
    return deepened(verdict, part10, header, profile_of(depth))


def _with_empty_memory(part10: bytes) -> object:
    return examine_source(part10, memo=Memo())


def _least(call: Callable[[bytes], object], series: Sequence[Instance]) -> float:
    return min(_microseconds(call, series) for _ in range(_ROUNDS))


def _microseconds(call: Callable[[bytes], object], series: Sequence[Instance]) -> float:
    began = time.process_time()
    for instance in series:
        call(instance.part10)
    return (time.process_time() - began) / len(series) * 1e6


if __name__ == "__main__":
    print(table(list(run(argparse.Namespace()))))
