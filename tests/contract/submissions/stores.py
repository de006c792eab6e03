"""The memory of submissions and of quarantine, over every engine and in its twins."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import orjson

from hilum.adapters.database.times import to_microseconds
from hilum.domain.external_metadata import ExternalAttribute
from hilum.domain.findings import Finding, Severity
from hilum.domain.identifiers import (
    InstanceUIDs,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
)
from hilum.domain.instances import OnConflict, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.domain.quarantine import NewQuarantined
from hilum.domain.records import FeedEntry
from hilum.domain.submissions import (
    Advance,
    FileNote,
    FileState,
    NewFile,
    NewSubmission,
    StudyId,
    SubmissionState,
)
from hilum.foundation.bell import Bell
from hilum.ports.quarantine import QuarantineList
from hilum.ports.submissions import SubmissionList, SubmissionNotes
from tests.contract.index.engines import ENGINES, engine_of
from tests.submission_twins import MemoryQuarantine, MemorySubmissions

STORES = ("twin", *ENGINES)
BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATIENCE = timedelta(seconds=60)
ORIGIN = Origin(Door.UPLOAD, "corr-1", "10.0.0.7", "somebody")
POLICY = StorePolicy(
    "standard",
    OnConflict.NEW_VERSION,
    study=StudyInstanceUID("1.2.3"),
    depth="iod",
    expires=datetime(2027, 1, 1, tzinfo=UTC),
    external=(ExternalAttribute("00091001", "LO", "beside"),),
)


class Store(SubmissionNotes, SubmissionList, Protocol):
    """Both ports of submissions."""

    @property
    def moved(self) -> Bell: ...


@dataclass
class Clock:
    """Stands still until a test moves it."""

    at: datetime = BEGIN

    def now(self) -> datetime:
        return self.at

    def go_on(self, seconds: float = 1) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


@dataclass
class Stores:
    """One deployment's memory; `second` is another process on it, or the same in a twin."""

    clock: Clock
    submissions: Store
    quarantine: QuarantineList
    second: Store
    feed: Callable[[], Awaitable[Sequence[FeedEntry]]]
    fed: Bell

    async def told(self) -> list[tuple[str, str, int, dict[str, Any]]]:
        """Kind, study id, round and data of what joined the feed."""
        entries = await self.feed()
        payloads = [orjson.loads(entry.payload or "") for entry in entries]
        return [
            (entry.kind.value, payload["study_id"], payload["round"], payload["data"])
            for entry, payload in zip(entries, payloads, strict=True)
        ]


@asynccontextmanager
async def open_stores(kind: str, folder: Path) -> AsyncIterator[Stores]:
    clock = Clock()
    if kind == "twin":
        quarantine = MemoryQuarantine(clock.now)
        twin = MemorySubmissions(clock.now, PATIENCE.total_seconds(), quarantine=quarantine)

        async def entries() -> Sequence[FeedEntry]:
            return twin.entries

        yield Stores(clock, twin, quarantine, twin, entries, twin.fed)
        return

    def options() -> dict[str, Any]:
        return {
            "now": lambda: to_microseconds(clock.now()),
            "submission_seconds": PATIENCE.total_seconds(),
        }

    with engine_of(kind, folder) as engine:
        async with engine.open(**options()) as index, engine.open(**options()) as other:
            yield Stores(
                clock,
                index.submissions,
                index.quarantine,
                other.submissions,
                lambda: index.feed(0, 100),
                index.fed,
            )


def study_id(number: int = 1) -> StudyId:
    return StudyId(f"00000000-0000-4000-8000-{number:012}")


def new_files(count: int = 2, of: StudyId | None = None) -> list[NewFile]:
    return [
        NewFile(number, f"IM{number}.dcm", f"{of or study_id()}/{number}", 100 + number, b"d" * 32)
        for number in range(count)
    ]


def a_submission(number: int = 1, files: int = 2, **more: Any) -> NewSubmission:
    of = study_id(number)
    made = NewSubmission(of, ORIGIN, POLICY, new_files(files, of), f"/uploads/{of}")
    return replace(made, **more)


def uids(study: int = 1, series: int = 1, instance: int = 1) -> InstanceUIDs:
    return InstanceUIDs(
        StudyInstanceUID(f"1.2.{study}"),
        SeriesInstanceUID(f"1.2.{study}.{series}"),
        SOPInstanceUID(f"1.2.{study}.{series}.{instance}"),
    )


def a_note(number: int = 0, state: FileState = FileState.VALID, **more: Any) -> FileNote:
    note = FileNote(number, state, f"IM{number}.dcm", f"{study_id()}/{number}", 100 + number)
    return replace(note, **more)


def a_finding(number: int = 1, severity: Severity = Severity.ERROR, **more: Any) -> Finding:
    found = Finding(
        code=f"code-{number}", severity=severity, tag=0x00080018, text="It is not there.",
        path="(0008,1140)[0](0008,1155)", expected="a UID", found="nothing",
        section="PS3.3 C.12.1",
    )  # fmt: skip
    return replace(found, **more)


def to(state: SubmissionState, **more: Any) -> Advance:
    return Advance(state, **more)


def a_quarantined(place: str = "q-1/0", **more: Any) -> NewQuarantined:
    made = NewQuarantined(
        place=place, size_bytes=100, origin=ORIGIN, policy=POLICY, code="code-1",
        findings=(a_finding(),), expires=BEGIN + timedelta(days=30), uids=uids(),
        study_id=study_id(), number=0, name="IM0.dcm",
    )  # fmt: skip
    return replace(made, **more)
