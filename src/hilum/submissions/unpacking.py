"""Zip files of a submission: each member becomes a file of it, under a number of its own.

Members are numbered in the order of the directory of their zip file, and noted in that order. So
those that are noted are the first ones, and work that broke off goes on behind them with the same
numbers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, ParamSpec, TypeVar

from hilum.domain.findings import Finding
from hilum.domain.instances import Content, InMemory
from hilum.domain.submissions import FileNote, FileState, SubmissionRecord
from hilum.foundation.memory import MemoryBudget
from hilum.ingest.body import InstanceBody
from hilum.ingest.sniffing import looks_like_zip
from hilum.ingest.zip_files import (
    SharedZip,
    ZipFault,
    ZipMember,
    ZipRefused,
)
from hilum.ports.holding import Holding
from hilum.ports.objects import Spool
from hilum.submissions.codes import ZIP_EMPTY, ZIP_PATH, file_finding
from hilum.submissions.kinds import HEAD_BYTES, leads_out
from hilum.submissions.names import shown_name
from hilum.submissions.options import StageOptions
from hilum.submissions.receiving import place_of
from hilum.submissions.records import PAGE, Submissions, pages, reading, side_by_side
from hilum.submissions.setting_aside import SettingAside, refused

_CHUNK_BYTES: Final = 1 << 20

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came of a zip file."""

    note: FileNote
    free: int
    """The first number that no file has now."""
    size_bytes: int
    """Of the members that were unpacked this time."""


@dataclass(frozen=True, slots=True)
class Unpacking:
    """Unpacks into the holding."""

    submissions: Submissions
    holding: Holding
    spool: Spool
    aside: SettingAside
    options: StageOptions
    budget: MemoryBudget
    """Of members that are expanded in memory."""

    async def __call__(
        self, record: SubmissionRecord, note: FileNote, free: int, unpacked_bytes: int
    ) -> Unpacked:
        """Make the members of the zip file `note` files of the submission.

        `free` is the first number that no file has, `unpacked_bytes` what zip files of the
        submission, this one too, expanded to before. Raises `ArchiveFull`, `ArchiveUnavailable`.
        """
        first, known = await self._noted(record, note, free)
        limits = replace(
            self.options.zip_limits,
            total_bytes=max(0, self.options.zip_total_bytes - unpacked_bytes),
        )
        try:
            archive = await _in_thread(SharedZip, self.holding.path(note.place), limits)
        except ZipRefused as error:
            done = await self._conclude(record, note, [file_finding(error.fault)])
            return Unpacked(done, free, 0)
        try:
            unpacked = _Unpacked(self, record, note, archive, first)
            await unpacked.go_on(known)
        finally:
            await asyncio.to_thread(archive.release)
        done = await self._conclude(record, note, unpacked.findings)
        return Unpacked(done, unpacked.number, unpacked.size_bytes)

    async def _noted(
        self, record: SubmissionRecord, note: FileNote, free: int
    ) -> tuple[int, Sequence[FileNote]]:
        """The number of the first member, and what an attempt that broke off has noted.

        One zip file is unpacked after the other, so that only the last file can be of one that is
        not unpacked yet.
        """
        last = await self.submissions.files(record.study_id, record.files - 2, 1)
        if not any(member.parent == note.number for member in last):
            return free, ()
        known: list[FileNote] = []
        async for page in pages(self.submissions, record.study_id, note.number):
            known += [member for member in page if member.parent == note.number]
        return known[0].number, known

    async def _conclude(
        self, record: SubmissionRecord, note: FileNote, findings: Sequence[Finding]
    ) -> FileNote:
        """Note what became of the zip file; one that was not unpacked whole is kept apart."""
        if any(finding.code != ZIP_EMPTY for finding in findings):
            done = await self.aside(record, note, findings)
        else:
            done = replace(note, state=FileState.UNPACKED, place="", findings=tuple(findings))
        await self.submissions.note_files(record.study_id, [done])
        if not done.place:
            await self.holding.discard(note.place)
        return done


class _Unpacked:
    """One zip file while it is unpacked."""

    def __init__(
        self,
        tools: Unpacking,
        record: SubmissionRecord,
        zip_note: FileNote,
        archive: SharedZip,
        first: int,
    ) -> None:
        self._tools = tools
        self._record = record
        self._zip = zip_note
        self._archive = archive
        self._first = first
        self._slots = asyncio.Semaphore(tools.options.files_at_once)
        self._faults: list[str] = []
        self.number = first
        """Of the next member."""
        self.size_bytes = 0
        """Of the members unpacked here."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What there is to say of the zip file: what of it could not be unpacked."""
        if self._faults:
            return [file_finding(fault) for fault in dict.fromkeys(self._faults)]
        return [] if self.number > self._first else [file_finding(ZIP_EMPTY)]

    async def go_on(self, known: Sequence[FileNote]) -> None:
        """Unpack the members behind those that are noted already."""
        self._count(known)
        members = islice(self._archive.members(), len(known), None)
        while not self._archive.is_bomb and (page := list(islice(members, PAGE))):
            notes = await side_by_side(
                self._unpack(member, self.number + place) for place, member in enumerate(page)
            )
            await self._tools.submissions.note_files(self._record.study_id, notes)
            self._count(notes)
            self.size_bytes += sum(note.size_bytes for note in notes if note.place)

    def _count(self, notes: Sequence[FileNote]) -> None:
        self.number += len(notes)
        self._faults += [
            note.code for note in notes if note.state is FileState.QUARANTINED and not note.place
        ]

    async def _unpack(self, member: ZipMember, number: int) -> FileNote:
        note = FileNote(
            number,
            FileState.RECEIVED,
            shown_name(member.name),
            place_of(self._record.study_id, number),
            member.size_bytes,
            parent=self._zip.number,
        )
        problem = member.problem
        if problem is not None and problem.fault is not ZipFault.NESTED:
            return _lost(note, problem.fault)
        try:
            async with self._slots, self._content(member) as (content, head):
                await self._tools.holding.keep(note.place, content)
                note = replace(note, size_bytes=content.size_bytes)
        except ZipRefused as error:
            return _lost(note, error.fault)
        if leads_out(member.name):
            return await self._tools.aside(self._record, note, [file_finding(ZIP_PATH)])
        if problem is not None or looks_like_zip(head):
            return await self._tools.aside(self._record, note, [file_finding(ZipFault.NESTED)])
        return note

    @asynccontextmanager
    async def _content(self, member: ZipMember) -> AsyncIterator[tuple[Content, bytes]]:
        """A member expanded, in memory or in the spool, and its first bytes."""
        tools = self._tools
        body = InstanceBody(tools.spool, tools.options.memory_member_bytes, tools.budget)
        stream = await _in_thread(member.open)
        head = b""
        try:
            while body.fault is None and (part := await _in_thread(stream.read, _CHUNK_BYTES)):
                head = head or part[:HEAD_BYTES]
                await body.write(memoryview(part))
            content = await body.finish()
            if body.fault is not None:
                raise body.fault
            yield content or InMemory(b""), head
        finally:
            stream.close()
            await body.discard()


def _lost(note: FileNote, fault: ZipFault) -> FileNote:
    """The note of a member whose bytes cannot be had from the zip file."""
    return refused(replace(note, place=""), [file_finding(fault)])


async def _in_thread(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    with reading():
        return await asyncio.to_thread(work, *arguments, **named)
