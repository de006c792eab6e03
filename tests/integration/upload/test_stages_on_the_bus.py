"""The stages on a bus: how often they try, when they give up, and what takes up again."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from hilum.adapters.bus.memory import MemoryBus
from hilum.adapters.bus.options import BusOptions
from hilum.bootstrap.submissions import SubmissionWork, stages
from hilum.domain.errors import ArchiveFault, ArchiveFull, HilumError
from hilum.domain.instances import Arrival, Disposition, Outcome, StorePolicy
from hilum.domain.submissions import (
    SUBMISSION_SETTLED,
    Advance,
    FileState,
    StudyId,
    SubmissionRecord,
    SubmissionState,
)
from hilum.foundation.clock import SystemClock
from hilum.ports.bus import Message
from hilum.ports.submission_telemetry import NoSubmissionMeter
from hilum.submissions.redrive import Redrive, RedriveOptions
from hilum.submissions.stages import UPLOADED, VALIDATED
from tests.instances import an_instance
from tests.integration.upload.stages import Uploads, uploads

CT = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
POLICY = StorePolicy("standard")
FAST = BusOptions(retry_seconds=0.001, maximum_retry_seconds=0.002)


@dataclass
class Running:
    """Stages at work on a bus of their own."""

    uploads: Uploads
    bus: MemoryBus

    async def publish(self, study_id: StudyId, topic: str = UPLOADED) -> None:
        body = json.dumps({"study_id": study_id}).encode()
        await self.bus.publish(topic, Message("", study_id, body))

    async def follow(self) -> None:
        """Publish what is validated, as the follower of the feed does."""
        moved = self.uploads.archive.index.submissions.moved
        told: set[StudyId] = set()
        while True:
            rung = moved.rung
            for record in await self.uploads.archive.index.submissions.submissions(
                state=SubmissionState.VALIDATED, limit=1000
            ):
                if record.study_id not in told:
                    told.add(record.study_id)
                    await self.publish(record.study_id, VALIDATED)
            await moved.wait(rung, 1.0)

    async def settled(self, study_id: StudyId, seconds: float = 60.0) -> SubmissionRecord:
        moved = self.uploads.archive.index.submissions.moved
        async with asyncio.timeout(seconds):
            while True:
                rung = moved.rung
                record = await self.uploads.record(study_id)
                if record.state in SUBMISSION_SETTLED:
                    return record
                await moved.wait(rung, 1.0)


@asynccontextmanager
async def running(opened: Uploads, work: SubmissionWork | None = None) -> AsyncIterator[Running]:
    work = work or opened.work
    async with MemoryBus(FAST) as bus:
        of_stages = stages(work, opened.archive, bus, SystemClock(), NoSubmissionMeter())
        found = Running(opened, bus)
        following = asyncio.create_task(found.follow())
        async with of_stages.running(work.validator, work.descriptor):
            yield found
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Uploads]:
    async with uploads(tmp_path / "data", **{"submissions.attempts": 3}) as found:
        yield found


def with_faults(opened: Uploads, *errors: HilumError) -> SubmissionWork:
    """Work whose archive fails with these errors, in their order, and then works."""
    waiting = list(errors)

    async def receive(arrival: Arrival) -> Outcome:
        if waiting:
            return Outcome(Disposition.FAILED, error=waiting.pop(0))
        return await opened.archive.receive(arrival)

    return replace(opened.work, archiving=replace(opened.work.archiving, receive=receive))


async def test_a_message_takes_a_submission_to_the_archive(opened: Uploads) -> None:
    async with running(opened) as run:
        study_id = await opened.submit(CT)
        await run.publish(study_id)

        record = await run.settled(study_id)

    assert record.state is SubmissionState.ARCHIVED


async def test_the_same_message_many_times_changes_nothing(opened: Uploads) -> None:
    async with running(opened) as run:
        study_id = await opened.submit(CT)
        for _ in range(10):
            await run.publish(study_id)
            await run.publish(study_id, VALIDATED)

        record = await run.settled(study_id)

    assert len(record.history) == 5
    assert await opened.instances() == 1


async def test_messages_that_name_nothing_known_are_let_go(opened: Uploads) -> None:
    async with running(opened) as run:
        for body in (b"", b"[]", b"{}", b'{"study_id": 7}', b'{"study_id": "unknown"}', b"\xff"):
            await run.bus.publish(UPLOADED, Message("", "k", body))
        study_id = await opened.submit(CT)
        await run.publish(study_id)

        assert (await run.settled(study_id)).state is SubmissionState.ARCHIVED


async def test_an_archive_that_fails_for_a_while_is_tried_again(opened: Uploads) -> None:
    work = with_faults(opened, ArchiveFull("full"), ArchiveFault("odd"))
    async with running(opened, work) as run:
        study_id = await opened.submit(CT)
        await run.publish(study_id)

        record = await run.settled(study_id)

    assert record.state is SubmissionState.ARCHIVED
    assert [step.state for step in record.history].count(SubmissionState.PROCESSING) == 1


async def test_what_fails_every_time_ends_as_failed_with_its_files_kept(opened: Uploads) -> None:
    work = with_faults(opened, *itertools.repeat(ArchiveFault("odd"), 3))
    async with running(opened, work) as run:
        study_id = await opened.submit(CT)
        await run.publish(study_id)

        record = await run.settled(study_id)

    (note,) = await opened.notes(study_id)
    (aside,) = await opened.quarantine(study_id)
    assert record.state is SubmissionState.FAILED
    assert record.data["error"] == "archive-fault"
    assert record.data["stage"] == "descriptor"
    assert note.state is FileState.QUARANTINED
    assert aside.what.code == "processing-failed"
    assert opened.archive.holding.path(aside.what.place).read_bytes() == CT
    await opened.quarantined.release(aside.key, "somebody", "the cause is mended")
    released = await opened.record(study_id)
    assert (released.state, released.round) == (SubmissionState.ARCHIVED, 2)
    assert await opened.states(study_id) == [FileState.ARCHIVED]


@pytest.mark.parametrize("state", [SubmissionState.VALIDATING, SubmissionState.PROCESSING])
async def test_what_ended_process_after_process_is_given_up_and_kept(
    opened: Uploads, state: SubmissionState
) -> None:
    study_id = await opened.submit(CT, policy=POLICY)
    if state is SubmissionState.PROCESSING:
        await opened.work.validating(study_id)
    for _ in range(3):  # what a stage does before it does anything else
        await opened.archive.index.submissions.advance(study_id, Advance(state))
    async with running(opened) as run:
        await run.publish(study_id, UPLOADED if state is SubmissionState.VALIDATING else VALIDATED)

        record = await run.settled(study_id)

    (aside,) = await opened.quarantine(study_id)
    assert (record.state, record.data["error"]) == (SubmissionState.FAILED, "process-died")
    assert opened.archive.holding.path(aside.what.place).read_bytes() == CT
    await opened.quarantined.release(aside.key, "somebody", "the cause is mended")
    assert (await opened.record(study_id)).state is SubmissionState.ARCHIVED


async def test_an_attempt_that_failed_in_order_is_none_that_ended_its_process(
    opened: Uploads,
) -> None:
    work = with_faults(opened, *itertools.repeat(ArchiveFull("full"), 3))
    study_id = await opened.validated(CT, policy=POLICY)
    async with running(opened, work) as run:
        dead = asyncio.Event()

        async def on_dead(_: Message) -> None:
            dead.set()

        async with run.bus.subscribe(f"{VALIDATED}.dead", "test", on_dead):
            await run.publish(study_id, VALIDATED)
            await asyncio.wait_for(dead.wait(), 30)

            assert (await opened.record(study_id)).attempts == 0


async def test_an_archive_that_is_full_for_long_fails_nothing(opened: Uploads) -> None:
    work = with_faults(opened, *itertools.repeat(ArchiveFull("full"), 3))
    async with running(opened, work) as run:
        study_id = await opened.submit(CT)
        await run.publish(study_id)
        clock = _Ahead(timedelta(hours=1))
        redrive = Redrive(
            run.bus, opened.archive.index.submissions, clock, NoSubmissionMeter(), RedriveOptions()
        )
        dead = asyncio.Event()

        async def on_dead(_: Message) -> None:
            dead.set()

        async with run.bus.subscribe(f"{VALIDATED}.dead", "test", on_dead):
            await asyncio.wait_for(dead.wait(), 30)
            before = await opened.record(study_id)
            taken = await redrive.take_up()
            again = await redrive.take_up()

            record = await run.settled(study_id)

    assert before.state is SubmissionState.PROCESSING
    assert (taken, again) == (1, 0)
    assert record.state is SubmissionState.ARCHIVED


class _Ahead(SystemClock):
    """A clock that is ahead."""

    __slots__ = ("_by",)

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> Any:
        return super().now() + self._by


async def test_what_was_in_hand_when_a_process_ended_is_taken_up_at_the_next_start(
    opened: Uploads,
) -> None:
    waiting = await opened.submit(CT)
    judged = await opened.validated(an_instance(), policy=POLICY)
    done = await opened.through(an_instance(), policy=POLICY)
    async with running(opened) as run:
        options = RedriveOptions(at_once=True)
        redrive = Redrive(
            run.bus,
            opened.archive.index.submissions,
            SystemClock(),
            NoSubmissionMeter(),
            options,
        )
        async with redrive.running():
            states = [(await run.settled(one)).state for one in (waiting, judged, done)]

    assert states == [SubmissionState.ARCHIVED] * 3


async def test_old_submissions_are_forgotten_and_their_instances_are_not(opened: Uploads) -> None:
    study_id = await opened.through(CT)
    bus = MemoryBus(FAST)
    submissions = opened.archive.index.submissions
    meter = NoSubmissionMeter()
    kept = Redrive(bus, submissions, SystemClock(), meter, RedriveOptions())
    for_ever = RedriveOptions(history=None)
    later = _Ahead(timedelta(days=91))

    assert await kept.prune() == 0
    assert await Redrive(bus, submissions, later, meter, for_ever).prune() == 0
    assert await Redrive(bus, submissions, later, meter, RedriveOptions()).prune() == 1
    assert await submissions.submission(study_id) is None
    assert await opened.instances() == 1


@pytest.mark.slow
async def test_of_a_hundred_submissions_at_once_no_file_is_lost_and_none_is_there_twice(
    opened: Uploads,
) -> None:
    async with running(opened) as run:
        ids = await asyncio.gather(
            *(opened.submit(*(an_instance() for _ in range(20)), policy=POLICY) for _ in range(100))
        )
        for study_id in (*ids, *ids[:30]):
            await run.publish(study_id)
        records = [await run.settled(study_id, 120) for study_id in ids]

    counts: Counter[FileState] = Counter()
    for record in records:
        counts.update(record.counts)
    assert {record.state for record in records} == {SubmissionState.ARCHIVED}
    assert counts == {FileState.ARCHIVED: 2000}
    assert await opened.instances() == 2000
    assert len(opened.objects) == 2000
    assert await opened.held_places() == []
