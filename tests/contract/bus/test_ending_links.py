"""Ending connections and channels: whoever is cancelled meanwhile ends, and nobody else does."""

import asyncio
from typing import Any

import pytest

from hilum.adapters.bus.options import BusOptions
from hilum.adapters.bus.rabbitmq_link import RabbitLink


class Closing:
    """A channel or connection whose end is never answered, or breaks off."""

    is_closed = False
    is_opened = True

    def __init__(self, *, breaks: bool = False) -> None:
        self.breaks = breaks
        self.asked = asyncio.Event()

    async def close(self) -> None:
        self.asked.set()
        if self.breaks:
            raise asyncio.CancelledError  # as the library does to whoever waits for an answer
        await asyncio.Event().wait()


def a_link() -> RabbitLink:
    return RabbitLink("amqp://127.0.0.1", BusOptions(), "test")


@pytest.mark.parametrize("what", ["channel", "connection"])
async def test_who_is_cancelled_while_something_is_closed_ends(what: str) -> None:
    link, peer = a_link(), Closing()
    anything: Any = peer
    link._connection = anything

    async def closing() -> None:
        await (link.close_channel(anything) if what == "channel" else link.close())

    task = asyncio.create_task(closing())
    await peer.asked.wait()
    task.cancel()

    done, _ = await asyncio.wait([task], timeout=1.0)
    assert done == {task}
    assert task.cancelled()


@pytest.mark.parametrize("what", ["channel", "connection"])
async def test_a_connection_that_breaks_while_it_is_closed_disturbs_nobody(what: str) -> None:
    link, peer = a_link(), Closing(breaks=True)
    anything: Any = peer
    link._connection = anything

    await (link.close_channel(anything) if what == "channel" else link.close())

    assert peer.asked.is_set()
