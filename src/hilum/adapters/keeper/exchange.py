"""Memory that the serving process and its keeper share, and the signals between them.

Everything lies in the memory; the socket only carries how long it is (eight bytes, little endian).
At any time one side owns the memory: the serving process until it signals, then the keeper until
it signals back. Both are the same program and nobody else can reach the memory, so objects go
through it pickled.
"""

import mmap
import os
import pickle
import socket
import tempfile
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

LENGTH: Final = Struct("<q")


class TooLarge(Exception):
    """What was to be written does not fit into the memory."""


class Memory:
    """`size` bytes, named by an inheritable descriptor."""

    def __init__(self, fd: int, size: int) -> None:
        self.fd = fd
        self.size = size
        self._map = mmap.mmap(fd, size)

    @classmethod
    def fresh(cls, size: int) -> "Memory":
        """Make new memory. Raises `OSError`."""
        fd = _anonymous()
        try:
            os.ftruncate(fd, size)
            return cls(fd, size)
        except BaseException:
            os.close(fd)
            raise

    def close(self) -> None:
        self._map.close()
        os.close(self.fd)

    def put(self, said: object, contents: Sequence[bytes] = ()) -> int:
        """Write an object and after it contents; returns how long the pickled object is.

        Raises `TooLarge`, then nothing was written.
        """
        pickled = pickle.dumps(said, pickle.HIGHEST_PROTOCOL)
        if len(pickled) + sum(map(len, contents)) > self.size:
            raise TooLarge
        at = len(pickled)
        self._map[:at] = pickled
        for content in contents:
            self._map[at : at + len(content)] = content
            at += len(content)
        return len(pickled)

    def get(self, length: int) -> Any:  # noqa: ANN401 - whatever was put
        """Read the object that `put` said was `length` bytes long."""
        return pickle.loads(self._map[:length])  # noqa: S301 - see the module's docstring

    def contents(self, start: int, length: int) -> memoryview:
        """Look at bytes that lie behind the object; the view must be released before `close`."""
        return memoryview(self._map)[start : start + length]


def receive(connection: socket.socket) -> int | None:
    """Wait for a signal; None when the other side has gone."""
    got = b""
    while len(got) < LENGTH.size:
        try:
            more = connection.recv(LENGTH.size - len(got))
        except ConnectionError:
            return None
        if not more:
            return None
        got += more
    return int(LENGTH.unpack(got)[0])


def send(connection: socket.socket, length: int) -> bool:
    """Give a signal; False when the other side has gone."""
    try:
        connection.sendall(LENGTH.pack(length))
    except ConnectionError:
        return False
    return True


def _anonymous() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("hilum-keeper")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
