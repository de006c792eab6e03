"""Repairing a file that is held: what could be done about it, and doing it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from hilum.dicom.header import Source, read_header
from hilum.dicom.sources import FileSource
from hilum.domain.errors import HilumError, LimitExceeded, ObjectMissing, UnreadableInstance
from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import Spooled, StorePolicy
from hilum.domain.quarantine import Quarantined
from hilum.foundation.clock import Clock
from hilum.ingest.deep import DeepProfiles, deepened, findings_of, profile_of
from hilum.ingest.describe import WANTED_TAGS
from hilum.ingest.validate import validate
from hilum.ports.holding import Holding
from hilum.ports.objects import Spool
from hilum.submissions.mending.mend import COERCIONS, Applied, Mended, Mending, usual_coercions
from hilum.submissions.quarantine_errors import NothingToRepair
from hilum.validation.profiles import DEEP_PROFILES

_Result = TypeVar("_Result")

MENDED_PLACES: Final = "r-"
"""How the places of mended copies begin, which lie there until the archive has them."""
_PIXELS: Final = "fix-pixel-length"
_NEW_UID: Final = "new-sop-instance-uid"
_OF_CODES: Final[Mapping[str, frozenset[str]]] = {
    _PIXELS: frozenset({"pixel-length", "truncated-instance"}),
    _NEW_UID: frozenset({"sop-instance-twice", "conflict"}),
}
"""Codes that make it worth while to look at what has to be asked for."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one coercion would do by itself."""

    applied: Applied
    mends: Sequence[Finding]
    """Findings that would be gone."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What can be done about a file."""

    proposals: Sequence[Proposal]
    remaining: Sequence[Finding]
    """What would still be wrong after all that need not be asked for by name."""
    cause: str = ""
    """Why nothing can be done, when the file cannot be read even forgivingly."""

    @property
    def would_pass(self) -> bool:
        return not self.cause and all(
            each.severity is not Severity.ERROR for each in self.remaining
        )


@dataclass(frozen=True, slots=True)
class Repairing:
    """Works in threads, two files at a time."""

    holding: Holding
    spool: Spool
    clock: Clock
    mending: Mending
    profiles: DeepProfiles = field(default_factory=lambda: DEEP_PROFILES)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def prospect(self, record: Quarantined) -> Prospect:
        """What each coercion would do and mend. Raises `ObjectMissing` when its bytes are gone."""
        return await self._with_source(record, lambda source: self._prospect(source, record))

    async def tried(self, record: Quarantined, wanted: Mapping[str, str]) -> Prospect:
        """What these coercions would do together, without doing it. Raises as `mended` does."""

        def work(source: Source) -> Prospect:
            mended = self._mended(source, wanted)
            before = self._judged(source, record.what.policy)
            remaining = self._judged(mended.content, record.what.policy)
            gone = _gone(before, remaining)
            return Prospect([Proposal(each, gone) for each in mended.applied], remaining)

        return await self._with_source(record, work)

    @asynccontextmanager
    async def mended(
        self, record: Quarantined, wanted: Mapping[str, str]
    ) -> AsyncIterator[tuple[Spooled, Mended]]:
        """The mended copy, to be taken into the archive; it stays until `forget`.

        After a crash the same copy is used again, so that the archive gets it once. Raises
        `NothingToRepair`, `InvalidRequest`, `UnreadableInstance` (its kinds in
        `hilum.dicom.errors`), `LimitExceeded`, `ObjectMissing`, `ArchiveFault`.
        """
        place = _place(record, wanted)
        async with self.turns:
            with await asyncio.to_thread(_opened, self.holding.path(record.what.place)) as source:
                mended = await asyncio.to_thread(self._mended, source, wanted)
                if not await asyncio.to_thread(self.holding.path(place).exists):
                    await self._write(place, mended)
        async with self.holding.take(place) as content:
            yield content, mended

    async def forget(self, record: Quarantined, wanted: Mapping[str, str]) -> None:
        """Remove the mended copy."""
        await self.holding.discard(_place(record, wanted))

    async def _write(self, place: str, mended: Mended) -> None:
        async with self.spool.create() as file:
            chunks = mended.content.chunks()
            while chunk := await asyncio.to_thread(next, chunks, b""):
                await file.write(chunk)
            content = Spooled(file.path, await file.finish())
            await self.holding.keep(place, content)

    def _mended(self, source: Source, wanted: Mapping[str, str]) -> Mended:
        mended = self.mending(source, wanted, self.clock.now())
        if not mended.applied:
            names = ", ".join(wanted)
            message = (
                f"None of these coercions finds anything to mend: {names}. What is wrong has to be "
                "mended at its source, or the file released as it is."
            )
            raise NothingToRepair(message)
        return mended

    def _prospect(self, source: Source, record: Quarantined) -> Prospect:
        now, policy = self.clock.now(), record.what.policy
        before = self._judged(source, policy)
        codes = {finding.code for finding in before} | {record.what.code}
        try:
            usual = self.mending(source, usual_coercions(), now)
        except HilumError as error:
            more = self._asked_for(source, policy, codes, before)
            return Prospect(more, before, "" if more else str(error))
        proposals = [self._alone(source, policy, each, before) for each in usual.applied]
        remaining = self._judged(usual.content, policy) if usual.applied else before
        more = self._asked_for(source, policy, codes, before)
        return Prospect([*proposals, *more], remaining)

    def _alone(
        self, source: Source, policy: StorePolicy, each: Applied, before: Sequence[Finding]
    ) -> Proposal:
        mended = self.mending(source, {each.coercion: ""}, self.clock.now())
        return Proposal(each, _gone(before, self._judged(mended.content, policy)))

    def _asked_for(
        self, source: Source, policy: StorePolicy, codes: set[str], before: Sequence[Finding]
    ) -> list[Proposal]:
        proposals = []
        for name in COERCIONS:
            if codes.isdisjoint(_OF_CODES.get(name, ())):
                continue
            try:
                mended = self.mending(source, {name: ""}, self.clock.now())
            except HilumError:
                continue
            proposals += [
                Proposal(each, _gone(before, self._judged(mended.content, policy)))
                for each in mended.applied
                if each.coercion == name
            ]
        return proposals

    def _judged(self, source: Source, policy: StorePolicy) -> Sequence[Finding]:
        """As the pipeline judges."""
        try:
            header = read_header(source, limits=self.mending.limits, wanted=WANTED_TAGS)
        except (UnreadableInstance, LimitExceeded) as error:
            return findings_of(error)
        verdict = validate(header, policy)
        if policy.depth:
            profile = profile_of(policy.depth, self.profiles)
            verdict = deepened(verdict, source, header, profile)
        return verdict.findings

    async def _with_source(self, record: Quarantined, work: Callable[[Source], _Result]) -> _Result:
        def run() -> _Result:
            with _opened(self.holding.path(record.what.place)) as source:
                return work(source)

        async with self.turns:
            return await asyncio.to_thread(run)


def _opened(path: Path) -> FileSource:
    try:
        return FileSource(path)
    except FileNotFoundError as error:
        message = "The bytes of what is in quarantine are gone."
        raise ObjectMissing(message) from error


def _gone(before: Sequence[Finding], after: Sequence[Finding]) -> Sequence[Finding]:
    left = {(each.code, each.path, each.tag) for each in after}
    return [each for each in before if (each.code, each.path, each.tag) not in left]


def mended_of(place: str) -> int | None:
    """Number in quarantine of what a copy in this place was made of; None for other places."""
    key = place.removeprefix(MENDED_PLACES).partition("-")[0]
    return int(key) if place.startswith(MENDED_PLACES) and key.isdigit() else None


def _place(record: Quarantined, wanted: Mapping[str, str]) -> str:
    told = "\n".join(f"{name}={value}" for name, value in sorted(wanted.items()))
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return f"{MENDED_PLACES}{record.key}-{digest}/0"
