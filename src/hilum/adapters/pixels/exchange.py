"""What goes between the serving process and a pixel worker, over a socket.

The worker runs decoders of hostile input and is not believed: it is sent pickled objects, and
answers with JSON and bytes, whose lengths are checked before they are read.
"""

import asyncio
import json
import pickle
import socket
from collections.abc import Mapping
from enum import IntEnum
from struct import Struct
from typing import Any, Final, NamedTuple

CALL: Final = Struct("<Q")
"""Length of a pickled (name of the task, arguments)."""
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


def call_bytes(name: str, arguments: tuple[object, ...]) -> bytes:
    """Write a call."""
    pickled = pickle.dumps((name, arguments), pickle.HIGHEST_PROTOCOL)
    return CALL.pack(len(pickled)) + pickled


def receive_call(connection: socket.socket) -> tuple[str, tuple[Any, ...]] | None:
    """Wait for a call, in the worker; None when the serving process has gone."""
    head = _receive(connection, CALL.size)
    pickled = None if head is None else _receive(connection, CALL.unpack(head)[0])
    if pickled is None:
        return None
    name, arguments = pickle.loads(pickled)  # noqa: S301 - from the process that started this one
    return name, arguments


def send_answer(connection: socket.socket, answer: Answer) -> None:
    """Answer a call, in the worker."""
    facts = json.dumps(answer.facts).encode()
    connection.sendall(ANSWER.pack(answer.kind, len(facts), len(answer.data)) + facts)
    connection.sendall(answer.data)


async def ask(connection: socket.socket, call: bytes, most_bytes: int) -> Answer:
    """Send a call and wait for its answer. Raises `WorkerGone`."""
    try:
        await asyncio.get_running_loop().sock_sendall(connection, call)
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


def _receive(connection: socket.socket, length: int) -> bytearray | None:
    got = bytearray(length)
    rest = memoryview(got)
    while rest:
        received = connection.recv_into(rest)
        if not received:
            return None
        rest = rest[received:]
    return got
