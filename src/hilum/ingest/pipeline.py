"""The one way into the archive: every door hands its arrivals to `Ingest`.

The order of stages is what keeps the promises (docs/decisions/0004-stage-order.md): the intent is
noted, then the object is on stable storage, then its rows are committed, then the sender hears of
it. Whatever fails on the way, the object goes unless the index refers to it.
"""

import asyncio
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, Self

import structlog

from hilum.dicom.limits import HeaderLimits
from hilum.domain.errors import (
    ArchiveFault,
    HilumError,
    LimitExceeded,
    ObjectExists,
    ShuttingDown,
    UnreadableInstance,
)
from hilum.domain.identifiers import ObjectKey, object_key
from hilum.domain.instances import (
    Arrival,
    Content,
    Description,
    Disposition,
    Expiry,
    InMemory,
    Kept,
    Outcome,
    Spooled,
)
from hilum.domain.records import Committed
from hilum.ingest.admission import Admission
from hilum.ingest.committer import Committer
from hilum.ingest.examine import Examined
from hilum.ingest.giving_back import give_back
from hilum.ingest.healing import damaged_object
from hilum.ingest.judging import Criteria, Judging
from hilum.ingest.leftovers import Leftovers
from hilum.ingest.policies import JUDGED_BEFORE
from hilum.ingest.recovery import settle
from hilum.ingest.versions import VersionBlocks
from hilum.ports.index import InstanceReader, InstanceWriter
from hilum.ports.objects import ObjectStore, WriteIntents
from hilum.ports.quarantine import NoRefusals, Refusals
from hilum.ports.telemetry import IngestMeter, NoIngestMeter, Stage

_log = structlog.get_logger("hilum.ingest")


class InstanceIndex(InstanceWriter, InstanceReader, Protocol):
    """What the pipeline needs of an index."""


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """Bounds on the pipeline; each is a setting."""

    instances_in_flight: int = 64
    bytes_in_flight: int = 256 << 20
    """Memory held by arrivals that are not spooled."""
    inline_bytes: int = 1 << 20
    """Instances up to this size are examined in the event loop: a thread would cost more than the
    work. Larger ones could hold it up for too long."""
    header: HeaderLimits = field(default_factory=HeaderLimits)
    threads: int = 4
    """Threads that examine the others."""
    memo_bytes: int = 32 << 20
    """Memory of the reader of headers for what repeats from instance to instance."""
    unsettled_objects: int = 10_000
    """Failed writes whose object an outage keeps from being removed; with so many nothing more is
    taken in until some are settled."""


_BLOCKS_TRIED: Final = 3
"""Of version numbers, when objects that the index does not know have the names already."""
_INTERNAL_ERROR: Final = "The server could not keep the instance because of an internal error."


class Ingest:
    """The use case behind STOW-RS, C-STORE, import and every other door; use with `async with`.

    Calling it never raises for what is wrong with an instance or with the archive: the `Outcome`
    says it. A caller that goes away does not stop what has begun.
    """

    def __init__(
        self,
        *,
        index: InstanceIndex,
        objects: ObjectStore,
        intents: WriteIntents,
        committer: Committer,
        limits: IngestLimits | None = None,
        meter: IngestMeter | None = None,
        refusals: Refusals | None = None,
        criteria: Criteria | None = None,
    ) -> None:
        self._index = index
        self._objects = objects
        self._intents = intents
        self._committer = committer
        self._limits = limits or IngestLimits()
        self._meter = meter or NoIngestMeter()
        self._refusals = refusals or NoRefusals()
        self._admission = Admission(self._limits.instances_in_flight, self._limits.bytes_in_flight)
        criteria = criteria or Criteria()
        self._rules = criteria.rules
        self.judge: Final = Judging(
            meter=self._meter,
            header_limits=self._limits.header,
            inline_bytes=self._limits.inline_bytes,
            threads=self._limits.threads,
            memo_bytes=self._limits.memo_bytes,
            criteria=criteria,
        )
        """Says what there is to say of an instance without keeping it."""
        self._versions = VersionBlocks(index)
        self._leftovers = Leftovers(intents, index, objects, self._limits.unsettled_objects)
        self._running: set[asyncio.Task[Outcome]] = set()
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what was admitted, refuse the rest."""
        self.refuse_new()
        await self.drain()
        await self._leftovers.close()
        self.judge.close()

    def refuse_new(self) -> None:
        """From now on every new arrival hears `ShuttingDown`."""
        self._closing.set()

    async def drain(self) -> None:
        """Wait until nothing is in flight."""
        while self._running:
            await asyncio.wait(self._running)

    @property
    def in_flight(self) -> int:
        """Instances admitted and not yet answered."""
        return self._admission.instances

    async def __call__(self, arrival: Arrival) -> Outcome:
        """Keep one instance and say what became of it.

        When this returns an outcome with `held`, the instance survives a power failure. Being
        cancelled while waiting for admission leaves nothing; later, the instance is kept or
        dropped as a whole without the caller.
        """
        if arrival.origin.door not in JUDGED_BEFORE:
            policy = self._rules(arrival.policy, arrival.origin)
            if policy is not arrival.policy:
                arrival = replace(arrival, policy=policy)
        size_bytes = _memory_bytes(arrival.content)
        arrived = time.perf_counter()
        if not self._closing.is_set():
            await self._admission.enter(size_bytes)
            self._meter.stage(Stage.WAIT, time.perf_counter() - arrived)
            if not self._closing.is_set():
                task = asyncio.create_task(self._run(arrival, size_bytes))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                return await asyncio.shield(task)
            self._admission.leave(size_bytes)
        return self._answered(arrival, _failed(ShuttingDown("The server is shutting down.")))

    async def _run(self, arrival: Arrival, size_bytes: int) -> Outcome:
        try:
            outcome = await self._outcome(arrival)
            if not outcome.held and self._refusals.wants(arrival, outcome.disposition):
                number = await self._refusals.keep(arrival, outcome)
                outcome = replace(outcome, quarantined=number)
                if outcome.disposition is Disposition.CONFLICT:
                    await _drop(arrival.content)
            return self._answered(arrival, outcome)
        finally:
            self._admission.leave(size_bytes)

    def _answered(self, arrival: Arrival, outcome: Outcome) -> Outcome:
        if isinstance(outcome.error, LimitExceeded):
            self._meter.limit_hit(outcome.error.limit)
        self._meter.outcome(arrival.origin.door, outcome.disposition, arrival.content.size_bytes)
        return outcome

    async def _outcome(self, arrival: Arrival) -> Outcome:
        try:
            examined = await self.judge(arrival.content, arrival.policy)
        except (UnreadableInstance, LimitExceeded) as error:
            return Outcome(Disposition.UNREADABLE, error=error)
        except HilumError as error:
            return _failed(error)
        except Exception as error:  # noqa: BLE001 - a bug must not take the door down
            return _failed(self._internal(error, arrival))
        if examined.description is None:
            return _outcome(Disposition.REFUSED, examined)
        try:
            committed = await self._keep(arrival, examined, examined.description)
        except UnreadableInstance as error:
            return _outcome(Disposition.UNREADABLE, examined, error=error)
        except HilumError as error:
            return _outcome(Disposition.FAILED, examined, error=error)
        except Exception as error:  # noqa: BLE001 - as above
            return _outcome(Disposition.FAILED, examined, error=self._internal(error, arrival))
        return _outcome(committed.disposition, examined, committed=committed)

    async def _keep(
        self, arrival: Arrival, examined: Examined, description: Description
    ) -> Committed:
        for _ in range(_BLOCKS_TRIED - 1):
            try:
                return await self._keep_as_new(arrival, examined, description)
            except ObjectExists:
                self._versions.skip_block()
        return await self._keep_as_new(arrival, examined, description)

    async def _keep_as_new(
        self, arrival: Arrival, examined: Examined, description: Description
    ) -> Committed:
        self._leftovers.demand_room()
        version = await self._versions.take()
        key = object_key(arrival.policy.partition, description.uids, version)
        kept = Kept(
            partition=arrival.policy.partition,
            description=description,
            version=version,
            object_key=key,
            size_bytes=arrival.content.size_bytes,
            head_sha256=examined.head_sha256,
            dataset_sha256=examined.dataset_sha256,
            on_conflict=arrival.policy.on_conflict,
            origin=arrival.origin,
            warned=examined.warned,
            expiry=Expiry(arrival.policy.expires),
            external=arrival.policy.external,
        )
        self._intents.begin(key)
        try:
            committed = await self._write(kept, arrival.content)
            if committed.disposition is Disposition.ALREADY_HELD:
                await self._heal(kept, committed)
        except ObjectExists:
            self._intents.end(key)  # what lies there is not ours to remove
            raise
        except Exception:
            await self._settle(key)
            raise
        if committed.disposition in {Disposition.CREATED, Disposition.NEW_VERSION}:
            self._intents.end(key)
        else:
            if committed.disposition is Disposition.CONFLICT:
                await self._give_back(arrival, key)
            await self._settle(key)
        return committed

    async def _give_back(self, arrival: Arrival, key: ObjectKey) -> None:
        """Leave what is to be kept apart where it was before the store took it."""
        content = arrival.content
        if isinstance(content, Spooled) and self._refusals.wants(arrival, Disposition.CONFLICT):
            try:
                await give_back(self._objects, key, content.path)
            except (OSError, ArchiveFault) as error:
                _log.warning("conflict_not_given_back", error=type(error).__name__)

    async def _write(self, kept: Kept, content: Content) -> Committed:
        written = began = time.perf_counter()
        data = None
        if isinstance(content, InMemory) and content.size_bytes <= self._committer.takes_bytes:
            data = content.data
        else:
            try:
                await self._objects.put_once(kept.object_key, content)
            except ArchiveFault as fault:
                fault.engine = "objects"
                raise
            finally:
                written = time.perf_counter()
                self._meter.stage(Stage.WRITE, written - began)
        try:
            return await self._committer.commit(kept, data)
        finally:
            self._meter.stage(Stage.COMMIT, time.perf_counter() - written)

    async def _heal(self, kept: Kept, committed: Committed) -> None:
        """Let the arrival's object take the place of the held one when that is damaged."""
        damaged = await damaged_object(kept, committed, self._index, self._objects)
        if damaged is None:
            return
        self._intents.begin(damaged)
        try:
            await self._objects.replace(damaged, kept.object_key)
            _log.warning("object_healed", size_bytes=kept.size_bytes)
        finally:
            await self._settle(damaged)  # the instance may have been deleted meanwhile

    async def settle(self, key: ObjectKey) -> None:
        """Settle the intent of an object that something else wrote and has no use for."""
        await self._settle(key)

    async def _settle(self, key: ObjectKey) -> None:
        """Remove an object unless the index refers to it.

        When index or store cannot do their part the intent stays until they can.
        """
        try:
            await settle([key], self._index, self._objects)
        except ArchiveFault as error:
            _log.warning("object_left_for_recovery", error=type(error).__name__)
            self._leftovers.add(key)
        else:
            self._intents.end(key)

    def _internal(self, error: Exception, arrival: Arrival) -> HilumError:
        """Log a bug without what its message may hold of the instance."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        _log.error(
            "ingest_failed",
            error=type(error).__name__,
            place=f"{frame.name}:{frame.lineno}",
            door=arrival.origin.door.value,
            correlation_id=arrival.origin.correlation_id,
        )
        return ArchiveFault(_INTERNAL_ERROR)


async def _drop(content: Content) -> None:
    """Remove what was given back and not kept: its door may have looked after it already."""
    if isinstance(content, Spooled):
        with suppress(OSError):
            await asyncio.to_thread(content.path.unlink)


def _memory_bytes(content: Content) -> int:
    return content.size_bytes if isinstance(content, InMemory) else 0


def _failed(error: HilumError) -> Outcome:
    return Outcome(Disposition.FAILED, error=error)


def _outcome(
    disposition: Disposition,
    examined: Examined,
    *,
    committed: Committed | None = None,
    error: HilumError | None = None,
) -> Outcome:
    verdict = examined.verdict
    return Outcome(
        disposition,
        sop_class_uid=verdict.sop_class_uid,
        sop_instance_uid=verdict.sop_instance_uid,
        uids=verdict.uids,
        version=None if committed is None else committed.version,
        dataset_sha256=None if committed is None else examined.dataset_sha256,
        findings=verdict.findings,
        error=error,
        warnings=verdict.notices,
    )
