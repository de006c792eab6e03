"""Work items: Unified Procedure Steps (PS3.4 annex CC), their states, and what may go wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from hilum.domain.errors import InvalidRequest, NotHeld, StateConflict
from hilum.domain.identifiers import UID, PartitionKey
from hilum.domain.queries import Between, Empty, Equals, Like, OneOf, Words

WorkitemDataset: TypeAlias = Mapping[str, Any]
"""A data set in DICOM JSON (PS3.18 annex F): keys of 8 upper-case hexadecimal digits."""

UPS_PUSH: Final = "1.2.840.10008.5.1.4.34.6.1"
"""SOP Class of every work item (PS3.4 CC.3.1)."""
GLOBAL_SUBSCRIPTION: Final = "1.2.840.10008.5.1.4.34.5"
FILTERED_SUBSCRIPTION: Final = "1.2.840.10008.5.1.4.34.5.1"


class WorkitemState(StrEnum):
    """Values of Procedure Step State (PS3.3 C.30.1)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        return self in {WorkitemState.COMPLETED, WorkitemState.CANCELED}


@dataclass(frozen=True, slots=True)
class Workitem:
    """One work item as it is held."""

    partition: PartitionKey
    uid: UID
    state: WorkitemState
    transaction: str | None
    """The Transaction UID of who performs it: a lock, told to nobody."""
    version: int
    """Another after every change."""
    dataset: WorkitemDataset
    """With its state, without its Transaction UID."""
    created: datetime
    changed: datetime


class EventKind(StrEnum):
    """What a subscriber is told (PS3.4 table CC.2.4-1)."""

    STATE_REPORT = "state-report"
    CANCEL_REQUESTED = "cancel-requested"
    PROGRESS_REPORT = "progress-report"
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True)
class WorkitemReport:
    """Something that happened to a work item, for those who subscribed to it."""

    kind: EventKind
    facts: WorkitemDataset
    """The attributes that PS3.4 table CC.2.4-1 has for this kind."""


@dataclass(frozen=True, slots=True)
class WorkitemEvent:
    """A report that one subscriber has not had yet."""

    key: int
    uid: UID
    report: WorkitemReport


WorkitemMatch = Equals | Like | OneOf | Between | Words | Empty


@dataclass(frozen=True, slots=True)
class WorkitemKey:
    """What one attribute has to match."""

    path: str
    """`TTTTTTTT`, or `SSSSSSSS.TTTTTTTT` of an attribute in the items of a sequence."""
    match: WorkitemMatch


@dataclass(frozen=True, slots=True)
class WorkitemQuery:
    """A search; newest first."""

    partition: PartitionKey
    keys: Sequence[WorkitemKey] = ()
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who subscribes: an Application Entity in a partition."""

    partition: PartitionKey
    ae_title: str


class InvalidWorkitem(InvalidRequest):
    """A data set that breaks a rule of PS3.4 table CC.2.5-3."""

    code = "invalid-workitem"
    title = "Not a valid work item"


class WorkitemNotFound(NotHeld):
    """No work item has this UID, or it was ended and forgotten after its time."""

    code = "workitem-not-found"
    title = "No such work item here"

    def __init__(self) -> None:
        super().__init__("C307: The specified work item does not exist here.")


class WorkitemConflict(StateConflict):
    """What is asked contradicts the state of a work item. The text begins with the status."""

    code: ClassVar[str] = "workitem-conflict"
    title: ClassVar[str] = "Not possible for this work item now"


class WorkitemExists(WorkitemConflict):
    code = "workitem-exists"
    title = "This work item exists already"

    def __init__(self) -> None:
        super().__init__("0111: A work item with this UID exists already.")


class WorkitemFinal(WorkitemConflict):
    """COMPLETED or CANCELED, and so never to be changed again."""

    code = "workitem-final"
    title = "The work item has ended"

    def __init__(self, status: str, state: WorkitemState) -> None:
        super().__init__(f"{status}: The work item is {state} and may no longer be updated.")


class WrongTransaction(WorkitemConflict):
    """Only who performs a work item may change it, and shows the Transaction UID for it."""

    code = "workitem-transaction"
    title = "The Transaction UID is missing or wrong"

    def __init__(self) -> None:
        super().__init__("C301: The correct Transaction UID was not provided.")


class TransactionMissing(WrongTransaction):
    """The same, where none was shown at all."""

    def __init__(self) -> None:
        WorkitemConflict.__init__(
            self, "C302: The work item is already IN PROGRESS: its Transaction UID is required."
        )


class TransactionUnexpected(WorkitemConflict):
    """Nobody performs a SCHEDULED work item yet."""

    code = "workitem-not-performed"
    title = "Nobody performs the work item yet"

    def __init__(self) -> None:
        super().__init__("The work item is SCHEDULED: leave the Transaction UID out.")


class AlreadyInProgress(WorkitemConflict):
    code = "workitem-in-progress"
    title = "The work item is already in progress"

    def __init__(self) -> None:
        super().__init__("C302: The work item is already IN PROGRESS.")


class NotSchedulable(WorkitemConflict):
    code = "workitem-not-schedulable"
    title = "Only a new work item is scheduled"

    def __init__(self) -> None:
        super().__init__("C303: A work item becomes SCHEDULED only by being created.")


class FinalStateUnmet(WorkitemConflict):
    """Attributes are missing that a work item must have before it ends (PS3.4 CC.2.5.1.1)."""

    code = "workitem-incomplete"
    title = "The work item lacks what it must have to end"

    def __init__(self, state: WorkitemState, missing: Sequence[str]) -> None:
        super().__init__(
            f"C304: To become {state} the work item needs a value of {', '.join(missing)}: "
            "update it first."
        )


class NotYetInProgress(WorkitemConflict):
    code = "workitem-not-in-progress"
    title = "The work item is not in progress yet"

    def __init__(self) -> None:
        super().__init__("C310: The work item is not yet IN PROGRESS.")


class AlreadyCompleted(WorkitemConflict):
    code = "workitem-completed"
    title = "The work item is completed already"

    def __init__(self) -> None:
        super().__init__("C311: The work item is already COMPLETED.")


class PerformerUnreachable(WorkitemConflict):
    """A request to cancel what somebody performs, whom nobody can tell."""

    code = "workitem-performer-unreachable"
    title = "The performer cannot be told"

    def __init__(self) -> None:
        super().__init__(
            "C312: The work item is IN PROGRESS and its performer cannot be told of the request."
        )


class AlreadyCanceled(WorkitemConflict):
    """A request to cancel what is canceled: nothing is wrong, and nothing is done."""

    code = "workitem-canceled"
    title = "The work item is canceled already"

    def __init__(self) -> None:
        super().__init__("B304: The work item is already in the requested state of CANCELED.")


class WorkitemChanged(WorkitemConflict):
    """Another request changed the work item while this one was at it; this one did nothing."""

    code = "workitem-changed"
    title = "Changed by somebody else meanwhile"

    def __init__(self) -> None:
        super().__init__("Another request changed the work item at the same time: look again.")


class NotSuspendable(WorkitemConflict):
    """A subscription action that does not go with the UID it names."""

    code = "workitem-subscription"
    title = "Not possible for this subscription"

    def __init__(self) -> None:
        super().__init__("C314: Only the global subscriptions can be suspended.")
