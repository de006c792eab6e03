"""What is wrong with instances that are held: each is read again and judged by what PS3.3 asks."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from hilum.catalogue.blocking_source import open_source
from hilum.catalogue.judged_frames import JudgedFrames
from hilum.catalogue.not_held import not_held
from hilum.dicom.limits import HeaderLimits
from hilum.domain.errors import LimitExceeded, ObjectMissing
from hilum.domain.identifiers import Scope
from hilum.domain.records import InstanceRecord, ScopeSummary
from hilum.foundation import tasks
from hilum.ports.index import InstanceReader
from hilum.ports.objects import ObjectStore
from hilum.validation.instance import Examination, examine_source, lost_file, unreadable_file


@dataclass(frozen=True, slots=True)
class FindingsLimits:
    """Bounds on one report; the settings `retrieve.findings_...` have the same names."""

    instances: int = 20_000
    """Of some hundred bytes each, until the study is judged as a whole."""
    threads: int = 2
    """Instances that all reports together look at at once."""
    page_instances: int = 200


@dataclass(frozen=True, slots=True)
class Depth:
    """What is looked at beside what the standard says of headers."""

    required: tuple[int, ...] = ()
    """Tags that the profile wants with a value."""
    decode: bool = False
    """Decode every compressed frame."""


HEADERS: Final = Depth()


@dataclass(frozen=True, slots=True)
class Examined:
    """One instance and what is wrong with it."""

    record: InstanceRecord
    examination: Examination


class StudyFindings:
    """Examines stored instances; headers are read, pixel data only where it is to be decoded."""

    def __init__(
        self,
        reader: InstanceReader,
        objects: ObjectStore,
        header_limits: HeaderLimits,
        limits: FindingsLimits | None = None,
        frames: JudgedFrames | None = None,
    ) -> None:
        """Without `frames` nothing is decoded."""
        self._reader = reader
        self._objects = objects
        self._header_limits = header_limits
        self._limits = limits or FindingsLimits()
        self._frames = frames
        self._room = asyncio.Semaphore(self._limits.threads)

    async def summary(self, scope: Scope) -> ScopeSummary:
        """Count and newest version of what would be examined.

        Raises `NotHeld`, and `LimitExceeded` when it is more than one report may be about.
        """
        summary = await self._reader.summary(scope)
        if summary is None:
            raise not_held(scope)
        if summary.instances > self._limits.instances:
            message = f"{summary.instances:,} instances are too many for one report; ask by series"
            allowed = self._limits.instances
            raise LimitExceeded("retrieve.findings_instances", allowed, message)
        return summary

    async def examined(
        self, scope: Scope, depth: Depth = HEADERS
    ) -> AsyncGenerator[Examined, None]:
        """Yield every instance of `scope` in order of arrival, with what is wrong with it.

        One that is damaged or lost has a finding that says so. Raises `ArchiveUnavailable`, and
        `PixelEngineBusy` when frames are to be decoded and cannot be for minutes.
        """
        ahead: deque[asyncio.Task[Examined | None]] = deque()
        try:
            async with aclosing(self._records(scope)) as records:
                async for record in records:
                    ahead.append(asyncio.create_task(self._examined(scope, record, depth)))
                    if len(ahead) > self._limits.threads and (found := await ahead.popleft()):
                        yield found
            while ahead:
                if found := await ahead.popleft():
                    yield found
        finally:
            await tasks.end(*ahead)

    async def _records(self, scope: Scope) -> AsyncGenerator[InstanceRecord, None]:
        after = 0
        while page := await self._reader.instances(scope, after, self._limits.page_instances):
            for record in page:
                yield record
            after = page[-1].key

    async def _examined(
        self, scope: Scope, record: InstanceRecord, depth: Depth
    ) -> Examined | None:
        uids = record.uids
        one = Scope(uids.study, uids.series, uids.sop_instance, scope.partition)
        try:
            examination = await self._in_thread(record, depth)
            if depth.decode and self._frames is not None and examination.facts is not None:
                found = await self._frames(one)
                examination = replace(examination, findings=(*examination.findings, *found))
            return Examined(record, examination)
        except ObjectMissing:
            # It may have been replaced or deleted since its page was read.
            now = next(iter(await self._reader.instances(one, 0, 1)), None)
            if now is None or now.key != record.key:
                return None  # stored anew, it comes on a later page
            if now.object_key != record.object_key:
                return await self._examined(scope, now, depth)
            return Examined(record, lost_file("the stored object is lost, or part of it"))

    async def _in_thread(self, record: InstanceRecord, depth: Depth) -> Examination:
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(asyncio.to_thread(self._examine, record, depth, loop))
        # A thread cannot be stopped: its place is free when it has ended, whoever waits for it.
        work.add_done_callback(self._done)
        return await asyncio.shield(work)

    def _done(self, work: "asyncio.Future[Examination]") -> None:
        self._room.release()
        tasks.note_error(work)

    def _examine(
        self, record: InstanceRecord, depth: Depth, loop: asyncio.AbstractEventLoop
    ) -> Examination:
        with open_source(self._objects, record, loop) as source:
            try:
                return examine_source(source, limits=self._header_limits, required=depth.required)
            except OSError as error:
                return unreadable_file(error)
