"""What `subscribe` is on every engine: names are checked, the dead are published like others."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager

from hilum.adapters.bus.envelopes import dead_letter, dead_topic
from hilum.adapters.bus.lanes import Work
from hilum.adapters.bus.options import BusOptions, demand_word
from hilum.ports.bus import Handler, Message


class Subscribing(ABC):
    """The part of `Bus` that differs only in how a member of a group is kept going."""

    def __init__(self, options: BusOptions) -> None:
        self._options = options

    @abstractmethod
    async def publish(self, topic: str, message: Message) -> None:
        """See `Bus.publish`."""

    @abstractmethod
    def _member(self, work: Work) -> AbstractAsyncContextManager[None]:
        """Be a member of the group inside the block."""

    def subscribe(
        self,
        topic: str,
        group: str,
        handler: Handler,
        *,
        concurrency: int = 1,
        attempts: int = 5,
    ) -> AbstractAsyncContextManager[None]:
        """See `Bus.subscribe`."""

        async def bury(message: Message, cause: str, attempts: int) -> None:
            await self.publish(dead_topic(topic), dead_letter(message, group, cause, attempts))

        demand_word("topic", topic)
        demand_word("group", group)
        work = Work(topic, group, handler, attempts, concurrency, bury, self._options)
        return self._member(work)
