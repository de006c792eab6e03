"""How deeply an arrival is looked at depends on who sends it: the real server, real senders."""

import asyncio
import io
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from hilum.access import AccessScope
from tests.integration.http.conftest import Start
from tests.peers.dcmtk import needs_dcmtk, storescu
from tests.planted import CT, FAULTS, base
from tests.ports import free_port

_NO_FRAME = next(f for f in FAULTS if f.name == "no FrameOfReferenceUID").part10()
_DICOM = {"Content-Type": "application/dicom", "Accept": "application/dicom+json"}


def _failure(answer: httpx.Response) -> tuple[int, str]:
    (item,) = answer.json()["00081198"]["Value"]
    comments = item["00741048"]["Value"]
    return item["00081197"]["Value"][0], comments[0]["00000902"]["Value"][0]


@needs_dcmtk()
@pytest.mark.peer("dcmtk")
async def test_one_modality_is_looked_at_deeply_and_the_others_are_not(
    start: Start, tmp_path: Path
) -> None:
    port = free_port()
    await start(
        dimse__port=port,
        validation__rules=[{"door": "c-store", "sender": "CT1@*", "depth": "standard"}],
    )
    file = tmp_path / "ct.dcm"
    file.write_bytes(_NO_FRAME)

    careful = await asyncio.to_thread(storescu, port, [file], calling="CT1")
    others = await asyncio.to_thread(storescu, port, [file], calling="CT2")

    assert careful.statuses == [0xA900]
    assert "(0020,0052)" in careful.output
    assert others.statuses == [0x0000]


async def test_a_key_by_its_name_has_rules_of_its_own(start: Start) -> None:
    gateway = await start(
        security__authentication="required",
        validation__rules=[{"door": "stow", "sender": "test", "depth": "mine"}],
        validation__profiles={"mine": {"base": "practice", "require": ["AccessionNumber"]}},
    )
    headers = {**_DICOM, **await gateway.key(AccessScope.WRITE)}

    answer = await gateway.client.post("/dicom-web/studies", content=base(CT), headers=headers)

    reason, comment = _failure(answer)
    assert (answer.status_code, reason) == (409, 0xA900)
    assert comment.startswith("DICOM100: (0008,0050) - AccessionNumber: An attribute that")
    assert comment.endswith("Have the sender fill it.")


async def test_a_damaged_frame_is_refused_where_frames_are_decoded(start: Start) -> None:
    gateway = await start(validation__rules=[{"door": "stow", "decode": True}])
    dataset = pydicom.dcmread(str(get_testdata_file("JPEG2000.dcm")))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    whole = _bytes(dataset)
    dataset.PixelData = encapsulate([frame[:200]])

    refused = await gateway.client.post("/v2/studies", content=_bytes(dataset), headers=_DICOM)
    kept = await gateway.client.post("/v2/studies", content=whole, headers=_DICOM)

    assert refused.status_code == 409
    assert "cannot be decoded" in _failure(refused)[1]
    assert kept.status_code in {200, 202}


async def test_without_a_rule_that_matches_the_answer_tells_nothing_deep(start: Start) -> None:
    gateway = await start(validation__rules=[{"door": "c-store", "depth": "strict"}])

    answer = await gateway.client.post("/v2/studies", content=_NO_FRAME, headers=_DICOM)

    (item,) = answer.json()["00081199"]["Value"]
    assert answer.status_code == 200
    assert item["00741048"] == {"vr": "SQ"}


def _bytes(dataset: pydicom.Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()
