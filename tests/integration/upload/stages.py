"""Submissions over a real archive, and the stages called by hand."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from hilum.bootstrap.archive import Archive, open_archive
from hilum.bootstrap.archive_view import open_view
from hilum.bootstrap.quarantine import quarantine_of
from hilum.bootstrap.submissions import SubmissionWork, submission_work
from hilum.domain.instances import InMemory, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.domain.quarantine import Quarantined
from hilum.domain.submissions import (
    FileNote,
    FileState,
    NewFile,
    NewSubmission,
    StudyId,
    SubmissionRecord,
)
from hilum.foundation.clock import SystemClock
from hilum.ports.quarantine import QuarantineQuery
from hilum.settings import load_settings
from hilum.submissions.quarantine import Quarantine
from hilum.submissions.receiving import place_of

ORIGIN = Origin(Door.UPLOAD, "stages")
POLICY = StorePolicy("standard", depth="practice")

NamedFile = tuple[str, bytes] | bytes


@dataclass
class Uploads:
    """What tests of the stages work with."""

    archive: Archive
    work: SubmissionWork
    quarantined: Quarantine
    data_dir: Path

    async def submit(self, *files: NamedFile, policy: StorePolicy = POLICY) -> StudyId:
        """Receive files as the door of uploads does."""
        study_id = StudyId(str(uuid.uuid4()))
        received = []
        for number, file in enumerate(files):
            name, data = file if isinstance(file, tuple) else (f"{number}.dcm", file)
            place = place_of(study_id, number)
            await self.archive.holding.keep(place, InMemory(data))
            received.append(NewFile(number, name, place, len(data), b""))
        path = str(self.archive.holding.path(place_of(study_id, 0)))
        new = NewSubmission(study_id, ORIGIN, policy, received, path)
        await self.archive.index.submissions.receive(new)
        return study_id

    async def validated(self, *files: NamedFile, policy: StorePolicy = POLICY) -> StudyId:
        study_id = await self.submit(*files, policy=policy)
        await self.work.validating(study_id)
        return study_id

    async def through(self, *files: NamedFile, policy: StorePolicy = POLICY) -> StudyId:
        study_id = await self.validated(*files, policy=policy)
        await self.work.archiving(study_id)
        return study_id

    async def record(self, study_id: StudyId) -> SubmissionRecord:
        record = await self.archive.index.submissions.submission(study_id)
        assert record is not None
        return record

    async def notes(self, study_id: StudyId) -> Sequence[FileNote]:
        return await self.archive.index.submissions.files(study_id, -1, 10_000)

    async def states(self, study_id: StudyId) -> list[FileState]:
        return [note.state for note in await self.notes(study_id)]

    async def codes(self, study_id: StudyId) -> dict[str, str]:
        return {note.name: note.code for note in await self.notes(study_id)}

    async def quarantine(self, study_id: StudyId) -> Sequence[Quarantined]:
        query = QuarantineQuery(study_id=study_id)
        return await self.archive.index.quarantine.list(query, None, 1000)

    async def held_places(self) -> list[str]:
        return sorted([held.place async for held in self.archive.holding.list()])

    async def instances(self) -> int:
        return (await self.archive.index.counts()).instances

    @property
    def objects(self) -> list[Path]:
        return [path for path in (self.data_dir / "objects").rglob("*.dcm") if path.is_file()]


@asynccontextmanager
async def uploads(data_dir: Path, **settings: Any) -> AsyncIterator[Uploads]:
    """An archive in `data_dir`, opened as by one process that may die: the same folder again."""
    chosen = load_settings(
        {"data_dir": data_dir, "ingest.keeper_process": False, "derived.maximum_bytes": 0}
        | settings
    )
    async with (
        open_archive(chosen) as archive,
        open_view(chosen, archive.index, archive.objects) as view,
    ):
        clock = SystemClock()
        work = submission_work(chosen, archive, view, clock)
        yield Uploads(archive, work, quarantine_of(chosen, archive, work, clock), data_dir)


def zipped(*members: NamedFile, method: int = ZIP_DEFLATED) -> bytes:
    """A zip file."""
    file = BytesIO()
    with ZipFile(file, "w", method) as archive:
        for number, member in enumerate(members):
            name, data = member if isinstance(member, tuple) else (f"{number}.dcm", member)
            archive.writestr(name, data)
    return file.getvalue()


def read(path: object) -> bytes:
    """What lies at a path that was told."""
    return Path(str(path)).read_bytes()
