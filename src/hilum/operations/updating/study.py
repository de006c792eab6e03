"""A study updated as a whole: new objects first, then all rows in one transaction."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from hilum.domain.editions import Edition
from hilum.domain.errors import (
    LimitExceeded,
    NotIndexable,
    ObjectMissing,
    StateConflict,
    UnreadableInstance,
)
from hilum.domain.identifiers import ObjectKey, Scope, StudyInstanceUID, Version
from hilum.domain.instances import Kept
from hilum.foundation.tasks import note_error
from hilum.ingest.committer import row_bytes
from hilum.operations.updating.files import Change, Held, ReviseFiles
from hilum.operations.updating.written import WrittenObjects
from hilum.ports.index import InstanceReader, InstanceReviser
from hilum.ports.objects import WriteIntents

_PAGE: Final = 200
_OF_THE_INSTANCE: Final = (UnreadableInstance, LimitExceeded, ObjectMissing)
"""Errors that trying again does not mend."""
_MOST_DETAILS: Final = 5


class RevisedIndex(InstanceReader, InstanceReviser, Protocol):
    """What an update asks of the index."""


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """The settings of the section `update` have the same names."""

    batch_instances: int = 2000
    """Instances of a study that are committed together."""
    batch_bytes: int = 64 << 20
    """The same as memory that their rows take."""
    attempts: int = 5
    """How often a study that changes meanwhile is begun again."""
    at_once: int = 4
    """Files that are changed side by side."""


@dataclass(slots=True)
class StudyOutcome:
    """What became of a study."""

    instances: int = 0
    """That have the new values now."""
    problems: list[str] = field(default_factory=list)
    """Why it was not updated, a line for each of the first few instances concerned."""

    @property
    def failed(self) -> bool:
        return bool(self.problems)


class _Changed(Exception):
    """Something of the study changed while it was worked on."""


class _Stopped(Exception):
    """Nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class UpdateStudy:
    """The use case behind a bulk update, for one study."""

    index: RevisedIndex
    files: ReviseFiles
    intents: WriteIntents
    settle: Callable[[ObjectKey], Awaitable[None]]
    """Removes an object unless the index refers to it; see `Ingest.settle`."""
    options: UpdateOptions = field(default_factory=UpdateOptions)

    async def __call__(self, study: StudyInstanceUID, change: Change) -> StudyOutcome:
        """Give every instance of a study the new values, or none of them.

        A study of more instances than one transaction takes is committed in several, each
        instance as a whole. What has the values already stays as it is, so that a repetition
        changes nothing. Raises `ArchiveFault`; then, and when cancelled, nothing half done is left.
        """
        stop = asyncio.Event()
        task = asyncio.create_task(
            self._updated(Scope(study, partition=change.partition), change, stop)
        )
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # An object that is being written by a thread, or a commit that was begun, ends first.
            stop.set()
            task.add_done_callback(note_error)
            await asyncio.wait([task])
            raise

    async def _updated(self, scope: Scope, change: Change, stop: asyncio.Event) -> StudyOutcome:
        for _ in range(self.options.attempts):
            written = WrittenObjects(self.intents, self.settle)
            try:
                return await self._once(scope, change, written, stop)
            except _Changed:
                continue
            except NotIndexable as error:
                return StudyOutcome(problems=[str(error)])
            finally:
                await written.settle()
        text = "Its instances were added, replaced or deleted again and again meanwhile."
        return StudyOutcome(problems=[text])

    async def _once(
        self, scope: Scope, change: Change, written: WrittenObjects, stop: asyncio.Event
    ) -> StudyOutcome:
        outcome = StudyOutcome()
        summary = await self.index.summary(scope)
        if summary is None:
            return outcome
        newest = summary.newest_version
        batch: list[Kept] = []
        async with aclosing(self._pages(scope)) as pages:
            async for page in pages:
                revised = await self._revise(page, change, written, stop)
                batch += [each for each in revised if isinstance(each, Kept)]
                outcome.problems += [each for each in revised if isinstance(each, str)]
                outcome.instances += len(page)
                if outcome.failed:
                    outcome.problems = outcome.problems[:_MOST_DETAILS]
                    return outcome
                if self._is_full(batch):
                    newest = await self._commit(scope, newest, batch, written)
                    batch = []
        if batch:
            await self._commit(scope, newest, batch, written)
        elif (now := await self.index.summary(scope)) is None or now.newest_version != newest:
            raise _Changed
        return outcome

    async def _pages(self, scope: Scope) -> AsyncGenerator[Sequence[Held], None]:
        limit = min(_PAGE, self.options.batch_instances)
        after = 0
        while live := await self.index.instances(scope, after, limit):
            original = replace(scope, edition=Edition.ORIGINAL)
            beside = await self.index.instances(original, after, limit)
            if [each.key for each in live] != [each.key for each in beside]:
                raise _Changed
            yield [Held(*pair) for pair in zip(live, beside, strict=True)]
            after = live[-1].key

    async def _revise(
        self, page: Sequence[Held], change: Change, written: WrittenObjects, stop: asyncio.Event
    ) -> Sequence[Kept | str | None]:
        """For each its revision, why there is none, or None where none is needed."""
        turns = asyncio.Semaphore(self.options.at_once)

        async def one(held: Held) -> Kept | str | None:
            async with turns:
                if stop.is_set():
                    raise _Stopped
                try:
                    return await self.files(held, change, written)
                except _OF_THE_INSTANCE as error:
                    if isinstance(error, ObjectMissing):
                        await self._demand_live(held, change)
                    return f"Instance {held.live.uids.sop_instance}: {error}"

        # All of them end before an error is raised: what they have written is removed then.
        results = await asyncio.gather(*map(one, page), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    async def _demand_live(self, held: Held, change: Change) -> None:
        """Raise `_Changed` when the object is gone because its instance is."""
        uids = held.live.uids
        scope = Scope(uids.study, uids.series, uids.sop_instance, change.partition)
        now = await self.index.instances(scope, 0, 1)
        if not now or now[0].object_key != held.live.object_key:
            raise _Changed

    def _is_full(self, batch: Sequence[Kept]) -> bool:
        if len(batch) >= self.options.batch_instances:
            return True
        return sum(row_bytes(each.description) for each in batch) >= self.options.batch_bytes

    async def _commit(
        self, scope: Scope, newest: Version, batch: Sequence[Kept], written: WrittenObjects
    ) -> Version:
        revised = await self.index.revise(scope, newest, batch)
        if revised is None:
            raise _Changed
        written.committed()
        return revised


def failure_text(study: str, outcome: StudyOutcome) -> str:
    """What is told of a study that was not updated."""
    return "\n".join([f"Failed to update instances for study {study}", *outcome.problems])


class StudiesNotUpdated(StateConflict):
    """Some studies of a bulk update stayed as they were; the results say which and why."""

    code = "studies-not-updated"
    title = "Some studies were not updated"
