"""The pixel worker: a process that runs codecs, within limits, and knows nothing else.

`python -m hilum.adapters.pixels.worker DESCRIPTOR MEMORY_BYTES TASK_SECONDS`
"""

import contextlib
import gc
import resource
import signal
import socket
import sys
import traceback
from typing import Final

from hilum.adapters.pixels.exchange import (
    NO_MEMORY_EXIT,
    Answer,
    Kind,
    receive_call,
    send_answer,
)
from hilum.domain.errors import HilumError, LimitExceeded
from hilum.imaging.tasks import TASKS, warm_up

_LATE_SECONDS: Final = 5
"""After its time a task is ended by the serving process; this much later by itself."""


def serve(connection: socket.socket, task_seconds: int) -> None:
    """Do what is asked until the serving process has gone.

    When that was killed in the middle of a task, nobody else ends it.
    """
    send_answer(connection, Answer(Kind.READY, {}, b""))
    while (call := receive_call(connection)) is not None:
        name, arguments = call
        signal.alarm(task_seconds + _LATE_SECONDS)
        send_answer(connection, _answer(name, arguments))
        signal.alarm(0)


def _answer(name: str, arguments: tuple[object, ...]) -> Answer:
    try:
        result = TASKS[name](*arguments)
    except HilumError as error:
        limit = error.limit if isinstance(error, LimitExceeded) else ""
        facts = {"code": error.code, "message": str(error), "limit": limit}
        return Answer(Kind.REFUSED, facts, b"")
    except MemoryError:
        return Answer(Kind.NO_MEMORY, {}, b"")
    except Exception as error:  # noqa: BLE001 - the edge of a process; the other side logs it
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{last.filename}:{last.lineno} {last.name}"
        return Answer(Kind.BUG, {"error": type(error).__name__, "place": place}, b"")
    return Answer(Kind.DONE, result.facts, result.data)


def limit(memory_bytes: int) -> None:
    """Allow so much memory beyond what is mapped now, no core dumps and no files."""
    with contextlib.suppress(OSError, ValueError):
        mapped = _mapped_bytes() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (mapped, mapped))
    # A core dump would be pixels of a patient on a disk nobody looks at.
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (0, 0))


def _mapped_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - Linux's own
        pages = int(file.read().split()[0])
    return pages * resource.getpagesize()


def main(arguments: list[str]) -> None:
    """Run with the descriptor of the socket, and the memory and the time a task may have."""
    # A signal to the group is meant for the serving process, which lets this one finish.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    descriptor, memory_bytes, task_seconds = map(int, arguments)
    warm_up()
    limit(memory_bytes)
    gc.freeze()
    with socket.socket(fileno=descriptor) as connection, contextlib.suppress(ConnectionError):
        try:
            serve(connection, task_seconds)
        except MemoryError:  # the call itself is too large
            sys.exit(NO_MEMORY_EXIT)


if __name__ == "__main__":
    main(sys.argv[1:])
