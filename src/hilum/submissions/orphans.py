"""What a crash left in the holding: files that nobody asks for.

An upload is brought to stable storage, then its rows are committed: a process that dies in between
leaves files of no submission. One that lost its submission to another process, or to somebody who
ended it, may leave files of a submission that is settled without them.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Self

import structlog

from hilum.domain.errors import ArchiveFault
from hilum.domain.submissions import SUBMISSION_SETTLED, StudyId
from hilum.foundation.clock import Clock
from hilum.foundation.tasks import end
from hilum.ports.holding import Holding
from hilum.ports.quarantine import QuarantineList, QuarantineQuery
from hilum.ports.submissions import SubmissionList

log = structlog.get_logger()

_Asked = Callable[[str], Awaitable[bool]]
"""Whether nobody needs what lies in a place."""

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
        """Remove what was placed before then and belongs to nobody; how many files.

        `before` lies so far back that whoever placed it has committed, or never will. Raises
        `ArchiveFault`.
        """
        removed = 0
        name_before = ""
        is_orphan: _Asked = _never
        async for held in self._holding.list():
            name = held.place.partition("/")[0]
            if held.since >= before or _STUDY_ID.fullmatch(name) is None:
                continue
            if name != name_before:  # files of one submission come together, mostly
                name_before, is_orphan = name, await self._rule(StudyId(name))
            if await is_orphan(held.place):
                await self._holding.discard(held.place)
                removed += 1
        if removed:
            log.info("orphans_removed", files=removed)
        return removed

    async def _rule(self, study_id: StudyId) -> _Asked:
        record = await self._submissions.submission(study_id)
        if record is None:
            # A submission that is forgotten may have left something in quarantine.
            left = await self._quarantine.list(QuarantineQuery(study_id=study_id), None, 1)
            return _never if left else _always
        return self._is_left if record.state in SUBMISSION_SETTLED else _never

    async def _is_left(self, place: str) -> bool:
        """Whether neither the quarantine nor the submission, which is settled, knows the place."""
        if await self._quarantine.at(place) is not None:
            return False
        study_id, _, number = place.partition("/")
        notes = await self._submissions.files(StudyId(study_id), int(number) - 1, 1)
        return all(note.place != place for note in notes)


async def _never(_place: str) -> bool:
    return False


async def _always(_place: str) -> bool:
    return True


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
