"""Exchanges and queues of a topic at RabbitMQ, and their names.

A topic is a direct exchange whose routing keys are the numbers of the parts. Each part has a queue
from the first publication on, in which messages wait for the group that comes first: that group
works on these queues, any later one on queues of its own.
"""

import re
from dataclasses import dataclass
from typing import Final

from aiormq.exceptions import ChannelPreconditionFailed

from hilum.adapters.bus.options import BusOptions
from hilum.adapters.bus.rabbitmq_link import Arguments, RabbitLink
from hilum.domain.errors import BusUnavailable

_CURRENT: Final = re.compile(r"current is (?:the value )?'(\d+)'")
_EFFECTIVELY_NEVER: Final = 1_000_000_000
_MARK_SECONDS: Final = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Names:
    """Colons cannot stand in topics and groups, so that no two of these are alike."""

    name: str
    topic: str

    @property
    def exchange(self) -> str:
        return f"{self.name}:{self.topic}"

    @property
    def size(self) -> str:
        """A queue that is never used: its length limit tells how many parts the topic has."""
        return f"{self.name}:{self.topic}:partitions"

    @property
    def first(self) -> str:
        """A queue that is never used: an argument of it names the group that came first."""
        return f"{self.name}:{self.topic}:first-group"

    def waiting(self, partition: int) -> str:
        """The queue that a part has from the beginning."""
        return f"{self.name}:{self.topic}:{partition}"

    def own(self, group: str, partition: int) -> str:
        """The queue of a part for a later group."""
        return f"{self.name}:{self.topic}:{group}:{partition}"

    def ledger(self, group: str, partition: int) -> str:
        """A mark for each time a message in hand was handed over; its reader owns the part."""
        return f"{self.name}:{self.topic}:{group}:{partition}:attempts"

    def members(self, group: str) -> str:
        """A queue that stays empty: each member of the group is a consumer of it."""
        return f"{self.name}:{self.topic}:{group}:members"


LEDGER: Final[Arguments] = {"x-queue-type": "classic", "x-message-ttl": _MARK_SECONDS * 1000}
PRESENCE: Final[Arguments] = {"x-queue-type": "classic", "x-expires": _MARK_SECONDS * 1000}


async def declare_topic(link: RabbitLink, names: Names, options: BusOptions) -> int:
    """Make what a topic consists of, where it does not exist; return the number of its parts."""
    partitions = await _partitions(link, names, options)
    channel = await link.channel()
    try:
        with link.telling():
            await channel.exchange_declare(
                names.exchange, exchange_type="direct", durable=True, timeout=link.seconds
            )
    finally:
        await link.close_channel(channel)
    for partition in range(partitions):
        await _bound(link, names, names.waiting(partition), partition, options)
    return partitions


async def declare_group(
    link: RabbitLink, names: Names, group: str, partitions: int, options: BusOptions
) -> list[str]:
    """The queues that `group` works on, by part; made where they do not exist."""
    mark = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": group}
    if await link.declare(names.first, {"x-queue-type": "quorum", **mark}):
        return [names.waiting(partition) for partition in range(partitions)]
    queues = [names.own(group, partition) for partition in range(partitions)]
    for partition, queue in enumerate(queues):
        await _bound(link, names, queue, partition, options)
    return queues


async def _bound(
    link: RabbitLink, names: Names, queue: str, partition: int, options: BusOptions
) -> None:
    # A queue that exists with other bounds is kept: they are those of the time it was made.
    await link.declare(queue, _queue_arguments(options))
    channel = await link.channel()
    try:
        with link.telling():
            await channel.queue_bind(queue, names.exchange, str(partition), timeout=link.seconds)
    finally:
        await link.close_channel(channel)


def _queue_arguments(options: BusOptions) -> Arguments:
    size = {"x-quorum-initial-group-size": options.replicas} if options.replicas else {}
    return {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-max-length": options.backlog_messages,
        "x-overflow": "reject-publish",
        # Without a limit of its own RabbitMQ 4 would drop what was returned 20 times, and 3 would
        # put what is returned behind the others.
        "x-delivery-limit": _EFFECTIVELY_NEVER,
        **size,
    }


async def _partitions(link: RabbitLink, names: Names, options: BusOptions) -> int:
    """How many parts the topic has: what whoever used it first was set to."""
    arguments: Arguments = {"x-queue-type": "quorum", "x-max-length": options.partitions}
    channel = await link.channel()
    try:
        with link.telling():
            try:
                await channel.queue_declare(
                    names.size, durable=True, arguments=dict(arguments), timeout=link.seconds
                )
            except ChannelPreconditionFailed as error:
                if found := _CURRENT.search(str(error)):
                    return int(found[1])
                text = (
                    f"Topic {names.topic} was made with another number of parts than"
                    f" {options.partitions} (setting bus.partitions); see queue {names.size}."
                )
                raise BusUnavailable(text) from None
    finally:
        await link.close_channel(channel)
    return options.partitions
