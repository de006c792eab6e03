"""Heads of answers wait for their bodies, and no longer than one turn of the loop."""

import asyncio
from collections.abc import Iterable

from hilum.servers.http_writes import JoinedWrites


class Wire(asyncio.Transport):
    """A transport that notes what is sent with one system call."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.sent.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


async def test_a_head_and_the_body_after_it_are_sent_together() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())

    for data in (b"head ", b"body", b"more"):
        joined.write(data)
    await asyncio.sleep(0)

    assert wire.sent == [b"head body", b"more"]


async def test_a_head_whose_body_takes_longer_goes_out_in_the_next_turn() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())

    joined.write(b"head")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head"]
    joined.write(b"body")

    assert wire.sent == [b"head", b"body"]


async def test_a_head_goes_out_before_its_connection_is_closed() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())

    joined.write(b"head")
    joined.close()

    assert joined.is_closing()
    assert wire.sent == [b"head"]


async def test_the_head_of_a_lost_connection_goes_nowhere() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())

    joined.write(b"head")
    wire.close()
    await asyncio.sleep(0)

    assert wire.sent == []
