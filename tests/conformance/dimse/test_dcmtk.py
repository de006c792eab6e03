"""DCMTK's senders against our server."""

import asyncio
from pathlib import Path

import pytest

from hilum.domain.errors import ArchiveFull
from hilum.domain.instances import Arrival, InMemory, OnConflict, Outcome, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.wire.dimse_status import status_of
from tests.corpus import corpus
from tests.peers.dcmtk import dcmsend, echo, needs_dcmtk, storescu
from tests.peers.dimse_archive import DimseArchive, dimse_archive
from tests.peers.instances import a_ct_instance, write

pytestmark = [needs_dcmtk(), pytest.mark.peer("DCMTK")]

NATIVE_SYNTAXES = {
    "-xi": "1.2.840.10008.1.2",
    "-xe": "1.2.840.10008.1.2.1",
    "-xb": "1.2.840.10008.1.2.2",
    "-xd": "1.2.840.10008.1.2.1.99",
}


async def test_echoscu_gets_its_answer(archive: DimseArchive) -> None:
    exit_code, output = await asyncio.to_thread(echo, archive.port)

    assert exit_code == 0, output


async def test_echoscu_is_told_that_its_title_is_unknown(tmp_path: Path) -> None:
    titles = frozenset({"CT1"})
    async with dimse_archive(tmp_path, allowed_calling_ae_titles=titles) as archive:
        exit_code, output = await asyncio.to_thread(echo, archive.port, calling="STRANGER")
        known, _ = await asyncio.to_thread(echo, archive.port, calling="CT1")

    assert exit_code != 0
    assert "Calling AE Title Not Recognized" in output
    assert known == 0


async def test_echoscu_is_told_that_it_called_somebody_else(tmp_path: Path) -> None:
    async with dimse_archive(tmp_path, require_called_ae_title=True) as archive:
        exit_code, output = await asyncio.to_thread(echo, archive.port, called="SOMEBODY")

    assert exit_code != 0
    assert "Called AE Title Not Recognized" in output


@pytest.mark.parametrize("option", list(NATIVE_SYNTAXES))
async def test_storescu_sends_every_native_syntax(
    archive: DimseArchive, tmp_path: Path, option: str
) -> None:
    path = write(tmp_path, a_ct_instance(transfer_syntax_uid=NATIVE_SYNTAXES[option]))

    report = await asyncio.to_thread(storescu, archive.port, [path], option, "-R")

    (row,) = archive.index.rows.values()
    assert report.statuses == [0x0000], report.output
    assert row.kept.description.transfer_syntax_uid == NATIVE_SYNTAXES[option]


async def test_senders_as_they_come_do_not_stall(archive: DimseArchive, tmp_path: Path) -> None:
    """DCMTK leaves Nagle's algorithm on: 100 objects took 4.5 s before we acknowledged at once."""
    paths = [write(tmp_path, a_ct_instance(rows=1000)) for _ in range(100)]
    loop = asyncio.get_running_loop()

    started = loop.time()
    report = await asyncio.to_thread(dcmsend, archive.port, paths)
    seconds = loop.time() - started

    assert report.statuses == [0x0000] * 100, report.output
    assert seconds < 3.0


async def test_statuses_by_cause_reach_the_sender(archive: DimseArchive, tmp_path: Path) -> None:
    held, refused = a_ct_instance(), a_ct_instance()
    del refused.SeriesInstanceUID
    paths = [write(tmp_path, held), write(tmp_path, refused)]
    first = await asyncio.to_thread(storescu, archive.port, paths)
    held.PatientID = "OTHER"
    write(tmp_path, held)
    conflict = await asyncio.to_thread(storescu, archive.port, paths[:1])
    archive.objects.fault = ArchiveFull("No space is left.")
    full = await asyncio.to_thread(storescu, archive.port, [write(tmp_path, a_ct_instance())])

    assert first.statuses == [0x0000, 0xA900], first.output
    assert conflict.statuses == [0x0111], conflict.output
    assert full.statuses == [0xA700], full.output
    assert "(0020,000e)" in first.output
    assert "No space is left." in full.output


async def test_an_aborting_sender_leaves_the_server_at_work(
    archive: DimseArchive, tmp_path: Path
) -> None:
    path = write(tmp_path, a_ct_instance())

    await asyncio.to_thread(storescu, archive.port, [path], "--abort")
    report = await asyncio.to_thread(storescu, archive.port, [path])

    assert report.statuses == [0x0000]
    assert len(archive.index.rows) == 1


async def test_four_senders_at_once_are_all_served(archive: DimseArchive, tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    paths = [[write(folder, a_ct_instance()) for _ in range(25)] for folder in folders]

    reports = await asyncio.gather(
        *(asyncio.to_thread(dcmsend, archive.port, each) for each in paths)
    )

    assert [report.statuses for report in reports] == [[0x0000] * 25] * 4
    assert len(archive.index.rows) == 100


async def test_files_of_the_corpus_fare_as_they_would_without_a_network(tmp_path: Path) -> None:
    """Each file that dcmsend can read hears the status of what happens to it when ingested."""
    async with (
        dimse_archive(
            tmp_path / "network", on_conflict=OnConflict.NEW_VERSION, memory_dataset_bytes=100_000
        ) as archive,
        dimse_archive(tmp_path / "direct") as other,
    ):
        report = await asyncio.to_thread(dcmsend, archive.port, corpus())
        sent = {each.path: each.status for each in report.files if each.status is not None}
        outcomes = {path: await _ingested(other, path.read_bytes()) for path in sent}
        expected = {path: status_of(outcome).code for path, outcome in outcomes.items()}

    assert len(sent) > 200, report.output
    expected |= {path: _NAMELESS[path.name] for path in sent if path.name in _NAMELESS}
    assert sent == expected


async def _ingested(archive: DimseArchive, part10: bytes) -> Outcome:
    policy = StorePolicy("standard", on_conflict=OnConflict.NEW_VERSION)
    origin = Origin(Door.IMPORT, "direct")
    return await archive.ingest(Arrival(InMemory(part10), origin, policy))


# DCMTK reads no UIDs out of these files (damaged, or UIDs with VR UN) and sends empty ones.
_NAMELESS = {
    "bad_sequence.dcm": 0x0117,
    "explicit_VR-UN.dcm": 0x0122,
    "rtdose_rle.dcm": 0x0122,
    "rtdose_rle_1frame.dcm": 0x0122,
}
