"""The header transcoder beside pydicom, as rows of the common table; see bench/transcoder.py."""

import argparse
import warnings
from collections.abc import Callable, Iterator
from functools import partial

from bench.report import Row
from bench.transcoder import (
    by_pydicom,
    make_series,
    never_seen,
    of_a_new_study,
    seconds_per_header,
    within_a_series,
)

_REPEATS = 7


def run(options: argparse.Namespace) -> Iterator[Row]:  # noqa: ARG001 - same form as the others
    """Yield a row for headers of a series, of a new study, and with nothing read before."""
    warnings.simplefilter("ignore")
    files = make_series(1, 60)
    others = make_series(2, 4) + make_series(3, 4)
    cases: tuple[tuple[str, Callable[[], float], str], ...] = (
        ("within a series", partial(within_a_series, files), ">= 40 x pydicom"),
        ("of a new study, same scanner", partial(of_a_new_study, files, others), ">= 15 x pydicom"),
        ("with an empty memory", partial(never_seen, files), ">= 15 x pydicom"),
    )
    for name, measure, target in cases:
        ours = theirs = float("inf")
        for _ in range(_REPEATS):
            ours = min(ours, measure())
            theirs = min(theirs, seconds_per_header(by_pydicom, files[:3]))
        yield Row(
            f"header to DICOM JSON, {name}",
            "ms (pydicom in Orthanc's column)",
            "lower",
            ours * 1e3,
            theirs * 1e3,
            target=target,
        )
