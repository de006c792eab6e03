"""The work of bulk updates, from one checkpoint to the next, and what a request may ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hilum.dicom.mending.restating import Statement
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import PartitionKey, StudyInstanceUID
from hilum.domain.jobs import JobKind, JobRecord, JobState, NewJob, Progress
from hilum.domain.origins import Door, Origin
from hilum.operations.updating.attributes import ChangesRefused, parse_changes
from hilum.operations.updating.files import Change
from hilum.operations.updating.request import RequestUpdate, statements_of, studies_of
from hilum.operations.updating.study import StudiesNotUpdated, StudyOutcome
from hilum.operations.updating.work import UpdateWork
from hilum.operations.work import JobInterrupted
from hilum.ports.jobs import JobQuery

_NAME = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "New^Name"}]}}
_NOW = datetime(2030, 1, 1, tzinfo=UTC)
_PARTITION = PartitionKey(7)


class OneJob:
    """`Jobs`, and the job that was asked for last as `RunningJob`."""

    def __init__(self, interrupted_after: int = 1000) -> None:
        self.new: NewJob
        self.record: JobRecord
        self.saved: list[Progress] = []
        self._left = interrupted_after

    @property
    def secrets(self) -> Mapping[str, str]:
        return self.new.secrets

    async def add(self, new: NewJob) -> JobRecord:
        self.new = new
        self.record = JobRecord(
            1, new.job_id, new.kind, JobState.RUNNING, new.request, new.partition, new.principal,
            new.correlation_id, Progress({}), 1, "", cancel_requested=False, created=_NOW,
            changed=_NOW,
        )  # fmt: skip
        return self.record

    async def save(self, progress: Progress) -> None:
        self._left -= 1
        if self._left < 0:
            raise JobInterrupted
        self.saved.append(progress)

    def resumed(self) -> None:
        """Another attempt goes on from what was saved last."""
        self.record = replace(self.record, progress=self.saved[-1])
        self._left = 1000

    async def get(self, job_id: str) -> JobRecord | None:
        return self.record if job_id == self.record.job_id else None

    async def list(self, query: JobQuery, before: int | None, limit: int) -> Sequence[JobRecord]:
        return [self.record][:limit] if query == JobQuery() and before is None else []

    async def cancel(self, job_id: str) -> JobRecord | None:
        return await self.get(job_id)


class Studies:
    """Updates studies as a test says."""

    def __init__(self, outcomes: Mapping[str, StudyOutcome | Exception] | None = None) -> None:
        self.outcomes = outcomes or {}
        self.asked: list[tuple[str, Change]] = []

    async def __call__(self, study: StudyInstanceUID, change: Change) -> StudyOutcome:
        self.asked.append((study, change))
        outcome = self.outcomes.get(study, StudyOutcome(instances=10))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def _asked(job: OneJob, *studies: str, dataset: Any = None) -> None:
    origin = Origin(Door.UPDATE, "correlation", principal="somebody")
    await RequestUpdate(job)(studies, dataset or _NAME, _PARTITION, origin)


async def test_a_request_becomes_a_job_that_shows_no_value() -> None:
    job = OneJob()

    await _asked(job, "1.2", "1.3", "1.2 ")

    assert studies_of(job.record) == ["1.2", "1.3"]
    assert (job.new.kind, job.new.exclusive) == (JobKind.UPDATE, "update")
    assert (job.new.principal, job.new.partition) == ("somebody", _PARTITION)
    assert "New" not in str(job.new.request)
    assert statements_of(job.new.secrets) == [Statement(0x00100010, "PN", "New^Name")]


async def test_every_study_is_updated_and_noted() -> None:
    job, studies = OneJob(), Studies()
    await _asked(job, "1.2", "1.3")

    done = await UpdateWork(studies).run(job)

    assert [study for study, _ in studies.asked] == ["1.2", "1.3"]
    change = studies.asked[0][1]
    assert change == Change(
        _PARTITION,
        [Statement(0x00100010, "PN", "New^Name")],
        Origin(Door.UPDATE, "correlation", principal="somebody"),
    )
    assert [each.percent for each in job.saved] == [50, 100]
    assert done.results == {
        "studyProcessed": 2,
        "studyUpdated": 2,
        "studyFailed": 0,
        "instanceUpdated": 20,
    }


async def test_a_job_goes_on_behind_the_last_study_that_was_noted() -> None:
    job = OneJob(interrupted_after=1)
    await _asked(job, "1.2", "1.3", "1.4")
    with pytest.raises(JobInterrupted):
        await UpdateWork(Studies()).run(job)
    job.resumed()
    studies = Studies()

    done = await UpdateWork(studies).run(job)

    assert [study for study, _ in studies.asked] == ["1.3", "1.4"]
    assert done.results["studyUpdated"] == 3


async def test_failed_studies_end_the_job_as_failed_with_all_results_noted() -> None:
    bad = StudyOutcome(problems=["Instance 1.2.1: it is signed", "Instance 1.2.2: so is it"])
    job, studies = OneJob(), Studies({"1.2": bad, "1.3": StudyOutcome()})
    await _asked(job, "1.2", "1.3", "1.4")

    with pytest.raises(StudiesNotUpdated, match="1 of 3 studies"):
        await UpdateWork(studies).run(job)

    assert job.saved[-1].results == {
        "studyProcessed": 3,
        "studyUpdated": 1,
        "studyFailed": 1,
        "instanceUpdated": 10,
        "errors": [
            "Failed to update instances for study 1.2\n"
            "Instance 1.2.1: it is signed\nInstance 1.2.2: so is it"
        ],
    }
    job.resumed()
    with pytest.raises(StudiesNotUpdated):
        await UpdateWork(Studies()).run(job)


async def test_an_outage_leaves_the_job_where_it_was() -> None:
    job = OneJob()
    await _asked(job, "1.2", "1.3")

    with pytest.raises(ArchiveUnavailable):
        await UpdateWork(Studies({"1.3": ArchiveUnavailable("away")})).run(job)

    assert [each.done for each in job.saved] == [1]


@pytest.mark.parametrize(
    ("element", "text"),
    [
        ({"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "c"}]}, "A^B==c"),
        ({"vr": "PN", "Value": [{"Ideographic": "山田"}]}, "=山田"),
    ],
)
def test_names_are_written_with_all_their_groups(element: Any, text: str) -> None:
    assert parse_changes({"00100010": element}) == [Statement(0x00100010, "PN", text)]


def test_several_values_are_joined_where_there_may_be_several() -> None:
    element = {"vr": "LO", "Value": ["a", "b"]}
    assert parse_changes({"00101000": element}) == [Statement(0x00101000, "LO", "a\\b")]


@pytest.mark.parametrize("value", [71.5, "71.5", 80])
def test_numbers_may_be_numbers_or_texts(value: object) -> None:
    element = {"vr": "DS", "Value": [value]}
    assert parse_changes({"00101030": element}) == [Statement(0x00101030, "DS", str(value))]


@pytest.mark.parametrize("value", [True, float("inf"), 1 / 3, None, {"a": 1}])
def test_what_is_no_short_decimal_number_is_refused(value: object) -> None:
    with pytest.raises(ChangesRefused, match=r"\(0010,1030\)"):
        parse_changes({"00101030": {"vr": "DS", "Value": [value]}})


def test_every_attribute_that_is_refused_has_a_comment_of_its_own() -> None:
    with pytest.raises(ChangesRefused) as refused:
        parse_changes({"00080060": {}, "\x1bodd": {}, **_NAME})

    assert len(refused.value.comments) == 2  # and PatientName is fine
    assert "\x1b" not in str(refused.value)
