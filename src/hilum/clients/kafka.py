"""How a client of Kafka is started and ended, which its library leaves half done.

For the bus and for the sink, which know nothing else of each other.
"""

import asyncio
from contextlib import suppress
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

Client: TypeAlias = AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient

_END_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.01


async def started(client: Client, seconds: float | None = None) -> None:
    """Start `client`, or end it.

    Raises `KafkaError`, `OSError`, and `TimeoutError` when it took longer than `seconds`.
    """
    starting = asyncio.create_task(client.start())
    try:
        async with asyncio.timeout(seconds):
            await asyncio.shield(starting)
    except BaseException:
        await _given_up(client, starting)
        raise


async def ended(client: Client) -> None:
    """End `client`, also one whose broker does not answer and one that could not deliver all."""
    if isinstance(client, AIOKafkaProducer):
        # `stop` waits without bound for what could not be delivered (idempotent batches do not
        # expire), and the library has no other way to give it up.
        client._message_accumulator.fail_all(KafkaError("given up"))
    end = client.close if isinstance(client, AIOKafkaAdminClient) else client.stop
    with suppress(Exception):
        async with asyncio.timeout(_END_SECONDS):
            await end()


async def _given_up(client: Client, starting: "asyncio.Task[None]") -> None:
    """End a client in the middle of its start.

    Cancelled while it asks for its first metadata it would forget the connection it asks over, so
    it has the time for that.
    """
    inner = client.client if isinstance(client, AIOKafkaProducer) else client._client
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            # The library has no event for it.
            while not starting.done() and inner._sync_task is None:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await ended(client)
