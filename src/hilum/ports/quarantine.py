"""The list of what is in quarantine; the bytes are in `hilum.ports.holding`.

Each call is one transaction, durable on return. All of it raises `ArchiveUnavailable` when the
database cannot be used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hilum.domain.instances import Arrival, Disposition, Outcome
from hilum.domain.origins import Door
from hilum.domain.quarantine import NewQuarantined, Quarantined, QuarantineState
from hilum.domain.submissions import StudyId


@dataclass(frozen=True, slots=True)
class QuarantineQuery:
    """Which; None means any."""

    state: QuarantineState | None = None
    code: str | None = None
    door: str | None = None
    study_id: StudyId | None = None
    study_instance_uid: str | None = None


class QuarantineList(Protocol):
    async def add(self, new: NewQuarantined) -> int:
        """Add it and return its number; what lies in the same place is there already."""
        ...

    async def get(self, key: int) -> Quarantined | None:
        """One with its history."""
        ...

    async def at(self, place: str) -> Quarantined | None:
        """What was added with this place, whatever became of it; without its history."""
        ...

    async def list(
        self, query: QuarantineQuery, before: int | None, limit: int
    ) -> Sequence[Quarantined]:
        """Newest first, with numbers below `before`; without findings and histories."""
        ...

    async def of_files(self, study_id: StudyId, numbers: Sequence[int]) -> Mapping[int, int]:
        """Their numbers here, by the numbers of files of a submission; of those that were here."""
        ...

    async def decide(
        self, key: int, state: QuarantineState, by: str, text: str, now: datetime
    ) -> bool:
        """Change its state from HELD; False, and nothing, when it has left that state."""
        ...

    async def tell(self, key: int, by: str, text: str, now: datetime) -> None:
        """Add a line to its history; its state stays. An unknown key is no error."""
        ...

    async def expired(self, now: datetime, limit: int) -> Sequence[Quarantined]:
        """Those whose time is over and whose bytes may still be there, in whichever state."""
        ...

    async def forget(self, keys: Sequence[int]) -> None:
        """Their bytes are gone: `expired` does not name them again.

        Held ones become EXPIRED; the rows stay for their history.
        """
        ...

    async def totals(self, door: Door | None = None) -> tuple[int, int]:
        """How many are held, all or those that came through `door`, and their bytes."""
        ...


class Refusals(Protocol):
    """Where the pipeline leaves what it refuses."""

    def wants(self, arrival: Arrival, disposition: Disposition) -> bool:
        """Whether what ended so is of those that are to be kept."""
        ...

    async def keep(self, arrival: Arrival, outcome: Outcome) -> int | None:
        """Keep what was refused, if it is wanted and can be kept; its number then.

        A `Spooled` content's file may be taken (moved). Never raises: a refusal stays one.
        """
        ...


class NoRefusals:
    """Keeps nothing."""

    def wants(self, arrival: Arrival, disposition: Disposition) -> bool:  # noqa: ARG002
        return False

    async def keep(self, arrival: Arrival, outcome: Outcome) -> int | None:
        """Never called, since nothing is wanted."""
