"""One file of a submission: kept, refused, or not meant to be kept."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from hilum.dicom.errors import MalformedElement, NotDicom, TruncatedInstance
from hilum.domain.errors import (
    HilumError,
    LimitExceeded,
    UnreadableInstance,
)
from hilum.domain.findings import Finding, Severity
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.instances import Content, Spooled, StorePolicy
from hilum.domain.submissions import FileNote, FileState
from hilum.ingest.examine import Examined
from hilum.ingest.sniffing import looks_like_zip
from hilum.ports.holding import Holding
from hilum.submissions.codes import (
    EMPTY_FILE,
    INDEX_FILE,
    PROCESSING_FAILED,
    SYSTEM_FILE,
    file_finding,
)
from hilum.submissions.kinds import HEAD_BYTES, is_directory, is_of_system
from hilum.submissions.records import reading
from hilum.validation.facts import Facts

_log = structlog.get_logger("hilum.submissions")

Examine = Callable[[Content, StorePolicy], Awaitable[Examined]]
"""What every door's instances go through (`hilum.ingest.pipeline.Ingest.judge`)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A file after it was looked at."""

    note: FileNote
    """VALID, IGNORED, QUARANTINED (yet to be put there), or RECEIVED: a zip file to unpack."""
    facts: Facts | None = None
    """What its study is judged by."""
    digest: tuple[bytes, TransferSyntaxUID] | None = None
    """Equal for the same instance (law 3)."""
    modality: str = ""
    study_date: str = ""


@dataclass(frozen=True, slots=True)
class Judging:
    """Looks at files in the holding."""

    holding: Holding
    examine: Examine

    async def __call__(self, note: FileNote, policy: StorePolicy) -> Judged:
        """Judge one file.

        Raises `ObjectMissing` when it is not there any more, `ArchiveUnavailable` when it cannot
        be read now.
        """
        path = self.holding.path(note.place)
        head = await asyncio.to_thread(_head, path)
        if note.parent is None and looks_like_zip(head):
            return Judged(note)
        if is_directory(note.name, head):
            return Judged(_ignored(note, INDEX_FILE))
        if is_of_system(note.name, head):
            return Judged(_ignored(note, SYSTEM_FILE))
        if not head:
            return Judged(_refused(note, file_finding(EMPTY_FILE)))
        try:
            examined = await self.examine(Spooled(path, note.size_bytes), policy)
        except (UnreadableInstance, LimitExceeded) as error:
            return Judged(_refused(note, unreadable(error)))
        except HilumError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug met by one file must not stop the others
            return Judged(_refused(note, _internal(error)))
        return _judged(note, examined)


def unreadable(error: Exception) -> Finding:
    """What there is to say of a file that cannot be read, or was refused for another error."""
    tag = error.tag if isinstance(error, (TruncatedInstance, MalformedElement)) else None
    section = "PS3.10 7.1" if isinstance(error, NotDicom) else ""
    code = getattr(error, "code", type(error).__name__)
    return Finding(code, Severity.ERROR, tag, str(error), section=section)


def _internal(error: Exception) -> Finding:
    """Log a bug without what its message may hold of the file."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    kind = type(error).__name__
    _log.error("judging_failed", error=kind, place=f"{frame.name}:{frame.lineno}")
    return file_finding(PROCESSING_FAILED, found=kind)


def _judged(note: FileNote, examined: Examined) -> Judged:
    verdict, description = examined.verdict, examined.description
    note = replace(
        note,
        uids=verdict.uids,
        sop_class_uid=verdict.sop_class_uid,
        findings=tuple(verdict.findings),
    )
    if description is None:
        return Judged(replace(note, state=FileState.QUARANTINED), verdict.facts)
    return Judged(
        replace(note, state=FileState.VALID),
        verdict.facts,
        (examined.dataset_sha256, description.transfer_syntax_uid),
        str(description.series.keys.get("Modality") or "").upper(),  # keys are folded
        str(description.study.keys.get("StudyDate") or ""),
    )


def _ignored(note: FileNote, code: str) -> FileNote:
    findings = (file_finding(code),)
    return replace(note, state=FileState.IGNORED, place="", code=code, findings=findings)


def _refused(note: FileNote, finding: Finding) -> FileNote:
    return replace(note, state=FileState.QUARANTINED, findings=(finding,))


def _head(path: Path) -> bytes:
    with reading(), path.open("rb", buffering=0) as file:
        return file.read(HEAD_BYTES)
