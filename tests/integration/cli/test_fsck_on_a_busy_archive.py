"""A check of an archive that is being written to and deleted from raises no false alarm."""

import asyncio
import io
import random
from pathlib import Path

import pydicom
import pytest

from hilum.bootstrap.archive import Archive, open_archive
from hilum.catalogue.fsck import Fsck
from hilum.catalogue.fsck_report import Damage
from hilum.domain.identifiers import Scope
from hilum.domain.instances import Arrival, InMemory, OnConflict, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.settings import load_settings

_ORIGIN = Origin(Door.IMPORT, "busy")


def variants(data: bytes, count: int) -> list[bytes]:
    """The same instance with other bytes."""
    made = []
    for number in range(count):
        dataset = pydicom.dcmread(io.BytesIO(data))
        dataset.ImageComments = f"Variant {number}"
        file = io.BytesIO()
        dataset.save_as(file)
        made.append(file.getvalue())
    return made


async def keep_busy(archive: Archive, instances: list[bytes], seed: int) -> None:
    """Store, replace and delete at random until cancelled."""
    chance = random.Random(seed)
    policy = StorePolicy("standard", on_conflict=OnConflict.NEW_VERSION)
    while True:
        data = chance.choice(instances)
        outcome = await archive.ingest(Arrival(InMemory(data), _ORIGIN, policy))
        assert outcome.uids is not None
        if chance.random() < 0.3:
            uids = outcome.uids
            scope = Scope(uids.study, uids.series, uids.sop_instance)
            await archive.index.delete(scope, _ORIGIN)


async def test_many_objects_without_rows_are_told_one_by_one_in_bounded_memory(
    tmp_path: Path, pet: list[bytes]
) -> None:
    settings = load_settings({"data_dir": tmp_path / "data"})
    looked_again: list[float] = []

    async def pause(seconds: float) -> None:
        looked_again.append(seconds)

    async with open_archive(settings) as archive:
        for data in pet[:7]:
            await archive.ingest(Arrival(InMemory(data), _ORIGIN, StorePolicy("standard")))
        await archive.index.maintenance.wipe()
        moments = iter(range(1000))
        check = Fsck(
            archive.index,
            archive.index.maintenance,
            archive.objects,
            archive.intents,
            page=2,
            suspects=3,
            pause=pause,
            clock=lambda: next(moments),
        )

        report = await check(patience_seconds=2)

    assert report.counts == {Damage.OBJECT_UNREFERENCED: 7}
    assert len(looked_again) == 2  # once for four of them, once for three


@pytest.mark.slow
async def test_a_check_of_a_busy_archive_finds_nothing(tmp_path: Path, pet: list[bytes]) -> None:
    settings = load_settings({"data_dir": tmp_path / "data", "deletion.poll_seconds": 0.01})
    instances = [variant for data in pet[:8] for variant in variants(data, 3)]
    async with open_archive(settings) as archive:
        check = Fsck(archive.index, archive.index.maintenance, archive.objects, archive.intents)
        busy = [asyncio.create_task(keep_busy(archive, instances, seed)) for seed in range(4)]
        reports = [await check(deep=True) for _ in range(12)]
        for task in busy:
            task.cancel()
        endings = await asyncio.gather(*busy, return_exceptions=True)
        await archive.ingest.drain()
        last = await check(deep=True, patience_seconds=0)

    assert all(isinstance(ending, asyncio.CancelledError) for ending in endings)
    for report in (*reports, last):
        assert report.found == []
    assert reports[-1].feed_entries > reports[0].feed_entries
    assert last.versions > 0
