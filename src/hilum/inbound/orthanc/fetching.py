"""Every instance of a study, side by side but never too many, through the pipeline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hilum.domain.errors import HilumError, LimitExceeded
from hilum.domain.identifiers import StudyInstanceUID
from hilum.domain.instances import Arrival, Content, InMemory, Outcome, Spooled, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.foundation.memory import MemoryBudget
from hilum.inbound.orthanc.answers import SeriesFacts
from hilum.inbound.orthanc.client import OrthancClient
from hilum.inbound.orthanc.errors import SourceUnavailable
from hilum.inbound.orthanc.options import OrthancOptions, OrthancSource
from hilum.inbound.orthanc.tally import Failure, Tally, failure_of_error, failure_of_outcome
from hilum.ports.objects import Spool

Ingest = Callable[[Arrival], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Fetching:
    """Fetches instances of one source.

    Instances up to `memory_instance_bytes` are held in memory as far as the budget goes, which all
    sources share; what is larger goes through the spool.
    """

    client: OrthancClient
    source: OrthancSource
    options: OrthancOptions
    ingest: Ingest
    spool: Spool
    memory: MemoryBudget

    async def fetch(
        self, study: StudyInstanceUID, series: Sequence[SeriesFacts], correlation_id: str
    ) -> Tally:
        """Fetch and keep all instances of `series`; what could not be kept is in the tally.

        Raises `SourceUnavailable` when the source goes away meanwhile; what was kept is kept.
        """
        work = _Work(((one.source_id, each) for one in series for each in one.instances), Tally())
        policy = StorePolicy(
            profile=self.options.validation_profile,
            on_conflict=self.options.on_conflict,
            study=study,
        )
        origin = Origin(Door.ORTHANC, correlation_id, peer=self.source.name)
        async with asyncio.TaskGroup() as group:
            for _ in range(self.source.parallel_fetches):
                group.create_task(self._run(work, origin, policy))
        if work.gone is not None:
            raise work.gone
        return work.tally

    async def _run(self, work: "_Work", origin: Origin, policy: StorePolicy) -> None:
        for series, source_id in work.ids:
            try:
                outcome = await self._keep(source_id, origin, policy)
            except SourceUnavailable as error:
                work.gone = error
            except HilumError as error:
                work.fail(series, failure_of_error(source_id, error, fetching=True))
            else:
                if not outcome.held:
                    work.fail(series, failure_of_outcome(source_id, outcome))
            if work.gone is not None:
                return

    async def _keep(self, source_id: str, origin: Origin, policy: StorePolicy) -> Outcome:
        reserved = self.options.memory_instance_bytes
        await self.memory.reserve(reserved)
        try:
            async with self._content(source_id) as content:
                return await self.ingest(Arrival(content, origin, policy))
        finally:
            self.memory.release(reserved)

    @asynccontextmanager
    async def _content(self, source_id: str) -> AsyncIterator[Content]:
        """The instance, its connection given back already."""
        async with AsyncExitStack() as spooled:
            async with self.client.instance(source_id) as chunks:
                content = await self._received(chunks, spooled)
            yield content

    async def _received(self, chunks: AsyncIterator[bytes], spooled: AsyncExitStack) -> Content:
        head = bytearray()
        async for chunk in chunks:
            head += chunk
            if len(head) > self.options.memory_instance_bytes:
                break
        else:
            return InMemory(bytes(head))
        file = await spooled.enter_async_context(self.spool.create())
        size_bytes = len(head)
        await file.write(bytes(head))
        del head
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > self.options.instance_bytes:
                allowed = self.options.instance_bytes
                raise LimitExceeded("orthanc.instance_bytes", allowed, "The instance is too large")
            await file.write(chunk)
        return Spooled(file.path, await file.finish())


@dataclass(slots=True)
class _Work:
    """What the runners of one study share."""

    ids: Iterator[tuple[str, str]]
    """Of a series and an instance of it."""
    tally: Tally
    gone: SourceUnavailable | None = None

    def fail(self, series: str, failure: Failure) -> None:
        self.tally.fail(failure)
        self.tally.series.add(series)
