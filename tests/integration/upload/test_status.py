"""What became of an upload: asked, listened to, and told by other programs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hilum.access import AccessScope
from hilum.desk.submissions.streams import StatusStreamOptions
from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import StorePolicy
from hilum.domain.origins import Door as DoorName
from hilum.domain.origins import Origin
from hilum.domain.quarantine import NewQuarantined
from hilum.domain.submissions import (
    Advance,
    FileNote,
    FileState,
    NewFile,
    NewSubmission,
    StudyId,
    SubmissionState,
)
from tests.integration.http.conftest import Gateway
from tests.integration.upload.door import Door, a_door
from tests.integration.upload.forms import a_file, file_part, form, post, problem_of

A = StudyId("7f1d9a52-0f60-4d14-9f0a-6d0c3f8a1c11")
B = StudyId("7f1d9a52-0f60-4d14-9f0a-6d0c3f8a1c12")
UNKNOWN = "7f1d9a52-0f60-4d14-9f0a-6d0c3f8a1c13"
WARNING = Finding("value-long", Severity.WARNING, 0x00080020, "Too long.", expected="8", found="9")
ERROR = Finding("not-dicom", Severity.ERROR, None, "No DICOM.")


async def received(door: Door, study_id: StudyId = A, files: int = 2) -> None:
    await door.submissions.receive(
        NewSubmission(
            study_id,
            Origin(DoorName.UPLOAD, "c-1", "10.0.0.1", "scanner"),
            StorePolicy("standard"),
            [NewFile(n, f"{n}.dcm", f"{study_id}/{n}", 10, bytes(32)) for n in range(files)],
            "/held",
        )
    )


async def noted(door: Door, number: int, state: FileState, *findings: Finding) -> None:
    code = findings[0].code if findings else ""
    note = FileNote(number, state, f"{number}.dcm", "", 10, code=code, findings=findings)
    await door.submissions.note_files(A, [note])


async def advanced(door: Door, *states: SubmissionState, **data: object) -> None:
    for state in states:
        await door.submissions.advance(A, Advance(state, f"now {state}", data))


async def got(door: Door, path: str) -> Any:
    answer = await door.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def test_a_status_tells_state_history_counts_and_the_last_event(door: Door) -> None:
    await received(door)
    await noted(door, 0, FileState.ARCHIVED)
    await noted(door, 1, FileState.QUARANTINED, ERROR)
    await advanced(
        door, SubmissionState.VALIDATING, SubmissionState.VALIDATED, SubmissionState.ARCHIVED,
        archive_path="/archive",
    )  # fmt: skip

    told = await got(door, f"/status/{A}")

    assert (told["study_id"], told["status"], told["round"]) == (A, "archived", 1)
    assert (told["details"], told["partial"]) == ({"archive_path": "/archive"}, True)
    assert told["correlation_id"] == "c-1"
    assert told["files"] == {"total": 2, "bytes": 20, "archived": 1, "quarantined": 1}
    steps = [(each["round"], each["status"], each["text"]) for each in told["history"]]
    assert steps == [
        (1, "uploaded", ""),
        (1, "validating", "now validating"),
        (1, "validated", "now validated"),
        (1, "archived", "now archived"),
    ]
    for time in (told["timestamp"], told["created"], told["history"][0]["time"]):
        assert abs(datetime.now(UTC) - datetime.fromisoformat(time)) < timedelta(minutes=1)


async def test_files_with_findings_are_told_worst_first_with_their_number_in_quarantine(
    door: Door,
) -> None:
    await received(door, files=3)
    await noted(door, 0, FileState.ARCHIVED, replace(WARNING, severity=Severity.INFO))
    await noted(door, 1, FileState.ARCHIVED, WARNING)
    await noted(door, 2, FileState.QUARANTINED, ERROR)
    key = await door.quarantine.add(
        NewQuarantined(
            f"{A}/2", 10, Origin(DoorName.UPLOAD, ""), StorePolicy("standard"), "not-dicom",
            (ERROR,), datetime.now(UTC), study_id=A, number=2,
        )
    )  # fmt: skip

    told = await got(door, f"/status/{A}")

    assert told["findings_complete"] is True
    assert [(each["number"], each["quarantine"]) for each in told["findings"]] == [
        (2, key),
        (1, None),
    ]
    worst, other = told["findings"]
    assert (worst["name"], worst["state"], worst["code"]) == ("2.dcm", "quarantined", "not-dicom")
    assert worst["findings"][0] | {"mend": ""} == {
        "code": "not-dicom", "severity": "error", "tag": None, "path": None, "expected": "",
        "found": "", "section": "", "text": "No DICOM.", "mend": "",
    }  # fmt: skip
    assert other["findings"][0]["tag"] == "(0008,0020)"
    [_, _, listed] = (await got(door, f"/status/{A}/files"))["files"]
    assert (listed["quarantine"], listed["findings"]) == (key, worst["findings"])


async def test_of_very_many_files_with_findings_the_worst_are_told(door: Door) -> None:
    await received(door, files=1300)
    for number in range(1300):
        await noted(door, number, FileState.VALID, WARNING)
    await noted(door, 1250, FileState.QUARANTINED, ERROR)

    told = await got(door, f"/status/{A}")

    assert told["findings_complete"] is False
    assert len(told["findings"]) == 50
    assert told["findings"][0]["number"] == 1250


async def test_the_files_come_in_pages(door: Door) -> None:
    await received(door, files=5)

    first = await got(door, f"/status/{A}/files?limit=2")
    second = await got(door, f"/status/{A}/files?limit=2&after={first['next']}")
    last = await got(door, f"/status/{A}/files?limit=2&after={second['next']}")

    numbers = [each["number"] for page in (first, second, last) for each in page["files"]]
    assert numbers == [0, 1, 2, 3, 4]
    assert (first["next"], last["next"]) == (1, None)
    assert set(first["files"][0]) == {
        "number", "parent", "name", "size_bytes", "state", "study_instance_uid",
        "series_instance_uid", "sop_instance_uid", "code", "quarantine", "findings",
    }  # fmt: skip


async def test_a_page_of_files_with_very_many_findings_ends_early(door: Door) -> None:
    await received(door, files=120)
    for number in range(120):
        await noted(door, number, FileState.VALID, *[WARNING] * 200)

    pages = [await got(door, f"/status/{A}/files?limit=1000")]
    while (after := pages[-1]["next"]) is not None:
        pages.append(await got(door, f"/status/{A}/files?limit=1000&after={after}"))

    assert [len(page["files"]) for page in pages] == [50, 50, 20]
    assert [each["number"] for page in pages for each in page["files"]] == list(range(120))


async def test_uploads_are_listed_newest_first(door: Door) -> None:
    await received(door)
    await received(door, B)
    await advanced(door, SubmissionState.VALIDATING)

    everything = (await got(door, "/api/v1/uploads"))["uploads"]
    older = (await got(door, f"/api/v1/uploads?before={everything[0]['key']}"))["uploads"]
    one = (await got(door, "/api/v1/uploads?limit=1"))["uploads"]
    some = (await got(door, "/api/v1/uploads?state=validating"))["uploads"]

    assert [each["study_id"] for each in everything] == [B, A]
    assert [each["study_id"] for each in older] == [A]
    assert [each["study_id"] for each in one] == [B]
    assert [each["study_id"] for each in some] == [A]
    assert (everything[0]["peer"], everything[0]["principal"]) == ("10.0.0.1", "scanner")
    assert "history" not in everything[0]


@pytest.mark.parametrize("path", ["", "/files", "/events"])
@pytest.mark.parametrize("study_id", [UNKNOWN, "1.2.3", "..", UNKNOWN.upper(), UNKNOWN[:-1]])
async def test_what_is_unknown_is_404(door: Door, path: str, study_id: str) -> None:
    answer = await door.client.get(f"/status/{study_id}{path}".replace("..", "%2e%2e"))

    assert answer.status_code == 404
    assert problem_of(answer)["type"] == "/problems/submission-not-found"


@pytest.mark.parametrize(
    "path", [f"/status/{A}/files?limit=0", f"/status/{A}/files?after=x", "/api/v1/uploads?state=x"]
)
async def test_a_wrong_question_is_400(door: Door, path: str) -> None:
    await received(door)
    answer = await door.client.get(path)

    assert answer.status_code == 400
    assert problem_of(answer)["type"] == "/problems/invalid-query"


async def test_other_programs_may_tell_a_state(door: Door) -> None:
    await received(door)
    told = {"status": "validating", "details": {"by": "another"}}

    answer = await door.client.post(f"/status/{A}", json=told)
    again = await door.client.post(f"/status/{A}", json={"status": "validating"})

    assert [answer.status_code, again.status_code] == [200, 200]
    assert answer.json()["study_id"] == A
    assert "validating" in answer.json()["message"]
    status = await got(door, f"/status/{A}")
    assert [each["status"] for each in status["history"]] == ["uploaded", "validating"]


@pytest.mark.parametrize(
    ("study_id", "body", "status", "says"),
    [
        (A, b'{"status": "uploaded"}', 409, "The upload is validated"),
        (A, b'{"status": "described"}', 422, "validation_failed"),
        (A, b'{"status": 1}', 400, "details"),
        (A, b'{"status": "archived", "details": 1}', 400, "details"),
        (A, b"{}", 400, "details"),
        (A, b"no json", 400, "JSON"),
        (A, b'"' + b"x" * 70_000, 413, "http.command_bytes"),
        (UNKNOWN, b'{"status": "archived"}', 404, "no upload"),
    ],
)
async def test_a_state_that_cannot_be_told_changes_nothing(
    door: Door, study_id: str, body: bytes, status: int, says: str
) -> None:
    await received(door)
    await advanced(door, SubmissionState.VALIDATED)

    answer = await door.client.post(f"/status/{study_id}", content=body)

    assert answer.status_code == status
    assert says in problem_of(answer)["detail"]
    assert (await got(door, f"/status/{A}"))["status"] == "validated"


async def test_senders_see_states_readers_see_lists_and_nobody_else_anything(
    tmp_path: Path,
) -> None:
    async with a_door(tmp_path, authentication=True) as door:
        await received(door)
        reader, writer = await door.key(AccessScope.READ), await door.key(AccessScope.WRITE)
        deleter, admin = await door.key(AccessScope.DELETE), await door.key(AccessScope.EVERYTHING)

        async def status(method: str, path: str, who: dict[str, str]) -> int:
            content = b'{"status": "validating"}' if path.startswith("/status") else b""
            answer = await door.client.request(method, path, content=content, headers=who)
            return answer.status_code

        everybody: tuple[dict[str, str], ...] = ({}, deleter, reader, writer, admin)
        for path in (f"/status/{A}", f"/status/{A}/files"):
            assert [await status("GET", path, who) for who in everybody] == [
                401, 403, 200, 200, 200,
            ]  # fmt: skip
        assert [await status("GET", "/api/v1/uploads", who) for who in everybody] == [
            401, 403, 200, 403, 200,
        ]  # fmt: skip
        assert [await status("POST", f"/status/{A}", who) for who in everybody] == [
            401, 403, 403, 403, 200,
        ]  # fmt: skip
        assert [await status("POST", "/upload", who) for who in everybody] == [
            401, 403, 403, 415, 415,
        ]  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One event of a stream."""

    id: int
    data: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.data["status"])


async def events(response: httpx.Response) -> AsyncIterator[Told]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "data" in fields:
            assert fields["event"] == "status"
            yield Told(int(fields["id"]), json.loads(fields["data"]))
            fields = {}


@asynccontextmanager
async def listening(
    gateway: Gateway | Door, path: str, **headers: str
) -> AsyncIterator[httpx.Response]:
    async with (
        asyncio.timeout(30),
        gateway.client.stream("GET", path, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield response


async def test_every_state_is_told_in_order_and_the_stream_ends(gateway: Gateway) -> None:
    answer = await post(gateway, form(file_part(a_file())))
    async with listening(gateway, answer.json()["events_url"]) as response:
        told = [event async for event in events(response)]

    states = [event.status for event in told]
    known = ["uploaded", "validating", "validated", "processing", "archived"]
    assert list(dict.fromkeys(states)) == known[known.index(states[0]) :]
    assert [event.id for event in told] == sorted(event.id for event in told)
    assert told[-1].data["files"]["archived"] == 1
    assert [each["status"] for each in told[-1].data["history"]] == known
    assert "findings" not in told[-1].data


async def test_who_comes_back_misses_no_state_and_hears_when_it_is_over(tmp_path: Path) -> None:
    async with a_door(tmp_path, streams=StatusStreamOptions(lifetime_seconds=0.1)) as door:
        await received(door)
        await advanced(door, SubmissionState.VALIDATING)
        before = await heard(door)
        await advanced(
            door, SubmissionState.VALIDATED, SubmissionState.PROCESSING, SubmissionState.ARCHIVED
        )
        later = await heard(door, before[-1].id)
        last = {"Last-Event-ID": str(later[-1].id)}
        over = await door.client.get(f"/status/{A}/events", headers=last)

    assert [event.status for event in before] == ["validating"]
    assert [event.status for event in later] == ["validated", "processing", "archived"]
    assert [len(event.data["history"]) for event in later] == [3, 4, 5]
    assert (over.status_code, over.content) == (204, b"")


async def heard(door: Door, last: int | None = None) -> list[Told]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with listening(door, f"/status/{A}/events", **headers) as response:
        return [event async for event in events(response)]


async def test_another_round_goes_on_with_higher_numbers(door: Door) -> None:
    await received(door)
    await advanced(door, SubmissionState.VALIDATING, SubmissionState.VALIDATION_FAILED)
    [first] = await heard(door)
    again = Advance(SubmissionState.PROCESSING, new_round=True)
    await door.submissions.advance(A, again)
    await advanced(door, SubmissionState.ARCHIVED)

    told = await heard(door, first.id)

    assert [(event.data["round"], event.status) for event in told] == [
        (2, "processing"),
        (2, "archived"),
    ]
    assert first.id < told[0].id < told[1].id


async def test_the_status_itself_is_a_stream_to_who_asks_for_one(door: Door) -> None:
    await received(door)
    await advanced(door, SubmissionState.FAILED)
    async with listening(door, f"/status/{A}", Accept="text/event-stream") as response:
        assert [event.status async for event in events(response)] == ["failed"]


@pytest.mark.parametrize("last", ["x", "1 2", "-1", "9" * 30])
async def test_a_position_that_is_none_is_400(door: Door, last: str) -> None:
    await received(door)
    answer = await door.client.get(f"/status/{A}/events", headers={"Last-Event-ID": last})

    assert answer.status_code == 400


async def test_more_listeners_than_allowed_are_503(door: Door) -> None:
    await received(door)
    door.streams.open = StatusStreamOptions().clients

    answer = await door.client.get(f"/status/{A}/events")

    assert answer.status_code == 503
    assert "events.clients" in problem_of(answer)["detail"]
    assert int(answer.headers["retry-after"]) > 0


async def test_a_quiet_stream_gives_signs_of_life(tmp_path: Path) -> None:
    options = StatusStreamOptions(heartbeat_seconds=0.05, lifetime_seconds=0.5, pause_seconds=0.01)
    async with a_door(tmp_path, streams=options) as door:
        await received(door)
        async with listening(door, f"/status/{A}/events") as response:
            text = (await response.aread()).decode()

    assert text.count(": \n\n") >= 2
    assert text.count("event: status") == 1
