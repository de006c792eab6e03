"""Load the demo studies through the pipeline that real ones take."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from hilum.domain.instances import Arrival, Disposition, InMemory, Outcome, StorePolicy
from hilum.domain.origins import Origin
from hilum.inbound.demo.studies import study


@dataclass(slots=True)
class DemoReport:
    """What became of the demo's instances."""

    created: int = 0
    there_before: int = 0
    refused: list[str] = field(default_factory=list)
    """Why, for those that the archive did not take."""
    studies: list[str] = field(default_factory=list)
    """Study Instance UIDs, in the order they were loaded."""

    def count(self, outcome: Outcome) -> None:
        if outcome.uids is not None and outcome.uids.study not in self.studies:
            self.studies.append(outcome.uids.study)
        match outcome.disposition:
            case Disposition.CREATED | Disposition.NEW_VERSION:
                self.created += 1
            case Disposition.ALREADY_HELD | Disposition.CONFLICT:
                # Another version of numpy may round a pixel otherwise: it is the same phantom.
                self.there_before += 1
            case _:
                self.refused.append(str(outcome.error or outcome.disposition.value))


@dataclass(frozen=True, slots=True)
class LoadDemo:
    """The use case behind `hilum demo`."""

    ingest: Callable[[Arrival], Awaitable[Outcome]]
    at_once: int = 8

    async def __call__(
        self,
        studies: int,
        origin: Origin,
        policy: StorePolicy,
        settled: Callable[[DemoReport], None] = lambda _report: None,
    ) -> DemoReport:
        """Make and load so many studies; what is there already stays as it is.

        Instances are made one after another in a thread and kept `at_once` at a time.
        """
        report = DemoReport()
        room = asyncio.Semaphore(self.at_once)

        async def keep(data: bytes) -> None:
            try:
                report.count(await self.ingest(Arrival(InMemory(data), origin, policy)))
                settled(report)
            finally:
                room.release()

        async with asyncio.TaskGroup() as group:
            for number in range(studies):
                instances = study(number)
                while (data := await asyncio.to_thread(_next, instances)) is not None:
                    await room.acquire()
                    group.create_task(keep(data))
        return report


def _next(instances: Iterator[bytes]) -> bytes | None:
    return next(instances, None)
