"""RabbitMQ's library cancels whoever waits for an answer when its connection breaks."""

import asyncio
from typing import Any

import pytest

from hilum.adapters.sinks.rabbitmq import RabbitOptions, RabbitSink
from hilum.domain.errors import SinkUnavailable
from tests.contract.sinks.events import an_event


class Breaking:
    """An exchange, and its connection, that breaks while an event is published."""

    is_closed = False

    async def publish(self, *_: object, **__: object) -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    async def close(self) -> None:
        self.is_closed = True


async def test_a_connection_that_breaks_during_a_send_is_told_and_cancels_nobody() -> None:
    sink, peer = RabbitSink("broker", RabbitOptions("127.0.0.1")), Breaking()
    anything: Any = peer
    sink._connection = sink._exchange = anything

    with pytest.raises(SinkUnavailable, match="did not take an event"):
        await sink.send([an_event(1), an_event(2)])

    assert peer.is_closed
