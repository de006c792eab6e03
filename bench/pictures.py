"""Rendered resources and thumbnails: drawn anew, from the cache, and revalidated."""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bench import systems
from bench.client import stow, stow_bodies
from bench.instances import ROWS_525_KB, Instance, make_study
from bench.rates import Rate, rate
from bench.report import Row
from bench.systems import System

_JPEG = "image/jpeg"
_WINDOWS = 5
"""Each image is drawn in so many windows, so that none but the first comes from a cache."""


def run_rendered(options: argparse.Namespace) -> Iterator[Row]:
    """Yield rows for the JPEG of a CT of 512 x 512."""
    study = _phantoms(100)
    drawn: list[Rate] = []
    cached: list[Rate] = []
    held: list[Rate] = []
    for start in (systems.hilum, systems.orthanc):
        with start(options.folder) as system:
            stow(system, stow_bodies(study, 20), connections=1)
            paths = [f"{_frame_path(one)}/rendered" for one in study]
            rate(system, paths[:20], times=20, accept=_JPEG)  # whatever is started by need, is
            windowed = [
                f"{path}?window={40 + 10 * window},400,linear"
                for window in range(_WINDOWS)
                for path in paths
            ]
            drawn.append(rate(system, windowed, times=len(windowed), accept=_JPEG, seconds=60))
            rate(system, paths, times=len(paths), accept=_JPEG)
            cached.append(rate(system, paths, times=3000, accept=_JPEG))
            if system.name == "Hilum":
                held.append(_revalidated(system, paths[0]))
    ours, theirs = drawn[0].per_second, drawn[1].per_second
    yield Row("JPEG of a CT of 512 x 512, drawn", "requests/s", "higher", ours, theirs,
              target=">= 3 x Orthanc")  # fmt: skip
    yield _cpu("JPEG of a CT of 512 x 512, drawn", drawn)
    yield Row("the same, drawn before", "requests/s", "higher", cached[0].per_second,
              cached[1].per_second, target=">= 20 x Orthanc")  # fmt: skip
    yield _cpu("the same, drawn before", cached)
    yield Row("the same, held by the client (304)", "requests/s", "higher", held[0].per_second,
              cached[1].per_second, target=">= 20 x Orthanc")  # fmt: skip


def run_thumbnails(options: argparse.Namespace) -> Iterator[Row]:
    """Yield rows for a thumbnail of each of 100 instances, and of their study, never asked for."""
    study = _phantoms(100)
    with systems.hilum(options.folder) as system:
        stow(system, stow_bodies(study, 20), connections=1)
        started = time.perf_counter()
        paths = [f"{_instance_path(one)}/thumbnail" for one in study]
        rate(system, paths, times=len(paths), accept=_JPEG, seconds=60)
        each = time.perf_counter() - started
        started = time.perf_counter()
        rate(system, [f"/studies/{study[0].study}/thumbnail"], times=1, accept=_JPEG)
        whole = time.perf_counter() - started
    what = "of a study of 100 instances of 525 KB, never asked for"
    yield Row(f"thumbnails of all instances {what}", "ms", "lower", each * 1e3,
              target="<= 1,000 ms")  # fmt: skip
    yield Row(f"thumbnail {what}", "ms", "lower", whole * 1e3)


def _revalidated(system: System, path: str) -> Rate:
    tag = rate(system, [path], times=1, accept=_JPEG).etag
    headers = f"If-None-Match: {tag}\r\n"
    return rate(system, [path], times=3000, accept=_JPEG, status=304, headers=headers)


def _cpu(what: str, rates: Sequence[Rate]) -> Row:
    ours, theirs = (each.cpu_seconds * 1e3 for each in rates)
    return Row(f"{what}: processor time", "ms a request", "lower", ours, theirs)


def _instance_path(one: Instance) -> str:
    return f"/studies/{one.study}/series/{one.series}/instances/{one.sop_instance}"


def _frame_path(one: Instance) -> str:
    return f"{_instance_path(one)}/frames/1"


def _phantoms(number: int) -> Sequence[Instance]:
    """A study whose pixels are a body in air with organs and noise: what JPEG has to work on."""
    study = make_study(number, ROWS_525_KB)
    noise = np.random.default_rng(11).normal(0, 12, (512, 512))
    rows, columns = np.mgrid[:512, :512]
    body = (rows - 256) ** 2 / 1.3 + (columns - 256) ** 2 < 180**2
    found = []
    for position, one in enumerate(study):
        organs = 1064 + 80 * np.sin((columns + 3 * position) / 25) * np.cos(rows / 31)
        values = np.clip(np.where(body, organs, 24) + np.roll(noise, position), 0, 4095)
        split = one.part10.index(b"\xe0\x7f\x10\x00") + 12
        part10 = one.part10[:split] + values.astype("<u2").tobytes()
        found.append(replace(one, part10=part10))
    return found
