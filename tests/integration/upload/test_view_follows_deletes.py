"""A server takes out of the archive view what is deleted or replaced by any door."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from hilum.bootstrap.serving import serve
from hilum.domain.instances import Arrival, InMemory
from hilum.domain.submissions import Advance, SubmissionState
from hilum.settings import Settings, load_settings
from tests.instances import SERIES, STUDY, an_instance, new_sop_instance_uid
from tests.integration.upload.views import ORIGIN, POLICY, a_view, delete


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - another process would not tell either
            await asyncio.sleep(0.01)


def chosen(data_dir: Path, **more: object) -> Settings:
    return load_settings(
        {"data_dir": data_dir, "http.port": 0, "dimse.port": 0, "storage.reserve_bytes": 0, **more},
        environment={},
    )


async def view_of(data_dir: Path, *files: bytes) -> Path:
    """The folder of the view of an upload that was archived."""
    async with a_view(data_dir) as viewed:
        study_id = await viewed.submit(*files)
        await viewed.viewing.write(study_id)
        archived = Advance(SubmissionState.ARCHIVED)
        await viewed.archive.index.submissions.advance(study_id, archived)
        return viewed.folder / study_id


async def test_what_is_deleted_or_replaced_leaves_the_view(tmp_path: Path) -> None:
    gone, replaced = new_sop_instance_uid(), new_sop_instance_uid()
    folder = await view_of(
        tmp_path,
        an_instance(SOPInstanceUID=gone),
        an_instance(SOPInstanceUID=replaced),
        an_instance(),
    )
    async with serve(chosen(tmp_path)) as serving:
        first, second = folder / STUDY / "00000.dcm", folder / STUDY / "00001.dcm"
        assert first.exists()
        assert second.exists()

        new = an_instance(SOPInstanceUID=replaced, StationName="New")
        await serving.archive.receive(Arrival(InMemory(new), ORIGIN, POLICY))
        await until(lambda: not second.exists())
        assert first.exists()

        await delete(serving.archive, STUDY, SERIES, gone)
        await until(lambda: not first.exists())

        await delete(serving.archive, STUDY)
        await until(lambda: not folder.exists())


async def test_a_view_that_is_switched_off_still_loses_what_is_deleted(tmp_path: Path) -> None:
    folder = await view_of(tmp_path, an_instance())
    async with serve(chosen(tmp_path, **{"archive_view.enabled": False})) as serving:
        assert serving.around.view is None
        await delete(serving.archive, STUDY)
        await until(lambda: not folder.exists())


async def test_what_was_deleted_while_no_server_ran_leaves_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with serve(chosen(tmp_path)):
        pass  # from now on it is known how far the feed was followed
    folder = await view_of(tmp_path, an_instance())
    async with a_view(tmp_path) as viewed:
        await viewed.delete(STUDY)
    assert folder.exists()
    async with serve(chosen(tmp_path)):
        await until(lambda: not folder.exists())
