"""Files of uploads that come back from quarantine: their submission settles again."""

import asyncio
import io
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pydicom
import pytest

from hilum.adapters.storage.holding import DiskHolding
from hilum.bootstrap.archive import holding_folder
from hilum.bootstrap.quarantine import expiring, quarantine_of
from hilum.bootstrap.submissions import submission_work
from hilum.domain.instances import Arrival, Outcome
from hilum.domain.quarantine import QuarantineState
from hilum.foundation.clock import SystemClock
from hilum.ports.quarantine_telemetry import NoQuarantineMeter
from hilum.submissions.quarantine import Quarantine
from hilum.submissions.quarantine_errors import QuarantineDecided
from tests.integration.http.conftest import Gateway, Start
from tests.integration.quarantine.senders import a_faulty_ct, part10
from tests.integration.upload.test_served import settled


def unreadable() -> bytes:
    """A CT whose sequence claims to be longer than it is: readers lose their way."""
    dataset = a_faulty_ct()
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID = dataset.SOPClassUID
    item.ReferencedSOPInstanceUID = "1.2.3"
    dataset.ReferencedImageSequence = [item]
    data = part10(dataset)
    at = data.index(b"\x08\x00\x40\x11SQ") + 8
    length = int.from_bytes(data[at : at + 4], "little")
    return data[:at] + (length + 10).to_bytes(4, "little") + data[at + 4 :]


async def upload(gateway: Gateway, *files: bytes) -> dict[str, Any]:
    form = [("file", (f"{number}.dcm", data)) for number, data in enumerate(files)]
    answer = await gateway.client.post("/upload", files=form)
    assert answer.status_code == 202, answer.text
    return await settled(gateway, answer.json()["study_id"])


async def number_of(gateway: Gateway, study_id: str) -> int:
    (listed,) = (await gateway.client.get(f"/api/v1/quarantine?study_id={study_id}")).json()
    return int(listed["key"])


async def test_a_repaired_file_of_an_upload_is_archived_in_another_round(start: Start) -> None:
    gateway = await start()
    status = await upload(gateway, part10(a_faulty_ct()), unreadable())
    assert (status["status"], status["partial"], status["round"]) == ("archived", True, 1)
    key = await number_of(gateway, status["study_id"])

    answer = await gateway.client.post(f"/api/v1/quarantine/{key}/repair", json={})

    assert answer.status_code == 200, answer.text
    assert answer.json()["repairs"][0]["name"] == "fix-lengths"
    status = await settled(gateway, status["study_id"])
    assert (status["status"], status["partial"], status["round"]) == ("archived", False, 2)
    assert status["files"]["archived"] == 2
    states = [(step["round"], step["status"]) for step in status["history"]]
    assert states[-2:] == [(2, "processing"), (2, "archived")]
    original = await gateway.client.get(f"/api/v1/quarantine/{key}/file")
    assert original.content == unreadable()


@pytest.mark.parametrize("decision", ["repair", "release", "discard"])
async def test_a_misspelt_member_of_a_decision_does_nothing(start: Start, decision: str) -> None:
    gateway = await start()
    status = await upload(gateway, unreadable())
    path = f"/api/v1/quarantine/{await number_of(gateway, status['study_id'])}"

    answer = await gateway.client.post(f"{path}/{decision}", json={"coercion": ["fix-uids"]})

    assert answer.status_code == 400
    assert "reason" in answer.json()["detail"]
    assert (await gateway.client.get(path)).json()["state"] == "held"


async def test_an_upload_of_nothing_valid_is_archived_once_it_is_repaired(start: Start) -> None:
    gateway = await start()
    status = await upload(gateway, unreadable())
    assert status["status"] == "validation_failed"
    key = await number_of(gateway, status["study_id"])

    await gateway.client.post(f"/api/v1/quarantine/{key}/repair")

    assert (await settled(gateway, status["study_id"]))["status"] == "archived"
    found = await gateway.client.get("/dicom-web/instances")
    assert len(found.json()) == 1


async def test_a_discarded_file_is_told_as_such(start: Start) -> None:
    gateway = await start()
    status = await upload(gateway, part10(a_faulty_ct()), unreadable())
    key = await number_of(gateway, status["study_id"])

    for _ in range(2):  # again is no error
        answer = await gateway.client.post(
            f"/api/v1/quarantine/{key}/discard", json={"reason": "sent again"}
        )
        assert (answer.status_code, answer.json()["state"]) == (200, "discarded")

    status = await settled(gateway, status["study_id"])
    assert (status["status"], status["files"]["discarded"]) == ("archived", 1)
    assert (await gateway.client.get(f"/api/v1/quarantine/{key}/file")).status_code == 404


class Killed(BaseException):
    """As SIGKILL ends a process: nothing below runs any more."""


def dying(quarantine: Quarantine, step: str) -> Quarantine:
    """The use case of a process that dies before or after one of its steps."""

    async def receive(arrival: Arrival) -> Outcome:
        outcome = await quarantine.receive(arrival)
        if step == "archived":
            raise Killed
        return outcome

    async def returned(*arguments: Any) -> None:
        assert quarantine.returned is not None
        if step == "noted":
            await quarantine.submissions.note_files(arguments[0], [arguments[1]])  # type: ignore[union-attr]
            raise Killed
        await quarantine.returned(*arguments)
        if step == "returned":
            raise Killed

    return Quarantine(
        quarantine.list, quarantine.holding, receive, quarantine.repairing, quarantine.clock,
        quarantine.submissions, returned,
    )  # fmt: skip


@pytest.mark.parametrize("step", ["archived", "noted", "returned"])
@pytest.mark.parametrize("decision", ["repair", "release"])
async def test_a_decision_that_a_crash_broke_off_is_finished_by_the_same_again(
    start: Start, step: str, decision: str
) -> None:
    gateway = await start(upload__depth="practice", upload__profile="strict")
    status = await upload(gateway, part10(a_faulty_ct(StudyDate=b"2004.01.19")))
    assert status["status"] == "validation_failed"
    key = await number_of(gateway, status["study_id"])
    around = gateway.serving.around
    work = submission_work(around.settings, around.archive, around.view, SystemClock())
    quarantine = quarantine_of(around.settings, around.archive, work, SystemClock())

    with pytest.raises(Killed):
        await getattr(dying(quarantine, step), decision)(key, "somebody")
    assert (await quarantine.show(key)).state is QuarantineState.HELD
    decided = await getattr(quarantine, decision)(key, "somebody else")

    assert decided.record.state.value == f"{decision}ed".replace("eed", "ed")
    assert decided.outcome is not None
    assert decided.outcome.disposition.value == "already-held"
    status = await settled(gateway, status["study_id"])
    assert status["status"] == "archived"
    counts = await gateway.serving.archive.index.counts()
    assert counts.instances == 1
    left = [held.place async for held in around.archive.holding.list()]
    assert not [place for place in left if place.startswith("r-")]


async def test_the_archived_copy_says_what_was_changed(start: Start) -> None:
    gateway = await start(upload__profile="strict")
    status = await upload(gateway, part10(a_faulty_ct(StudyDate=b"2004.01.19")))
    key = await number_of(gateway, status["study_id"])

    await asyncio.wait_for(gateway.client.post(f"/api/v1/quarantine/{key}/repair"), 20)

    (found,) = (await gateway.client.get("/dicom-web/instances")).json()
    uids = [found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
    stored = await gateway.client.get(
        "/dicom-web/studies/{}/series/{}/instances/{}".format(*uids),
        headers={"Accept": "application/dicom; transfer-syntax=*"},
    )
    mended = pydicom.dcmread(io.BytesIO(stored.content))
    assert mended.StudyDate == "20040119"
    assert mended.OriginalAttributesSequence[0].ModifyingSystem.startswith("HILUM ")
    equipment = mended.ContributingEquipmentSequence[-1]
    assert "fix-vr-values" in equipment.ContributionDescription


@pytest.mark.parametrize("decisions", [("repair", "repair"), ("release", "repair")])
async def test_of_two_processes_that_decide_about_the_same_one_does_anything(
    start: Start, decisions: tuple[str, str]
) -> None:
    gateway = await start(upload__profile="strict")
    status = await upload(gateway, part10(a_faulty_ct(StudyDate=b"2004.01.19")))
    key = await number_of(gateway, status["study_id"])
    around = gateway.serving.around
    archive, clock = around.archive, SystemClock()
    work = submission_work(around.settings, archive, around.view, clock)
    received: list[Arrival] = []

    async def receive(arrival: Arrival) -> Outcome:
        received.append(arrival)
        return await archive.receive(arrival)

    folder = holding_folder(around.settings)
    async with (
        DiskHolding(folder, archive.spool.fresh_path) as of_one,
        DiskHolding(folder, archive.spool.fresh_path) as of_another,
    ):
        desks = [
            replace(
                quarantine_of(around.settings, replace(archive, holding=holding), work, clock),
                receive=receive,
            )
            for holding in (of_one, of_another)
        ]
        results = await asyncio.gather(
            *(
                getattr(desk, decision)(key, "somebody")
                for desk, decision in zip(desks, decisions, strict=True)
            ),
            return_exceptions=True,
        )

    refused = [each for each in results if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [QuarantineDecided]
    assert len(received) == 1
    counts = await archive.index.counts()
    assert counts.instances == 1
    assert (await settled(gateway, status["study_id"]))["status"] == "archived"


async def test_what_expires_is_told_in_the_status(start: Start) -> None:
    gateway = await start()
    status = await upload(gateway, part10(a_faulty_ct()), unreadable())
    archive = gateway.serving.archive

    class Later(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(days=31)

    assert await expiring(archive, Later(), NoQuarantineMeter()).expire() == 1

    status = await settled(gateway, status["study_id"])
    assert (status["files"]["discarded"], status["round"]) == (1, 1)
