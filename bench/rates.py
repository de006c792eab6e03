"""How often a server answers one request after another: by a client that costs next to nothing.

`http.client` takes 200 us for a request, as much as an answer does; here the request is written
before, and of the answer only the length is looked at. What is told beside is the processor time
of the server, which does not depend on what else the machine does.
"""

import os
import re
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.client import Timings
from bench.systems import System

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)
_TICKS = os.sysconf("SC_CLK_TCK")
_BUFFER_BYTES = 1 << 20


@dataclass(slots=True)
class Rate:
    """What came of many requests."""

    timings: Timings
    cpu_seconds: float
    """Of the server and its processes, for one request."""
    etag: str = ""
    """Of the last answer."""

    @property
    def per_second(self) -> float:
        return 1 / self.timings.p50


def rate(
    system: System,
    paths: Sequence[str],
    *,
    times: int,
    accept: str,
    status: int = 200,
    headers: str = "",
    seconds: float = 20.0,
) -> Rate:
    """Get `paths` in turn over one connection, `times` times in all, within `seconds`.

    `headers` are further lines of the request, each with its end.
    """
    requests = [_request(system, path, accept, headers) for path in paths]
    buffer = bytearray(_BUFFER_BYTES)
    result, head, received = Rate(Timings([]), 0.0), b"", 0
    with socket.create_connection(("127.0.0.1", system.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = _cpu_seconds(system.pid)
        deadline = time.perf_counter() + seconds
        for number in range(times):
            started = time.perf_counter()
            connection.sendall(requests[number % len(requests)])
            found, head, received = _answer(connection, buffer)
            ended = time.perf_counter()
            result.timings.seconds.append(ended - started)
            if found != status:
                raise SystemExit(f"{system.name}: GET {paths[number % len(paths)]}: {found}")
            if ended > deadline:
                break
        result.cpu_seconds = (_cpu_seconds(system.pid) - before) / len(result.timings.seconds)
    result.timings.received_bytes = received
    tag = _ETAG.search(head)
    result.etag = tag[1].decode() if tag else ""
    return result


def _request(system: System, path: str, accept: str, headers: str) -> bytes:
    return (
        f"GET {system.prefix}{path} HTTP/1.1\r\nHost: 127.0.0.1:{system.port}\r\n"
        f"Accept: {accept}\r\n{headers}\r\n"
    ).encode()


def _answer(connection: socket.socket, buffer: bytearray) -> tuple[int, bytes, int]:
    """Read an answer: its status, its head, and the bytes of its body."""
    view = memoryview(buffer)
    received = connection.recv_into(view)
    while (end := buffer.find(b"\r\n\r\n", 0, received)) < 0:
        received += connection.recv_into(view[received:])
    head = bytes(view[:end])
    found, length = _STATUS.match(head), _LENGTH.search(head)
    if found is None:
        raise SystemExit(f"no answer: {head[:100]!r}")
    if length is None and found[1] != b"304":
        raise SystemExit("an answer without Content-Length cannot be measured here")
    size = int(length[1]) if length and found[1] != b"304" else 0
    left = size - (received - end - 4)
    while left > 0:
        left -= connection.recv_into(view)
    return int(found[1]), head, size


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process and of those it started."""
    children = subprocess.run(
        ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    total = 0
    for process in (str(pid), *children):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS
