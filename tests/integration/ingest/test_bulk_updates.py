"""A study updated over disk and SQLite, while others change it, stop it or take the index away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from hilum.dicom.mending.restating import Statement
from hilum.domain.editions import Edition
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import DEFAULT_PARTITION, Scope, StudyInstanceUID, Version
from hilum.domain.instances import Arrival, InMemory, Kept, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.ingest.versions import VersionBlocks
from hilum.operations.updating.files import Change, ReviseFiles
from hilum.operations.updating.study import StudyOutcome, UpdateOptions, UpdateStudy
from hilum.ports.index import InstanceReader
from tests.instances import an_instance
from tests.integration.ingest.archives import Archive, an_archive

_STUDY = StudyInstanceUID("1.2.826.0.1.3680043.10.99")
_SCOPE = Scope(_STUDY)
_CHANGE = Change(
    DEFAULT_PARTITION, [Statement(0x00100010, "PN", "New^Name")], Origin(Door.UPDATE, "tests")
)
_INSTANCES = 5

Meddle = Callable[[], Awaitable[None]]


class Meddled:
    """The index of an archive; something happens before each commit of a revision."""

    def __init__(self, archive: Archive, meddle: Meddle) -> None:
        self._index = archive.index
        self._meddle = meddle
        reader: InstanceReader = archive.index
        self.summary = reader.summary
        self.instances = reader.instances
        self.metadata = reader.metadata
        self.metadata_of = reader.metadata_of
        self.referenced = reader.referenced
        self.batches: list[int] = []

    async def revise(self, study: Scope, newest: Version, batch: Sequence[Kept]) -> Version | None:
        await self._meddle()
        self.batches.append(len(batch))
        return await self._index.revise(study, newest, batch)


async def _nothing() -> None:
    """Nobody meddles."""


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """An archive with one study."""
    async with an_archive(tmp_path) as opened:
        for number in range(1, _INSTANCES + 1):
            await _keep(opened, number)
        yield opened


async def _keep(archive: Archive, number: int) -> None:
    data = an_instance(
        StudyInstanceUID=_STUDY,
        SeriesInstanceUID=f"{_STUDY}.1",
        SOPInstanceUID=f"{_STUDY}.1.{number}",
        PatientName="Old^Name",
    )
    arrival = Arrival(InMemory(data), Origin(Door.IMPORT, "tests"), StorePolicy("minimal"))
    assert (await archive.ingest(arrival)).held


def _updating(
    archive: Archive, meddle: Meddle = _nothing, options: UpdateOptions | None = None
) -> tuple[UpdateStudy, Meddled]:
    index = Meddled(archive, meddle)
    versions = VersionBlocks(archive.index)
    files = ReviseFiles(archive.objects, archive.spool, archive.ingest.judge, versions)
    settle = archive.ingest.settle
    chosen = options or UpdateOptions()
    return UpdateStudy(index, files, archive.intents, settle, chosen), index


async def _names(archive: Archive, edition: Edition = Edition.LATEST) -> list[str]:
    page = await archive.index.metadata(replace(_SCOPE, edition=edition), 0, 100)
    told = [orjson.loads(each.metadata.text()) for each in page]
    return [each["00100010"]["Value"][0]["Alphabetic"] for each in told]


async def _demand_sound(archive: Archive) -> None:
    """Every object is named by the index, and every version that is to be kept has one."""
    stored = {each.key async for each in archive.objects.list()}
    assert await archive.index.referenced(sorted(stored)) == stored
    for edition in Edition:
        held = await archive.index.instances(replace(_SCOPE, edition=edition), 0, 100)
        assert {each.object_key for each in held} <= stored
    assert await archive.index.maintenance.check_integrity() == []


async def test_a_study_is_updated_in_one_commit_and_the_second_time_in_none(
    archive: Archive,
) -> None:
    update, index = _updating(archive)

    first = await update(_STUDY, _CHANGE)
    again = await update(_STUDY, _CHANGE)

    assert first == again == StudyOutcome(instances=_INSTANCES)
    assert index.batches == [_INSTANCES]
    assert await _names(archive) == ["New^Name"] * _INSTANCES
    assert await _names(archive, Edition.ORIGINAL) == ["Old^Name"] * _INSTANCES
    await _demand_sound(archive)


async def test_an_instance_that_comes_meanwhile_is_updated_with_the_others(
    archive: Archive,
) -> None:
    numbers = iter([_INSTANCES + 1])

    async def add() -> None:
        for number in numbers:
            await _keep(archive, number)

    update, index = _updating(archive, add)

    outcome = await update(_STUDY, _CHANGE)

    assert outcome == StudyOutcome(instances=_INSTANCES + 1)
    assert index.batches == [_INSTANCES, _INSTANCES + 1]
    assert await _names(archive) == ["New^Name"] * (_INSTANCES + 1)
    await _demand_sound(archive)


async def test_a_study_that_never_rests_stays_as_it_was(archive: Archive) -> None:
    numbers = iter(range(100, 200))

    async def add() -> None:
        await _keep(archive, next(numbers))

    update, index = _updating(archive, add, UpdateOptions(attempts=2))

    outcome = await update(_STUDY, _CHANGE)

    assert outcome.failed
    assert "again and again" in outcome.problems[0]
    assert len(index.batches) == 2
    assert set(await _names(archive)) == {"Old^Name"}
    await _demand_sound(archive)


async def test_a_study_that_is_too_long_for_one_commit_is_updated_in_several(
    archive: Archive,
) -> None:
    update, index = _updating(archive, options=UpdateOptions(batch_instances=2))

    outcome = await update(_STUDY, _CHANGE)

    assert outcome == StudyOutcome(instances=_INSTANCES)
    assert index.batches == [2, 2, 1]
    assert await _names(archive) == ["New^Name"] * _INSTANCES
    await _demand_sound(archive)


async def test_an_instance_that_cannot_be_changed_keeps_its_study_as_it_is(
    archive: Archive,
) -> None:
    (lost, *_) = await archive.index.instances(_SCOPE, 0, 1)
    data = b"".join([chunk async for chunk in archive.objects.stream(lost.object_key)])
    await archive.objects.delete(lost.object_key)
    update, _ = _updating(archive)

    outcome = await update(_STUDY, _CHANGE)

    assert outcome.failed
    assert outcome.problems[0].startswith(f"Instance {lost.uids.sop_instance}: ")
    assert await _names(archive) == ["Old^Name"] * _INSTANCES
    await archive.objects.put_once(lost.object_key, InMemory(data))
    await _demand_sound(archive)


async def test_an_outage_is_told_and_leaves_nothing_behind(archive: Archive) -> None:
    async def fail() -> None:
        raise ArchiveUnavailable("The index is away.")

    update, _ = _updating(archive, fail)

    with pytest.raises(ArchiveUnavailable):
        await update(_STUDY, _CHANGE)

    assert await _names(archive) == ["Old^Name"] * _INSTANCES
    await _demand_sound(archive)


async def test_who_cancels_waits_until_a_commit_has_ended(archive: Archive) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    update, _ = _updating(archive, wait)
    task = asyncio.create_task(update(_STUDY, _CHANGE))
    await reached.wait()

    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _names(archive) == ["New^Name"] * _INSTANCES
    await _demand_sound(archive)


async def test_who_cancels_while_files_are_written_leaves_none(archive: Archive) -> None:
    update, index = _updating(archive, options=UpdateOptions(at_once=1))
    task = asyncio.create_task(update(_STUDY, _CHANGE))
    while len([each async for each in archive.objects.list()]) == _INSTANCES:  # noqa: ASYNC110 (nothing tells)
        await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert index.batches == []
    assert await _names(archive) == ["Old^Name"] * _INSTANCES
    await _demand_sound(archive)


async def test_a_study_that_is_not_held_is_no_failure(archive: Archive) -> None:
    update, index = _updating(archive)

    assert await update(StudyInstanceUID("1.2.3"), _CHANGE) == StudyOutcome()
    assert index.batches == []
