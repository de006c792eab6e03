"""What settled uploads are told by on the bus: taken, so that it does not pile up there."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from hilum.bootstrap.bus import is_in_process
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.delivery.publishing import NOTICES
from hilum.ports.bus import Message

_GROUP = "status"


@asynccontextmanager
async def notices_part(around: Surroundings) -> AsyncIterator[Part]:
    """Who listens to states here hears of the end of work elsewhere, whatever the database."""
    moved = around.archive.index.submissions.moved

    async def hear(_message: Message) -> None:
        moved.ring()

    async with AsyncExitStack() as stack:
        if not is_in_process(around.settings):
            for topic in NOTICES:
                await stack.enter_async_context(around.bus.subscribe(topic, _GROUP, hear))
        yield Part()
