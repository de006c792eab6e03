"""The running process of a keeper, seen from the one that serves."""

import asyncio
import socket
import subprocess
from typing import Final

from hilum.adapters.keeper.exchange import LENGTH, Memory
from hilum.foundation import processes

_END_SECONDS: Final = 30.0


class Ended(Exception):
    """The keeper ended; what became of its last batch is not known here."""


class Child:
    """A running keeper."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self.process = process
        self.connection = connection

    async def ask(self, length: int) -> int:
        """Signal and wait for the signal back. Raises `Ended`."""
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self.connection, LENGTH.pack(length))
            got = b""
            while len(got) < LENGTH.size:
                more = await loop.sock_recv(self.connection, LENGTH.size - len(got))
                if not more:
                    raise Ended
                got += more
        except OSError as error:
            raise Ended from error
        return int(LENGTH.unpack(got)[0])

    async def give_up(self) -> None:
        """End one that never got ready: it has nothing in hand."""
        self.connection.close()
        self.process.kill()
        await asyncio.to_thread(self.process.wait)

    async def end(self) -> int | None:
        """Let it finish; returns its exit code, None when it had to be killed."""
        self.connection.close()
        return await processes.ended(self.process, _END_SECONDS)


def spawn(module: str, memory: Memory) -> Child:
    """Run `module` with the interpreter of this process; raises `OSError`."""
    return Child(*processes.spawn(module, (memory.fd, memory.size), inherited=(memory.fd,)))
