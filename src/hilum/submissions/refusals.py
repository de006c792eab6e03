"""Keeps apart what doors refuse: the pipeline's last resort before the refusal goes out."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from hilum.domain.errors import HilumError
from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import Arrival, Disposition, InMemory, Outcome
from hilum.domain.origins import Door
from hilum.domain.quarantine import NewQuarantined, QuarantineState
from hilum.foundation.clock import Clock
from hilum.ingest.deep import findings_of
from hilum.ports.holding import Holding
from hilum.ports.quarantine import QuarantineList
from hilum.ports.quarantine_telemetry import NoQuarantineMeter, QuarantineMeter
from hilum.submissions.codes import CONFLICT, file_finding

log = structlog.get_logger()

PLACES: Final = "q-"
"""How the places of what doors refused begin; uploads lie in places of their submissions."""
_REFUSED: Final = frozenset({Disposition.REFUSED, Disposition.UNREADABLE, Disposition.CONFLICT})
_HASH_DIGITS: Final = 60
_MOST_TIMES: Final = 1000
"""That the same bytes are kept after they expired."""


@dataclass(frozen=True, slots=True)
class QuarantineOptions:
    """What is kept, and how much of it."""

    doors: frozenset[Door] = frozenset({Door.C_STORE})
    retention: timedelta = timedelta(days=30)
    maximum_bytes: int = 10 << 30
    maximum_files: int = 100_000
    conflicts: bool = True
    """Whether what is refused for other bytes that are held under its UIDs is kept, too."""


@dataclass(frozen=True, slots=True)
class KeepRefused:
    """`Refusals` over the holding and the list of what is in quarantine."""

    quarantine: QuarantineList
    holding: Holding
    clock: Clock
    options: QuarantineOptions
    meter: QuarantineMeter = field(default_factory=NoQuarantineMeter)

    def wants(self, arrival: Arrival, disposition: Disposition) -> bool:
        """See `Refusals.wants`."""
        if disposition not in _REFUSED or (
            disposition is Disposition.CONFLICT and not self.options.conflicts
        ):
            return False
        wanted = arrival.policy.quarantine
        return arrival.origin.door in self.options.doors if wanted is None else wanted

    async def keep(self, arrival: Arrival, outcome: Outcome) -> int | None:
        """See `Refusals.keep`.

        The same bytes again, as of a sender that repeats what was refused, are kept once; they are
        not kept when somebody decided about them, whose decision counts.
        """
        origin = arrival.origin
        if not self.wants(arrival, outcome.disposition):
            return None
        try:
            return await self._keep(arrival, outcome)
        except HilumError as error:
            self._not_kept(origin.door, error.code)
        except Exception as error:
            log.exception("quarantine_failed", error=type(error).__name__)
            self._not_kept(origin.door, "internal")
        return None

    async def _keep(self, arrival: Arrival, outcome: Outcome) -> int | None:
        content, origin = arrival.content, arrival.origin
        name = await self._name(arrival)
        place = ""
        for number in range(_MOST_TIMES):
            place = f"{name}/{number}"
            there = await self.quarantine.at(place)
            if there is None:
                break
            if there.state is not QuarantineState.EXPIRED:
                return there.key
        files, size_bytes = await self.quarantine.totals()
        if (
            files >= self.options.maximum_files
            or size_bytes + content.size_bytes > self.options.maximum_bytes
        ):
            self._not_kept(origin.door, "full")
            return None
        new = self._entry(arrival, outcome, place)
        await self.holding.keep(place, content)
        key = await self.quarantine.add(new)
        self.meter.kept(origin.door, new.code)
        self.meter.held(files + 1, size_bytes + new.size_bytes)
        log.info(
            "quarantined", number=key, code=new.code, door=origin.door.value,
            size_bytes=new.size_bytes, correlation_id=origin.correlation_id,
        )  # fmt: skip
        return key

    def _entry(self, arrival: Arrival, outcome: Outcome, place: str) -> NewQuarantined:
        findings = tuple(outcome.findings)
        if outcome.disposition is Disposition.CONFLICT:
            findings = (file_finding(CONFLICT), *findings)
        if not findings and outcome.error is not None:
            findings = findings_of(outcome.error)
        return NewQuarantined(
            place=place,
            size_bytes=arrival.content.size_bytes,
            origin=arrival.origin,
            policy=arrival.policy,
            code=_code(findings, outcome.error),
            findings=findings,
            expires=self.clock.now() + self.options.retention,
            uids=outcome.uids,
            sop_class_uid=outcome.sop_class_uid,
        )

    async def _name(self, arrival: Arrival) -> str:
        """Equal for equal bytes from one door into one partition."""
        seed = f"{arrival.origin.door.value} {arrival.policy.partition} ".encode()
        if isinstance(arrival.content, InMemory):
            digest = hashlib.sha256(seed + arrival.content.data).hexdigest()
        else:
            digest = await asyncio.to_thread(_digest, seed, arrival.content.path)
        return PLACES + digest[:_HASH_DIGITS]

    def _not_kept(self, door: Door, cause: str) -> None:
        self.meter.not_kept(door, cause)
        log.warning("not_quarantined", door=door.value, cause=cause)


def _digest(seed: bytes, path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        digest = hashlib.sha256(seed)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _code(findings: tuple[Finding, ...], error: Exception | None) -> str:
    if isinstance(error, HilumError):
        return error.code
    errors = (each.code for each in findings if each.severity is Severity.ERROR)
    return next(errors, "refused")
