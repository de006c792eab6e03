"""How many instances a second are validated in depth: `python -m bench.validation`.

One core, processor time, least of the rounds. The instances are those of `bench/instances.py`: CT
headers of 280 elements, each validated with its IOD as `hilum validate` does.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from bench.instances import ROWS_33_KB, Instance, make_study
from bench.report import Row, table
from hilum.dicom.header import Memo, read_header
from hilum.validation.instance import examine_source

_ROUNDS = 5
_INSTANCES = 300
_TARGET = ">= 300 a second"


def run(options: argparse.Namespace) -> Iterator[Row]:  # noqa: ARG001 - same form as the others
    """Yield rows for one series, with a memory and without, and what reading alone takes."""
    series = make_study(_INSTANCES, ROWS_33_KB)
    examine_source(series[0].part10)  # reads the tables
    memo = Memo()
    cases: tuple[tuple[str, Callable[[bytes], object], str], ...] = (
        ("header read only", partial(read_header, memo=memo), ""),
        ("validated, within a series", partial(examine_source, memo=memo), _TARGET),
        ("validated, with an empty memory", _with_empty_memory, _TARGET),
    )
    for name, call, target in cases:
        rate = max(_rate(call, series) for _ in range(_ROUNDS))
        yield Row(f"CT of 280 elements, {name}", "instances/s, one core", "higher", rate,
                  target=target)  # fmt: skip


def _with_empty_memory(part10: bytes) -> object:
    return examine_source(part10, memo=Memo())


def _rate(call: Callable[[bytes], object], series: Sequence[Instance]) -> float:
    began = time.process_time()
    for instance in series:
        call(instance.part10)
    return len(series) / (time.process_time() - began)


if __name__ == "__main__":
    print(table(list(run(argparse.Namespace()))))
