"""What was refused and is kept apart, until somebody decides or its time is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hilum.domain.findings import Finding
from hilum.domain.identifiers import InstanceUIDs, SOPClassUID
from hilum.domain.instances import StorePolicy
from hilum.domain.origins import Origin
from hilum.domain.submissions import StudyId


class QuarantineState(StrEnum):
    """What became of something in quarantine; the value is in rows and answers."""

    HELD = "held"
    RELEASED = "released"
    """Archived as it is, by somebody's word."""
    REPAIRED = "repaired"
    """A mended copy is archived; the original is kept until its time is over."""
    DISCARDED = "discarded"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class NewQuarantined:
    """Something that was refused, already on stable storage under `place`."""

    place: str
    """Its name in `hilum.ports.holding`; the same place again is the same thing again."""
    size_bytes: int
    origin: Origin
    policy: StorePolicy
    code: str
    """Why: code of the first error among `findings`, or of an error."""
    findings: Sequence[Finding]
    expires: datetime
    uids: InstanceUIDs | None = None
    sop_class_uid: SOPClassUID | None = None
    study_id: StudyId | None = None
    """The submission it came with, if any."""
    number: int | None = None
    """Of its file there."""
    name: str = ""
    """As the sender calls the file."""


@dataclass(frozen=True, slots=True)
class QuarantineStep:
    """One line of a history."""

    time: datetime
    state: QuarantineState
    by: str
    """Who decided: a principal, `operator` at the command line, empty for time."""
    text: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Something in quarantine, as it stands."""

    key: int
    what: NewQuarantined
    state: QuarantineState
    received: datetime
    changed: datetime
    history: Sequence[QuarantineStep] = ()
    """Oldest first; filled when one is asked for."""
