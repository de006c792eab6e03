"""Giving up, returning from quarantine and taking up again, over the twins."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from hilum.domain.errors import BusUnavailable
from hilum.domain.instances import StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.domain.submissions import (
    Advance,
    FileNote,
    FileState,
    NewFile,
    NewSubmission,
    StudyId,
    SubmissionState,
)
from hilum.ports.bus import Message
from hilum.ports.submission_telemetry import NoSubmissionMeter
from hilum.submissions.giving_up import GivingUp
from hilum.submissions.options import StageOptions
from hilum.submissions.redrive import Redrive, RedriveOptions
from hilum.submissions.returning import Returning
from hilum.submissions.setting_aside import SettingAside
from tests.submission_twins import MemoryQuarantine, MemorySubmissions

STUDY = StudyId("0b3c0a52-0f0e-4ab5-8d9f-5f5d9a9f1c11")


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def go_on(self, **by: float) -> None:
        self.time += timedelta(**by)


class Topics:
    """The side of a bus that publishers see."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Message]] = []
        self.away = False

    async def publish(self, topic: str, message: Message) -> None:
        if self.away:
            raise BusUnavailable("away")
        self.published.append((topic, message))

    def subscribe(self, *_: object, **__: object) -> object:
        raise AssertionError

    @property
    def told(self) -> list[tuple[str, Mapping[str, object]]]:
        return [(topic, json.loads(message.body)) for topic, message in self.published]


class Places:
    """The side of a holding that whoever ends something sees."""

    def __init__(self) -> None:
        self.discarded: list[str] = []

    async def discard(self, place: str) -> None:
        self.discarded.append(place)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def submissions(clock: Clock) -> MemorySubmissions:
    return MemorySubmissions(now=clock.now)


async def receive(
    submissions: MemorySubmissions, study_id: StudyId = STUDY, files: int = 2
) -> None:
    received = [NewFile(n, f"{n}.dcm", f"{study_id}/{n}", 10, b"") for n in range(files)]
    origin = Origin(Door.UPLOAD, "correlated")
    await submissions.receive(NewSubmission(study_id, origin, StorePolicy("standard"), received))


async def advance(submissions: MemorySubmissions, *states: SubmissionState) -> None:
    for state in states:
        await submissions.advance(STUDY, Advance(state))


def a_redrive(
    topics: Topics, submissions: MemorySubmissions, clock: Clock, **options: object
) -> Redrive:
    return Redrive(
        topics,  # type: ignore[arg-type]
        submissions,
        clock,
        NoSubmissionMeter(),
        RedriveOptions(**options),  # type: ignore[arg-type]
    )


async def test_giving_up_puts_aside_what_nobody_decided_about(
    submissions: MemorySubmissions, clock: Clock
) -> None:
    quarantine = MemoryQuarantine(now=clock.now)
    await receive(submissions, files=3)
    await submissions.note_files(STUDY, [FileNote(0, FileState.ARCHIVED, "0.dcm", "", 10)])
    await submissions.note_files(STUDY, [FileNote(1, FileState.VALID, "1.dcm", f"{STUDY}/1", 10)])
    holding = Places()
    aside = SettingAside(quarantine, clock, StageOptions())
    giving_up = GivingUp(submissions, holding, aside)  # type: ignore[arg-type]

    state = await giving_up(STUDY, "descriptor", "odd")
    again = await giving_up(STUDY, "descriptor", "odd")

    record = await submissions.submission(STUDY)
    assert record is not None
    assert (state, again) == (SubmissionState.FAILED, None)
    assert record.counts == {FileState.ARCHIVED: 1, FileState.QUARANTINED: 2}
    assert record.data["error"] == "odd"
    assert record.data["files"] == {"archived": 1, "quarantined": 2}
    assert await quarantine.totals() == (2, 20)
    assert holding.discarded == [f"{STUDY}/0"]


async def test_a_file_that_comes_back_begins_a_round_and_has_it_ended(
    submissions: MemorySubmissions,
) -> None:
    ended: list[StudyId] = []

    async def archive(study_id: StudyId) -> None:
        ended.append(study_id)
        await submissions.advance(study_id, Advance(SubmissionState.ARCHIVED))

    await receive(submissions, files=1)
    await advance(submissions, SubmissionState.VALIDATION_FAILED)
    returning = Returning(submissions, archive)

    await returning(STUDY, FileNote(0, FileState.ARCHIVED, "0.dcm", "", 10))

    record = await submissions.submission(STUDY)
    assert record is not None
    assert (record.state, record.round) == (SubmissionState.ARCHIVED, 2)
    assert [step.state for step in record.history[-2:]] == [
        SubmissionState.PROCESSING,
        SubmissionState.ARCHIVED,
    ]
    assert ended == [STUDY]


async def test_a_file_that_comes_back_early_is_only_noted(submissions: MemorySubmissions) -> None:
    async def archive(_: StudyId) -> None:
        raise AssertionError

    await receive(submissions)
    await advance(submissions, SubmissionState.VALIDATING)

    await Returning(submissions, archive)(STUDY, FileNote(0, FileState.ARCHIVED, "", "", 10))

    record = await submissions.submission(STUDY)
    assert record is not None
    assert (record.state, record.round) == (SubmissionState.VALIDATING, 1)
    assert record.counts[FileState.ARCHIVED] == 1


async def test_a_file_of_a_submission_that_is_forgotten_comes_back_silently(
    submissions: MemorySubmissions,
) -> None:
    async def archive(_: StudyId) -> None:
        raise AssertionError

    await Returning(submissions, archive)(STUDY, FileNote(0, FileState.ARCHIVED, "", "", 10))

    assert await submissions.submission(STUDY) is None


@pytest.mark.parametrize(
    ("states", "topic"),
    [
        ((), "study.uploaded"),
        ((SubmissionState.VALIDATING,), "study.uploaded"),
        ((SubmissionState.VALIDATED,), "study.validated"),
        ((SubmissionState.PROCESSING,), "study.validated"),
    ],
)
async def test_what_nobody_was_heard_of_goes_to_the_stage_of_its_state(
    submissions: MemorySubmissions,
    clock: Clock,
    states: tuple[SubmissionState, ...],
    topic: str,
) -> None:
    topics = Topics()
    redrive = a_redrive(topics, submissions, clock)
    await receive(submissions)
    await advance(submissions, *states)

    early = await redrive.take_up()
    clock.go_on(seconds=61)
    late = await redrive.take_up()

    assert (early, late) == (0, 1)
    assert topics.told == [(topic, {"event": topic, "version": 1, "study_id": STUDY})]
    assert topics.published[0][1].key == STUDY
    assert topics.published[0][1].headers["correlation_id"] == "correlated"


async def test_taking_up_waits_twice_as_long_each_time(
    submissions: MemorySubmissions, clock: Clock
) -> None:
    topics = Topics()
    redrive = a_redrive(topics, submissions, clock)
    await receive(submissions)
    taken = []

    for _ in range(20):
        clock.go_on(seconds=61)
        taken.append(await redrive.take_up())

    assert [minute for minute, count in enumerate(taken, 1) if count] == [1, 2, 4, 8, 16]


async def test_a_bus_that_is_away_leaves_them_for_the_next_look(
    submissions: MemorySubmissions, clock: Clock
) -> None:
    topics = Topics()
    topics.away = True
    redrive = a_redrive(topics, submissions, clock)
    await receive(submissions)
    clock.go_on(seconds=61)

    with pytest.raises(BusUnavailable):
        await redrive.take_up()
    topics.away = False

    assert await redrive.take_up() == 1


async def test_at_the_start_everything_that_is_not_settled_is_taken_up(
    submissions: MemorySubmissions, clock: Clock
) -> None:
    topics = Topics()
    for number in range(250):
        await receive(submissions, StudyId(f"study-{number}"))
    await receive(submissions)
    await advance(submissions, SubmissionState.VALIDATED, SubmissionState.ARCHIVED)

    assert await a_redrive(topics, submissions, clock).take_up_all() == 250
    assert {message.key for _, message in topics.published} == {f"study-{n}" for n in range(250)}
