"""What becomes of an arrival, over in-memory engines."""

import asyncio
import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hilum.dicom.errors import NotDicom, TruncatedInstance
from hilum.domain.errors import (
    ArchiveFault,
    ArchiveFull,
    ArchiveUnavailable,
    LimitExceeded,
    NotIndexable,
    ShuttingDown,
)
from hilum.domain.instances import Arrival, Disposition, OnConflict, Outcome, Spooled
from hilum.domain.origins import Door
from hilum.domain.records import FeedKind
from hilum.ingest.pipeline import IngestLimits
from hilum.ports.telemetry import Stage
from tests.instances import SERIES, STUDY, an_instance
from tests.unit.ingest.houses import a_house, an_arrival


async def test_an_instance_is_kept_as_it_came() -> None:
    data = an_instance(3000, SOPInstanceUID="1.2.3")
    async with a_house() as house:
        outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.CREATED
        assert outcome.held
        assert outcome.sop_instance_uid == "1.2.3"
        assert outcome.uids is not None
        assert (outcome.uids.study, outcome.uids.series) == (STUDY, SERIES)
        assert list(house.objects.held.values()) == [data]
        row = next(iter(house.index.rows.values()))
        assert row.version == outcome.version
        assert row.kept.size_bytes == len(data)
        offset = row.kept.description.dataset_offset
        assert row.kept.head_sha256 == hashlib.sha256(data[:offset]).digest()
        assert row.kept.dataset_sha256 == hashlib.sha256(data[offset:]).digest()
        house.demand_tidy()


@pytest.mark.parametrize("inline_bytes", [0, 1 << 30])
async def test_a_spooled_instance_is_kept_like_one_in_memory(
    tmp_path: Path, inline_bytes: int
) -> None:
    data = an_instance(300_000)
    spooled = tmp_path / "spooled"
    spooled.write_bytes(data)
    arrival = an_arrival(data)
    async with a_house(IngestLimits(inline_bytes=inline_bytes)) as house:
        first = await house.ingest(
            Arrival(Spooled(spooled, len(data)), arrival.origin, arrival.policy)
        )
        again = await house.ingest(arrival)

        assert first.disposition is Disposition.CREATED
        assert again.disposition is Disposition.ALREADY_HELD
        assert list(house.objects.held.values()) == [data]


async def test_a_spooled_file_that_is_gone_fails_and_leaves_nothing(tmp_path: Path) -> None:
    arrival = an_arrival(b"")
    async with a_house() as house:
        outcome = await house.ingest(
            Arrival(Spooled(tmp_path / "gone", 9), arrival.origin, arrival.policy)
        )

        assert outcome.disposition is Disposition.FAILED
        assert isinstance(outcome.error, ArchiveUnavailable)
        house.demand_tidy()


@pytest.mark.parametrize(("first", "second"), list(itertools.product(Door, Door)))
async def test_the_same_bytes_twice_are_kept_once_through_any_door(
    first: Door, second: Door
) -> None:
    data = an_instance()
    async with a_house() as house:
        outcomes = [
            await house.ingest(an_arrival(data, door=first)),
            await house.ingest(an_arrival(data, door=second, on_conflict=OnConflict.NEW_VERSION)),
        ]

        assert [outcome.disposition for outcome in outcomes] == [
            Disposition.CREATED,
            Disposition.ALREADY_HELD,
        ]
        assert outcomes[0].version == outcomes[1].version
        assert len(house.index.entries) == 1
        house.demand_tidy()


async def test_the_same_bytes_many_times_at_once_are_kept_once() -> None:
    data = an_instance()
    async with a_house() as house:
        outcomes = await asyncio.gather(
            *(house.ingest(an_arrival(data, door=door)) for door in list(Door) * 6)
        )

        dispositions = [outcome.disposition for outcome in outcomes]
        assert dispositions.count(Disposition.CREATED) == 1
        assert dispositions.count(Disposition.ALREADY_HELD) == len(dispositions) - 1
        assert len(house.index.entries) == 1
        house.demand_tidy()


async def test_a_preamble_that_differs_is_no_other_instance() -> None:
    data = an_instance()
    async with a_house() as house:
        await house.ingest(an_arrival(data))
        outcome = await house.ingest(an_arrival(b"II*\0" + data[4:]))

        assert outcome.disposition is Disposition.ALREADY_HELD
        assert list(house.objects.held.values()) == [data]


async def test_other_bytes_under_the_same_uids_conflict() -> None:
    data = an_instance(SOPInstanceUID="1.2.3", PatientID="A")
    other = an_instance(SOPInstanceUID="1.2.3", PatientID="B")
    async with a_house() as house:
        await house.ingest(an_arrival(data))
        outcome = await house.ingest(an_arrival(other))

        assert outcome.disposition is Disposition.CONFLICT
        assert not outcome.held
        assert list(house.objects.held.values()) == [data]
        house.demand_tidy()


class Apart:
    """`Refusals` that wants everything, takes what it is told to, and remembers what it saw."""

    def __init__(self, *, takes: bool) -> None:
        self._takes = takes
        self.seen: list[tuple[Disposition, bytes]] = []

    def wants(self, arrival: Arrival, disposition: Disposition) -> bool:  # noqa: ARG002
        return True

    async def keep(self, arrival: Arrival, outcome: Outcome) -> int | None:
        assert isinstance(arrival.content, Spooled)
        self.seen.append((outcome.disposition, arrival.content.path.read_bytes()))
        if not self._takes:
            return None
        arrival.content.path.unlink()
        return 17


@pytest.mark.parametrize("takes", [True, False])
async def test_a_spooled_conflict_is_given_back_to_be_kept_apart(
    tmp_path: Path, takes: bool
) -> None:
    data = an_instance(300_000, SOPInstanceUID="1.2.3", PatientID="another")
    spooled = tmp_path / "spooled"
    spooled.write_bytes(data)
    apart = Apart(takes=takes)
    async with a_house(refusals=apart) as house:
        first = an_arrival(an_instance(300_000, SOPInstanceUID="1.2.3"))
        await house.ingest(first)

        async def taken() -> None:
            spooled.unlink()

        house.objects.after_put = taken
        outcome = await house.ingest(
            Arrival(Spooled(spooled, len(data)), first.origin, first.policy)
        )

        assert apart.seen == [(Disposition.CONFLICT, data)]
        assert (outcome.disposition, outcome.quarantined) == (
            Disposition.CONFLICT, 17 if takes else None,
        )  # fmt: skip
        assert not spooled.exists()
        house.demand_tidy()


async def test_other_bytes_become_a_new_version_where_the_door_wants_it() -> None:
    data = an_instance(SOPInstanceUID="1.2.3", PatientID="A")
    other = an_instance(SOPInstanceUID="1.2.3", PatientID="B")
    async with a_house() as house:
        created = await house.ingest(an_arrival(data))
        updated = await house.ingest(an_arrival(other, on_conflict=OnConflict.NEW_VERSION))

        assert updated.disposition is Disposition.NEW_VERSION
        assert created.version is not None
        assert updated.version is not None
        assert updated.version > created.version
        assert [entry.kind for entry in house.index.entries] == [
            FeedKind.CREATED,
            FeedKind.UPDATED,
        ]
        house.demand_tidy()


async def test_partitions_do_not_know_of_each_other() -> None:
    data = an_instance()
    async with a_house() as house:
        outcomes = [await house.ingest(an_arrival(data, partition=number)) for number in (1, 2)]

        assert {outcome.disposition for outcome in outcomes} == {Disposition.CREATED}
        assert len(house.objects.held) == 2


async def test_a_refused_instance_leaves_nothing_but_its_findings() -> None:
    async with a_house() as house:
        outcome = await house.ingest(an_arrival(an_instance(StudyInstanceUID=None)))

        assert outcome.disposition is Disposition.REFUSED
        assert [finding.tag_text for finding in outcome.findings] == ["(0020,000d)"]
        assert outcome.sop_instance_uid is not None
        assert outcome.sop_class_uid is not None
        assert outcome.uids is None
        assert house.objects.puts == 0
        house.demand_tidy()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotDicom),
        (b"GIF89a" + bytes(500), NotDicom),
        (an_instance(5000)[:-100], TruncatedInstance),
    ],
)
async def test_bytes_that_are_no_instance_are_unreadable(
    data: bytes, error: type[Exception]
) -> None:
    async with a_house() as house:
        outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.UNREADABLE
        assert isinstance(outcome.error, error)
        assert house.objects.puts == 0
        house.demand_tidy()


async def test_a_header_beyond_its_limits_is_unreadable_and_counted() -> None:
    deep: Any = an_instance()
    nested = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 300
    async with a_house() as house:
        outcome = await house.ingest(an_arrival(deep[:300] + deep[300:] + nested))

        assert outcome.disposition is Disposition.UNREADABLE
        assert isinstance(outcome.error, LimitExceeded)
        assert house.meter.limits == [outcome.error.limit]


@pytest.mark.parametrize("error", [ArchiveFull("full"), ArchiveUnavailable("read-only")])
async def test_a_failing_store_fails_the_instance_and_heals(error: ArchiveFault) -> None:
    data = an_instance()
    async with a_house() as house:
        house.objects.fault = error
        failed = await house.ingest(an_arrival(data))
        assert (failed.disposition, failed.error) == (Disposition.FAILED, error)
        assert house.index.rows == {}

        house.objects.fault = None
        assert (await house.ingest(an_arrival(data))).disposition is Disposition.CREATED


async def test_a_full_disk_for_intents_fails_before_anything_is_written() -> None:
    async with a_house() as house:
        house.intents.fault = ArchiveFull("full")
        outcome = await house.ingest(an_arrival(an_instance()))

        assert outcome.error is house.intents.fault
        assert house.objects.puts == 0


async def test_a_commit_that_fails_takes_its_object_along() -> None:
    data = an_instance()
    async with a_house() as house:
        await house.ingest(an_arrival(an_instance()))  # the versions are reserved now

        async def go_down() -> None:
            house.index.before_commit = _pass
            raise ArchiveUnavailable("locked")

        house.index.before_commit = go_down
        outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.FAILED
        house.demand_tidy()
        assert (await house.ingest(an_arrival(data))).disposition is Disposition.CREATED


async def test_an_object_is_left_for_recovery_while_the_index_cannot_be_asked() -> None:
    data = an_instance()
    async with a_house() as house:
        await house.ingest(an_arrival(an_instance()))
        house.index.fault = ArchiveUnavailable("locked")
        with capture_logs() as logs:
            outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.FAILED
        assert len(house.intents.open) == 1
        assert house.intents.open < set(house.objects.held)
        assert [entry["event"] for entry in logs] == ["object_left_for_recovery"]


async def test_an_object_stays_when_only_the_answer_of_the_commit_was_lost() -> None:
    """As when a connection breaks after COMMIT: a row must never point at nothing."""
    data = an_instance()
    async with a_house() as house:

        async def lose_the_answer() -> None:
            raise ArchiveUnavailable("connection lost")

        house.index.after_commit = lose_the_answer
        outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.FAILED
        assert len(house.index.rows) == 1
        house.demand_tidy()

        house.index.after_commit = _pass
        assert (await house.ingest(an_arrival(data))).disposition is Disposition.ALREADY_HELD
        house.demand_tidy()


async def test_a_bug_fails_one_instance_and_is_logged_without_patient_data() -> None:
    data = an_instance(PatientName="Secret^Name", PatientID="SECRET-ID")
    async with a_house() as house:
        house.index.poison = lambda kept: RuntimeError(repr(kept))
        with capture_logs() as logs:
            outcome = await house.ingest(an_arrival(data))

        assert outcome.disposition is Disposition.FAILED
        assert isinstance(outcome.error, ArchiveFault)
        assert "ecret" not in str(outcome.error)
        assert "SECRET" not in str(outcome.error)
        (entry,) = logs
        assert entry["event"] == "ingest_failed"
        assert entry["error"] == "RuntimeError"
        assert entry["correlation_id"] == "correlation-1"
        assert "secret" not in str(logs).lower()
        house.demand_tidy()


async def test_an_item_no_row_can_hold_is_unreadable() -> None:
    async with a_house() as house:
        house.index.poison = lambda _: NotIndexable("no row can hold it")
        outcome = await house.ingest(an_arrival(an_instance()))

        assert outcome.disposition is Disposition.UNREADABLE
        assert isinstance(outcome.error, NotIndexable)
        house.demand_tidy()


async def test_what_happens_is_told_to_the_meter() -> None:
    data = an_instance()
    async with a_house() as house:
        await house.ingest(an_arrival(data))
        await house.ingest(an_arrival(data, door=Door.C_STORE))
        await house.ingest(an_arrival(b"nonsense"))

        assert house.meter.outcomes == [
            (Door.STOW, Disposition.CREATED, len(data)),
            (Door.C_STORE, Disposition.ALREADY_HELD, len(data)),
            (Door.STOW, Disposition.UNREADABLE, 8),
        ]
        assert set(house.meter.stages) == set(Stage)
        assert house.meter.batches == [1, 1]


async def test_no_more_instances_and_bytes_are_in_flight_than_allowed() -> None:
    datas = [an_instance(20_000) for _ in range(12)]
    limits = IngestLimits(instances_in_flight=4, bytes_in_flight=70_000)
    most = 0
    async with a_house(limits) as house:

        async def look() -> None:
            nonlocal most
            most = max(most, house.ingest.in_flight)
            await asyncio.sleep(0)

        house.objects.before_put = look
        outcomes = await asyncio.gather(*(house.ingest(an_arrival(data)) for data in datas))

        assert {outcome.disposition for outcome in outcomes} == {Disposition.CREATED}
        assert most == 3
        house.demand_tidy()


async def test_an_instance_larger_than_the_bound_on_bytes_goes_alone() -> None:
    limits = IngestLimits(bytes_in_flight=1000)
    async with a_house(limits) as house:
        outcomes = await asyncio.gather(
            *(house.ingest(an_arrival(an_instance(20_000))) for _ in range(3))
        )

        assert {outcome.disposition for outcome in outcomes} == {Disposition.CREATED}


async def test_nothing_new_is_taken_during_a_shutdown() -> None:
    async with a_house() as house:
        house.ingest.refuse_new()
        outcome = await house.ingest(an_arrival(an_instance()))

        assert outcome.disposition is Disposition.FAILED
        assert isinstance(outcome.error, ShuttingDown)
        house.demand_tidy()


async def test_a_shutdown_finishes_what_was_accepted_and_refuses_what_waits() -> None:
    held = asyncio.Event()
    reached = asyncio.Event()

    async def hold() -> None:
        reached.set()
        await held.wait()

    async with a_house(IngestLimits(instances_in_flight=1)) as house:
        house.objects.before_put = hold
        accepted = asyncio.create_task(house.ingest(an_arrival(an_instance())))
        await reached.wait()
        waiting = asyncio.create_task(house.ingest(an_arrival(an_instance())))
        await asyncio.sleep(0)
        house.ingest.refuse_new()
        held.set()
        await house.ingest.drain()

        assert (await accepted).disposition is Disposition.CREATED
        assert isinstance((await waiting).error, ShuttingDown)
        house.demand_tidy()


async def _pass() -> None:
    pass
