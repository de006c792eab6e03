"""What goes between the serving process and a pixel worker, over a socket.

The worker runs decoders of hostile input and is not believed: it is sent pickled objects, and
answers with JSON and bytes, whose lengths are checked before they are read.
"""

import asyncio
import copyreg
import io
import json
import pickle
import socket
from collections.abc import Mapping, Sequence
from enum import IntEnum
from struct import Struct
from typing import Any, Final, NamedTuple

from hilum.domain.images import EncodedFrame

_CALL: Final = Struct("<QI")
"""Length of a pickled (name of the task, arguments), and how many large bytes follow it."""
_LENGTH: Final = Struct("<Q")
_LARGE_BYTES: Final = 64 * 1024
"""From so many on, a frame's bytes go beside what is pickled: three copies less."""
ANSWER: Final = Struct("<BIQ")
"""Kind, length of the facts, length of the data."""
MOST_FACTS_BYTES: Final = 1 << 20
NO_MEMORY_EXIT: Final = 12
"""Exit code of a worker that could not even take a call."""


class Kind(IntEnum):
    """What a worker answers."""

    READY = 0
    """Sent once, before any call."""
    DONE = 1
    REFUSED = 2
    """One of our errors; the facts are its `code` and `message`."""
    NO_MEMORY = 3
    BUG = 4
    """The facts are the error's type and place."""


class Answer(NamedTuple):
    """A worker's answer."""

    kind: Kind
    facts: Mapping[str, Any]
    data: bytes


class WorkerGone(Exception):
    """The worker ended, or talks nonsense."""


def call_pieces(name: str, arguments: tuple[object, ...]) -> Sequence[bytes | memoryview]:
    """Write a call, as bytes that are sent one after another."""
    large: list[memoryview] = []

    def is_pickled(data: pickle.PickleBuffer) -> bool:
        raw = data.raw()
        if raw.nbytes < _LARGE_BYTES:
            return True
        large.append(raw)
        return False

    file = io.BytesIO()
    pickler = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL, buffer_callback=is_pickled)
    pickler.dispatch_table = _REDUCED
    pickler.dump((name, arguments))
    pickled = file.getvalue()
    head = [_CALL.pack(len(pickled), len(large)), *(_LENGTH.pack(each.nbytes) for each in large)]
    return [b"".join([*head, pickled]), *large]


def _reduced(frame: EncodedFrame) -> tuple[type[EncodedFrame], tuple[object, ...]]:
    return EncodedFrame, (frame.pixels, pickle.PickleBuffer(frame.data), frame.bit_offset)


_REDUCED: Final[Mapping[type, Any]] = copyreg.dispatch_table | {EncodedFrame: _reduced}


def receive_call(connection: socket.socket) -> tuple[str, tuple[Any, ...]] | None:
    """Wait for a call, in the worker; None when the serving process has gone."""
    head = _receive(connection, _CALL.size)
    if head is None:
        return None
    pickled_bytes, count = _CALL.unpack(head)
    lengths = _receive(connection, count * _LENGTH.size)
    pickled = None if lengths is None else _receive(connection, pickled_bytes)
    if lengths is None or pickled is None:
        return None
    large = []
    for (length,) in _LENGTH.iter_unpack(lengths):
        data = _receive(connection, length)
        if data is None:
            return None
        large.append(data)
    name, arguments = pickle.loads(pickled, buffers=large)  # noqa: S301 - from who started this
    return name, arguments


def send_answer(connection: socket.socket, answer: Answer) -> None:
    """Answer a call, in the worker."""
    facts = json.dumps(answer.facts).encode()
    connection.sendall(ANSWER.pack(answer.kind, len(facts), len(answer.data)) + facts)
    connection.sendall(answer.data)


async def ask(
    connection: socket.socket, call: Sequence[bytes | memoryview], most_bytes: int
) -> Answer:
    """Send a call and wait for its answer. Raises `WorkerGone`."""
    loop = asyncio.get_running_loop()
    try:
        for piece in call:
            await loop.sock_sendall(connection, piece)
    except OSError as error:
        raise WorkerGone from error
    return await answer(connection, most_bytes)


async def answer(connection: socket.socket, most_bytes: int) -> Answer:
    """Wait for an answer with up to `most_bytes` of data. Raises `WorkerGone`."""
    head = await _read(connection, ANSWER.size)
    kind, facts_bytes, data_bytes = ANSWER.unpack(head)
    if facts_bytes > MOST_FACTS_BYTES or data_bytes > most_bytes:
        raise WorkerGone
    facts = await _read(connection, facts_bytes)
    data = await _read(connection, data_bytes)
    try:
        told = json.loads(facts)
        found = Answer(Kind(kind), told, bytes(data))
    except ValueError as error:
        raise WorkerGone from error
    if not isinstance(told, dict):
        raise WorkerGone
    return found


async def _read(connection: socket.socket, length: int) -> bytearray:
    loop = asyncio.get_running_loop()
    got = bytearray(length)
    rest = memoryview(got)
    try:
        while rest:
            received = await loop.sock_recv_into(connection, rest)
            if not received:
                raise WorkerGone
            rest = rest[received:]
    except OSError as error:
        raise WorkerGone from error
    return got


def _receive(connection: socket.socket, length: int) -> bytes | None:
    got = b""
    while len(got) < length:  # once, up to 2 GiB
        more = connection.recv(length - len(got), socket.MSG_WAITALL)
        if not more:
            return None
        got = got + more if got else more
    return got
