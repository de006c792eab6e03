"""Many files, many uploads, much data: none lost, none twice, little memory."""

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hilum.adapters.storage.holding import DiskHolding
from hilum.adapters.storage.spool import DiskSpool
from hilum.inbound.upload.form import FormLimits, read_form
from hilum.submissions.receiving import Receiving, ReceivingLimits
from tests.instances import STUDY
from tests.integration.http.conftest import Gateway
from tests.integration.upload.door import Door
from tests.integration.upload.forms import (
    BOUNDARY,
    a_file,
    file_part,
    form,
    post,
    settled,
)
from tests.submission_twins import MemorySubmissions
from tests.unit.submissions.test_receiving import ORIGIN, POLICY

UPLOADS, FILES = 100, 20


async def test_five_thousand_small_files_are_one_upload(door: Door) -> None:
    one = a_file()
    body = form(*(file_part(one, f"folder/{number}.dcm") for number in range(5000)))

    answer = await post(door, body)

    assert answer.status_code == 202
    assert answer.json()["files"] == 5000
    page = await door.client.get(f"/status/{answer.json()['study_id']}/files?after=4998")
    assert [each["name"] for each in page.json()["files"]] == ["folder/4999.dcm"]
    assert len(door.holding.since) == 5000


@pytest.mark.slow
async def test_a_hundred_uploads_at_once_lose_nothing_and_keep_nothing_twice(
    gateway: Gateway,
) -> None:
    async def upload(number: int) -> str:
        files = [file_part(a_file(number * FILES + each)) for each in range(FILES)]
        answer = await gateway.client.post(
            "/upload",
            content=form(*files),
            headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
            timeout=120,
        )
        assert answer.status_code == 202
        return str(answer.json()["study_id"])

    study_ids = await asyncio.gather(*(upload(number) for number in range(UPLOADS)))
    assert len(set(study_ids)) == UPLOADS
    for study_id in study_ids:
        status = await settled(gateway, study_id)
        assert (status["status"], status["partial"]) == ("archived", False)
        assert status["files"]["archived"] == FILES

    found: Counter[str] = Counter()
    for offset in range(0, UPLOADS * FILES, 200):
        query = f"/dicom-web/studies/{STUDY}/instances?limit=200&offset={offset}"
        answer = await gateway.client.get(query, headers={"Accept": "application/dicom+json"})
        found.update(each["00080018"]["Value"][0] for each in answer.json())
    assert found == Counter(f"{STUDY}.9.{number}" for number in range(UPLOADS * FILES))


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def test_what_is_resident_does_not_grow_with_what_is_sent(tmp_path: Path) -> None:
    """300 MB in files that stay in memory, and in one that does not, over real folders."""
    peak = before = resident_bytes()
    mebibyte = bytes(1 << 20)

    async def body() -> AsyncIterator[bytes]:
        nonlocal peak
        for _ in range(150):
            yield file_part(a_file() + bytes(900_000))
            peak = max(peak, resident_bytes())
        yield file_part(a_file())[:-2]
        for _ in range(150):
            yield mebibyte
            peak = max(peak, resident_bytes())
        yield b"\r\n" + form()

    limits = FormLimits(file_bytes=200 << 20)
    memory = ReceivingLimits(file_bytes=200 << 20, memory_bytes=16 << 20)
    async with (
        DiskSpool(tmp_path / "spool", reserve_bytes=0) as spool,
        DiskHolding(tmp_path / "holding", spool.fresh_path, reserve_bytes=0) as holding,
    ):
        receiving = Receiving(MemorySubmissions(), holding, spool, POLICY, memory)
        async with receiving.begin(ORIGIN) as reception:
            await read_form(body(), BOUNDARY, limits, reception)
            received = await reception.accept()
        peak = max(peak, resident_bytes())

    assert received.files == 151
    assert received.size_bytes > 270 << 20
    assert peak - before < 64 << 20
