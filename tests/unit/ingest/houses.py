"""A pipeline over in-memory engines, and arrivals for it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hilum.domain.identifiers import PartitionKey, StudyInstanceUID
from hilum.domain.instances import (
    Arrival,
    Disposition,
    InMemory,
    OnConflict,
    Outcome,
    StorePolicy,
)
from hilum.domain.origins import Door, Origin
from hilum.ingest.committer import Committer
from hilum.ingest.judging import Criteria
from hilum.ingest.pipeline import Ingest, IngestLimits
from hilum.ports.quarantine import Refusals
from hilum.ports.telemetry import NoIngestMeter, Stage
from tests.twins import MemoryIndex, MemoryIntents, MemoryObjects


@dataclass
class RecordingMeter(NoIngestMeter):
    """Keeps what the pipeline tells."""

    outcomes: list[tuple[Door, Disposition, int]] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def stage(self, stage: Stage, seconds: float) -> None:
        assert seconds >= 0
        self.stages.append(stage)

    def outcome(self, door: Door, disposition: Disposition, size_bytes: int) -> None:
        self.outcomes.append((door, disposition, size_bytes))

    def limit_hit(self, limit: str) -> None:
        self.limits.append(limit)

    def batch(self, instances: int, size_bytes: int, seconds: float) -> None:
        assert size_bytes > 0
        assert seconds >= 0
        self.batches.append(instances)


@dataclass
class House:
    """One pipeline and what it stands on."""

    ingest: Ingest
    committer: Committer
    index: MemoryIndex
    objects: MemoryObjects
    intents: MemoryIntents
    meter: RecordingMeter

    def demand_tidy(self) -> None:
        """Every object has a row and every row its object; no write is left unsettled."""
        referenced = {row.kept.object_key for row in self.index.rows.values()}
        assert set(self.objects.held) == referenced | self.index.former
        assert self.intents.open == set()
        assert self.ingest.in_flight == 0


@asynccontextmanager
async def a_house(
    limits: IngestLimits | None = None,
    *,
    batch_instances: int = 256,
    queue_instances: int = 1024,
    criteria: Criteria | None = None,
    refusals: Refusals | None = None,
) -> AsyncIterator[House]:
    index, objects, intents, meter = (
        MemoryIndex(),
        MemoryObjects(),
        MemoryIntents(),
        RecordingMeter(),
    )
    async with (
        Committer(
            index, batch_instances=batch_instances, queue_instances=queue_instances, meter=meter
        ) as committer,
        Ingest(
            index=index,
            objects=objects,
            intents=intents,
            committer=committer,
            limits=limits,
            meter=meter,
            criteria=criteria,
            refusals=refusals,
        ) as ingest,
    ):
        yield House(ingest, committer, index, objects, intents, meter)


def an_arrival(
    data: bytes,
    *,
    door: Door = Door.STOW,
    profile: str = "standard",
    on_conflict: OnConflict = OnConflict.REFUSE,
    study: str | None = None,
    partition: int = 1,
) -> Arrival:
    policy = StorePolicy(
        profile,
        on_conflict=on_conflict,
        partition=PartitionKey(partition),
        study=None if study is None else StudyInstanceUID(study),
    )
    return Arrival(InMemory(data), Origin(door, "correlation-1"), policy)


def codes(outcome: Outcome) -> Sequence[str]:
    return [finding.code for finding in outcome.findings]
