"""What goes between the serving process and a pixel worker, over a socket.

The worker runs decoders of hostile input and is not believed: it is sent pickled objects, and
answers with JSON and bytes, whose lengths are checked before they are read.
"""

import asyncio
import io
import json
import pickle
import socket
from collections.abc import Mapping, Sequence
from enum import IntEnum
from struct import Struct
from typing import Any, Final, NamedTuple

_CALL: Final = Struct("<QI")
"""Length of a pickled (name of the task, arguments), and how many large bytes follow it."""
_LENGTH: Final = Struct("<Q")
_LARGE_BYTES: Final = 64 * 1024
"""From so many on, bytes go beside what is pickled: three copies of each frame less."""
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


class _Pickler(pickle.Pickler):
    """Leaves large bytes out."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.large: list[bytes] = []

    def persistent_id(self, obj: object) -> int | None:
        if type(obj) is not bytes or len(obj) < _LARGE_BYTES:
            return None
        self.large.append(obj)
        return len(self.large) - 1


class _Unpickler(pickle.Unpickler):
    """Puts them back in."""

    def __init__(self, pickled: bytes, large: Sequence[bytes]) -> None:
        super().__init__(io.BytesIO(pickled))
        self._large = large

    def persistent_load(self, pid: Any) -> bytes:  # noqa: ANN401 - the library's signature
        data: bytes = self._large[pid]
        return data


def call_pieces(name: str, arguments: tuple[object, ...]) -> Sequence[bytes]:
    """Write a call, as bytes that are sent one after another."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    pickler.dump((name, arguments))
    pickled, large = file.getvalue(), pickler.large
    head = [_CALL.pack(len(pickled), len(large)), *(_LENGTH.pack(len(each)) for each in large)]
    return [b"".join([*head, pickled]), *large]


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
    name, arguments = _Unpickler(pickled, large).load()
    return name, arguments


def send_answer(connection: socket.socket, answer: Answer) -> None:
    """Answer a call, in the worker."""
    facts = json.dumps(answer.facts).encode()
    connection.sendall(ANSWER.pack(answer.kind, len(facts), len(answer.data)) + facts)
    connection.sendall(answer.data)


async def ask(connection: socket.socket, call: Sequence[bytes], most_bytes: int) -> Answer:
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
