"""Where files wait: in a folder of choice, and not for ever when nobody knows them."""

import asyncio
from pathlib import Path

from hilum.adapters.storage.holding import DiskHolding
from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.instances import InMemory
from tests.integration.http.conftest import Start
from tests.integration.upload.forms import a_file, file_part, form, post, settled

ORPHAN = "7f1d9a52-0f60-4d14-9f0a-6d0c3f8a1c11/0"


async def test_files_wait_in_the_folder_that_was_chosen(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    gateway = await start(upload__folder=folder)

    answer = await post(gateway, form(file_part(a_file()), file_part(b"text", "notes.txt")))

    status = await settled(gateway, answer.json()["study_id"])
    assert (status["status"], status["partial"]) == ("archived", True)
    assert numbers_held(folder) == ["1"]  # the one in quarantine
    ready = await gateway.client.get("/ready")
    assert "holding" in ready.text


def numbers_held(folder: Path) -> list[str]:
    return [path.name for path in (folder / "files").rglob("*") if path.is_file()]


async def test_what_a_crash_left_is_removed_at_the_next_start(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    async with (
        DiskSpool(tmp_path / "spool", reserve_bytes=0) as spool,
        DiskHolding(folder, spool.fresh_path, reserve_bytes=0) as holding,
    ):
        await holding.keep(ORPHAN, InMemory(b"x"))
        path = holding.path(ORPHAN)
    await start(upload__folder=folder, upload__orphan_seconds=0.001)

    async with asyncio.timeout(20):
        while path.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
