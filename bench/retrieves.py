"""WADO-RS: metadata, studies, instances, frames; and what large ones cost in memory."""

import argparse
import http.client
import threading
from collections.abc import Iterator

from bench import systems
from bench.client import BOUNDARY, Timings, get, stow, stow_bodies
from bench.instances import ROWS_33_KB, ROWS_525_KB, Instance, make_study
from bench.rates import Rate, rate
from bench.report import Row
from bench.systems import System

_MULTIPART = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_FRAME = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
_GIB = 1 << 30
_FRAME_BYTES = 512 * 512 * 2


def run(options: argparse.Namespace) -> Iterator[Row]:
    """Yield rows for a study of 100 instances of 525 KB."""
    study = make_study(100, ROWS_525_KB)
    path = f"/studies/{study[0].study}"
    one = _instance_path(study[0])
    found: dict[str, tuple[Timings, ...]] = {}
    for start in (systems.hilum, systems.orthanc):
        with start(options.folder) as system:
            stow(system, stow_bodies(study, 20), connections=1)
            found[system.name] = (
                get(system, f"{path}/metadata", times=100, gzip=True),
                get(system, f"{path}/metadata", times=100),
                get(system, path, times=40, accept=_MULTIPART),
                get(system, one, times=1000, accept=_MULTIPART),
            )
    ours, theirs = found["Hilum"], found["Orthanc"]
    for index, name in enumerate(("gzip accepted", "identity")):
        yield Row(
            f"metadata of 100 instances, {name}",
            "ms p50",
            "lower",
            ours[index].p50 * 1e3,
            theirs[index].p50 * 1e3,
            target=">= 50 x Orthanc",
        )
    yield Row(
        "retrieve of a study, 100 x 525 KB",
        "MB/s",
        "higher",
        ours[2].received_bytes / ours[2].p50 / 1e6,
        theirs[2].received_bytes / theirs[2].p50 / 1e6,
        target=">= 4 x Orthanc",
    )
    yield Row(
        "retrieve of one instance of 525 KB",
        "requests/s",
        "higher",
        1 / ours[3].p50,
        1 / theirs[3].p50,
        target=">= 3 x Orthanc",
    )


def run_frames(options: argparse.Namespace) -> Iterator[Row]:
    """Yield rows for frames of small instances and of one of 1 GB."""
    study = make_study(100, ROWS_33_KB)
    frames = [f"{_instance_path(one)}/frames/1" for one in study]
    rates: list[Rate] = []
    for start in (systems.hilum, systems.orthanc):
        with start(options.folder) as system:
            stow(system, stow_bodies(study, 20), connections=1)
            rate(system, frames, times=len(frames), accept=_FRAME)
            rates.append(rate(system, frames, times=5000, accept=_FRAME))
    what = "a frame of each of 100 instances of 33 KB"
    ours, theirs = (each.per_second for each in rates)
    yield Row(what, "requests/s", "higher", ours, theirs, target=">= 4 x Orthanc")
    ours, theirs = (each.cpu_seconds * 1e6 for each in rates)
    yield Row(f"{what}: processor time", "us a request", "lower", ours, theirs)
    with systems.hilum(options.folder) as system:
        stow(system, stow_bodies(make_study(20, ROWS_33_KB), 20), connections=1)
        large = _instance_path(_stow_large(system, frames=_GIB // _FRAME_BYTES))
        get(system, f"{large}/frames/1", times=20, accept=_FRAME)
        before = system.rss_bytes
        with _Peak(system) as reading:
            first = get(system, f"{large}/frames/1", times=200, accept=_FRAME)
            late = get(system, f"{large}/frames/1000", times=200, accept=_FRAME)
        yield Row(
            "frame 1,000 of a 1 GB instance, to frame 1",
            "times",
            "lower",
            late.p50 / first.p50,
            target="<= 2",
        )
        yield _growth("frames of a 1 GB instance", reading.peak_bytes - before, 50)


def run_memory(options: argparse.Namespace) -> Iterator[Row]:
    """Yield rows for a 2 GB multi-frame instance and a study of 5,000 instances, Hilum alone."""
    with systems.hilum(options.folder) as system:
        stow(system, stow_bodies(make_study(20, ROWS_33_KB), 20), connections=1)
        before = system.rss_bytes
        with _Peak(system) as storing:
            large = _stow_large(system, frames=2 * _GIB // _FRAME_BYTES)
        yield _growth("STOW of a 2 GB instance", storing.peak_bytes - before)
        with _Peak(system) as reading:
            get(system, _instance_path(large), times=1, accept=_MULTIPART, seconds=300)
        yield _growth("WADO of a 2 GB instance", reading.peak_bytes - before)
    with systems.hilum(options.folder) as system:
        study = make_study(5_000, ROWS_33_KB)
        stow(system, stow_bodies(study, 50), connections=2)
        before = system.rss_bytes
        with _Peak(system) as reading:
            answer = get(system, f"/studies/{study[0].study}", times=3, accept=_MULTIPART)
        yield _growth("WADO of 5,000 instances", reading.peak_bytes - before)
        yield Row(
            "first byte of a study of 5,000 instances",
            "ms",
            "lower",
            answer.first_byte * 1e3,
            target="<= 100 ms",
        )


def _instance_path(one: Instance) -> str:
    return f"/studies/{one.study}/series/{one.series}/instances/{one.sop_instance}"


def _growth(what: str, grown_bytes: int, most_mb: int = 150) -> Row:
    grown = max(grown_bytes, 0) / 1e6
    return Row(f"{what}: memory grows by", "MB", "lower", grown, target=f"< {most_mb} MB")


class _Peak:
    """Samples the resident memory of a system every 20 ms while it is entered."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.peak_bytes = 0

    def _sample(self) -> None:
        while not self._stop.wait(0.02):
            self.peak_bytes = max(self.peak_bytes, self._system.rss_bytes)

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _stow_large(system: System, frames: int) -> Instance:
    """Store one multi-frame instance of `frames` x 512 KiB, sent in chunks, and return its name."""
    instance = make_study(1, ROWS_525_KB)[0]
    split = instance.part10.index(b"\xe0\x7f\x10\x00")
    frame = instance.part10[split + 12 :]
    # (0028,0008) NumberOfFrames goes before (0028,0010) Rows; both lie in the header.
    number = f"{frames:<6d}".encode()
    rows = instance.part10.index(b"\x28\x00\x10\x00US")
    head = instance.part10[:rows] + b"\x28\x00\x08\x00IS\x06\x00" + number
    head += instance.part10[rows:split] + b"\xe0\x7f\x10\x00OW\x00\x00"
    head += (len(frame) * frames).to_bytes(4, "little")
    start = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + head
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", system.port)
    connection.putrequest("POST", f"{system.prefix}/studies")
    connection.putheader("Accept", "application/dicom+json")
    media_type = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    connection.putheader("Content-Type", media_type)
    connection.putheader("Content-Length", str(len(start) + len(frame) * frames + len(end)))
    connection.endheaders()
    connection.send(start)
    for _ in range(frames):
        connection.send(frame)
    connection.send(end)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{system.name}: STOW of a large instance: {answer.status} {text[:300]!r}")
    connection.close()
    return instance
