"""The bus over Redis Streams: `redis://`.

A part of a topic is a stream; a group reads it as a consumer group, through whichever member holds
the lease of the part. Durable is what Redis makes durable (`appendfsync`): see
docs/decisions/0011-bus.md.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from hilum.adapters.bus.envelopes import accepted
from hilum.adapters.bus.lanes import Work
from hilum.adapters.bus.options import BusOptions, address_in, demand_word, partition_of
from hilum.adapters.bus.redis_client import RedisClient
from hilum.adapters.bus.redis_group import RedisGroup, fields_of, partitions_of
from hilum.adapters.bus.redis_scripts import Keys
from hilum.adapters.bus.sharing import Membership, taking_part
from hilum.adapters.bus.subscribing import Subscribing
from hilum.domain.errors import BusBacklogFull, BusUnavailable
from hilum.ports.bus import Message


class RedisBus(Subscribing):
    """`Bus` over Redis Streams."""

    name = "bus"

    def __init__(self, url: str, options: BusOptions) -> None:
        super().__init__(options)
        self._url = url
        self._redis = RedisClient(url, options.request_seconds)
        self._partitions: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        try:
            await self()
        except BaseException:
            await self._redis.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.close()

    async def __call__(self) -> str:
        await self._redis.command("PING")
        return f"Redis at {address_in(self._url)} answers."

    async def publish(self, topic: str, message: Message) -> None:
        message = accepted(message, self._options.message_bytes)
        keys = Keys(self._options.name, demand_word("topic", topic))
        if topic not in self._partitions:
            set_to = self._options.partitions
            self._partitions[topic] = await partitions_of(self._redis, keys, set_to)
        stream = keys.stream(partition_of(message.key, self._partitions[topic]))
        if await self._appended(stream, message):
            return
        # What every group is through with makes room, however young it is.
        trimmed = await self._redis.run(self._redis.trim, [stream], [0])
        if trimmed and await self._appended(stream, message):
            return
        text = f"Topic {topic} takes no more until its groups have caught up"
        raise BusBacklogFull(f"{text} (setting bus.backlog_messages).")

    async def _appended(self, stream: str, message: Message) -> bool:
        options = self._options
        args = [options.backlog_messages, *fields_of(message)]
        if options.replicas <= 1:
            return bool(await self._redis.run(self._redis.publish, [stream], args))
        wait = (options.replicas - 1, int(options.request_seconds * 1000))
        entry, replicas = await self._redis.run_and_wait(self._redis.publish, [stream], args, wait)
        if entry and replicas < wait[0]:
            text = f"Only {replicas} replicas of Redis have the message, not {wait[0]}"
            raise BusUnavailable(f"{text} (setting bus.replicas); it may arrive all the same.")
        return bool(entry)

    @asynccontextmanager
    async def _member(self, work: Work) -> AsyncIterator[None]:
        async with taking_part(Membership(RedisGroup(self._redis, work), work)):
            yield
