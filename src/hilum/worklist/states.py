"""What may be done to a work item in which state: PS3.4 tables CC.1.1-2 and CC.1.1-3, as data."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from hilum.domain.workitems import (
    AlreadyCompleted,
    AlreadyInProgress,
    NotSchedulable,
    NotYetInProgress,
    TransactionMissing,
    TransactionUnexpected,
    WorkitemConflict,
    WorkitemFinal,
    WorkitemState,
    WrongTransaction,
)

_SCHEDULED, _RUNNING = WorkitemState.SCHEDULED, WorkitemState.IN_PROGRESS
_COMPLETED, _CANCELED = WorkitemState.COMPLETED, WorkitemState.CANCELED


class Shown(Enum):
    """The Transaction UID that a request shows, beside the one that is held."""

    NOTHING = "nothing"
    RIGHT = "right"
    WRONG = "wrong"


class Verdict(Enum):
    """What comes of a request; the statuses are those of PS3.4 annex CC."""

    DO = "do"
    DO_IF_COMPLETE = "do it if the final state requirements are met, else C304"
    ASK = "ask who performs it"
    ALREADY_COMPLETED = "B306"
    ALREADY_CANCELED = "B304"
    FINAL = "C300"
    COMPLETED = "C306"
    WRONG = "C301"
    MISSING = "C302"
    UNEXPECTED = "nobody performs it yet"
    TAKEN = "C302, for who shows the right one"
    NOT_SCHEDULABLE = "C303"
    NOT_TAKEN = "C310"
    COMPLETED_BEFORE = "C311"


CHANGES: Final[Mapping[tuple[WorkitemState, WorkitemState], Verdict]] = {
    (_SCHEDULED, _RUNNING): Verdict.DO,
    (_SCHEDULED, _COMPLETED): Verdict.NOT_TAKEN,
    (_SCHEDULED, _CANCELED): Verdict.NOT_TAKEN,
    (_RUNNING, _RUNNING): Verdict.TAKEN,
    (_RUNNING, _COMPLETED): Verdict.DO_IF_COMPLETE,
    (_RUNNING, _CANCELED): Verdict.DO_IF_COMPLETE,
    (_COMPLETED, _RUNNING): Verdict.FINAL,
    (_COMPLETED, _COMPLETED): Verdict.ALREADY_COMPLETED,
    (_COMPLETED, _CANCELED): Verdict.FINAL,
    (_CANCELED, _RUNNING): Verdict.FINAL,
    (_CANCELED, _COMPLETED): Verdict.FINAL,
    (_CANCELED, _CANCELED): Verdict.ALREADY_CANCELED,
}
"""From the state it has and the one that is wanted, for who shows the right Transaction UID."""

UPDATES: Final[Mapping[tuple[WorkitemState, Shown], Verdict]] = {
    (_SCHEDULED, Shown.NOTHING): Verdict.DO,
    (_SCHEDULED, Shown.RIGHT): Verdict.UNEXPECTED,
    (_SCHEDULED, Shown.WRONG): Verdict.UNEXPECTED,
    (_RUNNING, Shown.NOTHING): Verdict.MISSING,
    (_RUNNING, Shown.RIGHT): Verdict.DO,
    (_RUNNING, Shown.WRONG): Verdict.WRONG,
    **{(_COMPLETED, shown): Verdict.COMPLETED for shown in Shown},
    **{(_CANCELED, shown): Verdict.FINAL for shown in Shown},
}

CANCEL_REQUESTS: Final[Mapping[WorkitemState, Verdict]] = {
    _SCHEDULED: Verdict.DO,
    _RUNNING: Verdict.ASK,
    _COMPLETED: Verdict.COMPLETED_BEFORE,
    _CANCELED: Verdict.ALREADY_CANCELED,
}


def shown(held: str | None, given: str | None) -> Shown:
    """How the Transaction UID of a request relates to the one that is held."""
    if not given:
        return Shown.NOTHING
    return Shown.RIGHT if given == held else Shown.WRONG


def change_verdict(state: WorkitemState, wanted: WorkitemState, given: Shown) -> Verdict:
    """What comes of a change of state.

    Of a SCHEDULED work item any Transaction UID is right: it becomes the one that is held.
    """
    if wanted is _SCHEDULED:
        return Verdict.NOT_SCHEDULABLE
    if state is not _SCHEDULED and given is not Shown.RIGHT:
        return Verdict.WRONG
    return CHANGES[state, wanted]


def refusal(verdict: Verdict, state: WorkitemState) -> WorkitemConflict | None:
    """The error that a verdict is; None when something is to be done, or was done before."""
    if verdict in {Verdict.FINAL, Verdict.COMPLETED}:
        return WorkitemFinal(verdict.value, state)
    kind = _REFUSALS.get(verdict)
    return None if kind is None else kind()


_REFUSALS: Final[Mapping[Verdict, Callable[[], WorkitemConflict]]] = {
    Verdict.WRONG: WrongTransaction,
    Verdict.MISSING: TransactionMissing,
    Verdict.UNEXPECTED: TransactionUnexpected,
    Verdict.TAKEN: AlreadyInProgress,
    Verdict.NOT_SCHEDULABLE: NotSchedulable,
    Verdict.NOT_TAKEN: NotYetInProgress,
    Verdict.COMPLETED_BEFORE: AlreadyCompleted,
}
