"""What can go wrong when somebody decides about something in quarantine."""

from collections.abc import Sequence
from typing import ClassVar

from hilum.domain.errors import NotHeld, StateConflict
from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import Disposition, Outcome
from hilum.domain.quarantine import Quarantined

_SHOWN = 3


class QuarantinedNotFound(NotHeld):
    """Nothing in quarantine has this number."""

    code: ClassVar[str] = "quarantined-not-found"
    title: ClassVar[str] = "Nothing in quarantine has this number"

    def __init__(self, key: int) -> None:
        super().__init__(f"Nothing in quarantine has the number {key}: see the list.")


class QuarantineDecided(StateConflict):
    """Somebody has decided about it already, or its time is over."""

    code: ClassVar[str] = "quarantine-decided"
    title: ClassVar[str] = "It is decided already"

    def __init__(self, record: Quarantined) -> None:
        super().__init__(
            f"Number {record.key} was {record.state.value} at {record.changed:%Y-%m-%d %H:%M} UTC:"
            " there is nothing left to decide. Its history tells more."
        )


class StillRefused(StateConflict):
    """The archive does not take it in this way either; it stays in quarantine."""

    code: ClassVar[str] = "still-refused"
    title: ClassVar[str] = "Still refused"

    def __init__(self, outcome: Outcome, mend: str) -> None:
        self.outcome = outcome
        super().__init__(f"{_reasons(outcome)} It stays in quarantine. {mend}")


class NothingToRepair(StateConflict):
    """No coercion that was asked for finds anything to mend."""

    code: ClassVar[str] = "nothing-to-repair"
    title: ClassVar[str] = "Nothing that could be repaired in this way"


class NotRepaired(StateConflict):
    """Only of something repaired there is an original beside what is archived."""

    code: ClassVar[str] = "not-repaired"
    title: ClassVar[str] = "It was not repaired"

    def __init__(self, record: Quarantined) -> None:
        super().__init__(
            f"Number {record.key} is {record.state.value}: only of something repaired there is an"
            " original to discard."
        )


def _reasons(outcome: Outcome) -> str:
    if outcome.error is not None:
        return str(outcome.error)
    if outcome.disposition is Disposition.CONFLICT:
        return "Other bytes are held under the UIDs that it would have."
    errors = [each for each in outcome.findings if each.severity is Severity.ERROR]
    more = f" And {len(errors) - _SHOWN} more." if len(errors) > _SHOWN else ""
    return " ".join(_reason(errors[:_SHOWN])) + more if errors else "The archive refuses it."


def _reason(findings: Sequence[Finding]) -> list[str]:
    return [f"{each.code} {each.path or each.tag_text}: {each.text}" for each in findings]
