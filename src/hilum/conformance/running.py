"""Running the checks, one after the other: the server is under check, not under load."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hilum.conformance.checks import Check, Fact, Level, NotOffered, Outcome, State, Unmet
from hilum.conformance.listing import CHECKS
from hilum.conformance.samples import Samples
from hilum.conformance.server import Server, Unreachable
from hilum.conformance.session import Session, clean_up, look_at, prepare

_MISSING: Final = {
    Fact.STORE: "no sample was sent",
    Fact.SAMPLES: "the server does not hold our samples, so that values cannot be compared",
    Fact.STUDY: "no study is known that the server holds",
    Fact.IMAGE: "no instance of the study has pixel data",
    Fact.FRAMES: "no instance of the study has several frames",
}
"""Why a check was skipped, by the first fact that is missing."""


@dataclass(frozen=True)
class Plan:
    """What is asked for."""

    study: str = ""
    """UID of a study to look at without storing anything; empty: store samples."""
    only: Collection[str] = ()
    """Groups or ids; empty for all."""
    skip: Collection[str] = ()

    def wants(self, check: Check) -> bool:
        names = {check.group, check.id}
        return not names & set(self.skip) and (not self.only or bool(names & set(self.only)))


@dataclass(frozen=True)
class Run:
    """One run and everything it found."""

    url: str
    began: datetime
    outcomes: tuple[Outcome, ...]
    remarks: tuple[str, ...] = ()
    """What was left behind, or kept from working."""

    def count(self, state: State) -> int:
        return sum(outcome.state is state for outcome in self.outcomes)

    @property
    def conforms(self) -> bool:
        """Whether no `shall` failed."""
        return not self.count(State.FAILED)


def all_checks() -> tuple[Check, ...]:
    """Every check there is, in the order in which they run."""
    return tuple(CHECKS.values())


async def run_checks(
    server: Server, plan: Plan, told: Callable[[Outcome], None] = lambda _: None
) -> Run:
    """Run the checks of a plan; `told` hears each outcome at once.

    Raises `Unreachable` when the server does not answer at all.
    """
    session = Session(server, None if plan.study else Samples())
    began = datetime.now(UTC)
    remarks = []
    outcomes = []
    await server.ask("GET", f"{server.qido}/studies?limit=1", accept="application/dicom+json")
    try:
        remark = await _prepared(session, plan)
        if remark:
            remarks.append(remark)
        for check in all_checks():
            if plan.wants(check):
                outcomes.append(await run_check(check, session))
                told(outcomes[-1])
    finally:
        try:
            remark = await clean_up(session)
        except (Unreachable, Unmet) as error:
            remark = f"The samples could not be deleted: {error}."
        if remark:
            remarks.append(remark)
    return Run(server.base, began, tuple(outcomes), tuple(remarks))


async def run_check(check: Check, session: Session) -> Outcome:
    """Run one check; whatever the server does becomes an outcome."""
    for fact in Fact:
        if fact in check.needs - session.facts:
            return Outcome(check, State.SKIPPED, found=_MISSING[fact])
    session.server.last = None
    try:
        await check.run(session)
    except Unmet as error:
        return _unmet(check, error, session)
    except NotOffered as reason:
        return _outcome(check, State.SKIPPED, session, found=f"not offered: {reason}")
    except Unreachable as error:
        state = State.FAILED if check.level is Level.SHALL else State.WARNED
        return Outcome(check, state, "an answer", str(error))
    return _outcome(check, State.PASSED, session)


async def _prepared(session: Session, plan: Plan) -> str:
    try:
        if plan.study:
            await look_at(session, plan.study)
        else:
            await prepare(session)
    except (Unmet, Unreachable) as error:
        if plan.study:
            return f"The study could not be looked at: {error}."
        return f"The samples could not be stored: {error}."
    return ""


def _unmet(check: Check, error: Unmet, session: Session) -> Outcome:
    level = error.level or check.level
    exchange = error.exchange or session.server.last
    state = State.FAILED if level is check.level is Level.SHALL else State.WARNED
    return Outcome(
        check,
        state,
        error.expected,
        error.found,
        exchange.request_line if exchange else "",
        exchange.response_line if exchange else "",
    )


def _outcome(check: Check, state: State, session: Session, found: str = "") -> Outcome:
    last = session.server.last
    if last is None:
        return Outcome(check, state, found=found)
    return Outcome(
        check, state, found=found, request=last.request_line, response=last.response_line
    )
