"""QIDO-RS: by PatientID, by date range, and the plain list; small and large indexes."""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import systems
from bench.client import Timings, get, stow, stow_bodies
from bench.fill_index import fill
from bench.instances import make_study
from bench.report import Row
from bench.systems import System

_SMALL = 10_000
_PER_STUDY = 100
_ROWS_TINY = 16
_PATIENT = "BENCH-000042"


def run(options: argparse.Namespace) -> Iterator[Row]:
    """Yield Hilum beside Orthanc at 10 thousand instances, then Hilum small beside Hilum large."""
    with systems.orthanc(options.folder) as system:
        for number in range(_SMALL // _PER_STUDY):
            patient, date = f"BENCH-{number:06d}", f"2026{number % 12 + 1:02d}{number % 28 + 1:02d}"
            study = make_study(_PER_STUDY, _ROWS_TINY, patient_id=patient, study_date=date)
            stow(system, stow_bodies(study, 50), connections=2)
        theirs = _ask(system, _PATIENT, times=60)
    small = _hilum(options.folder, _SMALL)
    large = _hilum(options.folder, options.instances)
    for name, ours in small.items():
        yield Row(
            f"QIDO {name}, {_SMALL:,} instances",
            "ms p50",
            "lower",
            ours.p50 * 1e3,
            theirs[name].p50 * 1e3,
            target=">= 10 x Orthanc",
        )
    for name, ours in large.items():
        times = ours.p50 / small[name].p50
        yield Row(
            f"QIDO {name}, {options.instances:,} instances",
            "ms p50",
            "lower",
            ours.p50 * 1e3,
            target=f"<= 2 x the small index: {times:.2f} x",
        )


def _ask(system: System, patient: str, times: int) -> dict[str, Timings]:
    questions = {
        "by PatientID": f"/studies?PatientID={patient}",
        "20 studies": "/studies?limit=20",
        "by date range": "/studies?StudyDate=20260301-20260331&limit=100",
        "limit=100": "/studies?limit=100",
    }
    return {name: get(system, path, times=times) for name, path in questions.items()}


def _hilum(parent: Path | None, instances: int) -> dict[str, Timings]:
    data = Path(tempfile.mkdtemp(prefix="hilum-bench-", dir=parent))
    try:
        patient = fill(data, instances, per_study=_PER_STUDY)
        with systems.hilum(parent, data=data) as system:
            return _ask(system, patient, times=400)
    finally:
        shutil.rmtree(data, ignore_errors=True)
