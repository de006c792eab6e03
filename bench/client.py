"""A client light enough not to be what is measured: bodies are made before, sockets stay open."""

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.instances import Instance
from bench.systems import System

BOUNDARY = "hilum-bench-5d2f7c1e9a40"
_DICOM_JSON = {"Accept": "application/dicom+json"}


def stow_bodies(instances: Sequence[Instance], per_request: int) -> list[bytes]:
    """Return multipart/related bodies of `per_request` instances each."""
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    tail = f"--{BOUNDARY}--\r\n".encode()
    bodies = []
    for start in range(0, len(instances), per_request):
        group = instances[start : start + per_request]
        bodies.append(b"".join(b"%b%b\r\n" % (head, one.part10) for one in group) + tail)
    return bodies


def stow(system: System, bodies: Sequence[bytes], connections: int) -> float:
    """Post every body over `connections` kept-alive connections; return the seconds it took."""
    headers = _DICOM_JSON | {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    }
    pending = list(reversed(bodies))
    failures: list[str] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", system.port)
        connection.connect()
        while True:
            try:
                body = pending.pop()
            except IndexError:
                break
            connection.request("POST", f"{system.prefix}/studies", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                failures.append(f"{answer.status} {text[:200]!r}")
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    if failures:
        raise SystemExit(f"{system.name}: STOW failed: {failures[0]}")
    return elapsed


@dataclass(slots=True)
class Timings:
    """Seconds per request, and bytes received."""

    seconds: list[float]
    received_bytes: int = 0
    first_byte: float = 0.0

    @property
    def p50(self) -> float:
        ordered = sorted(self.seconds)
        return ordered[len(ordered) // 2]


def get(
    system: System,
    path: str,
    *,
    times: int,
    accept: str = "application/dicom+json",
    gzip: bool = False,
    seconds: float = 20.0,
) -> Timings:
    """Get `path` up to `times` times within `seconds` on one kept-alive connection."""
    headers = {"Accept": accept} | ({"Accept-Encoding": "gzip"} if gzip else {})
    connection = http.client.HTTPConnection("127.0.0.1", system.port)
    timings = Timings([])
    deadline = time.perf_counter() + seconds
    for _ in range(times):
        started = time.perf_counter()
        connection.request("GET", system.prefix + path, headers=headers)
        answer = connection.getresponse()
        received = len(answer.read(65536))
        timings.first_byte = time.perf_counter() - started
        while block := answer.read(1 << 20):
            received += len(block)
        timings.seconds.append(time.perf_counter() - started)
        timings.received_bytes = received
        if answer.status != 200 or received == 0:
            raise SystemExit(f"{system.name}: GET {path} answered {answer.status}")
        if time.perf_counter() > deadline:
            break
    connection.close()
    return timings
