"""A member of a consumer group at Kafka."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from hilum.adapters.bus.kafka_client import KafkaClients
from hilum.adapters.bus.kafka_progress import KafkaPart, Notes
from hilum.adapters.bus.lanes import PartitionLost, Work
from hilum.clients.kafka import ended, started
from hilum.domain.errors import BusUnavailable

log = structlog.get_logger()

_POLL_MILLISECONDS: Final = 200
_PAUSE_SECONDS: Final = 0.05
_TIDY_LEASES: Final = 6


class KafkaMember:
    """Handles what the group assigns to us, through outages and changes of the assignment."""

    def __init__(self, clients: KafkaClients, work: Work, topic: str, group_id: str) -> None:
        self._clients = clients
        self._work = work
        self._topic = topic
        self._group_id = group_id
        self._parts: dict[TopicPartition, KafkaPart] = {}
        self._notes = Notes(self._commit, self._parts, clients.unavailable)
        self._noting: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._joined = asyncio.Event()
        self._broken = False
        self._reachable = True

    async def joined(self) -> None:
        """Return once the topic exists, or Kafka turned out not to answer."""
        await self._joined.wait()

    async def run(self) -> None:
        """Take part until cancelled."""
        try:
            while True:
                try:
                    await self._take_part()
                except BusUnavailable as error:
                    self._tell(reachable=False, description=str(error))
                except Exception:
                    log.exception("bus_failed", **self._told())
                await self._leave()
                self._joined.set()
                await asyncio.sleep(self._work.options.heartbeat_seconds)
        finally:
            await self._leave()

    async def _take_part(self) -> None:
        await self._clients.ensure_topic(self._topic)
        self._joined.set()  # what is published from now on is kept until we have seen it
        self._broken = False
        consumer = self._consumer = self._clients.consumer(self._group_id)
        self._notes = Notes(self._commit, self._parts, self._clients.unavailable)
        self._noting = asyncio.create_task(self._notes.run())
        consumer.subscribe([self._topic], listener=_Listener(self))
        with self._clients.telling():
            await started(consumer)
        self._tell(reachable=True)
        with self._clients.telling():
            await self._poll(consumer)

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        tidied = time.monotonic()
        while not self._broken:
            ready = [part for part in self._parts.values() if part.room > 0]
            if not ready:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                most = min(part.room for part in ready)
                partitions = [part.partition for part in ready]
                found = await consumer.getmany(
                    *partitions, timeout_ms=_POLL_MILLISECONDS, max_records=most
                )
                for partition, records in found.items():
                    if part := self._parts.get(partition):
                        for record in records:
                            part.put(record)
            if any(part.lanes.lost.is_set() for part in self._parts.values()):
                return  # to join anew: what was in hand begins where it was committed
            if time.monotonic() > tidied + _TIDY_LEASES * self._work.options.lease_seconds:
                tidied = time.monotonic()
                with suppress(BusUnavailable):
                    await self.drop_handled(consumer)

    async def _leave(self) -> None:
        await self.revoked()
        consumer, self._consumer = self._consumer, None
        noting, self._noting = self._noting, None
        if noting is not None:
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)
        if consumer is not None:
            await ended(consumer)

    async def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Go on where the group is in each of `partitions`."""
        consumer = self._consumer
        ours = sorted(partitions)
        if consumer is None:
            return
        try:
            known = await self._clients.committed(self._group_id)
            with self._clients.telling():
                beginnings = await consumer.beginning_offsets(ours) if ours else {}
            for partition in ours:
                at = known.get(partition)
                if at is None or at.offset < beginnings[partition]:
                    start, metadata = beginnings[partition], ""
                else:
                    start, metadata = at.offset, at.metadata
                part = KafkaPart(self._work, partition, start, metadata, self._notes)
                self._parts[partition] = part
            # From now on Kafka knows the group, so that nothing is dropped that it still needs.
            await self._notes.written()
        except (BusUnavailable, PartitionLost, KafkaError, OSError):
            self._broken = True

    async def revoked(self) -> None:
        """Let running handlers end, note how far they came, and forget the rest."""
        seconds = self._work.options.finish_seconds
        parts = list(self._parts.values())
        await asyncio.gather(
            *(part.lanes.finish(0.0 if part.lanes.lost.is_set() else seconds) for part in parts)
        )
        if parts:
            with suppress(BusUnavailable, PartitionLost, TimeoutError):
                async with asyncio.timeout(self._work.options.request_seconds):
                    await self._notes.written()
        self._parts.clear()

    async def drop_handled(self, consumer: AIOKafkaConsumer) -> None:
        """Have Kafka drop what every group of the topic is through with, when it is old enough."""
        keep = int((time.time() - self._work.options.retention_seconds) * 1000)
        ours = list(self._parts)
        if not ours:
            return
        prefix = self._group_id.rpartition(":")[0] + ":"
        least = dict.fromkeys(ours, -1)
        for group_id in await self._clients.groups(prefix):
            known = await self._clients.committed(group_id)
            for partition in ours:
                at = known[partition].offset if partition in known else 0
                least[partition] = at if least[partition] < 0 else min(least[partition], at)
        with self._clients.telling():
            young = await consumer.offsets_for_times(dict.fromkeys(ours, max(keep, 0)))
        drop = {}
        for partition in ours:
            first_young = young.get(partition)
            offset = least[partition]
            if first_young is not None:
                offset = min(offset, first_young.offset)
            if offset > 0:
                drop[partition] = offset
        if drop:
            await self._clients.drop_before(drop)

    async def _commit(self, states: Mapping[TopicPartition, tuple[int, str]]) -> None:
        if self._consumer is None:
            raise PartitionLost
        await self._consumer.commit(dict(states))

    def _tell(self, *, reachable: bool, description: str = "") -> None:
        if reachable == self._reachable:
            return
        self._reachable = reachable
        if reachable:
            log.info("bus_recovered", **self._told())
        else:
            log.warning("bus_unavailable", **self._told(), description=description)

    def _told(self) -> dict[str, str]:
        return {"topic": self._work.topic, "group": self._work.group}


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, member: KafkaMember) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002
        await self._member.revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._member.assigned(assigned)
