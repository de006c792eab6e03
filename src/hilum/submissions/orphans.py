"""What a crash left in the holding: files of uploads that never became submissions.

An upload is brought to stable storage, then its rows are committed; a process that dies in between
leaves files that nobody asks for.
"""

import asyncio
import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Self

import structlog

from hilum.domain.errors import ArchiveFault
from hilum.domain.submissions import StudyId
from hilum.foundation.clock import Clock
from hilum.foundation.tasks import end
from hilum.ports.holding import Holding
from hilum.ports.quarantine import QuarantineList, QuarantineQuery
from hilum.ports.submissions import SubmissionList

log = structlog.get_logger()

_STUDY_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Orphans:
    """Finds and removes them.

    Places of other names than study ids are somebody else's.
    """

    def __init__(
        self, holding: Holding, submissions: SubmissionList, quarantine: QuarantineList
    ) -> None:
        self._holding = holding
        self._submissions = submissions
        self._quarantine = quarantine

    async def sweep(self, before: datetime) -> int:
        """Remove what was placed before then for submissions that are unknown; how many files.

        `before` lies so far back that whoever placed it has committed, or never will. Raises
        `ArchiveFault`.
        """
        removed = 0
        asked: tuple[str, bool] = ("", False)
        async for held in self._holding.list():
            name = held.place.partition("/")[0]
            if held.since >= before or _STUDY_ID.fullmatch(name) is None:
                continue
            if asked[0] != name:  # files of one submission come together, mostly
                asked = name, await self._is_unknown(StudyId(name))
            if asked[1]:
                await self._holding.discard(held.place)
                removed += 1
        if removed:
            log.info("orphans_removed", files=removed)
        return removed

    async def _is_unknown(self, study_id: StudyId) -> bool:
        """A submission that is forgotten may have left something in quarantine."""
        if await self._submissions.submission(study_id) is not None:
            return False
        return not await self._quarantine.list(QuarantineQuery(study_id=study_id), None, 1)


class OrphanSweeper:
    """Sweeps at once and then every `every_seconds`; use with `async with`."""

    def __init__(
        self,
        orphans: Orphans,
        clock: Clock,
        *,
        orphan_seconds: float,
        every_seconds: float = 3600.0,
    ) -> None:
        self._orphans = orphans
        self._clock = clock
        self._age = timedelta(seconds=orphan_seconds)
        self._every_seconds = every_seconds

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)

    async def _run(self) -> None:
        while True:
            with suppress(ArchiveFault):  # uploads tell of it; the next round finds the same
                await self._orphans.sweep(self._clock.now() - self._age)
            await asyncio.sleep(self._every_seconds)
