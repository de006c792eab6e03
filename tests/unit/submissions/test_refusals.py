"""What doors refuse is kept when it should be, and a refusal stays one whatever goes wrong."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hilum.domain.errors import ArchiveFull, ArchiveUnavailable
from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import (
    Arrival,
    Content,
    Disposition,
    InMemory,
    Outcome,
    Spooled,
    StorePolicy,
)
from hilum.domain.origins import Door, Origin
from hilum.domain.quarantine import QuarantineState
from hilum.ports.quarantine import QuarantineQuery
from hilum.submissions.expiring import Expiring, ExpiryWorker
from hilum.submissions.refusals import KeepRefused, QuarantineOptions
from tests.holding_twin import MemoryHolding
from tests.submission_twins import MemoryQuarantine

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REFUSED = Outcome(
    Disposition.REFUSED,
    findings=(
        Finding("value-invalid", Severity.WARNING, 0x00100010, "wrong"),
        Finding("attribute-missing", Severity.ERROR, 0x0020000D, "missing"),
    ),
)


@dataclass
class Clock:
    """Time as a test has it."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


@dataclass
class Counted:
    """`QuarantineMeter` that can be looked into."""

    told: list[tuple[object, ...]] = field(default_factory=list)

    def kept(self, door: Door, code: str) -> None:
        self.told.append(("kept", door, code))

    def not_kept(self, door: Door, cause: str) -> None:
        self.told.append(("not kept", door, cause))

    def decided(self, state: QuarantineState) -> None:
        self.told.append(("decided", state))

    def held(self, files: int, size_bytes: int) -> None:
        self.told.append(("held", files, size_bytes))


@dataclass
class Kept:
    """The use case over twins."""

    refusals: KeepRefused
    quarantine: MemoryQuarantine
    holding: MemoryHolding
    meter: Counted
    clock: Clock


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return a_quarantine(tmp_path, QuarantineOptions())


def a_quarantine(folder: Path, options: QuarantineOptions) -> Kept:
    clock, meter = Clock(), Counted()
    quarantine, holding = MemoryQuarantine(clock.now), MemoryHolding(folder / "held")
    refusals = KeepRefused(quarantine, holding, clock, options, meter)
    return Kept(refusals, quarantine, holding, meter, clock)


def an_arrival(
    content: Content | None = None, door: Door = Door.C_STORE, quarantine: bool | None = None
) -> Arrival:
    policy = StorePolicy("standard", quarantine=quarantine)
    return Arrival(content or InMemory(b"refused"), Origin(door, "c-1", "CT@1.2.3.4"), policy)


async def test_it_is_kept_with_why_and_for_how_long(kept: Kept) -> None:
    key = await kept.refusals.keep(an_arrival(), REFUSED)

    assert key is not None
    record = await kept.quarantine.get(key)
    assert record is not None
    assert (record.what.code, record.state) == ("attribute-missing", QuarantineState.HELD)
    assert record.what.findings == REFUSED.findings
    assert record.what.expires == NOW + timedelta(days=30)
    assert kept.holding.path(record.what.place).read_bytes() == b"refused"
    assert kept.meter.told == [("kept", Door.C_STORE, "attribute-missing"), ("held", 1, 7)]


async def test_a_file_of_the_spool_is_taken(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "spooled"
    path.write_bytes(b"large")

    key = await kept.refusals.keep(an_arrival(Spooled(path, 5)), REFUSED)

    assert key is not None
    assert not path.exists()


@pytest.mark.parametrize(
    ("door", "rule", "is_kept"),
    [
        (Door.C_STORE, None, True),
        (Door.STOW, None, False),
        (Door.STOW, True, True),
        (Door.C_STORE, False, False),
        (Door.QUARANTINE, False, False),
    ],
)
async def test_the_door_decides_unless_a_rule_does(
    kept: Kept, door: Door, rule: bool | None, is_kept: bool
) -> None:
    key = await kept.refusals.keep(an_arrival(door=door, quarantine=rule), REFUSED)

    assert (key is not None) == is_kept


async def test_the_same_bytes_again_are_kept_once_and_a_decision_about_them_counts(
    kept: Kept,
) -> None:
    first = await kept.refusals.keep(an_arrival(), REFUSED)
    again = await kept.refusals.keep(an_arrival(), REFUSED)
    assert first is not None
    await kept.quarantine.decide(first, QuarantineState.DISCARDED, "me", "", NOW)
    discarded = await kept.refusals.keep(an_arrival(), REFUSED)
    other = await kept.refusals.keep(an_arrival(InMemory(b"other")), REFUSED)

    assert (again, discarded) == (first, first)
    assert other != first


async def test_what_expired_is_kept_anew(kept: Kept) -> None:
    first = await kept.refusals.keep(an_arrival(), REFUSED)
    kept.clock.time += timedelta(days=31)
    expiring = Expiring(kept.quarantine, kept.holding, kept.clock, None, kept.meter)

    assert await expiring.expire() == 1
    assert await expiring.expire() == 0
    again = await kept.refusals.keep(an_arrival(), REFUSED)

    assert again not in {None, first}
    assert ("decided", QuarantineState.EXPIRED) in kept.meter.told
    assert len(kept.holding.since) == 1


@pytest.mark.parametrize(
    "options", [QuarantineOptions(maximum_bytes=10), QuarantineOptions(maximum_files=1)]
)
async def test_what_does_not_fit_is_not_kept(tmp_path: Path, options: QuarantineOptions) -> None:
    kept = a_quarantine(tmp_path, options)
    await kept.refusals.keep(an_arrival(), REFUSED)

    key = await kept.refusals.keep(an_arrival(InMemory(b"another")), REFUSED)

    assert key is None
    assert kept.meter.told[-1] == ("not kept", Door.C_STORE, "full")
    assert len(kept.holding.since) == 1


@pytest.mark.parametrize(
    ("fault", "cause"),
    [(ArchiveUnavailable("away"), "archive-unavailable"), (ArchiveFull("full"), "archive-full")],
)
async def test_an_outage_keeps_nothing_and_raises_nothing(
    kept: Kept, fault: Exception, cause: str
) -> None:
    kept.quarantine.fault = fault  # type: ignore[assignment]

    assert await kept.refusals.keep(an_arrival(), REFUSED) is None
    assert kept.meter.told == [("not kept", Door.C_STORE, cause)]


async def test_what_a_crash_left_in_the_holding_is_swept(kept: Kept) -> None:
    key = await kept.refusals.keep(an_arrival(), REFUSED)
    await kept.holding.keep("q-left/0", InMemory(b"without a row"))
    await kept.holding.keep("r-9-abc/0", InMemory(b"mended, and what it is of is forgotten"))
    await kept.holding.keep("0a-study/0", InMemory(b"of an upload"))
    for place in kept.holding.since:
        kept.holding.since[place] = NOW - timedelta(hours=2)
    await kept.holding.keep("q-new/0", InMemory(b"being added"))
    kept.holding.since["q-new/0"] = NOW
    expiring = Expiring(kept.quarantine, kept.holding, kept.clock, None, kept.meter)

    assert await expiring.sweep() == 2
    assert "q-new/0" in kept.holding.since
    (record,) = await kept.quarantine.list(QuarantineQuery(), None, 10)
    assert record.key == key
    assert record.what.place in kept.holding.since


async def test_a_mended_copy_stays_until_the_repair_is_done(kept: Kept) -> None:
    key = await kept.refusals.keep(an_arrival(), REFUSED)
    assert key is not None
    copy = f"r-{key}-abc/0"
    await kept.holding.keep(copy, InMemory(b"mended, and perhaps archived"))
    kept.holding.since[copy] = NOW - timedelta(hours=2)
    expiring = Expiring(kept.quarantine, kept.holding, kept.clock, None, kept.meter)

    assert await expiring.sweep() == 0
    await kept.quarantine.decide(key, QuarantineState.RELEASED, "me", "", NOW)
    assert await expiring.sweep() == 1
    assert copy not in kept.holding.since


async def test_what_a_crash_left_just_before_the_start_is_swept_later(kept: Kept) -> None:
    await kept.holding.keep("q-left/0", InMemory(b"without a row"))
    kept.holding.since["q-left/0"] = NOW
    expiring = Expiring(kept.quarantine, kept.holding, kept.clock, None, kept.meter)

    async with ExpiryWorker(expiring, 0.001, sweep_seconds=0.0):
        await asyncio.sleep(0.01)
        assert "q-left/0" in kept.holding.since
        kept.clock.time += timedelta(hours=2)
        async with asyncio.timeout(10):
            while "q-left/0" in kept.holding.since:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.001)


async def test_a_repaired_original_goes_when_its_time_is_over(kept: Kept) -> None:
    key = await kept.refusals.keep(an_arrival(), REFUSED)
    assert key is not None
    await kept.quarantine.decide(key, QuarantineState.REPAIRED, "me", "", NOW)
    kept.clock.time += timedelta(days=31)

    await Expiring(kept.quarantine, kept.holding, kept.clock, None, kept.meter).expire()

    record = await kept.quarantine.get(key)
    assert record is not None
    assert replace(record, history=()).state is QuarantineState.REPAIRED
    assert kept.holding.since == {}
