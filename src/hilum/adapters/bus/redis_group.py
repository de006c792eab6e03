"""A consumer group on the streams of a topic, and the parts of it that this process leases."""

import asyncio
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from hilum.adapters.bus.lanes import Lanes, PartitionLost, Work
from hilum.adapters.bus.redis_client import BLOCK_SECONDS, RedisClient
from hilum.adapters.bus.redis_scripts import Keys
from hilum.domain.errors import BusUnavailable
from hilum.ports.bus import Message

_NEW: Final = ">"
_FRUITLESS_SECONDS: Final = 0.1


class RedisGroup:
    """`Sharer` by leases: a key at Redis for each part, which ends unless it is renewed."""

    def __init__(self, redis: RedisClient, work: Work) -> None:
        self.redis = redis
        self.work = work
        self.keys = Keys(work.options.name, work.topic)
        self.token = uuid.uuid4().hex
        self.lease = int(work.options.lease_seconds * 1000)
        self.shares: dict[int, RedisShare] = {}
        self._partitions = 0

    async def partitions(self) -> int:
        if not self._partitions:
            self._partitions = await partitions_of(
                self.redis, self.keys, self.work.options.partitions
            )
        return self._partitions

    async def members(self, owned: Iterable[int]) -> int:
        try:
            # An answer that comes after the lease has ended is of no use.
            async with asyncio.timeout(self.work.options.lease_seconds / 3):
                return await self._renewed(owned)
        except (BusUnavailable, TimeoutError) as error:
            for share in self.shares.values():
                share.expire()
            raise self.redis.unavailable(error) from None

    async def _renewed(self, owned: Iterable[int]) -> int:
        names = [self.keys.members(self.work.group)]
        members = await self.redis.run(self.redis.heartbeat, names, [self.token, self.lease])
        for partition in owned:
            if share := self.shares.get(partition):
                await share.renew()
        return int(members)

    async def take(self, partition: int) -> "RedisShare | None":
        group = self.work.group
        keys = [self.keys.owner(partition, group), self.keys.stream(partition)]
        taken_at = time.monotonic()
        given = await self.redis.run(self.redis.take, keys, [self.token, self.lease, group])
        if given is None:
            return None
        share = RedisShare(self, partition, given.decode(), taken_at)
        self.shares[partition] = share
        return share

    async def leave(self) -> None:
        await self.redis.command("ZREM", self.keys.members(self.work.group), self.token)


async def partitions_of(redis: RedisClient, keys: Keys, partitions: int) -> int:
    """How many parts the topic has: what whoever used it first was set to."""
    await redis.command("SET", keys.partitions, partitions, "NX")
    return int(await redis.command("GET", keys.partitions))


class RedisShare:
    """`Share`: one stream, leased."""

    def __init__(self, group: RedisGroup, partition: int, given: str, taken_at: float) -> None:
        self.group = group
        self.partition = partition
        self.lanes = Lanes(group.work)
        keys, name = group.keys, group.work.group
        self.stream = keys.stream(partition)
        self.owner = keys.owner(partition, name)
        self.counts = keys.attempts(partition, name)
        self._given = given
        """Last id that the group was given: what came later is new."""
        self._last = "0-0"
        """Id of the entry that was put last: what comes before it is in hand, or done."""
        self._again = True
        """The group may have been given entries beyond `_last` that we have not seen: those of the
        owner before us, or of an answer that was lost. They come before anything new."""
        self._renewed_at = taken_at
        self._trimmed_at = 0.0

    async def feed(self) -> None:
        woken = False
        while True:
            room = await self.lanes.room()
            entries = await self._read(room)
            for entry_id, fields in entries:
                await self._put(entry_id, fields)
                self._last = entry_id
                self._given = max(self._given, entry_id, key=_order)
            if not entries and not self._again:
                if woken:  # by something that the group was given by other hands
                    await asyncio.sleep(_FRUITLESS_SECONDS)
                woken = await self._wait()
            else:
                woken = False

    async def renew(self) -> None:
        now = time.monotonic()
        redis = self.group.redis
        if await redis.run(redis.renew, [self.owner], [self.group.token, self.group.lease]):
            self._renewed_at = now
            await self._trim(now)
        else:
            self.lanes.lost.set()

    def expire(self) -> None:
        """Give up what could not be renewed in time."""
        if time.monotonic() > self._renewed_at + self.group.lease / 1000:
            self.lanes.lost.set()

    async def release(self) -> None:
        self.group.shares.pop(self.partition, None)
        await self.group.redis.run(self.group.redis.release, [self.owner], [self.group.token])

    async def _read(self, count: int) -> Sequence[tuple[str, Mapping[bytes, bytes] | None]]:
        again, redis = self._again, self.group.redis
        start = self._last if again else _NEW
        args: list[str | bytes | int] = [self.group.token, self.group.work.group, count, start]
        self._again = True  # unless the answer arrives
        found = await redis.run(redis.read, [self.owner, self.stream], args)
        rows = found[0][1] if found else []
        self._again = again and bool(rows)
        return [(row[0].decode(), _fields(row[1])) for row in rows]

    async def _put(self, entry_id: str, fields: Mapping[bytes, bytes] | None) -> None:
        if fields is None:  # somebody deleted it at Redis while it was in hand
            await RedisDelivery(self, entry_id, Message("", "", b"")).done()
        else:
            self.lanes.put(RedisDelivery(self, entry_id, message_of(fields)))

    async def _wait(self) -> bool:
        """Return when there is something new, or it is time to look whether the part is ours."""
        block = int(BLOCK_SECONDS * 1000)
        words = ("XREAD", "COUNT", 1, "BLOCK", block, "STREAMS", self.stream, self._given)
        return bool(await self.group.redis.command(*words))

    async def _trim(self, now: float) -> None:
        options = self.group.work.options
        if now < self._trimmed_at + options.lease_seconds:
            return
        self._trimmed_at = now
        retention = int(options.retention_seconds * 1000)
        await self.group.redis.run(self.group.redis.trim, [self.stream], [retention])


@dataclass(frozen=True, slots=True)
class RedisDelivery:
    """`Delivery`: an entry of a stream."""

    share: RedisShare
    entry_id: str
    message: Message

    async def begin(self) -> int:
        share, redis = self.share, self.share.group.redis
        args = [share.group.token, self.entry_id]
        count = int(await redis.run(redis.begin, [share.owner, share.counts], args))
        if not count:
            raise PartitionLost
        return count

    async def done(self) -> None:
        share, redis = self.share, self.share.group.redis
        args = [share.group.work.group, self.entry_id]
        await redis.run(redis.done, [share.stream, share.counts], args)


def fields_of(message: Message) -> list[str | bytes]:
    """A message as the fields of an entry."""
    headers = orjson.dumps(dict(message.headers))
    fields: list[str | bytes] = ["id", message.message_id, "key", message.key, "body", message.body]
    return [*fields, "headers", headers]


def message_of(fields: Mapping[bytes, bytes]) -> Message:
    """The message of an entry; of one that is not ours what can be made of it."""
    return Message(
        message_id=fields.get(b"id", b"").decode(errors="replace"),
        key=fields.get(b"key", b"").decode(errors="replace"),
        body=fields.get(b"body", b""),
        headers=_headers(fields.get(b"headers", b"{}")),
    )


def _headers(text: bytes) -> dict[str, str]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in pairs if isinstance(value, str)}


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def _fields(flat: Sequence[bytes] | None) -> Mapping[bytes, bytes] | None:
    return dict(zip(flat[::2], flat[1::2], strict=True)) if flat else None
