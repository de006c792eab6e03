"""A pixel worker with tasks that go wrong, each in a way of its own."""

import os
import signal
import sys
import time
from pathlib import Path
from types import MappingProxyType

from hilum.adapters.pixels import worker
from hilum.imaging.tasks import TASKS, Result


def _crash() -> Result:
    os.kill(os.getpid(), signal.SIGSEGV)
    return Result({}, b"")


def _sleep(seconds: float) -> Result:
    time.sleep(seconds)
    return Result({"slept": seconds}, b"")


def _eat(size_bytes: int) -> Result:
    return Result({}, bytes(bytearray(size_bytes)[:1]))


def _echo(data: bytes) -> Result:
    return Result({"process": os.getpid()}, data)


def _fail() -> Result:
    message = "Doe^Jane"
    raise LookupError(message)


def _see() -> Result:
    return Result(dict(os.environ), b"")


def _write(path: str) -> Result:
    Path(path).write_bytes(b"x" * 10_000)
    return Result({}, b"")


_MORE = {
    "crash": _crash,
    "sleep": _sleep,
    "eat": _eat,
    "echo": _echo,
    "fail": _fail,
    "see": _see,
    "write": _write,
}

if __name__ == "__main__":
    worker.TASKS = MappingProxyType({**TASKS, **_MORE})
    worker.main(sys.argv[1:])
