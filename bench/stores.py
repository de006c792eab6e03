"""STOW-RS: instances per second, on Hilum, Orthanc and the bare server in turn."""

import argparse
import os
import statistics
import time
from collections.abc import Iterator

from bench import systems
from bench.client import stow, stow_bodies
from bench.instances import ROWS_33_KB, ROWS_525_KB, make_study
from bench.report import Row

_WORKLOADS = (
    ("STOW 600 x 525 KB, 15 a request, 4 connections", 600, ROWS_525_KB, 15),
    ("STOW 600 x 525 KB, 1 a request, 4 connections", 600, ROWS_525_KB, 1),
    ("STOW 2,000 x 33 KB, 20 a request, 4 connections", 2_000, ROWS_33_KB, 20),
)

_PAUSE_SECONDS = 2.0
"""For every system to have started whatever it starts."""


def run(options: argparse.Namespace) -> Iterator[Row]:
    """Yield a row a workload: the median of `options.rounds` rounds, fresh UIDs in each."""
    for name, count, rows, per_request in _WORKLOADS:
        rates: dict[str, list[float]] = {"Hilum": [], "Orthanc": [], "bare": []}
        for _ in range(options.rounds):
            for start in (systems.hilum, systems.orthanc, systems.bare):
                bodies = stow_bodies(make_study(count, rows), per_request)
                with start(options.folder) as system:
                    # A first request that is not counted: imports, connections, first files.
                    stow(system, stow_bodies(make_study(per_request, rows), per_request), 1)
                    os.sync()
                    time.sleep(_PAUSE_SECONDS)
                    rates[system.name].append(count / stow(system, bodies, connections=4))
        yield Row(
            name,
            "instances/s",
            "higher",
            *(statistics.median(rates[system]) for system in ("Hilum", "Orthanc", "bare")),
            target=">= 5 x Orthanc, >= 0.6 x bare",
        )
