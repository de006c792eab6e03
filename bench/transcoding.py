"""The header transcoder beside pydicom, in one process."""

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence

import pydicom
from hilum.dicom.header import read_header

from bench.instances import ROWS_33_KB, make_study
from bench.report import Row


def run(options: argparse.Namespace) -> Iterator[Row]:  # noqa: ARG001 - same form as the others
    """Yield how much faster a header becomes DICOM JSON, inside a series and never seen before."""
    files = [instance.part10 for instance in make_study(300, ROWS_33_KB)]

    def by_pydicom(part10: bytes) -> str:
        dataset = pydicom.dcmread(io.BytesIO(part10), stop_before_pixels=True)
        return json.dumps(dataset.to_json_dict())

    theirs = _best(by_pydicom, files[:40])
    for part10 in files[:20]:
        read_header(part10)
    yield Row(
        "header to DICOM JSON, within a series",
        "ms",
        "lower",
        _best(read_header, files[20:]) * 1e3,
        theirs * 1e3,
        target=">= 40 x pydicom (in Orthanc's column)",
    )


def _best(read: Callable[[bytes], object], files: Sequence[bytes], repeats: int = 3) -> float:
    """Return the least mean time of one header over `repeats` passes, in seconds."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        for part10 in files:
            read(part10)
        best = min(best, (time.perf_counter() - started) / len(files))
    return best
