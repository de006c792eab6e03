"""Facts about whole studies that join the feed beside those about instances."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hilum.domain.identifiers import PartitionKey, StudyInstanceUID


class StableBecause(StrEnum):
    """Why a study counts as complete."""

    QUIET = "quiet"
    """Nothing new for the time its modality is given."""
    COUNT = "expected-count"
    """The source had said how many instances there are."""
    SOURCE = "source"
    """The source itself said so, as Orthanc does by StableStudy."""


@dataclass(frozen=True, slots=True)
class StableStudy:
    """A study at rest. A late instance reopens it; resting again it has the next revision."""

    partition: PartitionKey
    study: StudyInstanceUID
    because: StableBecause
    correlation_id: str
    source: str = ""
    """Name of the source that sent it, where one is configured."""
    failed_instances: int = 0
    """Instances that the source has and the archive could not keep: then it is partial."""


@dataclass(frozen=True, slots=True)
class ExpectedStudy:
    """What a source lets us know of a study it is sending."""

    partition: PartitionKey
    study: StudyInstanceUID
    source: str
    correlation_id: str
    instances: int | None = None
    """How many it will have here in the end; None: the source says by itself when it is done."""


@dataclass(frozen=True, slots=True)
class IngestionFailure:
    """Something a source offered and that could not be kept: the dead letter of ingestion."""

    source: str
    source_id: str
    """The source's name for it, such as an Orthanc study id."""
    reason: str
    """One of the reasons of `docs/events.md`, such as "Storage write failure"."""
    stage: str
    error_class: str
    message: str
    """No patient data."""
    attempt: int
    correlation_id: str
    study: StudyInstanceUID | None = None
    findings: Sequence[str] = ()


class Announcements(Protocol):
    """Writes to the feed; each call is one transaction, durable on return."""

    async def study_stable(self, stable: StableStudy) -> bool:
        """Add the fact to the feed, with the study's identifying values as they are now.

        False, and no entry, when this state of the study was announced before: the same newest
        version and number of instances.
        """
        ...

    async def expect(self, expected: ExpectedStudy) -> None:
        """Note before or while a study arrives that its source will say, or said, what it has.

        No entry. The study then counts as stable when it has that many instances, or when the
        source says so; only after a longer quiet time without either.
        """
        ...

    async def ingestion_failed(self, failure: IngestionFailure) -> None:
        """Add the fact to the feed, and file a dead letter that can be asked to be tried again.

        Another failure of the same `source` and `source_id` updates the dead letter.
        """
        ...
