"""An archive with its view, and submissions as the stages note them."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.bootstrap.archive import Archive, open_archive
from hilum.bootstrap.archive_view import open_view
from hilum.domain.identifiers import Scope, SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from hilum.domain.instances import Arrival, InMemory, OnConflict, Outcome, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.domain.submissions import (
    Advance,
    FileNote,
    FileState,
    NewFile,
    NewSubmission,
    StudyId,
    SubmissionState,
)
from hilum.settings import load_settings
from hilum.submissions.viewing import Viewing

ORIGIN = Origin(Door.UPLOAD, "view")
POLICY = StorePolicy("minimal", on_conflict=OnConflict.NEW_VERSION)


@dataclass
class Viewed:
    """What tests of the view work with."""

    archive: Archive
    viewing: Viewing
    folder: Path

    async def submit(self, *files: bytes, study_id: str = "") -> StudyId:
        """Take files from upload to PROCESSING, archived and noted, without their view."""
        named = StudyId(study_id or str(uuid.uuid4()))
        received = [
            NewFile(number, f"{number}.dcm", f"{named}/{number}", len(data), b"")
            for number, data in enumerate(files)
        ]
        submissions = self.archive.index.submissions
        await submissions.receive(NewSubmission(named, ORIGIN, POLICY, received))
        for state in (
            SubmissionState.VALIDATING, SubmissionState.VALIDATED, SubmissionState.PROCESSING,
        ):  # fmt: skip
            await submissions.advance(named, Advance(state))
        for number, data in enumerate(files):
            await self.note(named, number, await self.store(data), len(data))
        return named

    async def store(self, data: bytes) -> Outcome:
        outcome = await self.archive.ingest(Arrival(InMemory(data), ORIGIN, POLICY))
        assert outcome.held, outcome
        return outcome

    async def note(self, study_id: StudyId, number: int, outcome: Outcome, size: int) -> None:
        note = FileNote(
            number, FileState.ARCHIVED, f"{number}.dcm", "", size,
            uids=outcome.uids, sop_class_uid=outcome.sop_class_uid, version=outcome.version,
        )  # fmt: skip
        await self.archive.index.submissions.note_files(study_id, [note])

    async def delete(self, study: str, series: str = "", sop_instance: str = "") -> None:
        await delete(self.archive, study, series, sop_instance)

    def tree(self, study_id: str = "") -> dict[str, bytes]:
        """Every file below the view, or below one view, by its relative path."""
        root = self.folder / study_id if study_id else self.folder
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and ".hilum" not in path.parts
        }

    def document(self, *parts: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.folder.joinpath(*parts, "metadata.json").read_text())
        return read


@asynccontextmanager
async def a_view(
    data_dir: Path, environment: dict[str, str] | None = None, **settings: Any
) -> AsyncIterator[Viewed]:
    """Open archive and view; `settings` are those of the section `archive_view`."""
    chosen = load_settings(
        {"data_dir": data_dir, "ingest.keeper_process": False, "derived.maximum_bytes": 0}
        | {f"archive_view.{name}": value for name, value in settings.items()},
        environment=environment or {},
    )
    async with (
        open_archive(chosen) as archive,
        open_view(chosen, archive.index, archive.objects) as viewing,
    ):
        yield Viewed(archive, viewing, Path(settings.get("folder", data_dir / "archive")))


async def delete(archive: Archive, study: str, series: str = "", sop_instance: str = "") -> None:
    """As a door does."""
    scope = Scope(
        StudyInstanceUID(study),
        SeriesInstanceUID(series) if series else None,
        SOPInstanceUID(sop_instance) if sop_instance else None,
    )
    await archive.delete(scope, ORIGIN)
