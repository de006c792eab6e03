"""Operations: how they are looked at on `/v1` and `/v2` (section 9)."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.jobs import NO_PROGRESS, JobKind, JobState, NewJob, Progress, new_job_id
from tests.served_dicomweb import ServedDicomWeb

ENDS = {"/v1": "completed", "/v2": "succeeded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    folder: Path = tmp_path_factory.mktemp("operations")
    # Nobody takes up the operations that these tests put into the database.
    with ServedDicomWeb(folder, operations={"poll_seconds": 3600}) as served:
        yield served


@pytest.fixture(params=("/v1", "/v2"))
def surface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass(frozen=True)
class Noted:
    """An operation that came so far; nobody in the server heard of it."""

    state: JobState
    kind: JobKind = JobKind.EXPORT
    progress: Progress = NO_PROGRESS
    error: str = ""
    request: dict[str, Any] = field(default_factory=dict)

    def __call__(self, server: ServedDicomWeb) -> str:
        return asyncio.run(self._note(f"sqlite:///{server.archive.folder / 'index.sqlite'}"))

    async def _note(self, url: str) -> str:
        new = NewJob(new_job_id(), self.kind, self.request)
        async with SqlIndex(url, hold=None) as index:
            await index.jobs.add(new)
            if self.state is not JobState.NOT_STARTED:
                assert await index.jobs.claim([self.kind], "test", 3600) is not None
                await index.jobs.save(new.job_id, "test", self.progress)
            if self.state.has_ended:
                progress, error = self.progress, self.error
                await index.jobs.finish(new.job_id, "test", self.state, progress, error)
        return new.job_id


def _get(server: ServedDicomWeb, path: str) -> httpx.Response:
    return httpx.get(server.url + path)


@pytest.mark.azure("9-route", "9-202", "9-operation-id", "9-percent", "9-times")
def test_a_running_operation_is_answered_202_with_its_place(
    server: ServedDicomWeb, surface: str
) -> None:
    job_id = Noted(JobState.RUNNING, progress=Progress({}, 1, 3))(server)

    answer = _get(server, f"{surface}/operations/{job_id}")

    told = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{server.url}{surface}/operations/{job_id}"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/json"
    assert (told["operationId"], told["status"], told["percentComplete"]) == (
        job_id, "running", 33,
    )  # fmt: skip
    assert re.fullmatch("[0-9a-f]{32}", told["operationId"])
    assert datetime.fromisoformat(told["createdTime"]).utcoffset() == timedelta(0)
    assert told["createdTime"] <= told["lastUpdatedTime"]
    assert "results" not in told


@pytest.mark.azure("9-202", "9-status")
def test_an_operation_that_nobody_began_is_not_started(
    server: ServedDicomWeb, surface: str
) -> None:
    noted = Noted(JobState.NOT_STARTED, JobKind.IMPORT)

    answer = _get(server, f"{surface}/operations/{noted(server)}")

    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["percentComplete"]) == ("notStarted", 0)


@pytest.mark.azure("9-200", "9-status", "9-succeeded", "9-results-export", "9-type")
@pytest.mark.azure("1.1-operation-end", "1.4-camel-case")
def test_an_export_that_ended_is_answered_200_with_its_results(
    server: ServedDicomWeb, surface: str
) -> None:
    results = {"exported": 3, "skipped": 1, "errorHref": "file:///x/errors.log"}
    job_id = Noted(JobState.SUCCEEDED, progress=Progress({}, 0, 0, results))(server)

    answer = _get(server, f"{surface}/operations/{job_id}")

    assert answer.status_code == 200
    assert "location" not in answer.headers
    told = answer.json()
    assert told["type"] == "export"
    assert (told["status"], told["percentComplete"]) == (ENDS[surface], 100)
    assert told["results"] == results


@pytest.mark.azure("9-200", "9-status")
@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELED])
def test_other_ends_are_answered_200_and_told(
    server: ServedDicomWeb, surface: str, state: JobState
) -> None:
    noted = Noted(state, progress=Progress({}, 1, 2), error="The disk is full.")

    answer = _get(server, f"{surface}/operations/{noted(server)}")

    told = answer.json()
    assert (answer.status_code, told["status"], told["percentComplete"]) == (200, state.value, 50)
    assert told.get("error") == ("The disk is full." if state is JobState.FAILED else None)


@pytest.mark.azure("9-resources", "9-type")
def test_a_reindex_names_its_tags(server: ServedDicomWeb, surface: str) -> None:
    noted = Noted(JobState.RUNNING, JobKind.REINDEX, request={"paths": ["00101010"]})

    told = _get(server, f"{surface}/operations/{noted(server)}").json()

    assert told["type"] == "reindex"
    assert told["resources"] == [f"{server.url}{surface}/extendedquerytags/00101010"]


@pytest.mark.azure("9-results-update", "9-type")
def test_an_update_tells_what_it_changed(server: ServedDicomWeb, surface: str) -> None:
    results = {"studyProcessed": 2, "studyUpdated": 1, "studyFailed": 1, "errors": ["Failed"]}
    noted = Noted(JobState.SUCCEEDED, JobKind.UPDATE, Progress({}, 2, 2, results))

    told = _get(server, f"{surface}/operations/{noted(server)}").json()

    assert (told["type"], told["results"]) == ("update", results)


@pytest.mark.azure("9-id-forms")
def test_an_id_may_have_dashes_and_capitals(server: ServedDicomWeb, surface: str) -> None:
    job_id = Noted(JobState.RUNNING)(server)

    answer = _get(server, f"{surface}/operations/{str(UUID(job_id)).upper()}")

    assert (answer.status_code, answer.json()["operationId"]) == (202, job_id)


@pytest.mark.azure("9-bad-id")
def test_what_is_no_id_is_refused(server: ServedDicomWeb, surface: str) -> None:
    answer = _get(server, f"{surface}/operations/123")

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.azure("9-unknown")
def test_an_unknown_operation_is_not_found(server: ServedDicomWeb, surface: str) -> None:
    answer = _get(server, f"{surface}/operations/{uuid4()}")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
