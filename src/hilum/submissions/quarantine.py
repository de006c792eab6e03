"""What people do with what is in quarantine: one use case for every desk.

A decision is the last step of what it decides: after a crash in between, the same command again
does the rest, and the archive knows the bytes it has. Who decides has the turn at it among all
processes: of two who decide at once one does, the other only hears that it is decided.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from hilum.domain.errors import HilumError, InvalidRequest, ObjectMissing
from hilum.domain.instances import Arrival, Disposition, OnConflict, Outcome, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.domain.quarantine import Quarantined, QuarantineState
from hilum.domain.submissions import FileNote, FileState, StudyId
from hilum.foundation.clock import Clock
from hilum.ingest.profiles import PROFILES
from hilum.ports.holding import Holding
from hilum.ports.quarantine import QuarantineList, QuarantineQuery
from hilum.ports.quarantine_telemetry import NoQuarantineMeter, QuarantineMeter
from hilum.submissions.archiving import kept
from hilum.submissions.mending.mend import Applied, Mended, parsed, usual_coercions
from hilum.submissions.quarantine_errors import (
    NotRepaired,
    QuarantineDecided,
    QuarantinedNotFound,
    StillRefused,
)
from hilum.submissions.records import HELD, Submissions
from hilum.submissions.repairing import Prospect, Repairing

log = structlog.get_logger()

Receive = Callable[[Arrival], Awaitable[Outcome]]
Returned = Callable[[StudyId, FileNote], Awaitable[None]]
"""Notes what became of a file of a submission (`hilum.submissions.returning`)."""

_MOST_TAGS: Final = 40
"""That a history names for one coercion."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision."""

    record: Quarantined
    """As it stands now, with its history."""
    outcome: Outcome | None = None
    """Of the archive; None when nothing was to be archived."""
    applied: Sequence[Applied] = ()
    """What a repair did."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The use case; each command raises `QuarantinedNotFound` for a number there is not."""

    list: QuarantineList
    holding: Holding
    receive: Receive
    """The pipeline that every door hands its instances to."""
    repairing: Repairing
    clock: Clock
    submissions: Submissions | None = None
    returned: Returned | None = None
    meter: QuarantineMeter = field(default_factory=NoQuarantineMeter)

    async def page(
        self, query: QuarantineQuery, before: int | None, limit: int
    ) -> Sequence[Quarantined]:
        """Newest first, without findings and histories."""
        return await self.list.list(query, before, limit)

    async def show(self, key: int) -> Quarantined:
        """One with its findings and history."""
        found = await self.list.get(key)
        if found is None:
            raise QuarantinedNotFound(key)
        return found

    async def prospect(self, record: Quarantined) -> Prospect:
        """What `repair` could do about something that is held."""
        try:
            return await self.repairing.prospect(record)
        except ObjectMissing as error:
            return Prospect((), record.what.findings, str(error))

    async def try_repair(self, key: int, coercions: Sequence[str] | None) -> Prospect:
        """What `repair` would do; raises as it does, but `StillRefused`."""
        record = await self._held(key)
        return await self.repairing.tried(record, _wanted(coercions))

    async def release(
        self, key: int, by: str, reason: str = "", profile: str = "minimal"
    ) -> Decided:
        """Archive it as it is, by `profile` alone; what is held under its UIDs gets a new version.

        Raises `QuarantineDecided`, `StillRefused`, `ObjectMissing`, `ArchiveFault`.
        """
        if profile not in PROFILES:
            message = f"There is no profile {profile!r}: there are {', '.join(PROFILES)}."
            raise InvalidRequest(message)
        async with self._decision(key) as record:
            policy = _as_it_is(record.what.policy, profile)
            async with self.holding.take(record.what.place) as content:
                outcome = await self.receive(Arrival(content, _origin(record, by), policy))
            self._demand_held(outcome, "Repair it, or have its sender mend it.")
            decided = await self._archived(
                record,
                outcome,
                (QuarantineState.RELEASED, by, f"By profile {profile}.{_said(reason)}"),
            )
            await self._free(record)
            return Decided(decided, outcome)

    async def repair(
        self, key: int, by: str, reason: str = "", coercions: Sequence[str] | None = None
    ) -> Decided:
        """Mend a copy, and have the archive judge it as the original was judged.

        `coercions` are by default all that need not be asked for by name. The original stays until
        its time is over. Raises `QuarantineDecided`, `StillRefused`, `NothingToRepair`,
        `InvalidRequest`, `UnreadableInstance`, `LimitExceeded`, `ObjectMissing`, `ArchiveFault`.
        """
        wanted = _wanted(coercions)
        async with self._decision(key) as record:
            async with self.repairing.mended(record, wanted) as (content, mended):
                policy = _as_judged(record.what.policy, mended)
                outcome = await self.receive(Arrival(content, _origin(record, by), policy))
            try:
                self._demand_held(outcome, "See what else could be repaired, or release it.")
            finally:
                if outcome.disposition is not Disposition.FAILED and not outcome.held:
                    await self.repairing.forget(record, wanted)
            text = _told(mended.applied) + _said(reason)
            decided = await self._archived(record, outcome, (QuarantineState.REPAIRED, by, text))
            await self.repairing.forget(record, wanted)
            return Decided(decided, outcome, mended.applied)

    async def discard(self, key: int, by: str, reason: str = "") -> Decided:
        """Give it up for good. Again changes nothing. Raises `QuarantineDecided`, `ArchiveFault`.

        The decision comes first: what is decided is not archived by anybody else meanwhile. After
        a crash the bytes go when its time is over, or when it is discarded again.
        """
        async with self._turn(key):
            record = await self.show(key)
            if record.state is not QuarantineState.DISCARDED:
                await self._decide(record, QuarantineState.DISCARDED, by, reason.strip())
            note = await self._note(record)
            if note is not None and note.state is FileState.QUARANTINED:
                await self._return(record, replace(note, state=FileState.DISCARDED, place=""))
            await self._free(record)
            return Decided(await self.show(key))

    async def discard_original(self, key: int, by: str, reason: str = "") -> Decided:
        """Give up the original of something repaired before its time is over.

        A delete of the mended instance does not reach it. Again changes nothing. Raises
        `NotRepaired`, `ArchiveFault`.
        """
        async with self._turn(key):
            record = await self.show(key)
            if record.state is not QuarantineState.REPAIRED:
                raise NotRepaired(record)
            if await asyncio.to_thread(self.holding.path(record.what.place).exists):
                text = f"The original is discarded.{_said(reason)}"
                await self.list.tell(key, by, text, self.clock.now())
                log.info(
                    "quarantine_original_discarded", number=key,
                    correlation_id=record.what.origin.correlation_id,
                )  # fmt: skip
            await self._free(record)
            return Decided(await self.show(key))

    async def _archived(
        self, record: Quarantined, outcome: Outcome, decision: tuple[QuarantineState, str, str]
    ) -> Quarantined:
        note = await self._note(record)
        if note is not None:
            if note.state not in HELD:  # else a crash came after it was noted
                note = kept(note, outcome)
            # It keeps its place, so that its bytes outlive a crash before the decision.
            await self._return(record, replace(note, place=record.what.place))
        await self._decide(record, *decision)
        return await self.show(record.key)

    async def _decide(
        self, record: Quarantined, state: QuarantineState, by: str, text: str
    ) -> None:
        """Raises `QuarantineDecided` when somebody else was quicker."""
        now = self.clock.now()
        if not await self.list.decide(record.key, state, by, text, now):
            raise QuarantineDecided(await self.show(record.key))
        self.meter.decided(state)
        log.info(
            "quarantine_decided", number=record.key, state=state.value,
            correlation_id=record.what.origin.correlation_id,
        )  # fmt: skip

    @asynccontextmanager
    async def _decision(self, key: int) -> AsyncIterator[Quarantined]:
        async with self._turn(key):
            record = await self._held(key)
            try:
                yield record
            except ObjectMissing:
                await self._held(key)  # where locks of processes do not reach, somebody decided
                raise

    async def _held(self, key: int) -> Quarantined:
        record = await self.show(key)
        if record.state is not QuarantineState.HELD:
            raise QuarantineDecided(record)
        return record

    async def _free(self, record: Quarantined) -> None:
        await self.holding.discard(record.what.place)
        note = await self._note(record)
        if (
            note is not None
            and note.place
            and self.submissions is not None
            and record.what.study_id
        ):
            await self.submissions.note_files(record.what.study_id, [replace(note, place="")])
        await self.list.forget([record.key])

    async def _note(self, record: Quarantined) -> FileNote | None:
        """What its submission knows of the file; None when it came with none, or that is gone."""
        what = record.what
        if self.submissions is None or what.study_id is None or what.number is None:
            return None
        notes = await self.submissions.files(what.study_id, what.number - 1, 1)
        return notes[0] if notes and notes[0].number == what.number else None

    async def _return(self, record: Quarantined, note: FileNote) -> None:
        if self.returned is not None and record.what.study_id is not None:
            await self.returned(record.what.study_id, note)

    def _demand_held(self, outcome: Outcome, mend: str) -> None:
        if outcome.held:
            return
        if outcome.disposition is Disposition.FAILED and isinstance(outcome.error, HilumError):
            raise outcome.error
        raise StillRefused(outcome, mend)

    def _turn(self, key: int) -> AbstractAsyncContextManager[None]:
        return turn_at(self.holding, key)


def turn_at(holding: Holding, key: int) -> AbstractAsyncContextManager[None]:
    """The turn at deciding about number `key`."""
    return holding.turn(f"quarantined-{key}")


def _wanted(coercions: Sequence[str] | None) -> Mapping[str, str]:
    wanted = usual_coercions() if coercions is None else parsed(coercions)
    if not wanted:
        raise InvalidRequest("Name at least one coercion, or none at all for the usual ones.")
    return wanted


def _origin(record: Quarantined, by: str) -> Origin:
    """The correlation id of the arrival goes on, so that its whole way can be found."""
    origin = record.what.origin
    return Origin(Door.QUARANTINE, origin.correlation_id, origin.peer, by)


def _as_it_is(policy: StorePolicy, profile: str) -> StorePolicy:
    """What a sender had announced counts no more: somebody has looked at it."""
    return StorePolicy(profile, OnConflict.NEW_VERSION, policy.partition, quarantine=False)


def _as_judged(policy: StorePolicy, mended: Mended) -> StorePolicy:
    if mended.renames:
        # What is held under a name that was made here need not be the same instance.
        return replace(
            policy, on_conflict=OnConflict.REFUSE, quarantine=False,
            study=None, sop_class=None, sop_instance=None,
        )  # fmt: skip
    return replace(policy, on_conflict=OnConflict.NEW_VERSION, quarantine=False)


def _said(reason: str) -> str:
    return f" {reason.strip()}" if reason.strip() else ""


def _told(applied: Sequence[Applied]) -> str:
    """`add-type2: (0010,0030), (0010,0040); fix-meta: (0002,0003).`: places, no values."""
    told = []
    for each in applied:
        places = list(dict.fromkeys(str(change.path) for change in each.changes if change.path))
        more = f" and {len(places) - _MOST_TAGS} more" if len(places) > _MOST_TAGS else ""
        told.append(f"{each.coercion}: {', '.join(places[:_MOST_TAGS]) or 'file'}{more}")
    return "; ".join(told) + "."
