"""The keeper's side: batches in, decisions out, until the serving process has gone."""

import select
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from hilum.adapters.keeper.exchange import Memory, receive, send
from hilum.domain.errors import ArchiveFault, HilumError
from hilum.domain.identifiers import ObjectKey
from hilum.domain.instances import Disposition, Kept
from hilum.domain.records import Committed

_IDLE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch: decisions, or the error that stopped all of it."""

    decisions: Sequence[Committed] = ()
    error: HilumError | None = None
    bug: str | None = None
    """Name of the exception that no one expected."""
    put_seconds: float = 0.0


class Objects(Protocol):
    def put(self, objects: Sequence[tuple[ObjectKey, memoryview]]) -> Sequence[ArchiveFault | None]:
        """Put them all; for each the error of `ObjectStore.put_once`, or None."""
        ...


class Rows(Protocol):
    def commit(self, batch: Sequence[Kept]) -> Sequence[Committed]: ...
    def rest(self) -> None: ...


def serve(connection: socket.socket, memory: Memory, objects: Objects, rows: Rows) -> None:
    """Keep batches until the other side closes its end or dies."""
    while True:
        if not select.select((connection,), (), (), _IDLE_SECONDS)[0]:
            rows.rest()
        length = receive(connection)
        if length is None:
            return
        answer = _answer(memory, length, objects, rows)
        if not send(connection, memory.put(answer)):
            return


def _answer(memory: Memory, length: int, objects: Objects, rows: Rows) -> Answer:
    try:
        return _keep(memory, length, memory.get(length), objects, rows)
    except HilumError as error:
        return Answer(error=error)
    except Exception as error:  # noqa: BLE001 - the other side tells it, with its correlation ids
        return Answer(bug=type(error).__name__)


def _keep(
    memory: Memory,
    start: int,
    batch: Sequence[tuple[Kept, int]],
    objects: Objects,
    rows: Rows,
) -> Answer:
    """Put what came with bytes (a length that is not -1), then commit what lies safely."""
    began = time.perf_counter()
    faults = _put(memory, start, batch, objects)
    put_seconds = time.perf_counter() - began
    everything = [kept for kept, _ in batch]
    decided = rows.commit([kept for kept in everything if kept.object_key not in faults])
    return Answer(with_faults(everything, faults, decided), put_seconds=put_seconds)


def with_faults(
    batch: Sequence[Kept], faults: Mapping[ObjectKey, ArchiveFault], decided: Sequence[Committed]
) -> Sequence[Committed]:
    """An answer for each item: its object's fault, or else the next decision of the index."""
    for fault in faults.values():
        fault.engine = "objects"
    decisions = iter(decided)
    return [
        Committed(Disposition.FAILED, kept.version, faults[kept.object_key])
        if kept.object_key in faults
        else next(decisions)
        for kept in batch
    ]


def _put(
    memory: Memory, start: int, batch: Sequence[tuple[Kept, int]], objects: Objects
) -> dict[ObjectKey, ArchiveFault]:
    puts: list[tuple[ObjectKey, memoryview]] = []
    for kept, length in batch:
        if length >= 0:
            puts.append((kept.object_key, memory.contents(start, length)))
            start += length
    try:
        faults = objects.put(puts)
    finally:
        for _, view in puts:
            view.release()
    return {key: fault for (key, _), fault in zip(puts, faults, strict=True) if fault is not None}


def configuration(connection: socket.socket, memory: Memory) -> Any:  # noqa: ANN401 - as it was put
    """Wait for the first message: what this process is to work with. None when nothing comes."""
    length = receive(connection)
    return None if length is None else memory.get(length)


def report_ready(connection: socket.socket) -> None:
    """Answer the first message. Nobody may be there to hear it: `serve` finds out."""
    send(connection, 0)
